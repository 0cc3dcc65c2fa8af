"""OpFromGraph: the statements of its graph, in the place of the node."""
from __future__ import annotations

from symtensor.control.builders import OpFromGraph
from symtensor.graph.basic import Apply
from symtensor.lower.blocks import lower_block
from symtensor.lower.context import Lowering
from symtensor.lower.registry import emit
from symtensor.lower.sizes import Sizes

__all__: list[str] = []


@emit(OpFromGraph)
def op_from_graph(ctx: Lowering, node: Apply) -> None:
    op = node.op
    assert isinstance(op, OpFromGraph)
    nodes = op.inner_nodes
    inner = ctx.fork()
    inner.body = ctx.body
    inner.sizes = Sizes(nodes, op.local_inputs)
    inner.names = {own: ctx.buffer(given) for own, given in zip(op.local_inputs, node.inputs, strict=True)}
    own = ctx.node_ids.get(node, -1)
    inner.node_ids = {n: own for n in (node, *nodes)} if own >= 0 else {}
    inner.within = ctx.within or node
    lower_block(inner, nodes, op.local_outputs)
    ctx.names.update({out: inner.buffer(made) for out, made in zip(node.outputs, op.local_outputs, strict=True)})
