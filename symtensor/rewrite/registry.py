"""How a program adds its own local optimizers to the stages of compilation: `register_canonicalize` and its like.

    @register_canonicalize
    @local_optimizer([T.log])
    def my_rule(node): ...

Each of these is a decorator, also with tags (`@register_canonicalize("fast_compile")`), and a function
(`register_specialize(my_rule, "my_tag", name="my_rule")`). The optimizer then takes part in every compilation whose
mode includes its tags; "fast_run" is always one of them.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symtensor.rewrite.base import name_of
from symtensor.rewrite.optdb import optdb
from symtensor.rewrite.pipeline import STAGES

__all__ = [
    "register_canonicalize", "register_specialize", "register_specialize_device", "register_stabilize",
    "register_uncanonicalize", "register_useless",
]

assert STAGES


def _registrar(stage: str, doc: str) -> Callable[..., Any]:
    def register(lopt: Any, *tags: str, **kwargs: Any) -> Any:
        if isinstance(lopt, str):
            def with_tags(inner: Any) -> Any:
                return register(inner, lopt, *tags, **kwargs)

            return with_tags
        name = kwargs.pop("name", None) or name_of(lopt)
        database = optdb[stage]
        database.register(name, lopt, "fast_run", *tags, **kwargs)
        return lopt

    register.__name__ = f"register_{stage}"
    register.__doc__ = doc
    return register


register_useless = _registrar("useless", "Add a local optimizer to the pass that takes away what has no effect.")
register_canonicalize = _registrar("canonicalize", "Add a local optimizer that brings expressions into one form.")
register_stabilize = _registrar("stabilize", "Add a local optimizer that saves digits or range.")
register_specialize = _registrar("specialize", "Add a local optimizer that uses quicker ops for special cases.")
register_uncanonicalize = _registrar("uncanonicalize",
                                     "Add a local optimizer that undoes what only canonical form needs.")
register_specialize_device = _registrar("specialize_device", "Add a local optimizer that depends on the device.")
