"""`pfunc`: from `function`'s arguments to input and output specifications in which shared variables are inputs too.

In: what `function` was given. Out: a `Function`. Refused, with Theano's texts: inputs that are constants, shared
variables, duplicates or no variables; replacing an input through `givens`; what `rebuild_collect_shared` refuses.
"""
from __future__ import annotations

import warnings
from typing import Any

from symtensor.compile.errors import UnusedInputError
from symtensor.compile.function_module import Function, orig_function
from symtensor.compile.io import In, Out
from symtensor.compile.profiling import ProfileStats
from symtensor.compile.rebuild import Rebuild, iter_over_pairs, rebuild_collect_shared, run_rebuild
from symtensor.config import config
from symtensor.graph.basic import Constant, Variable
from symtensor.scan_module.draws import warn_of_repeated_draws
from symtensor.tensor.sharedvar import SharedVariable, shared

__all__ = [
    "Constant", "In", "Out", "Param", "ProfileStats", "SharedVariable", "UnusedInputError", "Variable", "config",
    "iter_over_pairs", "orig_function", "pfunc", "rebuild_collect_shared", "shared",
]


class Param(In):
    """The old name of `In`, whose default is called `default`; warns."""

    def __init__(
        self,
        variable: Any,
        default: Any = None,
        name: str | None = None,
        mutable: bool = False,
        strict: bool = False,
        allow_downcast: bool | None = None,
        implicit: bool | None = None,
        borrow: bool | None = None,
    ) -> None:
        warnings.warn("The Param class is deprecated. Replace Param(default=N) by symtensor.In(value=N)", stacklevel=2)
        super().__init__(variable, name=name, value=default, mutable=mutable, strict=strict,
                         allow_downcast=allow_downcast, implicit=implicit, borrow=borrow)


def pfunc(
    params: Any,
    outputs: Any = None,
    mode: Any = None,
    updates: Any = None,
    givens: Any = None,
    no_default_updates: Any = False,
    accept_inplace: bool = False,
    name: str | None = None,
    rebuild_strict: bool = True,
    allow_input_downcast: bool | None = None,
    profile: Any = None,
    on_unused_input: str | None = None,
    output_keys: list[str] | None = None,
) -> Function:
    """A function of explicit inputs and of the shared variables that its outputs and updates reach.

    The arguments are those of `function`; `output_keys` names the outputs where the result is to be a dict.
    """
    if not isinstance(params, (list, tuple)):
        raise Exception("in pfunc() the first argument must be a list or a tuple")
    if not isinstance(no_default_updates, (bool, list)):
        raise TypeError("no_default_update should be either a boolean or a list")
    updates = _pairs(updates)
    givens = [] if givens is None else givens
    inputs = [_as_in(param, allow_input_downcast) for param in params]
    _refuse_duplicates(inputs)
    _refuse_replaced_inputs(inputs, givens)

    build = Rebuild(strict=rebuild_strict, no_default_updates=no_default_updates, keep_unchanged=True)
    # Anything else is refused below, with the text for members of a list.
    known = outputs is None or isinstance(outputs, (list, tuple, Variable, Out))
    outputs_asked: Any = outputs if known else [outputs]
    new_inputs, new_outputs = run_rebuild(build, outputs_asked, inputs, givens, updates)
    if no_default_updates is not True:
        _warn_of_repeated_draws(build, new_outputs, updates)

    for variable in build.shared_inputs:
        update = build.updates.get(variable)
        # The name lets programs ask f['s']; the container is the shared variable's own.
        container: Any = variable.container
        new_inputs.append(In(variable, value=container, mutable=update is not None, borrow=True, update=update,
                             shared=True))
    return orig_function(new_inputs, new_outputs, mode, accept_inplace=accept_inplace, name=name, profile=profile,
                         on_unused_input=on_unused_input, output_keys=output_keys)


def _warn_of_repeated_draws(build: Rebuild, outputs: Any, updates: Any) -> None:
    settled = {target for target, _ in iter_over_pairs(updates)}
    if isinstance(build.without_default, list):
        settled.update(build.without_default)
    listed = outputs if isinstance(outputs, list) else [outputs]
    warn_of_repeated_draws(
        [x.variable if isinstance(x, Out) else x for x in listed], build.updates, settled,
        "Hand the updates that scan returned to function(..., updates=...); where the same numbers are wanted again, "
        "say no_default_updates=True.",
    )


def _pairs(updates: Any) -> Any:
    """`updates`, checked to be a mapping or a sequence of pairs."""
    if updates is None:
        return []
    if isinstance(updates, (list, tuple)):
        if any(not isinstance(pair, (list, tuple)) for pair in updates):
            raise ValueError("The updates parameter must be an OrderedDict/dict or a list of lists/tuples with 2 "
                             "elements")
    return updates


def _as_in(param: Any, allow_downcast: bool | None) -> In:
    """An input as an `In` of its own. The default of `allow_input_downcast` does not touch `In`s that the user made."""
    if isinstance(param, Constant):
        raise TypeError("Constants not allowed in param list", param)
    if isinstance(param, Variable):
        return In(param, allow_downcast=allow_downcast)
    if isinstance(param, In):
        return param
    raise TypeError(f"Unknown parameter type: {type(param)}")


def _refuse_duplicates(inputs: list[In]) -> None:
    first: dict[Variable, int] = {}
    for i, given in enumerate(inputs):
        variable = given.variable
        if variable in first:
            raise UnusedInputError(
                f"Variable {variable} is used twice in inputs to symtensor.function, at indices {first[variable]} and "
                f"{i}.  This would result in values provided for it being ignored. Please do not duplicate variables "
                "in the inputs list.")
        first[variable] = i


def _refuse_replaced_inputs(inputs: list[In], givens: Any) -> None:
    replaced = {old for old, _ in iter_over_pairs(givens) if isinstance(old, Variable)}
    for given in inputs:
        if given.variable in replaced:
            raise RuntimeError(
                f"You are trying to replace variable '{given.variable}' through the `givens` parameter, but this "
                "variable is an input to your function. Replacing inputs is currently forbidden because it has no "
                "effect. One way to modify an input `x` to a function evaluating f(x) is to define a new input `y` and "
                "use `symtensor.function([y], f(x), givens={x: g(y)})`. Another solution consists in using "
                "`symtensor.clone`, e.g. like this: `symtensor.function([x], symtensor.clone(f(x), "
                "replace={x: g(x)}))`.")
