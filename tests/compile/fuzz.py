"""A program that fuzzes `function` and calls of functions; `test_fuzz` runs it in a process of its own.

    python fuzz.py calls|making EXAMPLES FILE

Every example is written to FILE before it runs, so that a crash of the interpreter can be told; the first wrong
outcome ends the program with status 1. Wrong is: an exception that no user should see, shared variables that have
changed in a failed call, and a function in C that does something else than the same graph run node by node.
"""

from __future__ import annotations

import faulthandler
import sys
import warnings

import hypothesis.strategies as st
import numpy as np
from hypothesis import HealthCheck, Phase, given, settings

import symtensor
import symtensor.tensor as T
from symtensor import In, Mode, Out, change_flags, function, shared
from symtensor.compile.function_module import UnusedInputError
from symtensor.graph.errors import MissingInputError
from symtensor.updates import OrderedUpdates


class Odd(Exception):
    """What odd objects raise: it may reach the caller."""


class Raises:
    """An object whose every conversion fails."""

    def fail(self, *args, **kwargs):
        raise Odd("no conversion")

    __array__ = __float__ = __int__ = __index__ = __len__ = __iter__ = __bool__ = __eq__ = __getitem__ = fail
    __hash__ = object.__hash__


class Lies:
    """An object that says it is an array and is none."""

    def __init__(self, answer):
        self.answer = answer

    def __array__(self, dtype=None, copy=None):
        return self.answer


class Plain(np.ndarray):
    """A subclass of arrays."""


def itself() -> list:
    found: list = []
    found.append(found)
    return found


# -- values of arguments: small descriptions (kind, ...) that hypothesis can print and shrink --------------------------

DTYPES = (
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 longdouble complex64 complex128 "
    "object S3 U3 datetime64[s] timedelta64[s]"
).split()
LAYOUTS = "c f reversed spread unaligned swapped readonly constant masked matrix plain big".split()
OBJECTS = {
    "None": lambda: None,
    "...": lambda: ...,
    "True": lambda: True,
    "0": lambda: 0,
    "3": lambda: 3,
    "-1": lambda: -1,
    "2**31": lambda: 2**31,
    "2**63": lambda: 2**63,
    "2**64": lambda: 2**64,
    "10**400": lambda: 10**400,
    "0.5": lambda: 0.5,
    "nan": lambda: float("nan"),
    "1e300": lambda: 1e300,
    "1j": lambda: 1j,
    "'x'": lambda: "x",
    "'1.5'": lambda: "1.5",
    "b'x'": lambda: b"x",
    "[]": lambda: [],
    "[1, 2]": lambda: [1, 2],
    "[[1.5, 2], [3, 4]]": lambda: [[1.5, 2], [3, 4]],
    "ragged": lambda: [[1, 2], [3]],
    "strings": lambda: ["a", 1.5],
    "tuple": lambda: (1.0, 2.0),
    "itself": itself,
    "dict": lambda: {"x": 1},
    "set": lambda: {1, 2},
    "range": lambda: range(3),
    "generator": lambda: (k for k in range(3)),
    "object": object,
    "class": lambda: float,
    "function": lambda: len,
    "slice": lambda: slice(2),
    "memoryview": lambda: memoryview(b"12345678"),
    "bytearray": lambda: bytearray(8),
    "Raises": Raises,
    "Lies 3": lambda: Lies(3),
    "Lies array": lambda: Lies(np.ones((2, 2))),
    "variable": lambda: T.dvector("other"),
    "shared": lambda: shared(np.ones(2)),
    "constant": lambda: T.constant(2.0),
    "float64(2)": lambda: np.float64(2),
    "float32(0.1)": lambda: np.float32(0.1),
    "int8(3)": lambda: np.int8(3),
    "uint64(max)": lambda: np.uint64(2**64 - 1),
    "complex64": lambda: np.complex64(1j),
    "str_": lambda: np.str_("x"),
    "datetime64": lambda: np.datetime64("2020-01-01"),
    "void": lambda: np.zeros(1, [("a", "f8")])[0],
    "structured": lambda: np.zeros(2, [("a", "f8"), ("b", "i4")]),
    "recarray": lambda: np.rec.array([(1.0, 2)], dtype=[("a", "f8"), ("b", "i4")]),
    "RandomState": lambda: np.random.RandomState(3),
}

arrays = st.tuples(
    st.just("array"),
    st.one_of(st.sampled_from(["float64", "float64", "float32", "int64"]), st.sampled_from(DTYPES)),
    st.lists(st.sampled_from([2, 2, 3, 1, 0, 5]), max_size=4).map(tuple),
    st.sampled_from(LAYOUTS),
)
values = st.one_of(arrays, arrays, st.tuples(st.just("object"), st.sampled_from(sorted(OBJECTS))))


def made(what: tuple):
    """The value that a description stands for."""
    if what[0] == "object":
        return OBJECTS[what[1]]()
    _, dtype, shape, layout = what
    base = np.arange(1, 1 + int(np.prod(shape)))
    if dtype == "object":
        array = np.array([None, "x", 1.5, object()], object)[base % 4].reshape(shape)
    elif dtype[0] in "SU":
        array = base.astype(dtype).reshape(shape)
    else:
        array = base.astype("int64").astype(dtype).reshape(shape)
    return laid_out(array, layout)


def laid_out(array: np.ndarray, layout: str):
    back = (slice(None, None, -1),) * array.ndim
    if layout == "f":
        return np.array(array, order="F")
    if layout == "reversed" and array.ndim:
        return array[back].copy()[back]
    if layout == "spread" and array.ndim:
        wide = np.zeros([2 * n + 1 for n in array.shape], array.dtype)
        part = wide[tuple(slice(0, 2 * n, 2) for n in array.shape)]
        part[...] = array
        return part
    if layout == "unaligned" and array.dtype != object:
        room = np.zeros(array.nbytes + 1, "u1")
        shifted = np.ndarray(array.shape, array.dtype, room.data, 1)
        shifted[...] = array
        return shifted
    if layout == "swapped":
        return array.astype(array.dtype.newbyteorder()) if array.dtype != object else array
    if layout == "readonly":
        array.flags.writeable = False
    elif layout == "constant":
        return np.broadcast_to(array.reshape(-1)[:1].reshape((1,) * array.ndim) if array.size else array, array.shape)
    elif layout == "masked":
        return np.ma.masked_array(array, mask=np.zeros(array.shape, bool))
    elif layout == "matrix" and array.ndim == 2:
        return np.matrix(array)
    elif layout == "plain":
        return array.view(Plain)
    elif layout == "big" and array.ndim and array.dtype.kind == "f":
        return np.full_like(array, np.finfo(array.dtype).max)
    return array


# -- functions to call -------------------------------------------------------------------------------------------------


def recipes() -> dict:
    """Functions by name: what makes their inputs, outputs and updates anew."""

    def plain(kind):
        def make():
            x, y = kind("x"), kind("y")
            s = shared(np.ones((2,) * x.ndim, x.dtype), "s")
            return [x, y], [x + y, s * x], [(s, (s + x).astype(s.dtype))], [s]

        return make

    def pattern():
        r, c, n = T.drow("r"), T.dcol("c"), T.dscalar("n")
        s = shared(np.zeros((2, 2)), "s")
        return [r, c, n], r + c * n, [(s, r + c)], [s]

    def default():
        x, n = T.dvector("x"), T.dscalar("n")
        s = shared(np.ones(2), "s")
        return [x, In(n, value=2.0)], {"a": x * n, "b": s + x}, [(s, s * n + x)], [s]

    def strict():
        x, n, v = T.dvector("x"), T.dscalar("n"), T.fvector("v")
        inputs = [In(x, strict=True), In(n, allow_downcast=False), In(v, allow_downcast=True)]
        return inputs, [x * n, v], [], []

    def mutable():
        x, y = T.dmatrix("x"), T.fvector("y")
        s = shared(np.ones((2, 2)), "s")
        return [In(x, mutable=True), In(y, borrow=True)], [Out(T.inc_subtensor(x[0], 1), True), Out(y, True), s.T], \
            [(s, s + x.T)], [s]

    def renewed():
        x, n = T.dvector("x"), T.dscalar("n")
        return [x, In(n, value=1.0, update=n + x.sum(), name="total")], x * n, [], []

    def loop():
        x, n = T.dmatrix("x"), T.iscalar("n")
        s = shared(np.zeros(2), "s")
        out, _ = symtensor.scan(lambda row, a: a + row, x, s, n_steps=n)
        return [x, n], out, [(s, out[-1])], [s]

    def lazy():
        c, x, y = T.bscalar("c"), T.dvector("x"), T.lvector("y")
        s = shared(np.zeros(2), "s")
        return [c, x, y], symtensor.ifelse.ifelse(c, x + s, x * y), [(s, s + x)], [s]

    def indices():
        x, i, k = T.dmatrix("x"), T.lvector("i"), T.wscalar("k")
        s = shared(np.zeros((2, 2)), "s")
        return [x, i, k], [x[i], x[k], x[k:, ::2]], [(s, T.inc_subtensor(s[i], x[0]))], [s]

    def product():
        a, b, v = T.dmatrix("a"), T.dmatrix("b"), T.dvector("v")
        s = shared(np.zeros((2, 2)), "s")
        return [a, b, v], [T.dot(a, b), T.dot(a, v)], [(s, s + T.dot(a, b))], [s]

    def reshaped():
        x, n = T.dtensor3("x"), T.lscalar("n")
        return [x, n], [x.reshape((n, -1)), T.alloc(1.0, T.minimum(n, 100))], [], []

    def softmax():
        x, y = T.fmatrix("x"), T.ivector("y")
        s = shared(np.float32(0), "s")
        cost = T.nnet.categorical_crossentropy(T.nnet.softmax(x), y).mean()
        return [x, y], [cost, T.grad(cost, x)], [(s, s + cost.astype("float32"))], [s]

    found = {f"plain {dtype} {rank}": plain(T.TensorType(dtype, (False,) * rank)) for dtype, rank in (
        ("float64", 0), ("float64", 1), ("float64", 2), ("float32", 1), ("int64", 1), ("int8", 2), ("bool", 1),
        ("uint16", 0), ("complex128", 1), ("float16", 1))}
    found.update((f.__name__, f) for f in (
        pattern, default, strict, mutable, renewed, loop, lazy, indices, product, reshaped, softmax))
    return found


WAYS = {"C": Mode("cvm", "fast_run"), "py": Mode("py", "fast_run"), "perform": Mode("perform", "fast_run")}
NAMES = ["x", "y", "n", "s", "v", "c", "total", "nothing", "", "output_subset", "self", "args"]

CALL_ERRORS = (TypeError, ValueError, IndexError, OverflowError, MemoryError, Odd)


def functions() -> dict:
    found = {}
    for name, make in recipes().items():
        for way, mode in WAYS.items():
            inputs, outputs, updates, state = make()
            f = function(inputs, outputs, updates=updates, mode=mode, on_unused_input="ignore",
                         name=f"{name} {way}")
            found[name, way] = f, state, [s.get_value() for s in state]
    return found


def outcome(f, state, start, arguments, named):
    """What a call gives: an exception, or results and new values."""
    for s, value in zip(state, start):
        s.set_value(value)
    before = [s.get_value() for s in state]
    try:
        found = f(*map(made, arguments), **{k: made(v) for k, v in named.items()})
    except CALL_ERRORS as error:
        for s, value in zip(state, before):
            now = s.get_value()
            assert now.shape == value.shape and np.array_equal(now, value), f"a failed call ({error}) changed {s}"
        return type(error)
    found = [found[k] for k in sorted(found)] if isinstance(found, dict) else found
    found = found if isinstance(found, list) else [found]
    return [np.array(v) for v in found] + [s.get_value() for s in state]


def same(a, b) -> bool:
    if isinstance(a, type) or isinstance(b, type):
        return isinstance(a, type) and isinstance(b, type)
    return len(a) == len(b) and all(
        x.shape == y.shape and x.dtype == y.dtype and np.allclose(x, y, rtol=1e-3, atol=1e-5, equal_nan=True)
        for x, y in zip(a, b))


def fuzz_calls(examples: int, note) -> None:
    ready = functions()
    names = sorted({name for name, _ in ready})

    @settings(max_examples=examples, derandomize=True, deadline=None, database=None,
              suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink])
    @given(st.sampled_from(names), st.lists(values, min_size=0, max_size=4),
           st.dictionaries(st.sampled_from(NAMES), values, max_size=1))
    def one(name, arguments, named):
        note(f"function {name!r} arguments {arguments} named {named}")
        first = None
        for way in WAYS:
            found = outcome(*ready[name, way], arguments, named)
            first = found if first is None else first
            assert same(first, found), f"C: {first}\n{way}: {found}"

    @settings(max_examples=examples, derandomize=True, deadline=None, database=None,
              suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink])
    @given(st.sampled_from(names), st.data())
    def nearly_right(name, data):
        """As many arguments as there should be, mostly of the right kind."""
        f = ready[name, "C"][0]
        arguments = []
        for spec in f.maker.inputs:
            if spec.implicit:
                continue
            kind = spec.variable.type
            shape = st.tuples(*[st.just(1) if b else st.sampled_from([2, 2, 2, 3, 0, 1]) for b in kind.broadcastable])
            right = st.tuples(st.just("array"), st.just(kind.dtype), shape, st.sampled_from(LAYOUTS))
            arguments.append(data.draw(st.one_of(right, right, right, values)))
        note(f"function {name!r} arguments {arguments}")
        first = None
        for way in WAYS:
            found = outcome(*ready[name, way], arguments, {})
            first = found if first is None else first
            assert same(first, found), f"C: {first}\n{way}: {found}"

    one()
    nearly_right()


# -- arguments of function() -------------------------------------------------------------------------------------------

MAKING_ERRORS = (TypeError, ValueError, NotImplementedError, IndexError, UnusedInputError, MissingInputError, Odd)


def world() -> dict:
    """Things to build functions of, by name."""
    x, y, n = T.dvector("x"), T.dvector("y"), T.dscalar("n")
    m, i, f = T.dmatrix("m"), T.lvector("i"), T.fvector("f")
    s, t, k = shared(np.ones(2), "s"), shared(np.zeros(2), "t"), shared(3, "k")
    d = shared(np.ones(2), "d")
    d.default_update = d * 2
    draws = T.shared_randomstreams.RandomStreams(3).uniform((2,))
    return {
        "x": x, "y": y, "n": n, "m": m, "i": i, "f": f, "s": s, "t": t, "k": k, "d": d, "unnamed": T.dvector(),
        "twin": T.dvector("x"), "x+y": x + y, "x*n": x * n, "s+x": s + x, "s*2": s * 2, "t-s": t - s, "m.sum": m.sum(0),
        "x[i]": x[i], "x[0]": x[0], "f+x": f + x, "k+1": k + 1, "d+n": d + n, "draws": draws,
        "constant": T.constant(2.0), "shape": x.shape, "row": T.drow("row"), "generic": symtensor.generic("g"),
        "scalar": symtensor.scalar.float64("w"),
        "none": symtensor.tensor.type_other.NoneConst,
    }


ODD_THINGS = {
    "None": lambda: None, "3": lambda: 3, "1.5": lambda: 1.5, "'x'": lambda: "x", "array": lambda: np.ones(2),
    "object": object, "class": lambda: float, "Raises": Raises, "...": lambda: ..., "True": lambda: True,
    "{}": dict, "()": tuple, "[]": list, "itself": itself, "type": lambda: T.dvector, "op": lambda: T.add,
}
KNOWN = sorted(world())
variable = st.tuples(st.just("variable"), st.sampled_from(KNOWN))
likely = st.tuples(st.just("variable"), st.sampled_from(["x", "y", "n", "s", "x+y", "x*n", "s+x"]))
odd = st.tuples(st.just("odd"), st.sampled_from(sorted(ODD_THINGS)))
thing = st.one_of(likely, likely, likely, variable, odd)
flag = st.one_of(st.sampled_from([None, True, False]), odd)
in_ = st.tuples(st.just("In"), thing, st.fixed_dictionaries({}, optional={
    "name": st.one_of(st.sampled_from(["x", "y", "", "a b"]), odd), "value": st.one_of(values, thing), "update": thing,
    "mutable": flag, "borrow": flag, "strict": flag, "allow_downcast": flag, "implicit": flag, "shared": flag,
    "autoname": flag}))
out_ = st.tuples(st.just("Out"), thing, flag)
pair = st.tuples(st.just("tuple"), st.lists(thing, min_size=2, max_size=2))
group = st.tuples(st.sampled_from(["list", "tuple"]), st.lists(thing, max_size=3))
inputs = st.one_of(
    st.tuples(st.just("list"), st.lists(st.one_of(likely, thing, in_, group), max_size=4)),
    st.tuples(st.just("list"), st.lists(likely, max_size=3)),
    st.just(("list", [("variable", "x"), ("variable", "y"), ("variable", "n")])),
    thing, group)
outputs = st.one_of(
    st.tuples(st.just("list"), st.lists(st.one_of(likely, thing, out_, group), max_size=4)), thing, out_, group,
    st.tuples(st.just("dict"), st.lists(st.tuples(st.sampled_from(["a", "b", 3, None]), thing), max_size=3)))
pairs = st.one_of(
    st.tuples(st.just("list"), st.lists(st.one_of(pair, pair, group, thing), max_size=3)),
    st.tuples(st.just("pairs"), st.lists(st.tuples(st.sampled_from(["s", "t", "k", "d"]), thing), max_size=3)),
    st.tuples(st.just("ordered"), st.lists(st.tuples(thing, thing), max_size=3)),
    st.tuples(st.just("dict"), st.lists(st.tuples(thing, thing), max_size=3)), thing)
options = st.fixed_dictionaries({"inputs": inputs}, optional={
    "outputs": outputs, "updates": pairs, "givens": pairs,
    "mode": st.one_of(st.sampled_from(["FAST_COMPILE", "FAST_RUN", "nothing", "DebugMode", "Mode"]), odd),
    "no_default_updates": st.one_of(flag, group), "accept_inplace": flag,
    "name": st.one_of(st.sampled_from(["f", "", "a b", "ü"]), odd), "rebuild_strict": flag,
    "allow_input_downcast": flag, "profile": st.one_of(st.sampled_from([None, False]), odd),
    "on_unused_input": st.one_of(st.sampled_from(["ignore", "ignore", "raise", "warn", "never"]), odd)})


def built(what, things):
    """The object that a description stands for."""
    if not isinstance(what, tuple):
        return what
    kind = what[0]
    if kind == "variable":
        return things[what[1]]
    if kind == "odd":
        return ODD_THINGS[what[1]]()
    if kind in ("array", "object"):
        return made(what)
    if kind == "In":
        return In(built(what[1], things), **{k: built(v, things) for k, v in what[2].items()})
    if kind == "Out":
        return Out(built(what[1], things), built(what[2], things))
    if kind in ("list", "tuple"):
        return (list if kind == "list" else tuple)(built(v, things) for v in what[1])
    if kind == "pairs":
        return [(things[a], built(b, things)) for a, b in what[1]]
    if kind == "dict":
        return {built(a, things): built(b, things) for a, b in what[1]}
    return OrderedUpdates([(built(a, things), built(b, things)) for a, b in what[1]])


def documented(error: Exception) -> bool:
    """Whether users may see an exception: of the documented classes, or Theano's own choice of class with a text."""
    if isinstance(error, MAKING_ERRORS):
        return True
    return type(error) in (Exception, RuntimeError, AssertionError) and bool(error.args) and bool(str(error.args[0]))


def fuzz_making(examples: int, note) -> None:
    @settings(max_examples=examples, derandomize=True, deadline=None, database=None,
              suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink])
    @given(options)
    def one(chosen):
        note(f"function({chosen})")
        things = world()
        state = {name: things[name].get_value() for name in ("s", "t", "k", "d")}
        try:
            f = function(**{name: built(value, things) for name, value in chosen.items()})
        except Exception as error:
            if not documented(error):
                raise
            f = None
        if f is not None:
            arguments = [np.float64(1) if spec.variable.ndim == 0 else np.ones((2,) * spec.variable.ndim)
                         for spec in f.maker.inputs if hasattr(spec.variable, "ndim") and not spec.implicit]
            try:
                f(*arguments)
                return
            except Exception as error:
                if not documented(error):
                    raise
        for name, value in state.items():
            assert np.array_equal(things[name].get_value(), value), f"{name} has changed"

    with change_flags(linker="py"):
        one()


def main(what: str, examples: str, path: str) -> None:
    faulthandler.enable()
    warnings.simplefilter("ignore")
    with open(path, "w") as file:

        def note(text: str) -> None:
            file.seek(0)
            file.truncate()
            file.write(text)
            file.flush()

        {"calls": fuzz_calls, "making": fuzz_making}[what](int(examples), note)


if __name__ == "__main__":
    main(*sys.argv[1:])
