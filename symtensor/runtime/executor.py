"""Linking: from a Program to something that can be called.

`link(program, constants, pycalls)` gives an `Executable`. Its `run(values) -> (outputs, updates)` takes one value for
each input of the program (the function's inputs, then shared variables) and returns lists of arrays and objects, in the
order of `program.outputs` and `program.updates`. Nothing is committed: an update that the program makes in place
returns the array that was handed in, any other one a new array.

A Python operation is a callable that takes the list of its input values and returns the list of its results. A failed
call raises the exception of the Check's site, or what the operation raised, after `on_error(exception, node, values)`
(see `symtensor.runtime.failures`) has had a look at it; no input has been changed then.

consumer "c"            printed as C, compiled through the cache, loaded; called by the extension `symtensor._executor`,
                        or, where that was not built, through cffi (slower, said once). Where there is no compiler the
                        interpreter runs instead, said once.
consumer "interpreter"  NumPy, statement by statement; only here do `before`, `after`, `poison` and `sharing` mean
                        something (see `symtensor.runtime.interpreter`).

What users call is a `symtensor.runtime.function.FunctionBase`, which binds an Executable to arguments and containers.
Calls are safe from several threads: one executable runs one call at a time, except for calls from inside itself.
"""
from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Optional

import numpy as np

from symtensor.codegen.c import print_program
from symtensor.codegen.target import CUnit, Target
from symtensor.config import config
from symtensor.ir.nodes import Program
from symtensor.runtime import cache, facts, loader, routines, toolchain
from symtensor.runtime.advice import Advice
from symtensor.runtime.binding import describe, fitted
from symtensor.runtime.cffi_runner import CffiRunner
from symtensor.runtime.failures import OUT_OF_MEMORY, ErrorHook, decorated, site_error
from symtensor.runtime.interpreter import Hook, Interpreter, PyOperation

try:
    from symtensor import _executor
except ImportError:  # not built
    _executor = None  # type: ignore[assignment]
else:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_executor.after_fork)

logger = logging.getLogger("symtensor.executor")

Printer = Callable[[Program, Target], CUnit]


_said = Advice()


class Executable:
    """A linked program. `native` is the extension's part (what `FunctionBase` calls directly), or None; `written`: the
    positions of the inputs whose memory a call writes to."""

    consumer = ""
    native: Any = None
    moving: frozenset[int] = frozenset()  # positions of the inputs that live on a device

    def __init__(self, program: Program) -> None:
        self.program = program
        self.written = facts.written_inputs(program)

    def settled(self, position: int, value: Any) -> Any:
        """The value of an input as a container may keep it for further calls: on the device, if it is to live there."""
        return value

    def run(self, values: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """One call; see the module."""
        raise TypeError("an Executable is made by link()")

    def free(self) -> None:
        """Gives back memory that is kept between calls."""


class InterpretedExecutable(Executable):
    """A program run by the interpreter."""

    consumer = "interpreter"

    def __init__(self, interpreter: Interpreter) -> None:
        super().__init__(interpreter.program)
        self.interpreter = interpreter

    def run(self, values: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        return self.interpreter.run(values)


class CompiledExecutable(Executable):
    """A program that was printed, compiled and loaded. `unit` is its text, `loaded` the library."""

    consumer = "c"

    def __init__(self, program: Program, unit: CUnit, loaded: loader.Unit, library: Sequence[int],
                 constants: Sequence[Any], pycalls: Sequence[PyOperation], on_error: Optional[ErrorHook],
                 keep: bool) -> None:
        super().__init__(program)
        self.unit = unit
        self.loaded = loaded
        self.edge = Edge(program, pycalls, on_error)
        kinds = facts.by_name(program)
        values = tuple(fitted(value, kinds[name], f"constant {name}")
                       for name, value in zip(program.constants, constants, strict=True))
        if _executor is None:
            runner = CffiRunner(program, unit, loaded, library, values, pycalls, self.edge.fit, self.edge.fail)
            self.run = runner.run  # type: ignore[method-assign]
            self.free = runner.free  # type: ignore[method-assign]
            return
        self.native = _executor.Native(
            main=loaded.address,
            inputs=tuple(_spec(kinds[name]) for name in program.inputs + program.constants),
            constants=values,
            results=tuple(_spec(kinds[name]) for name in program.outputs + tuple(n for _, n in program.updates)),
            positions=tuple(position for position, _ in program.updates),
            destroyed=self.written,
            islands=_islands(program, pycalls),
            library=tuple(library), slots=max(unit.slots, program.slots), heavy=facts.may_run_long(program), keep=keep,
            fit=self.edge.fit, adopt=self.edge.adopt, fail=self.edge.fail)
        self.run = self.native.run  # type: ignore[method-assign]
        self.free = self.native.free  # type: ignore[method-assign]


def _spec(buffer: Any) -> tuple[Any, tuple[bool, ...], bool]:
    """A buffer as the extension reads it: dtype or None, lengths that must be 1, whether C order is promised."""
    if buffer.dtype == "object":
        return None, (), False
    return np.dtype(buffer.dtype), tuple(buffer.broadcast), buffer.layout == "c" and buffer.ndim > 0


def _islands(program: Program, pycalls: Sequence[PyOperation]) -> tuple[Any, ...]:
    kinds = facts.by_name(program)
    called = facts.operations(program)

    def specs(names: tuple[str, ...]) -> tuple[Any, ...]:
        return tuple(_spec(kinds[name]) for name in names)

    nothing: tuple[Any, ...] = (None, (), (), ())
    return tuple(
        (operation, specs(called[k].inputs), specs(called[k].outputs), called[k].views) if k in called else nothing
        for k, operation in enumerate(pycalls))


class Edge:
    """What compiled code needs Python for: values that do not fit, results that do not fit, failures."""

    def __init__(self, program: Program, pycalls: Sequence[PyOperation], on_error: Optional[ErrorHook]) -> None:
        self.program = program
        self.pycalls = tuple(pycalls)
        self.on_error = on_error
        self.kinds = facts.by_name(program)
        self.called = facts.operations(program)

    def fit(self, position: int, value: Any) -> Any:
        """The array for an input; TypeError if the value is none."""
        name = self.program.inputs[position]
        return fitted(value, self.kinds[name], f"input {position} ({name})")

    def adopt(self, callee: int, position: int, value: Any) -> Any:
        """The array for a result of a Python operation (position -1: the whole of what it returned); TypeError if it is
        none."""
        stmt = self.called[callee]
        name = str(self.pycalls[callee])
        if position < 0:
            raise TypeError(f"{name}: expected a list of {len(stmt.outputs)} result(s), got {describe(value)}")
        return fitted(value, self.kinds[stmt.outputs[position]], f"result {position} of {name}")

    def fail(self, site: int, numbers: Sequence[int], error: Optional[BaseException], callee: int,
             values: Sequence[Any]) -> None:
        """Raises what a failed call raises."""
        node = -1
        if error is None and site >= 0:
            found = self.program.sites[site]
            error, node = site_error(found, numbers), found.node
        elif error is None:
            error = MemoryError() if site == OUT_OF_MEMORY else RuntimeError(f"the compiled function failed ({site})")
        if callee >= 0:
            node = (self.called[callee].origin or (-1,))[0]
        final = decorated(error, node, values, self.on_error)
        if final is error:
            raise error
        raise final from error


def link(program: Program, constants: Sequence[Any] = (), pycalls: Sequence[PyOperation] = (),
         **options: Any) -> Executable:
    """Makes a Program callable; see the module. The options are those of `linked`."""
    return linked(program, constants, pycalls, **options)()


def linked(program: Program, constants: Sequence[Any] = (), pycalls: Sequence[PyOperation] = (), *, consumer: str = "c",
           on_error: Optional[ErrorHook] = None, keep_workspaces: bool = False, before: Optional[Hook] = None,
           after: Optional[Hook] = None, poison: bool = False, sharing: bool = False) -> Callable[[], Executable]:
    """Prints, compiles and loads a Program once; what it returns makes Executables of it, with workspaces of their own.

    Args:
        program: stage "buffered" (the interpreter takes "nests" too).
        constants: a value for each of `program.constants`.
        pycalls: what `PyCall.callee` indexes.
        keep_workspaces: large workspaces stay with the executable between calls (`allow_gc=False`) instead of going
            back to the pool that all functions share.

    Raises:
        CompileError: the compiler refused the text.
        TypeError: a constant does not fit its buffer.
    """
    if consumer not in ("c", "interpreter"):
        raise ValueError(f"no consumer {consumer!r}")
    hooks: dict[str, Any] = {"before": before, "after": after, "poison": poison, "sharing": sharing}
    if consumer == "c" and any(hooks.values()):
        raise ValueError("hooks, poison and sharing belong to the interpreter")
    if consumer == "c":
        found = compiled_or_said(program)
        if found is not None:
            return partial(CompiledExecutable, program, *found, constants, pycalls, on_error, keep_workspaces)
    return lambda: InterpretedExecutable(Interpreter(program, constants, pycalls, on_error=on_error, **hooks))


def compiled_or_said(program: Program,
                     printer: Optional[Printer] = None) -> Optional[tuple[CUnit, loader.Unit, list[int]]]:
    """What `compiled` gives; None, said once, where there is no compiler or no place."""
    for attempt in range(4):
        compiler = toolchain.chosen()
        if compiler is None:
            break
        on_trial = toolchain.is_on_trial(compiler)  # another thread may end it meanwhile
        if not toolchain.named(compiler.path):
            _said.once("other compiler", f"the compiler that the flag cxx names, {config.cxx}, does not work: "
                                         f"using {compiler.path}.", UserWarning)
        try:
            found = compiled(program, compiler, printer)
        except (OSError, toolchain.CompileError) as error:
            if on_trial and attempt < 3:
                toolchain.find()
                continue
            if isinstance(error, OSError):
                _say_no_place(str(error))
                return None
            if attempt == 3 or not toolchain.has_gone_bad(compiler):
                raise
            continue
        toolchain.passed(compiler)
        if _executor is None:
            _said.once("extension", "the extension symtensor._executor was not built: every call costs some "
                                    "microseconds more.")
        return found
    if toolchain.place_error():
        _say_no_place(toolchain.place_error())
        return None
    _said.once("compiler", f"no C compiler ({toolchain.why_not()}): running with NumPy, slower. Install gcc or "
                           f"clang, or name a compiler in the flag cxx.")
    return None


def _say_no_place(reason: str) -> None:
    _said.once("place", f"compiled code cannot be written or loaded ({reason}): running with NumPy, slower. Set "
                        f"base_compiledir or TMPDIR to a directory with room.")


def compiled(program: Program, compiler: toolchain.Compiler,
             printer: Optional[Printer] = None) -> tuple[CUnit, loader.Unit, list[int]]:
    """The printed text of a program, its loaded library, and the addresses of the routines that it calls. `printer`:
    print_program, if it is not given."""
    target = toolchain.target(compiler)
    unit = (printer or print_program)(program, target)

    def build(place: Path) -> Path:
        return toolchain.compile_text(compiler, unit.text, place, unit.flags, parts=unit.parts)

    key_facts = [("source", unit.text), *compiler.facts(unit.flags)]
    loaded = loader.known(cache.key_of(key_facts)) or cache.obtain(key_facts, build, loader.load)
    assert isinstance(loaded, loader.Unit)
    return unit, loaded, [routines.address(name, compiler, target) for name in unit.library]
