"""Everything for programs that write their own rewriters, under the names that Theano's `gof.opt` gives it."""
from __future__ import annotations

from typing import Any

from symtensor.config import config
from symtensor.graph.errors import InconsistencyError
from symtensor.graph.traversal import is_same_graph
from symtensor.rewrite.apply import copy_stack_trace
from symtensor.rewrite.base import (
    FromFunctionLocalOptimizer,
    FromFunctionOptimizer,
    LocalOptimizer,
    Optimizer,
    inplace_optimizer,
    local_optimizer,
    optimizer,
)
from symtensor.rewrite.checks import (
    ChangeTracker,
    CheckStackTraceOptimization,
    CheckStrackTraceFeature,
    Updater,
    check_stack_trace,
    inherit_stack_trace,
    merge_dict,
)
from symtensor.rewrite.local import (
    LocalOptGroup,
    OpRemove,
    OpSub,
    PatternSub,
    check_chain,
    pre_constant_merge,
    pre_greedy_local_optimizer,
)
from symtensor.rewrite.merge import MergeOptimizer
from symtensor.rewrite.whole import (
    EquilibriumOptimizer,
    NavigatorOptimizer,
    OpKeyOptimizer,
    SeqOptimizer,
    TopoOptimizer,
    in2out,
    out2in,
)
from symtensor.utils.ordered import OrderedSet

__all__ = [
    "ChangeTracker", "CheckStackTraceOptimization", "CheckStrackTraceFeature", "EquilibriumOptimizer",
    "FromFunctionLocalOptimizer", "FromFunctionOptimizer", "InconsistencyError", "LocalOptGroup", "LocalOptimizer",
    "MergeOptimizer", "NavigatorOptimizer", "OpKeyOptimizer", "OpRemove", "OpSub", "Optimizer", "OrderedSet",
    "PatternSub", "SeqOptimizer", "TopoOptimizer", "Updater", "check_chain", "check_stack_trace", "config",
    "copy_stack_trace", "in2out", "inherit_stack_trace", "inplace_optimizer", "is_same_graph_with_merge",
    "local_optimizer", "merge_dict", "optimizer", "out2in", "pre_constant_merge", "pre_greedy_local_optimizer",
]


def is_same_graph_with_merge(var1: Any, var2: Any, givens: Any = None) -> bool:
    """The same as `symtensor.graph.traversal.is_same_graph`; there is one definition of sameness here."""
    return is_same_graph(var1, var2, givens)
