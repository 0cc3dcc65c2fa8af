"""One-line text of expressions: `f(g(x), *1 -> h(y), *1)`, where a starred number stands for a subexpression used
twice."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symtensor.graph.traversal import list_of_nodes

__all__ = ["as_string", "default_leaf_formatter", "default_node_formatter", "op_as_string"]


def default_leaf_formatter(leaf: Any) -> str:
    """The text of a variable that is not looked into."""
    return str(leaf)


def default_node_formatter(op: Any, argstrings: Sequence[str]) -> str:
    """The text of an applied op."""
    return f"{op.op}({', '.join(argstrings)})"


def op_as_string(i: Sequence[Any], op: Any, leaf_formatter: Callable[[Any], str] = default_leaf_formatter,
                 node_formatter: Callable[[Any, Sequence[str]], str] = default_node_formatter) -> str:
    """The text of one node, its inputs as expressions over the variables `i`."""
    strings = as_string(i, op.inputs, leaf_formatter, node_formatter)
    return node_formatter(op, strings)


def as_string(i: Sequence[Any], o: Sequence[Any], leaf_formatter: Callable[[Any], str] = default_leaf_formatter,
              node_formatter: Callable[[Any, Sequence[str]], str] = default_node_formatter) -> list[str]:
    """The texts of the outputs `o` as expressions over the inputs `i`.

    A node whose outputs are used more than once is written out once, as `*1 -> text`, and then as `*1`; an output of a
    node with several is `*1.0`. Chains of any depth are written with the default `node_formatter`; another formatter is
    handed finished texts and so costs time quadratic in the depth.
    """
    inputs = set(i)
    counts: dict[Any, int] = {}
    for node in list_of_nodes(i, o):
        for variable in node.inputs:
            if variable.owner is not None and variable not in inputs:
                counts[variable.owner] = counts.get(variable.owner, 0) + 1
    for output in o:
        if output.owner is not None:
            counts[output.owner] = counts.get(output.owner, 0) + 1
    shared = {node for node, count in counts.items() if count > 1}
    numbers: dict[Any, int] = {}
    plain = node_formatter is default_node_formatter

    def text(start: Any) -> str:
        pieces: list[Any] = []
        # A string is written, a variable is expanded, a pair (node, where) is formatted from the pieces since `where`.
        todo: list[Any] = [start]
        while todo:
            item = todo.pop()
            if isinstance(item, str):
                pieces.append(item)
                continue
            if isinstance(item, tuple):
                node, marks = item
                arguments = []
                for begin, end in zip(marks, [*marks[1:], len(pieces)]):
                    arguments.append("".join(pieces[begin:end]))
                cut = marks[0] if marks else len(pieces)
                del pieces[cut:]
                pieces.append(node_formatter(node, arguments))
                continue
            if isinstance(item, list):
                item.append(len(pieces))
                continue
            node = item.owner
            if item in inputs or node is None:
                pieces.append(leaf_formatter(item))
                continue
            if len(node.outputs) > 1 and getattr(node.op, "default_output", None) != item.index:
                todo.append(f".{item.index}")
            if node in shared:
                known = numbers.get(node)
                if known is not None:
                    pieces.append(f"*{known}")
                    continue
                numbers[node] = len(numbers) + 1
                pieces.append(f"*{numbers[node]} -> ")
            if plain:
                todo.append(")")
                for position in range(len(node.inputs) - 1, -1, -1):
                    todo.append(node.inputs[position])
                    if position:
                        todo.append(", ")
                pieces.append(f"{node.op}(")
            else:
                marks = []
                todo.append((node, marks))
                for variable in reversed(node.inputs):
                    todo.append(variable)
                    todo.append(marks)
        return "".join(pieces)

    return [text(output) for output in o]
