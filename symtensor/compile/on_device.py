"""Programs for a device: shared out between the host and the device, and linked there.

In: a buffered Program with what linking needs, and the positions of its shared inputs, whose values may live on the
device. Imported only where a device is in use.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symtensor.codegen.cuda import has_kernel, in_groups, join_points, split_sums
from symtensor.codegen.library import entry_name
from symtensor.ir.nodes import Program
from symtensor.lower.homes import DEVICE_ROUTINES
from symtensor.lower.placement import place
from symtensor.lower.reserve import reserve_workspaces
from symtensor.lower.vouched import with_extremes
from symtensor.runtime.cuda.device import Device
from symtensor.runtime.cuda.executable import linked
from symtensor.runtime.executor import Executable

__all__ = ["linked_on", "placed_on"]


def placed_on(device: Device, program: Program, shared: Sequence[int]) -> Program:
    """The program with its statements shared out between the host and a device."""
    buffers = {buffer.name: buffer for buffer in program.buffers}
    routines = [name for name in DEVICE_ROUTINES if device.routine(entry_name(name, "float32")) is not None]
    placed = place(program, shared, runs=lambda nest: has_kernel(nest, buffers), routines=routines)
    there = {buffer.name: buffer for buffer in placed.buffers}
    split = split_sums(join_points(placed, lambda nest: in_groups(nest, there)))
    return reserve_workspaces(split, shared, program.slots)


def linked_on(device: Device, program: Program, constants: Sequence[Any], operations: Sequence[Any],
              shared: Sequence[int], **options: Any) -> Callable[[], Executable]:
    """What makes Executables of a buffered program that run on a device."""
    program, sources = with_extremes(program, shared)
    return linked(placed_on(device, program, shared), constants, operations, device, sources=sources, **options)
