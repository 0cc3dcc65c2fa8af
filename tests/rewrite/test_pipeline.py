"""The stages: their order, what modes leave out, and that a user's rewriters take part."""
from __future__ import annotations

import uuid

import numpy as np
import pytest

import symtensor.tensor as T
from symtensor.config import change_flags
from symtensor.graph.fg import FunctionGraph
from symtensor.rewrite.opt import in2out, local_optimizer
from symtensor.rewrite.optdb import DB, Query, optdb
from symtensor.rewrite.pipeline import STAGES, optimize
from symtensor.rewrite.registry import register_canonicalize, register_specialize, register_useless

FAST_RUN, FAST_COMPILE = Query(["fast_run"]), Query(["fast_compile"])
x, y = T.vectors("x", "y")


def optimized(outputs, query=FAST_RUN):
    fg = FunctionGraph([x, y], outputs)
    optimize(fg, query)
    fg.check_integrity()
    return fg


@pytest.fixture
def forget():
    """Takes what a test registers out of the databases again."""
    databases = [optdb, *[obj for obj in optdb._objects.values() if isinstance(obj, DB)]]
    databases += [db.db for db in databases if hasattr(db, "db")]
    before = [(db, dict(db._objects), dict(db._tags)) for db in databases]
    yield
    for db, objects, tags in before:
        db._objects, db._tags = objects, tags
        db.version += 1


def test_stages_run_in_order():
    names = [stage.name for stage in STAGES]
    assert names == sorted(names, key=lambda name: next(s.position for s in STAGES if s.name == name))
    assert optimized([T.exp(x)]).rewrites.stages == names
    assert optimized([T.exp(x)], Query(["merge"])).rewrites.stages == ["merge1", "merge1.1", "merge1.2", "merge2",
                                                                       "merge3"]
    assert optimized([T.exp(x)], Query([])).rewrites.stages == []


def test_stabilisation_comes_before_folding_and_in_every_mode():
    order = [stage.name for stage in STAGES]
    assert order.index("stabilize") < order.index("constant_folding")
    for query in (FAST_RUN, FAST_COMPILE):
        tiny = T.log(1 + T.exp(T.constant(-50.0, dtype="float64")))
        assert float(optimized([tiny], query).outputs[0].data) == np.exp(-50.0)
        assert str(optimized([T.log(1 + x)], query)) == "[Elemwise{log1p,no_inplace}(x)]"


def test_modes_exclude_by_name_alias_stage_and_tag():
    one_plus = T.log(1 + x)
    for tag in ("log_of_one_plus_becomes_log1p", "local_log1p", "stabilize"):
        assert "log1p" not in str(optimized([one_plus], FAST_RUN.excluding(tag)))
    assert "log1p" in str(optimized([one_plus], FAST_RUN.excluding("canonicalize")))


def test_position_cutoff():
    assert optimized([x], Query(["fast_run"], position_cutoff=1.3)).rewrites.stages[-1] == "merge1.2"
    with change_flags(**{"optdb.position_cutoff": 0.5}):
        assert optimized([x]).rewrites.stages == ["merge1", "ShapeOpt"]


def fresh(op, other):
    """A local optimizer with a name of its own."""
    @local_optimizer([op])
    def mine(node):
        return [other(node.inputs[0])]

    mine.__name__ = f"mine_{uuid.uuid4().hex}"
    return mine


def test_registered_optimizers_take_part(forget):
    mine = register_canonicalize(fresh(T.tanh, T.sin))
    assert str(optimized([T.tanh(x)])) == "[Elemwise{sin,no_inplace}(x)]"
    assert "tanh" in str(optimized([T.tanh(x)], FAST_COMPILE))
    assert "tanh" in str(optimized([T.tanh(x)], FAST_RUN.excluding(mine.__name__)))
    with pytest.raises(ValueError, match="cannot be an existing tag"):
        register_canonicalize(mine)


def test_registered_with_tags(forget):
    register_specialize("fast_compile", "my_tag")(fresh(T.cosh, T.sin))
    assert str(optimized([T.cosh(x)], FAST_COMPILE)) == "[Elemwise{sin,no_inplace}(x)]"
    assert "cosh" in str(optimized([T.cosh(x)], FAST_RUN.excluding("my_tag")))
    register_specialize(fresh(T.sinh, T.sin), "opt_in", name="my_name")
    assert "sinh" in str(optimized([T.sinh(x)], FAST_RUN.excluding("my_name")))
    register_useless(fresh(T.arctan, T.sin))
    assert str(optimized([T.arctan(x)])) == "[Elemwise{sin,no_inplace}(x)]"


def test_registered_by_position(forget):
    optdb.register("my_late", in2out(fresh(T.tanh, T.sin)), 60, "fast_run")
    fg = optimized([T.tanh(x)])
    assert str(fg) == "[Elemwise{sin,no_inplace}(x)]"
    assert fg.rewrites.stages.index("merge2") < fg.rewrites.stages.index("my_late") < fg.rewrites.stages.index("merge3")
    optdb["canonicalize"].register("my_own", fresh(T.cosh, T.tanh), "fast_run")
    assert str(optimized([T.cosh(x)])) == "[Elemwise{sin,no_inplace}(x)]"


def test_new_variables_answer_for_the_users_lines():
    line = T.log(1 + x)
    (frames,) = optimized([line]).outputs[0].tag.trace
    assert frames[-1][3] == "line = T.log(1 + x)"


def test_lines_that_get_lost_are_noticed(forget):
    @local_optimizer([T.tanh])
    def loses(node):
        return [T.sin(node.inputs[0])]

    loses.__name__ = f"loses_{uuid.uuid4().hex}"
    register_canonicalize(loses)
    with change_flags(check_stack_trace="raise"):
        optimized([T.tanh(x)])  # the driver carries the lines
        with change_flags(**{"traceback.limit": 0}):
            unknown = T.tanh(x)
        with change_flags(on_opt_error="raise"), pytest.raises(AssertionError, match="Empty stack trace!"):
            optimized([unknown])


def test_folding_keeps_what_fails_and_what_grows():
    bad = T.constant([1.0, 2.0]) + T.constant([1.0, 2.0, 3.0])
    assert len(optimized([bad]).apply_nodes) == 1
    assert float(optimized([T.constant(2.0) * 3 + 1]).outputs[0].data) == 7.0
    assert len(optimized([T.alloc(T.constant(1.0), 2000, 2000)]).apply_nodes) == 1
    assert not optimized([T.exp(T.constant([1.0, 2.0]))]).apply_nodes
