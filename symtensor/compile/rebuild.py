"""From what a user asked for to a graph to compile: replacements applied, shared variables and their updates found.

In: outputs, inputs, `replace` pairs (the givens), `updates` pairs. Out: copies of the inputs and outputs in which every
replacement has taken place, the shared variables they reach, and a new value for each shared variable that has one
(explicitly or by its `default_update`). Refused: shared variables as explicit inputs, replacements that depend on one
another, an update of another type or for something else than a shared variable, two updates of one variable.

Works on an explicit stack: graphs of any depth.
"""
from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from symtensor.compile.io import In, Out
from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.tensor.first_cause import first_cause, lines, wrong_update
from symtensor.tensor.sharedvar import SharedVariable, shared

__all__ = ["Rebuild", "clone", "iter_over_pairs", "rebuild_collect_shared"]

_unset = object()


def iter_over_pairs(pairs: Any) -> Iterable[tuple[Any, Any]]:
    """The pairs of a mapping or of a sequence of pairs."""
    return pairs.items() if isinstance(pairs, Mapping) else pairs


class Rebuild:
    """A copy of a graph in the making.

    Attributes:
        clones: what stands for each variable and node met so far.
        shared_inputs: the shared variables met, in order.
        updates: new value (a copy) of each shared variable that has one.
        update_pairs: (shared variable, new value as given), in order.
    """

    def __init__(self, *, strict: bool = True, copy_inputs_over: bool = True, no_default_updates: Any = False,
                 keep_unchanged: bool = False) -> None:
        if not isinstance(no_default_updates, (bool, list)):
            raise TypeError("no_default_update should be either a boolean or a list")
        self.strict = strict
        self.copy_inputs_over = copy_inputs_over
        self.without_default = no_default_updates
        self.keep_unchanged = keep_unchanged
        self.clones: dict[Any, Any] = {}
        self.shared_inputs: list[SharedVariable] = []
        self._known_shared: set[SharedVariable] = set()
        self.updates: dict[SharedVariable, Any] = {}
        self.update_pairs: list[tuple[SharedVariable, Any]] = []

    # -- variables --------------------------------------------------------------------------------------------------

    def clone(self, variable: Variable) -> Any:
        """The copy of a variable; everything it depends on is copied first."""
        clones = self.clones
        stack = [variable]
        while stack:
            top = stack[-1]
            if top in clones:
                stack.pop()
                continue
            node = top.owner
            if node is None:
                stack.pop()
                self._leaf(top)
                continue
            waiting = [v for v in node.inputs if v not in clones]
            if waiting:
                stack.extend(reversed(waiting))
                continue
            stack.pop()
            self._node(node)
        return clones[variable]

    def _leaf(self, variable: Variable) -> None:
        if isinstance(variable, SharedVariable):
            self.meet_shared(variable)
            self.clones[variable] = variable
        elif self.copy_inputs_over or isinstance(variable, Constant):
            self.clones[variable] = variable
        else:
            self.clones[variable] = variable.clone()

    def _node(self, node: Apply) -> None:
        clones = self.clones
        inputs = [clones[v] for v in node.inputs]
        if self.keep_unchanged and all(new is old for new, old in zip(inputs, node.inputs)):
            new = node
        else:
            new = node.clone_with_new_inputs(inputs, strict=self.strict)
            for old_output, new_output in zip(node.outputs, new.outputs):
                if old_output.name is not None and new_output.name is None:
                    new_output.name = old_output.name
        clones[node] = new
        for old_output, new_output in zip(node.outputs, new.outputs):
            clones.setdefault(old_output, new_output)

    # -- shared variables -------------------------------------------------------------------------------------------

    def meet_shared(self, variable: SharedVariable) -> None:
        """Notes a shared variable, and its default update unless that is unwanted or another one was given."""
        if variable in self._known_shared:
            return
        self._known_shared.add(variable)
        self.shared_inputs.append(variable)
        default = getattr(variable, "default_update", None)
        if default is None or variable in self.updates or self._no_default(variable):
            return
        try:
            value = variable.type.filter_variable(default, allow_convert=False)
        except TypeError as error:
            cause = first_cause(default, variable.type)
            raise TypeError(f"{error}\nThis is the default update of the shared variable {variable}."
                            + lines(cause)) from None
        self.updates[variable] = None  # replaced by the copy in `clone_updates`
        self.update_pairs.append((variable, value))

    def _no_default(self, variable: SharedVariable) -> bool:
        if isinstance(self.without_default, list):
            return any(variable is other for other in self.without_default)
        return bool(self.without_default)

    def set_update(self, target: Any, value: Any) -> None:
        """Notes the new value that the user gives a shared variable.

        Raises TypeError when the target is no shared variable or the value's type differs, ValueError when the target
        has a new value already.
        """
        if not isinstance(target, SharedVariable):
            raise TypeError("update target must be a SharedVariable", target)
        if target in self.updates:
            raise ValueError("this shared variable already has an update expression", (target, value))
        try:
            expression = target.type.filter_variable(value, allow_convert=False)
        except TypeError:
            raise wrong_update(target, value) from None
        assert expression.type == target.type
        self.updates[target] = None
        self.update_pairs.append((target, expression))

    def clone_updates(self) -> None:
        """Copies all new values; doing so may meet more shared variables with default updates, which follow."""
        done = 0
        while done < len(self.update_pairs):
            target, value = self.update_pairs[done]
            self.updates[target] = self.clone(value)
            self.meet_shared(target)
            done += 1

    # -- replacements and inputs ------------------------------------------------------------------------------------

    def replace(self, old: Any, new: Any) -> None:
        """From now on `new` (a variable, or a value that becomes a shared variable) stands for `old`."""
        if not isinstance(old, Variable):
            raise TypeError("given keys must be Variable", old)
        if not isinstance(new, Variable):
            new = shared(new)
        if old in self.clones:
            raise AssertionError(
                "When using 'givens' or 'replace' with several (old_v, new_v) replacement pairs, you can not have a "
                "new_v variable depend on an old_v one. For instance, givens = {a:b, b:(a+1)} is not allowed. Here, "
                f"the old_v {old} is used to compute other new_v's, but it is scheduled to be replaced by {new}.")
        # A replacement of another type is converted where its type allows that, and refused otherwise.
        new = old.type.filter_variable(new) if self.strict else new
        self.clones[old] = self.clone(new)

    def add_input(self, variable: Any) -> Any:
        """The copy of an explicit input, which from now on stands for it."""
        if isinstance(variable, SharedVariable):
            raise TypeError(
                f"Cannot use a shared variable ({variable}) as explicit input. "
                "Consider substituting a non-shared variable via the `givens` parameter")
        if variable not in self.clones:
            self.clones[variable] = variable if self.copy_inputs_over else variable.clone()
        return self.clones[variable]


def rebuild_collect_shared(
    outputs: Any,
    inputs: Any = None,
    replace: Any = None,
    updates: Any = None,
    rebuild_strict: bool = True,
    copy_inputs_over: bool = True,
    no_default_updates: Any = False,
) -> tuple[list[Any], Any, list[Any]]:
    """Copies a graph, replacing some of its variables, and collects the shared variables in it.

    Args:
        outputs: a variable, an `Out`, a list of these, or None.
        inputs: the explicit inputs: variables or `In`s.
        replace: pairs (or a mapping) of variables and what stands for them.
        updates: pairs (or a mapping) of shared variables and their new values.
        rebuild_strict: True converts replacements to the types of what they replace, or refuses them; False lets the
            types of the copy follow.
        copy_inputs_over: True uses the inputs as they are in the copy, False copies them too.
        no_default_updates: True, or a list of shared variables whose `default_update` does not count.

    Returns:
        inputs, outputs (in the form given, copied) and a list of: the dict from old to new variables, the dict of new
        values of shared variables, the list of (shared variable, new value before copying), the shared variables.
    """
    build = Rebuild(strict=rebuild_strict, copy_inputs_over=copy_inputs_over, no_default_updates=no_default_updates)
    new_inputs, new_outputs = run_rebuild(build, outputs, inputs, replace, updates)
    return new_inputs, new_outputs, [build.clones, build.updates, build.update_pairs, build.shared_inputs]


def run_rebuild(build: Rebuild, outputs: Any, inputs: Any, replace: Any, updates: Any) -> tuple[list[Any], Any]:
    """Does the work of `rebuild_collect_shared` with a prepared `Rebuild`; returns the new inputs and outputs."""
    for given in inputs or ():
        variable = given.variable if isinstance(given, In) else given
        if isinstance(variable, SharedVariable):
            build.add_input(variable)
    for old, new in iter_over_pairs(replace or ()):
        build.replace(old, new)
    new_inputs = []
    for given in inputs or ():
        if isinstance(given, In):
            new = copy.copy(given)
            new.variable = build.add_input(given.variable)
            new_inputs.append(new)
        else:
            new_inputs.append(build.add_input(given))
    for target, value in iter_over_pairs(updates or ()):
        build.set_update(target, value)
    if outputs is None:
        new_outputs: Any = []
    elif isinstance(outputs, (list, tuple)):
        new_outputs = [_output(build, output) for output in outputs]
    elif isinstance(outputs, (Variable, Out)):
        new_outputs = _output(build, outputs)
    else:
        raise TypeError("output must be a symtensor Variable or Out instance (or list of them)", outputs)
    for given in new_inputs:
        if isinstance(given, In) and given.update is not None:
            given.update = build.clone(given.update)
    build.clone_updates()
    return new_inputs, new_outputs


def _output(build: Rebuild, output: Any) -> Any:
    if isinstance(output, Out) and isinstance(output.variable, Variable):
        return Out(build.clone(output.variable), borrow=output.borrow)
    if isinstance(output, Variable):
        return build.clone(output)
    given = getattr(output, "variable", output)
    raise TypeError(f"Outputs must be symtensor Variable or Out instances. Received {output} of type {type(given)}")


def clone(output: Any, replace: Any = None, strict: bool = True, share_inputs: bool = True,
          copy_inputs: Any = _unset) -> Any:
    """A copy of the graph that computes `output` (a variable, an `Out` or a list), with some variables replaced.

    Args:
        output: what to copy.
        replace: pairs or a mapping of variables and what stands for them in the copy.
        strict: whether a replacement must have the type of what it replaces.
        share_inputs: whether the copy uses the same free variables; shared variables are always used as they are.
        copy_inputs: the old name of `share_inputs`; warns.
    """
    if copy_inputs is not _unset:
        warnings.warn("In `clone()` function, the argument `copy_inputs` has been deprecated and renamed into "
                      "`share_inputs`", stacklevel=2)
        share_inputs = copy_inputs
    outputs = output if isinstance(output, list) else [output]
    _, new_outputs, _ = rebuild_collect_shared(outputs, [], replace, [], strict, share_inputs)
    return new_outputs if isinstance(output, list) else new_outputs[0]
