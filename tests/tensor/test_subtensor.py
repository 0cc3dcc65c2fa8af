"""Basic and advanced indexing: recorded graphs and errors of Theano 1.0.5, values against NumPy, gradients."""
from __future__ import annotations

import numpy as np
import pytest
from tensor_perform import check_gradient, evaluate, text

from symtensor import scalar as scal
from symtensor.graph.basic import Constant
from symtensor.tensor.constructors import (
    bscalar,
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
    zvector,
)
from symtensor.tensor.math import gt
from symtensor.tensor.sizes import slice_length
from symtensor.tensor.static_value import NotScalarConstantError, get_scalar_constant_value, get_vector_length
from symtensor.tensor.subtensor import (
    AdvancedIncSubtensor,
    AdvancedIncSubtensor1,
    AdvancedSubtensor,
    AdvancedSubtensor1,
    IncSubtensor,
    Subtensor,
    as_index_variable,
    get_canonical_form_slice,
    get_idx_list,
    inc_subtensor,
    set_subtensor,
    take,
)
from symtensor.tensor.type import TensorType

x, f, v, s, r, c = matrix("x"), fmatrix("f"), vector("v"), scalar("s"), row("r"), col("c")
t3, i, l, iv, im, jv = tensor3("t3"), iscalar("i"), lscalar("l"), ivector("iv"), imatrix("im"), ivector("jv")
mask, vmask = TensorType("bool", (False, False))("mask"), TensorType("bool", (False,))("vmask")
A, B = np.arange(12.0).reshape(3, 4), np.arange(24.0).reshape(2, 3, 4)
GIVEN = {x: A, t3: B, i: 1, iv: [0, 2, 2, -1], im: [[0, 1], [-1, 2]], jv: [1, 3, 0, 0], mask: A % 3 == 0,
         vmask: [True, False, True], s: 2.0}

GRAPHS = [
    (lambda: x[0], "Subtensor{int64}(x, Constant{0})", (False,)),
    (lambda: x[i], "Subtensor{int32}(x, ScalarFromTensor(i))", (False,)),
    (lambda: x[bscalar("b")], "Subtensor{int8}(x, ScalarFromTensor(b))", (False,)),
    (lambda: x[0:2], "Subtensor{int64:int64:}(x, Constant{0}, Constant{2})", (False, False)),
    (lambda: x[:2], "Subtensor{:int64:}(x, Constant{2})", (False, False)),
    (lambda: x[i:], "Subtensor{int32::}(x, ScalarFromTensor(i))", (False, False)),
    (lambda: x[::-1], "Subtensor{::int64}(x, Constant{-1})", (False, False)),
    (lambda: x[0, 1], "Subtensor{int64, int64}(x, Constant{0}, Constant{1})", ()),
    (lambda: x[..., 0], "Subtensor{::, int64}(x, Constant{0})", (False,)),
    (lambda: x[...], "Subtensor{::, ::}(x)", (False, False)),
    (lambda: x[()], "Subtensor{}(x)", (False, False)),
    (lambda: x[:], "Subtensor{::}(x)", (False, False)),
    (lambda: x[None, ..., None], "InplaceDimShuffle{x,0,1,x}(x)", (True, False, False, True)),
    (lambda: x[:, :, None], "InplaceDimShuffle{0,1,x}(x)", (False, False, True)),
    (lambda: x[0, None, 1], "Subtensor{int64, ::, int64}(InplaceDimShuffle{0,x,1}(x), Constant{0}, Constant{1})",
     (True,)),
    (lambda: s[None], "InplaceDimShuffle{x}(s)", (True,)),
    (lambda: x[np.int64(1)], "Subtensor{int64}(x, Constant{1})", (False,)),
    (lambda: x[[0, slice(None)]], "Subtensor{int64, ::}(x, Constant{0})", (False,)),
    (lambda: x[i:i + 1, ::i], "Subtensor{int32:int32:, ::int32}(x, ScalarFromTensor(i), "
     "ScalarFromTensor(Elemwise{add,no_inplace}(i, TensorConstant{1})), ScalarFromTensor(i))", (False, False)),
    (lambda: r[0:1], "Subtensor{int64:int64:}(r, Constant{0}, Constant{1})", (True, False)),
    (lambda: r[0:0], "Subtensor{int64:int64:}(r, Constant{0}, Constant{0})", (False, False)),
    (lambda: r[:1], "Subtensor{:int64:}(r, Constant{1})", (True, False)),
    (lambda: r[::-1], "Subtensor{::int64}(r, Constant{-1})", (True, False)),
    (lambda: c[:, 0:1], "Subtensor{::, int64:int64:}(c, Constant{0}, Constant{1})", (False, True)),
    (lambda: x[[0, 1]], "AdvancedSubtensor1(x, TensorConstant{[0 1]})", (False, False)),
    (lambda: x[[0]], "AdvancedSubtensor1(x, TensorConstant{(1,) of 0})", (True, False)),
    (lambda: x[[]], "AdvancedSubtensor1(x, TensorConstant{[]})", (False, False)),
    (lambda: x[iv], "AdvancedSubtensor1(x, iv)", (False, False)),
    (lambda: x[iv, :], "AdvancedSubtensor1(x, iv)", (False, False)),
    (lambda: t3[iv, ...], "AdvancedSubtensor1(t3, iv)", (False, False, False)),
    (lambda: x[:, iv], "InplaceDimShuffle{1,0}(AdvancedSubtensor1(InplaceDimShuffle{1,0}(x), iv))", (False, False)),
    (lambda: x[iv, jv], "AdvancedSubtensor(x, iv, jv)", (False,)),
    (lambda: x[iv, 0], "AdvancedSubtensor(x, iv, TensorFromScalar(Constant{0}))", (False,)),
    (lambda: x[iv, 0:1], "AdvancedSubtensor(x, iv, MakeSlice(TensorFromScalar(Constant{0}), "
     "TensorFromScalar(Constant{1}), NoneConst))", (False, False)),
    (lambda: x[iv, None], "AdvancedSubtensor(x, iv, NoneConst)", (False, True, False)),
    (lambda: t3[None, iv], "AdvancedSubtensor(t3, NoneConst, iv)", (True, False, False, False)),
    (lambda: t3[0, None, iv], "AdvancedSubtensor(t3, TensorFromScalar(Constant{0}), NoneConst, iv)",
     (False, True, False)),
    (lambda: x[[[0, 1]]], "Reshape{3}(AdvancedSubtensor1(x, Reshape{1}(TensorConstant{[[0 1]]}, "
     "TensorConstant{(1,) of -1})), Join(TensorConstant{0}, Shape(TensorConstant{[[0 1]]}), "
     "Subtensor{int64::}(Shape(x), Constant{1})))", (True, False, False)),
    (lambda: x[mask], "AdvancedBooleanSubtensor(x, mask)", (False,)),
    (lambda: t3[0, mask], "AdvancedBooleanSubtensor(t3, TensorFromScalar(Constant{0}), mask)", (False,)),
    (lambda: set_subtensor(x[0], v), "IncSubtensor{Set;int64}(x, v, Constant{0})", (False, False)),
    (lambda: inc_subtensor(x[0:2], 1), "IncSubtensor{Inc;int64:int64:}(x, TensorConstant{1}, Constant{0}, Constant{2})",
     (False, False)),
    (lambda: set_subtensor(x[...], 0), "IncSubtensor{Set;::, ::}(x, TensorConstant{0})", (False, False)),
    (lambda: set_subtensor(x[0], v, inplace=True), "IncSubtensor{InplaceSet;int64}(x, v, Constant{0})", (False, False)),
    (lambda: set_subtensor(x[iv], v), "AdvancedIncSubtensor1{no_inplace,set}(x, v, iv)", (False, False)),
    (lambda: inc_subtensor(x[iv], v, inplace=True), "AdvancedIncSubtensor1{inplace,inc}(x, v, iv)", (False, False)),
    (lambda: set_subtensor(x[iv, jv], v),
     "AdvancedIncSubtensor{inplace=False,  set_instead_of_inc=True}(x, v, iv, jv)", (False, False)),
    (lambda: inc_subtensor(x[mask], v),
     "AdvancedBooleanIncSubtensor{inplace=False,  set_instead_of_inc=False}(x, v, mask)", (False, False)),
    (lambda: inc_subtensor(x[:, iv], x), "InplaceDimShuffle{1,0}(AdvancedIncSubtensor1{no_inplace,inc}("
     "InplaceDimShuffle{1,0}(x), InplaceDimShuffle{1,0}(x), iv))", (False, False)),
    (lambda: set_subtensor(r[:, 0], v), "IncSubtensor{Set;::, int64}(r, Rebroadcast{1}(v), Constant{0})",
     (True, False)),
    (lambda: take(x, iv), "AdvancedSubtensor1(Reshape{1}(x, TensorConstant{(1,) of -1}), iv)", (False,)),
    (lambda: take(x, iv, axis=-1),
     "InplaceDimShuffle{1,0}(AdvancedSubtensor1(InplaceDimShuffle{1,0}(x), iv))", (False, False)),
]


@pytest.mark.parametrize("build, graph, pattern", GRAPHS, ids=[g[1][:40] for g in GRAPHS])
def test_graphs(build, graph, pattern):
    out = build()
    assert text(out) == graph
    assert out.type.broadcastable == pattern


def same_in_numpy(index):
    """`x[index]` for variables and for the arrays that they stand for."""
    return index


READS = [
    lambda x, t, i, iv, im, jv, m, vm: x[1],
    lambda x, t, i, iv, im, jv, m, vm: x[-1, i],
    lambda x, t, i, iv, im, jv, m, vm: x[i:],
    lambda x, t, i, iv, im, jv, m, vm: x[-i:, ::2],
    lambda x, t, i, iv, im, jv, m, vm: x[::-1, 3:0:-2],
    lambda x, t, i, iv, im, jv, m, vm: x[5:, :-7],
    lambda x, t, i, iv, im, jv, m, vm: x[2:1, ::-i],
    lambda x, t, i, iv, im, jv, m, vm: x[i:-i:i, -2::-1],
    lambda x, t, i, iv, im, jv, m, vm: x[None],
    lambda x, t, i, iv, im, jv, m, vm: x[1, None, 2:],
    lambda x, t, i, iv, im, jv, m, vm: t[..., 1],
    lambda x, t, i, iv, im, jv, m, vm: t[0, ..., None],
    lambda x, t, i, iv, im, jv, m, vm: x[iv],
    lambda x, t, i, iv, im, jv, m, vm: x[:, jv],
    lambda x, t, i, iv, im, jv, m, vm: x[im],
    lambda x, t, i, iv, im, jv, m, vm: x[:, im],
    lambda x, t, i, iv, im, jv, m, vm: x[iv, jv],
    lambda x, t, i, iv, im, jv, m, vm: x[iv, 1:3],
    lambda x, t, i, iv, im, jv, m, vm: x[im, 0],
    lambda x, t, i, iv, im, jv, m, vm: t[:, iv, jv],
    lambda x, t, i, iv, im, jv, m, vm: t[i, :, jv],
    lambda x, t, i, iv, im, jv, m, vm: t[None, 0, im, ::-2],
    lambda x, t, i, iv, im, jv, m, vm: t[0, None, iv],
    lambda x, t, i, iv, im, jv, m, vm: x[im[:, :1], iv],
    lambda x, t, i, iv, im, jv, m, vm: x[m],
    lambda x, t, i, iv, im, jv, m, vm: x[vm],
    lambda x, t, i, iv, im, jv, m, vm: x[vm, 1:],
    lambda x, t, i, iv, im, jv, m, vm: t[:, m],
    lambda x, t, i, iv, im, jv, m, vm: t[0, m],
    lambda x, t, i, iv, im, jv, m, vm: t[:, vm, 2],
    lambda x, t, i, iv, im, jv, m, vm: x.take(im, axis=1),
    lambda x, t, i, iv, im, jv, m, vm: x.take(iv),
    lambda x, t, i, iv, im, jv, m, vm: t.take(2, axis=1),
    lambda x, t, i, iv, im, jv, m, vm: t.take(im, axis=-1),
]


@pytest.mark.parametrize("read", READS)
def test_reading_is_numpy_s(read):
    arrays = [A, B, 1] + [np.array(GIVEN[v]) for v in (iv, im, jv, mask, vmask)]
    expected = np.asarray(read(*arrays))
    found = evaluate(read(x, t3, i, iv, im, jv, mask, vmask), GIVEN)
    assert found.shape == expected.shape and found.tolist() == expected.tolist()


def test_take_modes():
    far = np.array([7, -5, 1])
    assert evaluate(take(x, far, 0, "clip"), GIVEN).tolist() == A.take(far, 0, mode="clip").tolist()
    assert evaluate(take(x, far, 1, "wrap"), GIVEN).tolist() == A.take(far, 1, mode="wrap").tolist()
    assert evaluate(take(x, far, None, "wrap"), GIVEN).tolist() == A.take(far, mode="wrap").tolist()
    with pytest.raises(ValueError, match="mode"):
        take(x, far, 0, "other")
    with pytest.raises(IndexError):
        take(x, iv, axis=5)


WRITES = [
    (lambda x, i, iv, jv, m: x[1], 1.5),
    (lambda x, i, iv, jv, m: x[1], np.arange(4.0)),
    (lambda x, i, iv, jv, m: x[i:, 0], np.array([7.0])),
    (lambda x, i, iv, jv, m: x[::2, ::-1], np.arange(8.0).reshape(2, 4)),
    (lambda x, i, iv, jv, m: x[0:9], np.array([[1.0], [2.0], [3.0]])),
    (lambda x, i, iv, jv, m: x[...], 4.0),
    (lambda x, i, iv, jv, m: x[iv], np.arange(16.0).reshape(4, 4)),
    (lambda x, i, iv, jv, m: x[iv], np.arange(4.0)),
    (lambda x, i, iv, jv, m: x[iv], 3.0),
    (lambda x, i, iv, jv, m: x[iv, jv], np.arange(4.0)),
    (lambda x, i, iv, jv, m: x[iv, 1:3], np.arange(8.0).reshape(4, 2)),
    (lambda x, i, iv, jv, m: x[m], 5.0),
    (lambda x, i, iv, jv, m: x[m], np.arange(4.0)),
]


@pytest.mark.parametrize("place, value", WRITES)
@pytest.mark.parametrize("setting", [True, False])
def test_writing_is_numpy_s(place, value, setting):
    expected = A.copy()
    arrays = [1] + [np.array(GIVEN[v]) for v in (iv, jv, mask)]
    where = place(np.arange(12).reshape(3, 4), *arrays)
    y = np.broadcast_to(value, where.shape)
    if setting:
        for k, cell in zip(where.ravel(), y.ravel()):
            expected.ravel()[k] = cell
    else:
        np.add.at(expected.ravel(), where.ravel(), y.ravel())
    write = set_subtensor if setting else inc_subtensor
    given = {**GIVEN, x: A.copy()}
    found = evaluate(write(place(x, i, iv, jv, mask), value), given)
    assert found.tolist() == expected.tolist()
    assert given[x].tolist() == A.tolist()  # the input is not touched


def test_inplace_overwrites():
    target = A.copy()
    out = set_subtensor(x[0], 9, inplace=True)
    assert out.owner.op.destroy_map == {0: [0]}
    storage = [[None]]
    out.owner.op.perform(out.owner, [target, np.int8(9), np.int64(0)], storage)
    assert storage[0][0] is target and target[0].tolist() == [9] * 4
    with pytest.raises(NotImplementedError, match="In place computation is not implemented"):
        inc_subtensor(x[iv, iv], v, inplace=True)


def test_writing_through_reshapes():
    expected = A.copy()
    expected[[0, 2]] += 1
    out = inc_subtensor(x[np.array([[0, 2]])], np.ones((1, 2, 4)))
    assert evaluate(out, GIVEN).tolist() == expected.tolist()
    expected = A.copy()
    expected[:, [3, 1]] = 1
    assert evaluate(set_subtensor(x[:, np.array([[3], [1]])], 1), GIVEN).tolist() == expected.tolist()


def test_casts_on_writing():
    ints = np.ones((2, 2), "int32")
    assert evaluate(set_subtensor(im[0], v), {im: ints, v: [1.5, 2.5]}).tolist() == [[1, 2], [1, 1]]
    assert evaluate(inc_subtensor(im[iv], v), {im: ints, v: [1.7, 0.0], iv: [0]}).tolist() == [[2, 1], [1, 1]]
    assert evaluate(inc_subtensor(f[0], v), {f: np.ones((2, 2)), v: [1e-9, 1.0]}).tolist() == [[1, 2], [1, 1]]
    for build in (lambda: inc_subtensor(im[0], v), lambda: set_subtensor(f[0], zvector("z"))):
        with pytest.raises(TypeError, match="into a subtensor of dtype"):
            build()


REFUSED = [
    (lambda: x[0, 0, 0], IndexError, "too many indices for array"),
    (lambda: s[0], IndexError, "too many indices for array"),
    (lambda: t3[mask, iv, iv], IndexError, "too many indices for array"),
    (lambda: x[0, ..., ...], IndexError, r"an index can only have a single Ellipsis"),
    (lambda: x[True], TypeError, "TensorType does not support Python bools for indexing"),
    (lambda: x[[True, False]], TypeError, "TensorType does not support Python bools for indexing"),
    (lambda: x[np.bool_(True)], TypeError, "TensorType does not support Python bools for indexing"),
    (lambda: x[1.5], TypeError, "index must be integers or a boolean mask"),
    (lambda: x["a"], TypeError, "Cannot convert a"),
    (lambda: x[s], TypeError, "Expected an integer"),
    (lambda: x[v], TypeError, "index must be integers"),
    (lambda: x[1.0:], TypeError, "index must be integers"),
    (lambda: x[s:], TypeError, "Expected an integer"),
    (lambda: x[iv:], ValueError, "could not be cast to have 0 dimensions"),
    (lambda: AdvancedSubtensor1()(x, im), TypeError, "index must be vector"),
    (lambda: AdvancedSubtensor1()(x, v), TypeError, "index must be integers"),
    (lambda: AdvancedSubtensor1()(s, iv), TypeError, "cannot index into a scalar"),
    (lambda: AdvancedIncSubtensor1()(x, t3, iv), TypeError,
     "cannot increment x subtensor with ndim=2 by y with ndim=3 to x subtensor with ndim="),
    (lambda: AdvancedIncSubtensor1(set_instead_of_inc=True)(x, t3, iv), TypeError, "cannot set x subtensor with nd"),
    (lambda: AdvancedSubtensor()(x, mask), TypeError, "AdvancedSubtensor does not support boolean masks"),
    (lambda: AdvancedIncSubtensor()(x, v, mask), TypeError, "AdvancedSubtensor does not support boolean masks"),
    (lambda: set_subtensor(x, v), TypeError, "x must be the result of a subtensor operation"),
    (lambda: set_subtensor(x * 2, v), TypeError, "x must be the result of a subtensor operation"),
    (lambda: set_subtensor(x.reshape((3, 4)), 1), TypeError, "x must be the result of a subtensor operation"),
    (lambda: set_subtensor(x[0], x), TypeError, "Trying to increment a 1-dimensional subtensor with a 2-dimensional"),
    (lambda: inc_subtensor(im[0], True), TypeError, "Cannot cast True or False as a tensor variable"),
    (lambda: Subtensor([0]), TypeError, "Python scalar in idx_list"),
    (lambda: Subtensor([scal.int64])(x, i), TypeError, "Wrong type for Subtensor template. Expected int64, got int32."),
    (lambda: Subtensor([scal.int64])(x), IndexError, "Not enough inputs to fill in the Subtensor template."),
    (lambda: Subtensor([scal.int64] * 3)(x, l, l, l), IndexError, "too many indices for array"),
    (lambda: as_index_variable([1.5, 2]), TypeError, "index must be integers or a boolean mask"),
]


@pytest.mark.parametrize("build, error, message", REFUSED)
def test_refused(build, error, message):
    with pytest.raises(error, match=message):
        build()


FAILING = [
    (lambda: x[7], {}, IndexError, "index 7 is out of bounds for axis 0 with size 3"),
    (lambda: x[i], {i: -4}, IndexError, "index -4 is out of bounds for axis 0 with size 3"),
    (lambda: x[iv], {iv: [0, 5]}, IndexError, "index 5 is out of bounds for axis 0 with size 3"),
    (lambda: x[iv, iv], {iv: [0, 3]}, IndexError, "index 3 is out of bounds for axis 0 with size 3"),
    (lambda: x[::i], {i: 0}, ValueError, "slice step cannot be zero"),
    (lambda: x[vmask], {vmask: [True] * 4}, IndexError, "boolean index did not match indexed array along dimension 0"),
    (lambda: set_subtensor(x[0], v), {v: [1.0, 2.0]}, ValueError, "could not broadcast"),
    (lambda: inc_subtensor(x[iv], v), {v: [1.0, 2.0]}, ValueError, "broadcast"),
    (lambda: inc_subtensor(x[iv], v), {v: [1.0], iv: [9]}, IndexError, "index 9 is out of bounds"),
]


@pytest.mark.parametrize("build, given, error, message", FAILING)
def test_failing_at_run_time(build, given, error, message):
    with pytest.raises(error, match=message):
        evaluate(build(), {**GIVEN, **given}, laws=False)


def test_ops_compare_by_index_list():
    assert x[0].owner.op == x[1].owner.op and hash(x[0].owner.op) == hash(x[1].owner.op)
    assert x[0].owner.op != x[i].owner.op and x[0:1].owner.op != x[0].owner.op
    assert x[0:2, i].owner.op.idx_list == (slice(scal.int64, scal.int64, None), scal.int32)
    assert set_subtensor(x[0], 1).owner.op != inc_subtensor(x[0], 1).owner.op
    assert IncSubtensor([scal.int64]) == IncSubtensor([scal.int64])
    assert x[0].owner.op.view_map == {0: [0]}


def test_constant_parts():
    assert x[1:, 2].owner.op.get_constant_idx(x[1:, 2].owner.inputs) == [slice(1, None, None), 2]
    node = x[1:, i].owner
    with pytest.raises(NotScalarConstantError):
        node.op.get_constant_idx(node.inputs)
    partial = node.op.get_constant_idx(node.inputs, allow_partial=True)
    assert partial[0] == slice(1, None, None) and partial[1] is node.inputs[2]
    assert get_idx_list(node.inputs, node.op.idx_list, get_count=True) == 2


def test_what_is_known_of_parts_of_vectors():
    assert get_vector_length(t3.shape[1:]) == 2 and get_vector_length(t3.shape[::2][-1:]) == 1
    assert get_scalar_constant_value(r.shape[0]) == 1
    assert get_scalar_constant_value(x.dimshuffle(0, "x", 1).shape[1:][0]) == 1
    with pytest.raises(NotScalarConstantError):
        get_scalar_constant_value(x.shape[0])


SLICES = [
    slice(a, b, k) for a in (None, -5, -2, 0, 1, 4) for b in (None, -4, -1, 0, 2, 7) for k in (None, 1, 2, -1, -3)
]


@pytest.mark.parametrize("length", [0, 1, 3, 4])
def test_lengths_and_canonical_forms_of_slices(length):
    items = list(range(length))
    for cut in SLICES:
        assert slice_length(cut.start, cut.stop, cut.step, length) == len(items[cut])
        canonical, direction = get_canonical_form_slice(cut, length)
        assert items[canonical][::direction] == items[cut], (cut, canonical)
        assert 0 <= canonical.start <= length and 0 <= canonical.stop <= length and canonical.step > 0


def test_symbolic_canonical_forms():
    parts = [lscalar("a"), lscalar("b"), lscalar("k"), lscalar("n")]
    canonical, direction = get_canonical_form_slice(slice(*parts[:3]), parts[3])
    outputs = [canonical.start, canonical.stop, canonical.step, direction, slice_length(*parts)]
    for cut in SLICES[::7] + SLICES[3::7]:
        if None in (cut.start, cut.stop, cut.step):
            continue
        items = list(range(5))
        found = evaluate(outputs, dict(zip(parts, (cut.start, cut.stop, cut.step, 5))))
        first, last, step, sign, count = map(int, found)
        assert items[first:last:step][::sign] == items[cut] and count == len(items[cut])
    index, _ = get_canonical_form_slice(l, parts[3])
    assert evaluate(index, {l: -2, parts[3]: 5}) == 3


def test_connections():
    assert x[0:1].owner.op.connection_pattern(x[0:1].owner) == [[True], [False], [False]]
    out = set_subtensor(x[0], v)
    assert out.owner.op.connection_pattern(out.owner) == [[True], [True], [False]]
    for read in (x[iv], x[iv, jv], x[mask]):
        assert read.owner.op.connection_pattern(read.owner) == [[True]] + [[False]] * (len(read.owner.inputs) - 1)
    assert x[iv].owner.op.R_op(x[iv].owner.inputs, [None, None]) == [None]
    assert text(x[0].owner.op.R_op(x[0].owner.inputs, [r, None])[0]) == "Subtensor{int64}(r, Constant{0})"


def test_gradients_of_reading(rng):
    a = rng.normal(size=(3, 4))
    for read in (
        lambda x: x[1], lambda x: x[::-2, 1:], lambda x: x[np.array([0, 2, 0])], lambda x: x[[0, 0, 1], [1, 1, 2]],
        lambda x: x[np.array([2, 2]), 1:], lambda x: x[:, [3, 3]], lambda x: x[np.array([[0, 1], [1, 1]])],
        lambda x: x[gt(x, 0)], lambda x: x.take([1, 1, 0], axis=1), lambda x: x[1, None, 2:],
    ):
        check_gradient(lambda x: read(x) ** 2, a, rng=rng)


def test_gradients_of_writing(rng):
    a = rng.normal(size=(3, 4))
    for place, y in (
        (lambda x: x[1], rng.normal(size=4)), (lambda x: x[1:, ::2], rng.normal(size=(2, 2))),
        (lambda x: x[0:2], rng.normal(size=4)), (lambda x: x[:, 0], rng.normal(size=())),
        (lambda x: x[np.array([0, 2])], rng.normal(size=(2, 4))),
        (lambda x: x[np.array([0, 2])], rng.normal(size=4)),
        (lambda x: x[[0, 2], [1, 3]], rng.normal(size=2)), (lambda x: x[[0, 2], [1, 3]], rng.normal(size=())),
        (lambda x: x[np.array([True, False, True])], rng.normal(size=(2, 4))),
    ):
        for write in (set_subtensor, inc_subtensor):
            check_gradient(lambda x, y: write(place(x), y) ** 2, a, y, rng=rng)
    check_gradient(lambda x, y: inc_subtensor(x[np.array([0, 0, 1])], y) ** 2, a, rng.normal(size=(3, 4)), rng=rng)


def test_recorded_gradients():
    node = x[0].owner
    (gx, _) = node.op.grad(node.inputs, [v])
    assert text(gx) == (
        "IncSubtensor{Inc;int64}(Elemwise{second,no_inplace}(x, InplaceDimShuffle{x,x}(TensorConstant{0.0})), v, "
        "Constant{0})"
    )
    node = set_subtensor(x[iv], v).owner
    gx, gy, _ = node.op.grad(node.inputs, [x])
    assert text(gx) == (
        "AdvancedIncSubtensor1{no_inplace,set}(x, Elemwise{second,no_inplace}(v, "
        "InplaceDimShuffle{x}(TensorConstant{0.0})), iv)"
    )
    assert text(gy) == (
        "InplaceDimShuffle{1}(InplaceDimShuffle{x,0}(Sum{axis=[0], acc_dtype=float64}(AdvancedSubtensor1(x, iv))))"
    )


def test_slices_of_slices_do_not_recurse():
    shape = x.shape
    for _ in range(3000):
        shape = shape[0:2]
    assert get_vector_length(shape) == 2
    assert isinstance(as_index_variable(3), Constant)
