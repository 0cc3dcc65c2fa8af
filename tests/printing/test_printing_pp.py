"""`pp` and its printers: assignment, precedence, patterns, and long chains. Facts are Theano 1.0.5's."""
from __future__ import annotations

import subprocess
import sys

import pytest

import symtensor.tensor as T
from symtensor import scalar
from symtensor.graph.basic import Apply
from symtensor.graph.op import Op
from symtensor.printing import (
    FunctionPrinter,
    IgnorePrinter,
    OperatorPrinter,
    PatternPrinter,
    PPrinter,
    PrinterState,
    default_printer,
    greek,
    leaf_printer,
    pp,
    pprint,
    special,
)
from symtensor.tensor.elemwise import Elemwise


class Mine(Op):
    __props__ = ()

    def __str__(self):
        return "Mine!"

    def make_node(self, *inputs):
        return Apply(self, list(inputs), [inputs[0].type() for _ in range(self.n_outputs)])

    n_outputs = 1


class Pair(Mine):
    n_outputs = 2


mine, pair = Mine(), Pair()


@pytest.fixture
def x():
    return T.dscalar("x")


@pytest.fixture
def y():
    return T.dscalar("y")


def test_there_is_one_printer():
    assert pp is pprint and isinstance(pp, PPrinter)
    assert greek["alpha"] == "\\alpha" and special["middle_dot"] == "\\dot"


def test_an_op_without_printer(x, y):
    assert pp(mine(x, y) + 1) == "(Mine!(x, y) + TensorConstant{1})"
    first, second = pair(x)
    assert pp(first) == pp(second) == "Mine!(x)"


class Custom:
    """A printer from outside: no base class, text from `process`."""

    def process(self, output, pstate):
        self.state = pstate
        return "<" + pstate.pprinter.process(output.owner.inputs[0], pstate) + ">"


@pytest.mark.parametrize("condition", [
    mine, Mine, lambda pstate, r: r.owner is not None and isinstance(r.owner.op, Mine),
])
def test_assignment(condition, x, y):
    own = pp.clone_assign(condition, Custom())
    assert own(mine(x + y) * y) == "(<(x + y)> * y)"
    assert pp(mine(x)) == "Mine!(x)"  # the clone does not change what it was cloned from


def test_an_op_goes_before_its_class_and_both_before_conditions(x):
    own = pp.clone_assign(lambda pstate, r: r.owner is not None, FunctionPrinter("condition"))
    own.assign(Mine, FunctionPrinter("kind"))
    assert own(mine(x)).startswith("kind(")
    own.assign(mine, FunctionPrinter("op"))
    assert own(mine(x)).startswith("op(")
    assert pp.clone_assign(T.exp, FunctionPrinter("myexp"))(T.exp(x) + x) == "(myexp(x) + x)"


def test_the_newest_condition_counts(x):
    own = pp.clone_assign(lambda pstate, r: r.name == "x", Custom())
    own.assign(lambda pstate, r: r.name == "x", default_printer)
    assert own(x + x) == "(x + x)"


def test_custom_printers_know_what_is_around(x, y):
    custom = Custom()
    own = pp.clone_assign(mine, custom)
    own(y * mine(x))
    assert custom.state.precedence == -1
    own(abs(mine(x)))
    assert custom.state.precedence == -1000
    own(mine(x))
    assert not hasattr(custom.state, "precedence") and custom.state.pprinter is own


def test_clone():
    own = pp.clone()
    assert own.printers == pp.printers and own.printers is not pp.printers
    assert own.printers_dict == pp.printers_dict and own.printers_dict is not pp.printers_dict


def test_wrong_conditions_and_arguments(x, y):
    with pytest.raises(TypeError):
        pp.clone_assign(3, default_printer)
    with pytest.raises(TypeError, match="Not enough arguments"):
        pp(x, y)
    for wrong in (3, [x], None):
        with pytest.raises(TypeError, match="pp prints variables"):
            pp(wrong)
    with pytest.raises(TypeError, match="no printer"):
        PPrinter()(x)

    class Silent:
        def process(self, output, pstate):
            return None

    with pytest.raises(TypeError, match="expected str"):
        pp.clone_assign(mine, Silent())(mine(x))


# -- printers ----------------------------------------------------------------------------------------------------------


def test_operator(x, y):
    own = pp.clone_assign(mine, OperatorPrinter("$", 0))
    assert own(mine(x + y, y) + 1) == "(((x + y) $ y) + TensorConstant{1})"
    assert own(mine(x)) == "($x)"
    assert own(mine(x, y, x)) == "(x $ y $ x)"
    assert pp(T.add(x, y, x * y)) == "(x + y + (x * y))"
    for precedence in (-100000, 0, 100000):
        own = pp.clone_assign(T.sub, OperatorPrinter("(-)", precedence, "right"))
        assert own((x - y) * x) == "((x (-) y) * x)"
    with pytest.raises(ValueError, match="assoc"):
        OperatorPrinter("-", 0, "none")


def test_pattern(x, y):
    own = pp.clone_assign(mine, PatternPrinter(("[%(0)s ; %(1)s]", -1)))
    assert own(mine(x + y, y) + 1) == "([(x + y) ; y] + TensorConstant{1})"
    assert pp.clone_assign(mine, PatternPrinter("100%% of %(0)s%(0)s"))(mine(x)) == "100% of xx"
    assert [pp.clone_assign(pair, PatternPrinter("A%(0)s", "B%(0)s"))(r) for r in pair(x)] == ["Ax", "Bx"]
    with pytest.raises(KeyError):
        pp.clone_assign(mine, PatternPrinter("%(3)s"))(mine(x))


def test_function_and_ignore(x, y):
    assert [pp.clone_assign(pair, FunctionPrinter("a", "b"))(r) for r in pair(x, y)] == ["a(x, y)", "b(x, y)"]
    assert pp.clone_assign(mine, IgnorePrinter())(mine(x + y, y) * 2) == "((x + y) * TensorConstant{2})"


@pytest.mark.parametrize("printer, who", [
    (FunctionPrinter("f"), "function f"), (PatternPrinter("p"), "Patterns"), (OperatorPrinter("+", 0), r"operator \+"),
    (IgnorePrinter(), "ignored"),
])
def test_leaves_are_no_operations(printer, who, x):
    with pytest.raises(TypeError, match=who + ".*cannot represent a variable that is not the result of an operation"):
        printer.process(x, PrinterState(pprinter=pp))


def test_leaf_and_default(x, y):
    assert leaf_printer.process(x, PrinterState(pprinter=pp)) == "x"
    assert pp(T.dscalar("beta") + x) == "(\\beta + x)"
    assert default_printer.process(x + y, PrinterState(pprinter=pp)) == "Elemwise{add,no_inplace}(x, y)"
    assert default_printer.process(x, PrinterState(pprinter=pp)) == "x"


def test_state():
    assert PrinterState(precedence=3).__dict__ == {"precedence": 3, "memo": {}}
    assert PrinterState({"a": 1}, precedence=3).__dict__ == {"a": 1, "precedence": 3, "memo": {}}
    assert PrinterState(PrinterState(q=2), precedence=3).q == 2


def test_process_takes_a_state(x, y):
    assert pp.process(x + y) == pp.process(x + y, PrinterState()) == pp(x + y, PrinterState(pprinter=pp)) == "(x + y)"


# -- forms that the recorded graphs lack -------------------------------------------------------------------------------


def test_scalars():
    a, b = scalar.float64("a"), scalar.float64("b")
    assert pp(a + b * 2) == "(a + (b * Constant{2}))"
    assert pp(scalar.exp(a) % 2) == "(exp(a) % Constant{2})"
    assert pp(scalar.second(a, 2)) == "second(a, Constant{2})"


def test_overwriting_ops(x):
    v = T.dvector("v")
    assert pp(Elemwise(scalar.add, inplace_pattern={0: 0})(v, v)) == "(v += v)"
    assert pp(Elemwise(scalar.neg, inplace_pattern={0: 0})(v)) == "(-=v)"
    assert pp(Elemwise(scalar.exp, inplace_pattern={0: 0})(v)) == "exp=(v)"
    assert pp(Elemwise(scalar.second, inplace_pattern={0: 0})(v, v)) == "fill=(v, v)"


@pytest.mark.parametrize("order, text", [
    ((0, 1, 2), "t"), (("x", 0, 1, 2), "t"), ((0, 1, 2, "x"), "DimShuffle{0, 1, 2, x}(t)"), ((2, 1, 0), "t.T"),
    (("x", 2, 1, 0), "t.T"), ((1, 0, 2), "DimShuffle{1, 0, 2}(t)"),
])
def test_dimshuffles(order, text):
    assert pp(T.dtensor3("t").dimshuffle(*order)) == text


def test_dropped_axes():
    assert pp(T.dcol("c").dimshuffle(0)) == "DimShuffle{0}(c)"
    assert pp(T.TensorType("float64", [True])("c").dimshuffle()) == "DimShuffle{}(c)"


def test_mixed_indices_name_the_right_variables():
    # Theano takes index variables from the wrong end, so m[i, j:k] prints k there.
    m, t = T.dmatrix("m"), T.dtensor3("t")
    i, j, k = (T.lscalar(name) for name in "ijk")
    assert pp(m[i, j:k]) == "m[ScalarFromTensor(i), int64:int64]"
    assert pp(t[i:, j, ::2]) == "t[int64:, ScalarFromTensor(j), ::int64]"


# -- programs ----------------------------------------------------------------------------------------------------------


def test_process_graph(x, y):
    t = x * y
    t.name = "t"
    z = T.exp(t) + x
    z.name = "z"
    s = T.sharedvar.shared(1.0, "s")
    assert pp.process_graph([x, y], [x + y, z]) == (
        "t = (x * y)\nout[0] = (x + y)\nz = (exp((x * y)) + x)"
    )
    assert pp.process_graph([x, y], [x + y, x * 2], updates={s: s + x}, display_inputs=True) == (
        "inputs: x, y, s\ns <- (s + x)\nout[0] = (x + y)\nout[1] = (x * TensorConstant{2})"
    )
    assert pp([x], [x + 1], {}) == "return (x + TensorConstant{1})"
    assert pp.process_graph([x], [x, x + 1]) == "out[1] = (x + TensorConstant{1})"


# -- depth and cost ----------------------------------------------------------------------------------------------------

DEEP = """
import sys
import symtensor.tensor as T
from symtensor.printing import debugprint, min_informative_str, pp, var_descriptor

assert sys.getrecursionlimit() == 1000
x = z = T.dscalar("x")
for _ in range(100_000):
    z = -z
text = pp(z)
assert text == "(-" * 100_000 + "x" + ")" * 100_000
assert debugprint(z, depth=5, file="str").count("\\n") == 5
assert var_descriptor(z).count("neg") == 100_000
z = x
for _ in range(3_000):  # the indented forms are quadratic by nature
    z = -z
assert debugprint(z, file="str").count("neg") == 3_000
assert min_informative_str(z).count("neg") == 3_000
"""


def test_long_chains():
    done = subprocess.run([sys.executable, "-c", DEEP], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
