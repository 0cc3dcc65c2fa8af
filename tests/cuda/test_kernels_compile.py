"""The texts of kernels for the compilers: every one becomes a cubin, for the oldest and the newest device that nvcc
knows and for one between, and NVRTC, which has no headers, takes them."""
from __future__ import annotations

import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import pytest
from families import FAMILIES

from symtensor.codegen.cuda import PrintedKernel, kernel_text
from symtensor.runtime.cuda.compiler import FLAGS, Nvrtc, homes, libraries

NVCC = shutil.which("nvcc") or next((str(p) for h in homes() if (p := h / "bin" / "nvcc").is_file()), None)
NVRTC = next((name for name in libraries("nvrtc") if Path(name).is_file()), None)

# The whole table of scalar operations for all dtypes takes long, and random programs are much alike.
ONE_ARCHITECTURE = ("rows", "laws")
# Other integers call the same functions of double.
DTYPES_OF_ROWS = ("bool", "int8", "uint32", "int64", "float16", "float32", "float64")


@lru_cache(maxsize=None)
def architectures() -> list[str]:
    """sm_90, sm_75, and the newest that this nvcc lists."""
    assert NVCC is not None
    listed = subprocess.run([NVCC, "--list-gpu-code"], capture_output=True, text=True, check=True).stdout
    newest = max(re.findall(r"sm_(\d+)\b", listed), key=int)
    return ["sm_90", "sm_75", f"sm_{newest}"]


def kernels(name: str, whole: bool) -> list[PrintedKernel]:
    family = FAMILIES[name]()
    if name != "rows" or whole:
        return list(family.kernels.kernels.values())
    wanted: dict[int, PrintedKernel] = {}
    for run in family.runs:
        if run.checked.buffers["x0"].dtype in DTYPES_OF_ROWS:
            wanted.update((id(k), k) for k in run.checked.kernels.values() if k is not None)
    return list(wanted.values())


def compile_all(folder: Path, whole: bool) -> str:
    """Compiles a unit for each family and architecture; says what it did. `whole`: everything, optimised."""
    effort = () if whole else ("-Xcicc", "-O0", "-Xptxas", "-O0")
    jobs, count = [], 0
    for name in FAMILIES:
        chosen = kernels(name, whole)
        count += len(chosen)
        source = folder / f"{name}.cu"
        source.write_text(kernel_text(chosen))
        jobs += [(source, arch) for arch in architectures()[:1 if name in ONE_ARCHITECTURE and not whole else 3]]

    def compile(job: tuple[Path, str]) -> str:
        source, arch = job
        # 68: a negative number made unsigned; 177, 186: what programs may contain, a name unread, unsigned below 0.
        done = subprocess.run([str(NVCC), *FLAGS, *effort, f"-arch={arch}", "-cubin", "-diag-suppress=68,177,186",
                               "-Werror=all-warnings", "-o", str(source.with_suffix(f".{arch}")), str(source)],
                              capture_output=True, text=True)
        return "" if done.returncode == 0 else f"{source.name} for {arch}:\n{(done.stderr + done.stdout)[:3000]}"

    with ThreadPoolExecutor(2) as pool:
        errors = [e for e in pool.map(compile, jobs) if e]
    assert not errors, errors[0]
    return f"nvcc: {count} kernels, {len(jobs)} cubins for {', '.join(architectures())}"


@pytest.mark.skipif(NVCC is None, reason="there is no nvcc")
def test_nvcc_takes_every_kernel(tmp_path):
    print(compile_all(tmp_path, False))


@pytest.mark.slow
@pytest.mark.skipif(NVCC is None, reason="there is no nvcc")
def test_nvcc_optimises_every_kernel_for_every_architecture(tmp_path):
    print(compile_all(tmp_path, True))


@pytest.mark.skipif(NVRTC is None, reason="there is no libnvrtc in the toolkit or among the packages of Python")
def test_nvrtc_takes_kernels_without_headers(tmp_path):
    assert NVRTC is not None
    compiler, count = Nvrtc(NVRTC), 0
    for name in ("elementwise", "conversions", "reductions", "updates", "in_order", "functions"):
        family = FAMILIES[name]()
        count += len(family.kernels.kernels)
        for text in family.kernels.texts():
            assert compiler.compile(text, "sm_90", tmp_path)[:4] == b"\x7fELF"
    print(f"{compiler.name}: {count} kernels")


def test_a_text_is_complete_and_always_the_same():
    chosen = kernels("functions", True)
    text = kernel_text(chosen)
    assert "#include" not in text and "@" not in text
    assert text == kernel_text(chosen)
    assert re.findall(r"__global__ void __launch_bounds__\(\d+\) (\w+)\(", text) == [
        f"k{k}" for k in range(len(chosen))]
