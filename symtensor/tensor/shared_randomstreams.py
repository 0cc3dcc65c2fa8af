"""Random streams that keep their own state: every variable drawn is a new sample at each call.

In: a seed. Out: `RandomStreams`, whose methods make random variables; each has a generator of its own, a shared
variable (`variable.rng`) that functions advance by default (`variable.update`). The sequences are those of NumPy's
RandomState: stream number k is seeded with the k-th `randint(2 ** 30)` of a generator seeded with `seed`.

Refused: seeds that RandomState refuses.
"""
from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from symtensor.tensor.raw_random import RandomStreamsBase, random_state_type
from symtensor.tensor.sharedvar import SharedVariable, shared, shared_constructor

__all__ = ["RandomStateSharedVariable", "RandomStreams", "randomstate_constructor"]


class RandomStateSharedVariable(SharedVariable):
    """A shared generator."""

    def __str__(self) -> str:
        return self.name if self.name is not None else "<RandomStateType>"

    __repr__ = __str__  # type: ignore[assignment]


@shared_constructor
def randomstate_constructor(
    value: Any, name: str | None = None, strict: bool = False, allow_downcast: bool | None = None,
    borrow: bool = False,
) -> RandomStateSharedVariable:
    """A shared generator holding (a copy of) a RandomState. TypeError for other values."""
    if not isinstance(value, np.random.RandomState):
        raise TypeError()
    return RandomStateSharedVariable(
        type=random_state_type, value=value if borrow else copy.deepcopy(value), name=name, strict=strict,
        allow_downcast=allow_downcast,
    )


class RandomStreams(RandomStreamsBase):
    """Random variables with generators of their own.

    Attributes:
        state_updates: a list of (generator, its new value), one for each variable made.
        default_instance_seed: the seed, which `seed()` without argument returns to.
        gen_seedgen: the generator that seeds the streams.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.state_updates: list[tuple[Any, Any]] = []
        self.default_instance_seed = seed
        self.gen_seedgen = np.random.RandomState(seed)

    def updates(self) -> list[tuple[Any, Any]]:
        """A copy of `state_updates`, as `function(updates=...)` takes it."""
        return list(self.state_updates)

    def seed(self, seed: int | None = None) -> None:
        """Start all streams again, as if this object had been made with `seed` (default: the one it was made with)."""
        if seed is None:
            seed = self.default_instance_seed
        seeds = np.random.RandomState(seed)
        for generator, _ in self.state_updates:
            generator.set_value(np.random.RandomState(int(seeds.randint(2 ** 30))), borrow=True)

    def __getitem__(self, item: Any) -> np.random.RandomState:
        """The generator in the shared variable `item`, itself and not a copy."""
        return item.get_value(borrow=True)

    def __setitem__(self, item: Any, val: Any) -> None:
        """Put a generator into the shared variable `item`."""
        item.set_value(val, borrow=True)

    def gen(self, op: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The sample of `op(generator, *args, **kwargs)` with a new generator, which functions will advance."""
        seed = int(self.gen_seedgen.randint(2 ** 30))
        generator = shared(np.random.RandomState(seed), borrow=True)
        new_state, sample = op(generator, *args, **kwargs)
        sample.rng = generator
        sample.update = (generator, new_state)
        self.state_updates.append(sample.update)
        generator.default_update = new_state
        generator.tag.is_rng = True
        return sample
