"""After a failed call: which node failed, and what is known of its inputs; nothing here runs while calls succeed.

Comes in: the exception, the place where the program failed, the graph and the values of its inputs. Goes out: the
exception to raise, whose message names the first cause: shapes of all operands, the lines that made them, the line of
the node. Values are computed again where that is cheap, else shapes are inferred. Python operations and loops never run
a second time.

A check that compiled code makes early may fail before the node that a reader would call the first to go wrong: if
computing the failed node's inputs again fails itself, that failure is reported.
"""
from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from symtensor.compile.evaluate import NodeProgram, run_node
from symtensor.config import config
from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.graph.errors import blamed, forget_blame
from symtensor.graph.traversal import io_toposort
from symtensor.lower.driver import Lowered
from symtensor.printing.report import attach_report, error_report
from symtensor.scan_module.scan_op import Scan
from symtensor.tensor.basic_indexing import Subtensor
from symtensor.tensor.careduce import CAReduce
from symtensor.tensor.conversion import ScalarFromTensor, TensorFromScalar
from symtensor.tensor.dimshuffle import DimShuffle
from symtensor.tensor.elementwise import Elemwise
from symtensor.tensor.joining import Join
from symtensor.tensor.make_vector import MakeVector
from symtensor.tensor.shape_env import ShapeEnv
from symtensor.tensor.shape_ops import Shape, Shape_i

__all__ = ["described", "examined", "shapes_of"]

Shapes = Sequence["tuple[int, ...] | None"]

# Arrays beyond this many bytes are not computed a second time.
_CHEAP = 1 << 26
# What lengths are computed with; all else, an array of lengths among it, might be large.
_SIZE_OPS = (CAReduce, DimShuffle, Elemwise, Join, MakeVector, ScalarFromTensor, Shape, Shape_i, Subtensor,
             TensorFromScalar)
_ADDRESSABLE = (1 << 63) - 1


def described(error: Any, node: Apply, inputs: Sequence[Any] | None, index: int | None, variables: Sequence[Any] = (),
              values: Sequence[Any] = (), *, shapes: Shapes | None = None, outer: Apply | None = None) -> Any:
    """The exception with a report about the node as its message. `variables` and `values`: what the function held;
    `shapes`: of the node's inputs, where their values are not known; `outer`: the loop that the node belongs to."""
    inner = blamed(error)
    forget_blame(error)
    if inner is not None and inner[0] is not node:
        node, inputs, index, outer = inner[0], inner[1], None, node
    storage = None
    if config.exception_verbosity == "high" and variables:
        storage = [(v, value, "Shared Input" if hasattr(v, "container") else "Input")
                   for v, value in zip(variables, values)]
    report = error_report(node, inputs, error, toposort_index=index, storage=storage, shapes=shapes, outer=outer)
    attach_report(error, node, report)
    return error


def examined(error: Any, place: int, lowered: Lowered, inputs: Sequence[Variable], values: Sequence[Any]) -> Any:
    """The exception to raise for a failure of a program at a place (of `Site.node`; -1: unknown); None to keep it."""
    nodes = lowered.nodes
    # Numbers are taken as they are by compiled code, not by every `perform`.
    values = [np.asarray(x, v.type.dtype) if hasattr(v.type, "broadcastable") else x for v, x in zip(inputs, values)]
    islands = {call.node for call in lowered.pycalls}
    if place < 0:
        return _about_memory(error, nodes, inputs, values, islands)
    if place >= len(nodes):
        inner, outer = lowered.inner_nodes[place - len(nodes)]
        return described(error, inner, None, None, inputs, values, outer=outer,
                         shapes=_inner_shapes(inner, outer, inputs, values, islands))
    node = nodes[place]
    shapes = shapes_of(node.inputs, inputs, values, islands)
    if blamed(error) is not None:
        return described(error, node, None, place, inputs, values, shapes=shapes)
    order = io_toposort(inputs, node.inputs)
    if not _may_run_again(order, inputs, values, islands):
        return described(error, node, None, place, inputs, values, shapes=shapes)
    position = {n: k for k, n in enumerate(nodes)}
    first: list[Any] = []

    def earlier(problem: Exception, failed: Apply, given: Sequence[Any]) -> BaseException:
        first.append(described(problem, failed, given, position.get(failed), inputs, values))
        return problem

    try:
        given = NodeProgram(inputs, node.inputs, order, on_error=earlier).run(values)[0]
    except Exception:  # an earlier node fails as well
        return first[0] if first else described(error, node, None, place, inputs, values, shapes=shapes)
    return described(error, node, given, place, inputs, values)


def _may_run_again(order: Sequence[Apply], inputs: Sequence[Variable], values: Sequence[Any],
                   islands: set[Apply]) -> bool:
    """Whether nodes are cheap and have no effects."""
    if any(n in islands or getattr(n.op, "fgraph", None) is not None or hasattr(n.op, "inner")
           or hasattr(n.op, "printed_inner_graph") or hasattr(n.op, "local_outputs") for n in order):
        return False
    made = [v for n in order for v in n.outputs if hasattr(v.type, "broadcastable")]
    known = shapes_of(made, inputs, values, islands)
    return all(shape is None or _bytes(v, shape) <= _CHEAP for v, shape in zip(made, known))


# -- shapes ------------------------------------------------------------------------------------------------------------


def shapes_of(variables: Sequence[Any], inputs: Sequence[Variable], values: Sequence[Any],
              islands: Iterable[Apply] = ()) -> list[tuple[int, ...] | None]:
    """The shapes that variables have for these values of a graph's inputs, inferred; None where that takes more than
    arithmetic on lengths. `islands`: nodes that must not run."""
    env = ShapeEnv(inputs)
    wanted: list[Any] = []
    for v in variables:
        try:
            wanted.append(env.shape(v) if hasattr(v.type, "broadcastable") else None)
        except Exception:  # an op's infer_shape may fail in any way
            wanted.append(None)
    known = dict(zip(inputs, values))
    skipped = set(islands)
    for node in io_toposort(inputs, [size for sizes in wanted if sizes is not None for size in sizes]):
        if node in skipped or not isinstance(node.op, _SIZE_OPS):
            continue
        given = [v.data if isinstance(v, Constant) else known.get(v, skipped) for v in node.inputs]
        if any(x is skipped for x in given):
            continue
        if not isinstance(node.op, Shape_i) and any(np.size(x) > 64 for x in given):
            continue
        try:
            known.update(zip(node.outputs, run_node(node, given)))
        except Exception:  # that length stays unknown
            continue
    found: list[tuple[int, ...] | None] = []
    for sizes in wanted:
        lengths: Any = None if sizes is None else [s.data if isinstance(s, Constant) else known.get(s) for s in sizes]
        found.append(None if lengths is None or any(n is None for n in lengths) else tuple(int(n) for n in lengths))
    return found


def _inner_shapes(inner: Apply, outer: Apply, inputs: Sequence[Variable], values: Sequence[Any],
                  islands: set[Apply]) -> Shapes | None:
    """The shapes of the inputs of a node inside a loop, in the first step."""
    op = outer.op
    if isinstance(op, Scan):
        _, stands_for = op.printed_inner_graph(outer)
        cut = {v for rows in (*op.info.inner_inputs(op.inputs).sequences, *op.info.inner_inputs(op.inputs).recurrent)
               for v in rows}
        own: Sequence[Variable] = op.inputs
    elif hasattr(op, "local_inputs"):
        stands_for, cut, own = dict(zip(op.local_inputs, outer.inputs)), set(), op.local_inputs
    else:
        return None
    given = [v for v in own if v in stands_for and hasattr(v.type, "broadcastable")]
    around = shapes_of([stands_for[v] for v in given], inputs, values, islands)
    known: list[Any] = []
    for v, shape in zip(given, around):
        if shape is None:
            return None
        # An array of the right shape without memory: its elements are not known.
        known.append(np.broadcast_to(np.zeros((), v.type.dtype), shape[1:] if v in cut else shape))
    try:
        return shapes_of(inner.inputs, given, known)
    except Exception:  # a variable of another kind
        return None


# -- memory ------------------------------------------------------------------------------------------------------------


def _bytes(variable: Any, shape: Sequence[int]) -> int:
    return math.prod(shape) * np.dtype(variable.type.dtype).itemsize


def _about_memory(error: Any, nodes: Sequence[Apply], inputs: Sequence[Variable], values: Sequence[Any],
                  islands: set[Apply]) -> Any:
    """What a failure to get memory was about: the first array with a negative length or of more bytes than there are
    addresses, else the largest."""
    if not isinstance(error, (MemoryError, ValueError)):
        return None
    made = [(n, v) for n in nodes for v in n.outputs if hasattr(v.type, "broadcastable")]
    sizes = shapes_of([v for _, v in made], inputs, values, islands)
    largest: tuple[int, Any, Any] = (0, None, None)
    for (node, v), shape in zip(made, sizes):
        if shape is None:
            continue
        if min(shape, default=0) < 0:
            return _reported(ValueError(f"negative dimensions are not allowed: an array of shape {shape}"), error, node,
                             nodes, inputs, values, islands)
        size = _bytes(v, shape)
        if size > _ADDRESSABLE:
            text = f"an array of shape {shape} and dtype {v.type.dtype} is larger than memory can be ({size} bytes)"
            return _reported(MemoryError(text), error, node, nodes, inputs, values, islands)
        if size > largest[0]:
            largest = size, node, shape
    if not isinstance(error, MemoryError) or largest[1] is None:
        return None
    size, node, shape = largest
    return _reported(MemoryError(f"not enough memory; the largest array has shape {shape} ({size} bytes)"), error, node,
                     nodes, inputs, values, islands)


def _reported(better: Any, error: Any, node: Apply, nodes: Sequence[Apply], inputs: Sequence[Variable],
              values: Sequence[Any], islands: set[Apply]) -> Any:
    """The old exception with the better one's message, if it is of the same class; else the better one."""
    if type(error) is type(better):
        error.args = better.args
        better = error
    shapes = shapes_of(node.inputs, inputs, values, islands)
    return described(better, node, None, nodes.index(node), inputs, values, shapes=shapes)
