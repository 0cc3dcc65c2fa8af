"""Linking a placed Program: from a Program of the target stage and a device to something that can be called.

`linked(program, constants, pycalls, device, ...)` prints the host side and the kernels, compiles both and gives what
makes `Executable`s, as `symtensor.runtime.executor.linked` does for programs of the host.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Optional

from symtensor.codegen.cuda import print_placed
from symtensor.codegen.target import CUnit
from symtensor.ir.nodes import Program
from symtensor.runtime import facts, loader, toolchain
from symtensor.runtime.binding import fitted
from symtensor.runtime.cuda.array import Source
from symtensor.runtime.cuda.device import Device
from symtensor.runtime.cuda.runner import CudaRunner
from symtensor.runtime.executor import Edge, Executable, compiled_or_said
from symtensor.runtime.failures import ErrorHook
from symtensor.runtime.interpreter import PyOperation

__all__ = ["DeviceExecutable", "linked"]


class DeviceExecutable(Executable):
    """A placed program, whose kernels run on a device. `unit` is the text of its host side, `loaded` the library."""

    consumer = "c"

    def __init__(self, program: Program, unit: CUnit, loaded: loader.Unit, library: Sequence[int],
                 constants: Sequence[Any], pycalls: Sequence[PyOperation], on_error: Optional[ErrorHook],
                 keep: bool, device: Device, sources: Sequence[Source]) -> None:
        given = len(program.inputs) - 2 * len(sources)
        super().__init__(replace(program, inputs=program.inputs[:given]))  # as callers see it
        self.unit = unit
        self.loaded = loaded
        self.device = device
        self.edge = Edge(program, pycalls, on_error)
        kinds = facts.by_name(program)
        values = [fitted(value, kinds[name], f"constant {name}")
                  for name, value in zip(program.constants, constants, strict=True)]
        runner = CudaRunner(program, unit, loaded, library, values, pycalls, self.edge.fit, self.edge.fail, device,
                            keep, sources)
        self.moving = runner.moving
        self.settled = runner.settled  # type: ignore[method-assign]
        self.run = runner.run  # type: ignore[method-assign]
        self.free = runner.free  # type: ignore[method-assign]


def linked(program: Program, constants: Sequence[Any], pycalls: Sequence[PyOperation], device: Device, *,
           on_error: Optional[ErrorHook] = None, keep_workspaces: bool = False,
           sources: Sequence[Source] = ()) -> Callable[[], Executable]:
    """Prints, compiles and loads a placed Program once; what it returns makes Executables of it, which are called
    without the inputs at the end that `sources` tells of (symtensor/lower/vouched.py).

    Raises:
        RuntimeError: there is no C compiler for the host's side.
        CompileError: a compiler refused the text of the host's side or of the kernels.
        TypeError: a constant does not fit its buffer.
    """
    found = compiled_or_said(program, print_placed)
    if found is None:
        raise RuntimeError(f"functions for {device.name} need a C compiler: {toolchain.why_not()}")
    return partial(DeviceExecutable, program, *found, constants, pycalls, on_error, keep_workspaces, device,
                   sources)
