"""What users call: `FunctionBase`, the protocol between a compiled function's Python class and an Executable.

A subclass (the compile layer's Function) does three things:

    self._bind(executable, sources, form)
        sources  for each input of the program: the position of its argument; or its container, a list whose first
                 element is the value (shared variables); or a pair (position, container): the container's value counts
                 where the argument is missing
        form     "bare" (the one output itself), "list", "none", or a tuple of keys (results come as a dict)

    def _slow_call(self, args, kwargs)
        is called with a tuple and a dict whenever the quick way does not apply: names, missing arguments, and values
        that are not arrays of exactly the right dtype and rank (or numbers of exactly representable value). It filters
        the values through the variables' types, raises what users should read, and ends in

    self._execute(arguments)
        runs once with filtered values, one for each argument position; `...` (Ellipsis) stands for the container's
        value. Returns the result in the declared form.

`self._executable` is what was bound. Updates are committed when a call has succeeded: the container gets the new
array, and the old one is kept for the next result; but where anybody else holds the old array (`borrow=True`), its
contents are overwritten instead, so that a borrowed reference stays the variable's value. A failed call changes
nothing.

With the extension built, calls whose arguments fit run in C from the first instruction on (a class that defines
`__call__` itself loses this). Without it, and for interpreted programs, the class below does the same in Python.
"""
from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Union
from weakref import WeakKeyDictionary

import numpy as np

from symtensor.runtime.executor import Executable
from symtensor.utils.device_value import DeviceValue

try:
    from symtensor import _executor
except ImportError:
    _executor = None  # type: ignore[assignment]

Source = Union[int, list, tuple[int, list]]
Form = Union[str, tuple]


class PythonFunction:
    """The protocol in Python."""

    _executable: Any = None
    _sources: tuple[Source, ...] = ()
    _form: Form = "list"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._slow_call(args, kwargs)

    def _slow_call(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        raise TypeError("a subclass says how arguments are filtered")

    def _bind(self, executable: Executable, sources: tuple[Source, ...], form: Form) -> None:
        check_binding(executable, sources, form)
        self._executable, self._sources, self._form = executable, sources, form

    def _execute(self, arguments: Sequence[Any]) -> Any:
        if self._executable is None:
            raise RuntimeError("the function is not bound to an executable")
        return self._execute_generic(arguments)

    def _execute_generic(self, arguments: Sequence[Any]) -> Any:
        return execute(self._executable, self._sources, self._form, arguments)


def check_binding(executable: Executable, sources: Sequence[Source], form: Form) -> None:
    """Raises ValueError or TypeError unless sources and form fit the executable's program."""
    program = executable.program
    if isinstance(form, tuple):
        fits = len(form) == len(program.outputs)
    else:
        fits = form in ("list", "none") or (form == "bare" and len(program.outputs) == 1)
    if not fits or len(sources) != len(program.inputs):
        raise ValueError("sources or form do not fit the executable")
    for source in sources:
        position, container = split(source)
        if not isinstance(position, int) or (position < 0 and not isinstance(container, list)):
            raise TypeError(f"source {source!r} is no position, list or pair of them")


def split(source: Source) -> tuple[int, Any]:
    """(argument position or -1, container or None) of a source."""
    if isinstance(source, tuple):
        return source
    return (-1, source) if isinstance(source, list) else (source, None)


class _Turns:
    """Who may call an executable: one thread at a time reads containers, runs and commits. A thread that is inside
    another call never waits, so that no two wait for each other."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Forgets everything (in a forked child the holders are gone)."""
        self.locks: WeakKeyDictionary[Any, threading.RLock] = WeakKeyDictionary()
        self.inside = threading.local()

    @contextmanager
    def of(self, executable: Any) -> Iterator[None]:
        lock = self.locks.get(executable)
        if lock is None:
            lock = self.locks.setdefault(executable, threading.RLock())
        depth = getattr(self.inside, "depth", 0)
        held = lock.acquire(blocking=depth == 0)
        self.inside.depth = depth + 1
        try:
            yield
        finally:
            self.inside.depth = depth
            if held:
                lock.release()


_turns = _Turns()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_turns.renew)


def execute(executable: Any, sources: Sequence[Source], form: Form, arguments: Sequence[Any]) -> Any:
    """One call of any Executable: reads containers, runs, commits updates, returns the result in its form."""
    with _turns.of(executable):
        values = read(executable, sources, arguments)
        outputs, updates = executable.run(values)
        values.clear()
        commit(executable, sources, updates)
    if form == "bare":
        return outputs[0]
    if form == "none":
        return None
    return outputs if form == "list" else dict(zip(form, outputs))


def read(executable: Any, sources: Sequence[Source], arguments: Sequence[Any]) -> list[Any]:
    """A value for each input, from arguments and containers."""
    last = -1
    for source in sources:  # as `split` does; every call passes here
        position = source if isinstance(source, int) else -1 if isinstance(source, list) else source[0]
        if position > last:
            last = position
    if len(arguments) != last + 1:
        raise TypeError(f"{last + 1} arguments expected, got {len(arguments)}")
    values: list[Any] = []
    moving = executable.moving
    for k, source in enumerate(sources):
        position, container = (-1, source) if isinstance(source, list) else split(source)
        if position >= 0 and arguments[position] is not ...:
            value = arguments[position]
            if container is not None and k in executable.written and isinstance(value, np.ndarray):
                value = value.copy()  # the container's next value must not be computed in the caller's own array
        elif container:
            value = container[0]
            if k in moving:
                value = container[0] = executable.settled(k, value)
            elif isinstance(value, DeviceValue):
                value = container[0] = value.get()
        else:
            raise TypeError(f"no value for input {k}")
        values.append(value)
    return values


def commit(executable: Any, sources: Sequence[Source], updates: list[Any]) -> None:
    """Puts the new values of updates into their containers; see the module."""
    for (position, _), new in zip(executable.program.updates, updates):
        source = sources[position]
        container = source if isinstance(source, list) else split(source)[1]
        if container and container[0] is not new and not (_is_borrowed(container) and _overwritten(container[0], new)):
            container[0] = new


def _is_borrowed(container: list[Any]) -> bool:
    """Whether somebody beside its container may hold an array."""
    old = container[0]
    return isinstance(old, np.ndarray) and (old.base is not None or _references(container) > _LEAST)


def _references(container: list[Any]) -> int:
    return sys.getrefcount(container[0])


_LEAST = _references([np.empty(1)]) + 1  # the list, and the caller's own name


def _overwritten(old: Any, new: Any) -> bool:
    """Overwrites an array if it can hold the new value."""
    if not isinstance(new, np.ndarray) or old.shape != new.shape or old.dtype != new.dtype or not old.flags.writeable:
        return False
    old[...] = new
    return True


if _executor is None:

    class FunctionBase(PythonFunction):
        """What users call; see the module."""

else:

    class FunctionBase(_executor.FunctionBase):  # type: ignore[no-redef]
        """What users call; see the module."""

        def _bind(self, executable: Executable, sources: tuple[Source, ...], form: Form) -> None:
            check_binding(executable, sources, form)
            super()._bind(executable, sources, form)

        def _slow_call(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
            raise TypeError("a subclass says how arguments are filtered")

        def _execute_generic(self, arguments: Sequence[Any]) -> Any:
            return execute(self._executable, self._sources, self._form, arguments)
