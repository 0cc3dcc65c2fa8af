"""Compiling: `function`, inputs and outputs, modes and what they choose, debugging modes, profiles.

    function, pfunc, rebuild        what the user asks for: inputs, outputs, updates, givens
    io, inputs                      `In` and `Out`
    function_module, fgraphs        `FunctionMaker` and `Function`
    mode, link, code, clocks        how a graph is rewritten and what runs it
    evaluate                        values needed once: node by node, without compiling
    debugmode, nanguardmode, monitormode, profiling
"""
from __future__ import annotations

from typing import Any

from symtensor.compile import mode
from symtensor.compile.debugmode import DebugMode
from symtensor.compile.evaluate import evaluate
from symtensor.compile.function import function, function_dump
from symtensor.compile.function_module import (
    DUPLICATE,
    NODEFAULT,
    AliasedMemoryError,
    Function,
    FunctionMaker,
    Supervisor,
    UnusedInputError,
    alias_root,
    check_equal,
    convert_function_input,
    fgraph_updated_vars,
    get_info_on_inputs,
    infer_reuse_pattern,
    orig_function,
    register_checker,
    std_fgraph,
    view_tree_set,
)
from symtensor.compile.io import In, Out, SymbolicInput, SymbolicOutput
from symtensor.compile.mode import (
    FAST_COMPILE,
    FAST_RUN,
    OPT_FAST_COMPILE,
    OPT_FAST_RUN,
    OPT_FAST_RUN_STABLE,
    OPT_MERGE,
    OPT_NONE,
    OPT_O2,
    OPT_O3,
    OPT_STABILIZE,
    OPT_UNSAFE,
    AddFeatureOptimizer,
    Mode,
    PrintCurrentFunctionGraph,
    get_default_mode,
    get_mode,
    optdb,
    predefined_linkers,
    predefined_modes,
    predefined_optimizers,
    register_linker,
    register_mode,
    register_optimizer,
)
from symtensor.compile.monitormode import MonitorMode
from symtensor.compile.nanguardmode import NanGuardMode
from symtensor.compile.pfunc import Param, pfunc
from symtensor.compile.profiling import ProfileStats, ScanProfileStats
from symtensor.compile.rebuild import clone, rebuild_collect_shared
from symtensor.config import config
from symtensor.control.builders import OpFromGraph, ops_with_inner_function
from symtensor.control.function_op import FromFunctionOp, as_op
from symtensor.graph.basic import Variable
from symtensor.graph.null_type import DisconnectedType, NullType
from symtensor.graph.traversal import io_connection_pattern, is_same_graph
from symtensor.tensor.shape_ops import Rebroadcast, Shape, Shape_i, SpecifyShape, shape, specify_shape
from symtensor.tensor.sharedvar import SharedVariable, shared, shared_constructor

__all__ = [
    "AddFeatureOptimizer", "AliasedMemoryError", "DUPLICATE", "DebugMode", "DisconnectedType", "FAST_COMPILE",
    "FAST_RUN",
    "FromFunctionOp", "Function", "FunctionMaker", "In", "Mode", "MonitorMode", "NODEFAULT", "NanGuardMode", "NullType",
    "OPT_FAST_COMPILE", "OPT_FAST_RUN", "OPT_FAST_RUN_STABLE", "OPT_MERGE", "OPT_NONE", "OPT_O2", "OPT_O3",
    "OPT_STABILIZE", "OPT_UNSAFE", "OpFromGraph", "Out", "Param", "PrintCurrentFunctionGraph", "ProfileStats",
    "Rebroadcast",
    "ScanProfileStats", "Shape", "Shape_i", "SpecifyShape",
    "SharedVariable", "Supervisor", "SymbolicInput", "SymbolicOutput", "UnusedInputError", "Variable", "alias_root",
    "as_op", "check_equal", "clone", "config", "convert_function_input", "evaluate", "fgraph_updated_vars", "function",
    "function_dump", "get_default_mode", "get_info_on_inputs", "get_mode", "infer_reuse_pattern",
    "io_connection_pattern", "is_same_graph", "ops_with_inner_function", "optdb", "orig_function", "pfunc",
    "predefined_linkers",
    "predefined_modes", "predefined_optimizers", "rebuild_collect_shared", "register_checker", "register_linker",
    "register_mode", "register_optimizer", "shape", "shared", "shared_constructor", "specify_shape", "std_fgraph",
    "view_tree_set",
]


def __getattr__(name: str) -> Any:
    if name == "instantiated_default_mode":
        return mode.instantiated_default_mode
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
