"""Copies of NumPy's RandomState, made quickly.

In: a generator. Out: another one that will give the same sequence. `get_state` and `set_state` go through 624 Python
numbers and take longer than most draws. Here the Mersenne Twister's memory, whose address NumPy publishes
(`bit_generator.ctypes.state_address`), is copied as it is. What remains is the normal number that a RandomState may
hold back, since it makes them in pairs; that shows in its next normal draw: with one held back the twister does not
move. `Copier` also reuses copies that it made before and nobody holds any more, as seeding a new generator is slow too.

Where a generator is of another kind, or NumPy does not work as described (checked when this module is loaded), the copy
goes through `get_state`.
"""
from __future__ import annotations

import ctypes
import sys
import threading
from typing import Any

import numpy as np

__all__ = ["Copier", "copied"]

# uint32 key[624]; int position
_STATE_BYTES = 625 * 4
_RLock = type(threading.RLock())
Generator = np.random.RandomState


def copied(generator: Generator, onto: Generator | None = None) -> Generator:
    """A generator that will give the same sequence: `onto`, which is overwritten, or a new one."""
    if onto is None:
        onto = Generator(type(generator._bit_generator)(0))  # type: ignore[attr-defined]
    if not (_QUICK and _is_twister(generator) and _is_twister(onto)):
        onto.set_state(generator.get_state(legacy=False))
        return onto
    return _quickly(generator, onto)


def _is_twister(generator: Generator) -> bool:
    bits = generator._bit_generator  # type: ignore[attr-defined]
    return type(bits) is np.random.MT19937 and isinstance(bits.lock, _RLock)


def _quickly(generator: Generator, onto: Generator) -> Generator:
    bits = generator._bit_generator  # type: ignore[attr-defined]
    with bits.lock:  # nobody else may draw meanwhile
        address = bits.ctypes.state_address
        memory = ctypes.string_at(address, _STATE_BYTES)
        held_back = _forget_normal(generator, address)
        ctypes.memmove(address, memory, _STATE_BYTES)
        if held_back is not None:
            state: Any = generator.get_state(legacy=False)
            state["has_gauss"], state["gauss"] = 1, held_back
            generator.set_state(state)
            onto.set_state(state)
            return onto
    target = onto._bit_generator.ctypes.state_address  # type: ignore[attr-defined]
    _forget_normal(onto, target)
    ctypes.memmove(target, memory, _STATE_BYTES)
    return onto


def _forget_normal(generator: Generator, address: int) -> float | None:
    """The normal number held back, if there is one; afterwards there is none. May move the twister."""
    before = ctypes.string_at(address, _STATE_BYTES)
    number = generator.standard_normal()
    if ctypes.string_at(address, _STATE_BYTES) == before:
        return number
    generator.standard_normal()  # the second of the pair just made
    return None


def _works() -> bool:
    """Whether copies are right: with and without a number held back, at the end of the twister's memory as well."""
    try:
        onto = Generator(1)
        for draws in (0, 1, 2, 311, 312, 700):
            for normals in (0, 1, 2):
                given = Generator(draws)
                given.random_sample(draws)
                given.standard_normal(normals)
                state = given.get_state()
                other = _quickly(given, onto)
                for got in (given.get_state(), other.get_state()):
                    if not all(np.array_equal(a, b) for a, b in zip(state, got, strict=True)):
                        return False
                if not np.array_equal(given.standard_normal(3), other.standard_normal(3)):
                    return False
        return _is_twister(onto)
    except (AttributeError, TypeError, ValueError):
        return False


_QUICK = hasattr(np.random, "MT19937") and _is_twister(Generator(0)) and _works()


def _holders(copy: Any) -> tuple[int, int]:
    """How many references there are to a generator and to its source of bits."""
    return sys.getrefcount(copy), sys.getrefcount(copy._bit_generator)


class Copier:
    """Makes copies, and uses the memory of old ones again once nobody but the copier holds them."""

    def __init__(self) -> None:
        self._made: list[Generator] = []
        self._alone: tuple[int, int] | None = None

    def __call__(self, generator: Generator) -> Generator:
        onto = self._unused()
        copy = copied(generator, onto)
        if self._alone is None:
            # One reference, that of a local variable: what `_unused` finds where nobody else has one.
            del onto
            self._alone = _holders(copy)
        self._made.append(copy)
        del self._made[:-3]
        return copy

    def _unused(self) -> Generator | None:
        """The oldest copy, taken out of the list, unless somebody holds it."""
        if len(self._made) < 3 or self._alone is None:
            return None
        try:
            oldest = self._made.pop(0)
        except IndexError:  # another thread took it
            return None
        return oldest if _holders(oldest) == self._alone else None
