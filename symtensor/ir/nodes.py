"""The Program: the one plan that every consumer executes.

A `Program` is what lowering makes of an optimised graph and what the interpreter, the C printer and the CUDA printer
consume. It is plain frozen data: no behaviour, no reference to graphs, ops or functions. It is legal in three stages,
each checked by `symtensor.ir.spec`:

  nests     every buffer is defined once, by a statement that says how it may share memory
            (`Define`, `Copied`, `View`, `Reshape`, `Same`); nobody has decided where anything lives
  buffered  storage is decided: `Define` and `Copied` have become `Alloc` (a slot, an output) or `Same` (in place)
  target    for a machine with a device: every buffer has a home, and `Move` copies between the two memories; the C
            printer takes this stage and the buffered one

Values are buffers: strided arrays whose dtype, rank and broadcast pattern are static and whose sizes are not, or single
Python objects. Sizes, offsets and conditions are scalar expressions of dtype int64 or bool. Scalar arithmetic is
spelled with the rows of `symtensor.scalar.table` (`Op("add", ...)`): every conversion is an explicit `Cast`, and every
operand already has the dtype that the row computes in. Index arithmetic is int64 only.

What is not here: broadcasting (an index is simply left out or 0), implicit conversion, dynamic rank, negative indices
(lowering adds the length and emits a `Check`), aliasing by accident.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Union

__all__ = [
    "Accumulate", "Alloc", "Axis", "Buffer", "Call", "Cast", "Check", "Const", "Copied", "Define", "Dim", "Expr", "If",
    "Let", "Load", "Local", "Loop", "Move", "Nest", "Op", "Program", "PyCall", "Reduce", "Reshape", "Same", "Site",
    "Stmt", "Store", "View", "ViewAxis", "While",
]

# --------------------------------------------------------------------------------------------------------------------
# Scalar expressions
# --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Const:
    """A literal. `value` is a Python bool, int, float or complex, exact in `dtype` (float32 literals hold the float32
    value); NaN, infinities and -0.0 are kept."""

    value: Any
    dtype: str


@dataclass(frozen=True, slots=True)
class Local:
    """A name: the index of an enclosing `Loop`, `Reduce` or `While` (int64), or bound by an enclosing `Let`.

    A name bound at program level (by `Let` in `Program.body`, or by the `While` around) may be read inside nests too.
    """

    name: str
    dtype: str = "int64"


@dataclass(frozen=True, slots=True)
class Dim:
    """The run-time length of a buffer along an axis, int64. Known from the buffer's definition on."""

    buffer: str
    axis: int
    dtype: str = "int64"


@dataclass(frozen=True, slots=True)
class Load:
    """The element of a buffer at int64 indices, one per axis. The caller vouches that they are within bounds."""

    buffer: str
    index: tuple["Expr", ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class Op:
    """A row of the scalar table applied to operands that already have the dtype the row computes in."""

    name: str
    args: tuple["Expr", ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class Cast:
    """A value conversion, as NumPy's `astype` does it (to bool: `!= 0`; complex to real: not allowed)."""

    arg: "Expr"
    dtype: str


@dataclass(frozen=True, slots=True)
class Axis:
    """A loop index and its extent: `index` runs over 0 .. extent-1.

    kind  "vector":   iterations are independent and may be reordered, vectorised or run in parallel
          "serial":   iterations run in order and may depend on one another
    """

    index: str
    extent: "Expr"
    kind: str = "vector"


@dataclass(frozen=True, slots=True)
class Reduce:
    """`body` folded over all points of `axes` by `op`; `dtype` is the accumulator's and the body's dtype.

    op      a commutative row with an identity: add, mul, and_, or_, xor (identity where there is no point);
            "maximum" and "minimum" (propagate NaN; the caller has emitted a Check that there is a point);
            "argmax" and "argmin": the first position of the extreme (of the first NaN, if any) counted in C order over
            `axes`; the result is int64 while `body` keeps its own dtype.
    lets    names bound at every point before the body (values that the body reads more than once)
    Floating sums may be reassociated (independent lanes), as NumPy's pairwise sum does; nothing else may.
    """

    op: str
    axes: tuple[Axis, ...]
    body: "Expr"
    dtype: str
    lets: tuple["Let", ...] = ()


Expr = Union[Const, Local, Dim, Load, Op, Cast, Reduce]

# --------------------------------------------------------------------------------------------------------------------
# Statements inside a nest
# --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Let:
    """Binds a name to a scalar for the rest of the enclosing block. In `Program.body` it computes a size, an offset or
    a condition on the host; inside a nest it keeps a value that several expressions read."""

    name: str
    value: Expr


@dataclass(frozen=True, slots=True)
class Store:
    """Writes one element. A "vector" loop stores every element at most once; a later loop may store it again."""

    buffer: str
    index: tuple[Expr, ...]
    value: Expr


@dataclass(frozen=True, slots=True)
class Accumulate:
    """buffer[index] = op(buffer[index], value); indices may repeat (scatter-add). `op` is add, mul, maximum or
    minimum."""

    buffer: str
    index: tuple[Expr, ...]
    op: str
    value: Expr


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop inside a nest. The body is Let, Store, Accumulate and Loop."""

    axis: Axis
    body: tuple["NestStmt", ...]


NestStmt = Union[Let, Store, Accumulate, Loop]

# --------------------------------------------------------------------------------------------------------------------
# Statements of a program
# --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Nest:
    """Loops over array elements: the unit that is printed as one function. `body` is usually one `Loop` chain; a
    statement outside any loop handles 0-d values. Buffers that the nest stores to were defined (allocated) before.
    In the target stage all its buffers have one home; on the device it is a kernel.

    origin  ids of the graph nodes that it computes, for errors and profiles
    inplace pairs (written buffer, read buffer) of the same sizes and dtype: the read buffer is read at exactly the
            index that is stored, before the store, so the two may share memory
    """

    body: tuple[NestStmt, ...]
    origin: tuple[int, ...] = ()
    inplace: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Define:
    """[nests stage] A new array of the given sizes, C order, contents undefined until stored to. Bufferisation may let
    it take over the memory of a buffer that the nest filling it names in `inplace`."""

    buffer: str
    dims: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Copied:
    """[nests stage] An array that starts as the contents of `source` and is then written to (subtensor updates, gemm).
    Bufferisation turns it into `Same` where the source is ours and dead afterwards, else into Alloc and a copy."""

    buffer: str
    source: str


@dataclass(frozen=True, slots=True)
class Alloc:
    """[buffered stage] Memory for an array of the given sizes, C order, contents undefined.

    place  ("slot", k): workspace k, kept between calls and reused by other buffers once this one is dead
           ("output", k): result k of the call (outputs first, then updates); new memory that outlives the call
    The product of the sizes is checked for overflow; negative sizes are an error that lowering has checked before.
    """

    buffer: str
    dims: tuple[Expr, ...]
    place: tuple[str, int]


@dataclass(frozen=True, slots=True)
class Move:
    """[target stage] Copies all elements of `source` to `buffer`, which lives in the other memory, has the same sizes
    and was allocated before. A source on the device is in C order; one on the host may have any strides."""

    buffer: str
    source: str


@dataclass(frozen=True, slots=True)
class Same:
    """`buffer` is another name for `source`: same memory, sizes and strides (in place, identity). For Python objects
    it is an assignment: a loop hands an object to its next iteration by `Same` into a buffer defined before it."""

    buffer: str
    source: str


@dataclass(frozen=True, slots=True)
class ViewAxis:
    """One axis of a view: steps of `step` (int64 expression, may be negative or 0-length) along `base_axis` of the
    base; `base_axis` None is a new axis of length 1."""

    base_axis: int | None
    extent: Expr
    step: Expr = Const(1, "int64")


@dataclass(frozen=True, slots=True)
class View:
    """Strided view without copy: dimshuffle, basic indexing.

    start  per base axis, the index where the view begins (checked to be in bounds by the lowering)
    axes   the view's own axes; base axes that no axis names are fixed at `start`
    """

    buffer: str
    base: str
    start: tuple[Expr, ...]
    axes: tuple[ViewAxis, ...]


@dataclass(frozen=True, slots=True)
class Reshape:
    """The base's elements in C order under new sizes (whose product the lowering has checked).

    If the base is C-contiguous at run time the result is a view, else its elements are copied to memory `place`.
    place  None in the nests stage; ("slot", k) or ("output", k) in the buffered stage, where None promises that the
           base is always contiguous.
    """

    buffer: str
    base: str
    dims: tuple[Expr, ...]
    place: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A routine of the runtime's library on whole buffers (BLAS, sort, convolution ...); see codegen/library.py for the
    names, argument roles and their C entry points.

    outputs  buffers that it writes, already allocated (or `Copied`, where the routine accumulates)
    inputs   buffers that it reads
    scalars  scalar arguments
    """

    name: str
    outputs: tuple[str, ...]
    inputs: tuple[str, ...]
    scalars: tuple[Expr, ...] = ()
    origin: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class PyCall:
    """A Python operation (an op without lowering): `callee` indexes the list of operations given when linking.

    It receives the inputs as NumPy-owned values (or objects), and defines every output: the results are checked against
    the declared dtype and rank and adopted; nothing else writes them. views: output position -> input position whose
    memory the result may share (view_map); destroys: input positions that it overwrites (they are `Copied` before).
    """

    callee: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    views: tuple[tuple[int, int], ...] = ()
    destroys: tuple[int, ...] = ()
    origin: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """Fails the call with error `site` unless `condition` (bool). `values` (int64) are handed to the site's message."""

    condition: Expr
    site: int
    values: tuple[Expr, ...] = ()


@dataclass(frozen=True, slots=True)
class If:
    """Runs one of two blocks. A buffer that both blocks define (by whatever statement) may be read afterwards; anything
    else that a block defines ends with it."""

    condition: Expr
    then: tuple["Stmt", ...]
    orelse: tuple["Stmt", ...]
    origin: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class While:
    """Runs `body` for `index` = 0, 1, ... below `limit`; stops after an iteration at whose end `until` (bool) holds.

    What the body defines ends with each iteration; what it carries to the next one it stores into buffers defined
    before. `count` names an int64 local that holds the number of iterations that ran, readable after the loop.
    """

    index: str
    limit: Expr
    body: tuple["Stmt", ...]
    until: Expr | None = None
    count: str | None = None
    origin: tuple[int, ...] = ()


Stmt = Union[Let, Nest, Define, Copied, Alloc, Move, Same, View, Reshape, Call, PyCall, Check, If, While]

# --------------------------------------------------------------------------------------------------------------------
# The program
# --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Buffer:
    """A value's static facts.

    dtype      NumPy's name, or "object" for a single Python object (RandomState, None, slice ...): ndim is then 0, it
               moves through PyCall, If, While and Same, and nothing else touches it
    broadcast  per axis: True promises length 1 (checked where the value enters)
    layout     "c": C-contiguous whenever it exists (everything that Alloc makes); "any": any strides
    home       the memory that it lives in: "host" or, in the target stage, "device"
    """

    name: str
    dtype: str
    broadcast: tuple[bool, ...] = ()
    layout: str = "c"
    home: str = "host"

    @property
    def ndim(self) -> int:
        return len(self.broadcast)


@dataclass(frozen=True, slots=True)
class Site:
    """A place where a call can fail: error class name, message template with {0}, {1} ... for the values of the Check,
    and the graph node (id as in Nest.origin, -1: none) it came from."""

    error: str
    message: str
    node: int = -1


@dataclass(frozen=True, slots=True)
class Program:
    """A whole function.

    buffers   every buffer, in order of definition
    inputs    buffers bound by the caller, by position: the function's inputs, then shared values
    constants buffers bound once when linking (non-scalar constants and objects)
    outputs   buffers returned; in the buffered stage result k lives in ("output", k) memory of its own, is adopted
              from a PyCall, or is an object
    updates   (position in `inputs`, buffer that holds its new value); in the buffered stage the buffer is either the
              input's own memory (in place) or result len(outputs)+j of the call
    """

    name: str
    stage: str
    buffers: tuple[Buffer, ...]
    inputs: tuple[str, ...]
    constants: tuple[str, ...]
    outputs: tuple[str, ...]
    updates: tuple[tuple[int, str], ...]
    body: tuple[Stmt, ...]
    sites: tuple[Site, ...] = ()
    slots: int = 0
