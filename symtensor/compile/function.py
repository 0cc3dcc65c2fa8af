"""`function`: the main entry of the library, from symbolic inputs and outputs to a callable.

In: lists of variables or `In`/`Out`, updates, givens, options. Out: a `Function`. Refused, with Theano's error texts:
inputs that are not in a list, and what `pfunc` and `FunctionMaker` refuse.
"""
from __future__ import annotations

from typing import Any

from symtensor.compile.function_module import Function, orig_function
from symtensor.compile.pfunc import pfunc
from symtensor.compile.strip_pickler import StripPickler
from symtensor.graph.trace import user_frames

__all__ = ["function", "function_dump", "orig_function", "pfunc"]


def function(
    inputs: Any,
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
) -> Function:
    """Compiles a callable that computes `outputs` from `inputs`.

    Args:
        inputs: a list of variables or `In`s. Shared variables are not listed: they are found.
        outputs: a variable or `Out`; a list of them; a dict from strings to them; or None. The callable returns one
            value, a list, a dict (sorted by key) or an empty list.
        mode: how to rewrite and run: a `Mode`, the name of one, or None for the default (`config.mode`).
        updates: pairs, or a dict, of shared variables and expressions of the same type. All are computed from the old
            values and stored after the outputs have been computed; a call that fails stores none.
        givens: pairs, or a dict, of variables and what stands for them in this function.
        no_default_updates: True, or a list of shared variables whose `default_update` does not count here.
        accept_inplace: whether the graph may contain ops that overwrite their inputs.
        name: the function's name, for messages; the default is the caller's file and line.
        rebuild_strict: whether a given must have (or be convertible to) the type of what it replaces.
        allow_input_downcast: the `allow_downcast` of inputs that are no `In`: True accepts values with a loss of
            precision, False refuses any, None accepts a Python float for a floatX scalar only.
        profile: True, a message or a `ProfileStats`: collect times; None: as `config.profile` says.
        on_unused_input: 'raise', 'warn' or 'ignore' (None: `config.on_unused_input`) for an input that nothing needs.

    Raises:
        TypeError, ValueError, RuntimeError, AssertionError, UnusedInputError, MissingInputError: by the kind of
            mistake.
    """
    if name is None:
        name = _callers_line()
    output_keys = None
    if isinstance(outputs, dict):
        assert all(isinstance(key, str) for key in outputs), "the keys of a dict of outputs must be strings"
        output_keys = sorted(outputs)
        outputs = [outputs[key] for key in output_keys]
    if not isinstance(inputs, (list, tuple)):
        raise Exception("Input variables of a symtensor function should be contained in a list, even when there is a "
                        "single input.")
    if any(isinstance(given, tuple) for given in inputs):
        # Tuples are an old spelling of `In`, which knows no shared variables.
        if updates or givens:
            raise NotImplementedError("In() instances and tuple inputs trigger the old semantics, which disallow using "
                                      "updates and givens")
        return orig_function(inputs, outputs, mode=mode, accept_inplace=accept_inplace, name=name, profile=profile,
                             on_unused_input=on_unused_input, output_keys=output_keys)
    return pfunc(
        params=inputs, outputs=outputs, mode=mode, updates=updates, givens=givens,
        no_default_updates=no_default_updates,
        accept_inplace=accept_inplace, name=name, rebuild_strict=rebuild_strict,
        allow_input_downcast=allow_input_downcast, profile=profile, on_unused_input=on_unused_input,
        output_keys=output_keys)


def _callers_line() -> str | None:
    """file:line of the innermost user frame."""
    frames = user_frames(1)
    return f"{frames[0][0]}:{frames[0][1]}" if len(frames) else None


def function_dump(
    filename: str,
    inputs: Any,
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
    extra_tag_to_remove: str | None = None,
) -> None:
    """Pickles the arguments of a call of `function` to a file, for a report: `function(**pickle.load(f))` repeats it.

    `extra_tag_to_remove` names one more attribute of the variables' tags (beside traces) to leave out.
    """
    arguments = dict(
        inputs=inputs, outputs=outputs, mode=mode, updates=updates, givens=givens,
        no_default_updates=no_default_updates,
        accept_inplace=accept_inplace, name=name, rebuild_strict=rebuild_strict,
        allow_input_downcast=allow_input_downcast, profile=profile, on_unused_input=on_unused_input)
    with open(filename, "wb") as file:
        StripPickler(file, protocol=-1, extra_tag_to_remove=extra_tag_to_remove).dump(arguments)
