"""Values that are only read in parts which have nothing in common, as the gates `z[:, :n]` and `z[:, n:]` of a sum `z`.

In: the fusion groups of a block, who reads what, and what is to be stored. Out: the values that need no memory, because
each element is computed where the part that it belongs to is read: once, as in a nest of its own.
"""
from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import combinations

from symtensor.graph.basic import Apply, Variable
from symtensor.lower.fusion import CAP
from symtensor.lower.registry import ELEMENT, RuleBook, is_scalar
from symtensor.lower.sizes import Sizes
from symtensor.tensor.basic_indexing import Subtensor
from symtensor.tensor.index_list import get_idx_list
from symtensor.tensor.index_regions import are_apart
from symtensor.tensor.joining import Split

__all__ = ["computed_in_parts"]


def computed_in_parts(
    groups: Sequence[Sequence[Apply]], clients: dict[Variable, list[Apply]], memory: Collection[Variable],
    stored: Collection[Variable], rules: RuleBook, sizes: Sizes,
) -> set[Variable]:
    """`clients`: the nodes that read more than a variable's sizes. `memory`: the variables that must have memory."""
    found: set[Variable] = set()
    group_of = {node: k for k, group in enumerate(groups) for node in group}
    operations = [len(group) for group in groups]  # that the nest of a group does, parts of other groups included
    for k, group in enumerate(groups):
        kept = [v for node in group for v in node.outputs if v in stored]
        if len(kept) != 1 or kept[0] in memory:
            continue
        parts = _parts(clients.get(kept[0], ()), memory, rules)
        if not parts or not all(_is_read_once(v, clients, group_of, rules, sizes) for v in parts):
            continue
        more = [group_of[node] for v in parts for node in clients[v][:1] if node in group_of]
        if all(operations[reader] + more.count(reader) * operations[k] <= CAP for reader in more):
            for reader in more:
                operations[reader] += operations[k]
            found.add(kept[0])
    return found


def _parts(readers: Sequence[Apply], memory: Collection[Variable], rules: RuleBook) -> list[Variable]:
    """The parts that a value is read in: basic slices, or the pieces of a split. None if it is read otherwise too, if
    two may have an element in common, or if one is a single number, which the host reads."""
    if not all(type(node.op) in (Subtensor, Split) and rules[node].element is not None for node in readers):
        return []
    if len(readers) > 1:
        if not all(type(node.op) is Subtensor for node in readers):
            return []
        indices = [get_idx_list(node.inputs, node.op.idx_list) for node in readers]
        if not all(are_apart(a, b) for a, b in combinations(indices, 2)):
            return []
    parts = [v for node in readers for v in node.outputs]
    return [] if any(v in memory or is_scalar(v) for v in parts) else parts


def _is_read_once(part: Variable, clients: dict[Variable, list[Apply]], group_of: dict[Apply, int], rules: RuleBook,
                  sizes: Sizes) -> bool:
    """Whether each element of a part is read in one place: by one nest as large as the part, or one reduction of it."""
    readers = clients.get(part, ())
    if len(readers) == 1 and not rules[readers[0]].elementwise:
        emit = rules[readers[0]].emit
        return emit is not None and emit.uses(readers[0])[readers[0].inputs.index(part)] == ELEMENT
    size = sizes.key(part)
    return len({group_of.get(node, -1) for node in readers}) <= 1 and all(
        node in group_of and sizes.key(node.outputs[0]) == size for node in readers)
