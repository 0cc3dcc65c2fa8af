"""Joining, splitting, rolling, tiling and choosing: recorded graphs and errors of Theano 1.0.5, NumPy, gradients."""
from __future__ import annotations

import numpy as np
import pytest
from tensor_perform import check_gradient, check_gradient_of, evaluate, text

from symtensor.graph.null_type import DisconnectedType, NullType
from symtensor.tensor.choosing import Choose, choose
from symtensor.tensor.constructors import (
    col,
    fmatrix,
    imatrix,
    iscalar,
    ivector,
    lscalar,
    matrix,
    row,
    scalar,
    tensor3,
    vector,
)
from symtensor.tensor.joining import (
    Join,
    Split,
    Tile,
    concatenate,
    horizontal_stack,
    join,
    roll,
    split,
    stack,
    stacklists,
    tile,
    vertical_stack,
)
from symtensor.tensor.static_value import get_vector_length
from symtensor.tensor.type import TensorType

x, y, f, v, s, r, c = matrix("x"), matrix("y"), fmatrix("f"), vector("v"), scalar("s"), row("r"), col("c")
t3, i, l, iv, im = tensor3("t3"), iscalar("i"), lscalar("l"), ivector("iv"), imatrix("im")
A, B = np.arange(12.0).reshape(3, 4), -np.arange(12.0).reshape(3, 4)

GRAPHS = [
    (lambda: join(0, x, x), "Join(TensorConstant{0}, x, x)", (False, False)),
    (lambda: join(1, x, c), "Join(TensorConstant{1}, x, c)", (False, False)),
    (lambda: join(i, r, r), "Join(i, r, r)", (False, False)),
    (lambda: join(-1, x, x), "Join(TensorConstant{1}, x, x)", (False, False)),
    (lambda: join(0, r, x), "Join(TensorConstant{0}, r, x)", (False, False)),
    (lambda: join(1, r, x), "Join(TensorConstant{1}, r, x)", (True, False)),
    (lambda: join(1, c, c), "Join(TensorConstant{1}, c, c)", (False, False)),
    (lambda: join(0, [1, 2], [3.0]), "Join(TensorConstant{0}, TensorConstant{[1 2]}, TensorConstant{(1,) of 3.0})",
     (False,)),
    (lambda: join(0, x), "x", (False, False)),
    (lambda: concatenate([x]), "x", (False, False)),
    (lambda: concatenate((x, x), axis=-1), "Join(TensorConstant{1}, x, x)", (False, False)),
    (lambda: stack([x, x]), "Join(TensorConstant{0}, InplaceDimShuffle{x,0,1}(x), InplaceDimShuffle{x,0,1}(x))",
     (False, False, False)),
    (lambda: stack([x, x], axis=-1),
     "Join(TensorConstant{2}, InplaceDimShuffle{0,1,x}(x), InplaceDimShuffle{0,1,x}(x))", (False, False, False)),
    (lambda: stack(tensors=[s, i]), "MakeVector{dtype='float64'}(s, Elemwise{Cast{float64}}(i))", (False,)),
    (lambda: stack([1, 2.5]),
     "MakeVector{dtype='float32'}(Elemwise{Cast{float32}}(TensorConstant{1}), TensorConstant{2.5})", (False,)),
    (lambda: stack([v, [1, 2]]),
     "Join(TensorConstant{0}, InplaceDimShuffle{x,0}(v), InplaceDimShuffle{x,0}(TensorConstant{[1 2]}))",
     (False, False)),
    (lambda: stack([np.array(1.0), s]),
     "Join(TensorConstant{0}, InplaceDimShuffle{x}(TensorConstant{1.0}), InplaceDimShuffle{x}(s))", (False,)),
    (lambda: stacklists([[s, s], [s, i]]),
     "Join(TensorConstant{0}, InplaceDimShuffle{x,0}(MakeVector{dtype='float64'}(s, s)), "
     "InplaceDimShuffle{x,0}(MakeVector{dtype='float64'}(s, Elemwise{Cast{float64}}(i))))", (False, False)),
    (lambda: horizontal_stack(x, y), "Join(TensorConstant{1}, x, y)", (False, False)),
    (lambda: vertical_stack(x, y), "Join(TensorConstant{0}, x, y)", (False, False)),
    (lambda: split(x, [1, 2], 2)[1], "Split{2}.1(x, TensorConstant{0}, TensorConstant{[1 2]})", (False, False)),
    (lambda: split(r, iv, 2, axis=1)[0], "Split{2}.0(r, TensorConstant{1}, iv)", (True, False)),
    (lambda: roll(v, 1), "Join(TensorConstant{0}, Subtensor{int64::}(v, ScalarFromTensor(Elemwise{neg,no_inplace}("
     "Elemwise{mod,no_inplace}(TensorConstant{1}, Subtensor{int64}(Shape(v), Constant{0}))))), "
     "Subtensor{int64:int64:}(v, Constant{0}, ScalarFromTensor(Elemwise{neg,no_inplace}(Elemwise{mod,no_inplace}("
     "TensorConstant{1}, Subtensor{int64}(Shape(v), Constant{0}))))))", (False,)),
]


@pytest.mark.parametrize("build, graph, pattern", GRAPHS, ids=[g[1][:40] for g in GRAPHS])
def test_graphs(build, graph, pattern):
    out = build()
    assert text(out) == graph
    assert out.type.broadcastable == pattern


def test_ops_print_and_compare():
    assert str(Join()) == "Join" and str(Join(1)) == "Join{view=1}" and Join() == Join() != Join(1)
    assert str(Split(2)) == "Split{2}" and Split(2) == Split(2) != Split(3)
    assert str(Choose("raise")) == "Choose{mode='raise'}"
    assert Join(0).view_map == {0: [1]} and not getattr(Join(), "view_map", None)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_join_is_concatenate(axis):
    expected = np.concatenate([A, B, A[:, :]], axis=axis).tolist()
    given = {x: A, y: B, l: axis}
    assert evaluate(join(axis, x, y, x), given).tolist() == expected
    assert evaluate(join(l, x, y, x), given).tolist() == expected


def test_join_details():
    assert join(0, im, x).type.dtype == "float64" and join(0, v, f[0]).type.dtype == "float64"
    assert evaluate(join(0, im, f), {im: [[1, 2]], f: [[0.5, 1.5]]}).tolist() == [[1, 2], [0.5, 1.5]]
    assert get_vector_length(join(0, x.shape, t3.shape, [1])) == 6
    # An axis of length 1 in one tensor means that all have it.
    assert evaluate(join(1, r, x), {r: A[:1], x: A[:1]}).shape == (1, 8)
    kept = Join(view=0)(0, x, y)
    storage = [[None]]
    kept.owner.op.perform(kept.owner, [np.int8(0), A, A[:0]], storage)
    assert storage[0][0] is A


def test_stack_shapes():
    for axis in (0, 1, 2, -1, -3):
        assert evaluate(stack([x, y], axis), {x: A, y: B}).tolist() == np.stack([A, B], axis).tolist()
    with pytest.warns(DeprecationWarning, match=r"stack\(\*tensors\) interface is deprecated"):
        assert evaluate(stack(v, v), {v: [1.0, 2.0]}).tolist() == [[1, 2], [1, 2]]


REFUSED = [
    (lambda: join(0), ValueError, "Cannot join an empty list of tensors"),
    (lambda: join(2, x, x), ValueError, 'Join argument "axis" is out of range'),
    (lambda: join(-3, x, x), IndexError, r"Join axis -3 out of bounds \[0, 2\)"),
    (lambda: join(0, x, v), TypeError, r"Join\(\) can only join tensors with the same number of dimensions."),
    (lambda: join(0, s, s), TypeError, "Join cannot handle arguments of dimension 0"),
    (lambda: join(s, x, x), TypeError, "Axis could not be cast to an integer type"),
    (lambda: concatenate(x), TypeError, "The 'tensors' argument must be either a tuple or a list"),
    (lambda: stack([]), Exception, "tensors is empty"),
    (lambda: stack(), Exception, "must have at least one parameter"),
    (lambda: stack([x, x], axis=3), IndexError, r"axis 3 is out of bounds \[-3, 3\)"),
    (lambda: stack([x, x], other=3), TypeError, "other"),
    (lambda: stack([v, x]), TypeError, r"Join\(\) can only join tensors with the same number of dimensions."),
    (lambda: horizontal_stack(v, v), AssertionError, "matrices"),
    (lambda: vertical_stack(x), AssertionError, "matrices"),
    (lambda: split(x, v, 2), TypeError, "splits must have type tensor.lvector"),
    (lambda: split(x, im, 2), TypeError, "splits must have type tensor.lvector"),
    (lambda: split(x, iv, 2, axis=5), ValueError, "axis 5 is out of bounds"),
    (lambda: roll(s, 1), IndexError, "too many indices for array"),
    (lambda: tile(x, iv), ValueError, "if reps is tensor.vector, you should specify the ndim"),
    (lambda: tile(x, (2, 2), ndim=1), ValueError, "ndim should be equal or larger than x.ndim"),
    (lambda: tile(x, (2, 2, 2), ndim=2), ValueError, r"len\(reps\) should be equal or less than ndim"),
    (lambda: tile(x, (2.5, 1)), ValueError, "elements of reps must be scalars of integer dtype"),
    (lambda: tile(x, s), ValueError, "elements of reps must be integer dtype"),
    (lambda: choose(x, [v, v]), TypeError, r"choose first argument must have an \[u\]int\* dtype. Got float64."),
    (lambda: choose(iv, [v, v], out=v), AssertionError, "out"),
    (lambda: choose(iv, [v, v], mode="x"), AssertionError, "mode"),
]


@pytest.mark.parametrize("build, error, message", REFUSED)
def test_refused(build, error, message):
    with pytest.raises(error, match=message):
        build()


FAILING = [
    (lambda: join(0, x, y[:, :2]), {}, ValueError, "dimension"),
    (lambda: join(l, x, y), {l: 2}, IndexError, "out of bounds"),
    (lambda: split(x, iv, 2)[0], {iv: [1, 1]}, ValueError, "Split: the splits sums to 2, expected 3."),
    (lambda: split(x, iv, 2)[0], {iv: [-1, 4]}, ValueError, "you try to take a negative number"),
    (lambda: split(x, iv, 2)[0], {iv: [1, 1, 1]}, ValueError, r"splits count \(3\) != expected count \(2\)"),
    (lambda: choose(iv, [v, v]), {iv: [2], v: [1.0]}, ValueError, "invalid entry in choice array"),
    (lambda: tile(x, iv, ndim=2), {iv: [1, 2, 3]}, ValueError, "negative"),
]


@pytest.mark.parametrize("build, given, error, message", FAILING)
def test_failing_at_run_time(build, given, error, message):
    with pytest.raises(error, match=message):
        evaluate(build(), {x: A, y: B, **given}, laws=False)


@pytest.mark.parametrize("axis", [0, 1, -2])
def test_split(axis):
    lengths = [1, 0, A.shape[axis] - 1]
    expected = np.split(A, np.cumsum(lengths)[:-1], axis=axis)
    for by in (lengths, iv):
        for place in (axis, l):
            parts = evaluate(split(x, by, 3, axis=place), {x: A, iv: lengths, l: axis})
            assert [p.tolist() for p in parts] == [e.tolist() for e in expected]


def test_roll():
    for shift in (0, 1, -2, 7):
        for axis in (None, 0, 1, -1):
            assert evaluate(roll(x, shift, axis), {x: A}).tolist() == np.roll(A, shift, axis).tolist()
        assert evaluate(roll(v, i), {v: A[0], i: shift}).tolist() == np.roll(A[0], shift).tolist()


REPS = [2, (2, 3), (2, 3, 4), (1,), (0, 2), [3]]


@pytest.mark.parametrize("reps", REPS)
def test_tile(reps):
    assert evaluate(tile(x, reps), {x: A}).tolist() == np.tile(A, reps).tolist()
    if not isinstance(reps, int):
        symbolic = [iscalar() for _ in reps]
        assert evaluate(tile(x, symbolic), {x: A, **dict(zip(symbolic, reps))}).tolist() == np.tile(A, reps).tolist()


def test_tile_by_a_vector():
    assert evaluate(tile(x, iv, ndim=3), {x: A, iv: [2, 1]}).tolist() == np.tile(A, (1, 2, 1)).tolist()
    assert tile(x, (2,), ndim=2).type.ndim == 2 and tile(x, (2, 2), ndim=3).type.broadcastable == (True, False, False)
    with pytest.warns(UserWarning, match="Tile op is deprecated"):
        out = Tile(2)(x, [2, 3])
    assert str(out.owner.op) == "Tile{ndim=2}"
    assert evaluate(out, {x: A}).tolist() == np.tile(A, (2, 3)).tolist()


@pytest.mark.parametrize("mode", ["raise", "wrap", "clip"])
def test_choose(mode):
    index = np.array([0, 1, 1, 0]) if mode == "raise" else np.array([-3, 5, 1, 0])
    expected = np.choose(index, [A[0], B[1]], mode=mode)
    first, second = vector("first"), vector("second")
    given = {iv: index, first: A[0], second: B[1], x: np.stack([A[0], B[1]])}
    assert evaluate(choose(iv, [first, second], mode=mode), given).tolist() == expected.tolist()
    assert evaluate(choose(iv, x, mode=mode), given).tolist() == expected.tolist()


def test_choose_broadcasts():
    assert choose(im, [x, x]).type.ndim == 2 and choose(i, [v, v]).type.ndim == 1 and choose(iv, [x, x]).type.ndim == 2
    assert evaluate(choose(i, [v]), {i: 0, v: [1.0, 2.0]}).tolist() == [1, 2]


def test_gradients(rng):
    a, b = rng.normal(size=(2, 3)), rng.normal(size=(4, 3))
    check_gradient(lambda a, b: join(0, a, b) ** 2, a, b, rng=rng)
    check_gradient(lambda a, b: join(1, a.T, b.T) ** 2, a, b, rng=rng)
    check_gradient_of(lambda a, b: join(1, a, b) ** 2, [row("p"), matrix("q")], [a[:1], b[:1]], rng)
    check_gradient(lambda a: stack([a, a * 2], axis=1) ** 2, a, rng=rng)
    check_gradient(lambda a: split(a, [1, 2], 2, axis=1)[1] ** 2, a, rng=rng)
    check_gradient(lambda a: join(0, *split(a, [1, 1], 2)[::-1]) ** 2, a, rng=rng)
    check_gradient(lambda a: roll(a, 2, 1) ** 2, a, rng=rng)
    check_gradient(lambda a: tile(a, (2, 1, 3)) ** 2, a, rng=rng)
    for mode in ("raise", "wrap", "clip"):
        picks = np.array([1, 0, 1]) if mode == "raise" else np.array([5, -2, 3])
        check_gradient(lambda a, b: choose(picks, [a, b[0]], mode=mode) ** 2, a, b, rng=rng)
        check_gradient(lambda b: choose(picks, b[:2], mode=mode) ** 2, b, rng=rng)


def test_what_has_no_gradient():
    node = join(l, x, y).owner
    gaxis, gx, gy = node.op.grad(node.inputs, [x])
    assert isinstance(gaxis.type, NullType) and "input 0 (l) of the Join op is mathematically undefined" in (
        gaxis.type.why_null)
    assert node.op.R_op(node.inputs, [None, None, x]) == [None]
    ints = join(0, im, im).owner
    assert ints.op.grad(ints.inputs, [x])[1].type.dtype == "float64"
    parts = split(x, [1, 2], 2)[0].owner
    assert isinstance(parts.op.grad(parts.inputs, [DisconnectedType()()] * 2)[0].type, DisconnectedType)


def test_unknown_axis_makes_no_promise():
    assert Split(2)(TensorType("float64", (True, True))("p"), l, iv)[0].type.broadcastable == (False, False)
