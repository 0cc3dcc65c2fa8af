"""Ops without a lowering: their `perform` becomes an island inside the compiled function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from symtensor.graph.basic import Apply
from symtensor.graph.errors import blame
from symtensor.ir.nodes import Copied, PyCall, Same
from symtensor.lower.context import Lowering


@dataclass(frozen=True)
class PyOperation:
    """What a PyCall runs: the op's `perform`, with its params if it has any."""

    node: Apply

    def __call__(self, inputs: list[Any]) -> list[Any]:
        """The outputs for the given input values (arrays or objects), one value an output."""
        storage: list[list[Any]] = [[None] for _ in self.node.outputs]
        try:
            self.node.op.run_perform(self.node, inputs, storage)
        except Exception as error:
            blame(error, self.node, inputs)
            raise
        return [cell[0] for cell in storage]


def emit_python(ctx: Lowering, node: Apply) -> None:
    """A PyCall. What the op destroys is copied first where it is still needed."""
    inputs = [ctx.buffer(v) for v in node.inputs]
    destroyed = sorted({i for targets in getattr(node.op, "destroy_map", {}).values() for i in targets})
    for i in destroyed:
        source = ctx.declared[inputs[i]]
        name = ctx.declare(source.dtype, source.broadcast, "c" if source.dtype != "object" else "any")
        ctx.emit(Copied(name, source.name) if source.dtype != "object" else Same(name, source.name))
        inputs[i] = name
    outputs = [ctx.declare_for(v, "any") for v in node.outputs]
    views = tuple((o, i) for o, sources in sorted(getattr(node.op, "view_map", {}).items()) for i in sources)
    owned = tuple((o, i) for o, sources in sorted(getattr(node.op, "destroy_map", {}).items()) for i in sources)
    ctx.pycalls.append(node)
    ctx.emit(
        PyCall(len(ctx.pycalls) - 1, tuple(inputs), tuple(outputs), views + owned, tuple(destroyed), ctx.origin(node))
    )
