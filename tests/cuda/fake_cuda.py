"""A device whose memory is the host's: the library of fake_cuda.c in the places of libcuda and libcublas, and what is
used of pycuda's modules `driver` and `tools` on top of it. So the real device class runs, up to the driver's doors."""
from __future__ import annotations

import re
import subprocess
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cffi
import shim

from symtensor.runtime.cuda import cublas, driver
from symtensor.runtime.cuda.pycuda_device import PycudaDevice

SOURCE = Path(__file__).with_name("fake_cuda.c")
ffi = cffi.FFI()
ffi.cdef("""
const char *fake_log(void);
void fake_clear(void);
int fake_depth(void);
extern long long fake_room, fake_taken, fake_pinned;
extern int fake_fault, fake_devices, fake_lazy, fake_refuse[6], fake_updates, fake_graphs, fake_sources;
extern int fake_pinnings, fake_no_pinning;
extern int (*fake_sizes)(int text, const char *name, unsigned char *sizes);
extern void (*fake_hook)(int text, const char *name, const unsigned *geometry, void **args);
int cuInit(unsigned flags);
int cuDeviceGetCount(int *count);
int cuMemAlloc_v2(unsigned long long *out, size_t size);
int cuMemFree_v2(unsigned long long memory);
int cuMemGetInfo_v2(size_t *left, size_t *total);
int cuCtxPushCurrent_v2(void *context);
int cuCtxPopCurrent_v2(void **context);
int cuDevicePrimaryCtxRetain(void **context, int device);
int cuStreamCreate(void **stream, unsigned flags);
""")


def built(place: Path, *flags: str) -> Path:
    """The library, compiled into a folder. It has no soname: once loaded from there, it would be what the whole process
    finds for the driver's name."""
    path = place / "libcuda.so.1"
    subprocess.run(["gcc", "-shared", "-O1", "-fPIC", "-pthread", *flags, "-o", str(path), str(SOURCE)], check=True)
    return path


class Fake:
    """The library's own side: its log and its switches."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.library = ffi.dlopen(str(path))
        self.texts: list[str] = []
        self.failed: list[BaseException] = []
        self._hook = ffi.callback("void(int, const char *, const unsigned *, void **)", self._run)
        self.library.fake_hook = self._hook
        self._sized = ffi.callback("int(int, const char *, unsigned char *)", self._sizes)
        self.library.fake_sizes = self._sized

    def image(self, text: str, capability: tuple[int, int]) -> bytes:
        """In the place of `compiler.image`: kernels that will run behind the shim."""
        if text not in self.texts:
            self.texts.append(text)
        return b"\x7fELF%d" % (self.texts.index(text) + 1)

    def _run(self, number: int, name: Any, geometry: Any, args: Any) -> None:
        try:
            numbers = [geometry[k] for k in range(6)]
            module = shim.load(self.texts[number - 1])
            module.launch(ffi.string(name).decode(), numbers[:3], numbers[3:], int(ffi.cast("intptr_t", args)))
        except BaseException as error:
            self.failed.append(error)
            self.library.fake_fault = 719

    def _sizes(self, number: int, name: Any, sizes: Any) -> int:
        """The bytes of a kernel's parameters, read from its text."""
        found = re.search(rf"\b{ffi.string(name).decode()}\(([^)]*)\)\s*{{", self.texts[number - 1])
        assert found is not None
        params = re.split(r",\s*", found.group(1)) if found.group(1) else []
        for k, param in enumerate(params):
            width = re.search(r"_[iu](8|16|32|64) ", param)
            wide = "*" in param or "double " in param or "long long " in param
            sizes[k] = 8 if wide else 4 if "float " in param else int(width[1]) // 8 if width is not None else 1
        return len(params)

    def log(self) -> list[str]:
        """The calls since the last time."""
        lines = ffi.string(self.library.fake_log()).decode().splitlines()
        self.library.fake_clear()
        return lines


class Error(Exception):
    """pycuda.driver.Error"""


class MemoryError_(Error):
    """pycuda.driver.MemoryError"""


class LaunchError(Error):
    """pycuda.driver.LaunchError"""


def pycuda_driver(fake: Fake) -> SimpleNamespace:
    """What is used of pycuda.driver."""
    library = fake.library

    def checked(code: int) -> None:
        if code:
            raise {2: MemoryError_, 700: LaunchError}.get(code, Error)(f"failed: {code}")

    class Context:
        def __init__(self) -> None:
            out = ffi.new("void **")
            checked(library.cuDevicePrimaryCtxRetain(out, 0))
            self.handle = int(ffi.cast("intptr_t", out[0]))

        def push(self) -> None:
            checked(library.cuCtxPushCurrent_v2(ffi.cast("void *", self.handle)))

        @staticmethod
        def pop() -> None:
            checked(library.cuCtxPopCurrent_v2(ffi.new("void **")))

    class Stream:
        def __init__(self, flags: int = 0) -> None:
            out = ffi.new("void **")
            checked(library.cuStreamCreate(out, flags))
            self.handle = int(ffi.cast("intptr_t", out[0]))

    class Device:
        def __init__(self, number: int) -> None:
            self.number = number

        @staticmethod
        def count() -> int:
            out = ffi.new("int *")
            checked(library.cuDeviceGetCount(out))
            return out[0]

        def name(self) -> str:
            return "Host memory"

        def compute_capability(self) -> tuple[int, int]:
            return 9, 0

        def get_attribute(self, what: int) -> int:
            return {16: 7}[what]

        def retain_primary_context(self) -> Context:
            return Context()

    def mem_get_info() -> tuple[int, int]:
        left, total = ffi.new("size_t *"), ffi.new("size_t *")
        checked(library.cuMemGetInfo_v2(left, total))
        return left[0], total[0]

    return SimpleNamespace(
        init=lambda: checked(library.cuInit(0)), Device=Device, Context=Context, Stream=Stream,
        mem_get_info=mem_get_info, device_attribute=SimpleNamespace(MULTIPROCESSOR_COUNT=16), Error=Error,
        MemoryError=MemoryError_, LaunchError=LaunchError)


def pool_of(fake: Fake, cuda: SimpleNamespace):
    """What is used of pycuda.tools.DeviceMemoryPool: blocks that are kept by their size."""

    class Block:
        def __init__(self, pool: Pool, address: int, size: int) -> None:
            self.pool, self.address, self.size = pool, address, size

        def __int__(self) -> int:
            return self.address

        def free(self) -> None:
            if not fake.library.fake_depth():
                raise cuda.Error("no currently active context?")
            self.pool.held.setdefault(self.size, []).append(self.address)
            self.pool.active_bytes -= self.size

    class Pool:
        def __init__(self) -> None:
            self.held: dict[int, list[int]] = {}
            self.active_bytes = self.managed_bytes = 0

        def allocate(self, size: int) -> Block:
            if self.held.get(size):
                address = self.held[size].pop()
            else:
                out = ffi.new("unsigned long long *")
                if fake.library.cuMemAlloc_v2(out, size):
                    raise cuda.MemoryError("cuMemAlloc failed: out of memory")
                address = out[0]
                self.managed_bytes += size
            self.active_bytes += size
            return Block(self, address, size)

        def free_held(self) -> None:
            for size, blocks in self.held.items():
                for address in blocks:
                    assert fake.library.cuMemFree_v2(address) == 0
                    self.managed_bytes -= size
            self.held.clear()

    return Pool


@lru_cache(maxsize=None)
def opened(path: Path) -> tuple[Fake, PycudaDevice]:
    """The fake library of a path and a device on it, with cuBLAS."""
    fake = Fake(path)
    cuda = pycuda_driver(fake)
    device = PycudaDevice(0, cuda, pool_of(fake, cuda), driver.opened(str(path)))
    with device.active():
        device._blas = cublas.Cublas(device, device.stream, cublas.ffi.dlopen(str(path)))
    return fake, device
