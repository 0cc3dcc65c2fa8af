"""The text of a unit of kernels: what nvcc and NVRTC compile, complete in itself."""
from __future__ import annotations

from collections.abc import Sequence

from symtensor.codegen.cuda.kernels import PrintedKernel
from symtensor.codegen.cuda.sources import helpers_text, prelude_text

__all__ = ["kernel_text"]


def kernel_text(kernels: Sequence[PrintedKernel]) -> str:
    """The whole text, C++17; the kernels are called k0, k1 ... in order. Equal kernels give equal bytes."""
    called = dict.fromkeys(name for kernel in kernels for name in kernel.called)
    parts = [prelude_text(), helpers_text(called)]
    parts += [kernel.text.replace("@", f"k{k}", 1) + "\n" for k, kernel in enumerate(kernels)]
    return "".join(parts)
