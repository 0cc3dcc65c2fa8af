"""Orders, clones and comparisons; the orders are those of Theano 1.0.5."""
from __future__ import annotations

import pytest
from graph_toys import Sum, View, add, add1, chain, number, split

from symtensor.graph import traversal as g
from symtensor.graph.basic import Apply, Constant
from symtensor.graph.text import as_string
from symtensor.utils.memory import collector_paused


@pytest.fixture
def graph():
    """log(c) + c where c = exp((x + w) * [2]), with toy ops of the same structure."""
    x, w = number("x"), number("w")
    two = Constant(number, 2.0)
    op = {name: Sum(float(i)) for i, name in enumerate(("add", "shuffle", "mul", "exp", "log", "plus"))}
    a = op["add"](x, w)
    s = op["shuffle"](two)
    b = op["mul"](a, s)
    c = op["exp"](b)
    d = op["log"](c)
    e = op["plus"](d, c)
    return dict(x=x, w=w, two=two, a=a, s=s, b=b, c=c, d=d, e=e)


def test_ancestors_and_inputs(graph):
    names = {variable: name for name, variable in graph.items()}

    def named(variables):
        return [names[v] for v in variables]

    e, x, a = graph["e"], graph["x"], graph["a"]
    assert named(g.ancestors([e])) == ["e", "d", "c", "b", "a", "x", "w", "s", "two"]
    assert named(g.ancestors([e], blockers=[a])) == ["e", "d", "c", "b", "a", "s", "two"]
    assert named(g.inputs([e])) == ["x", "w", "two"]
    assert named(g.inputs([e], blockers=[a])) == ["two"]
    assert named(g.variables([x], [e])) == ["e", "d", "c", "b", "a", "x", "w", "s", "two"]
    assert named(g.orphans([x], [e])) == ["w", "two"]
    assert g.variables_and_orphans([x], [e]) == (g.variables([x], [e]), g.orphans([x], [e]))
    assert [names[n.outputs[0]] for n in g.list_of_nodes([x], [e])] == ["e", "d", "c", "b", "a", "s"]
    assert set(g.ops([x], [e])) == set(g.list_of_nodes([x], [e]))


def test_topological_order(graph):
    names = {variable.owner: name for name, variable in graph.items() if variable.owner}
    x, w, e = graph["x"], graph["w"], graph["e"]
    assert [names[n] for n in g.io_toposort([x, w], [e])] == ["s", "a", "b", "c", "d", "e"]
    one, two = Sum(7.0)(x), Sum(8.0)(x)
    n1, n2 = one.owner, two.owner
    assert g.io_toposort([x], [one, two]) == [n1, n2]
    assert g.io_toposort([x], [one, two], {n1: [n2]}) == [n2, n1]
    with pytest.raises(ValueError, match="graph contains cycles"):
        g.io_toposort([x], [one, two], {n1: [n2], n2: [n1]})
    clients = {}
    assert g.io_toposort([x], [one], clients=clients) == [n1]
    assert clients == {n1: [one], x: [n1]}


def test_general_toposort(graph):
    x = graph["x"]
    a = Sum(1.0)(x)
    b = add(a, a)

    def deps(item):
        if isinstance(item, Apply):
            return item.inputs
        return [item.owner] if item.owner else []

    assert g.general_toposort([b], deps) == [x, a.owner, a, b.owner, b]
    with pytest.raises(ValueError, match="deps_cache"):
        g.general_toposort([b], deps, compute_deps_cache=deps)


def test_clone(graph):
    x, w, e = graph["x"], graph["w"], graph["e"]
    (i,), (o,) = g.clone([x], [e])
    assert i is not x and w not in g.inputs([o]) and x not in g.inputs([o])
    (i,), (o,) = g.clone([x], [e], copy_orphans=False)
    assert i is not x and w in g.inputs([o])
    (i,), (o,) = g.clone([x], [e], copy_inputs=False)
    assert i is x and g.inputs([o])[:2] == [x, w] and o is not e
    keys = list(g.clone_get_equiv([x], [e]))
    assert keys[:4] == [x, graph["two"], graph["s"].owner, graph["s"]]
    assert g.clone([x], [x, w])[1][0] is not x


def test_io_connection_pattern(graph):
    x, w, e = graph["x"], graph["w"], graph["e"]
    assert g.io_connection_pattern([x, w], [e, add1(x), w]) == [[True, True, False], [True, False, True]]
    one, two = split(x, w)
    assert g.io_connection_pattern([x, w], [one, two]) == [[True, True], [True, False]]


def test_view_roots():
    x = number("x")
    assert g.view_roots(View()(View()(x))) == [x]
    y = add1(x)
    assert g.view_roots(View()(y)) == [y]


def test_is_in_ancestors(graph):
    assert g.is_in_ancestors(graph["e"].owner, graph["a"].owner)
    assert not g.is_in_ancestors(graph["a"].owner, graph["e"].owner)


def test_same_graphs():
    x, w = number("x"), number("w")
    assert g.is_same_graph(add(x, w), add(x, w), debug=True)
    assert not g.is_same_graph(add(x, w), add(w, x))
    assert not g.is_same_graph(add(x, 1), add(w, 1))
    assert g.is_same_graph(add(x, 1), add(w, 1), {x: w})
    assert g.is_same_graph(add(x, 1), add(w, 1), [(x, w)])
    assert not g.is_same_graph(add(x, 1), add(x, 2))
    assert not g.is_same_graph(*split(x, w))
    assert g.equal_computations([add(x, 1)], [add(w, 1)], [x], [w])
    assert not g.equal_computations([add(x, 1)], [add(w, 1)])
    with pytest.raises(ValueError):
        g.equal_computations([x], [])


def test_stack_search():
    tree = {1: [2, 3], 2: [4], 3: [4], 4: None}
    assert g.stack_search([1], tree.get) == [1, 2, 3, 4]
    assert g.stack_search([1], tree.get, "dfs") == [1, 2, 4, 3]
    assert g.stack_search([1], tree.get, build_inv=True)[1] == {2: [1], 3: [1], 4: [2, 3]}
    with pytest.raises(ValueError):
        g.stack_search([1], tree.get, "random")


def test_text_of_expressions():
    x = number("x")
    e = Sum(2.0)(x)
    assert as_string([x], [add(e, e), Sum(3.0)(e, x)]) == [
        "Sum{bias=0.0}(*1 -> Sum{bias=2.0}(x), *1)", "Sum{bias=3.0}(*1, x)"]
    one, two = split(x, x)
    assert as_string([x], [add(one, two)]) == ["Sum{bias=0.0}(*1 -> Split(x, x).0, *1.1)"]
    shout = as_string([x], [add(e, e)], lambda v: str(v).upper(), lambda node,
                      args: f"<{node.op.bias} {' '.join(args)}>")
    assert shout == ["<0.0 *1 -> <2.0 X> *1>"]


def test_a_hundred_thousand_nodes():
    with collector_paused():
        x = number("x")
        y = chain(100_000, x)
    assert len(g.ancestors([y])) == 100_001
    assert len(g.io_toposort([x], [y])) == 100_000
    (i,), (o,) = g.clone([x], [y])
    assert g.equal_computations([y], [o], [x], [i]) and not g.equal_computations([y], [o.owner.inputs[0]], [x], [i])
    assert g.io_connection_pattern([x], [y]) == [[True]]
    assert len(as_string([x], [y])[0]) == 100_000 * len("Sum{bias=1.0}()") + 1
