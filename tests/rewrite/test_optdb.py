"""Databases of rewriters and queries; messages and results recorded from Theano 1.0.5."""
from __future__ import annotations

import io

import pytest

import symtensor.tensor as T
from symtensor.rewrite.opt import (
    EquilibriumOptimizer,
    LocalOptGroup,
    MergeOptimizer,
    SeqOptimizer,
    TopoOptimizer,
    in2out,
    local_optimizer,
)
from symtensor.rewrite.optdb import DB, EquilibriumDB, LocalGroupDB, ProxyDB, Query, SequenceDB, TopoDB


def make(name="mine"):
    @local_optimizer([T.log])
    def mine(node):
        return [T.log1p(node.inputs[0])]

    mine.__name__ = name
    return mine


def test_names_and_tags():
    db, mine = DB(), make()
    db.register("a", mine, "fast_run")
    with pytest.raises(ValueError, match="The name of the object cannot be an existing tag or the name of another"):
        db.register("a", make(), "x")
    with pytest.raises(ValueError, match="The name of the object cannot be an existing tag"):
        db.register("fast_run", make())
    with pytest.raises(ValueError, match="The tag of the object collides with a name."):
        db.register("d", make(), "a")
    with pytest.raises(TypeError, match="Object cannot be registered in OptDB"):
        db.register("c", 3, "x")
    db.register("b", make(), "x")
    assert mine.name == "a" and db["a"] is mine and db["fast_run"] is mine
    assert "a" in db and "fast_run" in db and "zz" not in db and "FromFunctionLocalOptimizer" in db
    with pytest.raises(KeyError, match="Nothing registered for 'zz'"):
        db["zz"]
    with pytest.raises(ValueError, match="More than one match"):
        db["FromFunctionLocalOptimizer"]


def test_queries_of_a_plain_database():
    db, mine = DB(), make()
    db.register("a", mine, "fast_run")
    with pytest.raises(ValueError, match="All tags must start with one of the following characters"):
        db.query("fast_run")
    assert list(db.query("+fast_run")) == [mine] == list(db.query(Query(["fast_run"])))
    assert list(db.query("+fast_run", "-a")) == [] and list(db.query("+fast_run", "&other")) == []
    db.add_tags("a", "n1")
    assert list(db.query("+n1")) == [mine]
    db.remove_tags("a", "n1")
    assert list(db.query("+n1")) == []


def test_query_objects():
    query = Query(["a"], exclude=["b"], require=["c"])
    assert str(query) == ("Query{inc=OrderedSet(['a']),ex=OrderedSet(['b']),require=OrderedSet(['c']),subquery={},"
                          "position_cutoff=inf,extra_opts=[]}")
    assert list(query.including("d", "e").include) == ["a", "d", "e"] and list(query.include) == ["a"]
    assert list(query.excluding("x").exclude) == ["b", "x"] and list(query.requiring("z").require) == ["c", "z"]


def test_equilibrium_databases():
    db, mine, last, merges = EquilibriumDB(), make(), in2out(make(), name="zz"), MergeOptimizer()
    db.register("a", mine, "fast_run")
    db.register("b", last, "fast_run", final_opt=True)
    db.register("m", merges, "fast_run", cleanup=True)
    found = db.query("+fast_run")
    assert isinstance(found, EquilibriumOptimizer) and found.local_optimizers == [mine]
    assert found.final_optimizers == [last] and found.cleanup_optimizers == [merges]
    with pytest.raises(AssertionError):
        db.register("c", make(), "fast_run", final_opt=True, cleanup=True)


def test_sequences():
    db, inner = SequenceDB(), EquilibriumDB()
    first, late = MergeOptimizer(), MergeOptimizer()
    inner.register("a", make(), "fast_run")
    db.register("late", late, 3, "fast_run")
    db.register("first", first, 0, "fast_run")
    db.register("inner", inner, 1, "fast_run")
    db.register("end", MergeOptimizer(), "last", "fast_run", "slow")
    with pytest.raises(AssertionError):
        db.register("nowhere", MergeOptimizer(), "fast_run")
    found = db.query("+fast_run")
    assert isinstance(found, SeqOptimizer) and [opt.name for opt in found] == ["first", "inner", "late", "end"]
    assert [opt.name for opt in db.query(Query(["fast_run"], position_cutoff=0.5))] == ["first"]
    assert [opt.name for opt in db.query("+fast_run", "-slow", "-inner")] == ["first", "late"]
    extra = MergeOptimizer()
    assert list(db.query(Query(["fast_run"]).register((extra, 0.5))))[1] is extra
    only = db.query(Query(["fast_run"], subquery={"inner": Query(["nothing"])}))
    assert only[1].local_optimizers == []
    stream = io.StringIO()
    db.print_summary(stream)
    assert stream.getvalue().index("first") < stream.getvalue().index("inner") < stream.getvalue().index("late")


def test_groups_passes_and_proxies():
    db, one, two = LocalGroupDB(), make("one"), make("two")
    db.register("two", two, "fast_run", position=2)
    db.register("one", one, "fast_run", position=1)
    with pytest.raises(AssertionError):
        db.register("three", make(), "fast_run", position="first")
    group = db.query("+fast_run")
    assert isinstance(group, LocalOptGroup) and group.opts == [one, two]
    found = TopoDB(db, order="out_to_in").query("+fast_run")
    assert isinstance(found, TopoOptimizer) and found.order == "out_to_in" and found.local_opt.opts == [one, two]
    assert ProxyDB(db).query("+fast_run").opts == [one, two]
    with pytest.raises(AssertionError):
        ProxyDB(3)
