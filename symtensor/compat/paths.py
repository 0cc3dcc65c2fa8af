"""The one table of old places: Theano's module -> the modules here that hold its names, searched in order.

Only paths that are no real module of this package stand here.
"""
from __future__ import annotations

_GRAPH = (
    "graph.basic", "graph.op", "graph.type", "graph.traversal", "graph.fg", "graph.features", "graph.null_type",
    "graph.utils", "graph.errors",
)
_REWRITE = ("rewrite.opt", "rewrite.optdb")

PATHS: dict[str, tuple[str, ...]] = {
    # gof
    "gof": (*_GRAPH, *_REWRITE, "graph.params_type", "graph.enum_type", "tensor.type_other"),
    "gof.fg": ("graph.fg", "graph.errors", "graph.null_type"),
    "gof.graph": ("graph.basic", "graph.traversal", "graph.text", "rewrite.opt"),
    "gof.null_type": ("graph.null_type", "graph.type"),
    "gof.op": ("graph.op", "graph.utils", "graph.fg", "graph.test_values"),
    "gof.opt": ("rewrite.opt", "graph.basic"),
    "gof.optdb": ("rewrite.optdb",),
    "gof.toolbox": ("graph.features",),
    "gof.type": ("graph.type", "graph.enum_type", "tensor.type_other", "graph.utils", "configparser"),
    "gof.params_type": ("graph.params_type", "graph.utils"),
    "gof.sched": ("graph.sched",),
    "gof.utils": ("graph.utils", "graph.trace"),
    "gof.link": ("compile.link",),
    # compile
    "compile.ops": ("control.function_op", "gradient.barriers", "tensor.shape_ops"),
    "compile.builders": ("control.builders",),
    "compile.sharedvalue": ("tensor.sharedvar",),
    # places that moved
    "raise_op": ("control.raise_op",),
    "ifelse": ("control.ifelse",),
    "configdefaults": ("config", "configparser"),
    "tensor.opt": (
        "rewrite.opt", "rewrite.registry", "rewrite.shape_feature", "rewrite.pipeline", "control.raise_op"),
    "misc": (),
    "misc.ordered_set": ("utils.ordered",),
    "misc.frozendict": ("utils.frozen",),
    "misc.may_share_memory": ("tensor.type",),
    "tests": (),
    "tests.breakpoint": ("control.breakpoint",),
    "sandbox.softsign": ("tensor.nnet.nnet",),
    # devices
    "gpuarray": ("compat.gpuarray",),
    "gpuarray.basic_ops": ("compat.gpuarray",),
    "gpuarray.dnn": ("compat.gpuarray",),
    "gpuarray.type": ("compat.gpuarray",),
    "sandbox.cuda": ("compat.sandbox_cuda",),
    "sandbox.cuda.basic_ops": ("compat.sandbox_cuda",),
    "sandbox.cuda.dnn": ("compat.gpuarray",),
    "sandbox.cuda.type": ("compat.sandbox_cuda",),
    "sandbox.cuda.var": ("compat.sandbox_cuda",),
}
