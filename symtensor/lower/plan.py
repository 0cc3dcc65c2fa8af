"""What is computed where: units of emission, and which values need memory.

A unit is a fusion group or a single node. A value read only by its own group, or by one reduction, or only in parts
that have nothing in common (see parts.py), or that an element rule can compute where it is read, gets no buffer.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.lower import registry
from symtensor.lower.fusion import fusion_groups
from symtensor.lower.parts import computed_in_parts
from symtensor.lower.registry import BUFFER, ELEMENT, SCALAR, RuleBook
from symtensor.lower.sizes import Sizes

MAX_INLINE = 48  # nested element rules; beyond it a value gets memory (bounds expression depth)


@dataclass
class Plan:
    """units: in order of emission, nodes of a unit in topological order. stored: variables that get a buffer.
    live: nodes somebody needs (others only have their sizes asked for). wanted: variables that somebody reads."""

    units: list[list[Apply]] = field(default_factory=list)
    stored: set[Variable] = field(default_factory=set)
    live: set[Apply] = field(default_factory=set)
    wanted: set[Variable] = field(default_factory=set)


def make_plan(
    order: Sequence[Apply],
    outputs: Sequence[Variable],
    sizes: Sizes,
    rules: RuleBook,
    inputs: Callable[[Apply], Sequence[Variable]],
) -> Plan:
    """Decides for a block. `inputs`: what each node reads (for an ifelse also what its branches read from outside)."""
    groups = fusion_groups(order, lambda node: rules[node].elementwise, lambda node: sizes.key(node.outputs[0]), inputs)
    unit_of: dict[Apply, int] = {node: g for g, group in enumerate(groups) for node in group}
    for node in order:
        unit_of.setdefault(node, len(unit_of) + len(groups))

    plan = Plan()
    memory: set[Variable] = set(outputs)
    readers: dict[Variable, dict[int, None]] = {}
    clients: dict[Variable, list[Apply]] = {}
    depth: dict[Variable, int] = {}
    for node in order:
        inner = max((depth.get(v, 0) for v in node.inputs), default=0)
        for v in node.outputs:
            lazy = rules[node].element is not None and not rules[node].elementwise and not rules[node].host
            depth[v] = (inner + 1) % MAX_INLINE if lazy else 0
            if lazy and depth[v] == 0:
                memory.add(v)

    def read(node: Apply, kinds: Sequence[str], units: dict[int, None]) -> None:
        needed = inputs(node)
        if needed is not node.inputs:
            kinds = [SCALAR] + [BUFFER] * (len(needed) - 1)
        for variable, kind in zip(needed, kinds, strict=True):
            if isinstance(variable, Constant) or variable.owner is None or kind == registry.SHAPE:
                continue
            clients.setdefault(variable, []).append(node)
            if kind == BUFFER:
                memory.add(variable)
            else:
                readers.setdefault(variable, {}).update(units)

    for node in reversed(order):
        if not any(v in memory or v in readers for v in node.outputs):
            continue
        plan.live.add(node)
        own = {unit_of[node]: None}
        known = rules[node]
        element, view, emit = known.element, known.view, known.emit
        if known.host:
            assert element is not None
            read(node, [SCALAR] * len(node.inputs) if element.fusible else element.uses(node), own)
        elif known.elementwise:
            read(node, [ELEMENT] * len(node.inputs), own)
        elif element is not None and not (emit is not None and any(v in memory for v in node.outputs)):
            if view is not None and any(v in memory for v in node.outputs):
                read(node, [BUFFER, *view.uses(node)[1:]], own)
            elif any(v in memory for v in node.outputs):
                read(node, element.uses(node), own)
            else:
                passed = {unit: None for v in node.outputs for unit in readers.get(v, ())}
                read(node, element.uses(node), passed)
        else:
            kinds = emit.uses(node) if emit is not None else [BUFFER] * len(node.inputs)
            read(node, kinds, own)

    for node in order:
        if node not in plan.live:
            continue
        for v in node.outputs:
            if rules[node].elementwise:
                if v in memory or any(unit != unit_of[node] for unit in readers.get(v, ())):
                    plan.stored.add(v)
            elif v in memory or rules[node].element is None:
                plan.stored.add(v)

    plan.wanted = memory | readers.keys()
    members: dict[int, list[Apply]] = {}
    for node in order:
        members.setdefault(unit_of[node], []).append(node)
    for group in groups:
        _inline_into_reduction(group, unit_of, memory, readers, members, plan, rules)
    plan.stored -= computed_in_parts(groups, clients, memory, plan.stored, rules, sizes)
    plan.units = _ordered_units(order, unit_of, plan, inputs)
    return plan


def _inline_into_reduction(group, unit_of, memory, readers, members, plan: Plan, rules: RuleBook) -> None:
    """A group that only one reduction reads is computed inside the reduction."""
    kept = [v for node in group for v in node.outputs if v in plan.stored]
    if len(kept) != 1 or kept[0] in memory:
        return
    units = [u for u in readers[kept[0]] if u != unit_of[group[0]]]
    clients = members[units[0]] if len(units) == 1 else []
    if len(clients) == 1 and not rules[clients[0]].elementwise and kept[0] in clients[0].inputs:
        rule = rules[clients[0]].emit
        if rule is not None and rule.uses(clients[0])[clients[0].inputs.index(kept[0])] == ELEMENT:
            plan.stored.discard(kept[0])


def _ordered_units(
    order: Sequence[Apply], unit_of: dict[Apply, int], plan: Plan, inputs: Callable[[Apply], Sequence[Variable]]
) -> list[list[Apply]]:
    """Topological order of the contracted graph, as near to the given order as that allows."""
    members: dict[int, list[Apply]] = {}
    last: dict[int, int] = {}
    for k, node in enumerate(order):
        members.setdefault(unit_of[node], []).append(node)
        last[unit_of[node]] = k
    before: dict[int, set[int]] = {unit: set() for unit in members}
    after: dict[int, list[int]] = {unit: [] for unit in members}
    for node in order:
        for v in inputs(node):
            if (
                v.owner in unit_of
                and unit_of[v.owner] != unit_of[node]
                and unit_of[v.owner] not in before[unit_of[node]]
            ):
                before[unit_of[node]].add(unit_of[v.owner])
                after[unit_of[v.owner]].append(unit_of[node])
    missing = {unit: len(b) for unit, b in before.items()}
    ready = [(last[unit], unit) for unit, count in missing.items() if count == 0]
    heapq.heapify(ready)
    result = []
    while ready:
        _, unit = heapq.heappop(ready)
        result.append(members[unit])
        for other in after[unit]:
            missing[other] -= 1
            if missing[other] == 0:
                heapq.heappush(ready, (last[other], other))
    assert len(result) == len(members), "fusion made a cycle"
    return [unit for unit in result if any(node in plan.live for node in unit)]
