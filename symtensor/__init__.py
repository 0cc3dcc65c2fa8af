"""symtensor: symbolic tensors, differentiated, rewritten and compiled to one C function.

    import symtensor
    import symtensor.tensor as T

    x = T.dmatrix("x")
    f = symtensor.function([x], T.nnet.sigmoid(x))

The names and their meaning are Theano's. This facade only hands names on; what it names is loaded when it is first
asked for, so that importing it costs little.
"""
from __future__ import annotations

import importlib
from typing import Any

from symtensor._version import __version__
from symtensor.compat.finder import install_old_paths
from symtensor.config import change_flags, config
from symtensor.graph.hooks import hooks

install_old_paths()

# Where the names of this package are found: module -> names.
_NAMES = {
    "symtensor.compile.function": "function function_dump",
    "symtensor.compile.function_module": "FunctionMaker",
    "symtensor.compile.io": "In Out SymbolicInput SymbolicOutput",
    "symtensor.compile.link": "CLinker DualLinker Linker LocalLinker OpWiseCLinker PerformLinker",
    "symtensor.compile.mode": "Mode predefined_linkers predefined_modes predefined_optimizers",
    "symtensor.compile.pfunc": "Param",
    "symtensor.compile.profiling": "ProfileStats",
    "symtensor.compile.rebuild": "clone",
    "symtensor.compile.toplevel": "disable_log_handler dot get_scalar_constant_value has_handlers sparse_grad",
    "symtensor.control.builders": "OpFromGraph",
    "symtensor.control.function_op": "as_op",
    "symtensor.gradient": "Lop Rop grad subgraph_grad",
    "symtensor.graph.basic": "Apply Constant Variable",
    "symtensor.graph.errors": "InconsistencyError",
    "symtensor.graph.fg": "FunctionGraph",
    "symtensor.graph.op": "Op",
    "symtensor.graph.type": "Generic Type generic",
    "symtensor.graph.utils": "object2",
    "symtensor.printing": "pp pprint",
    "symtensor.scan_module": "foldl foldr map reduce scan scan_checkpoints",
    "symtensor.tensor.sharedvar": "Container shared",
    "symtensor.updates": "OrderedUpdates",
}
_WHERE = {name: module for module, names in _NAMES.items() for name in names.split()}
_MODULES = (
    "compile", "configparser", "control", "gof", "gradient", "graph", "ir", "lower", "printing", "raise_op", "rewrite",
    "runtime", "scalar", "scan_module", "tensor", "updates", "utils",
)

__all__ = ["__version__", "change_flags", "config", *_WHERE]


def __getattr__(name: str) -> Any:
    module = _WHERE.get(name)
    if module is not None:
        value = getattr(importlib.import_module(module), name)
    else:
        try:
            value = importlib.import_module(f"symtensor.{name}") if not name.startswith("_") else None
        except ModuleNotFoundError as error:
            if error.name != f"symtensor.{name}":
                raise
            value = None
        if value is None:
            raise AttributeError(f"module 'symtensor' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE, *_MODULES})


def _late(module: str, name: str) -> Any:
    """A function that is found in a module of a higher layer when it is first called."""
    return lambda *args, **kwargs: getattr(importlib.import_module(module), name)(*args, **kwargs)


hooks.eval_variable = _late("symtensor.compile.evaluation", "eval_variable")
hooks.compile_function = _late("symtensor.compile.evaluation", "compile_function")
hooks.node_by_node = _late("symtensor.compile.evaluate", "node_by_node")
hooks.to_device = _late("symtensor.runtime.cuda.array", "to_device")
hooks.debugprint = lambda obj: importlib.import_module("symtensor.printing").debugprint(obj, file="str")
