"""What the processor and the C library can do, as text for keys and as facts for the printer.

Out: the feature flags of the processor (they decide what `-march=native` means), and the names of the functions of
which the C library has vector variants. Nothing is compiled or run here.
"""
from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import sys
from functools import lru_cache

# Vector ABI names of glibc on x86-64: _ZGV <isa b: SSE> N <lanes 2: two doubles> v _ <name>.
_SIMD_SYMBOL = "_ZGVbN{lanes}{args}_{name}"


@lru_cache(maxsize=1)
def features() -> frozenset[str]:
    """The processor's feature flags as the system reports them; empty where it does not."""
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith(("flags", "Features")):
                    return frozenset(line.partition(":")[2].split())
    except OSError:
        pass
    return frozenset()


@lru_cache(maxsize=1)
def identity() -> str:
    """A short text that differs between processors for which native code differs."""
    flags = " ".join(sorted(features()))
    model = ""
    if sys.platform.startswith("linux"):
        fields = ("vendor_id", "cpu family", "model", "CPU implementer", "CPU part")
        model = "".join(_cpuinfo(field) for field in fields)
    digest = hashlib.sha256(flags.encode()).hexdigest()[:16]
    return f"{platform.machine()} {platform.processor()} {model} {digest}"


def count() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def vendor() -> str:
    """The processor's maker as it names itself ("GenuineIntel"); "" where the system does not say."""
    return _cpuinfo("vendor_id").rstrip(";")


def _cpuinfo(field: str) -> str:
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.partition(":")[0].strip() == field:
                    return line.partition(":")[2].strip() + ";"
    except OSError:
        pass
    return ""


@lru_cache(maxsize=None)
def vector_functions(names: frozenset[str]) -> frozenset[str]:
    """Those of the C functions `names` ("exp", "expf", "pow") for which libmvec has variants."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return frozenset()
    try:
        library = ctypes.CDLL("libmvec.so.1")
    except OSError:
        return frozenset()
    found = []
    for name in sorted(names):
        lanes = 4 if name.endswith("f") and name != "erf" else 2
        args = "vv" if name.rstrip("f") in ("pow", "atan2", "hypot") else "v"
        if hasattr(library, _SIMD_SYMBOL.format(lanes=lanes, args=args, name=name)):
            found.append(name)
    return frozenset(found)
