"""The host side of a placed Program: the C unit that computes sizes, checks, loops and branches, and has the device do
the rest.

In comes a `Program` of the target stage, out comes a `CUnit` with the kernels beside the C text. What runs on the host
prints as ever; memory on the device, launches, moves and calls of the device's routines go through the table of
functions `frame->device` (csrc/abi.h).
"""
from __future__ import annotations

import re
from dataclasses import replace

from symtensor.codegen.c.dialect import ITEMSIZE
from symtensor.codegen.c.parallel import kind_of
from symtensor.codegen.c.unit import UnitPrinter
from symtensor.codegen.cuda.kernels import PrintedKernel, print_kernel
from symtensor.codegen.cuda.unit import kernel_text
from symtensor.codegen.target import DEFAULT_TARGET, CUnit, KernelUnit, Target
from symtensor.ir.nodes import Buffer, Call, Move, Nest, Program
from symtensor.ir.walk import writes

__all__ = ["print_placed"]


class PlacedPrinter(UnitPrinter):
    """The state of printing one placed program."""

    def __init__(self, program: Program, target: Target):
        super().__init__(program, target)
        self.kernels: dict[str, tuple[int, PrintedKernel]] = {}
        self.routines: list[str] = []

    def on_device(self, stmt: Nest | Call) -> bool:
        """Whether a statement runs on the device: where it writes."""
        return bool(writes(stmt)) and self.buffers[writes(stmt)[0]].home == "device"

    def source_of_memory(self, buffer: Buffer) -> tuple[str, str]:
        return ("f->device->", "st_device_") if buffer.home == "device" else super().source_of_memory(buffer)

    def do_Nest(self, stmt: Nest) -> None:
        if self.on_device(stmt):
            self.launch(stmt)
        else:
            self.nest(stmt)

    def launch(self, stmt: Nest) -> None:
        """A nest on the device: one kernel for all equal nests."""
        printed = print_kernel(stmt, self.names, self.key, self.target)
        number = self.kernels.setdefault(printed.text, (len(self.kernels), printed))[0]
        declared = re.search(r"@\(([^)]*)\)", printed.text)
        kinds = [kind_of(one) for one in declared.group(1).split(", ")] if declared and printed.params else []
        arguments = [self.argument(p) for p in printed.params]
        addresses = ", ".join(f"&({kind}){{{a}}}" for kind, a in zip(kinds, arguments, strict=True))
        points, width = " * ".join(printed.points) or "1", " * ".join(printed.width) or "0"
        self.fail_unless(f"f->device->launch(f, {number}, {points}, {width}, (void *const[]){{{addresses or '0'}}})")

    def do_Move(self, stmt: Move) -> None:
        target, source = self.names.places[stmt.buffer], self.names.places[stmt.source]
        facts = source.facts
        itemsize = ITEMSIZE[facts.dtype]
        size = " * ".join([str(itemsize), *(d for d in facts.dims if d != "1")])
        if self.buffers[stmt.buffer].home == "host":
            self.fail_unless(f"f->device->move(f, 0, {target.pointer}, {source.pointer}, {size})")
        elif facts.dense:
            self.fail_unless(f"f->device->move(f, 1, {target.pointer}, {source.pointer}, {size})")
        else:
            self.scratch = max(self.scratch, 1)
            self.fail_unless(self.call(f"st_to_device(f, {target.pointer}, {source.pointer}, {self.program.slots}, "
                                       f"{itemsize}, {facts.ndim}, {source.dims_text}, {source.strides_text})"))

    def routine(self, stmt: Call, entry: str) -> str:
        if not self.on_device(stmt):
            return super().routine(stmt, entry)
        if entry not in self.routines:
            self.routines.append(entry)
        return f"f->device->call(f, {self.routines.index(entry)}"

    def run(self) -> CUnit:
        unit = super().run()
        kernels = None
        if self.kernels:
            text = kernel_text([printed for _, printed in self.kernels.values()])
            kernels = KernelUnit(text, tuple(f"k{k}" for k in range(len(self.kernels))))
        return replace(unit, kernels=kernels, routines=tuple(self.routines))


def print_placed(program: Program, target: Target = DEFAULT_TARGET) -> CUnit:
    """The C unit of a program of the target stage, with its kernels.

    Raises `UnsupportedRow` for scalar operations that have no C text (mod or erf of complex numbers ...).
    """
    if program.stage != "target":
        raise ValueError(f"a program has to be placed before it is printed for a device, got {program.stage}")
    return PlacedPrinter(program, target).run()
