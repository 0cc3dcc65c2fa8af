"""Kernels compiled: by the compilers that are here, and by stand-ins that write down what they are asked."""
from __future__ import annotations

import os
import subprocess

import pytest

from symtensor.config import config
from symtensor.runtime.cuda import compiler, cublas
from symtensor.runtime.cuda.compiler import CompileError, Nvcc, Nvrtc

TEXT = """extern "C" __global__ void k0(float *x, long long n)
{ for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) x[i] *= 2; }
"""

NVRTC = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
typedef struct { char text[100000], out[100000]; } program;
int nvrtcVersion(int *major, int *minor) { *major = 99; *minor = 1; return 0; }
const char *nvrtcGetErrorString(int code) { return code == 6 ? "NVRTC_ERROR_COMPILATION" : "other"; }
int nvrtcGetNumSupportedArchs(int *n) { *n = 2; return 0; }
int nvrtcGetSupportedArchs(int *a) { a[0] = 90; a[1] = 80; return 0; }
int nvrtcCreateProgram(program **p, const char *text, const char *name, int n, const char **h, const char **m)
{
    if (n || h || m || strcmp(name, "unit.cu")) return 1;
    *p = calloc(1, sizeof **p);
    strcpy((*p)->text, text);
    return 0;
}
int nvrtcCompileProgram(program *p, int n, const char **options)
{
    for (int k = 0; k < n; k++) { strcat(p->out, options[k]); strcat(p->out, " "); }
    strcat(p->out, p->text);
    if (!strstr(p->text, "oops")) return 0;
    strcpy(p->out, "unit.cu(1): warning: this\nunit.cu(7): error: oops is not declared\n");
    return 6;
}
int nvrtcGetProgramLogSize(program *p, size_t *n) { *n = strlen(p->out) + 1; return 0; }
int nvrtcGetProgramLog(program *p, char *out) { strcpy(out, p->out); return 0; }
int nvrtcGetCUBINSize(program *p, size_t *n) { *n = strlen(p->out) + 6; return 0; }
int nvrtcGetCUBIN(program *p, char *out)
{ memcpy(out, "cubin ", 6); memcpy(out + 6, p->out, strlen(p->out)); return 0; }
int nvrtcGetPTXSize(program *p, size_t *n) { *n = strlen(p->out) + 4; return 0; }
int nvrtcGetPTX(program *p, char *out) { memcpy(out, "ptx ", 4); memcpy(out + 4, p->out, strlen(p->out)); return 0; }
int nvrtcDestroyProgram(program **p) { free(*p); return 0; }
"""

NVCC = """#!/bin/sh
case "$1" in
--version) echo "nvcc: NVIDIA (R) Cuda compiler driver"; echo "Cuda compilation tools, release 99.1, V99.1.2";;
--list-gpu-code) echo sm_80; echo sm_90; echo sm_90a;;
*) for last; do :; done
   if grep -q oops "$last"; then echo "$last(7): error: oops is not declared" >&2; exit 2; fi
   while [ $# -gt 1 ]; do [ "$1" = -o ] && out=$2; all="$all $1"; shift; done
   echo "$all" > "$out"; cat "$last" >> "$out";;
esac
"""


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    place = tmp_path_factory.mktemp("toolkit")
    (place / "lib64").mkdir()
    (place / "bin").mkdir()
    library, program = place / "lib64" / "libnvrtc.so.99", place / "bin" / "nvcc"
    subprocess.run(["gcc", "-w", "-shared", "-fPIC", "-x", "c", "-", "-o", str(library)], input=NVRTC.encode(),
                   check=True)
    program.write_text(NVCC)
    program.chmod(0o755)
    return place, library, program


@pytest.fixture(params=["NVRTC", "nvcc"])
def made(request, places):
    return Nvrtc(str(places[1])) if request.param == "NVRTC" else Nvcc(str(places[2]))


def test_what_compilers_are_asked(made):
    assert made.archs == (80, 90) and "99.1" in made.identity and str(made.path) in made.identity
    image = compiler.image(TEXT, (9, 0), made).decode()
    assert TEXT in image and "sm_90" in image and "cubin" in image
    for flag in ("--fmad=false", "--ftz=false", "--prec-div=true", "--prec-sqrt=true"):
        assert flag in image
    assert "sm_80" in compiler.image(TEXT, (8, 6), made).decode()  # the same major version: its code runs
    newer = compiler.image(TEXT, (12, 0), made).decode()
    assert "compute_90" in newer and "ptx" in newer
    with pytest.raises(CompileError, match=r"compute capability 8.0 and later; this one has 7.5: install an older"):
        compiler.image(TEXT, (7, 5), made)


def test_refused_text(made):
    with pytest.raises(CompileError, match=r"refused the kernels: unit.cu\(7\): error: oops is not declared") as caught:
        compiler.image(TEXT + "oops", (9, 0), made)
    assert "oops is not declared" in caught.value.stderr
    with open(caught.value.source) as file:
        assert file.read() == TEXT + "oops"
    assert caught.value.source.endswith(".cu") and caught.value.source in str(caught.value)


class Counting:
    """A compiler that counts."""

    archs = (90,)

    def __init__(self, identity="counting 1"):
        self.name = self.identity = identity
        self.count = 0

    def compile(self, text, target, place):
        self.count += 1
        return f"{self.identity} {target} {text}".encode()


def test_the_cache():
    one, text = Counting(), TEXT + f"// {os.urandom(8).hex()}"
    first = compiler.image(text, (9, 0), one)
    assert first == f"counting 1 sm_90 {text}".encode() and one.count == 1
    again = Counting()
    assert compiler.image(text, (9, 0), again) == first and again.count == 0
    other = Counting("counting 2")  # an upgraded compiler, other kernels, another device: each is compiled anew
    compiler.image(text, (9, 0), other)
    compiler.image(text + " ", (9, 0), other)
    compiler.image(text, (10, 0), other)
    assert other.count == 3


def test_the_search(places, tmp_path, monkeypatch):
    place, library, program = places
    compiler._searched.cache_clear()
    monkeypatch.setitem(config.cuda.__dict__, "root", str(place))
    assert compiler.homes()[0] == place and compiler.libraries("nvrtc")[0] == str(library)
    assert compiler.libraries("cublas")[-2:] == ["libcublas.so.11", "libcublas.so"]
    found = compiler.find()
    assert isinstance(found, Nvrtc) and found.path == str(library) and compiler.find() is found
    broken = tmp_path / "libnvrtc.so.98"
    subprocess.run(["gcc", "-w", "-shared", "-fPIC", "-x", "c", "-", "-o", str(broken)], check=True,
                   input=NVRTC.replace('!strstr(p->text, "oops")', "0").encode())
    monkeypatch.setattr(compiler, "libraries", lambda stem: [str(broken), str(library)])
    compiler._searched.cache_clear()
    found = compiler.find()  # one that cannot compile is none
    assert isinstance(found, Nvrtc) and found.path == str(library) and "oops is not declared" in compiler.why_not()
    monkeypatch.setattr(compiler, "libraries", lambda stem: ["/no/libnvrtc.so.99"])
    compiler._searched.cache_clear()
    found = compiler.find()
    assert isinstance(found, Nvcc) and found.path == str(program) and "/no/libnvrtc.so.99" in compiler.why_not()
    monkeypatch.setattr(compiler, "homes", lambda: [])
    monkeypatch.setenv("PATH", "/nowhere")
    assert compiler.find() is None
    with pytest.raises(CompileError, match="(?s)neither NVRTC nor nvcc was found.*nvidia-cuda-nvrtc.*/no/libnvrtc"):
        compiler.image(TEXT, (9, 0))
    compiler._searched.cache_clear()


REAL = [pytest.param(make, id=make.__name__) for make in (Nvrtc, Nvcc)]


@pytest.mark.parametrize("make", REAL)
def test_real_compilers(make):
    """The flags and the kernels of the runtime's own are what the real compilers take."""
    for path in compiler.libraries("nvrtc") if make is Nvrtc else [home / "bin" / "nvcc" for home in compiler.homes()]:
        try:
            found = make(str(path))
        except (OSError, CompileError):
            continue
        break
    else:
        pytest.skip("none here")
    newest = max(found.archs)
    assert compiler.image(cublas._KERNELS.text, (newest // 10, newest % 10), found).startswith(b"\x7fELF")
    assert b".target sm_" in compiler.image(TEXT, (newest // 10 + 1, 0), found)
    with pytest.raises(CompileError, match=r"unit.cu\(1\): error"):
        compiler.image("oops", (newest // 10, newest % 10), found)
