"""The road from graph to buffered Program:

    FunctionGraph --sizes: which lengths are equal--> plan: fusion groups, what needs memory, order
       v  units emitted one by one through the registry's rules
    Program (nests stage), checked by ir.spec
       v  carried: states of loops in place; bufferize: in place, slots, outputs
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
import symtensor.lower.diagonals
import symtensor.lower.identities
import symtensor.lower.ifelse
import symtensor.lower.joining
import symtensor.lower.linear
import symtensor.lower.nnet
import symtensor.lower.random
import symtensor.lower.reductions
import symtensor.lower.scan
import symtensor.lower.running
import symtensor.lower.shape_ops
import symtensor.lower.sort
import symtensor.lower.subgraph
import symtensor.lower.subtensor  # noqa: F401  (the files of rules fill the registry)
from symtensor.graph.basic import Apply, Variable
from symtensor.ir.nodes import Program
from symtensor.ir.spec import check
from symtensor.lower.blocks import lower_block
from symtensor.lower.bufferize import bufferize
from symtensor.lower.carried import states_in_place
from symtensor.lower.context import Lowering, is_number_type
from symtensor.lower.python import PyOperation
from symtensor.lower.scan import read_backwards
from symtensor.lower.sizes import Sizes


@dataclass(frozen=True)
class Lowered:
    """program: buffered stage. nests: the stage before (for people and tests). nodes: by id; ids from there on, which
    only sites have, stand for the nodes of loops' bodies and the node of the graph that each of them belongs to."""

    program: Program
    nests: Program
    constants: tuple[object, ...]
    pycalls: tuple[PyOperation, ...]
    nodes: tuple[Apply, ...]
    inner_nodes: tuple[tuple[Apply, Apply], ...] = ()


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
    ctx = Lowering(Sizes(order, inputs), order)
    ctx.read_backwards = read_backwards(order, outputs)
    for variable in inputs:
        ctx.declare_for(variable, "any" if not is_number_type(variable.type) else "c")
    input_names = tuple(ctx.names[v] for v in inputs)
    lower_block(ctx, order, outputs)
    output_names = [ctx.buffer(v) for v in outputs]
    new_values = tuple((position, output_names[k]) for position, k in updates)
    nests = check(Program(
        name=name, stage="nests", buffers=tuple(ctx.buffers), inputs=input_names, constants=tuple(ctx.constant_names),
        outputs=tuple(output_names[:n_outputs]), updates=new_values, body=tuple(ctx.body), sites=tuple(ctx.sites),
    ))
    program = check(bufferize(states_in_place(nests) if share_memory else nests, share_memory=share_memory))
    pycalls = tuple(PyOperation(node) for node in ctx.pycalls)
    return Lowered(program, nests, tuple(ctx.constants), pycalls, tuple(order), tuple(ctx.inner_nodes))
