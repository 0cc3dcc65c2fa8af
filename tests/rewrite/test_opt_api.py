"""Rewriters in Theano's style: what user programs may write. Expected behaviour recorded from Theano 1.0.5."""
from __future__ import annotations

import io

import pytest

import symtensor.tensor as T
from symtensor.config import change_flags
from symtensor.graph.basic import Constant
from symtensor.graph.errors import BadOptimization
from symtensor.graph.fg import FunctionGraph
from symtensor.rewrite.opt import (
    EquilibriumOptimizer,
    FromFunctionLocalOptimizer,
    FromFunctionOptimizer,
    LocalOptGroup,
    LocalOptimizer,
    MergeOptimizer,
    OpKeyOptimizer,
    OpRemove,
    OpSub,
    Optimizer,
    PatternSub,
    SeqOptimizer,
    TopoOptimizer,
    check_chain,
    check_stack_trace,
    copy_stack_trace,
    in2out,
    inherit_stack_trace,
    is_same_graph_with_merge,
    local_optimizer,
    merge_dict,
    optimizer,
    out2in,
    pre_constant_merge,
    pre_greedy_local_optimizer,
)
from symtensor.tensor.elemwise import DimShuffle


@local_optimizer([T.log])
def log_to_log1p(node):
    """What it does."""
    return [T.log1p(node.inputs[0])]


def run(opt, inputs, outputs):
    fg = FunctionGraph(inputs, outputs)
    opt.optimize(fg)
    fg.check_integrity()
    return fg


x, y = T.vectors("x", "y")


def text(opt, *outputs):
    return str(run(opt, [x, y], list(outputs)))


def test_local_optimizer():
    assert isinstance(log_to_log1p, FromFunctionLocalOptimizer) and isinstance(log_to_log1p, LocalOptimizer)
    assert str(log_to_log1p) == "log_to_log1p" == log_to_log1p.__name__ and log_to_log1p.tracks() == [T.log]
    assert log_to_log1p.__doc__ == "What it does."
    (answer,) = log_to_log1p.transform(T.log(x).owner)
    assert answer.owner.op == T.log1p
    assert not log_to_log1p.transform(T.exp(x).owner)
    assert local_optimizer(None)(lambda node: None).tracks() is None
    with pytest.raises(ValueError, match="Use None instead of an empty list to apply to all nodes."):
        local_optimizer([])
    with pytest.raises(ValueError, match="Tracks are op classes or instances"):
        local_optimizer([3])


def test_passes():
    assert text(in2out(log_to_log1p), T.log(x) + T.log(y)) == (
        "[Elemwise{add,no_inplace}(Elemwise{log1p,no_inplace}(x), Elemwise{log1p,no_inplace}(y))]")
    assert str(in2out(log_to_log1p)) == "log_to_log1p" and str(in2out(log_to_log1p, name="nn")) == "nn"
    assert in2out(log_to_log1p).order == "in_to_out" and out2in(log_to_log1p).order == "out_to_in"
    assert in2out(log_to_log1p, ignore_newtrees=True).ignore_newtrees
    with pytest.raises(ValueError, match="order must be"):
        TopoOptimizer(log_to_log1p, order="sideways")


@pytest.mark.parametrize("answer, error, message", [
    (3, TypeError, "Optimizer wrong gave wrong type of replacement. Expected list or tuple. Got 3"),
    ([], ValueError, "Optimizer wrong gave wrong number of replacements"),
    ([None], ValueError, "A local optimizer tried to remove a Variable that is used"),
])
def test_wrong_answers(answer, error, message):
    @local_optimizer([T.log])
    def wrong(node):
        return answer

    with pytest.raises(error, match=message):
        run(in2out(wrong), [x], [T.log(x)])


def test_failures(caplog):
    @local_optimizer([T.log])
    def fails(node):
        raise ValueError("boom")

    @local_optimizer([T.log])
    def another_type(node):
        return [T.matrix()]

    assert text(in2out(fails), T.log(x)) == "[Elemwise{log,no_inplace}(x)]"
    assert "Optimization failure due to: fails" in caplog.text and "node: Elemwise{log,no_inplace}(x)" in caplog.text
    assert "ValueError: boom" in caplog.text
    assert text(in2out(another_type), T.log(x)) == "[Elemwise{log,no_inplace}(x)]"
    assert "BadOptimization Error" in caplog.text
    with change_flags(on_opt_error="raise"):
        with pytest.raises(ValueError, match="boom"):
            run(in2out(fails), [x], [T.log(x)])
        with pytest.raises(BadOptimization, match="The type of the replacement must be the same."):
            run(in2out(another_type), [x], [T.log(x)])


def test_answers():
    @local_optimizer([T.log])
    def same(node):
        return node.outputs

    @local_optimizer([T.log])
    def by_dict(node):
        return {node.outputs[0]: T.exp(node.inputs[0]), "remove": [node]}

    assert text(in2out(same), T.log(x)) == "[Elemwise{log,no_inplace}(x)]"
    assert text(in2out(by_dict), T.log(x)) == "[Elemwise{exp,no_inplace}(x)]"


def pattern_sub(*args, **kwargs):
    return in2out(PatternSub(*args, **kwargs), name="n")


def test_pattern_sub():
    assert text(pattern_sub((T.add, (T.log, "x"), "y"), (T.mul, "y", "x")), T.log(x) + y) == (
        "[Elemwise{mul,no_inplace}(y, x)]")
    assert text(pattern_sub((T.add, "y", (T.log, "x")), (T.mul, "y", "x")), T.log(x) + y) == (
        "[Elemwise{add,no_inplace}(Elemwise{log,no_inplace}(x), y)]")
    assert text(pattern_sub((T.add, "x", "x"), (T.mul, "x", 2)), x + x, x + y) == (
        "[Elemwise{mul,no_inplace}(x, InplaceDimShuffle{x}(TensorConstant{2})), Elemwise{add,no_inplace}(x, y)]")
    axis = DimShuffle((), ["x"], inplace=True)
    assert text(pattern_sub((T.add, "x", (axis, 1)), (T.exp, "x")), x + 1, x + 2) == (
        "[Elemwise{exp,no_inplace}(x), Elemwise{add,no_inplace}(x, InplaceDimShuffle{x}(TensorConstant{2}))]")
    assert text(pattern_sub((T.add, "x", 1), (T.exp, "x")), x + 1).startswith("[Elemwise{add")
    constrained = (T.log, {"pattern": "x", "constraint": lambda v: v.owner is not None})
    assert text(pattern_sub(constrained, (T.exp, "x")), T.log(x), T.log(x + y)) == (
        "[Elemwise{log,no_inplace}(x), Elemwise{exp,no_inplace}(Elemwise{add,no_inplace}(x, y))]")


def test_pattern_sub_and_other_users():
    e = T.exp(x)
    both = [T.log(e), e]
    pattern = ((T.log, (T.exp, "x")), "x")
    assert text(pattern_sub(*pattern), *both) == "[Elemwise{log,no_inplace}(*1 -> Elemwise{exp,no_inplace}(x)), *1]"
    assert text(pattern_sub(*pattern, allow_multiple_clients=True), *both) == "[x, Elemwise{exp,no_inplace}(x)]"
    assert text(pattern_sub(*pattern), T.log(T.exp(x)) + T.exp(x)) == (
        "[Elemwise{add,no_inplace}(x, Elemwise{exp,no_inplace}(x))]")


def test_pattern_sub_texts_and_options():
    pattern = PatternSub((T.log, "x"), (T.exp, "x"), values_eq_approx=max)
    assert str(pattern) == "Elemwise{log,no_inplace}(x) -> Elemwise{exp,no_inplace}(x)"
    assert pattern.tracks() == [T.log] and pattern.op_key() == T.log
    (answer,) = pattern.transform(T.log(x).owner)
    assert answer.tag.values_eq_approx is max
    assert str(PatternSub((T.log, "x"), "x", name="mine")) == "mine"
    with pytest.raises(TypeError, match="must start with a specific Op instance"):
        PatternSub("x", "x")
    skips = PatternSub((T.log, (T.exp, "x")), "x", name="skips",
                       skip_identities_fn=lambda node: node.inputs[0] if isinstance(node.op, DimShuffle) else None)
    assert text(in2out(skips), T.log(T.exp(x).dimshuffle(0))) == "[x]"
    rare = PatternSub((T.add, (T.log, "x"), "y"), (T.mul, "y", "x"), tracks=[T.log], name="rare",
                      get_nodes=lambda fgraph, node: [user for user, _ in node.outputs[0].clients])
    assert rare.tracks() == [T.log] and text(in2out(rare), T.log(x) + y) == "[Elemwise{mul,no_inplace}(y, x)]"


def test_op_sub_and_op_remove():
    sub = OpSub(T.log, T.exp)
    assert str(sub) == "Elemwise{log,no_inplace} -> Elemwise{exp,no_inplace}" and sub.tracks() == [T.log]
    assert text(in2out(sub, name="n"), T.log(x)) == "[Elemwise{exp,no_inplace}(x)]"
    assert str(OpRemove(T.log)) == "Elemwise{log,no_inplace}(x) -> x"
    assert text(in2out(OpRemove(T.log), name="n"), T.log(x)) == "[x]"
    assert text(OpKeyOptimizer(OpRemove(T.log)), T.log(T.log(x)) + T.exp(y)) == (
        "[Elemwise{add,no_inplace}(x, Elemwise{exp,no_inplace}(y))]")
    with pytest.raises(TypeError, match="must have an 'op_key' method"):
        OpKeyOptimizer(log_to_log1p)


@local_optimizer([T.log1p])
def log1p_to_tanh(node):
    return [T.tanh(node.inputs[0])]


def test_groups():
    group = LocalOptGroup(log_to_log1p, log1p_to_tanh)
    assert group.tracks() == [T.log, T.log1p] and str(group) == "LocalOptGroup(log_to_log1p,log1p_to_tanh)"
    assert group.transform(T.log(x).owner)[0].owner.op == T.log1p
    assert LocalOptGroup(log_to_log1p, log1p_to_tanh,
                         apply_all_opts=True).transform(T.log(x).owner)[0].owner.op == T.tanh
    assert not group.transform(T.exp(x).owner)
    with pytest.raises(TypeError):
        LocalOptGroup(log_to_log1p, nonsense=3)


def test_equilibrium():
    assert text(EquilibriumOptimizer([log1p_to_tanh, log_to_log1p], max_use_ratio=10), T.log(T.log(x))) == (
        "[Elemwise{tanh,no_inplace}(Elemwise{tanh,no_inplace}(x))]")
    mixed = EquilibriumOptimizer([log_to_log1p, MergeOptimizer()], max_use_ratio=10)
    assert text(mixed, T.log(x) + T.log(x)) == "[Elemwise{add,no_inplace}(*1 -> Elemwise{log1p,no_inplace}(x), *1)]"
    assert mixed.get_local_optimizers() == [log_to_log1p]


def test_optimizers_of_whole_graphs():
    @optimizer
    def whole(fgraph):
        fgraph.replace_all([(fgraph.outputs[0], fgraph.inputs[0])])
        return 5

    assert isinstance(whole, FromFunctionOptimizer) and str(whole) == "whole"
    assert text(whole, T.exp(x)) == "[x]"
    fg = FunctionGraph([x], [T.exp(x)])
    assert whole.apply(fg) == 5

    class Mine(Optimizer):
        def add_requirements(self, fgraph):
            fgraph.required = True

        def apply(self, fgraph):
            assert fgraph.required

    run(Mine(), [x], [x])


def test_sequences(caplog):
    class Fails(Optimizer):
        def apply(self, fgraph):
            raise ValueError("boom")

    sequence = SeqOptimizer(in2out(log_to_log1p), MergeOptimizer())
    assert len(sequence) == 2 and text(sequence, T.log(x) + T.log(x)) == (
        "[Elemwise{add,no_inplace}(*1 -> Elemwise{log1p,no_inplace}(x), *1)]")
    with pytest.raises(ValueError, match="boom"):
        run(SeqOptimizer([Fails()]), [x], [x])
    assert text(SeqOptimizer([Fails(), in2out(log_to_log1p)], failure_callback=SeqOptimizer.warn), T.log(x)) == (
        "[Elemwise{log1p,no_inplace}(x)]")
    assert "SeqOptimizer apply" in caplog.text and "ValueError: boom" in caplog.text
    fg = FunctionGraph([x], [T.log(x)])
    profile = sequence.optimize(fg)
    assert [part.fired for part in profile.parts] == [{"log_to_log1p": 1}, {}] and "log_to_log1p 1" in profile.text()
    both = SeqOptimizer.merge_profile(profile, profile)
    assert both.parts[0].fired == {"log_to_log1p": 2}
    stream = io.StringIO()
    SeqOptimizer.print_profile(stream, both)
    sequence.print_summary(stream)
    assert "log_to_log1p 2" in stream.getvalue() and "  TopoOptimizer" in stream.getvalue()


def test_traces():
    v = T.exp(x)
    w = T.log(y)
    own = w.tag.trace
    assert copy_stack_trace(v, w) is w and w.tag.trace == v.tag.trace + own
    fg = run(in2out(log_to_log1p), [x], [T.log(x)])
    assert check_stack_trace(fg, "all") and check_stack_trace(fg) and check_stack_trace(fg, T.log1p)
    del fg.outputs[0].tag.trace
    assert not check_stack_trace(fg, bug_print="ignore")
    with pytest.raises(Exception, match="Empty stack trace"):
        check_stack_trace(fg)
    with pytest.warns(UserWarning, match="Empty stack trace"):
        check_stack_trace(fg, bug_print="warn")
    with pytest.raises(ValueError):
        check_stack_trace(fg, bug_print="sing")
    with inherit_stack_trace(v):
        new = T.exp(x)
    assert new.tag.trace[:1] == v.tag.trace[:1]


def test_helpers():
    chain = T.log(T.exp(x))
    assert check_chain(chain, T.log, T.exp) and not check_chain(chain, T.log, T.log)
    assert check_chain(chain, None, T.exp) and check_chain(chain, type(T.log)) and not check_chain(x, T.log)
    assert check_chain(chain, lambda op: op == T.log)
    assert merge_dict({"a": 1, "b": 2}, {"b": 3, "c": 4}) == {"a": 1, "b": 5, "c": 4}
    assert is_same_graph_with_merge(x + 1, x + 1) and not is_same_graph_with_merge(x + 1, x + 2)
    one = [Constant(T.dscalar, 1.0) for _ in range(2)]
    (out,) = pre_constant_merge([T.exp(one[0]) + T.exp(one[1])])
    assert out.owner.inputs[0].owner.inputs[0] is out.owner.inputs[1].owner.inputs[0]
    greedy = pre_greedy_local_optimizer([log_to_log1p, log1p_to_tanh], T.exp(T.log(x)))
    assert check_chain(greedy, T.exp, T.tanh)
