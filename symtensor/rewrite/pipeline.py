"""The stages of rewriting, in their order: the one place that says which rules run when.

    merge1            equal nodes and constants become one
    ShapeOpt          local optimizers of user programs may ask for sizes: `fgraph.shape_feature`
    useless           what has no effect disappears
    merge1.1
    canonicalize      one form for equal things; equal nodes merged as they appear
    merge1.2
    stabilize         digits and range are saved; runs in every mode, before anything is folded
    constant_folding  nodes of constants become constants
    BlasOpt           products become calls of BLAS
    specialize        quicker ops for special cases; constants folded as they appear
    uncanonicalize    what only the canonical form needed is undone
    specialize_device
    merge2, merge3

Positions are Theano's, so that what a program registers in `optdb` by position comes where it expects. `optimize` runs
the stages that a query picks. An optimizer's tags are those of its stage and of its own: "fast_run" is what FAST_RUN
includes, "fast_compile" what FAST_COMPILE does; names and aliases are tags too, so that a mode can exclude them.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from symtensor.config import change_flags, config
from symtensor.rewrite.checks import CheckStrackTraceFeature
from symtensor.rewrite.inner import rewrite_inner_graphs
from symtensor.rewrite.merge import MergeOptimizer
from symtensor.rewrite.optdb import DB, EquilibriumDB, LocalGroupDB, Query, TopoDB, optdb
from symtensor.rewrite.rules import (
    algebra,
    allocation,
    axes,
    blas,
    crossentropy,
    elementwise,
    folding,
    indexing,
    powers,
    reductions,
    shapes,
    stability,
    writes,
)
from symtensor.rewrite.rules.scan_sequences import sequences_are_computed_in_the_step
from symtensor.rewrite.shape_feature import ShapeOptimizer

__all__ = ["STAGES", "Stage", "optimize"]

FAST = ("fast_run", "fast_compile")


@dataclass(frozen=True)
class Stage:
    """One stage.

    kind     "merge"; "fixed point": rules until none fires, with `final` rules at the end of each round; "once": one
             pass
             from inputs to outputs; "shapes": gives the graph `shape_feature`
    tags     of the stage
    rules    with their tags, "fast_run" and `rule_tags`
    """

    name: str
    position: float
    kind: str
    tags: tuple[str, ...]
    rules: tuple[Any, ...] = ()
    rule_tags: tuple[str, ...] = ("fast_run",)
    final: tuple[Any, ...] = ()


STAGES: tuple[Stage, ...] = (
    Stage("merge1", 0, "merge", (*FAST, "merge")),
    Stage("ShapeOpt", 0.1, "shapes", FAST),
    Stage("useless", 0.6, "once", FAST, (
        *elementwise.USELESS, *axes.USELESS, *reductions.USELESS, *indexing.USELESS, *allocation.USELESS)),
    Stage("merge1.1", 0.65, "merge", (*FAST, "merge")),
    Stage("canonicalize", 1, "fixed point", (*FAST, "canonicalize_db"), (
        *elementwise.CANONICALIZE, *algebra.CANONICALIZE, *axes.CANONICALIZE, *shapes.CANONICALIZE,
        *indexing.CANONICALIZE, *allocation.CANONICALIZE, *reductions.CANONICALIZE, *writes.CANONICALIZE)),
    Stage("merge1.2", 1.2, "merge", (*FAST, "merge")),
    Stage("stabilize", 1.5, "fixed point", FAST, (
        *crossentropy.STABILIZE, *stability.STABILIZE, *reductions.STABILIZE), rule_tags=FAST),
    Stage("constant_folding", 1.6, "fixed point", FAST, folding.FOLD, rule_tags=FAST),
    Stage("BlasOpt", 1.7, "fixed point", ("fast_run",), (*blas.BLAS, axes.dimshuffle_of_dimshuffle_becomes_one)),
    Stage("specialize", 2, "fixed point", FAST, (
        *algebra.CANONICALIZE, *powers.SPECIALIZE, *elementwise.SPECIALIZE, *reductions.SPECIALIZE,
        *writes.SPECIALIZE, *crossentropy.SPECIALIZE, *blas.SPECIALIZE, *allocation.SPECIALIZE,
        *shapes.CANONICALIZE,
        axes.dimshuffle_of_dimshuffle_becomes_one, axes.dimshuffle_moves_through_arithmetic,
        axes.dimshuffle_of_number_becomes_number, reductions.factors_that_do_not_vary_leave_the_sum,
        elementwise.fill_moves_out_of_arithmetic,
        elementwise.conversions_in_a_row_become_one, indexing.index_of_vector_of_scalars_becomes_the_scalar,
        allocation.alloc_of_full_shape_becomes_its_value), final=folding.FOLD),
    Stage("uncanonicalize", 3, "fixed point", ("fast_run",), (
        *reductions.UNCANONICALIZE, *crossentropy.UNCANONICALIZE), final=folding.FOLD),
    Stage("specialize_device", 48.6, "fixed point", FAST),
    Stage("merge2", 49, "merge", ("fast_run", "merge")),
    Stage("merge3", 100, "merge", ("fast_run", "merge")),
)


def _register(stage: Stage) -> None:
    """Put a stage into `optdb`."""
    if stage.kind == "merge":
        optdb.register(stage.name, MergeOptimizer(), stage.position, *stage.tags)
        return
    if stage.kind == "shapes":
        optdb.register(stage.name, ShapeOptimizer(), stage.position, *stage.tags)
        return
    database: DB
    if stage.kind == "once":
        database = LocalGroupDB()
        optdb.register(stage.name, _OncePerNode(database), stage.position, *stage.tags)
    else:
        database = EquilibriumDB(ignore_newtrees=False)
        optdb.register(stage.name, database, stage.position, *stage.tags)
        database.register("merge", MergeOptimizer(), *FAST, cleanup=True)
    for rule in stage.rules:
        tags = dict.fromkeys((*stage.rule_tags, *rule.tags, *rule.aliases))
        database.register(rule.name, rule, *tags)
    for rule in stage.final:
        tags = dict.fromkeys((*FAST, *rule.tags, *rule.aliases))
        database.register(rule.name, rule, *tags)


class _OncePerNode(TopoDB):
    """A group of local optimizers, one pass; what is registered here goes into the group."""

    def __init__(self, db: LocalGroupDB) -> None:
        super().__init__(db, order="in_to_out")

    def register(self, name: str, obj: Any, *tags: Any, **kwargs: Any) -> None:
        self.db.register(name, obj, *tags, **kwargs)

    def __contains__(self, name: object) -> bool:
        return name in self.db

    def __getitem__(self, name: str) -> Any:
        return self.db[name]


for _stage in STAGES:
    _register(_stage)


_built: dict[Any, Any] = {}


def _optimizer_for(query: Query) -> Any:
    """The sequence of optimizers that a query picks; kept until something is registered or a setting changes."""
    key = (tuple(query.include), tuple(query.require), tuple(query.exclude), query.position_cutoff,
           tuple((id(opt), position) for opt, position in query.extra_optimizations),
           tuple((name, id(sub)) for name, sub in query.subquery.items()),
           optdb.total_version(), config.optdb.max_use_ratio, config.optdb.position_cutoff)
    found = _built.get(key)
    if found is None:
        if len(_built) > 64:
            _built.clear()
        # The query is kept with the optimizer, so that the ids in the key stay taken.
        found = _built[key] = (optdb.query(query), query)
    return found[0]


def optimize(fgraph: Any, query: Query) -> Any:
    """Rewrite a graph by the stages that a query picks, in place; returns a profile.

    What was done can be read in `fgraph.rewrites`. New variables answer for the lines of those that they replace, not
    for the line that compiles.
    """
    if config.check_stack_trace != "off":
        fgraph.attach_feature(CheckStrackTraceFeature())
    flags = {"traceback.limit": config.traceback.compile_limit, "compute_test_value": config.compute_test_value_opt}
    with change_flags(**flags):
        rewrite_inner_graphs(fgraph, lambda body: _optimizer_for(query).optimize(body))
        profile = _optimizer_for(query).optimize(fgraph)
        sequences_are_computed_in_the_step(fgraph)
        return profile
