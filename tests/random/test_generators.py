"""Copies of generators: the same sequence, the original unharmed, and no copy used again that somebody still holds."""
from __future__ import annotations

import threading

import numpy as np
import pytest

from symtensor.tensor import generators
from symtensor.tensor.generators import Copier, copied


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a.get_state(), b.get_state(), strict=True))


@pytest.fixture(params=[True, False], ids=["quick", "by state"])
def quick(request, monkeypatch):
    if request.param and not generators._QUICK:
        pytest.skip("this NumPy has no lock that can be held while drawing")
    monkeypatch.setattr(generators, "_QUICK", request.param)


@pytest.mark.parametrize("normals", [0, 1, 2, 3])
def test_copies_give_the_same_sequence(quick, normals):
    onto = np.random.RandomState(9)
    onto.standard_normal()  # has a number of its own held back
    for draws in (0, 5, 312, 1000):
        given, twin = np.random.RandomState(3), np.random.RandomState(3)
        for generator in (given, twin):
            generator.random_sample(draws)
            generator.standard_normal(normals)
        for copy in (copied(given), copied(given, onto)):
            assert same(given, twin) and same(copy, twin)
            other = np.random.RandomState()
            other.set_state(twin.get_state())
            assert np.array_equal(copy.standard_normal(3), other.standard_normal(3)) and same(given, twin)


def test_other_kinds_of_generators(quick):
    given = np.random.RandomState(np.random.PCG64(3))
    copy = copied(given)
    assert np.array_equal(copy.uniform(size=3), given.uniform(size=3))


def test_what_is_held_is_not_used_again(quick):
    copier, given = Copier(), np.random.RandomState(3)
    held = [copier(given) for _ in range(8)]
    assert len({id(g) for g in held}) == 8
    held[0].uniform(size=5)
    assert all(same(g, given) for g in held[1:])
    bits = copier(given)._bit_generator
    before = bits.state["state"]["key"].copy()
    for _ in range(8):
        copier(given).uniform(size=1000)
    assert np.array_equal(bits.state["state"]["key"], before)


def test_what_nobody_holds_is_used_again(quick):
    copier, generator = Copier(), np.random.RandomState(3)
    seen = set()
    for _ in range(12):
        generator = copier(generator)
        generator.uniform()
        seen.add(id(generator))
    assert len(seen) <= 4
    twin = np.random.RandomState(3)
    twin.uniform(size=12)
    assert same(generator, twin)


def test_threads_may_share_a_generator():
    copier, given, wrong = Copier(), np.random.RandomState(3), []
    wanted = np.random.RandomState(3).normal(size=4)

    def work():
        for _ in range(200):
            if not np.array_equal(copier(given).normal(size=4), wanted):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
