"""`Rop`, `Lop`, `subgraph_grad` and `format_as`. Facts are Theano 1.0.5's."""
from __future__ import annotations

import numpy as np
import pytest
from gradient_toys import Toy, evaluate, matrix, scalar, tensor, vector

from symtensor.gradient import DisconnectedInputError, DisconnectedType, Lop, Rop, format_as, grad, subgraph_grad
from symtensor.graph.basic import Apply
from symtensor.graph.op import Op
from symtensor.graph.type import Generic
from symtensor.printing.forms import pp
from symtensor.tensor import math as T
from symtensor.tensor.linear import dot


class Forward(Op):
    """A toy for Rop: `results` are returned, what was asked is in `seen`."""

    def __init__(self, results, outputs=1):
        self.results = results
        self.n_outputs = outputs
        self.seen = []

    def make_node(self, *inputs):
        return Apply(self, list(inputs), [inputs[-1].type() for _ in range(self.n_outputs)])

    def R_op(self, inputs, eval_points):
        self.seen.append(list(eval_points))
        return self.results(inputs, eval_points) if callable(self.results) else self.results


# -- Rop ---------------------------------------------------------------------------------------------------------------


def test_rop_of_a_power():
    x, y = scalar("x"), scalar("y")
    # Theano adds 0 * (... * log(x) * ...) for the exponent, which is NaN below 0 until an optimisation removes it.
    assert pp(Rop(x ** 2, x, y)) == (
        "(((fill((x ** TensorConstant{2}), TensorConstant{1.0}) * TensorConstant{2}) * "
        "(x ** (TensorConstant{2} - TensorConstant{1}))) * y)"
    )


def test_rop_has_the_form_of_f():
    x, y = scalar("x"), scalar("y")
    assert isinstance(Rop([x ** 2, x * 3], [x], [y]), list)
    assert isinstance(Rop((x ** 2, x * 3), [x], [y]), tuple)
    assert not isinstance(Rop(x ** 2, (x,), (y,)), (list, tuple))
    assert Rop(x, x, y) is y


def test_rop_times_a_vector_is_the_jacobian_times_it(rng):
    m, v, u = matrix("m"), vector("v"), vector("u")
    out = T.tanh(dot(m, v)) * v
    given = {m: rng.standard_normal((3, 3)), v: rng.standard_normal(3), u: rng.standard_normal(3)}
    forward = evaluate(Rop(out, v, u), given)
    rows = [evaluate(grad(out[i], v), given) for i in range(3)]
    np.testing.assert_allclose(forward, np.array(rows) @ given[u], rtol=1e-12)
    backward = evaluate(Lop(out, v, u), given)
    np.testing.assert_allclose(backward, given[u] @ np.array(rows), rtol=1e-12)


def test_directions_take_the_type_of_what_moves():
    x, y, f, i = scalar("x"), scalar("y"), tensor("float32", 0, "f"), tensor("int32", 0, "i")
    op = Forward(lambda inputs, points: [points[0]])
    Rop(op(x, y), [x, y], [f, y])
    Rop(op(T.cast(x, "int32"), y), [x, y], [f, y])
    Rop(op(i, y), [i], [f])
    assert [p.dtype for p in op.seen[0]] == ["float64", "float64"]
    assert [p.dtype for p in op.seen[1]] == ["int32", "float64"]
    assert [p.dtype for p in op.seen[2]] == ["int32", "float64"]


def test_what_is_not_in_wrt_stands_still():
    x, y, d, g = scalar("x"), scalar("y"), scalar("d"), Generic()("g")
    op = Forward(lambda inputs, points: [points[-1]])
    Rop(op(g, y, x), x, d)
    nothing, zero, moving = op.seen[0]
    assert nothing is None and moving is d
    assert pp(zero) == "fill(y, TensorConstant{0.0})"
    assert pp(Rop(x ** 2, y, d)).endswith("* fill(x, TensorConstant{0.0}))")


def test_rop_refuses():
    x, y, v, m = scalar("x"), scalar("y"), vector("v"), matrix("m")
    with pytest.raises(ValueError, match="one eval_point per element"):
        Rop(x ** 2, [x, y], [y])
    with pytest.raises(ValueError, match="Element 0 of wrt/eval_point have mismatched dimensionality: 1 versus 2"):
        Rop(v * 2, v, m)
    with pytest.raises(ValueError, match="1 versus 0"):
        Rop(v * 2, v, x)
    with pytest.raises(TypeError, match="Expected Variable"):
        Rop(3, x, y)
    with pytest.raises(NotImplementedError, match="Toy of class Toy does not implement R_op"):
        Rop(Toy()(x) * 2, x, y)
    for results in ([x], x, 3):
        with pytest.raises(TypeError, match="R_op should return one variable or None for each of its 2 outputs"):
            Rop(Forward(results, outputs=2)(x), [x], [y])


def test_rop_of_what_does_not_move():
    x, y = scalar("x"), scalar("y")

    def still():
        return Forward([None])(x)

    with pytest.raises(DisconnectedInputError, match="not part of the computational graph of variables in wrt"):
        Rop(still(), x, y)
    with pytest.warns(UserWarning, match="not part of the computational graph of variables in wrt"):
        Rop(still(), x, y, disconnected_outputs="warn")
    with pytest.raises(ValueError, match="disconnected_outputs"):
        Rop(still(), x, y, disconnected_outputs="foo")

    def result(kind):
        return Rop([still(), x], x, y, disconnected_outputs="ignore", return_disconnected=kind)

    assert pp(result("zero")[0]).startswith("fill(") and result("zero")[1] is y
    for kind in ("None", "none"):
        assert result(kind)[0] is None
    for kind in ("Disconnected", "disconnected"):
        assert isinstance(result(kind)[0].type, DisconnectedType)
    with pytest.raises(ValueError, match="Invalid value for keyword 'return_disconnected'"):
        result("foo")


def test_an_op_is_pushed_through_once():
    v, u = vector("v"), vector("u")
    op = Forward(lambda inputs, points: [points[0]])
    z = op(v)
    Rop([z * z, T.exp(z)], v, u)
    assert len(op.seen) == 1


# -- Lop ---------------------------------------------------------------------------------------------------------------


def test_lop_forms():
    m, v, u = matrix("m"), vector("v"), vector("u")
    assert pp(Lop(dot(m, v), v, u)) == "(m.T \\dot u)"
    assert not isinstance(Lop([dot(m, v)], v, u), list)
    assert isinstance(Lop(dot(m, v), [v, m], u), list)
    assert isinstance(Lop(dot(m, v), (v, m), [u]), tuple)


def test_lop_refuses():
    m, v, u, w = matrix("m"), vector("v"), vector("u"), vector("w")
    with pytest.raises(ValueError, match="one eval_point per element of f"):
        Lop([dot(m, v), v * 2], v, u)
    with pytest.raises(TypeError, match="Ambiguous"):
        Lop(v * 2, v, 2.0)
    with pytest.raises(DisconnectedInputError):
        Lop(dot(m, v), u, w)
    assert pp(Lop(dot(m, v), u, w, disconnected_inputs="ignore")) == "fill(u, TensorConstant{0.0})"


def test_lop_of_the_same_output_twice_adds_up(rng):
    x, a, b = scalar("x"), scalar("a"), scalar("b")
    z = x ** 3
    given = {x: 1.5, a: 2.0, b: 3.0}
    assert evaluate(Lop([z, z], x, [a, b]), given) == pytest.approx(5 * 3 * 1.5 ** 2)


def test_outputs_that_depend_on_one_another():
    # Theano drops what flows from the one to the other.
    x, a, b = scalar("x"), scalar("a"), scalar("b")
    z = x ** 2
    given = {x: 2.0, a: 10.0, b: 100.0}
    assert evaluate(Lop([z, z * 3], x, [a, b]), given) == 10 * 4 + 300 * 4
    assert evaluate(Lop([z * 3, z], x, [b, a]), given) == 10 * 4 + 300 * 4
    assert evaluate(Lop([x, z], x, [a, b]), given) == 10 + 100 * 4
    assert evaluate(subgraph_grad([x], [], start={z: a, z * 3: b})[0][0], given) == 10 * 4 + 300 * 4


def test_lop_consider_constant():
    x, y, u = scalar("x"), scalar("y"), scalar("u")
    assert pp(Lop(x * y, x, u, consider_constant=[y])) == "(u * y)"


# -- part of a graph ---------------------------------------------------------------------------------------------------


def _two_layers():
    x, t, w1, w2 = vector("x"), vector("t"), matrix("w1"), matrix("w2")
    a1 = T.tanh(dot(x, w1))
    cost2 = T.sqr(T.tanh(dot(a1, w2)) - t).sum() + T.sqr(w2).sum()
    cost1 = T.sqr(w1).sum()
    return x, t, w1, w2, a1, cost1, cost2


def test_two_parts_make_the_whole(rng):
    x, t, w1, w2, a1, cost1, cost2 = _two_layers()
    later, handed_on = subgraph_grad([w2], [a1], cost=cost2)
    earlier, rest = subgraph_grad([w1], [x], start=dict(zip([a1], handed_on)), cost=cost1)
    whole = grad(cost1 + cost2, [w2, w1, x])
    given = {
        x: rng.standard_normal(3), t: rng.standard_normal(2), w1: rng.standard_normal((3, 4)),
        w2: rng.standard_normal((4, 2)),
    }
    for ours, theirs in zip([*later, *earlier, *rest], whole):
        np.testing.assert_allclose(evaluate(ours, given), evaluate(theirs, given), rtol=1e-12)


def test_subgraph_details():
    x, t, w1, w2, a1, cost1, cost2 = _two_layers()
    parts = subgraph_grad([w1], [x], start={a1: t}, cost=cost1, details=True)
    assert [type(part) for part in parts] == [tuple, tuple, list, list] or [type(part) for part in parts] == [list] * 4
    assert len(parts[2]) == len(parts[3]) == 2
    assert subgraph_grad([w1], [x], cost=cost1, details=True)[2] is None
    assert subgraph_grad([w1], [x], start={a1: t}, details=True)[3] is None


def test_subgraph_what_is_not_reached_is_zero():
    x, t, w1, w2, a1, cost1, cost2 = _two_layers()
    assert pp(subgraph_grad([w1], [t], cost=cost1)[1][0]) == "fill(t, TensorConstant{0.0})"


def test_subgraph_refuses():
    x, t, w1, w2, a1, cost1, cost2 = _two_layers()
    for arguments in (
        {"wrt": [w1], "end": [x]}, {"wrt": w1, "end": [x], "cost": cost1}, {"wrt": [w1], "end": x, "cost": cost1},
        {"wrt": [w1], "end": [x], "start": [3]},
    ):
        with pytest.raises(AssertionError, match="subgraph_grad"):
            subgraph_grad(**arguments)


def test_format_as():
    assert format_as(True, False, [1, 2]) == [1, 2]
    assert format_as(False, True, [1, 2]) == (1, 2)
    assert format_as(False, False, [1]) == format_as(False, False, (1,)) == format_as(False, False, 1) == 1
    assert format_as(True, False, 1) == [1]
    with pytest.raises(AssertionError, match="Expected a one element list"):
        format_as(False, False, [1, 2])
    with pytest.raises(AssertionError, match="Both flags"):
        format_as(True, True, [1])
