"""Theano's sandbox: the random streams of `rng_mrg` and the draws of `multinomial`."""
from __future__ import annotations

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    if name == "cuda":  # programs of old ask `theano.sandbox.cuda.cuda_available` and import nothing
        return importlib.import_module("symtensor.sandbox.cuda")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
