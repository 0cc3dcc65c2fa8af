"""Lowers the nodes of one block (a function, a branch, a loop body) into the current list of statements."""
from __future__ import annotations

from collections.abc import Sequence

from symtensor.graph.basic import Apply, Variable
from symtensor.lower.assembly import find_wholes
from symtensor.lower.context import Lowering
from symtensor.lower.elemwise import emit_group
from symtensor.lower.known import KnownNow
from symtensor.lower.plan import Plan, make_plan
from symtensor.lower.python import emit_python
from symtensor.lower.regions import Key, Regions
from symtensor.lower.sizes import Sizes


def lower_block(ctx: Lowering, order: Sequence[Apply], outputs: Sequence[Variable]) -> None:
    """Emits what the outputs need; afterwards each of them has a buffer, or can be had by `ctx.buffer`."""
    ctx.regions = Regions(order, outputs)
    lower_region(ctx, None, outputs)


def lower_region(ctx: Lowering, region: Key | None, outputs: Sequence[Variable]) -> None:
    """The same for one lazy region of the block that `ctx.regions` describes."""
    nodes = ctx.regions.members.get(region, [])
    first, ctx.sizes = ctx.sizes.assuming(nodes, KnownNow(ctx))
    _check_first(ctx, first)
    plan = make_plan(nodes, outputs, ctx.sizes, ctx.rules, ctx.regions.inputs)
    ctx.wanted = plan.wanted
    find_wholes(ctx, [node for unit in plan.units for node in unit], outputs, plan.stored)
    _emit_units(ctx, plan)


def _check_first(ctx: Lowering, sizes: Sizes) -> None:
    """Emits the checks that everything in a block relies on. They compare the lengths as they are: nothing is relied on
    yet."""
    later, ctx.sizes = ctx.sizes, sizes
    for node in sizes.asserted:
        ctx.check_sizes(node)
    ctx.sizes = later


def _emit_units(ctx: Lowering, plan: Plan) -> None:
    """Emits every unit of a plan; units needed earlier are emitted on demand."""
    unit_of = {node: unit for unit in plan.units for node in unit}
    done: set[Apply] = set()

    def emit_unit(unit: Sequence[Apply]) -> None:
        if unit[0] in done:
            return
        done.update(unit)
        if ctx.rules[unit[0]].elementwise:
            for node in unit:
                ctx.check_sizes(node)
            stored = [v for node in unit for v in node.outputs if v in plan.stored]
            if stored:
                emit_group(ctx, unit, stored)
            return
        node = unit[0]
        whole = ctx.wholes.get(node)
        if whole is not None and node is whole.base:
            ctx.names[node.outputs[0]] = whole.begin(ctx)
            return
        rule = ctx.rules[node].emit
        lazy = ctx.rules[node].element is not None
        if lazy and (rule is None or not any(v in plan.stored for v in node.outputs)):
            if ctx.rules[node].host:
                for v in node.outputs:
                    ctx.scalar(v)
            for v in node.outputs:
                if v in plan.stored and v not in ctx.names:
                    ctx.materialise(v)
        elif rule is not None:
            rule.function(ctx, node)
        else:
            emit_python(ctx, node)

    def emit_node(node: Apply) -> None:
        """Emits the unit of a node that is needed now; nodes outside the plan (of size graphs) stand alone."""
        unit = unit_of.get(node, [node])
        for member in unit:
            ctx.force_inputs(member, set(unit))
        emit_unit(unit)

    ctx.emit_node = emit_node
    for unit in plan.units:
        emit_unit(unit)
