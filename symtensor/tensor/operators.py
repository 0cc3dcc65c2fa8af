"""The operators and methods of variables that stand for arrays.

In: a variable and operands. Out: expressions. The mixin `_tensor_py_operators` gives its arithmetic to any variable of
an array type: tensors, constants, shared variables. It knows the op modules, which do not know it.

Refused: the truth value of a comparison, iteration over tensors whose length is not known, and operands that cannot be
tensors (Python then says "unsupported operand").
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from symtensor.scalar.basic import ComplexError
from symtensor.tensor import (
    choice,
    choosing,
    extra_ops,
    linear,
    math,
    reductions,
    shape_ops,
    static_value,
    subtensor,
)
from symtensor.tensor.alloc import ones_like, zeros_like
from symtensor.tensor.constant import AsTensorError
from symtensor.tensor.diagonal import ExtractDiag, diagonal
from symtensor.tensor.dimshuffle import DimShuffle
from symtensor.tensor.sort import argsort, sort
from symtensor.tensor.transfer import transfer

__all__ = ["_tensor_py_operators"]


def _or_unsupported(operation: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    """The operation, or NotImplemented where an operand cannot be a tensor, so that Python may ask the other one."""
    try:
        return operation(a, b)
    except (NotImplementedError, AsTensorError):
        return NotImplemented


def _comparison(operation: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    result = operation(a, b)
    # `if a < b` would always be true.
    result._is_nonzero = False
    return result


class _tensor_py_operators:
    """The operators and methods of variables that stand for arrays."""

    __module__ = "symtensor.tensor.var"

    type: Any
    name: Any
    # Truth values of comparisons are refused; other variables are true, so that `if x:` can ask for presence.
    _is_nonzero = True
    # NumPy leaves operators with a variable on the right to us.
    __array_priority__ = 1000

    def __abs__(self) -> Any:
        return math.abs_(self)

    def __neg__(self) -> Any:
        return math.neg(self)

    def __invert__(self) -> Any:
        return math.invert(self)

    def __ceil__(self) -> Any:
        return math.ceil(self)

    def __floor__(self) -> Any:
        return math.floor(self)

    def __trunc__(self) -> Any:
        return math.trunc(self)

    def __int__(self) -> int:
        # Python would try __trunc__, which gives another variable.
        raise TypeError(f"a symbolic variable is not an int (type {type(self).__name__}); give it a value first")

    def __lt__(self, other: Any) -> Any:
        return _comparison(math.lt, self, other)

    def __le__(self, other: Any) -> Any:
        return _comparison(math.le, self, other)

    def __gt__(self, other: Any) -> Any:
        return _comparison(math.gt, self, other)

    def __ge__(self, other: Any) -> Any:
        return _comparison(math.ge, self, other)

    def __bool__(self) -> bool:
        """True, except for a comparison: its truth value is refused with TypeError."""
        if self._is_nonzero:
            return True
        raise TypeError("Variables do not support boolean operations.")

    __nonzero__ = __bool__

    def __and__(self, other: Any) -> Any:
        return math.and_(self, other)

    def __or__(self, other: Any) -> Any:
        return math.or_(self, other)

    def __xor__(self, other: Any) -> Any:
        return math.xor(self, other)

    def __rand__(self, other: Any) -> Any:
        return math.and_(other, self)

    def __ror__(self, other: Any) -> Any:
        return math.or_(other, self)

    def __rxor__(self, other: Any) -> Any:
        return math.xor(other, self)

    def __add__(self, other: Any) -> Any:
        return _or_unsupported(math.add, self, other)

    def __sub__(self, other: Any) -> Any:
        return _or_unsupported(math.sub, self, other)

    def __mul__(self, other: Any) -> Any:
        return _or_unsupported(math.mul, self, other)

    def __div__(self, other: Any) -> Any:
        return _or_unsupported(math.div_proxy, self, other)

    def __truediv__(self, other: Any) -> Any:
        return _or_unsupported(math.true_div, self, other)

    def __floordiv__(self, other: Any) -> Any:
        return _or_unsupported(math.floor_div, self, other)

    def __mod__(self, other: Any) -> Any:
        try:
            return math.mod_check(self, other)
        except ComplexError:
            raise  # it is a NotImplementedError, but the operand is not to blame
        except (NotImplementedError, AsTensorError):
            return NotImplemented

    def __divmod__(self, other: Any) -> Any:
        return math.divmod(self, other)

    def __pow__(self, other: Any) -> Any:
        return _or_unsupported(math.pow, self, other)

    def __radd__(self, other: Any) -> Any:
        return math.add(other, self)

    def __rsub__(self, other: Any) -> Any:
        return math.sub(other, self)

    def __rmul__(self, other: Any) -> Any:
        return math.mul(other, self)

    def __rdiv__(self, other: Any) -> Any:
        return math.div_proxy(other, self)

    def __rtruediv__(self, other: Any) -> Any:
        return math.true_div(other, self)

    def __rfloordiv__(self, other: Any) -> Any:
        return math.floor_div(other, self)

    def __rmod__(self, other: Any) -> Any:
        return math.mod(other, self)

    def __rdivmod__(self, other: Any) -> Any:
        return math.divmod(other, self)

    def __rpow__(self, other: Any) -> Any:
        return math.pow(other, self)

    def __matmul__(self, other: Any) -> Any:
        return _or_unsupported(linear.dot, self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return linear.dot(other, self)

    # -- what the type knows -----------------------------------------------------------------------------------------

    @property
    def ndim(self) -> int:
        """The rank."""
        return self.type.ndim

    @property
    def broadcastable(self) -> tuple[bool, ...]:
        """Per axis, whether the length is known to be 1."""
        return self.type.broadcastable

    @property
    def dtype(self) -> str:
        """The dtype's name."""
        return self.type.dtype

    # -- shape -------------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> Any:
        """The lengths, an int64 vector."""
        return shape_ops.shape(self)

    @property
    def size(self) -> Any:
        """The number of elements."""
        return self.shape[0] if self.ndim == 1 else reductions.prod(self.shape)

    @property
    def T(self) -> Any:
        """All axes in reverse order."""
        return shape_ops.transpose(self)

    def reshape(self, shape: Any, ndim: int | None = None) -> Any:
        """The same elements in C order in another shape. `ndim`: its length, where that is not known from `shape`."""
        if ndim is not None and not isinstance(ndim, (int, np.integer)):
            raise ValueError("Expected ndim to be an integer, is " + str(type(ndim)))
        return shape_ops.reshape(self, shape, ndim=ndim)

    def dimshuffle(self, *pattern: Any) -> Any:
        """The axes in a new order, with "x" for new broadcastable axes; broadcastable axes may be left out.

        Takes the axes as arguments or as one list. Raises ValueError for an order that does not fit.
        """
        if len(pattern) == 1 and isinstance(pattern[0], (list, tuple)):
            pattern = tuple(pattern[0])
        return DimShuffle(self.type.broadcastable, pattern)(self)

    def flatten(self, ndim: int = 1) -> Any:
        """The last axes merged, so that `ndim` are left."""
        return shape_ops.flatten(self, ndim)

    def ravel(self) -> Any:
        """All elements as a vector."""
        return self.flatten()

    def transpose(self, *axes: Any) -> Any:
        """The axes in another order, all reversed by default. Takes them as arguments or as one list."""
        if len(axes) == 0:
            return shape_ops.transpose(self)
        if len(axes) == 1 and isinstance(axes[0], (list, tuple, np.ndarray)):
            return shape_ops.transpose(self, list(axes[0]))
        if axes == (None,):
            return shape_ops.transpose(self)
        return shape_ops.transpose(self, axes)

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        """Two axes exchanged."""
        return shape_ops.swapaxes(self, axis1, axis2)

    def squeeze(self) -> Any:
        """The broadcastable axes left out."""
        return extra_ops.squeeze(self)

    def repeat(self, repeats: Any, axis: int | None = None) -> Any:
        """Each element repeated along an axis (of the flattened tensor by default)."""
        return extra_ops.repeat(self, repeats, axis)

    # -- elementwise -------------------------------------------------------------------------------------------------

    def all(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Are all elements along the axes different from 0?"""
        return reductions.all(self, axis=axis, keepdims=keepdims)

    def any(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Is any element along the axes different from 0?"""
        return reductions.any(self, axis=axis, keepdims=keepdims)

    def arccos(self) -> Any:
        """The inverse cosine."""
        return math.arccos(self)

    def arccosh(self) -> Any:
        """The inverse hyperbolic cosine."""
        return math.arccosh(self)

    def arcsin(self) -> Any:
        """The inverse sine."""
        return math.arcsin(self)

    def arcsinh(self) -> Any:
        """The inverse hyperbolic sine."""
        return math.arcsinh(self)

    def arctan(self) -> Any:
        """The inverse tangent."""
        return math.arctan(self)

    def arctanh(self) -> Any:
        """The inverse hyperbolic tangent."""
        return math.arctanh(self)

    def ceil(self) -> Any:
        """The next whole number above."""
        return math.ceil(self)

    def cos(self) -> Any:
        """The cosine."""
        return math.cos(self)

    def cosh(self) -> Any:
        """The hyperbolic cosine."""
        return math.cosh(self)

    def deg2rad(self) -> Any:
        """Degrees in radians."""
        return math.deg2rad(self)

    def exp(self) -> Any:
        """e to the power self."""
        return math.exp(self)

    def exp2(self) -> Any:
        """2 to the power self."""
        return math.exp2(self)

    def expm1(self) -> Any:
        """e to the power self, minus 1."""
        return math.expm1(self)

    def floor(self) -> Any:
        """The next whole number below."""
        return math.floor(self)

    def log(self) -> Any:
        """The natural logarithm."""
        return math.log(self)

    def log10(self) -> Any:
        """The logarithm to base 10."""
        return math.log10(self)

    def log1p(self) -> Any:
        """The natural logarithm of 1 + self."""
        return math.log1p(self)

    def log2(self) -> Any:
        """The logarithm to base 2."""
        return math.log2(self)

    def rad2deg(self) -> Any:
        """Radians in degrees."""
        return math.rad2deg(self)

    def sin(self) -> Any:
        """The sine."""
        return math.sin(self)

    def sinh(self) -> Any:
        """The hyperbolic sine."""
        return math.sinh(self)

    def sqrt(self) -> Any:
        """The square root."""
        return math.sqrt(self)

    def tan(self) -> Any:
        """The tangent."""
        return math.tan(self)

    def tanh(self) -> Any:
        """The hyperbolic tangent."""
        return math.tanh(self)

    def trunc(self) -> Any:
        """The next whole number towards 0."""
        return math.trunc(self)

    def astype(self, dtype: Any) -> Any:
        """Converted to another dtype."""
        return math.cast(self, dtype)

    def clip(self, a_min: Any, a_max: Any) -> Any:
        """Kept between two bounds."""
        return math.clip(self, a_min, a_max)

    def round(self, mode: str | None = None) -> Any:
        """The nearest whole number; see `symtensor.tensor.round`."""
        return math.round(self, mode)

    def fill(self, value: Any) -> Any:
        """`value` repeated to this shape."""
        return math.fill(self, value)

    def copy(self, name: str | None = None) -> Any:
        """A copy of the value, called `name`."""
        copied = math.tensor_copy(self)
        copied.name = name
        return copied

    def conj(self) -> Any:
        """The complex conjugate."""
        return math.conj(self)

    conjugate = conj

    @property
    def real(self) -> Any:
        """The real part."""
        return math.real(self)

    @property
    def imag(self) -> Any:
        """The imaginary part."""
        return math.imag(self)

    def zeros_like(model, dtype: Any = None) -> Any:
        """Zeros of this shape, and of this dtype unless given."""
        return zeros_like(model, dtype=dtype)

    def ones_like(model, dtype: Any = None) -> Any:
        """Ones of this shape, and of this dtype unless given."""
        return ones_like(model, dtype=dtype)

    # -- indexing ----------------------------------------------------------------------------------------------------

    def __getitem__(self, args: Any) -> Any:
        return subtensor.index_variable(self, args)

    def take(self, indices: Any, axis: Any = None, mode: str = "raise") -> Any:
        """Elements, or slices along an axis, at the given positions."""
        return subtensor.take(self, indices, axis, mode)

    def nonzero(self, return_matrix: bool = False) -> Any:
        """The positions of elements that are not 0; see `symtensor.tensor.nonzero`."""
        return choice.nonzero(self, return_matrix=return_matrix)

    def nonzero_values(self) -> Any:
        """The elements that are not 0."""
        return choice.nonzero_values(self)

    def compress(self, a: Any, axis: Any = None) -> Any:
        """Slices of `a` along an axis where this vector is not 0."""
        return extra_ops.compress(self, a, axis=axis)

    def choose(self, choices: Any, out: Any = None, mode: str = "raise") -> Any:
        """Of several arrays, element by element, the one that this tensor tells."""
        return choosing.choose(self, choices, out=out, mode=mode)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        """The diagonals of the matrices spanned by two axes."""
        return diagonal(self, offset, axis1, axis2)

    def trace(self) -> Any:
        """The sum of the diagonal."""
        return reductions.sum(ExtractDiag()(self))

    def searchsorted(self, v: Any, side: str = "left", sorter: Any = None) -> Any:
        """Where elements of `v` belong in this sorted vector."""
        return extra_ops.searchsorted(self, v, side, sorter)

    def __iter__(self) -> Iterator[Any]:
        """The elements along the first axis, for a vector whose length is known. TypeError, ValueError otherwise."""
        try:
            length = static_value.get_vector_length(self)
        except TypeError:
            raise TypeError(
                "TensorType does not support iteration. Maybe you are using builtin.sum instead of "
                "symtensor.tensor.sum? (Maybe .max?)"
            ) from None
        for position in range(length):
            yield self[position]

    # -- reductions --------------------------------------------------------------------------------------------------

    def sum(self, axis: Any = None, dtype: Any = None, keepdims: bool = False, acc_dtype: Any = None) -> Any:
        """The sum over axes; see `symtensor.tensor.sum`."""
        return reductions.sum(self, axis=axis, dtype=dtype, keepdims=keepdims, acc_dtype=acc_dtype)

    def prod(self, axis: Any = None, dtype: Any = None, keepdims: bool = False, acc_dtype: Any = None) -> Any:
        """The product over axes; see `symtensor.tensor.prod`."""
        return reductions.prod(self, axis=axis, dtype=dtype, keepdims=keepdims, acc_dtype=acc_dtype)

    def norm(self, L: Any, axis: Any = None, keepdims: bool = False) -> Any:
        """The L-norm over axes."""
        return reductions.norm(self, L, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, dtype: Any = None, keepdims: bool = False, acc_dtype: Any = None) -> Any:
        """The mean over axes; see `symtensor.tensor.mean`."""
        return reductions.mean(self, axis=axis, dtype=dtype, keepdims=keepdims, acc_dtype=acc_dtype)

    def var(self, axis: Any = None, ddof: int = 0, keepdims: bool = False, corrected: bool = False) -> Any:
        """The variance over axes; see `symtensor.tensor.var`."""
        return reductions.var(self, axis=axis, ddof=ddof, keepdims=keepdims, corrected=corrected)

    def std(self, axis: Any = None, ddof: int = 0, keepdims: bool = False, corrected: bool = False) -> Any:
        """The standard deviation over axes."""
        return reductions.std(self, axis=axis, ddof=ddof, keepdims=keepdims, corrected=corrected)

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The minimum over axes."""
        return reductions.min(self, axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The maximum over axes."""
        return reductions.max(self, axis, keepdims=keepdims)

    def argmin(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The position of the minimum over axes."""
        return reductions.argmin(self, axis, keepdims=keepdims)

    def argmax(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The position of the maximum over axes."""
        return reductions.argmax(self, axis, keepdims=keepdims)

    def ptp(self, axis: Any = None) -> Any:
        """The maximum minus the minimum over axes."""
        return reductions.ptp(self, axis)

    def sort(self, axis: Any = -1, kind: str = "quicksort", order: Any = None) -> Any:
        """Sorted along an axis."""
        return sort(self, axis, kind, order)

    def argsort(self, axis: Any = -1, kind: str = "quicksort", order: Any = None) -> Any:
        """The positions that sort along an axis."""
        return argsort(self, axis, kind, order)

    def cumsum(self, axis: Any = None) -> Any:
        """Sums of the first elements along an axis (of the flattened tensor by default)."""
        return extra_ops.cumsum(self, axis)

    def cumprod(self, axis: Any = None) -> Any:
        """Products of the first elements along an axis (of the flattened tensor by default)."""
        return extra_ops.cumprod(self, axis)

    # -- products and the rest -----------------------------------------------------------------------------------------

    def __dot__(left, right: Any) -> Any:
        return linear.dot(left, right)

    def __rdot__(right, left: Any) -> Any:
        return linear.dot(left, right)

    dot = __dot__

    def get_scalar_constant_value(self) -> Any:
        """The number that this variable is known to be; see `symtensor.tensor.get_scalar_constant_value`."""
        return static_value.get_scalar_constant_value(self)

    def transfer(self, target: str) -> Any:
        """This variable on another device; see `symtensor.tensor.transfer`."""
        return transfer(self, target)
