"""Which loops of a nest are its points, and whether threads share the work of a point.

In comes the value graph as the printer sees it; out comes a `Shape`. Questions about single loops that both the choice
and the printing ask are here too.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from symtensor.codegen.c.printer import NestPrinter
from symtensor.codegen.values import LoopItem, ReduceItem, Scope, StoreItem, Value, accesses, linear

__all__ = ["FEW", "Shape", "chain_from", "covers", "is_shared", "needed", "shape_of",
           "shared_loops", "work"]

# A group is not worth while for fewer elements.
FEW = 8


@dataclass(frozen=True)
class Shape:
    """How a kernel is launched.

    chain  the loops that are points, outermost first
    width  the loops whose elements the threads of a group share at each point; None: each point is one thread's
    """

    chain: list[Scope]
    width: Sequence[Scope] | None


def needed(p: NestPrinter, scope: Scope) -> list[Any]:
    """The items of a loop, values that nobody reads aside."""
    return [i for i in scope.items if not (isinstance(i, Value) and i not in p.uses)
            and not (isinstance(i, ReduceItem) and i.result not in p.uses)]


def work(p: NestPrinter, scope: Scope) -> list[Any]:
    """The items that may not be computed again: stores, loops, reductions, loads of what the nest writes."""
    return [i for i in needed(p, scope) if not isinstance(i, Value) or i.pinned]


def chain_from(p: NestPrinter, scope: Scope, splits: Any, extents: tuple[str, ...] = ()) -> list[Scope]:
    """The vector loops that begin with the only one in `scope`, each holding nothing but the next, values aside.

    splits   tells whether a loop may be shared by threads
    extents  the kinds that the values of their extents may have; any if empty
    """
    chain: list[Scope] = []
    mask = 0
    while True:
        inside = work(p, scope)
        if len(inside) != 1 or not isinstance(inside[0], LoopItem):
            return chain
        scope = inside[0].scope
        extent = scope.extent
        assert extent is not None
        if scope.kind != "vector" or not splits(scope) or (extents and extent.kind not in extents):
            return chain
        if extent.mask & mask:
            return chain
        mask |= scope.bit
        chain.append(scope)


def accumulations(p: NestPrinter, scope: Scope) -> list[StoreItem]:
    """The updates in a loop and in the loops inside it."""
    scopes = [scope, *p.inner_scopes(scope)]
    return [i for s in scopes for i in s.items if isinstance(i, StoreItem) and i.op is not None]


def covers(item: StoreItem, scope: Scope) -> bool:
    """Whether iterations of a loop certainly update different elements: one index is the loop's, up to a constant."""
    for index in item.index:
        form = linear(index)
        if form.factor(scope.index) and all(v is scope.index or v.mask == 0 for v, _ in form.terms):
            return True
    return False


def is_shared(p: NestPrinter, item: ReduceItem) -> bool:
    """Whether threads may share a reduction."""
    return all(s.kind == "vector" for s in item.scopes)


def shape_of(p: NestPrinter, splits: Any) -> Shape:
    """The shape of a nest's kernel. `splits` tells whether a loop may be shared by threads."""
    chain = chain_from(p, p.graph.root, splits, ("const", "param"))
    inside = chain[-1] if chain else p.graph.root
    shares = group_work(p, inside, splits)
    if not shares:
        return Shape(chain, None)

    # What happens once a point does not matter beside what happens in its loops.
    votes = p.votes_of(access for scopes in shares for access in accesses(scopes[0]))

    def best(scopes: Sequence[Scope]) -> int:
        return max((votes.get(s, 0) for s in scopes), default=0)

    most = max(shares, key=lambda s: max(best(s), max(best(p.inner_scopes(i)) for i in s)))
    inner = max(best(s) for s in shares)
    if chain and (inner <= best(chain) or short(most)):
        return Shape(chain, None)
    return Shape(chain, most)


def group_work(p: NestPrinter, scope: Scope, splits: Any) -> list[Sequence[Scope]]:
    """What threads of a group could share in a loop: chains of loops, and reductions."""
    found: list[Sequence[Scope]] = []
    for item in needed(p, scope):
        shared = shared_loops(p, item, splits)
        if shared:
            found.append(shared)
        if isinstance(item, LoopItem):
            found += group_work(p, item.scope, splits)
    return found


def shared_loops(p: NestPrinter, item: Any, splits: Any) -> Sequence[Scope]:
    """The loops that threads of a group could share at an item: those of a reduction, or a chain of loops."""
    if isinstance(item, ReduceItem):
        return item.scopes if is_shared(p, item) else ()
    if isinstance(item, LoopItem) and item.scope.kind == "vector" and splits(item.scope):
        return [item.scope, *chain_from(p, item.scope, splits)]
    return ()


def short(scopes: Sequence[Scope]) -> bool:
    """Whether loops certainly have few elements in all."""
    count = 1
    for scope in scopes:
        if scope.extent is None or scope.extent.kind != "const":
            return False
        count *= scope.extent.extra
    return count <= FEW
