"""One nest as one CUDA kernel.

In comes a `Nest` with what is known about its buffers; out comes a `PrintedKernel`: the text with `@` for its name, and
what the host passes and launches. Equal nests have equal texts, whatever their buffers are called. Refused with
`UnsupportedRow`: complex numbers, and rows that have no C text.
"""
from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from symtensor.codegen.c.scalar_ops import UnsupportedRow
from symtensor.codegen.cuda.groups import print_group
from symtensor.codegen.cuda.printer import KernelPrinter
from symtensor.codegen.cuda.schedule import scheduled
from symtensor.codegen.facts import BufferFacts, of_buffer
from symtensor.codegen.target import DEFAULT_TARGET, Target
from symtensor.codegen.values import build
from symtensor.ir.nodes import Buffer, Dim, Expr, Nest
from symtensor.ir.walk import reads, writes

__all__ = ["BLOCK_THREADS", "GROUP_THREADS", "PrintedKernel", "has_kernel", "in_groups", "print_kernel"]

BLOCK_THREADS = 256  # the most threads a block of a "threads" kernel may have
GROUP_THREADS = 1024  # the same for "groups"

_PARAMETER = re.compile(r"\b[pnsc]\d+\b")


@dataclass(frozen=True)
class PrintedKernel:
    """A printed kernel.

    text    the function, with @ in place of its name
    params  what the launch passes: ("pointer", buffer), ("stride", buffer, axis) in bytes, or ("value", key)
    points  keys of sizes, or digits: their product is the number of points; where it is 0 nothing is launched
    width   the same for the number of elements that a group of threads shares at each point; () where every point
            belongs to one thread. Groups of more than 32 threads have a block for themselves (blockDim.y is 1)
    called  functions of csrc/ and cuda/ that the text needs
    """

    text: str
    params: tuple[tuple[Any, ...], ...]
    points: tuple[str, ...]
    width: tuple[str, ...]
    called: tuple[str, ...]


def print_kernel(nest: Nest, facts: Mapping[str, BufferFacts], program_key: Callable[[Expr], Any],
                 target: Target = DEFAULT_TARGET) -> PrintedKernel:
    """The kernel that runs a nest."""
    nest = scheduled(nest, target.deterministic)
    graph = build(nest, program_key)
    printer = KernelPrinter(graph, facts, target, print_group, nest.inplace, target.deterministic)
    printer.run()
    body = "\n".join(printer.lines)
    used = set(_PARAMETER.findall(body))
    params = [(key, ctype) for (key, name), ctype in zip(printer.params.items(), printer.types) if name in used]
    most = GROUP_THREADS if printer.width else BLOCK_THREADS
    head = f'extern "C" __global__ void __launch_bounds__({most}) @({", ".join(ctype for _, ctype in params)}) {{'
    return PrintedKernel(f"{head}\n{body}\n}}", tuple(key for key, _ in params), printer.points, printer.width,
                         tuple(printer.called))


def printed(nest: Nest, buffers: Mapping[str, Buffer]) -> PrintedKernel | None:
    """The kernel of a nest, as far as it is known without the program around; None if it cannot be one."""
    facts = {}
    for name in dict.fromkeys([*reads(nest), *writes(nest)]):
        buffer = buffers[name]
        dims = tuple("1" if one else f"{name}.{k}" for k, one in enumerate(buffer.broadcast))
        facts[name] = of_buffer(buffer, dims)

    def key(expr: Expr) -> str:
        return f"{expr.buffer}.{expr.axis}" if isinstance(expr, Dim) else f"{expr.name}"  # type: ignore[union-attr]

    try:
        return print_kernel(nest, facts, key)
    except UnsupportedRow:
        return None


def has_kernel(nest: Nest, buffers: Mapping[str, Buffer]) -> bool:
    """Whether a nest can be a kernel."""
    return printed(nest, buffers) is not None


def in_groups(nest: Nest, buffers: Mapping[str, Buffer]) -> bool:
    """Whether a nest is a kernel whose points have a group of threads each."""
    found = printed(nest, buffers)
    return found is not None and bool(found.width)
