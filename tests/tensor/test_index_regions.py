"""What is said of indices without knowing lengths holds for all lengths; what must be found is found."""
from __future__ import annotations

import itertools

import numpy as np
import pytest

import symtensor.tensor as T
from symtensor.tensor.index_list import get_idx_list
from symtensor.tensor.index_regions import are_apart, cover_all

X = T.dmatrix("x")
I, J = T.lscalars("i", "j")
BOUNDS = (None, 0, 1, 2, 5, -1, -2, -5)
ENTRIES = [slice(a, b, c) for a, b in itertools.product(BOUNDS, BOUNDS) for c in (None, 2, 3, -1)] + [0, 1, 4, -1, -3]


def entries(index):
    """The index as nodes hold it."""
    node = X[index].owner
    return get_idx_list(node.inputs, node.op.idx_list)


def taken(index, shape):
    """How often each element is taken; None where the index is out of bounds."""
    count = np.zeros(shape, int)
    try:
        count[index] += 1
    except IndexError:
        return None
    return count


def chosen(rng, n):
    return [ENTRIES[k] for k in rng.integers(0, len(ENTRIES), size=n)]


def test_apart_for_all_lengths(rng):
    found = 0
    for a, b in zip(chosen(rng, 3000), chosen(rng, 3000)):
        if not are_apart(entries((a,)), entries((b,))):
            continue
        found += 1
        for n in range(9):
            one, other = taken((a,), (n, 2)), taken((b,), (n, 2))
            assert one is None or other is None or (one + other).max(initial=0) <= 1, (a, b, n)
    assert found > 300


def test_covers_for_all_lengths(rng):
    found = 0
    for size in (1, 2, 3):
        for _ in range(6000):
            group = [(slice(None), e) if rng.integers(2) else (e,) for e in chosen(rng, size)]
            if not cover_all([entries(index) for index in group]):
                continue
            found += 1
            for shape in itertools.product(range(7), (0, 1, 3, 6)):
                counts = [taken(index, shape) for index in group]
                assert any(c is None for c in counts) or sum(counts).min(initial=1) >= 1, (group, shape)
    assert found > 30


PLACES = {
    "known bounds": ([np.s_[:2], np.s_[2:5], np.s_[5:]], True, True),
    "in any order": ([np.s_[5:], np.s_[:2], np.s_[2:5]], True, True),
    "of the second axis": ([np.s_[:, :2], np.s_[:, 2:]], True, True),
    "from the end": ([np.s_[:-3], np.s_[-3:-1], np.s_[-1:]], True, True),
    "a row and the others": ([np.s_[0], np.s_[1:]], True, True),
    "the last row and the others": ([np.s_[-1], np.s_[:-1]], True, True),
    "a bound unknown": ([np.s_[:I], np.s_[I:]], True, True),
    "two bounds unknown": ([np.s_[:I], np.s_[I:J], np.s_[J:]], False, True),
    "other bounds": ([np.s_[:I], np.s_[J:]], False, False),
    "a gap": ([np.s_[:2], np.s_[3:]], True, False),
    "no end": ([np.s_[:2], np.s_[2:9]], True, False),
    "one over the other": ([np.s_[:3], np.s_[2:]], False, True),
    "counted from either end": ([np.s_[:3], np.s_[-3:]], False, False),
    "other axes": ([np.s_[:3], np.s_[:, 3:]], False, False),
    "every second": ([np.s_[::2], np.s_[1::2]], True, False),
    "every second and third": ([np.s_[::2], np.s_[1::3]], False, False),
    "all": ([np.s_[:]], True, True),
    "turned round": ([np.s_[:3], np.s_[:2:-1]], False, False),
}


@pytest.mark.parametrize("name", PLACES)
def test_places(name):
    indices, apart, cover = PLACES[name]
    found = [entries(index) for index in indices]
    assert all(are_apart(a, b) for a, b in itertools.combinations(found, 2)) == apart
    assert all(are_apart(b, a) for a, b in itertools.combinations(found, 2)) == apart
    assert cover_all(found) == cover
