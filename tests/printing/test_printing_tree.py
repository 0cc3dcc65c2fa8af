"""`debugprint`: ids, depth, names, functions' graphs, clients, files. Facts are Theano 1.0.5's."""
from __future__ import annotations

import io

import pytest

import symtensor.tensor as T
from symtensor.graph.basic import Apply
from symtensor.graph.fg import FunctionGraph
from symtensor.graph.op import Op
from symtensor.printing import char_from_number, debugprint


def tree(*args, **kwargs):
    return debugprint(*args, file="str", **kwargs)


@pytest.fixture
def graph():
    x, y = T.dscalar("x"), T.dscalar("y")
    z = T.exp(x * y) + x
    z.name = "z"
    return x, y, z, z * 2 + T.sin(z)


FULL = """Elemwise{add,no_inplace} [id A] ''   
 |Elemwise{mul,no_inplace} [id B] ''   
 | |Elemwise{add,no_inplace} [id C] 'z'   
 | | |Elemwise{exp,no_inplace} [id D] ''   
 | | | |Elemwise{mul,no_inplace} [id E] ''   
 | | |   |x [id F]
 | | |   |y [id G]
 | | |x [id F]
 | |TensorConstant{2} [id H]
 |Elemwise{sin,no_inplace} [id I] ''   
   |Elemwise{add,no_inplace} [id C] 'z'   
"""  # noqa: W291


def test_full(graph):
    assert tree(graph[3]) == FULL
    assert tree(graph[3].owner) == FULL


def test_depth(graph):
    w = graph[3]
    lines = FULL.splitlines(keepends=True)
    assert tree(w, depth=0) == ""
    assert tree(w, depth=1) == lines[0]
    assert tree(w, depth=2) == lines[0] + lines[1] + " |Elemwise{sin,no_inplace} [id C] ''   \n"
    assert tree(w, 3).count("\n") == 6


def test_ids(graph):
    x, w = graph[0], graph[3]
    assert "[id 8]" in tree(w, ids="int") and "[id 0]" in tree(w, ids="int")
    assert tree(x, ids="id") == f"x [id {id(x)}]\n"
    assert tree(x + 1, ids="") == "Elemwise{add,no_inplace}  ''   \n |x \n |TensorConstant{1} \n"
    with pytest.raises(ValueError, match="ids must be one of"):
        tree(w, ids="foo")
    assert [char_from_number(n) for n in (0, 25, 26, 27, 26 * 26)] == ["A", "Z", "BA", "BB", "BAA"]
    with pytest.raises(ValueError):
        char_from_number(-1)


def test_ids_and_what_was_printed_can_go_on(graph):
    z, w = graph[2:]
    ids, done = {}, {}
    tree(w, used_ids=ids, done=done)
    assert ids[z.owner] == done[z.owner] == "[id C]" and len(ids) == 9
    again = tree(T.cos(z), used_ids=ids, done=done)
    assert again == "Elemwise{cos,no_inplace} [id J] ''   \n |Elemwise{add,no_inplace} [id C] 'z'   \n"  # noqa: W291


def test_stop_on_name(graph):
    z, w = graph[2:]
    assert tree(w, stop_on_name=True).count("\n") == 6
    assert tree(z, stop_on_name=True) == "Elemwise{add,no_inplace} [id A] 'z'   \n"


def test_types(graph):
    assert tree(graph[0], print_type=True) == "x [id A] <TensorType(float64, scalar)>\n"
    first = tree(graph[3], print_type=True).splitlines()[0]
    assert first == "Elemwise{add,no_inplace} [id A] <TensorType(float64, scalar)> ''   "


def test_several_things_share_ids(graph):
    x, y, z, w = graph
    assert tree([x, w]).startswith("x [id A]\nElemwise{add,no_inplace} [id B] ''")
    assert tree((x, w)) == tree([x, w])
    assert tree({x}) == "x [id A]\n"
    assert tree([w.owner, z]) == FULL + "Elemwise{add,no_inplace} [id C] 'z'   \n"
    assert tree(3) == "3\n" and tree([]) == ""


class Pair(Op):
    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [x.type(), x.type()])


def test_several_outputs(graph):
    first, second = Pair()(graph[0])
    assert tree(second + first) == (
        "Elemwise{add,no_inplace} [id A] ''   \n |Pair.1 [id B] ''   \n | |x [id C]\n |Pair.0 [id B] ''   \n"
    )
    assert tree(first.owner) == "Pair.0 [id A] ''   \n |x [id B]\nPair.1 [id A] ''   \n"


def test_files(graph, capsys):
    x = graph[0]
    assert debugprint(x) is None
    assert capsys.readouterr().out == "x [id A]\n"
    stream = io.StringIO()
    assert debugprint(x, file=stream) is stream and stream.getvalue() == "x [id A]\n"


def test_function_graphs_show_the_order(graph):
    x, y, z, w = graph
    fgraph = FunctionGraph([x, y], [w, z])
    text = tree(fgraph)
    numbers = [line.split()[-1] for line in text.splitlines() if "Elemwise" in line]
    assert text.splitlines()[-1] == "Elemwise{add,no_inplace} [id C] 'z'   2"
    order = {str(node): str(i) for i, node in enumerate(fgraph.toposort())}
    assert numbers[0] == order[str(fgraph.outputs[0].owner)] == "5"


def test_clients(graph):
    x, y, z, w = graph
    text = tree(FunctionGraph([x, y], [w, z]), print_clients=True)
    (line,) = {line.strip(" |") for line in text.splitlines() if "'z'" in line}
    users = line.split("clients:")[1]
    assert users.count("[id ") == 2 and "('output', '')" in users
    # Only those used more than once; and a graph that belongs to no function knows no clients.
    assert "clients" not in text.splitlines()[0]
    assert "clients" not in tree(w, print_clients=True)


class _Compiled:
    """Looks like a compiled function as far as `debugprint` is concerned."""

    def __init__(self, fgraph, storage):
        self.maker = type("Maker", (), {"fgraph": fgraph})()
        self.fn = type("Fn", (), {"storage_map": storage})()


def test_functions_and_their_storage(graph):
    x, y, z, w = graph
    fgraph = FunctionGraph([x, y], [w])
    f = _Compiled(fgraph, {fgraph.outputs[0]: [None], fgraph.inputs[0]: [3.0]})
    assert tree(f) == tree(fgraph)
    text = tree(f, print_storage=True)
    assert text.splitlines()[0].endswith("''   5 [None]") and "|x [id F] [3.0]" in text


class Holder(Op):
    """An op with a graph inside."""

    def __init__(self, inner_input, inner_output):
        self.inner = inner_input, inner_output

    def __str__(self):
        return "holder"

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def printed_inner_graph(self, node):
        return [self.inner[1]], {self.inner[0]: node.inputs[0]}


def test_inner_graphs():
    x, inner = T.dscalar("x"), T.dscalar("inner")
    z = Holder(inner, T.exp(inner) + inner)(x * 2)
    assert tree(-z) == """Elemwise{neg,no_inplace} [id A] ''   
 |holder [id B] ''   
   |Elemwise{mul,no_inplace} [id C] ''   
     |x [id D]
     |TensorConstant{2} [id E]

Inner graphs of the scan ops:

holder [id B] ''   
 >Elemwise{add,no_inplace} [id F] ''   
 > |Elemwise{exp,no_inplace} [id G] ''   
 > | |inner [id H] -> [id C]
 > |inner [id H] -> [id C]
"""  # noqa: W291
