"""Products of matrices on the device: the routines of `symtensor.codegen.library` by way of cuBLAS.

In: arrays on the device (address, dtype, shape, strides in bytes) and Python numbers. Out: queued work. cuBLAS wants
columns that are dense; rows that are dense are the columns of the transpose, so most operands go in as they are. What
is dense neither way is packed into memory of its own first, by a kernel, and results come back the same way. Sums over
nothing are scalings, done by a kernel too.

A product may stand between writes over shared values, where it must not fail for lack of memory: where there is none to
pack in, or cuBLAS finds none for itself, a slow kernel that needs none does all of it. The kernels are loaded when a
routine is asked for, as that may fail too.

`opened` raises `Unavailable` where there is no cuBLAS; the routines raise `CudaError`.
"""
from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Optional

import cffi
import numpy as np

from symtensor.codegen.target import KernelUnit
from symtensor.runtime.cuda import compiler
from symtensor.runtime.cuda.driver import CudaError, Unavailable, reason

__all__ = ["ENTRIES", "Cublas", "Operand", "opened"]

logger = logging.getLogger("symtensor.cuda")

_LETTERS = {"float32": "S", "float64": "D"}
_NAMES = ("gemm", "batched_gemm", "gemv", "ger", "dot")
ENTRIES = tuple(f"{name}_{tag}" for name in _NAMES for tag in ("f32", "f64"))

_PLAIN, _TRANSPOSED = 0, 1  # cublasOperation_t
_HOST, _DEVICE = 0, 1  # cublasPointerMode_t
_LIMIT = 2**31 - 1

_TYPED = """
int cublas@gemm_v2(void *handle, int op_a, int op_b, int m, int n, int k, const $ *alpha, uintptr_t a, int lda,
                   uintptr_t b, int ldb, const $ *beta, uintptr_t c, int ldc);
int cublas@gemmStridedBatched(void *handle, int op_a, int op_b, int m, int n, int k, const $ *alpha,
                              uintptr_t a, int lda, long long stride_a, uintptr_t b, int ldb, long long stride_b,
                              const $ *beta, uintptr_t c, int ldc, long long stride_c, int count);
int cublas@gemv_v2(void *handle, int op, int m, int n, const $ *alpha, uintptr_t a, int lda, uintptr_t x, int incx,
                   const $ *beta, uintptr_t y, int incy);
int cublas@ger_v2(void *handle, int m, int n, const $ *alpha, uintptr_t x, int incx, uintptr_t y, int incy,
                  uintptr_t a, int lda);
int cublas@dot_v2(void *handle, int n, uintptr_t x, int incx, uintptr_t y, int incy, uintptr_t result);
"""
ffi = cffi.FFI()
ffi.cdef("int cublasCreate_v2(void **handle);\nint cublasSetStream_v2(void *handle, void *stream);\n"
         "int cublasSetWorkspace_v2(void *handle, uintptr_t memory, size_t bytes);\n"
         "int cublasSetPointerMode_v2(void *handle, int mode);\nint cublasGetVersion_v2(void *handle, int *version);\n"
         + _TYPED.replace("@", "S").replace("$", "float") + _TYPED.replace("@", "D").replace("$", "double"))

_STATUS = {1: "not initialised", 3: "no memory on the device", 7: "invalid value", 8: "not for this kind of device",
           11: "memory cannot be accessed", 13: "a kernel failed", 14: "internal error", 15: "not supported",
           16: "no license"}

# Copies up to three axes between strided arrays, and scales them; strides in bytes.
_POINTS = """\
extern "C" __global__ void {name}(char *y, const char *x, long long n0, long long n1, long long n2,
    long long t0, long long t1, long long t2, long long s0, long long s1, long long s2{more})
{{
    long long n = n0 * n1 * n2, step = (long long)gridDim.x * blockDim.x;
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += step) {{
        long long i2 = i % n2, i1 = i / n2 % n1, i0 = i / n2 / n1;
        {type} *to = ({type} *)(y + i0 * t0 + i1 * t1 + i2 * t2);
        const {type} *from = (const {type} *)(x + i0 * s0 + i1 * s1 + i2 * s2);
        *to = {value};
    }}
}}
"""
# A stack of products, whatever the strides are.
_PRODUCT = """\
extern "C" __global__ void product_{tag}(char *c, const char *a, const char *b,
    long long n0, long long n1, long long n2, long long n, long long c0, long long c1, long long c2,
    long long a0, long long a1, long long a2, long long b0, long long b1, long long b2, {type} alpha, {type} beta)
{{
    long long step = (long long)gridDim.x * blockDim.x;
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < n0 * n1 * n2; i += step) {{
        long long i2 = i % n2, i1 = i / n2 % n1, i0 = i / n2 / n1;
        {type} *to = ({type} *)(c + i0 * c0 + i1 * c1 + i2 * c2);
        double sum = 0;
        for (long long k = 0; k < n; k++)
            sum += (double)*(const {type} *)(a + i0 * a0 + i1 * a1 + k * a2)
                   * *(const {type} *)(b + i0 * b0 + k * b1 + i2 * b2);
        *to = alpha * ({type})sum + (beta == 0 ? 0 : beta * *to);
    }}
}}
"""
_TAGS = (("f32", "float"), ("f64", "double"))
_KINDS = (("copy", "*from", ""), ("scale", "beta == 0 ? 0 : beta * *from", ", {type} beta"))
_KERNELS = KernelUnit(
    "".join(_POINTS.format(name=f"{name}_{tag}", type=kind, value=value, more=more.format(type=kind))
            for name, value, more in _KINDS for tag, kind in _TAGS)
    + "".join(_PRODUCT.format(tag=tag, type=kind) for tag, kind in _TAGS),
    tuple(f"{name}_{tag}" for name in (*(name for name, _, _ in _KINDS), "product") for tag, _ in _TAGS))
_BLOCK = 256
_KNOWN = 1000  # layouts of products that are remembered


@dataclass(frozen=True)
class Operand:
    """An array on the device; strides in bytes."""

    address: int
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def itemsize(self) -> int:
        return 4 if self.dtype == "float32" else 8

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=object))

    def step(self, axis: int) -> Optional[int]:
        """The stride of an axis in elements, where it is a whole number of them; 0 for an axis that is not walked."""
        if self.shape[axis] <= 1:
            return 0
        count, rest = divmod(self.strides[axis], self.itemsize)
        return None if rest else count


def _of(array: Any) -> Operand:
    return Operand(int(array.address), str(array.dtype), tuple(map(int, array.shape)), tuple(map(int, array.strides)))


def _reshaped(x: Operand, *axes: Optional[int]) -> Operand:
    """Some axes of an operand; None is a new one of length 1."""
    return replace(x, shape=tuple(1 if axis is None else x.shape[axis] for axis in axes),
                   strides=tuple(0 if axis is None else x.strides[axis] for axis in axes))


@dataclass(frozen=True)
class _Matrix:
    """The last two axes of an operand as cuBLAS takes them: dense rows (`by_rows`) or dense columns, and how far one is
    from the next; `batch` elements from one matrix to the next."""

    operand: Operand
    by_rows: bool
    leading: int
    batch: int = 0


def _dense(operand: Operand) -> Optional[_Matrix]:
    """A matrix, or a stack of them, as it lies in memory; None if neither its rows nor its columns are dense."""
    m, n = operand.shape[-2:]
    rows, columns = operand.step(-2), operand.step(-1)
    batch = operand.step(-3) if len(operand.shape) == 3 else 0
    if rows is None or columns is None or batch is None or batch < 0:
        return None
    if (n <= 1 or columns == 1) and (m <= 1 or rows >= max(n, 1)):
        leading, by_rows = max(rows, n, 1), True
    elif (m <= 1 or rows == 1) and (n <= 1 or columns >= max(m, 1)):
        leading, by_rows = max(columns, m, 1), False
    else:
        return None
    return _Matrix(operand, by_rows, leading, batch) if leading <= _LIMIT else None


def _whole(*lengths: int) -> None:
    if any(length > _LIMIT for length in lengths):
        raise CudaError(f"cuBLAS takes no lengths beyond {_LIMIT}: {lengths}")


class Cublas:
    """A handle of cuBLAS on a device's context and stream. The device must be active where the handle is made."""

    def __init__(self, device: Any, stream: Any, library: Any) -> None:
        self.device = device
        self.library = library
        self._lock = threading.RLock()  # a handle has one pointer mode, and one stream
        self._workspace = 0
        self._products: dict[tuple[Any, ...], tuple[bool, tuple[int, ...], tuple[int, ...]]] = {}
        handle = ffi.new("void **")
        device.with_room(lambda: self._checked("cublasCreate", library.cublasCreate_v2(handle)))
        self.handle = handle[0]
        self.stream = stream
        self._on(stream)

    def _on(self, stream: Any) -> None:
        self._checked("cublasSetStream", self.library.cublasSetStream_v2(self.handle, ffi.cast("void *", stream)))

    def prepare(self) -> None:
        """Memory for `captured`, which lasts as long as the process. The device must be active."""
        with self._lock:
            if not self._workspace:
                self._workspace = self.device.alloc(self._workspace_size)

    @property
    def _workspace_size(self) -> int:
        """What cuBLAS takes for itself, so that it chooses the same kernels."""
        return (32 if self.device.capability >= (9, 0) else 4) << 20

    @contextmanager
    def captured(self, stream: Any) -> Iterator[None]:
        """Calls go to another stream, whose work is being captured; other threads wait. They use memory that stays."""
        with self._lock:
            self._on(stream)
            try:
                if self._workspace:
                    self._checked("cublasSetWorkspace", self.library.cublasSetWorkspace_v2(
                        self.handle, self._workspace, self._workspace_size))
                yield
            finally:
                self._on(self.stream)  # and to memory of its own

    @staticmethod
    def _checked(name: str, status: int) -> None:
        if status == 3:
            raise MemoryError(f"{name}: {_STATUS[3]}")
        if status:
            raise CudaError(f"{name}: {_STATUS.get(status, 'failed')} (cuBLAS status {status})", status)

    def _call(self, name: str, dtype: str, *args: Any) -> None:
        full = f"cublas{_LETTERS[dtype]}{name}"
        with self._lock, nullcontext() if self.device.is_current() else self.device.active():
            self.device.with_room(lambda: self._checked(full, getattr(self.library, full)(self.handle, *args)))

    def routine(self, entry: str) -> Optional[Callable[[Sequence[Any], Sequence[Any], Sequence[Any]], None]]:
        """The routine of an entry such as "gemm_f32", or None."""
        if entry not in ENTRIES:
            return None
        self.device.load(_KERNELS)
        name = entry.rpartition("_")[0]
        work: Callable[..., None] = getattr(self, "_" + name)

        def run(outputs: Sequence[Any], inputs: Sequence[Any], scalars: Sequence[Any]) -> None:
            try:
                if work == self._gemm and self._known_product(outputs[0], *inputs, *scalars):
                    return
                with ExitStack() as temporaries:
                    work(temporaries, _of(outputs[0]), *map(_of, inputs), *map(float, scalars))
            except MemoryError:  # nothing has been written to the result
                self._without_memory(name, _of(outputs[0]), _of(inputs[0]), _of(inputs[1]), scalars)

        return run

    # --------------------------------------------------------------------------------------------------- kernels

    def _kernel(self, name: str, y: Operand, x: Operand, *more: Any) -> None:
        """Runs a kernel of `_POINTS` over the points of `y`."""
        gap = 3 - len(y.shape)
        shape = (1,) * gap + y.shape
        numbers = (y.address, x.address, *shape, *(0,) * gap, *y.strides, *(0,) * gap, *x.strides)
        self._launch(name, y, [ffi.new("long long *", number) for number in numbers] + list(more))

    def _launch(self, name: str, y: Operand, values: list[Any]) -> None:
        """Runs a kernel of `_KERNELS`, a thread for each point of `y`."""
        unit = self.device.load(_KERNELS)
        args = ffi.new("void *[]", values)
        blocks = min(-(-y.size // _BLOCK), 1 << 16)
        tag = "f32" if y.dtype == "float32" else "f64"
        self.device.launch(unit, _KERNELS.names.index(f"{name}_{tag}"), (blocks, 1, 1), (_BLOCK, 1, 1),
                           int(ffi.cast("uintptr_t", args)))

    def _scale(self, y: Operand, beta: float) -> None:
        if y.size and beta != 1:
            self._kernel("scale", y, y, _pointer(y.dtype, beta))

    def _packed(self, temporaries: ExitStack, x: Operand, filled: bool = True) -> Operand:
        """A copy in C order, in memory that is given back when the routine has been queued."""
        strides, step = [], x.itemsize
        for length in reversed(x.shape):
            strides.append(step)
            step *= length
        copy = replace(x, address=self.device.alloc(step), strides=tuple(reversed(strides)))
        temporaries.callback(self.device.free, copy.address)
        if filled and x.size:
            self._kernel("copy", copy, x)
        return copy

    def _matrix(self, temporaries: ExitStack, x: Operand, filled: bool = True) -> _Matrix:
        found = _dense(x) or _dense(self._packed(temporaries, x, filled))
        if found is None:
            raise CudaError(f"cuBLAS takes no matrices as long as {x.shape}")
        return found

    def _vector(self, temporaries: ExitStack, x: Operand, filled: bool = True) -> tuple[Operand, int]:
        """A vector and its step; BLAS means something else by steps that are negative, and refuses 0."""
        step = x.step(0)
        if x.shape[0] <= 1:
            return x, 1
        if step is None or not 0 < step <= _LIMIT:
            return self._packed(temporaries, x, filled), 1
        return x, step

    def _back(self, result: Operand, used: Operand) -> None:
        """Copies what was computed elsewhere to where it belongs."""
        if used is not result:
            self._kernel("copy", result, used)

    def _without_memory(self, name: str, c: Operand, a: Operand, b: Operand, scalars: Sequence[Any]) -> None:
        """What a routine does, by one kernel."""
        alpha, beta = map(float, {"ger": (*scalars, 1), "dot": (1, 0)}.get(name, scalars))
        if name == "gemv":
            c, b = _reshaped(c, -1, None), _reshaped(b, -1, None)
        elif name == "ger":
            a, b = _reshaped(a, -1, None), _reshaped(b, None, -1)
        elif name == "dot":
            c, a, b = _reshaped(c, None, None), _reshaped(a, None, -1), _reshaped(b, -1, None)
        c, a, b = (x if len(x.shape) == 3 else _reshaped(x, None, -2, -1) for x in (c, a, b))
        numbers = (c.address, a.address, b.address, *c.shape, a.shape[2], *c.strides, *a.strides, *b.strides)
        self._launch("product", c, [ffi.new("long long *", number) for number in numbers]
                     + [_pointer(c.dtype, alpha), _pointer(c.dtype, beta)])

    # -------------------------------------------------------------------------------------------------- routines

    def _known_product(self, c: Any, a: Any, b: Any, alpha: float, beta: float) -> bool:
        """A product of matrices that lie as others did that needed no packing; False: there was none."""
        known = self._products.get((c.dtype, c.shape, c.strides, a.shape, a.strides, b.shape, b.strides))
        if known is None:
            return False
        turned, numbers, leading = known
        left, right = (b, a) if turned else (a, b)
        self._call("gemm_v2", c.dtype, *numbers, _pointer(c.dtype, alpha), left.address, leading[0], right.address,
                   leading[1], _pointer(c.dtype, beta), c.address, leading[2])
        return True

    def _gemm(self, temporaries: ExitStack, c: Operand, a: Operand, b: Operand, alpha: float, beta: float) -> None:
        self._product(temporaries, c, a, b, alpha, beta)

    def _batched_gemm(self, temporaries: ExitStack, c: Operand, a: Operand, b: Operand, alpha: float,
                      beta: float) -> None:
        self._product(temporaries, c, a, b, alpha, beta)

    def _product(self, temporaries: ExitStack, c: Operand, a: Operand, b: Operand, alpha: float, beta: float) -> None:
        """Of two matrices, or of each two of two stacks."""
        m, n = c.shape[-2:]
        k = a.shape[-1]
        _whole(m, n, k)
        if not c.size:
            return
        if not k:
            return self._scale(c, beta)
        out = self._matrix(temporaries, c, beta != 0)
        left, right = self._matrix(temporaries, a), self._matrix(temporaries, b)
        if out.by_rows:  # the transpose, by columns, of the product is the product of the transposes in turn
            left, right, m, n = right, left, n, m
        # A matrix by rows is, to cuBLAS, its transpose; that is what is wanted if the result is by rows too.
        ops = [_PLAIN if side.by_rows == out.by_rows else _TRANSPOSED for side in (left, right)]
        scalars = _pointer(c.dtype, alpha), _pointer(c.dtype, beta)
        sides = [(side.operand.address, side.leading) for side in (left, right, out)]
        if len(c.shape) == 2:
            if (left.operand, right.operand) in ((a, b), (b, a)) and out.operand is c:
                if len(self._products) == _KNOWN:
                    self._products.clear()
                self._products[c.dtype, c.shape, c.strides, a.shape, a.strides, b.shape, b.strides] = (
                    out.by_rows, (*ops, m, n, k), (left.leading, right.leading, out.leading))
            self._call("gemm_v2", c.dtype, *ops, m, n, k, scalars[0], *sides[0], *sides[1], scalars[1], *sides[2])
        else:
            _whole(c.shape[0])
            self._call("gemmStridedBatched", c.dtype, *ops, m, n, k, scalars[0], *sides[0], left.batch, *sides[1],
                       right.batch, scalars[1], *sides[2], out.batch, c.shape[0])
        self._back(c, out.operand)

    def _gemv(self, temporaries: ExitStack, y: Operand, a: Operand, x: Operand, alpha: float, beta: float) -> None:
        m, n = a.shape
        _whole(m, n)
        if not m:
            return
        if not n:
            return self._scale(y, beta)
        matrix = self._matrix(temporaries, a)
        (vector, step), (out, out_step) = self._vector(temporaries, x), self._vector(temporaries, y, beta != 0)
        op, sizes = (_TRANSPOSED, (n, m)) if matrix.by_rows else (_PLAIN, (m, n))
        self._call("gemv_v2", a.dtype, op, *sizes, _pointer(a.dtype, alpha), matrix.operand.address, matrix.leading,
                   vector.address, step, _pointer(a.dtype, beta), out.address, out_step)
        self._back(y, out)

    def _ger(self, temporaries: ExitStack, a: Operand, x: Operand, y: Operand, alpha: float) -> None:
        m, n = a.shape
        _whole(m, n)
        if not a.size:
            return
        matrix = self._matrix(temporaries, a)
        first, second, sizes = self._vector(temporaries, x), self._vector(temporaries, y), (m, n)
        if matrix.by_rows:
            first, second, sizes = second, first, (n, m)
        self._call("ger_v2", a.dtype, *sizes, _pointer(a.dtype, alpha), first[0].address, first[1], second[0].address,
                   second[1], matrix.operand.address, matrix.leading)
        self._back(a, matrix.operand)

    def _dot(self, temporaries: ExitStack, z: Operand, x: Operand, y: Operand) -> None:
        _whole(*x.shape)
        if not x.size:
            return self._scale(z, 0.0)
        (first, step), (second, other) = self._vector(temporaries, x), self._vector(temporaries, y)
        name = f"cublas{_LETTERS[x.dtype]}dot_v2"
        with self._lock, self.device.active():
            set_mode = self.library.cublasSetPointerMode_v2  # the result stays on the device
            self._checked("cublasSetPointerMode", set_mode(self.handle, _DEVICE))
            try:
                self._checked(name, getattr(self.library, name)(self.handle, x.shape[0], first.address, step,
                                                                second.address, other, z.address))
            finally:
                self._checked("cublasSetPointerMode", set_mode(self.handle, _HOST))


def _pointer(dtype: str, value: float) -> Any:
    return ffi.new("float *" if dtype == "float32" else "double *", value)


def library() -> tuple[Any, str]:
    """The library, and where it was found. Unavailable says what was tried."""
    tried = []
    for path in compiler.libraries("cublas"):
        try:
            beside = Path(path).with_name(Path(path).name.replace("libcublas.", "libcublasLt."))
            if beside.is_file():  # in wheels the dynamic linker does not find it by itself
                _kept.append(ffi.dlopen(str(beside), ffi.RTLD_NOW | ffi.RTLD_GLOBAL))
            found = ffi.dlopen(path)
            logger.info("products of matrices on the device by %s", path)
            return found, path
        except OSError as error:
            tried.append(reason(error))
    raise Unavailable("cuBLAS cannot be loaded (" + "; ".join(tried) + ")")


_kept: list[Any] = []


def opened(device: Any, stream: Any) -> Cublas:
    """cuBLAS for a device, which must be active. Unavailable says why there is none."""
    return Cublas(device, stream, library()[0])
