"""From input and output specifications to the graph that is rewritten, and from one function's graph to a copy's.

In: `In` and `Out` lists. Out: a `FunctionGraph` whose inputs stand in the order of the `In`s and whose outputs are
those asked for, then the new value of each input that has one. Refused: in-place ops unless they are accepted, unused
inputs.
"""
from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from typing import Any

from symtensor.compile.errors import UnusedInputError
from symtensor.compile.io import Out
from symtensor.compile.rebuild import Rebuild
from symtensor.config import config
from symtensor.graph.features import PreserveVariableAttributes
from symtensor.graph.fg import FunctionGraph
from symtensor.graph.traversal import ancestors, io_toposort

__all__ = ["check_unused_inputs", "derived_specs", "std_fgraph"]


def std_fgraph(input_specs: Sequence[Any], output_specs: Sequence[Any],
               accept_inplace: bool = False) -> tuple[FunctionGraph, list[Out]]:
    """The graph of a function, on copies of the variables, and the new values as output specifications.

    The graph's `update_mapping` says which output is the new value of which input. Raises TypeError for ops that
    overwrite their inputs, unless these are accepted.
    """
    inputs = [spec.variable for spec in input_specs]
    updates: list[Any] = []
    mapping: dict[int, int] = {}
    for i, spec in enumerate(input_specs):
        if spec.update is not None:
            mapping[len(output_specs) + len(updates)] = i
            updates.append(spec.update)
    outputs = [spec.variable for spec in output_specs] + updates
    if not accept_inplace:
        for node in io_toposort(inputs, outputs):
            if getattr(node.op, "destroy_map", None):
                raise TypeError("Graph must not contain inplace operations", node, node.op)
    fgraph = FunctionGraph(inputs, outputs, update_mapping=mapping)
    fgraph.attach_feature(PreserveVariableAttributes())
    return fgraph, [Out(update) for update in updates]


def check_unused_inputs(inputs: Sequence[Any], outputs: Sequence[Any], on_unused_input: str | None) -> None:
    """Raises UnusedInputError, warns or does nothing about inputs that no output and no update needs.

    Implicit inputs (shared variables) are not looked at. Raises ValueError for another word than 'raise', 'warn',
    'ignore'.
    """
    action = config.on_unused_input if on_unused_input is None else on_unused_input
    if action == "ignore":
        return
    wanted = [spec.variable for spec in outputs] + [spec.update for spec in inputs if spec.update is not None]
    used = set(ancestors(wanted, blockers=[spec.variable for spec in inputs]))
    for i, spec in enumerate(inputs):
        if spec.variable in used or spec.implicit:
            continue
        text = ("symtensor.function was asked to create a function computing outputs given certain inputs, but the "
                "provided input variable at index {} is not part of the computational graph needed to compute the "
                "outputs: {}.\n{}")
        if action == "warn":
            warnings.warn(text.format(i, spec.variable, _HOW.format("warning", "an error", "raise")), stacklevel=6)
        elif action == "raise":
            raise UnusedInputError(text.format(i, spec.variable, _HOW.format("error", "a warning", "warn")))
        else:
            raise ValueError(f"Invalid value for keyword on_unused_input of symtensor.function: '{action}'.\n"
                             "Valid values are 'raise', 'warn', and 'ignore'.")


_HOW = ("To make this {0} into {1}, you can pass the parameter on_unused_input='{2}' to symtensor.function. "
        "To disable it completely, use on_unused_input='ignore'.")


def derived_specs(inputs: Sequence[Any], outputs: Sequence[Any], fgraph: FunctionGraph, swap: dict[Any, Any],
                  delete_updates: bool) -> tuple[list[Any], list[Out], FunctionGraph]:
    """Specifications and graph of a copy of a function, in which shared variables are swapped or nothing is updated.

    The rewritten graph is copied, not rewritten again; the specifications keep describing the graph as it was before.
    """
    build = Rebuild(keep_unchanged=True, no_default_updates=True)
    for spec in inputs:
        build.clones[spec.variable] = swap.get(spec.variable, spec.variable)
    new_inputs = []
    for spec in inputs:
        new = copy.copy(spec)
        if spec.variable in swap:
            new.variable = swap[spec.variable]
            new.value = new.variable.container
            new.name = new.variable.name
        new.update = None if delete_updates or spec.update is None else build.clone(spec.update)
        new_inputs.append(new)
    new_outputs = [Out(build.clone(spec.variable), borrow=spec.borrow) for spec in outputs]
    cloned = fgraph.clone_get_equiv(check_integrity=False)[0]
    if delete_updates:
        kept = cloned.outputs[:len(outputs)]
        variables = list(cloned.inputs)
        cloned.disown()
        cloned = FunctionGraph(variables, kept, clone=False, update_mapping={})
    return new_inputs, new_outputs, cloned
