"""Streams of NumPy's RandomState: the draws of Theano 1.0.5, seeds, states, updates, sizes, errors, distributions."""
from __future__ import annotations

import pickle

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor.graph.null_type import NullType
from symtensor.tensor import raw_random
from symtensor.tensor.raw_random import RandomFunction, RandomStateType, random_state_type
from symtensor.tensor.shared_randomstreams import RandomStreams

# What Theano 1.0.5 draws: (method, arguments, seed, (dtype, broadcastable, first call, second call)).
RECORDED = [("uniform", {"size": (7,)}, 234,
  ("float64", (False,),
   [0.12672381400898758, 0.9709159656786431, 0.13989097862581312, 0.887548254199325, 0.3197141503373775,
    0.47584376667160355, 0.24129163169315337],
   [0.4204608139408894, 0.44078224324312, 0.26993380578438486, 0.14317276763412234, 0.43571539064778886,
    0.8634268471048641, 0.8103102934117787])),
 ("uniform", {"size": (7,)}, 0,
  ("float64", (False,),
   [0.4860473230215504, 0.6857123175110225, 0.9855760506615988, 0.1955964101622225, 0.583411673483624,
    0.980582177099305, 0.18048029738995275],
   [0.7014686350822025, 0.8463095456331127, 0.7967092952533198, 0.8586284581349373, 0.517502161880338,
    0.04182737713424278, 0.29658691460440223])),
 ("uniform", {"size": (1, 3), "low": -2.5, "high": 3.0}, 234,
  ("float64", (True, False), [[-1.8030190229505683, 2.840037811232537, -1.7305996175580278]],
   [[2.3815153980962878, -0.7415721731444238, 0.11714071669381942]])),
 ("uniform", {"size": (1, 3), "low": -2.5, "high": 3.0}, 0,
  ("float64", (True, False), [[0.17326027661852716, 1.2714177463106235, 2.920668278638794]],
   [[-1.4242197441077762, 0.708764204159932, 2.8932019740461774]])),
 ("uniform", {"size": (0,)}, 234, ("float64", (False,), [], [])),
 ("uniform", {"size": (0,)}, 0, ("float64", (False,), [], [])),
 ("uniform", {"size": (3,), "dtype": "float32"}, 234,
  ("float32", (False,), [0.12672381103038788, 0.9709159731864929, 0.13989098370075226],
   [0.8875482678413391, 0.31971415877342224, 0.47584375739097595])),
 ("uniform", {"size": (3,), "dtype": "float32"}, 0,
  ("float32", (False,), [0.48604732751846313, 0.6857123374938965, 0.9855760335922241],
   [0.19559641182422638, 0.583411693572998, 0.9805821776390076])),
 ("uniform", {"size": ()}, 234, ("float64", (), 0.12672381400898758, 0.9709159656786431)),
 ("uniform", {"size": ()}, 0, ("float64", (), 0.4860473230215504, 0.6857123175110225)),
 ("uniform", {"low": [0.0, 1.0, 2.0], "high": 3.0}, 234,
  ("float64", (False,), [0.38017144202696274, 2.941831931357286, 2.139890978625813],
   [2.6626447625979752, 1.639428300674755, 2.4758437666716038])),
 ("uniform", {"low": [0.0, 1.0, 2.0], "high": 3.0}, 0,
  ("float64", (False,), [1.458141969064651, 2.371424635022045, 2.985576050661599],
   [0.5867892304866675, 2.1668233469672478, 2.980582177099305])),
 ("normal", {"size": (5,)}, 234,
  ("float64", (False,),
   [-0.26708241854610476, -1.9933232181910319, -0.46045026247789167, -1.4976559604669235, -1.6708407858495133],
   [-0.4300651104924271, -0.2010280691845769, -1.1158547944496677, 0.2762379122286043, 0.3235222150973002])),
 ("normal", {"size": (5,)}, 0,
  ("float64", (False,),
   [1.981970372676524, -0.1489066140654434, 0.3101336099178246, 0.05382797082260047, 0.5648802754563632],
   [-0.8958733330895687, 0.39478076111568006, 0.4607754060753035, 0.056099729647222825, 1.149512824914048])),
 ("normal", {"size": (3, 1), "avg": 2.0, "std": 0.5}, 234,
  ("float64", (False, True), [[1.8664587907269476], [1.0033383909044842], [1.7697748687610542]],
   [[1.2511720197665381], [1.1645796070752432], [1.7849674447537864]])),
 ("normal", {"size": (3, 1), "avg": 2.0, "std": 0.5}, 0,
  ("float64", (False, True), [[2.990985186338262], [1.9255466929672782], [2.155066804958912]],
   [[2.0269139854113], [2.2824401377281816], [1.5520633334552156]])),
 ("normal", {"size": (3,), "dtype": "float32"}, 234,
  ("float32", (False,), [-0.26708242297172546, -1.9933232069015503, -0.46045026183128357],
   [-1.497655987739563, -1.6708407402038574, -0.4300651252269745])),
 ("normal", {"size": (3,), "dtype": "float32"}, 0,
  ("float32", (False,), [1.9819704294204712, -0.1489066183567047, 0.31013360619544983],
   [0.05382797122001648, 0.5648802518844604, -0.8958733081817627])),
 ("normal", {"avg": [0.0, 10.0], "std": [1.0, 2.0]}, 234,
  ("float64", (False,), [-0.26708241854610476, 6.013353563617937], [-0.46045026247789167, 7.0046880790661525])),
 ("normal", {"avg": [0.0, 10.0], "std": [1.0, 2.0]}, 0,
  ("float64", (False,), [1.981970372676524, 9.702186771869114], [0.3101336099178246, 10.1076559416452])),
 ("binomial", {"size": (7,)}, 234, ("int64", (False,), [0, 1, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 1, 1])),
 ("binomial", {"size": (7,)}, 0, ("int64", (False,), [0, 1, 1, 0, 1, 1, 0], [1, 1, 1, 1, 1, 0, 0])),
 ("binomial", {"size": (3,), "n": 10, "p": 0.3}, 234, ("int64", (False,), [1, 6, 1], [5, 2, 3])),
 ("binomial", {"size": (3,), "n": 10, "p": 0.3}, 0, ("int64", (False,), [3, 4, 6], [2, 3, 6])),
 ("binomial", {"n": [1, 10, 100], "p": 0.5}, 234, ("int64", (False,), [0, 8, 45], [0, 5, 51])),
 ("binomial", {"n": [1, 10, 100], "p": 0.5}, 0, ("int64", (False,), [0, 6, 47], [1, 6, 40])),
 ("binomial", {"size": (3,), "p": 0.9, "dtype": "float32"}, 234,
  ("float32", (False,), [1.0, 0.0, 1.0], [1.0, 1.0, 1.0])),
 ("binomial", {"size": (3,), "p": 0.9, "dtype": "float32"}, 0,
  ("float32", (False,), [1.0, 1.0, 0.0], [1.0, 1.0, 0.0])),
 ("poisson", {"size": (7,), "lam": 3.5}, 234, ("int64", (False,), [2, 4, 2, 7, 2, 3, 2], [8, 5, 2, 2, 3, 1, 4])),
 ("poisson", {"size": (7,), "lam": 3.5}, 0, ("int64", (False,), [6, 5, 2, 5, 3, 4, 3], [4, 5, 4, 2, 5, 4, 5])),
 ("poisson", {"size": (3,), "lam": 40.0, "dtype": "int32"}, 234, ("int32", (False,), [36, 35, 39], [32, 48, 48])),
 ("poisson", {"size": (3,), "lam": 40.0, "dtype": "int32"}, 0, ("int32", (False,), [40, 33, 47], [48, 24, 32])),
 ("random_integers", {"size": (7,), "low": 1, "high": 6}, 234,
  ("int64", (False,), [5, 2, 1, 3, 6, 2, 6], [3, 6, 4, 2, 1, 4, 4])),
 ("random_integers", {"size": (7,), "low": 1, "high": 6}, 0,
  ("int64", (False,), [5, 4, 3, 1, 1, 3, 2], [4, 2, 2, 2, 2, 6, 4])),
 ("random_integers", {"low": [0, 10, 100], "high": [0, 20, 1000]}, 234,
  ("int64", (False,), [0, 14, 730], [0, 19, 436])),
 ("random_integers", {"low": [0, 10, 100], "high": [0, 20, 1000]}, 0,
  ("int64", (False,), [0, 13, 132], [0, 10, 854])),
 ("random_integers", {"size": (2, 3), "low": -5, "high": [5, 6, 7], "dtype": "int8"}, 234,
  ("int8", (False, False), [[-1, 1, 4], [-5, 2, 5]], [[1, 4, 2], [0, -3, -2]])),
 ("random_integers", {"size": (2, 3), "low": -5, "high": [5, 6, 7], "dtype": "int8"}, 0,
  ("int8", (False, False), [[-2, -3, -5], [-5, -3, 1]], [[4, 2, -2], [4, 2, 4]])),
 ("choice", {"size": (5,), "a": 4}, 234, ("int64", (False,), [0, 2, 1, 0, 3], [2, 2, 1, 3, 1])),
 ("choice", {"size": (5,), "a": 4}, 0, ("int64", (False,), [0, 3, 2, 0, 0], [2, 2, 1, 3, 3])),
 ("choice", {"size": (3,), "a": 4, "replace": False}, 234, ("int64", (False,), [3, 1, 2], [1, 3, 2])),
 ("choice", {"size": (3,), "a": 4, "replace": False}, 0, ("int64", (False,), [1, 3, 2], [1, 3, 2])),
 ("permutation", {"n": 5}, 234, ("int64", (False,), [3, 0, 1, 2, 4], [0, 3, 1, 4, 2])),
 ("permutation", {"n": 5}, 0, ("int64", (False,), [1, 0, 2, 3, 4], [4, 1, 3, 2, 0])),
 ("permutation", {"size": (2,), "n": 4}, 234,
  ("int64", (False, False), [[3, 1, 2, 0], [1, 3, 2, 0]], [[0, 2, 3, 1], [0, 3, 2, 1]])),
 ("permutation", {"size": (2,), "n": 4}, 0,
  ("int64", (False, False), [[1, 3, 2, 0], [1, 3, 2, 0]], [[0, 2, 3, 1], [2, 0, 1, 3]])),
 ("permutation", {"size": (2, 1), "n": 3, "dtype": "int16"}, 234,
  ("int16", (False, True, False), [[[1, 2, 0]], [[2, 0, 1]]], [[[1, 0, 2]], [[0, 2, 1]]])),
 ("permutation", {"size": (2, 1), "n": 3, "dtype": "int16"}, 0,
  ("int16", (False, True, False), [[[2, 1, 0]], [[1, 0, 2]]], [[[1, 2, 0]], [[0, 1, 2]]])),
 ("multinomial", {"size": (3,), "n": 10, "pvals": [0.2, 0.3, 0.5]}, 234,
  ("int64", (False, False), [[1, 6, 3], [1, 5, 4], [1, 3, 6]], [[1, 3, 6], [2, 2, 6], [1, 3, 6]])),
 ("multinomial", {"size": (3,), "n": 10, "pvals": [0.2, 0.3, 0.5]}, 0,
  ("int64", (False, False), [[2, 4, 4], [5, 1, 4], [2, 6, 2]], [[1, 4, 5], [3, 4, 3], [3, 3, 4]])),
 ("multinomial", {"n": 4, "pvals": [0.5, 0.5]}, 234, ("int64", (False,), [1, 3], [4, 0])),
 ("multinomial", {"n": 4, "pvals": [0.5, 0.5]}, 0, ("int64", (False,), [2, 2], [2, 2])),
 ("multinomial", {"n": [1, 10], "pvals": [[0.9, 0.1], [0.5, 0.5]]}, 234,
  ("int64", (False, False), [[1, 0], [8, 2]], [[1, 0], [7, 3]])),
 ("multinomial", {"n": [1, 10], "pvals": [[0.9, 0.1], [0.5, 0.5]]}, 0,
  ("int64", (False, False), [[1, 0], [6, 4]], [[0, 1], [4, 6]]))]


def _arguments(arguments):
    return {k: np.asarray(v) if isinstance(v, list) else v for k, v in arguments.items()}


def test_draws_are_theanos():
    """All variables in one function: each has a stream of its own, so they do not disturb one another."""
    variables, streams = [], []
    for method, arguments, seed, _ in RECORDED:
        streams.append(RandomStreams(seed))
        variables.append(getattr(streams[-1], method)(**_arguments(arguments)))
    f = symtensor.function([], variables)
    for call in (0, 1):
        for record, variable, got in zip(RECORDED, variables, f(), strict=True):
            method, arguments, seed, (dtype, bcast, *values) = record
            what = (method, arguments, seed, call)
            assert (variable.type.dtype, variable.type.broadcastable, str(got.dtype)) == (dtype, bcast, dtype), what
            wanted = np.asarray(values[call], dtype)
            assert got.shape == wanted.shape, what
            # float32 numbers are recorded as the doubles they are.
            assert np.array_equal(got, wanted), what


def test_streams_are_seeded_one_after_the_other():
    streams = RandomStreams(seed=234)
    u, n = streams.uniform((2, 2)), streams.normal((2, 2))
    f = symtensor.function([], [u, n])
    seeds = np.random.RandomState(234)
    first, second = (np.random.RandomState(seeds.randint(2 ** 30)) for _ in range(2))
    for _ in range(3):
        got_u, got_n = f()
        assert np.array_equal(got_u, first.uniform(size=(2, 2)))
        assert np.array_equal(got_n, second.normal(size=(2, 2)))


def test_seed_starts_all_streams_again():
    streams = RandomStreams(seed=234)
    f = symtensor.function([], [streams.uniform((2,)), streams.normal((3,))])
    before = f()
    f()
    streams.seed()
    after = f()
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    streams.seed(902340)
    seeds = np.random.RandomState(902340)
    u, n = f()
    assert np.array_equal(u, np.random.RandomState(int(seeds.randint(2 ** 30))).uniform(size=2))
    assert np.array_equal(n, np.random.RandomState(int(seeds.randint(2 ** 30))).normal(size=3))


def test_variables_know_their_generator_and_its_update():
    streams = RandomStreams(5)
    u = streams.uniform((2,))
    assert u.rng is streams.state_updates[0][0] and u.rng.default_update is u.update[1]
    assert u.update == streams.state_updates[0] and streams.updates() == streams.state_updates
    assert streams.updates() is not streams.state_updates
    assert str(u.rng) == "<RandomStateType>" and u.rng.type == random_state_type
    assert str(streams.state_updates) == "[(<RandomStateType>, RandomFunction{uniform}.0)]"
    assert str(u.owner.op) == "RandomFunction{uniform}"
    assert streams[u.rng] is u.rng.get_value(borrow=True)
    streams[u.rng] = np.random.RandomState(5)
    got = symtensor.function([], u)()
    assert np.array_equal(got, np.random.RandomState(5).uniform(size=2))
    with pytest.raises(TypeError):
        streams[u.rng] = 3


def test_without_default_updates_the_draw_is_repeated():
    streams = RandomStreams(seed=234)
    v = streams.normal((2, 2))
    g = symtensor.function([], v, no_default_updates=True)
    assert np.array_equal(g(), g())
    h = symtensor.function([], v, updates=[v.update], no_default_updates=True)
    assert not np.array_equal(h(), h())
    nothing = RandomStreams(3).uniform((2, 2))
    assert not symtensor.function([], nothing + nothing - 2 * nothing)().any()


def test_generators_are_copied_unless_borrowed():
    u = RandomStreams(7).uniform((3,))
    f = symtensor.function([], u)
    kept = u.rng.get_value()
    a = f()
    assert np.array_equal(kept.uniform(size=3), a)
    rng = u.rng.get_value(borrow=True)
    rng.seed(89234)
    u.rng.set_value(rng, borrow=True)
    assert np.array_equal(f(), np.random.RandomState(89234).uniform(size=3))


def test_odd_normal_draws_keep_the_second_of_a_pair():
    n = RandomStreams(11).normal((1,))
    f = symtensor.function([], n)
    wanted = np.random.RandomState(int(np.random.RandomState(11).randint(2 ** 30)))
    for _ in range(5):
        assert f()[0] == wanted.normal()


def test_a_failed_call_leaves_the_generator_alone():
    streams = RandomStreams(3)
    x = T.dvector("x")
    u = streams.uniform((3,))
    f = symtensor.function([x], u + x)
    before = u.rng.get_value().get_state()
    with pytest.raises(ValueError):
        f(np.zeros(4))
    after = u.rng.get_value().get_state()
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    p = T.dscalar("p")
    b = streams.binomial((3,), p=p)
    g = symtensor.function([p], b)
    before = b.rng.get_value().get_state()
    with pytest.raises(ValueError):
        g(2.0)
    assert all(np.array_equal(x, y) for x, y in zip(before, b.rng.get_value().get_state(), strict=True))


def test_two_functions_share_one_stream():
    u = RandomStreams(8).uniform((2,))
    f, g = symtensor.function([], u), symtensor.function([], 2 * u)
    wanted = np.random.RandomState(int(np.random.RandomState(8).randint(2 ** 30)))
    assert np.array_equal(f(), wanted.uniform(size=2))
    assert np.array_equal(g(), 2 * wanted.uniform(size=2))
    assert np.array_equal(f(), wanted.uniform(size=2))


def test_symbolic_sizes():
    n, v, m = T.lscalar("n"), T.lvector("v"), T.dmatrix("m")
    streams = RandomStreams(4)
    by_entry, by_vector = streams.uniform((n, 3)), streams.uniform(v, ndim=2)
    by_args = streams.uniform(low=m, high=10)
    f = symtensor.function([n, v, m], [by_entry, by_vector, by_args, by_entry.shape, by_vector.shape[0], by_args.shape])
    for count in (0, 1, 5):
        a, b, c, *shapes = f(count, [count, 2], np.zeros((count, 4)))
        assert (a.shape, b.shape, c.shape) == ((count, 3), (count, 2), (count, 4))
        assert (tuple(shapes[0]), int(shapes[1]), tuple(shapes[2])) == ((count, 3), count, (count, 4))
    assert by_vector.type.ndim == 2 and streams.uniform((1, 3)).type.broadcastable == (True, False)
    only_shape = symtensor.function([n], streams.permutation((n,), n=n).shape)
    assert tuple(only_shape(3)) == (3, 3)


def test_sizes_that_are_refused():
    state, x, v = random_state_type("s"), T.lscalar("x"), T.lvector("v")
    for size in (5, x, 2.5, T.dmatrix()):
        with pytest.raises(TypeError, match="shape must be a vector or list of scalar"):
            raw_random.uniform(state, size)
    with pytest.raises(TypeError, match="shape must be an integer vector or list"):
        raw_random.uniform(state, (2.5,))
    with pytest.raises(ValueError, match="length not known"):
        raw_random.uniform(state, v)
    with pytest.raises(ValueError, match="ndim should be equal to len"):
        raw_random.uniform(state, (2, 3), ndim=3)
    with pytest.raises(TypeError, match="cannot infer shape without either shape or args"):
        raw_random.poisson(state, lam=T.dmatrix())
    with pytest.raises(TypeError, match="cannot infer shape without either shape or args"):
        raw_random.choice(state)
    f = symtensor.function([state, v], raw_random.uniform(state, v, ndim=2))
    with pytest.raises(ValueError, match="Shape mismatch"):
        f(np.random.RandomState(3), [2])
    with pytest.raises(ValueError):
        f(np.random.RandomState(3), [2, -1])
    with pytest.raises(TypeError):
        f(3, [2, 2])


def test_explicit_states():
    state = random_state_type("s")
    new, sample = raw_random.uniform(state, (3,))
    newer, other = raw_random.normal(new, (2,), dtype="float64")
    f = symtensor.function([state], [newer, sample, other])
    given, same = np.random.RandomState(3), np.random.RandomState(3)
    after, u, n = f(given)
    assert random_state_type.values_eq(given, np.random.RandomState(3))  # the argument is not touched
    assert np.array_equal(u, same.uniform(size=3)) and np.array_equal(n, same.normal(size=2))
    assert random_state_type.values_eq(after, same)


def test_the_type_of_generators():
    a, b = np.random.RandomState(3), np.random.RandomState(3)
    assert random_state_type.filter(a) is a and random_state_type.is_valid_value(a)
    assert not random_state_type.is_valid_value(3)
    with pytest.raises(TypeError):
        random_state_type.filter(3)
    assert random_state_type.values_eq(a, b) and not random_state_type.values_eq(a, np.random.RandomState(4))
    assert random_state_type.values_eq_approx(a, b)
    assert random_state_type.may_share_memory(a, a) and not random_state_type.may_share_memory(a, b)
    assert str(RandomStateType()) == "RandomStateType"
    assert random_state_type.get_size(random_state_type.get_shape_info(a)) > 2496
    assert symtensor.shared(a).type == random_state_type


def test_in_place_ops_advance_the_generator_itself():
    for inplace in (False, True):
        op = RandomFunction("uniform", T.dvector, inplace=inplace)
        node = op.make_node(random_state_type(), T.lvector(), T.dscalar(), T.dscalar())
        given = np.random.RandomState(3)
        out = [[None], [None]]
        op.perform(node, [given, np.array([2]), np.array(0.0), np.array(1.0)], out)
        assert (out[0][0] is given) is inplace
        assert random_state_type.values_eq(given, np.random.RandomState(3)) is not inplace
    assert op.destroy_map == {0: [0]}
    assert op == RandomFunction("uniform", T.dvector, inplace=True) != RandomFunction("normal", T.dvector, inplace=True)
    again = pickle.loads(pickle.dumps(op))
    assert again == op and again.destroy_map == op.destroy_map
    with pytest.raises(AttributeError):
        RandomFunction("no_such_draw", T.dvector)


def test_a_draw_has_no_gradient():
    m = T.dmatrix("m")
    sample = raw_random.uniform(random_state_type(), (2, 2), low=m)[1]
    op = sample.owner.op
    assert all(isinstance(g.type, NullType) for g in op.grad(sample.owner.inputs, [None, sample]))
    assert op.R_op(sample.owner.inputs, [None] * 4) == [None] * 4


def test_helpers_refuse_what_does_not_fit():
    def generator():
        return np.random.RandomState(7)

    with pytest.raises(ValueError, match="a.ndim"):
        raw_random.choice_helper(generator(), np.ones((2, 2)), np.array(1), np.array([]), (3,))
    with pytest.raises(ValueError, match="p.ndim"):
        raw_random.choice_helper(generator(), np.array(5), np.array(0), np.ones((2, 2)), (3,))
    with pytest.raises(ValueError):
        raw_random.random_integers_helper(generator(), np.array([1, 2, 3]), np.array(9), (2,))
    with pytest.raises(ValueError, match="low >= high"):
        raw_random.random_integers_helper(generator(), np.array([5]), np.array(2), (1,))
    with pytest.raises(AssertionError):
        raw_random.permutation_helper(generator(), np.array([4]), (2,))
    with pytest.raises(ValueError):
        raw_random.multinomial_helper(generator(), np.array([3, 4]), np.array([0.2, 0.8]), (3,))
    with pytest.raises(AssertionError):
        raw_random.multinomial_helper(generator(), np.array(3), np.array([0.5, 0.5, 0.5]), (3,))
    with pytest.raises(ValueError, match="n.ndim"):
        raw_random.multinomial_helper(generator(), np.array([[3]]), np.array([0.5, 0.5]), (3,))
    # Rows rounded to float32 may add up to more than 1.
    drawn = raw_random.multinomial_helper(generator(), np.array(30), np.array([0.1] * 10, "float32"), None)
    assert drawn.tolist() == [1, 4, 3, 4, 6, 2, 2, 1, 4, 3]


def test_shuffled_rows():
    m = T.dmatrix("m")
    f = symtensor.function([m], RandomStreams(2).shuffle_row_elements(m))
    x = np.arange(12.0).reshape(3, 4)
    got = f(x)
    assert np.array_equal(np.sort(got, axis=1), x) and not np.array_equal(got, x)
    v = T.dvector("v")
    g = symtensor.function([v], RandomStreams(2).shuffle_row_elements(v))
    order = np.random.RandomState(int(np.random.RandomState(2).randint(2 ** 30))).permutation(5)
    assert np.array_equal(g(np.arange(5.0)), order)


def test_distributions():
    """Against the distributions' functions, at parameters that are not the defaults."""
    stats = pytest.importorskip("scipy.stats")
    size = (20000,)
    streams = RandomStreams(1)
    continuous = [
        (streams.uniform(size, -2.0, 5.0), stats.uniform(-2, 7)),
        (streams.normal(size, 3.0, 0.25), stats.norm(3, 0.25)),
    ]
    discrete = [
        (streams.binomial(size, n=9, p=0.3), stats.binom(9, 0.3)), (streams.poisson(size, lam=2.5), stats.poisson(2.5)),
        (streams.random_integers(size, 2, 7), stats.randint(2, 8)), (streams.choice(size, a=5), stats.randint(0, 5)),
    ]
    for variable, law in continuous:
        sample = symtensor.function([], variable)()
        assert stats.kstest(sample, law.cdf).pvalue > 1e-3
    for variable, law in discrete:
        sample = symtensor.function([], variable)()
        assert abs(sample.mean() - law.mean()) < 5 * law.std() / len(sample) ** 0.5
        assert abs(sample.var() / law.var() - 1) < 0.06
        values, counts = np.unique(sample, return_counts=True)
        assert np.abs(counts / len(sample) - law.pmf(values)).max() < 0.02


def test_float32_is_the_default_where_floatx_is():
    """Theano 1.0.5's values for floatX=float32."""
    with symtensor.change_flags(floatX="float32"):
        streams = RandomStreams(seed=234)
        u, n = streams.uniform((2, 2)), streams.normal((2, 2))
        f = symtensor.function([], [u, n])
        got_u, got_n = f()
    assert got_u.dtype == got_n.dtype == np.float32
    assert np.array_equal(got_u, np.array([[0.12672381, 0.970916], [0.13989098, 0.88754827]], "float32"))
    assert np.array_equal(got_n, np.array([[0.37328446, -0.6574667], [-0.36302373, -0.97484624]], "float32"))
