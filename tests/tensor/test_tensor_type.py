"""TensorType: which values it takes, how it prints and compares, as Theano 1.0.5 does."""
from __future__ import annotations

import pickle

import numpy as np
import pytest

import symtensor.tensor as T
from symtensor.config import config
from symtensor.tensor import type as tensor_type_module
from symtensor.tensor.type import TensorType

ONES = np.ones((2, 2))


@pytest.mark.parametrize("kind, value, dtype", [
    (T.dmatrix, [[1, 2], [3, 4]], "float64"),
    (T.dmatrix, ONES.astype("float32"), "float64"),
    (T.dmatrix, ONES.astype("int64"), "float64"),
    (T.fmatrix, ONES.astype("int16"), "float32"),
    (T.fscalar, 1.5, "float32"),
    (T.bscalar, 5, "int8"),
    (T.bscalar, 1.0, "int8"),
    (T.iscalar, True, "int32"),
    (T.fvector, [np.nan], "float32"),
    (T.dmatrix, np.ones((2, 2), ">f8"), "float64"),
    (T.dmatrix, np.ma.array([[1.0, 2.0]]), "float64"),
    (T.fscalar, 2**30, "float32"),
])
def test_values_that_lose_nothing_are_converted(kind, value, dtype):
    found = kind.filter(value)
    assert type(found) is np.ndarray and found.dtype == np.dtype(dtype) and found.dtype.isnative
    np.testing.assert_array_equal(found, np.asarray(value))


@pytest.mark.parametrize("kind, value, message", [
    (T.fmatrix, ONES, "TensorType(float32, matrix) cannot store a value of dtype float64 without risking loss of "
                      "precision."),
    (T.imatrix, ONES.astype("int64"), "cannot store a value of dtype int64 without risking loss of precision"),
    (T.fmatrix, ONES.astype("int32"), "cannot store a value of dtype int32 without risking loss"),
    (T.bvector, np.array([1], "uint8"), "cannot store a value of dtype uint8"),
    (T.dmatrix, ONES * 1j, "cannot store a value of dtype complex128"),
    (T.fscalar, 0.1, "TensorType(float32, scalar) cannot store accurately value 0.1, it would be represented as"),
    (T.fscalar, np.float64(0.1), "cannot store accurately value 0.1"),
    (T.bscalar, 300, "cannot store accurately value 300, it would be represented as 44."),
    (T.iscalar, 1.5, "cannot store accurately value 1.5, it would be represented as 1."),
    (T.imatrix, [[1.5]], "cannot store accurately value [[1.5]], it would be represented as [[1]]."),
    (T.fscalar, 2**30 + 1, "cannot store accurately value 1073741825"),
    (TensorType("bool", ()), 2, "cannot store accurately value 2, it would be represented as True"),
    (T.dmatrix, np.ones(3), "Wrong number of dimensions: expected 2, got 1 with shape (3,)."),
    (T.drow, np.ones((3, 3)), "Non-unit value on shape on a broadcastable dimension."),
    (T.dmatrix, T.dmatrix(), "Expected an array-like object, but found a Variable"),
    (T.dmatrix, None, "not a number"),
    (T.dmatrix, "abc", "not a number"),
    (T.lscalar, 2**70, "not a number"), (T.dvector, [1j], "cannot store a complex value"),
    (T.dmatrix, np.array([[object()]]), "dtype object"),
])
def test_other_values_are_refused(kind, value, message):
    with pytest.raises(TypeError) as caught:
        kind.filter(value)
    assert message in str(caught.value)


def test_downcasting_is_allowed_on_request():
    assert T.fmatrix.filter(ONES, allow_downcast=True).dtype == "float32"
    assert T.bvector.filter([300], allow_downcast=True)[0] == 44
    assert T.iscalar.filter(1.5, allow_downcast=True) == 1


def test_python_floats_become_floatX(monkeypatch):
    monkeypatch.setattr(config, "floatX", "float32")
    assert T.fscalar.filter(0.1).dtype == "float32"
    for refused in (np.float64(0.1), np.array(0.1), [0.1]):
        with pytest.raises(TypeError, match="precision"):
            T.fscalar.filter(refused) if np.ndim(refused) == 0 else T.fvector.filter(refused)
    with pytest.raises(TypeError, match="accurately"):
        T.fscalar.filter(0.1, allow_downcast=False)


def test_strict_takes_only_the_type_itself():
    assert T.dmatrix.filter(ONES, strict=True) is ONES
    assert T.dmatrix.filter(ONES) is ONES
    for refused, message in [
        ([[1.0]], "expected a ndarray object."),
        (ONES.astype("float32"), "expected a ndarray object with dtype = float64 (got float32)."),
        (ONES.astype(">f8"), "(got >f8)"),
        (np.ma.array(ONES), "expected a ndarray object."),
    ]:
        with pytest.raises(TypeError) as caught:
            T.dmatrix.filter(refused, strict=True)
        assert message in str(caught.value)


def test_unaligned_memory_is_refused():
    data = np.zeros(17, "uint8")[1:].view("float64").reshape(1, 2)
    with pytest.raises(TypeError, match="not aligned"):
        T.dmatrix.filter(data)


def test_memory_maps_are_kept(tmp_path):
    data = np.memmap(tmp_path / "x", dtype="float32", mode="w+", shape=(3,))
    assert T.fvector.filter(data) is data
    assert T.fvector.filter(data, strict=True) is data
    assert type(T.dvector.filter(data)) is np.ndarray


@pytest.mark.parametrize("pattern, text", [
    ((), "TensorType(float32, scalar)"), ((0,), "TensorType(float32, vector)"),
    ((1,), "TensorType(float32, (True,))"), ((0, 0), "TensorType(float32, matrix)"),
    ((1, 0), "TensorType(float32, row)"), ((0, 1), "TensorType(float32, col)"),
    ((1, 1), "TensorType(float32, (True, True))"), ((0, 0, 0), "TensorType(float32, 3D)"),
    ((1, 0, 0), "TensorType(float32, (True, False, False))"), ((0,) * 5, "TensorType(float32, 5D)"),
])
def test_printing(pattern, text):
    kind = TensorType("float32", pattern)
    assert str(kind) == repr(kind) == text
    assert str(kind()) == f"<{text}>"


def test_a_name_is_printed_instead():
    kind = TensorType("int8", (0, 0), name="foo")
    assert str(kind) == "foo" and kind == TensorType("int8", (False, False))


def test_equality_and_hash():
    assert TensorType("float32", (0, 1)) == TensorType("float32", [False, True])
    assert hash(TensorType("float32", (0, 1))) == hash(TensorType("float32", [False, True]))
    assert T.fmatrix != T.dmatrix and T.drow != T.dmatrix and T.drow != T.dcol
    assert pickle.loads(pickle.dumps(T.fmatrix)) == T.fmatrix


def test_dtypes():
    assert TensorType("floatX", ()).dtype == config.floatX
    for wrong in ("float65", "str", "object"):
        with pytest.raises(TypeError, match="Unsupported dtype for TensorType"):
            TensorType(wrong, ())
    assert TensorType("int8", ()).dtype_specs() == (int, "npy_int8", "NPY_INT8")
    assert TensorType("uint16", ()).dtype_specs() == (int, "npy_uint16", "NPY_UINT16")
    assert T.zscalar.dtype_specs()[0] is complex


def test_clone_and_small_services():
    assert T.fmatrix.clone(dtype="int8") == T.bmatrix
    assert T.fmatrix.clone(broadcastable=(True,)) == TensorType("float32", (True,))
    assert T.fmatrix.to_scalar_type().dtype == "float32"
    assert T.fmatrix.value_zeros((2, 3)).dtype == "float32"
    assert T.fmatrix.get_size(T.fmatrix.get_shape_info(np.ones((2, 3), "float32"))) == 24
    assert T.fmatrix.value_validity_msg(np.ones((2, 3), "float32")) == "value is valid"
    assert "(got float64)" in T.fmatrix.value_validity_msg(np.ones((2, 3)))
    assert T.fmatrix.is_valid_value(np.ones((2, 3), "float32")) and not T.fmatrix.is_valid_value(ONES)
    assert T.fmatrix.may_share_memory(ONES, ONES[1:]) and not T.fmatrix.may_share_memory(ONES, 3)


def test_a_looser_type_takes_a_variable_through_rebroadcast():
    row = T.drow("r")
    loose = T.dmatrix.convert_variable(row)
    assert loose.type == T.dmatrix and str(loose.owner) == "Rebroadcast{0}(r)"
    assert T.dmatrix.filter_variable(row).type == T.dmatrix
    assert T.drow.convert_variable(T.dmatrix()) is None
    assert T.dmatrix.convert_variable(T.fmatrix()) is None
    with pytest.raises(TypeError, match=r"Cannot convert Type TensorType\(float64, matrix\)"):
        T.drow.filter_variable(T.dmatrix())
    with pytest.raises(TypeError, match=r"into Type TensorType\(float64, row\)"):
        T.drow.filter_variable(T.fmatrix())


def test_filter_variable_makes_constants():
    made = T.dmatrix.filter_variable(np.ones((3, 3), "int8"))
    assert made.type == T.dmatrix and made.data.dtype == "float64"
    with pytest.raises(TypeError, match="Non-unit"):
        T.drow.filter_variable(np.ones((3, 3)))


N, I = np.nan, np.inf
COMPARISONS = [
    # values, then: equal, approximately, without infinities, without NaN, without both
    ([1, 2], [1, 2], "float64", "TTTTT"),
    ([1], [1 + 1e-6], "float64", "FTTTT"),
    ([1], [1 + 1e-4], "float64", "FFFFF"),
    ([N, 1], [N, 1], "float64", "TTTTT"),
    ([N, 1], [1, 1], "float64", "FFFTT"),
    ([I, 1], [I, 1], "float64", "TTTTT"),
    ([I], [-I], "float64", "FFTFT"),
    ([I, 1], [5, 1], "float64", "FFTFT"),
    ([N, I], [N, I], "float64", "TTTTT"),
    ([N, I], [I, N], "float64", "FFFFT"),
    ([1], [1 + 5e-5], "float32", "FFFFF"),
    ([1], [1 + 5e-6], "float32", "FTTTT"),
    ([1], [1.001], "float16", "FTTTT"),
    ([1], [2], "int8", "FFFFF"),
    ([1j], [1j + 1e-9], "complex128", "FTTTT"),
    ([complex(N, 1)], [complex(N, 1)], "complex128", "TTTTT"),
    ([1e-9], [0], "float64", "FTTTT"),
    ([1e-7], [0], "float64", "FFFFF"),
]


@pytest.mark.parametrize("a, b, dtype, expected", COMPARISONS)
def test_comparison_of_values(a, b, dtype, expected):
    a, b = np.array(a, dtype), np.array(b, dtype)
    functions = (
        TensorType.values_eq, TensorType.values_eq_approx, tensor_type_module.values_eq_approx_remove_inf,
        tensor_type_module.values_eq_approx_remove_nan, tensor_type_module.values_eq_approx_remove_inf_nan,
    )
    assert "".join("T" if f(a, b) else "F" for f in functions) == expected
    assert "".join("T" if f(b, a) else "F" for f in functions) == expected
    assert tensor_type_module.values_eq_approx_always_true(a, b)


def test_comparison_minds_dtype_and_shape():
    assert not TensorType.values_eq(np.ones(1, "float32"), np.ones(1))
    assert TensorType.values_eq(np.ones(1, "float32"), np.ones(1), force_same_dtype=False)
    assert not TensorType.values_eq_approx(np.ones(1), np.ones(2))
    assert not TensorType.values_eq_approx(1.0, 1.0)
    assert TensorType.values_eq_approx(np.array(1.0), np.array(1.1), rtol=0.2)
    assert TensorType.values_eq_approx(np.array(1.0), np.array(1.1), atol=0.2)
