"""`pydotprint`: a graph as a picture, drawn by Graphviz.

Comes in: what `debugprint` takes. Goes out: a file (or the bytes of an image). The picture's description, in
Graphviz's DOT language, is made here and needs nothing; to draw it pydot and Graphviz must be installed, else
RuntimeError. With format "dot" or "raw" the description itself is written.

Ellipses are nodes, boxes are variables: green inputs, blue outputs, the others only with `compact=False`.
"""
from __future__ import annotations

import os
from typing import Any

from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.graph.fg import FunctionGraph
from symtensor.graph.traversal import ancestors, inputs, io_toposort
from symtensor.utils.optional import optional_import

__all__ = ["default_colorCodes", "dot_text", "pydot_imported_msg", "pydotprint"]

default_colorCodes = {
    "GpuFromHost": "red",
    "HostFromGpu": "red",
    "Scan": "yellow",
    "Shape": "brown",
    "IfElse": "magenta",
    "Elemwise": "#FFAABB",
    "Subtensor": "#FFAAFF",
    "Alloc": "#FFAA22",
    "Output": "blue",
}

pydot_imported_msg = "Install the python package pydot. Install graphviz."


def pydotprint(
    fct: Any,
    outfile: str | None = None,
    compact: bool = True,
    format: str = "png",
    with_ids: bool = False,
    high_contrast: bool = True,
    cond_highlight: int | None = None,
    colorCodes: dict[str, str] | None = None,
    max_label_size: int = 70,
    scan_graphs: bool = False,
    var_with_name_simple: bool = False,
    print_output_file: bool = True,
    return_image: bool = False,
) -> Any:
    """Draws a graph into a file.

    fct                   a compiled function, a function graph, a variable or a list of variables
    outfile               where to write; `symtensor.pydotprint.FUNCTION.FORMAT` in the current directory by default
    compact               leave out inner variables, and inputs that nothing reads
    format                an image format that Graphviz knows, or "dot" or "raw" for the description itself
    with_ids              show the place of each node in the order
    high_contrast         fill shapes with their colour instead of drawing only the border in it
    cond_highlight        the number of an IfElse (in order): frame what is needed for the one branch, the other, both
    colorCodes            colours by what an op's name contains, instead of `default_colorCodes`
    max_label_size        cut labels off there
    scan_graphs           also draw the graphs inside ops, each into a file of its own
    var_with_name_simple  show only the name of a variable that has one, without its type
    print_output_file     say where the picture is
    return_image          return the image (bytes) and write nothing

    RuntimeError where pydot is not installed.
    """
    text = dot_text(
        fct, compact=compact, with_ids=with_ids, high_contrast=high_contrast, cond_highlight=cond_highlight,
        colors=colorCodes, max_label_size=max_label_size, var_with_name_simple=var_with_name_simple,
    )
    image = text.encode() if format in ("dot", "raw") else _draw(text, format)
    if return_image:
        return image
    if outfile is None:
        name = getattr(fct, "name", None) or "graph"
        outfile = os.path.abspath(f"symtensor.pydotprint.{name}.{format}")
    base = outfile[: -len(format) - 1] if outfile.endswith(f".{format}") else outfile
    with open(f"{base}.{format}", "wb") as f:
        f.write(image)
    if print_output_file:
        print(f"The output file is available at {base}.{format}")
    if scan_graphs:
        for i, node in enumerate(_graph(fct)[2]):
            if hasattr(node.op, "printed_inner_graph"):
                inner, _ = node.op.printed_inner_graph(node)
                pydotprint(
                    list(inner), f"{base}_{_plain(str(node.op))}_{i}.{format}", compact, format, with_ids,
                    high_contrast, None, colorCodes, max_label_size, scan_graphs, var_with_name_simple,
                    print_output_file,
                )
    return None


def _draw(text: str, format: str) -> bytes:
    pydot = optional_import("pydot")
    if pydot is None:
        raise RuntimeError(
            "Failed to import pydot. You must install graphviz and pydot for `pydotprint` to work.", pydot_imported_msg
        )
    return pydot.graph_from_dot_data(text)[0].create(format=format)


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name).strip("_")


def _graph(fct: Any) -> tuple[list[Any], list[Any], list[Any]]:
    """Inputs, outputs and ordered nodes of whatever can be drawn."""
    fgraph = getattr(getattr(fct, "maker", None), "fgraph", fct)
    if isinstance(fgraph, FunctionGraph):
        return list(fgraph.inputs), list(fgraph.outputs), list(fgraph.toposort())
    if isinstance(fct, Variable):
        outputs = [fct]
    elif isinstance(fct, Apply):
        outputs = list(fct.outputs)
    else:
        outputs = list(fct)
    for output in outputs:
        if not isinstance(output, Variable):
            raise TypeError(f"pydotprint draws functions and variables, got {output!r} of type {type(output)}")
    leaves = [x for x in inputs(outputs) if not isinstance(x, Constant)]
    return leaves, outputs, io_toposort(leaves, outputs)


def dot_text(
    fct: Any,
    compact: bool = True,
    with_ids: bool = False,
    high_contrast: bool = True,
    cond_highlight: int | None = None,
    colors: dict[str, str] | None = None,
    max_label_size: int = 70,
    var_with_name_simple: bool = False,
) -> str:
    """The description of the picture in DOT; the arguments are those of `pydotprint`."""
    leaves, outputs, nodes = _graph(fct)
    colors = default_colorCodes if colors is None else colors
    node_ids = {node: f"n{i}" for i, node in enumerate(nodes)}
    variable_ids: dict[Any, str] = {}
    lines: list[str] = []

    def shape(name: str, label: str, kind: str, color: str | None) -> None:
        look = "" if color is None else (
            f', style=filled, fillcolor="{color}"' if high_contrast else f', color="{color}"'
        )
        lines.append(f"  {name} [label={_quoted(label, max_label_size)}, shape={kind}{look}];")

    def box(variable: Any, color: str | None) -> str:
        """The box of a variable, drawn when first needed."""
        if variable not in variable_ids:
            variable_ids[variable] = f"v{len(variable_ids)}"
            shape(variable_ids[variable], _label(variable, var_with_name_simple), "box", color)
        return variable_ids[variable]

    def edge(source: str, target: str, label: str) -> None:
        lines.append(f"  {source} -> {target} [label={_quoted(label, max_label_size)}];")

    drawn_outputs = set(outputs)
    read = {x for node in nodes for x in node.inputs} | drawn_outputs
    for leaf in leaves:
        if not compact or leaf in read:
            box(leaf, "limegreen")
    for i, node in enumerate(nodes):
        label = f"{node.op} id={i}" if with_ids else str(node.op)
        color = next((c for part, c in colors.items() if part in type(node.op).__name__), None)
        shape(node_ids[node], label, "ellipse", color)
    for node in nodes:
        for position, x in enumerate(node.inputs):
            place = f"{position} " if len(node.inputs) > 1 else ""
            inner = x.owner in node_ids
            if inner and compact and x not in drawn_outputs:
                edge(node_ids[x.owner], node_ids[node], f"{place}{x.type}")
            elif inner:
                edge(box(x, colors.get("Output") if x in drawn_outputs else None), node_ids[node], place.strip())
            else:
                edge(box(x, "limegreen" if x in leaves else None), node_ids[node], f"{place}{x.type}")
        for x in node.outputs:
            if x in drawn_outputs or not compact:
                edge(node_ids[node], box(x, colors.get("Output") if x in drawn_outputs else None), str(x.type))
    for x in outputs:
        box(x, colors.get("Output"))
    if cond_highlight is not None:
        lines.extend(_branches(nodes, node_ids, cond_highlight))
    return "digraph graph_of_symtensor {\n" + "\n".join(lines) + "\n}\n"


def _label(variable: Any, simple: bool) -> str:
    if variable.name is not None:
        return variable.name if simple else f"name={variable.name} {variable.type}"
    if isinstance(variable, Constant):
        return f"val={variable} {variable.type}"
    return str(variable.type)


def _quoted(label: str, limit: int) -> str:
    short = label if len(label) <= limit else label[: limit - 3] + "..."
    return '"' + short.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _branches(nodes: list[Any], node_ids: dict[Any, str], number: int) -> list[str]:
    """Frames around what only the one, only the other, and both branches of an IfElse need."""
    choices = [node for node in nodes if type(node.op).__name__ == "IfElse"]
    if not 0 <= number < len(choices):
        raise ValueError(f"cond_highlight={number}, but the graph has {len(choices)} IfElse nodes")
    node = choices[number]
    count = node.op.n_outs

    def needed(variables: list[Any]) -> set[Any]:
        return {x.owner for x in ancestors(variables) if x.owner in node_ids}

    then, other = needed(node.inputs[1: 1 + count]), needed(node.inputs[1 + count:])
    lines = []
    for i, (label, wanted) in enumerate((
        ("then", then - other), ("else", other - then), ("both", then & other)
    )):
        members = "; ".join(node_ids[n] for n in nodes if n in wanted)
        if members:
            lines.append(f'  subgraph cluster_{i} {{ label="{label}"; {members}; }}')
    return lines
