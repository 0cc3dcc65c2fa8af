"""OrderedUpdates: keys are shared variables, and nothing is overwritten unnoticed."""
from __future__ import annotations

import copy
import pickle

import pytest

import symtensor.tensor as T
from symtensor.tensor.sharedvar import shared
from symtensor.updates import OrderedUpdates

x, y = shared(1.0, name="x"), shared(2, name="y")


def test_keys_must_be_shared_variables():
    updates = OrderedUpdates()
    for make in (
        lambda: updates.__setitem__(T.dscalar("d"), 1), lambda: OrderedUpdates({3: 4}), lambda: OrderedUpdates(a=3),
        lambda: OrderedUpdates([(T.dscalar(), 2)]), lambda: updates.update({1: 2}),
    ):
        with pytest.raises(TypeError, match="OrderedUpdates keys must inherit from SharedVariable"):
            make()
    assert not updates


def test_order_is_kept():
    updates = OrderedUpdates([(y, y + 1), (x, x * 2)])
    assert list(updates) == [y, x]
    updates[y] = y + 3
    assert list(updates) == [y, x] and str(updates).startswith("OrderedUpdates([(y, Elemwise{add,no_inplace}.0)")


def test_collisions():
    new = x + 1
    updates = OrderedUpdates([(x, new)])
    updates.update({x: new, y: y + 1})
    updates.update()
    updates.update(None)
    assert len(updates) == 2
    for other in ({x: x + 1}, [(x, x + 1)], OrderedUpdates([(x, x + 1)])):
        with pytest.raises(KeyError) as caught:
            updates.update(other)
        assert caught.value.args == ("Collision", x)
        with pytest.raises(KeyError):
            updates + other


def test_addition():
    first, second = OrderedUpdates([(x, x + 1)]), OrderedUpdates([(y, y + 1)])
    both = first + second
    assert list(both) == [x, y] and list(first) == [x] and type(both) is OrderedUpdates
    assert list(first + [(y, 3)]) == [x, y]
    assert list([(y, 3)] + first) == [x, y]


def test_copies_and_pickles():
    updates = OrderedUpdates([(x, x + 1)])
    assert list(copy.copy(updates)) == [x]
    (name,) = [v.name for v in pickle.loads(pickle.dumps(updates))]
    assert name == "x"
