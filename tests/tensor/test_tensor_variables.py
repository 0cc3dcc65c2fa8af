"""Operators and methods of tensor variables: that all are there, what they build, what they refuse."""
from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest

import symtensor.tensor as T
from symtensor.config import config
from symtensor.scalar.basic import ComplexError
from symtensor.tensor.sharedvar import shared
from symtensor.tensor.var import TensorVariable, equal_slices
from tensor_perform import evaluate, text

x, y, v, s, i = T.dmatrix("x"), T.dmatrix("y"), T.dvector("v"), T.dscalar("s"), T.lvector("i")
A = np.array([[1.0, -2.5, 3.0], [4.0, 0.5, -6.0]])
V = np.array([2.0, 0.5, -1.5])
I = np.array([5, 3, -6])

OPERATORS = [
    ("a + b", x, v), ("a - b", x, v), ("a * b", x, v), ("a / b", x, v), ("a // b", x, v), ("a % b", x, v),
    ("abs(a) ** b", x, v), ("divmod(a, b)[0]", x, v), ("divmod(a, b)[1]", x, v), ("-a", x, v), ("abs(a)", x, v),
    ("a < b", x, v), ("a <= b", x, v), ("a > b", x, v), ("a >= b", x, v), ("a & b", i, i), ("a | b", i, i),
    ("a ^ b", i, i), ("~a", i, i), ("a + 1", x, v), ("1 + a", x, v), ("1 - a", x, v), ("2 * a", x, v), ("2 / a", x, v),
    ("2 // a", x, v), ("2 % a", x, v), ("2 ** a", x, v), ("divmod(7, a)[1]", x, v), ("5 & a", i, i), ("5 | a", i, i),
    ("5 ^ a", i, i), ("2 < a", x, v), ("np.float64(2) * a", x, v), ("np.ones((2, 3)) - a", x, v),
    ("np.ones(3) > a", v, v), ("a @ b", x, v), ("np.ones((2, 2)) @ a", x, v), ("np.exp(a)", x, v),
]


@pytest.mark.parametrize("expression, first, second", OPERATORS, ids=[o[0] for o in OPERATORS])
def test_operators(expression, first, second):
    values = {x: A, v: V, i: I}
    names = {"a": first, "b": second, "np": np}
    found = evaluate(eval(expression, dict(names)), {first: values[first], second: values[second]})
    expected = eval(expression, {"a": values[first], "b": values[second], "np": np})
    np.testing.assert_allclose(found, expected)


def test_rounding_by_the_math_module():
    for function, reference in ((math.floor, np.floor), (math.ceil, np.ceil), (math.trunc, np.trunc)):
        np.testing.assert_array_equal(evaluate(function(x), {x: A}), reference(A))


METHODS = {
    "all": (), "any": (), "argmax": (), "argmin": (), "argsort": (), "astype": ("float32",), "ceil": (),
    "clip": (-1, 1), "conj": (), "conjugate": (), "copy": (), "cos": (), "cumprod": (), "cumsum": (), "diagonal": (),
    "exp": (),
    "flatten": (), "floor": (), "max": (), "mean": (), "min": (), "ptp": (), "prod": (), "ravel": (), "repeat": (2,),
    "reshape": ((3, 2),), "round": (), "sort": (), "squeeze": (), "std": (), "sum": (), "swapaxes": (0, 1),
    "take": ([0, 2],), "trace": (), "transpose": (), "var": (), "sin": (), "tanh": (), "sinh": (), "cosh": (),
    "arctan": (), "deg2rad": (), "rad2deg": (), "exp2": (), "expm1": (), "trunc": (), "arcsinh": (), "tan": (),
}


@pytest.mark.parametrize("name", sorted(METHODS))
def test_methods_compute_what_numpy_does(name):
    arguments = METHODS[name]
    data = A.copy()
    reference = getattr(np, name, None)
    expected = reference(data, *arguments) if reference else getattr(data, name)(*arguments)
    np.testing.assert_allclose(evaluate(getattr(x, name)(*arguments), {x: A}), expected, rtol=1e-6)


# What TensorVariable has in Theano 1.0.5 beyond what every variable has.
ALL_METHODS = """
T all any arccos arccosh arcsin arcsinh arctan arctanh argmax argmin argsort astype broadcastable ceil choose clip
compress conj conjugate copy cos cosh cumprod cumsum deg2rad diagonal dimshuffle dot dtype exp exp2 expm1 fill flatten
floor get_scalar_constant_value imag log log10 log1p log2 max mean min ndim nonzero nonzero_values norm ones_like prod
ptp rad2deg ravel real repeat reshape round searchsorted shape sin sinh size sort sqrt squeeze std sum swapaxes take
tan tanh trace transfer transpose trunc var zeros_like auto_name clone eval get_parents index name owner tag type
__abs__ __add__ __and__ __array_priority__ __bool__ __ceil__ __div__ __divmod__ __dot__ __floor__ __floordiv__ __ge__
__getitem__ __gt__ __invert__ __iter__ __le__ __lt__ __mod__ __mul__ __ne__ __neg__ __nonzero__ __or__ __pow__
__radd__ __rand__ __rdiv__ __rdivmod__ __rdot__ __rfloordiv__ __rmod__ __rmul__ __ror__ __rpow__ __rsub__ __rtruediv__
__rxor__ __sub__ __truediv__ __trunc__ __xor__
""".split()


def test_nothing_is_missing():
    assert [name for name in ALL_METHODS if not hasattr(x, name)] == []
    assert [name for name in ALL_METHODS if not hasattr(shared(A), name)] == []
    assert [name for name in ALL_METHODS if not hasattr(T.constant(A), name)] == []


def test_attributes():
    assert (x.ndim, x.dtype, x.broadcastable) == (2, "float64", (False, False))
    assert text(x.T) == "InplaceDimShuffle{1,0}(x)" and x.T.name == "x.T"
    assert text(v.size) == "Subtensor{int64}(Shape(v), Constant{0})"
    assert evaluate(x.size, {x: A}) == 6
    z = T.zvector("z")
    values = np.array([1 + 2j, -3j])
    np.testing.assert_array_equal(evaluate(z.real, {z: values}), values.real)
    np.testing.assert_array_equal(evaluate(z.imag, {z: values}), values.imag)
    np.testing.assert_array_equal(evaluate(z.conj(), {z: values}), values.conj())
    assert x.copy("again").name == "again" and x.copy().name is None


def test_more_methods():
    np.testing.assert_array_equal(evaluate(x.dot(y.T), {x: A, y: A}), A @ A.T)
    np.testing.assert_array_equal(evaluate(x.fill(3), {x: A}), np.full((2, 3), 3))
    np.testing.assert_array_equal(evaluate(x.zeros_like(), {x: A}), np.zeros((2, 3)))
    assert x.ones_like("int8").dtype == "int8"
    np.testing.assert_array_equal(evaluate(v.searchsorted(0.6), {v: np.sort(V)}), np.searchsorted(np.sort(V), 0.6))
    np.testing.assert_array_equal(evaluate(T.constant([0, 1]).compress(x), {x: A}), [A.ravel()[1]])
    np.testing.assert_array_equal(evaluate(T.constant([0, 1, 0]).choose([v, -v]), {v: V}), [V[0], -V[1], V[2]])
    assert x.transfer("cpu") is x
    for axes in [(1, 0), ([1, 0],), ((1, 0),)]:
        assert text(x.transpose(*axes)) == "InplaceDimShuffle{1,0}(x)"
    assert x.reshape((2, 3), ndim=2).ndim == 2


def test_truth_values():
    assert bool(x) and bool(s) and not (not x)
    for comparison in (x > 1, s <= 2, s >= s, 1 < s):
        with pytest.raises(TypeError, match="Variables do not support boolean operations."):
            bool(comparison)
    with pytest.raises(TypeError, match="boolean operations"):
        sorted([s, T.iscalar()])
    assert x == x and x != y and x in [y, x] and len({x, y, x}) == 2


def test_iteration():
    assert [text(q) for q in x.shape] == [f"Subtensor{{int64}}(Shape(x), Constant{{{k}}})" for k in range(2)]
    rows, columns = x.shape
    assert evaluate(rows * columns, {x: A}) == 6
    with pytest.raises(TypeError, match="TensorType does not support iteration. Maybe you are using builtin.sum"):
        list(x)
    with pytest.raises(ValueError, match="length not known: v"):
        list(v)
    with pytest.raises(TypeError, match="has no len"):
        len(v)
    assert text(sum([s, s])) == "Elemwise{add,no_inplace}(Elemwise{add,no_inplace}(TensorConstant{0}, s), s)"


def test_unsupported_operands():
    for wrong in (None, {}, object(), len):
        for operation in (lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a - b, lambda a, b: a / b,
                          lambda a, b: a ** b, lambda a, b: a // b):
            with pytest.raises(TypeError, match="unsupported operand type"):
                operation(x, wrong)
    with pytest.raises(TypeError, match="input to a BitOp must have type"):
        x & x
    with pytest.raises(TypeError, match="bool input not supported"):
        -(v > 1)
    with pytest.raises(ComplexError, match="mod operator"):
        T.zvector() % 2
    with pytest.raises(TypeError):
        float(s)
    with pytest.raises(TypeError, match="not an int"):
        int(T.iscalar())


def test_shift_operators_do_not_exist():
    with pytest.raises(TypeError, match="unsupported operand"):
        i << 1


def test_the_other_operand_may_know_better():
    class Clever:
        def __radd__(self, other):
            return "clever"

    assert x + Clever() == "clever"


def test_bad_arguments():
    with pytest.raises(ValueError, match="Can't transfer to target gpu"):
        x.transfer("gpu")
    with pytest.raises(ValueError, match="Expected ndim to be an integer"):
        x.reshape((2, 3), ndim="a")
    with pytest.raises(T.NotScalarConstantError):
        x.get_scalar_constant_value()
    with pytest.raises(TypeError, match="name must be a string"):
        T.matrix(3)


def test_transfer_can_be_extended():
    moved = []
    T.register_transfer(lambda variable, target: moved.append(target) or (variable + 1 if target == "there" else None))
    try:
        assert text(x.transfer("there")) == "Elemwise{add,no_inplace}(x, InplaceDimShuffle{x,x}(TensorConstant{1}))"
        with pytest.raises(ValueError):
            x.transfer("nowhere")
    finally:
        T.transfer.__globals__["_others"].clear()
    assert moved == ["there", "nowhere"]


def test_float64_can_be_announced(monkeypatch):
    monkeypatch.setattr(config, "warn_float64", "warn")
    with pytest.warns(UserWarning, match="You are creating a TensorVariable with float64 dtype"):
        T.dscalar()
    monkeypatch.setattr(config, "warn_float64", "raise")
    with pytest.raises(Exception, match="warn_float64"):
        T.dscalar()
    T.fscalar()


def test_pickling_and_copying_of_variables():
    out = (x + 1) * v
    loaded = pickle.loads(pickle.dumps(out))
    assert text(loaded) == text(out) and type(loaded) is TensorVariable
    twin = copy.copy(x)
    assert twin is not x and twin.type == x.type
    assert equal_slices(slice(1, 2), slice(1, 2, None)) and not equal_slices(slice(1), slice(2))


@pytest.mark.parametrize("build, names", [
    (lambda: T.dmatrices("a", "b"), "[a, b]"), (lambda: T.vectors("abc"), "[a, b, c]"), (lambda: T.dmatrices("a"), "a"),
    (lambda: T.dmatrices(["a", "b"]), "[a, b]"), (lambda: T.dmatrices(), "[]"), (lambda: T.dmatrices(0), "[]"),
    (lambda: T.lvectors(2), "[<TensorType(int64, vector)>, <TensorType(int64, vector)>]"),
])
def test_several_variables_at_once(build, names):
    assert str(build()) == names


def test_constructors():
    letters = dict(b="int8", w="int16", i="int32", l="int64", f="float32", d="float64", c="complex64", z="complex128")
    patterns = dict(scalar=(), vector=(0,), matrix=(0, 0), row=(1, 0), col=(0, 1), tensor3=(0,) * 3, tensor7=(0,) * 7)
    for letter, dtype in letters.items():
        for word, pattern in patterns.items():
            assert getattr(T, letter + word) == T.TensorType(dtype, pattern)
            made = getattr(T, word)("n", dtype=dtype)
            assert made.type == T.TensorType(dtype, pattern) and made.name == "n"
    assert T.vector().dtype == config.floatX and T.matrix.__name__ == "matrix"
    assert T.tensor("float32", (True,), name="a").type == T.TensorType("float32", (True,))
    assert T.int_types == (T.bscalar, T.wscalar, T.iscalar, T.lscalar)
    assert T.float_matrix_types == (T.fmatrix, T.dmatrix) and T.complex_vector_types == (T.cvector, T.zvector)
    assert len(T.all_dtypes) == 14 and T.float_dtypes == ["float16", "float32", "float64"]
