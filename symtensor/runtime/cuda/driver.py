"""CUDA's driver: the functions that are called here, and what its error codes mean.

In: the path of libcuda, or nothing for the usual names. Out: `Driver`, whose functions take cffi values and raise what
a code other than 0 means: MemoryError where memory is lacking, else a CudaError with the driver's own words. Nothing is
initialised; contexts and memory come from pycuda.
"""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Optional

import cffi

__all__ = ["CudaError", "DeviceLost", "Driver", "KernelFault", "NAMES", "Unavailable", "ffi", "opened", "reason"]

NAMES = ("libcuda.so.1", "libcuda.so", "nvcuda.dll")

ffi = cffi.FFI()
ffi.cdef("""
typedef unsigned long long CUdeviceptr;
typedef void *CUcontext;
typedef void *CUmodule;
typedef void *CUfunction;
typedef void *CUstream;
int cuDriverGetVersion(int *version);
int cuGetErrorName(int error, const char **text);
int cuGetErrorString(int error, const char **text);
int cuCtxGetCurrent(CUcontext *context);
int cuCtxPushCurrent_v2(CUcontext context);
int cuCtxPopCurrent_v2(CUcontext *context);
int cuModuleLoadData(CUmodule *module, const void *image);
int cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name);
int cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                   unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes, CUstream stream,
                   void **args, void **extra);
int cuMemcpyHtoDAsync_v2(CUdeviceptr target, const void *source, size_t bytes, CUstream stream);
int cuMemcpyDtoHAsync_v2(void *target, CUdeviceptr source, size_t bytes, CUstream stream);
int cuMemcpyDtoDAsync_v2(CUdeviceptr target, CUdeviceptr source, size_t bytes, CUstream stream);
int cuStreamSynchronize(CUstream stream);
int cuCtxSynchronize(void);
int cuPointerGetAttribute(void *data, int attribute, CUdeviceptr address);
typedef void *CUevent;
typedef void *CUgraph;
typedef void *CUgraphExec;
int cuStreamCreate(CUstream *stream, unsigned flags);
int cuStreamBeginCapture_v2(CUstream stream, int mode);
int cuStreamEndCapture(CUstream stream, CUgraph *graph);
int cuGraphInstantiateWithFlags(CUgraphExec *exec, CUgraph graph, unsigned long long flags);
int cuGraphLaunch(CUgraphExec exec, CUstream stream);
int cuGraphDestroy(CUgraph graph);
int cuGraphExecDestroy(CUgraphExec exec);
typedef void *CUgraphNode;
int cuStreamGetCaptureInfo_v2(CUstream stream, int *status, unsigned long long *id, CUgraph *graph,
                              const CUgraphNode **dependencies, size_t *count);
int cuGraphExecKernelNodeSetParams(CUgraphExec exec, CUgraphNode node, const void *params);
int cuEventCreate(CUevent *event, unsigned flags);
int cuEventRecord(CUevent event, CUstream stream);
int cuEventSynchronize(CUevent event);
int cuMemHostAlloc(void **memory, size_t bytes, unsigned flags);
int cuMemFreeHost(void *memory);
""")


class CudaError(RuntimeError):
    """The driver refused something. `code` is its number."""

    def __init__(self, message: str, code: int = -1) -> None:
        super().__init__(message)
        self.code = code


class Unavailable(CudaError):
    """There is no device that could be used; the text says why, and what was tried."""


class KernelFault(CudaError):
    """A kernel did something forbidden. Everything that the process had on the device is lost."""


class DeviceLost(CudaError):
    """The device does not answer any more. Everything that the process had on it is lost."""


_LOST = "what the process had on the device is lost; start a new process"
_OUT_OF_MEMORY = 2
# code: what is raised, and what may be added to the driver's words
_MEANINGS: dict[int, tuple[type[CudaError], str]] = {
    3: (Unavailable, "the driver was not initialised"),
    4: (CudaError, "the process is ending"),
    34: (Unavailable, "libcuda is a stub: the driver is not installed"),
    36: (Unavailable, "the driver is older than the CUDA that is used"),
    46: (Unavailable, "the device is used by another process, or not ready"),
    100: (Unavailable, "there is no device, or CUDA_VISIBLE_DEVICES hides it"),
    101: (Unavailable, "there is no device of this number"),
    209: (CudaError, "the kernel was compiled for another kind of device"),
    218: (CudaError, "the driver does not take the kernel's code"),
    222: (CudaError, "the compiler is newer than the driver"),
    701: (CudaError, "the kernel wants more registers or threads than there are"),
    803: (Unavailable, "the driver and its library are of different versions"),
    804: (Unavailable, "the driver is older than the CUDA that is used"),
    **{code: (DeviceLost, _LOST) for code in (214, 220, 226, 802, 810)},
    **{code: (KernelFault, _LOST) for code in (700, 702, 710, 714, 715, 716, 717, 718, 719, 999)},
}


class Driver:
    """libcuda. `driver.cuFoo(...)` calls a function and raises what its code means."""

    def __init__(self, library: Any, origin: str) -> None:
        self.library = library
        self.origin = origin

    def __getattr__(self, name: str) -> Callable[..., None]:
        function = getattr(self.library, name)  # AttributeError: a libcuda without it

        def call(*args: Any) -> None:
            code = function(*args)
            if code:
                raise self.error(name, code)

        self.__dict__[name] = call
        return call

    def error(self, name: str, code: int) -> Exception:
        """The exception for a code that function `name` returned."""
        said = self.words(code)
        if code == _OUT_OF_MEMORY:
            return MemoryError(f"{name}: the device has no memory left ({said})")
        kind, more = _MEANINGS.get(code, (CudaError, ""))
        return kind(f"{name}: {said}" + (f": {more}" if more else ""), code)

    def words(self, code: int) -> str:
        """A code in the driver's words."""
        texts = []
        for function in (self.library.cuGetErrorName, self.library.cuGetErrorString):
            text = ffi.new("const char **")
            if function(code, text) == 0 and text[0] != ffi.NULL:
                texts.append(ffi.string(text[0]).decode(errors="replace"))
        return ", ".join(texts) or f"error {code}"

    @contextmanager
    def current(self, context: Any) -> Iterator[None]:
        """Makes a context the thread's own, and the one that was it before so again."""
        before = ffi.new("CUcontext *")
        self.cuCtxGetCurrent(before)
        if before[0] == context:
            yield
            return
        self.cuCtxPushCurrent_v2(context)
        try:
            yield
        finally:
            # After a fault this fails too; what is worth saying has been said.
            self.library.cuCtxPopCurrent_v2(before)


def reason(error: OSError) -> str:
    """Why a library does not load, in the dynamic linker's words alone."""
    text = str(error).partition(".  Additionally")[0]
    return text.rpartition("cannot load library ")[2].partition("': ")[2] or text


def opened(path: Optional[str] = None) -> Driver:
    """The driver's library. Unavailable says what was tried."""
    tried = []
    for name in (path,) if path else NAMES:
        try:
            return Driver(ffi.dlopen(name), os.fspath(name))
        except OSError as error:
            tried.append(reason(error))
    raise Unavailable("the library of NVIDIA's driver cannot be loaded (" + "; ".join(tried) + ")")
