"""The road from graph to buffered Program:

    FunctionGraph --sizes: which lengths are equal--> plan: fusion groups, what needs memory, order
       v  units emitted one by one through the registry's rules
    Program (nests stage), checked by ir.spec
       v  bufferize: in place, slots, outputs
    Program (buffered stage), checked by ir.spec

In: the inputs (explicit ones, then shared variables), the outputs (returned ones, then new values of shared variables).
Out: `Lowered`: the Program, the constants and Python operations to bind when linking, and the nodes that ids in the
Program stand for. Refused: nothing; an op without lowering becomes a PyCall.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import symtensor.lower.advanced_indexing
import symtensor.lower.batchnorm
import symtensor.lower.choice
import symtensor.lower.creation
import symtensor.lower.joining
import symtensor.lower.linear
import symtensor.lower.nnet
import symtensor.lower.reductions
import symtensor.lower.shape_ops
import symtensor.lower.sort
import symtensor.lower.subtensor  # noqa: F401  (the files of rules fill the registry)
from symtensor.graph.basic import Apply, Variable
from symtensor.ir.nodes import Program
from symtensor.ir.spec import check
from symtensor.lower.bufferize import bufferize
from symtensor.lower.context import Lowering, is_number_type
from symtensor.lower.elemwise import emit_group
from symtensor.lower.plan import Plan, make_plan
from symtensor.lower.python import PyOperation, emit_python
from symtensor.lower.registry import RuleBook
from symtensor.lower.sizes import Sizes
from symtensor.tensor.shape_env import ShapeEnv


@dataclass(frozen=True)
class Lowered:
    """program: buffered stage. nests: the stage before (for people and tests). nodes: by id."""

    program: Program
    nests: Program
    constants: tuple[object, ...]
    pycalls: tuple[PyOperation, ...]
    nodes: tuple[Apply, ...]


def lower(
    inputs: Sequence[Variable],
    outputs: Sequence[Variable],
    order: Sequence[Apply],
    *,
    n_outputs: int | None = None,
    updates: Sequence[tuple[int, int]] = (),
    share_memory: bool = True,
    name: str = "f",
) -> Lowered:
    """Lowers a whole function.

    Args:
        inputs: the function's inputs, then its shared variables.
        outputs: what it returns, then new values of shared variables.
        order: the graph's nodes in topological order.
        n_outputs: how many of the outputs are returned (default: all).
        updates: (position in inputs, position in outputs) for each shared variable with a new value.
        share_memory: False gives every value memory of its own (DebugMode compares both).
    """
    n_outputs = len(outputs) if n_outputs is None else n_outputs
    env = ShapeEnv(inputs)
    sizes = Sizes(order, env, inputs)
    rules = RuleBook()
    plan = make_plan(order, outputs, sizes, rules)
    ctx = Lowering(sizes, order, plan.wanted, rules)
    for variable in inputs:
        ctx.declare_for(variable, "any" if not is_number_type(variable.type) else "c")
    input_names = tuple(ctx.names[v] for v in inputs)
    emit_units(ctx, plan)
    output_names = [ctx.buffer(v) for v in outputs]
    new_values = tuple((position, output_names[k]) for position, k in updates)
    nests = check(Program(
        name=name, stage="nests", buffers=tuple(ctx.buffers), inputs=input_names, constants=tuple(ctx.constant_names),
        outputs=tuple(output_names[:n_outputs]), updates=new_values, body=tuple(ctx.body), sites=tuple(ctx.sites),
    ))
    program = check(bufferize(nests, share_memory=share_memory))
    pycalls = tuple(PyOperation(node) for node in ctx.pycalls)
    return Lowered(program, nests, tuple(ctx.constants), pycalls, tuple(order))


def emit_units(ctx: Lowering, plan: Plan) -> None:
    """Emits every unit of a plan into the current block; units needed earlier are emitted on demand."""
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
