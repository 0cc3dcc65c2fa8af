"""Which elementwise operations share one loop nest.

In: the nodes in topological order, which of them are elementwise over arrays, and a key for every output's sizes.
Out: groups of nodes with the same sizes such that contracting each group leaves the graph acyclic.

Greedy: each node tries to merge with the groups of its inputs, nearest first. A merge is refused where a path from one
group to the other leaves them in between, or where the group would exceed `CAP` operations (gcc's time grows faster
than the nest; 64 is measured).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from symtensor.graph.basic import Apply, Variable

CAP = 64


class _Groups:
    """Nodes by position in the order; a group is named by one member's position. `sources` holds, for every group, the
    positions that its members read from; `first` and `last` are the outermost positions of its members."""

    def __init__(self, order: Sequence[Apply], inputs: Callable[[Apply], Sequence[Variable]]):
        position = {node: k for k, node in enumerate(order)}
        self.group = list(range(len(order)))
        self.members = {k: [k] for k in range(len(order))}
        self.first = list(range(len(order)))
        self.last = list(range(len(order)))
        self.sources: list[dict[int, None]] = [
            {position[v.owner]: None for v in inputs(node) if v.owner in position} for node in order
        ]

    def reaches(self, start: int, goal: int) -> bool:
        """Whether group `start` depends on group `goal` through a third group."""
        group, sources, last = self.group, self.sources, self.last
        floor = self.first[goal]
        stack = [g for g in {group[k]: None for k in sources[start]} if g != goal and g != start and last[g] >= floor]
        seen = {start, *stack}
        while stack:
            for k in sources[stack.pop()]:
                other = group[k]
                if other == goal:
                    return True
                if other not in seen and last[other] >= floor:
                    seen.add(other)
                    stack.append(other)
        return False

    def merge(self, a: int, b: int) -> None:
        if len(self.members[a]) < len(self.members[b]):
            a, b = b, a
        for member in self.members.pop(b):
            self.group[member] = a
            self.members[a].append(member)
        self.first[a] = min(self.first[a], self.first[b])
        self.last[a] = max(self.last[a], self.last[b])
        self.sources[a].update(self.sources[b])


def fusion_groups(
    order: Sequence[Apply],
    elementwise: Callable[[Apply], bool],
    sizes: Callable[[Apply], Hashable],
    inputs: Callable[[Apply], Sequence[Variable]],
) -> list[list[Apply]]:
    """The groups (also those of one node), each in topological order, ordered by their first node."""
    groups = _Groups(order, inputs)
    key: dict[int, Hashable] = {k: sizes(node) for k, node in enumerate(order) if elementwise(node)}
    for k in range(len(order)):
        if k not in key:
            continue
        for source in sorted(groups.sources[groups.group[k]], reverse=True):
            own, other = groups.group[k], groups.group[source]
            if source not in key or own == other or key[source] != key[k]:
                continue
            if len(groups.members[own]) + len(groups.members[other]) > CAP:
                continue
            if groups.reaches(own, other) or groups.reaches(other, own):
                continue
            groups.merge(own, other)
    found = [sorted(m) for g, m in groups.members.items() if m[0] in key]
    return [[order[k] for k in members] for members in sorted(found)]
