"""Random draws as a pure function of a generator: `draw(state, size, ...) -> (new state, sample)`.

In: a variable of `random_state_type` (its values are NumPy's `RandomState`, whose sequences are the contract), a size
(a list of integers, or an integer vector with `ndim`; None: that of the parameters) and the parameters. Out: the state
after drawing, and the sample. `RandomFunction` is the op; `uniform`, `normal` ... build it; `RandomStreamsBase` offers
them as methods of an object that keeps the states (see `shared_randomstreams`).

Refused: sizes that are neither vectors nor lists of integers, sizes of a length that is not `ndim`, sizes whose
length cannot be known.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

from symtensor.config import config
from symtensor.graph.basic import Apply, Variable
from symtensor.graph.op import Op
from symtensor.graph.type import Type
from symtensor.scalar.dtypes import DISCRETE, upcast
from symtensor.tensor.basic import cast, constant, get_vector_length, permute_row_elements
from symtensor.tensor.constant import as_tensor_variable
from symtensor.tensor.generators import Copier
from symtensor.tensor.sizes import ShapeError, entry
from symtensor.tensor.type import TensorType
from symtensor.tensor.undefined import grad_undefined

__all__ = [
    "RandomFunction", "RandomStateType", "RandomStreamsBase", "binomial", "choice", "choice_helper", "multinomial",
    "multinomial_helper", "normal", "permutation", "permutation_helper", "poisson", "random_integers",
    "random_integers_helper", "random_state_type", "uniform",
]

Size = Any


# -- the type of generators --------------------------------------------------------------------------------------------


class RandomStateType(Type):
    """The type of NumPy's RandomState. Two values are equal when they will give the same sequence."""

    is_random_state = True
    """For layers below this one, which know no generators."""

    def __str__(self) -> str:
        return "RandomStateType"

    def filter(self, data: Any, strict: bool = False, allow_downcast: bool | None = None) -> np.random.RandomState:
        if self.is_valid_value(data):
            return data
        raise TypeError()

    def is_valid_value(self, a: Any) -> bool:
        return type(a) is np.random.RandomState

    def values_eq(self, a: Any, b: Any) -> bool:
        first, second = a.get_state(), b.get_state()
        return all(np.array_equal(x, y) for x, y in zip(first, second, strict=True))

    def get_shape_info(self, obj: Any) -> None:
        """What `get_size` needs to know: nothing."""
        return None

    def get_size(self, shape_info: Any) -> int:
        """Bytes that a value takes, about."""
        return _STATE_BYTES

    @staticmethod
    def may_share_memory(a: Any, b: Any) -> bool:
        return a is b


def _state_bytes() -> int:
    state = np.random.RandomState(0).get_state()
    return sum(part.nbytes if isinstance(part, np.ndarray) else len(part) if isinstance(part, str) else 8
               for part in state)


_STATE_BYTES = _state_bytes()
random_state_type = RandomStateType()


# -- the op ------------------------------------------------------------------------------------------------------------


class RandomFunction(Op):
    """A draw from a generator: `op(state, size, *parameters)` has outputs (new state, sample).

    fn          the name of a method of RandomState, or a function of (generator, *parameters, size)
    outtype     the TensorType of the sample; the draw is converted to its dtype
    inplace     the generator given is itself advanced and returned; else a copy of it is
    ndim_added  how many axes a single draw has; they follow those of `size`
    """

    __props__ = ("fn", "outtype", "inplace", "ndim_added")

    def __init__(self, fn: str | Callable[..., Any], outtype: TensorType, inplace: bool = False, ndim_added: int = 0):
        self.fn = fn
        self.exec_fn: Callable[..., Any] = getattr(np.random.RandomState, fn) if isinstance(fn, str) else fn
        if not callable(self.exec_fn):
            raise TypeError("fn must be the name of a method of RandomState, or a function", fn)
        self.outtype = outtype
        self.inplace = inplace
        if inplace:
            self.destroy_map = {0: [0]}
        self.ndim_added = ndim_added
        self._copy = Copier()

    def __getstate__(self) -> dict[str, Any]:
        # Methods of RandomState do not pickle.
        return {name: getattr(self, name) for name in self.__props__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def __str__(self) -> str:
        name = self.fn if isinstance(self.fn, str) else self.fn.__name__
        return f"{self.__class__.__name__}{{{name}}}"

    def make_node(self, r: Any, shape: Any, *args: Any) -> Apply:
        """shape: int64 vector whose length is the sample's rank less `ndim_added`; [] leaves the size to `args`."""
        if not isinstance(r, Variable) or not isinstance(r.type, RandomStateType):
            raise TypeError("The first argument of a random function must be a RandomState variable", r)
        shape = as_tensor_variable(shape, ndim=1) if not _is_empty(shape) else constant(np.zeros(0, "int64"))
        assert shape.type.ndim == 1
        assert shape.type.dtype in ("int32", "int64")
        if shape.type.dtype != "int64":
            shape = cast(shape, "int64")
        return Apply(self, [r, shape, *map(as_tensor_variable, args)], [r.type(), self.outtype()])

    def infer_shape(self, node: Apply, shapes: list[Any]) -> list[Any]:
        rank = self.outtype.ndim - self.ndim_added
        size = node.inputs[1]
        return [None, tuple(entry(size, k) for k in range(rank)) + self._added(node)]

    def _added(self, node: Apply) -> tuple[Any, ...]:
        """The lengths of the axes of a single draw."""
        if not self.ndim_added:
            return ()
        if self.fn is permutation_helper:
            return (cast(node.inputs[2], "int64"),)
        if self.fn is multinomial_helper:
            return (node.inputs[3].shape[node.inputs[3].type.ndim - 1],)
        raise ShapeError(f"the size of what {self} draws is only known when it has run")

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any, params: Any = None) -> None:
        generator, size, *args = inputs
        assert type(generator) is np.random.RandomState, (type(generator), generator)
        rank = self.outtype.ndim - self.ndim_added
        if len(size) != rank:
            raise ValueError(f"Shape mismatch: self.outtype.ndim ({self.outtype.ndim}) != "
                             f"len(shape) ({len(size)}) + self.ndim_added ({self.ndim_added})")
        if not self.inplace:
            generator = self._copy(generator)
        wanted = tuple(map(int, size))
        sample = np.asarray(self.exec_fn(generator, *args, wanted))
        if sample.dtype != self.outtype.dtype:
            sample = sample.astype(self.outtype.dtype)
        if sample.ndim != self.outtype.ndim or sample.shape[:rank] != wanted:
            raise ValueError(f"{self} was asked for the size {wanted} and gave {sample.shape}")
        output_storage[0][0], output_storage[1][0] = generator, sample

    def grad(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> list[Any]:
        return [grad_undefined(self, k, v, "No gradient defined through raw random numbers op")
                for k, v in enumerate(inputs)]

    def R_op(self, inputs: Sequence[Any], eval_points: Sequence[Any]) -> list[Any]:
        return [None for _ in eval_points]


# -- sizes -------------------------------------------------------------------------------------------------------------


def _is_empty(size: Any) -> bool:
    return isinstance(size, (list, tuple)) and len(size) == 0


def _infer_ndim_bcast(ndim: int | None, size: Size, *args: Any) -> tuple[int, Any, tuple[bool, ...]]:
    """The rank of the sample, its size as an int64 vector, and which of its axes have length 1 by type.

    Where `size` leaves an axis open, it is that of the parameters broadcast together.
    """
    among_args = max((a.type.ndim for a in args), default=None)
    if isinstance(size, (list, tuple)):
        if ndim is None:
            ndim = len(size)
        elif ndim != len(size):
            raise ValueError("ndim should be equal to len(shape), but\n",
                             f"ndim = {ndim}, len(shape) = {len(size)}, shape = {size}")
        pattern = []
        for entry_ in size:
            pattern.append(isinstance(entry_, (int, np.integer)) and entry_ == 1
                           or isinstance(entry_, Variable) and _is_constant_one(entry_))
        vector = as_tensor_variable(list(size), ndim=1) if size else constant(np.zeros(0, "int64"))
        bcast = tuple(pattern)
    elif size is None:
        if not args:
            raise TypeError("_infer_ndim_bcast cannot infer shape without either shape or args")
        template = reduce(lambda a, b: a + b, args)
        vector = template.shape
        bcast = template.type.broadcastable
        ndim = among_args
    else:
        vector = as_tensor_variable(size)
        if vector.type.ndim != 1:
            raise TypeError(f"shape must be a vector or list of scalar, got '{vector}'")
        if ndim is None:
            ndim = get_vector_length(vector)
        bcast = (False,) * ndim
    if vector.type.dtype not in DISCRETE:
        raise TypeError("shape must be an integer vector or list", vector.type.dtype)
    if vector.type.dtype != "int64":
        vector = cast(vector, "int64")
    assert ndim is not None
    if among_args is not None and among_args > ndim:
        raise ValueError(f"ndim should be at least as big as required by args value, but\nndim = {ndim}, "
                         f"args ndim = {among_args}")
    return ndim, vector, bcast


def _is_constant_one(variable: Variable) -> bool:
    data = getattr(variable, "data", None)
    return isinstance(data, np.ndarray) and data.ndim == 0 and data == 1


def _draw(
    state: Any, fn: str | Callable[..., Any], dtype: str, ndim: int | None, size: Size, args: Sequence[Any],
    among: Sequence[Any] | None = None, ndim_added: int = 0,
) -> list[Any]:
    """Builds the op. `among`: the parameters that the size may follow (default: all)."""
    ndim, vector, bcast = _infer_ndim_bcast(ndim, size, *(args if among is None else among))
    outtype = TensorType(dtype=dtype, broadcastable=bcast + (False,) * ndim_added)
    return RandomFunction(fn, outtype, ndim_added=ndim_added)(state, vector, *args)


# -- the functions -----------------------------------------------------------------------------------------------------


def uniform(
    random_state: Any, size: Size = None, low: Any = 0.0, high: Any = 1.0, ndim: int | None = None,
    dtype: Any = None,
) -> list[Any]:
    """Uniform between `low` and `high`, which broadcast with each other and to `size`. `dtype`: floatX or more."""
    low, high = as_tensor_variable(low), as_tensor_variable(high)
    if dtype is None:
        dtype = upcast(config.floatX, low.type.dtype, high.type.dtype)
    return _draw(random_state, "uniform", dtype, ndim, size, (low, high))


def normal(
    random_state: Any, size: Size = None, avg: Any = 0.0, std: Any = 1.0, ndim: int | None = None,
    dtype: Any = None,
) -> list[Any]:
    """Normal with mean `avg` and standard deviation `std`. `dtype`: floatX or more."""
    avg, std = as_tensor_variable(avg), as_tensor_variable(std)
    if dtype is None:
        dtype = upcast(config.floatX, avg.type.dtype, std.type.dtype)
    return _draw(random_state, "normal", dtype, ndim, size, (avg, std))


def binomial(
    random_state: Any, size: Size = None, n: Any = 1, p: Any = 0.5, ndim: int | None = None, dtype: Any = "int64",
    prob: Any = None,
) -> list[Any]:
    """How many of `n` trials succeed that each succeed with probability `p` (`prob` is its old name)."""
    if prob is not None:
        p = prob
    return _draw(random_state, "binomial", dtype, ndim, size, (as_tensor_variable(n), as_tensor_variable(p)))


def poisson(
    random_state: Any, size: Size = None, lam: Any = 1.0, ndim: int | None = None, dtype: Any = "int64"
) -> list[Any]:
    """Poisson with expectation `lam`. `size` must be given."""
    return _draw(random_state, "poisson", dtype, ndim, size, (as_tensor_variable(lam),), among=())


def random_integers_helper(random_state: Any, low: Any, high: Any, size: Any) -> np.ndarray:
    """Integers between `low` and `high`, both included, drawn one after the other. ValueError where low > high, or
    where `size` is smaller than the parameters."""
    low, high = np.asarray(low), np.asarray(high)
    if size is not None:
        out_ndim = len(size)
    else:
        out_ndim = max(low.ndim, high.ndim)
    if low.ndim > out_ndim or high.ndim > out_ndim:
        raise ValueError(f"low.ndim ({low.ndim}) and high.ndim ({high.ndim}) should not be larger than len(size)", size)
    if size is None:
        size = np.broadcast_shapes(low.shape, high.shape)
    lows, highs = np.broadcast_to(low, size), np.broadcast_to(high, size)
    if low.size == 1 and high.size == 1:
        return _integers(random_state, low.item(), high.item(), tuple(size))
    out = np.empty(size, dtype="int64")
    for index in np.ndindex(*size):
        out[index] = _integers(random_state, lows[index].item(), highs[index].item(), None)
    return out


def _integers(random_state: Any, low: Any, high: Any, size: Any) -> Any:
    if low > high:
        raise ValueError("low >= high")
    return random_state.randint(int(low), int(high) + 1, size=size, dtype="int64")


def random_integers(
    random_state: Any, size: Size = None, low: Any = 0, high: Any = 1, ndim: int | None = None, dtype: Any = "int64"
) -> list[Any]:
    """Integers between `low` and `high`, both included."""
    low, high = as_tensor_variable(low), as_tensor_variable(high)
    return _draw(random_state, random_integers_helper, dtype, ndim, size, (low, high))


def choice_helper(random_state: Any, a: Any, replace: Any, p: Any, size: Any) -> Any:
    """Elements of the vector `a` (of range(a) for a number), with probabilities `p` unless that is empty."""
    a, p = np.asarray(a), np.asarray(p)
    if a.ndim > 1:
        raise ValueError(f"a.ndim ({a.ndim}) must be 0 or 1")
    if p.ndim != 1:
        raise ValueError(f"p.ndim ({p.ndim}) must be 1")
    return random_state.choice(int(a) if a.ndim == 0 else a, size, bool(replace), None if p.size == 0 else p)


def choice(
    random_state: Any, size: Size = None, a: Any = 2, replace: Any = True, p: Any = None, ndim: int | None = None,
    dtype: Any = "int64",
) -> list[Any]:
    """Elements of the vector `a` (or of range(a)), each as likely as `p` says (default: all alike). `size` must be
    given."""
    args = (
        as_tensor_variable(a), constant(np.int8(replace)) if isinstance(replace, bool) else as_tensor_variable(replace),
        constant(np.zeros(0)) if p is None else as_tensor_variable(p),
    )
    return _draw(random_state, choice_helper, dtype, ndim, size, args, among=())


def permutation_helper(random_state: Any, n: Any, shape: Any) -> np.ndarray:
    """Permutations of range(n) along the last axis of an array of size `shape` + (n,)."""
    n = np.asarray(n)
    assert n.shape == ()
    length = int(n)
    shape = () if shape is None else tuple(shape)
    out = np.empty((*shape, length), dtype="int64")
    for index in np.ndindex(*shape):
        out[index] = random_state.permutation(length)
    return out


def permutation(
    random_state: Any, size: Size = None, n: Any = 1, ndim: int | None = None, dtype: Any = "int64"
) -> list[Any]:
    """Permutations of range(n): their entries are the last axis, after those of `size` (default: one permutation)."""
    if size is None or _is_empty(size):
        if ndim not in (None, 0, 1):
            raise TypeError("You asked for just one permutation but asked for its number of dimensions to be", ndim)
        size, ndim = (), None
    return _draw(random_state, permutation_helper, dtype, ndim, size, (as_tensor_variable(n),), among=(), ndim_added=1)


def multinomial_helper(random_state: Any, n: Any, pvals: Any, size: Any) -> np.ndarray:
    """How often each of the outcomes happens in `n` trials; the outcomes of `pvals` are its last axis.

    `n` and the leading axes of `pvals` broadcast to `size`. ValueError where they do not.
    """
    n, pvals = np.asarray(n), np.asarray(pvals)
    if size is None:
        size = np.broadcast_shapes(n.shape, pvals.shape[:-1])
    size = tuple(size)
    if n.ndim > len(size):
        raise ValueError(f"n.ndim ({n.ndim}) should not be larger than len(size) ({len(size)})", n, size)
    if pvals.ndim - 1 > len(size):
        raise ValueError(f"pvals.ndim-1 ({pvals.ndim - 1}) should not be larger than len(size) ({len(size)})", pvals,
                         size)
    if pvals.ndim == 1 and n.ndim == 0:  # the same numbers in one call
        return random_state.multinomial(int(n), _outcomes(pvals), size)
    counts = np.broadcast_to(n, size)
    rows = np.broadcast_to(pvals, (*size, pvals.shape[-1]))
    out = np.empty((*size, pvals.shape[-1]), dtype="int64")
    for index in np.ndindex(*size):
        out[index] = random_state.multinomial(int(counts[index]), _outcomes(rows[index]))
    return out


def _outcomes(pvals: np.ndarray) -> np.ndarray:
    """The probabilities as doubles. Where they were rounded to float32 they may add up to a little more than 1, which
    NumPy takes."""
    row = pvals.astype("float64")
    total = row.sum()
    assert total <= 1.0 + 1e-6, total
    return row


def multinomial(
    random_state: Any, size: Size = None, n: Any = 1, pvals: Any = [0.5, 0.5],  # noqa: B006
    ndim: int | None = None, dtype: Any = "int64",
) -> list[Any]:
    """How often each outcome happens in `n` trials. The outcomes are the last axis of `pvals` and of the sample."""
    n, pvals = as_tensor_variable(n), as_tensor_variable(pvals)
    # The size follows n and all axes of pvals but the last.
    among = (n, pvals.T[0].T)
    return _draw(random_state, multinomial_helper, dtype, ndim, size, (n, pvals), among=among, ndim_added=1)


# -- as methods --------------------------------------------------------------------------------------------------------


class RandomStreamsBase:
    """The functions of this module as methods of an object whose `gen(fn, *args, **kwargs)` provides the state."""

    def gen(self, op: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The sample of `op(state, *args, **kwargs)` for a state of the object's own."""
        raise TypeError(f"{type(self).__name__} defines no gen()")

    def binomial(self, size: Size = None, n: Any = 1, p: Any = 0.5, ndim: int | None = None, dtype: Any = "int64",
                 prob: Any = None) -> Any:
        """See `binomial` of this module."""
        return self.gen(binomial, size, n, p if prob is None else prob, ndim=ndim, dtype=dtype)

    def uniform(self, size: Size = None, low: Any = 0.0, high: Any = 1.0, ndim: int | None = None,
                dtype: Any = None) -> Any:
        """See `uniform` of this module."""
        return self.gen(uniform, size, low, high, ndim=ndim, dtype=dtype)

    def normal(self, size: Size = None, avg: Any = 0.0, std: Any = 1.0, ndim: int | None = None,
               dtype: Any = None) -> Any:
        """See `normal` of this module."""
        return self.gen(normal, size, avg, std, ndim=ndim, dtype=dtype)

    def poisson(self, size: Size = None, lam: Any = None, ndim: int | None = None, dtype: Any = "int64") -> Any:
        """See `poisson` of this module."""
        return self.gen(poisson, size, lam, ndim=ndim, dtype=dtype)

    def random_integers(self, size: Size = None, low: Any = 0, high: Any = 1, ndim: int | None = None,
                        dtype: Any = "int64") -> Any:
        """See `random_integers` of this module."""
        return self.gen(random_integers, size, low, high, ndim=ndim, dtype=dtype)

    def choice(self, size: Size = None, a: Any = 2, replace: Any = True, p: Any = None, ndim: int | None = None,
               dtype: Any = "int64") -> Any:
        """See `choice` of this module."""
        return self.gen(choice, size, a, replace, p, ndim=ndim, dtype=dtype)

    def permutation(self, size: Size = None, n: Any = 1, ndim: int | None = None, dtype: Any = "int64") -> Any:
        """See `permutation` of this module."""
        return self.gen(permutation, size, n, ndim=ndim, dtype=dtype)

    def multinomial(self, size: Size = None, n: Any = 1, pvals: Any = [0.5, 0.5],  # noqa: B006
                    ndim: int | None = None, dtype: Any = "int64") -> Any:
        """See `multinomial` of this module."""
        return self.gen(multinomial, size, n, pvals, ndim=ndim, dtype=dtype)

    def shuffle_row_elements(self, input: Any) -> Any:
        """`input` with the elements of each row (along the last axis) in an order of their own."""
        order = self.permutation(size=input.shape[:-1], n=input.shape[-1], ndim=input.type.ndim - 1)
        return permute_row_elements(input, order)
