"""DebugMode, NanGuardMode and MonitorMode: what they find, under Theano 1.0.5's names, and that they let good things
pass."""
from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor import In, Mode, change_flags, function, shared
from symtensor.compile import debug_checks, debugmode, nanguardmode
from symtensor.compile.debugmode import DebugMode
from symtensor.compile.monitormode import MonitorMode, detect_nan
from symtensor.compile.nanguardmode import NanGuardMode
from symtensor.control.ifelse import ifelse
from symtensor.graph.basic import Apply
from symtensor.graph.op import Op
from symtensor.graph.type import Type
from symtensor.rewrite.base import local_optimizer
from symtensor.rewrite.whole import EquilibriumOptimizer

v, w = T.dvectors("v", "w")
SOON = DebugMode(stability_patience=1)


class Lies(Op):
    """Base of ops that do something else than they say; `__props__` empty: they stay as they are."""

    __props__ = ()
    n_outputs = 1

    def make_node(self, x):
        return Apply(self, [x], [x.type() for _ in range(self.n_outputs)])


class DestroysSecretly(Lies):
    def perform(self, node, inputs, output_storage, params=None):
        inputs[0][0] = 99
        output_storage[0][0] = inputs[0] + 1


class ViewsSecretly(Lies):
    def perform(self, node, inputs, output_storage, params=None):
        output_storage[0][0] = inputs[0][::-1]


class TwoOfOne(Lies):
    n_outputs = 2

    def perform(self, node, inputs, output_storage, params=None):
        output_storage[0][0] = inputs[0] + 1
        output_storage[1][0] = output_storage[0][0][::-1]


class WrongDtype(Lies):
    def perform(self, node, inputs, output_storage, params=None):
        output_storage[0][0] = (inputs[0] + 1).astype("float32")


class Reuses(Lies):
    """Computes something else when it finds memory in its output cell."""

    def perform(self, node, inputs, output_storage, params=None):
        if output_storage[0][0] is None:
            output_storage[0][0] = inputs[0] + 1
        else:
            output_storage[0][0][...] = 5


class Noisy(Lies):
    def perform(self, node, inputs, output_storage, params=None):
        output_storage[0][0] = inputs[0] + next(counter)


counter = itertools.count()


def test_good_functions_pass():
    s = shared(np.zeros(3), "s")
    f = function([v, In(w, value=np.ones(3))], [T.exp(v) * w, v, v.sum(), s[::-1]], updates=[(s, s + v)], mode=SOON)
    for k in range(3):
        a, b, c, d = f([1, 2, 3])
        np.testing.assert_allclose(a, np.exp([1, 2, 3]))
        assert b.tolist() == [1, 2, 3] and c == 6 and d.tolist() == [3 * k, 2 * k, k]
    assert s.get_value().tolist() == [3, 6, 9]
    assert f.copy()([0, 0, 0])[3].tolist() == [9, 6, 3] and type(f.maker).__name__ == "_Maker"


def test_lazy_branches_pass():
    c = T.bscalar("c")
    f = function([c, v], ifelse(c, v.sum(), T.log(v).sum()), mode=SOON)
    assert f(1, [-1, 2]) == 1


@pytest.mark.parametrize("op, kind, phrases", [
    (DestroysSecretly, "BadDestroyMap", ["destroy_map: {}", "changed input idx: 0", "repr (old val): array([1., 2.])",
                                         "location of first 10 mismatches: [[0]]"]),
    (ViewsSecretly, "BadViewMap", ["aliased output: 0", "aliased to inputs: [0]", "view_map: {}"]),
    (WrongDtype, "InvalidValueError", [
        "hint           = perform output", "expected a ndarray object with dtype = float64 (got float32)",
        "WrongDtype [id A]"])])
def test_ops_that_lie(op, kind, phrases):
    f = function([v], op()(v), mode=SOON)
    with pytest.raises(getattr(debugmode, kind)) as caught:
        f([1, 2])
    assert isinstance(caught.value, debugmode.DebugModeError)
    assert type(caught.value).__module__ == "symtensor.compile.debugmode"
    for phrase in phrases:
        assert phrase in str(caught.value)


def test_outputs_that_share_memory_matter_only_where_nodes_read_both():
    a, b = TwoOfOne()(v)
    assert [r.tolist() for r in function([v], [a, b], mode=SOON)([1, 2])] == [[2, 3], [3, 2]]
    with pytest.raises(debugmode.BadViewMap, match=r"aliased to outputs: \[0\]"):
        function([v], T.exp(a) + T.exp(b), mode=SOON)([1, 2])


def test_values_that_are_not_finite():
    f = function([v], T.log(v), mode=SOON)
    with pytest.raises(debugmode.InvalidValueError, match="non-finite elements not allowed"), np.errstate(all="ignore"):
        f([-1, 2])
    with pytest.raises(debugmode.InvalidValueError, match="Graph Input 'v'"):
        f([np.nan, 1])
    loose = function([v], T.log(v), mode=DebugMode(check_isfinite=False, stability_patience=1))
    assert np.isnan(loose([-1, 2])[0])


def test_memory_that_is_offered_to_perform():
    function([v], Reuses()(v), mode=DebugMode(check_preallocated_output="initial", stability_patience=1))([1, 2])
    for kinds in ("ALL", "c_contiguous:strided", ["wrong_size"]):
        f = function([v], Reuses()(v), mode=DebugMode(check_preallocated_output=kinds, stability_patience=1))
        text = r"(?s)thunk1  : Reference value.*thunk2  : py with \w+ output"
        with pytest.raises(debugmode.BadThunkOutput, match=text):
            f([1, 2])
    previous = function([v], Reuses()(v), mode=DebugMode(check_preallocated_output="previous", stability_patience=1))
    previous([1, 2])
    with pytest.raises(debugmode.BadThunkOutput):
        previous([1, 2])


def test_python_operations_run_once_a_call():
    f = function([v], Noisy()(v) * 2, mode=SOON)
    first, second = f([0])[0], f([0])[0]
    assert second == first + 2


@local_optimizer([T.add])
def add_becomes_mul(node):
    return [T.mul(*node.inputs)] if node.op == T.add else False


def test_a_wrong_rewrite():
    mode = DebugMode(optimizer=EquilibriumOptimizer([add_becomes_mul], max_use_ratio=10), stability_patience=1)
    f = function([v], v + v, mode=mode)
    assert f([2, 2]).tolist() == [4, 4]
    with pytest.raises(debugmode.BadOptimization) as caught:
        f([1, 3])
    error = caught.value
    assert "add_becomes_mul" in str(error.reason)
    assert error.old_r_val.tolist() == [2, 6] and error.new_r_val.tolist() == [1, 9]
    for phrase in ("BadOptimization Error", "Old Value:  [2. 6.]", "Max Abs Diff:  3.0", "Old Graph:",
                   "Elemwise{add,no_inplace} [id A]", "tensor.cmp_sloppy"):
        assert phrase in str(error)
    assert isinstance(error, symtensor.graph.errors.BadOptimization)


def test_rewrites_that_differ_from_time_to_time():
    turn = itertools.count()

    @local_optimizer([T.add])
    def sometimes(node):
        return [T.mul(*node.inputs)] if node.op == T.add and next(turn) % 2 == 0 else False

    mode = DebugMode(optimizer=EquilibriumOptimizer([sometimes], max_use_ratio=10), stability_patience=3)
    with pytest.raises(debugmode.StochasticOrder, match="Optimization process is unstable"):
        function([v], [v + v, v + 1], mode=mode)


def test_compiled_code_that_is_wrong(monkeypatch):
    honest = debug_checks.link

    def wrong(program, constants, calls, **options):
        executable = honest(program, constants, calls, **options)
        if options["consumer"] == "c":
            run = executable.run

            class Wrong:
                def run(self, values):
                    outputs, updates = run(values)
                    return [o + 1 for o in outputs], updates

            return Wrong()
        return executable

    monkeypatch.setattr(debug_checks, "link", wrong)
    f = function([v], T.exp(v).sum(), mode=SOON)
    if not f.maker.code.compiler:
        pytest.skip("no compiler")
    with pytest.raises(debugmode.BadThunkOutput, match=r"(?s)thunk1  : perform.*thunk2  : c_code.*Max Abs Diff:  1.0"):
        f([1, 2])


def test_what_is_checked_can_be_chosen():
    with pytest.raises(ValueError, match="DebugMode has to check at least one of c and py code"):
        DebugMode(check_c_code=False, check_py_code=False)
    with pytest.raises(Exception, match="DebugMode can only use its own linker!"):
        DebugMode(linker="py")
    python_only = DebugMode(check_c_code=False, stability_patience=0)
    f = function([v], v + 1, mode=python_only)
    assert f([1]) == [2] and f.maker.code.programs == []
    again = pickle.loads(pickle.dumps(python_only.clone(check_isfinite=False)))
    assert not again.check_c_code and not again.check_isfinite and again.stability_patience == 0
    assert str(again).startswith("DebugMode(linker=")
    with change_flags(**{"DebugMode.patience": 3}):
        assert DebugMode().stability_patience == 3


def test_runtime_errors_come_through_with_their_node():
    f = function([v, w], v + w, mode=SOON)
    with pytest.raises(ValueError, match="Apply node that caused the error"):
        f([1, 2], [1, 2, 3])


def test_values_of_other_types_pass():
    class Box(Type):
        def filter(self, data, strict=False, allow_downcast=None):
            if not isinstance(data, list):
                raise TypeError("a list")
            return data

    class Appends(Op):
        __props__ = ()

        def make_node(self, b):
            return Apply(self, [b], [b.type()])

        def perform(self, node, inputs, output_storage, params=None):
            output_storage[0][0] = inputs[0] + [1]

    box = Box()
    b = box("b")
    f = function([b], Appends()(b), mode=SOON)
    assert f([0]) == [0, 1]
    with pytest.raises(TypeError, match="a list"):
        f("x")


# -- NanGuardMode ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("build, given, words", [
    (lambda: T.log(v) * 2, [-1, 2], ["NaN detected"]),
    (lambda: T.exp(v) * 2, [1e5, 2], ["Inf detected", "Big value detected"]),
    (lambda: T.exp(v) * 2, [50, 2], ["Big value detected"])])
def test_bad_values(build, given, words):
    f = function([v], build(), mode="NanGuardMode")
    assert np.isfinite(f([1, 2])).all()
    with pytest.raises(AssertionError) as caught:
        f(given)
    text = str(caught.value)
    assert text.splitlines()[:len(words)] == words
    assert "NanGuardMode found an error in the output of a node in this variable:" in text
    assert "Apply node that caused the error" in text and "test_compile_debugging.py" in text


def test_bad_inputs_and_constants():
    f = function([v], v * 2, mode="NanGuardMode")
    with pytest.raises(AssertionError, match="(?s)NaN detected.*NanGuardMode found an error in an input of the graph"):
        f([np.nan, 1])
    s = shared(np.array([np.inf]))
    with pytest.raises(AssertionError, match="Inf detected"):
        function([], s * 2, mode="NanGuardMode")()


def test_what_is_an_error_can_be_chosen(caplog):
    only_inf = NanGuardMode(nan_is_error=False, inf_is_error=True, big_is_error=False)
    f = function([v], T.log(v) * 2, mode=only_inf)
    assert np.isnan(f([-1, 2])[0])
    with pytest.raises(AssertionError, match="Inf detected"):
        f([0.0, 1])
    with pytest.raises(AssertionError):
        NanGuardMode(False, False, False)
    with change_flags(**{"NanGuardMode.action": "warn"}):
        assert np.isnan(function([v], T.log(v) * 2, mode="NanGuardMode")([-1, 2])[0])
    assert "NaN detected" in caplog.text
    unchecked = T.log(v)
    unchecked.tag.nan_guard_mode_check = False
    assert np.isnan(function([v], unchecked, mode=NanGuardMode(optimizer=None))([-1])[0])
    copied = pickle.loads(pickle.dumps(only_inf)).excluding("fusion")
    assert (copied.nan_is_error, copied.inf_is_error, copied.big_is_error) == (False, True, False)


def test_branches_that_are_not_taken_are_not_checked():
    c = T.bscalar("c")
    f = function([c, v], ifelse(c, v.sum(), T.log(v).sum()), mode="NanGuardMode")
    assert f(1, [-1, 2]) == 1


def test_helpers_of_nan_guard_mode():
    assert nanguardmode.contains_nan(np.array([1, np.nan])) and not nanguardmode.contains_nan(np.arange(3))
    assert nanguardmode.contains_inf(np.array([np.inf])) and not nanguardmode.contains_inf(np.array([np.nan]))
    assert not any(nanguardmode.contains_nan(other) for other in (None, np.random.RandomState(1), slice(1), "text"))
    assert nanguardmode.flatten([1, [2, [3]], {"a": 4}.values()]) == [1, 2, 3, 4]


# -- MonitorMode -------------------------------------------------------------------------------------------------------


def test_monitors_see_every_node():
    seen = []

    def before(i, node, fn):
        seen.append(("before", i, str(node.op), [cell[0] for cell in fn.outputs]))

    def after(i, node, fn):
        seen.append(("after", i, str(node.op), [cell[0].tolist() for cell in fn.outputs]))

    f = function([v], T.log(v) * v, mode=MonitorMode(pre_func=before, post_func=after, optimizer=None))
    f([1, 1])
    assert seen == [
        ("before", 0, "Elemwise{log,no_inplace}", [None]), ("after", 0, "Elemwise{log,no_inplace}", [[0, 0]]),
        ("before", 1, "Elemwise{mul,no_inplace}", [None]), ("after", 1, "Elemwise{mul,no_inplace}", [[0, 0]])]


def test_detect_nan_prints_the_node(capsys):
    mode = MonitorMode(post_func=detect_nan, optimizer=None)
    assert np.isnan(function([v], T.log(v), mode=mode)([-1, 2])[0])
    out = capsys.readouterr().out
    assert out.startswith("*** NaN detected ***\nElemwise{log,no_inplace} [id A]")
    assert "Inputs : [array([-1.,  2.])]" in out and "Outputs: [array([       nan, 0.69314718])]" in out


def test_variants_of_a_monitor_mode_keep_the_monitors():
    calls = []
    mode = MonitorMode(post_func=lambda i, node, fn: calls.append(str(node.op))).excluding("fusion")
    assert isinstance(mode, MonitorMode)
    function([v], T.exp(v), mode=mode)([1])
    assert "Elemwise{exp,no_inplace}" in calls


def test_a_subclass_may_run_nodes_its_own_way():
    class Twice(MonitorMode):
        def eval(self, i, node, fn):
            fn()
            fn.outputs[0][0] = fn.outputs[0][0] * 2

    assert function([v], T.exp(v) * 0 + v, mode=Twice(optimizer=None))([3]) == [6]


def test_the_debugging_modes_are_modes():
    for mode in (DebugMode(), NanGuardMode(), MonitorMode()):
        assert isinstance(mode, Mode)
