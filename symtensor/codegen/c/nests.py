"""One nest as one C function.

In comes a `Nest` with what is known about its buffers; out comes a `PrintedNest`: the text of the function with `@` for
its name, and what the caller has to pass. Equal nests have equal texts, whatever their buffers are called.
"""
from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from symtensor.codegen.c.blocks import print_block
from symtensor.codegen.c.printer import NestPrinter
from symtensor.codegen.c.reductions import print_reduce
from symtensor.codegen.facts import BufferFacts
from symtensor.codegen.target import Target
from symtensor.codegen.values import build
from symtensor.ir.nodes import Expr, Nest

_PARAMETER = re.compile(r"\b[pnsc]\d+\b")

__all__ = ["PrintedNest", "print_nest"]


@dataclass(frozen=True)
class PrintedNest:
    """A printed nest.

    text      the function, with @ in place of its name
    params    what the call passes: ("pointer", buffer), ("stride", buffer, axis) in bytes, or ("value", key)
    dense     (buffer, axis): elements have to lie side by side along this axis; the caller copies them where they don't
    written   buffers among those of `dense` that the nest writes
    called    functions of csrc/ and libm that the text needs
    """

    text: str
    params: tuple[tuple[Any, ...], ...]
    dense: tuple[tuple[str, int], ...]
    written: frozenset[str]
    called: tuple[str, ...]


def print_nest(nest: Nest, facts: Mapping[str, BufferFacts], program_key: Callable[[Expr], Any],
               target: Target) -> PrintedNest:
    """The function that runs a nest."""
    printer = NestPrinter(build(nest, program_key), facts, target, print_block, print_reduce)
    printer.body(printer.graph.root)
    if printer.tail:
        printer.arrays.append(f"    char x[{printer.tail}] __attribute__((aligned(64)));")
    small = not printer.graph.scopes and len(printer.lines) <= 24
    head = "static inline" if small else "ST_NEST"
    # Joining loops may have looked at strides that nothing needs in the end.
    body = "\n".join([*printer.arrays, *printer.lines])
    used = set(_PARAMETER.findall(body))
    params = [(key, ctype) for (key, name), ctype in zip(printer.params.items(), printer.types) if name in used]
    text = f"{head} void @({', '.join(ctype for _, ctype in params) or 'void'}) {{\n{body}\n}}"
    return PrintedNest(text, tuple(key for key, _ in params), tuple(printer.dense.items()),
                       frozenset(b for b in printer.dense if b in printer.graph.stored), tuple(printer.called))
