"""Parallel random streams: L'Ecuyer's combined multiple recursive generator MRG31k3p.

In: a seed (an integer, or the six words of a state). Out: `MRG_RandomStreams`, whose methods make random variables. A
variable has an int32 matrix of states, one row for each of its parallel streams, in a shared variable that functions
advance by default; sample k of the flattened output comes from stream k modulo the number of streams. Streams of one
variable start 2**72 steps apart, variables 2**134.

    x[k] = (2**22 x[k-2] + (2**7 + 1) x[k-3]) mod (2**31 - 1)
    y[k] = (2**15 y[k-1] + (2**15 + 1) y[k-3]) mod (2**31 - 21069)
    output (x[k] - y[k]) mod (2**31 - 1), in 1 ... 2**31 - 1

Source: P. L'Ecuyer and R. Touzin, Fast combined multiple recursive generators with multipliers of the form
a = +-2^q +-2^r, Proceedings of the 2000 Winter Simulation Conference.

Refused: seeds of zeros or beyond the moduli, sizes that are no vector of positive integers, draws that
`sandbox.multinomial` does not know.
"""
from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from symtensor.config import config
from symtensor.gradient import undefined_grad
from symtensor.graph.basic import Apply, Variable
from symtensor.graph.op import Op
from symtensor.sandbox import multinomial
from symtensor.scalar.dtypes import upcast
from symtensor.tensor.basic import (
    addbroadcast, as_tensor_variable, cast, cos, get_vector_length, join, log, lt, prod, sin, sqrt,
)
from symtensor.tensor.sharedvar import shared
from symtensor.tensor.sizes import entry
from symtensor.tensor.type import TensorType
from symtensor.tensor.undefined import grad_undefined

__all__ = [
    "A1p134", "A1p72", "A2p134", "A2p72", "DotModulo", "M1", "M2", "MASK12", "MASK13", "MASK2", "MRG_RandomStreams",
    "MULT2", "NORM", "ff_2p134", "ff_2p72", "guess_n_streams", "matVecModM", "mrg_next_value", "mrg_uniform",
    "mrg_uniform_base", "multMatVect", "np_int32_vals",
]

MASK12 = np.int32(511)  # 2**9 - 1
MASK13 = np.int32(16777215)  # 2**24 - 1
MASK2 = np.int32(65535)  # 2**16 - 1
MULT2 = np.int32(21069)
NORM = 4.656612873077392578125e-10  # 1 / 2**31
M1 = np.asarray(np.int32(2147483647))  # 2**31 - 1
M2 = np.asarray(np.int32(2147462579))  # 2**31 - 21069
np_int32_vals = [np.int32(i) for i in (0, 7, 9, 15, 16, 22, 24)]


def _power(matrix: list[list[int]], exponent: int, modulus: int) -> np.ndarray:
    """matrix ** (2 ** exponent) modulo `modulus`."""
    for _ in range(exponent):
        matrix = [[sum(matrix[i][k] * matrix[k][j] for k in range(3)) % modulus for j in range(3)] for i in range(3)]
    return np.asarray(matrix, dtype="int64")


# One step of each recurrence, as a matrix.
_STEP1 = [[0, 1 << 22, (1 << 7) + 1], [1, 0, 0], [0, 1, 0]]
_STEP2 = [[1 << 15, 0, (1 << 15) + 1], [1, 0, 0], [0, 1, 0]]
A1p72, A2p72 = _power(_STEP1, 72, int(M1)), _power(_STEP2, 72, int(M2))
A1p134, A2p134 = _power(_STEP1, 134, int(M1)), _power(_STEP2, 134, int(M2))

# A sample is (draw & mask + offset) * norm, in float32 or float64. A float32 draw may round up to 2**31, so its norm is
# the float below 2**-31 and the sample stays below 1. float16 takes the low 15 bits of the draw.
FLOAT_NORM = 4.6566126e-10
HALF_NORM, HALF_MASK, HALF_OFFSET = float(np.float16(3.0458e-05)), 0x7FFF, 1

# The standard deviation of a standard normal number truncated at -2 and 2.
STD_TRUNCATED = 0.8796256610342398

# How many streams a variable has whose size is not known, and at most.
MANY_STREAMS = 60 * 256


# -- arithmetic on states ----------------------------------------------------------------------------------------------


def matVecModM(A: Any, s: Any, m: Any) -> np.ndarray:
    """A s mod m, of a matrix and a vector of int32."""
    A, s = np.asarray(A, dtype="int64"), np.asarray(s, dtype="int64")
    # Each product is below 2**62; they are reduced before they are added.
    return np.sum(A * s % int(m), axis=1, dtype="int64").__mod__(int(m)).astype("int32")


def multMatVect(v: Any, A: Any, m1: Any, B: Any, m2: Any) -> np.ndarray:
    """The six words `v` with the first three multiplied by A modulo m1, the others by B modulo m2."""
    return np.concatenate([matVecModM(A, v[:3], m1), matVecModM(B, v[3:], m2)])


def ff_2p134(rstate: Any) -> np.ndarray:
    """The state 2**134 steps later."""
    return multMatVect(rstate, A1p134, M1, A2p134, M2)


def ff_2p72(rstate: Any) -> np.ndarray:
    """The state 2**72 steps later."""
    return multMatVect(rstate, A1p72, M1, A2p72, M2)


def _advance(x1: Any, x2: Any, x3: Any, y1: Any, y3: Any) -> tuple[Any, Any, Any]:
    """The next words of both recurrences and the draw, of words that are uint32 (arrays or scalars).

    x1, x2, x3 are the latest, second and third latest words of the first recurrence, y1, y3 of the second.
    """
    first = ((x2 & 511) << 22) + (x2 >> 9) + ((x3 & 16777215) << 7) + (x3 >> 24)
    first = _less(first, 2147483647)
    first = _less(first + x3, 2147483647)
    second = _less(((y1 & 65535) << 15) + (y1 >> 16) * np.uint32(21069), 2147462579)
    third = _less(((y3 & 65535) << 15) + (y3 >> 16) * np.uint32(21069), 2147462579)
    third = _less(third + y3, 2147462579)
    second = _less(second + third, 2147462579)
    draw = np.where(first <= second, first - second + np.uint32(2147483647), first - second)
    return first, second, draw


def _less(value: Any, modulus: int) -> Any:
    return np.where(value >= modulus, value - np.uint32(modulus), value)


def _sample(draw: Any, norm: float, mask: int, offset: int, dtype: str) -> Any:
    """The sample of a draw, computed in float32 or float64."""
    if mask or offset:
        draw = (draw & np.uint32(mask)) + np.uint32(offset)
    return draw.astype(dtype) * np.dtype(dtype).type(norm)


def mrg_next_value(rstate: Any, new_rstate: Any, NORM: float, mask: int, offset: int) -> Any:
    """One sample, float64, of the state `rstate`; the state after it is written to `new_rstate` (six words each).

    With a `mask` only those bits of the draw count, and `offset` is added to them.
    """
    words = np.asarray(rstate).astype("uint32")
    with np.errstate(over="ignore"):
        first, second, draw = _advance(words[0], words[1], words[2], words[3], words[5])
        new_rstate[...] = [first, words[0], words[1], second, words[3], words[4]]
        return float(_sample(np.asarray(draw), NORM, mask, offset, "float64")) if mask else float(draw) * NORM


class DotModulo(Op):
    """`multMatVect` as an op: the concatenation of dot(A, s) mod m and dot(A2, s2) mod m2, as int32."""

    __props__ = ()

    def make_node(self, A: Any, s: Any, m: Any, A2: Any, s2: Any, m2: Any) -> Apply:
        return Apply(self, list(map(as_tensor_variable, (A, s, m, A2, s2, m2))), [as_tensor_variable(s).type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any, params: Any = None) -> None:
        A, s, m, A2, s2, m2 = inputs
        output_storage[0][0] = np.concatenate([matVecModM(A, s, m), matVecModM(A2, s2, m2)])


# -- the op ------------------------------------------------------------------------------------------------------------


class mrg_uniform_base(Op):
    """What the generators of uniform numbers have in common."""

    __props__ = ("output_type", "inplace")

    def __init__(self, output_type: TensorType, inplace: bool = False) -> None:
        super().__init__()
        self.output_type = output_type
        self.inplace = inplace
        if inplace:
            self.destroy_map = {0: [0]}

    ndim = property(lambda self: self.output_type.ndim)
    otypenum = property(lambda self: np.dtype(self.output_type.dtype).num)
    otype_is_float32 = property(lambda self: self.output_type.dtype == "float32")

    def __str__(self) -> str:
        where = "inplace" if self.inplace else "no_inplace"
        return f"{self.__class__.__name__}{{{self.output_type},{where}}}"

    def grad(self, inputs: Sequence[Any], ograd: Sequence[Any]) -> list[Any]:
        return [grad_undefined(self, k, v, "No gradient defined through random sampling op")
                for k, v in enumerate(inputs)]

    def R_op(self, inputs: Sequence[Any], eval_points: Sequence[Any]) -> list[Any]:
        return [None for _ in eval_points]


class mrg_uniform(mrg_uniform_base):
    """`op(rstate, size)`: outputs (states after drawing, uniform numbers in (0, 1) of type `output_type`).

    rstate   int32 (n_streams, 6)
    size     integer vector, one entry an axis
    """

    def make_node(self, rstate: Any, size: Any) -> Apply:
        rstate, size = as_tensor_variable(rstate), as_tensor_variable(size)
        return Apply(self, [rstate, size], [rstate.type(), self.output_type()])

    @classmethod
    def new(cls, rstate: Any, ndim: int | None, dtype: str, size: Any) -> list[Any]:
        """The op's outputs for a size of which the rank, or else the length, is known."""
        v_size = _as_vector(size)
        if ndim is None:
            ndim = get_vector_length(v_size)
        if isinstance(size, (list, tuple)) and len(size) == ndim:
            pattern = tuple(_entry_is_one(s) for s in size)
        else:
            pattern = (False,) * ndim
        op = cls(TensorType(dtype, pattern))
        return op(rstate, v_size)

    def infer_shape(self, node: Apply, shapes: list[Any]) -> list[Any]:
        return [shapes[0], tuple(entry(node.inputs[1], k) for k in range(self.output_type.ndim))]

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any, params: Any = None) -> None:
        rstate, size = inputs
        if len(size) != self.output_type.ndim:
            raise ValueError(f"size must have length {self.output_type.ndim} (not {len(size)})")
        if rstate.ndim != 2 or rstate.shape[1] != 6:
            raise ValueError("rstate must have 6 columns")
        sizes = tuple(map(int, size))
        if any(length < 0 for length in sizes):
            raise ValueError(f"negative dimensions are not allowed in size {sizes}")
        n_streams = rstate.shape[0]
        if n_streams == 0:
            raise ValueError("rstate must have at least one row")
        new_state, sample = _drawn(rstate, int(np.prod(sizes, dtype="int64")), self.output_type.dtype)
        if self.inplace:
            rstate[...] = new_state
            new_state = rstate
        output_storage[0][0] = new_state
        output_storage[1][0] = sample.reshape(sizes)


def sampling(dtype: str) -> tuple[float, int, int, str]:
    """How a sample of that dtype is made from a draw: norm, mask, offset and the dtype of the arithmetic."""
    if dtype == "float16":
        return HALF_NORM, HALF_MASK, HALF_OFFSET, "float32"
    if dtype == "float32":
        return FLOAT_NORM, 0, 0, "float32"
    return NORM, 0, 0, "float64"


def _drawn(rstate: np.ndarray, count: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """(states after `count` draws, the flat samples)."""
    n_streams = rstate.shape[0]
    x1, x2, x3, y1, y2, y3 = np.ascontiguousarray(rstate.T).astype("uint32")
    flat = np.empty(count, dtype)
    norm, mask, offset, computed = sampling(dtype)
    for start in range(0, count, n_streams):
        busy = min(n_streams, count - start)
        first, second, draw = _advance(x1[:busy], x2[:busy], x3[:busy], y1[:busy], y3[:busy])
        flat[start:start + busy] = _sample(draw, norm, mask, offset, computed)
        if busy == n_streams:
            x1, x2, x3, y1, y2, y3 = first, x1, x2, second, y1, y2
        else:
            # The last round: streams beyond `busy` stand still.
            rest = slice(busy, None)
            x3, x2, x1 = (np.concatenate([new, old[rest]]) for new, old in
                          ((x2[:busy], x3), (x1[:busy], x2), (first, x1)))
            y3, y2, y1 = (np.concatenate([new, old[rest]]) for new, old in
                          ((y2[:busy], y3), (y1[:busy], y2), (second, y1)))
    return np.stack([x1, x2, x3, y1, y2, y3], axis=1).astype(rstate.dtype), flat


def _as_vector(size: Any) -> Any:
    # An empty list alone would be a vector of floats.
    return as_tensor_variable(np.zeros(0, "int64") if isinstance(size, (tuple, list)) and not size else size)


def _entry_is_one(length: Any) -> bool:
    data = getattr(length, "data", length)
    return not isinstance(data, Variable) and np.ndim(data) == 0 and isinstance(
        data, (int, np.integer, np.ndarray)) and bool(data == 1)


# -- streams -----------------------------------------------------------------------------------------------------------


def guess_n_streams(size: Any, warn: bool = False) -> int:
    """How many streams to use for a sample of that size: a sixth of its length, if that is known and large, at most
    15360. With `warn` a UserWarning says that the size is not known."""
    if isinstance(size, (tuple, list)) and all(isinstance(s, int) for s in size):
        count = 1
        for length in size:
            count *= length
        if count > 6:
            count //= 6
        return min(count, MANY_STREAMS)
    if warn:
        warnings.warn(f"MRG_RandomStreams Can't determine #streams from size ({size}), guessing 60*256", stacklevel=3)
    return MANY_STREAMS


class MRG_RandomStreams:
    """Random variables whose streams run in parallel.

    `seed` is an integer in 1 ... 2147462578, or six: three below 2147483647 and three below 2147462579, in each three
    not all 0. TypeError or ValueError for others.

    Attributes:
        rstate: the state from which the next variable's streams start, six int32 words.
        state_updates: (states, their new value, size, nstreams) of each variable made.
        default_instance_seed: the seed, which `seed()` without argument returns to.
    """

    def __init__(self, seed: Any = 12345) -> None:
        self.state_updates: list[tuple[Any, Any, Any, Any]] = []
        self.default_instance_seed = seed
        self.rstate: np.ndarray
        self.set_rstate(seed)

    def updates(self) -> list[tuple[Any, Any, Any, Any]]:
        """A copy of `state_updates`."""
        return list(self.state_updates)

    def set_rstate(self, seed: Any) -> None:
        """Start the next variable from this seed."""
        if isinstance(seed, int):
            if seed == 0:
                raise ValueError("seed should not be 0", seed)
            if seed >= M2:
                raise ValueError(f"seed should be less than {M2}", seed)
            self.rstate = np.asarray([seed] * 6, dtype="int32")
            return
        if len(seed) != 6:
            raise TypeError("seed should be 1 integer or 6 integers")
        for part, modulus, name in ((seed[:3], M1, "first"), (seed[3:], M2, "last")):
            if all(word == 0 for word in part):
                raise ValueError(f"The {name} 3 values of seed should not be all 0", seed)
            if any(word >= modulus for word in part):
                raise ValueError(f"The {name} 3 values of seed should be less than {modulus}", seed)
        self.rstate = np.asarray(seed, dtype="int32")

    def seed(self, seed: Any = None) -> None:
        """Start all variables again, as if this object had been made with `seed` (default: its own)."""
        self.set_rstate(self.default_instance_seed if seed is None else seed)
        for states, new_states, size, nstreams in self.state_updates:
            if nstreams is None:
                nstreams = self.n_streams(size)
            states.set_value(self.get_substream_rstates(nstreams, new_states.owner.outputs[1].dtype), borrow=True)

    def inc_rstate(self) -> None:
        """Move on to where the next variable's streams start."""
        self.rstate = ff_2p134(self.rstate)
        assert self.rstate.dtype == np.int32

    def get_substream_rstates(self, n_streams: int, dtype: str, inc_rstate: bool = True) -> np.ndarray:
        """The states of `n_streams` streams, int32 (n_streams, 6), the first of which is `rstate`; then moves on."""
        assert isinstance(dtype, str)
        assert n_streams < 2 ** 72
        assert n_streams > 0
        # Row k is the start advanced k times. Doubling: rows 0 .. j-1 advanced j times give rows j .. 2j-1.
        rows = self.rstate.astype("int64")[None, :]
        jump1, jump2 = A1p72, A2p72
        while rows.shape[0] < n_streams:
            ahead = rows[: n_streams - rows.shape[0]]
            moved = np.concatenate([_rows_times(ahead[:, :3], jump1, int(M1)),
                                    _rows_times(ahead[:, 3:], jump2, int(M2))], axis=1)
            rows = np.concatenate([rows, moved])
            jump1, jump2 = _rows_times(jump1.T, jump1, int(M1)).T, _rows_times(jump2.T, jump2, int(M2)).T
        if inc_rstate:
            self.inc_rstate()
        return rows.astype("int32")

    def n_streams(self, size: Any) -> int:
        """How many streams a variable of that size gets."""
        return guess_n_streams(size)

    def pretty_return(self, node_rstate: Any, new_rstate: Any, sample: Any, size: Any, nstreams: Any) -> Any:
        """Note a new variable: functions that use it advance its states."""
        node_rstate.default_update = new_rstate
        self.state_updates.append((node_rstate, new_rstate, size, nstreams))
        return sample

    def uniform(
        self, size: Any, low: Any = 0.0, high: Any = 1.0, ndim: int | None = None, dtype: Any = None,
        nstreams: int | None = None, **kwargs: Any,
    ) -> Any:
        """Uniform numbers between `low` and `high`.

        size      tuple of positive integers and integer scalars, or an integer vector (then `ndim`, if its length is
                  not known)
        dtype     default: floatX, or that of `low` or `high` if larger
        nstreams  number of parallel streams (default: see `guess_n_streams`)

        Raises ValueError for lengths that are not positive, TypeError for other sizes.
        """
        low, high = as_tensor_variable(low), as_tensor_variable(high)
        if dtype is None:
            dtype = upcast(config.floatX, low.type.dtype, high.type.dtype)
        low, high = undefined_grad(cast(low, dtype)), undefined_grad(cast(high, dtype))
        if isinstance(size, tuple):
            assert all(isinstance(i, (np.integer, int, Variable)) for i in size), (
                "size must be a tuple of int or a Symtensor variable")
            if any(isinstance(i, (np.integer, int)) and i <= 0 for i in size):
                raise ValueError("The specified size contains a dimension with value <= 0", size)
        elif not (isinstance(size, Variable) and size.type.ndim == 1):
            raise TypeError("size must be a tuple of int or a Symtensor Variable with 1 dimension, "
                            f"got {size} of type {type(size)}")
        streams = self.n_streams(size) if nstreams is None else nstreams
        states = self.get_substream_rstates(streams, dtype)
        node_rstate = shared(states)
        if kwargs.pop("target", None) not in ("cpu", None):
            raise TypeError("random numbers are drawn on the CPU")
        if kwargs:
            raise TypeError(f"uniform() got unexpected keyword arguments {kwargs.keys()}")
        new_states, sample = mrg_uniform.new(node_rstate, ndim, dtype, size)
        node_rstate.tag.is_rng = True
        r = self.pretty_return(node_rstate, new_states, sample, size, nstreams)
        result = r * (high - low) + low
        if result.type.broadcastable != sample.type.broadcastable:
            raise NotImplementedError(
                "Increase the size to match the broadcasting pattern of `low` and `high` arguments")
        return result

    def binomial(
        self, size: Any = None, n: Any = 1, p: Any = 0.5, ndim: int | None = None, dtype: Any = "int64",
        nstreams: int | None = None, **kwargs: Any,
    ) -> Any:
        """1 with probability `p`, else 0. NotImplementedError for `n` other than 1."""
        if n != 1:
            raise NotImplementedError("MRG_RandomStreams.binomial with n > 1")
        p = undefined_grad(as_tensor_variable(p))
        x = self.uniform(size=size, nstreams=nstreams, **kwargs) if ndim is None else self.uniform(
            size=size, ndim=ndim, nstreams=nstreams, **kwargs)
        return cast(lt(x, p), dtype)

    def multinomial(
        self, size: Any = None, n: Any = 1, pvals: Any = None, ndim: int | None = None, dtype: Any = "int64",
        nstreams: int | None = None, **kwargs: Any,
    ) -> Any:
        """How often each outcome happens in `n` trials; the rows of the matrix `pvals` are distributions.

        `size` and `ndim` must be left out (ValueError). TypeError without `pvals`.
        """
        if pvals is None:
            raise TypeError("You have to specify pvals")
        pvals = undefined_grad(as_tensor_variable(pvals))
        if size is not None:
            raise ValueError("Provided a size argument to MRG_RandomStreams.multinomial, which does not use the size "
                             "argument.")
        if ndim is not None:
            raise ValueError("Provided an ndim argument to MRG_RandomStreams.multinomial, which does not use the ndim "
                             "argument.")
        if pvals.type.ndim != 2:
            raise NotImplementedError("MRG_RandomStreams.multinomial only implemented for pvals.ndim = 2")
        count = as_tensor_variable(n)
        unis = self.uniform(size=pvals[:, 0].shape * count, ndim=1, nstreams=nstreams, **kwargs)
        return multinomial.MultinomialFromUniform(dtype)(pvals, unis, count)

    def choice(
        self, size: Any = 1, a: Any = None, replace: Any = True, p: Any = None, ndim: int | None = None,
        dtype: Any = "int64", nstreams: int | None = None, **kwargs: Any,
    ) -> Any:
        """`size` outcomes for each row of the matrix `p`, none of them twice.

        Only `replace=False` with `a` left out exists (NotImplementedError, TypeError); the outcomes are the numbers of
        the columns.
        """
        if replace:
            raise NotImplementedError("MRG_RandomStreams.choice only works without replacement for now.")
        if a is not None:
            raise TypeError("For now, MRG_RandomStreams.choice only works with a=None.")
        if p is None:
            raise TypeError("For now, p has to be specified in MRG_RandomStreams.choice.")
        p = undefined_grad(as_tensor_variable(p))
        if ndim is not None:
            raise ValueError("ndim argument to MRG_RandomStreams.choice is not used.")
        if p.type.ndim != 2:
            raise NotImplementedError("MRG_RandomStreams.choice is only implemented for p.ndim = 2")
        count = as_tensor_variable(size)
        unis = self.uniform(size=p[:, 0].shape * count, ndim=1, nstreams=nstreams, **kwargs)
        return multinomial.ChoiceFromUniform(odtype=dtype, replace=False)(p, unis, count)

    def multinomial_wo_replacement(
        self, size: Any = None, n: Any = 1, pvals: Any = None, ndim: int | None = None, dtype: Any = "int64",
        nstreams: int | None = None, **kwargs: Any,
    ) -> Any:
        """The old name of `choice(size=n, p=pvals, replace=False)`."""
        warnings.warn(
            "MRG_RandomStreams.multinomial_wo_replacement() is deprecated and will be removed. Please use "
            "MRG_RandomStreams.choice() instead.", stacklevel=2)
        assert size is None
        return self.choice(size=n, a=None, replace=False, p=pvals, dtype=dtype, nstreams=nstreams, ndim=ndim, **kwargs)

    def normal(
        self, size: Any, avg: Any = 0.0, std: Any = 1.0, ndim: int | None = None, dtype: Any = None,
        nstreams: int | None = None, truncate: bool = False, **kwargs: Any,
    ) -> Any:
        """Normal numbers, by the method of Box and Muller.

        `truncate` draws numbers beyond two standard deviations again. `size`, `dtype`, `nstreams`: see `uniform`.
        """
        if isinstance(size, (tuple, list)):
            for length in size:
                if isinstance(length, (int, np.integer)) and length <= 0:
                    raise ValueError("Non-positive dimensions not allowed in size.", size, length)
        elif not isinstance(size, (int, np.integer, Variable)):
            raise ValueError("Size must be a int, tuple, list or Symtensor variable.", size)
        avg, std = as_tensor_variable(avg), as_tensor_variable(std)
        if dtype is None:
            dtype = upcast(config.floatX, avg.type.dtype, std.type.dtype)
        avg, std = cast(undefined_grad(avg), dtype), cast(undefined_grad(std), dtype)
        shape = _as_vector(size)
        if shape.type.ndim == 0:
            shape = as_tensor_variable([size], ndim=1)
        if shape.type.dtype != "int64":
            shape = cast(shape, "int64")
        count = prod(shape, dtype="int64")
        even = count + count % 2
        half = even // 2
        unis = self.uniform(size=(even,), low=0.0, high=1.0, ndim=1, dtype=dtype, nstreams=nstreams, **kwargs)
        radius = sqrt(-2.0 * log(unis[:half]))
        angle = np.array(2.0 * np.pi, dtype=dtype) * unis[half:]
        cosine, sine = cos(angle), sin(angle)
        if truncate:
            flat = self._redrawn(radius, cosine, sine, dtype, nstreams, kwargs)
        else:
            flat = join(0, radius * cosine, radius * sine)
        if ndim is None:
            ndim = get_vector_length(shape)
        samples = flat[:count].reshape(shape, ndim=ndim)
        if isinstance(size, (tuple, list)) and any(map(_entry_is_one, size)):
            samples = _with_pattern(samples, tuple(map(_entry_is_one, size)))
        result = samples * std + avg
        return result

    def _redrawn(self, radius: Any, cosine: Any, sine: Any, dtype: str, nstreams: Any, kwargs: Any) -> Any:
        """The pairs with new radii, small enough for both, where a number was beyond 2."""
        evens, odds = radius * cosine, radius * sine
        far_evens, far_odds = ((z < -2.0) | (z > 2.0) for z in (evens, odds))
        where_even, where_odd = far_evens.nonzero()[0], far_odds.nonzero()[0]
        n_even, n_odd = where_even.shape[0], where_odd.shape[0]
        unis = self.uniform(size=(n_even + n_odd,), low=np.exp(-2.0), high=1.0, ndim=1, dtype=dtype, nstreams=nstreams,
                            **kwargs)
        radii = sqrt(-2.0 * log(unis))
        return join(
            0, evens[(~far_evens).nonzero()[0]], radii[:n_even] * cosine[where_even],
            odds[(~far_odds).nonzero()[0]], radii[n_even:] * sine[where_odd],
        )

    def truncated_normal(
        self, size: Any, avg: Any = 0.0, std: Any = 1.0, ndim: int | None = None, dtype: Any = None,
        nstreams: int | None = None, **kwargs: Any,
    ) -> Any:
        """Normal numbers not further than two standard deviations from the mean, before `std` makes up for what the
        truncation took away: it is the standard deviation of the result. The other arguments: see `normal`."""
        std = as_tensor_variable(std) / STD_TRUNCATED
        return self.normal(
            size=size, avg=avg, std=std, ndim=ndim, dtype=dtype, nstreams=nstreams, truncate=True, **kwargs)


def _with_pattern(samples: Any, pattern: tuple[bool, ...]) -> Any:
    """`samples` with those axes of length 1 by type."""
    known = tuple(a or b for a, b in zip(samples.type.broadcastable, pattern, strict=True))
    if known == samples.type.broadcastable:
        return samples
    axes = [k for k, (new, old) in enumerate(zip(known, samples.type.broadcastable, strict=True)) if new > old]
    return addbroadcast(samples, *axes)


def _rows_times(rows: np.ndarray, matrix: np.ndarray, modulus: int) -> np.ndarray:
    """Each row, as a column, multiplied by `matrix`, modulo `modulus`. All numbers are below 2**31."""
    result = np.zeros_like(rows)
    for k in range(3):
        result = (result + rows[:, k:k + 1] * matrix[:, k][None, :] % modulus) % modulus
    return result
