"""`debugprint`: a graph as an indented tree, one line per use of a node.

Comes in: variables, nodes, compiled functions, function graphs, or lists of them. Goes out: text. A node that was
printed before is printed as one line with its identifier. An explicit stack: graphs of any depth work, and with `depth`
the cost is that of what is printed.

An op that holds a graph of its own may have a method `printed_inner_graph(node)` which returns the inner outputs and a
dictionary from inner inputs to the outer variables they stand for; the inner graphs follow the outer one.
"""
from __future__ import annotations

import io
import sys
from dataclasses import dataclass, field
from typing import Any

from symtensor.graph.basic import Apply, Variable
from symtensor.graph.fg import FunctionGraph
from symtensor.printing.ids import Ids
from symtensor.utils.memory import collector_paused

__all__ = ["debugprint"]


@dataclass
class _Look:
    """How to print, and what was printed so far."""

    ids: Ids
    print_type: bool
    stop_on_name: bool
    print_clients: bool
    done: dict[Any, str]
    write: Any
    # Nodes that hold graphs of their own, in the order met.
    holders: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class _Start:
    """A variable to print, with what is known about the graph it belongs to."""

    variable: Any
    order: dict[Any, int] | None = None
    storage: Any = None


def debugprint(
    obj: Any,
    depth: int = -1,
    print_type: bool = False,
    file: Any = None,
    ids: str = "CHAR",
    stop_on_name: bool = False,
    done: dict[Any, str] | None = None,
    print_storage: bool = False,
    print_clients: bool = False,
    used_ids: dict[Any, str] | None = None,
) -> Any:
    """Prints a graph as a tree of lines like `Elemwise{add,no_inplace} [id A] 'name'   3`.

    obj            a variable, node, compiled function or function graph, or a list, tuple or set of them; the last
                   number of a line is the node's place in the function's order
    depth          how many levels to print; -1: all
    print_type     also print types
    file           None: standard output; "str": return the text; else something to write to, which is returned
    ids            "CHAR", "int", "id" or "": see `Ids`
    stop_on_name   do not look into variables that have a name
    done           nodes and leaves printed earlier, which are not printed again; filled further
    print_storage  also print the current values in a compiled function
    print_clients  also print who uses a variable, where there are several (functions and function graphs only)
    used_ids       identifiers given earlier; filled further

    A node's identifier is that of all its outputs; one of several outputs has its number after the op.
    """
    text = io.StringIO()
    look = _Look(
        Ids(ids, used_ids), print_type, stop_on_name, print_clients, {} if done is None else done, text.write
    )
    things = list(obj) if isinstance(obj, (list, tuple, set)) else [obj]
    for thing in things:
        for start in _starts(thing, print_storage):
            if isinstance(start.variable, Variable):
                with collector_paused():
                    _print_tree(start, depth, look, "", "", {})
            else:
                text.write(f"{start.variable}\n")
    if look.holders:
        _print_inner_graphs(look, depth)
    return _deliver(text.getvalue(), file)


def _deliver(text: str, file: Any) -> Any:
    if file == "str":
        return text
    if file is None:
        sys.stdout.write(text)
        sys.stdout.flush()
        return None
    file.write(text)
    return file


def _starts(thing: Any, print_storage: bool) -> list[_Start]:
    """The variables to begin with. Compiled functions are known by their `maker`: their layer is above this one."""
    if isinstance(thing, Variable):
        return [_Start(thing)]
    if isinstance(thing, Apply):
        return [_Start(output) for output in thing.outputs]
    maker = getattr(thing, "maker", None)
    fgraph = getattr(maker, "fgraph", thing)
    if not isinstance(fgraph, FunctionGraph):
        return [_Start(thing)]
    order = {node: i for i, node in enumerate(fgraph.toposort())}
    storage = getattr(getattr(thing, "fn", None), "storage_map", None) if print_storage else None
    return [_Start(output, order, storage) for output in fgraph.outputs]


def _print_tree(
    start: _Start, depth: int, look: _Look, prefix: str, child_prefix: str, stands_for: dict[Any, Any]
) -> None:
    """Prints the tree under one variable. `stands_for`: outer variables of inner inputs."""
    stack = [(start.variable, prefix, child_prefix, depth)]
    while stack:
        variable, prefix, child_prefix, left = stack.pop()
        if left == 0:
            continue
        node = variable.owner
        if node is None:
            look.write(f"{prefix}{_leaf_line(variable, look, start, stands_for)}\n")
            continue
        look.write(f"{prefix}{_node_line(variable, look, start)}\n")
        if node in look.done:
            continue
        look.done[node] = look.ids.of(node)
        if look.stop_on_name and variable.name is not None:
            continue
        if hasattr(node.op, "printed_inner_graph"):
            look.holders.append(node)
        last = len(node.inputs) - 1
        for i in range(last, -1, -1):
            bar = "  " if i == last else " |"
            stack.append((node.inputs[i], f"{child_prefix} |", f"{child_prefix}{bar}", left - 1))


def _node_line(variable: Any, look: _Look, start: _Start) -> str:
    node = variable.owner
    name = str(node.op) if len(node.outputs) == 1 else f"{node.op}.{variable.index}"
    kind = f" <{variable.type}>" if look.print_type else ""
    place = "" if start.order is None else str(start.order.get(node, ""))
    line = f"{name} {look.ids.of(node)}{kind} '{variable.name or ''}'   {place}"
    return line + _value(variable, start) + _users(variable, look, start)


def _leaf_line(variable: Any, look: _Look, start: _Start, stands_for: dict[Any, Any]) -> str:
    look.done[variable] = look.ids.of(variable)
    kind = f" <{variable.type}>" if look.print_type else ""
    line = f"{variable} {look.ids.of(variable)}{kind}{_value(variable, start)}"
    if variable in stands_for:
        outer = stands_for[variable]
        line += f" -> {look.ids.of(outer if outer.owner is None else outer.owner)}"
    return line


def _value(variable: Any, start: _Start) -> str:
    if start.storage is None or variable not in start.storage:
        return ""
    return f" {start.storage[variable]}"


def _users(variable: Any, look: _Look, start: _Start) -> str:
    if not look.print_clients or start.order is None:
        return ""
    clients = getattr(variable, "clients", ())
    if len(clients) < 2:
        return ""
    users = [
        (client, "") if isinstance(client, str) else (look.ids.of(client), start.order[client]) for client, _ in clients
    ]
    return f" clients:{users}"


def _print_inner_graphs(look: _Look, depth: int) -> None:
    look.write("\nInner graphs of the scan ops:\n")
    # The list grows while inner graphs that hold graphs themselves are printed.
    for node in look.holders:
        outputs, stands_for = node.op.printed_inner_graph(node)
        look.write(f"\n{_node_line(node.outputs[0], look, _Start(None))}\n")
        for output in outputs:
            _print_tree(_Start(output), depth, look, " >", " >", stands_for)
