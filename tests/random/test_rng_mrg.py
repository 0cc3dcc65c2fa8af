"""MRG31k3p: the draws of Theano 1.0.5, seeds and states, sizes, errors; compiled loops against `perform`."""
from __future__ import annotations

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor.ir.nodes import PyCall
from symtensor.ir.walk import statements
from symtensor.sandbox import multinomial, rng_mrg
from symtensor.sandbox.rng_mrg import MRG_RandomStreams

# What Theano 1.0.5 draws: (method, arguments, seed, (dtype, broadcastable, first call, second call)).
RECORDED = [("uniform", {"size": (7,)}, 42,
  ("float64", (False,),
   [0.08075201511383057, 0.08033995237201452, 0.07790070725604892, 0.3176469011232257, 0.14608219265937805,
    0.7610066216439009, 0.33085688203573227],
   [0.9734441256150603, 0.4495353405363858, 0.08843821100890636, 0.1849760110490024, 0.7800297145731747,
    0.5218232171609998, 0.773197487462312])),
 ("uniform", {"size": (7,)}, 12345,
  ("float64", (False,),
   [0.7353244530968368, 0.6142074400559068, 0.11007806099951267, 0.6487741703167558, 0.36619443260133266,
    0.10882294131442904, 0.5330547927878797],
   [0.9783797566778958, 0.9151237849146128, 0.8509745532646775, 0.440806589089334, 0.05593455769121647,
    0.23485646909102798, 0.619801445864141])),
 ("uniform", {"size": (1, 3), "low": -2.5, "high": 3.0}, 42,
  ("float64", (True, False), [[-2.055863916873932, 2.597202052362263, 2.2284591551870108]],
   [[-2.05813026195392, -0.589617318008095, -1.5075439070351422]])),
 ("uniform", {"size": (1, 3), "low": -2.5, "high": 3.0}, 12345,
  ("float64", (True, False), [[1.5442844920326024, -1.0778727957513183, 1.3174437945708632]],
   [[0.8781409203074872, 2.7194891537074, -1.5074237359222025]])),
 ("uniform", {"size": ()}, 42, ("float64", (), 0.08075201511383057, 0.08033995237201452)),
 ("uniform", {"size": ()}, 12345, ("float64", (), 0.7353244530968368, 0.6142074400559068)),
 ("uniform", {"size": (7,), "nstreams": 3}, 42,
  ("float64", (False,),
   [0.08075201511383057, 0.9267640095204115, 0.8597198463976383, 0.08033995237201452, 0.34734230581671,
    0.18044656235724688, 0.07790070725604892],
   [0.3176469011232257, 0.7414505085907876, 0.6935758171603084, 0.14608219265937805, 0.08013016637414694,
    0.15783951617777348, 0.7610066216439009])),
 ("uniform", {"size": (7,), "nstreams": 3}, 12345,
  ("float64", (False,),
   [0.7353244530968368, 0.2585685825906694, 0.6940806899219751, 0.6142074400559068, 0.9489980279468,
    0.18046841165050864, 0.11007806099951267],
   [0.6487741703167558, 0.4309556516818702, 0.003993193618953228, 0.36619443260133266, 0.12257590936496854,
    0.5351603352464736, 0.10882294131442904])),
 ("uniform", {"size": (5,), "dtype": "float32"}, 42,
  ("float32", (False,),
   [0.08075200766324997, 0.9267639517784119, 0.8597198128700256, 0.25074446201324463, 0.8466410636901855],
   [0.0803399458527565, 0.34734228253364563, 0.1804465502500534, 0.44165539741516113, 0.028106989338994026])),
 ("uniform", {"size": (5,), "dtype": "float32"}, 12345,
  ("float32", (False,),
   [0.7353243827819824, 0.25856855511665344, 0.694080650806427, 0.7705745697021484, 0.49391013383865356],
   [0.61420738697052, 0.948997974395752, 0.1804683953523636, 0.8138928413391113, 0.9027785062789917])),
 ("uniform", {"size": (5,), "dtype": "float64"}, 42,
  ("float64", (False,),
   [0.08075201511383057, 0.9267640095204115, 0.8597198463976383, 0.2507445006631315, 0.8466411442495883],
   [0.08033995237201452, 0.34734230581671, 0.18044656235724688, 0.4416554169729352, 0.028106990735977888])),
 ("uniform", {"size": (5,), "dtype": "float64"}, 12345,
  ("float64", (False,),
   [0.7353244530968368, 0.2585685825906694, 0.6940806899219751, 0.7705746139399707, 0.4939101580530405],
   [0.6142074400559068, 0.9489980279468, 0.18046841165050864, 0.8138928869739175, 0.9027785388752818])),
 ("uniform", {"size": (5,), "dtype": "float16"}, 42,
  ("float16", (False,), [0.163818359375, 0.4052734375, 0.5986328125, 0.7900390625, 0.47314453125],
   [0.1588134765625, 0.424560546875, 0.74462890625, 0.328857421875, 0.0197296142578125])),
 ("uniform", {"size": (5,), "dtype": "float16"}, 12345,
  ("float16", (False,), [0.222900390625, 0.5498046875, 0.271484375, 0.377197265625, 0.89453125],
   [0.697265625, 0.53369140625, 0.177490234375, 0.28369140625, 0.493408203125])),
 ("normal", {"size": (1,)}, 42, ("float64", (True,), [2.010029740950433], [-1.2894436588251983])),
 ("normal", {"size": (1,)}, 12345, ("float64", (True,), [-0.04219652130205187], [0.9370790603030733])),
 ("normal", {"size": (3, 3), "avg": 2.0, "std": 0.5, "dtype": "float64"}, 42,
  ("float64", (False, False),
   [[0.8879211117964128, 2.1884476881075883, 1.7365205293220083],
    [2.2224906048194, 2.2716250632301005, 2.1465152808488766],
    [1.9498439538475352, 2.0784405503267793, 1.198652183671908]],
   [[1.2939258180018396, 2.503623843649947, 2.1537667163661687],
    [1.6815723837828014, 0.94352217960187, 2.873042594010373],
    [2.5244857297388394, 2.912423200148937, 1.4457288538001207]])),
 ("normal", {"size": (3, 3), "avg": 2.0, "std": 0.5, "dtype": "float64"}, 12345,
  ("float64", (False, False),
   [[2.325932078847143, 1.2082250063644684, 1.7381919460957587],
    [2.17034203875756, 1.4453491722677843, 1.7820779906204558],
    [1.777762481452297, 2.3376981959950105, 1.6817344110372372]],
   [[2.4928767752741656, 1.9212630998569313, 2.691686471754723],
    [2.231824389306941, 2.225426379072585, 2.027995771379794],
    [2.1413321610939384, 1.385451722476728, 2.2218574037159673]])),
 ("normal", {"size": (4,), "nstreams": 2, "dtype": "float64"}, 42,
  ("float64", (False,), [1.963574143361094, -0.2239450935037373, 1.0849522145998658, 0.31931369461796416],
   [-0.9316532053055074, 0.677513401619941, 2.0583155247160807, 0.3731880489329945])),
 ("normal", {"size": (4,), "nstreams": 2, "dtype": "float64"}, 12345,
  ("float64", (False,), [-0.5907725734476876, 1.561015442520918, -0.5156303474743801, -0.5180920854427037],
   [-1.2478404253358608, 0.9313364238013612, -1.6899779027358233, 0.9033895320987432])),
 ("normal", {"size": (5,), "dtype": "float32"}, 42,
  ("float32", (False,),
   [-0.010493536479771137, 0.22253619134426117, -0.5451052188873291, 2.2433533668518066, -0.32029739022254944],
   [-2.096444845199585, 1.4316468238830566, -1.1637088060379028, 0.8049200773239136, 0.25549253821372986])),
 ("normal", {"size": (5,), "dtype": "float32"}, 12345,
  ("float32", (False,),
   [0.10108767449855804, -1.643541932106018, 0.7104283571243286, -0.7776042222976685, 0.06291872262954712],
   [0.3858081102371216, 0.26505348086357117, 1.847535252571106, -0.9088439345359802, -0.18559063971042633])),
 ("normal", {"size": (5,), "truncate": True, "dtype": "float64"}, 42,
  ("float64", (False,),
   [-0.010494115130743852, 0.22253617937825163, -0.5451052322481638, -0.32029718909585003, 0.07181706895276549],
   [1.43164681329944, -1.1637090024248715, -0.8079966364879004, 0.8049197710910225, 0.25549252110242787])),
 ("normal", {"size": (5,), "truncate": True, "dtype": "float64"}, 12345,
  ("float64", (False,),
   [0.10108782791498779, -1.6435418696292152, 0.7104283432010645, -0.7776041022409689, 0.06291854704974513],
   [0.3858082609547971, 0.2650533726162787, 1.8475352086961518, -0.9088438265501265, -0.185590480572755])),
 ("truncated_normal", {"size": (3, 3), "avg": 1.0, "std": 2.0, "dtype": "float64"}, 42,
  ("float64", (False, False),
   [[1.856944932170426, -0.19814363018104694, 2.0117513150209905],
    [2.2351848076407, -1.5353535811998376, 1.6662619672855288],
    [0.7719209505848535, 1.3566996907959739, -2.644040194943332]],
   [[-2.210793924169869, 3.2901734952015835, 1.699237064936801],
    [-0.44801421933416635, -0.5557412022519466, 4.970064233841809],
    [3.385040605214556, 5.1491431665426175, -1.5204864785239773]])),
 ("truncated_normal", {"size": (3, 3), "avg": 1.0, "std": 2.0, "dtype": "float64"}, 12345,
  ("float64", (False, False),
   [[2.482139929678363, -2.600508846931929, -0.19054304803438565],
    [1.7746115026124927, -1.522213038123843, 0.00902386534145657],
    [-0.010600433308879565, 2.5356450406321898, -0.44727741838979534]],
   [[3.2413023953605666, 0.6419526913278456, 4.1453674097750035],
    [2.0541956633432825, 2.0251014223824937, 1.1273076610651735],
    [1.6426923058509408, -1.7945900386794214, 2.008871903328121]])),
 ("truncated_normal", {"size": (5,), "dtype": "float32"}, 42,
  ("float32", (False,),
   [-0.011929548345506191, 0.25298964977264404, -0.6197013854980469, -0.3641292154788971, 0.08164513856172562],
   [1.627563714981079, -1.3229591846466064, -0.9185688495635986, 0.9150711894035339, 0.29045599699020386])),
 ("truncated_normal", {"size": (5,), "dtype": "float32"}, 12345,
  ("float32", (False,),
   [0.11492124199867249, -1.8684561252593994, 0.8076485395431519, -0.8840172290802002, 0.07152897864580154],
   [0.4386048913002014, 0.30132532119750977, 2.100365400314331, -1.0332167148590088, -0.21098820865154266])),
 ("binomial", {"size": (7,)}, 42, ("int64", (False,), [1, 1, 1, 1, 1, 0, 1], [0, 1, 1, 1, 0, 0, 0])),
 ("binomial", {"size": (7,)}, 12345, ("int64", (False,), [0, 0, 1, 0, 1, 1, 0], [0, 0, 0, 1, 1, 1, 0])),
 ("binomial", {"size": (7,), "p": 0.2, "dtype": "float32"}, 42,
  ("float32", (False,), [1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0])),
 ("binomial", {"size": (7,), "p": 0.2, "dtype": "float32"}, 12345,
  ("float32", (False,), [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0])),
 ("multinomial", {"pvals": [[0.2, 0.3, 0.5], [0.5, 0.4, 0.1]]}, 42,
  ("int64", (False, False), [[1, 0, 0], [0, 0, 1]], [[1, 0, 0], [1, 0, 0]])),
 ("multinomial", {"pvals": [[0.2, 0.3, 0.5], [0.5, 0.4, 0.1]]}, 12345,
  ("int64", (False, False), [[0, 0, 1], [1, 0, 0]], [[0, 0, 1], [0, 0, 1]])),
 ("multinomial", {"pvals": [[0.2, 0.3, 0.5], [0.5, 0.4, 0.1]], "n": 7, "dtype": "float32"}, 42,
  ("float32", (False, False), [[1.0, 1.0, 5.0], [4.0, 1.0, 2.0]], [[4.0, 0.0, 3.0], [6.0, 1.0, 0.0]])),
 ("multinomial", {"pvals": [[0.2, 0.3, 0.5], [0.5, 0.4, 0.1]], "n": 7, "dtype": "float32"}, 12345,
  ("float32", (False, False), [[1.0, 1.0, 5.0], [2.0, 3.0, 2.0]], [[2.0, 1.0, 4.0], [2.0, 3.0, 2.0]])),
 ("choice", {"size": 2, "replace": False, "p": [[0.2, 0.3, 0.5], [0.5, 0.4, 0.1]]}, 42,
  ("int64", (False, False), [[0, 2], [2, 0]], [[0, 1], [0, 1]])),
 ("choice", {"size": 2, "replace": False, "p": [[0.2, 0.3, 0.5], [0.5, 0.4, 0.1]]}, 12345,
  ("int64", (False, False), [[2, 1], [0, 1]], [[2, 0], [2, 1]])),
 ("choice", {"size": 3, "replace": False, "p": [[0.2, 0.3, 0.5], [0.5, 0.4, 0.1]], "dtype": "int32"}, 42,
  ("int32", (False, False), [[0, 2, 1], [2, 0, 1]], [[0, 1, 2], [0, 1, 2]])),
 ("choice", {"size": 3, "replace": False, "p": [[0.2, 0.3, 0.5], [0.5, 0.4, 0.1]], "dtype": "int32"}, 12345,
  ("int32", (False, False), [[2, 1, 0], [0, 1, 2]], [[2, 0, 1], [2, 1, 0]]))]


def _arguments(arguments):
    return {k: np.asarray(v) if isinstance(v, list) else v for k, v in arguments.items()}


def _has_island(f):
    return any(isinstance(s, PyCall) for s in statements(f.fn.executable.program.body))


def test_draws_are_theanos():
    variables = []
    for method, arguments, seed, _ in RECORDED:
        variables.append(getattr(MRG_RandomStreams(seed), method)(**_arguments(arguments)))
    f = symtensor.function([], variables)
    assert not _has_island(f)
    for call in (0, 1):
        for record, variable, got in zip(RECORDED, variables, f(), strict=True):
            method, arguments, seed, (dtype, bcast, *values) = record
            what = (method, arguments, seed, call)
            assert (variable.type.dtype, variable.type.broadcastable, str(got.dtype)) == (dtype, bcast, dtype), what
            wanted = np.asarray(values[call], dtype)
            assert got.shape == wanted.shape, what
            if method in ("normal", "truncated_normal"):  # logarithms and cosines differ in their last bits
                assert np.allclose(got, wanted, rtol=1e-5 if dtype == "float32" else 1e-12, atol=1e-6), what
            elif dtype == "float16":
                assert np.array_equal(got, wanted), what
            else:
                # The last bit of r * (high - low) + low depends on whether multiplication and addition are one.
                assert np.allclose(got, wanted, rtol=0, atol=1e-15), what


def test_constants():
    assert rng_mrg.A1p72.tolist() == [
        [1516919229, 758510237, 499121365], [1884998244, 1516919229, 335398200], [601897748, 1884998244, 358115744]]
    assert rng_mrg.A2p72.tolist() == [
        [1228857673, 1496414766, 954677935], [1133297478, 1407477216, 1496414766], [2002613992, 1639496704, 1407477216]]
    assert rng_mrg.A1p134.tolist() == [
        [1702500920, 1849582496, 1656874625], [828554832, 1702500920, 1512419905], [1143731069, 828554832, 102237247]]
    assert rng_mrg.A2p134.tolist() == [
        [796789021, 1464208080, 607337906], [1241679051, 1431130166, 1464208080], [1401213391, 1178684362, 1431130166]]
    assert (int(rng_mrg.M1), int(rng_mrg.M2), rng_mrg.NORM) == (2147483647, 2147462579, 4.656612873077393e-10)
    masks = (rng_mrg.MASK12, rng_mrg.MASK13, rng_mrg.MASK2, rng_mrg.MULT2)
    assert [int(c) for c in masks] == [511, 16777215, 65535, 21069]
    assert rng_mrg.np_int32_vals == [0, 7, 9, 15, 16, 22, 24]


def test_states_that_streams_start_from():
    streams = MRG_RandomStreams(42)
    assert streams.rstate.tolist() == [42] * 6 and streams.rstate.dtype == np.int32
    rows = streams.get_substream_rstates(4, "float32")
    assert rows.dtype == np.int32 and rows.tolist() == [
        [42] * 6, [567017964, 200952035, 1378892327, 2088072599, 2059876158, 1631359562],
        [1813072468, 420999776, 772711126, 763976719, 1325198097, 1470520772],
        [85652400, 1348985466, 1758733734, 1761486237, 1178384886, 1796742850]]
    moved = [1880389375, 174769481, 1230626336, 212165870, 1957720154, 961091436]
    assert streams.rstate.tolist() == moved
    assert streams.get_substream_rstates(2, "float32", inc_rstate=False)[0].tolist() == moved == streams.rstate.tolist()
    streams.inc_rstate()
    assert streams.rstate.tolist() == [1613755883, 1653600134, 692937715, 1396874306, 1421801870, 1870112232]
    many = MRG_RandomStreams(42).get_substream_rstates(100, "float32")
    one = many[0]
    for row in many[1:]:
        one = rng_mrg.ff_2p72(one)
        assert row.tolist() == one.tolist()
    six = np.array([1, 2, 3, 4, 5, 6], "int32")
    assert rng_mrg.ff_2p134(six).tolist() == [1782355199, 180881799, 960068827, 1267448446, 1580452303, 757893159]
    assert rng_mrg.ff_2p72(six).tolist() == [236336504, 1630064008, 1151274174, 945871500, 1221901377, 1030714415]


def test_one_step():
    state, after = np.array([1, 2, 3, 4, 5, 6], "int32"), np.zeros(6, "int32")
    for mask, offset, wanted in ((0x7FFF, 1, 1.778826117515564e-07), (511, 0, 1.7741695046424866e-07)):
        assert rng_mrg.mrg_next_value(state, after, rng_mrg.NORM, mask, offset) == wanted
        assert after.tolist() == [8388995, 1, 2, 327686, 4, 5]


@pytest.mark.parametrize(("seed", "error", "message"), [
    (2 ** 31, ValueError, "seed should be less than 2147462579"), (0, ValueError, "seed should not be 0"),
    (1.5, TypeError, "no len"), (None, TypeError, "no len"), ("a", TypeError, "1 integer or 6 integers"),
    ([1, 2, 3], TypeError, "seed should be 1 integer or 6 integers"),
    ([0, 0, 0, 1, 2, 3], ValueError, "The first 3 values of seed should not be all 0"),
    ([1, 1, 1, 0, 0, 0], ValueError, "The last 3 values of seed should not be all 0"),
    ([2147483647, 1, 1, 1, 1, 1], ValueError, "The first 3 values of seed should be less than 2147483647"),
    ([1, 1, 1, 2147462579, 1, 1], ValueError, "The last 3 values of seed should be less than 2147462579"),
])
def test_seeds_that_are_refused(seed, error, message):
    with pytest.raises(error, match=message):
        MRG_RandomStreams(seed)


def test_seeding_again():
    streams = MRG_RandomStreams(42)
    assert MRG_RandomStreams().rstate.tolist() == [12345] * 6
    assert MRG_RandomStreams((1, 2, 3, 4, 5, 6)).rstate.tolist() == [1, 2, 3, 4, 5, 6]
    u, n = streams.uniform((3,)), streams.normal((4,), nstreams=2)
    f = symtensor.function([], [u, n])
    first = f()
    second = f()
    streams.seed()
    assert all(np.array_equal(a, b) for a, b in zip(first, f(), strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(second, f(), strict=True))
    streams.seed(5)
    other = symtensor.function([], MRG_RandomStreams(5).uniform((3,)))
    assert np.array_equal(f()[0], other())
    assert streams.default_instance_seed == 42
    streams.set_rstate(7)
    assert streams.rstate.tolist() == [7] * 6


def test_number_of_streams():
    sizes = {(1,): 1, (3,): 3, (1000,): 166, (1, 1): 1, (100, 3): 50, (0,): 0, (15616,): 2602, (100000,): 15360}
    assert {size: rng_mrg.guess_n_streams(size) for size in sizes} == sizes
    assert rng_mrg.guess_n_streams(T.lvector()) == 15360
    with pytest.warns(UserWarning, match="Can't determine #streams"):
        assert rng_mrg.guess_n_streams((T.lscalar(), 3), warn=True) == 15360
    streams = MRG_RandomStreams(42)
    assert streams.n_streams((3, 4)) == 2
    streams.uniform((7,), nstreams=3)
    streams.normal((3,))
    states = [entry[0].get_value().shape for entry in streams.state_updates]
    assert states == [(3, 6), (15360, 6)]
    assert streams.state_updates[0][2:] == ((7,), 3) and streams.updates() == streams.state_updates
    assert all(states.default_update is new for states, new, _, _ in streams.state_updates)


def test_sizes_that_are_refused():
    streams, x, v = MRG_RandomStreams(42), T.lscalar("x"), T.lvector("v")
    for size in ((0,), (-1,), (2, 0)):
        with pytest.raises(ValueError, match="contains a dimension with value <= 0"):
            streams.uniform(size)
        with pytest.raises(ValueError, match="Non-positive dimensions not allowed in size"):
            streams.normal(size)
    for size in (5, None, x):
        with pytest.raises(TypeError, match="size must be a tuple of int"):
            streams.uniform(size)
    with pytest.raises(AssertionError, match="size must be a tuple of int"):
        streams.uniform((2.5,))
    with pytest.raises(ValueError, match="length not known"):
        streams.uniform(v)
    with pytest.raises(ValueError, match="Size must be a int, tuple, list"):
        streams.normal(None)
    with pytest.raises(TypeError, match="unexpected keyword arguments"):
        streams.uniform((3,), foo=3)
    with pytest.raises(TypeError, match="unexpected keyword arguments"):
        streams.uniform((3,), use_cuda=True)


def test_draws_that_are_refused():
    streams, p = MRG_RandomStreams(42), np.array([[0.3, 0.3, 0.4]])
    with pytest.raises(NotImplementedError, match="with n > 1"):
        streams.binomial((5,), n=3)
    with pytest.raises(TypeError, match="You have to specify pvals"):
        streams.multinomial()
    with pytest.raises(NotImplementedError, match="pvals.ndim = 2"):
        streams.multinomial(pvals=p[0])
    with pytest.raises(ValueError, match="does not use the size argument"):
        streams.multinomial(size=(2,), pvals=p)
    with pytest.raises(NotImplementedError, match="only works without replacement"):
        streams.choice(size=2, p=p)
    with pytest.raises(TypeError, match="a=None"):
        streams.choice(size=2, a=3, p=p, replace=False)
    with pytest.warns(UserWarning, match="deprecated"), pytest.raises(AssertionError):
        streams.multinomial_wo_replacement(size=(2,), pvals=p)
    with pytest.warns(UserWarning, match="deprecated"):
        old = streams.multinomial_wo_replacement(pvals=p, n=2)
    assert str(old.owner.op) == "ChoiceFromUniform{odtype='int64', replace=False}"


def test_symbolic_sizes():
    n, v = T.lscalar("n"), T.lvector("v")
    streams = MRG_RandomStreams(3)
    u, w, z = streams.uniform((n, 3)), streams.uniform(v, ndim=2), streams.normal((n,))
    f = symtensor.function([n, v], [u, w, z, u.shape])
    assert not _has_island(f)
    for count in (1, 2, 7):
        a, b, c, shape = f(count, [2, count])
        assert (a.shape, b.shape, c.shape, tuple(shape)) == ((count, 3), (2, count), (count,), (count, 3))


def test_without_default_updates_the_draw_is_repeated():
    u = MRG_RandomStreams(3).uniform((3,))
    g = symtensor.function([], u, no_default_updates=True)
    assert np.array_equal(g(), g())


LINKERS = ["c", "py"]


@pytest.mark.parametrize("linker", LINKERS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_loops_equal_perform(dtype, linker):
    states, size = T.imatrix(), T.lvector()
    op = rng_mrg.mrg_uniform(T.TensorType(dtype, (False, False)))
    node = op.make_node(states, size)
    assert str(op) == f"mrg_uniform{{TensorType({dtype}, matrix),no_inplace}}"
    f = symtensor.function([states, size], node.outputs, mode=symtensor.Mode(linker=linker))
    assert not _has_island(f)
    for streams in (1, 2, 7, 50):
        start = MRG_RandomStreams(99).get_substream_rstates(streams, dtype)
        for sizes in ([3, 5], [0, 4], [1, 1], [9, 13], [1, 50]):
            out = [[None], [None]]
            op.perform(node, [start, np.array(sizes)], out)
            got_states, got = f(start, sizes)
            assert got_states.dtype == np.int32 and np.array_equal(got_states, out[0][0])
            assert got.dtype == dtype and got.shape == tuple(sizes) and np.array_equal(got, out[1][0])
            assert got.size == 0 or 0 < got.min() <= got.max() < 1
    good = MRG_RandomStreams(99).get_substream_rstates(2, dtype)
    for wrong, sizes in ((good, [3]), (good[:, :5], [3, 3]), (good[:0], [3, 3]), (good, [3, -1])):
        with pytest.raises(ValueError):
            f(wrong, sizes)
        with pytest.raises(ValueError):
            op.perform(node, [wrong, np.array(sizes)], [[None], [None]])


def test_in_place_op():
    op = rng_mrg.mrg_uniform(T.TensorType("float32", (False,)), inplace=True)
    node = op.make_node(T.imatrix(), T.lvector())
    assert op.destroy_map == {0: [0]}
    start = MRG_RandomStreams(99).get_substream_rstates(2, "float32")
    before, out = start.copy(), [[None], [None]]
    op.perform(node, [start, np.array([5])], out)
    assert out[0][0] is start and not np.array_equal(start, before)


@pytest.mark.parametrize("linker", LINKERS)
def test_draws_from_uniform_numbers(linker, rng):
    p, u = T.fmatrix("p"), T.dvector("u")
    kinds = [(multinomial.MultinomialFromUniform, {}), (multinomial.ChoiceFromUniform, {}),
             (multinomial.ChoiceFromUniform, {"replace": True})]
    nodes = [(kind("auto", **options), n) for kind, options in kinds for n in (1, 3)]
    nodes = [(op, n, op.make_node(p, u, n)) for op, n in nodes]
    for op, n, node in nodes:
        f = symtensor.function([p, u], node.outputs[0], mode=symtensor.Mode(linker=linker))
        assert not _has_island(f)
        for rows, outcomes in ((1, 3), (5, 4), (7, 3), (0, 3)):
            chances = rng.random((rows, outcomes)).astype("float32")
            chances /= chances.sum(axis=1)[:, None] if rows else 1
            unis = rng.random(rows * n)
            out = [[None]]
            op.perform(node, [chances, unis, n], out)
            assert np.array_equal(f(chances, unis), out[0][0]), (op, n, rows, outcomes)
        with pytest.raises(ValueError, match="unis.shape"):
            f(np.full((2, 3), 0.3, "float32"), np.zeros(2 * n + 1))


def test_recorded_draws_from_uniform_numbers():
    p, u = T.dmatrix("p"), T.dvector("u")
    op = multinomial.MultinomialFromUniform("auto")
    assert str(op) == "MultinomialFromUniform{auto}" and op(p, u).type == T.dmatrix
    choice = multinomial.ChoiceFromUniform("auto")
    again = multinomial.ChoiceFromUniform("int64", replace=True)
    f = symtensor.function([p, u], op(p, u, 3))
    # A number beyond the sum of its row picks nothing.
    assert f([[0.3, 0.3], [0.1, 0.9]], [0.29, 0.05, 0.3, 0.95, 0.99, 1.0]).tolist() == [[1, 1], [1, 1]]
    chances = [[0.3, 0.3, 0.4], [0.1, 0.9, 0]]
    g = symtensor.function([p, u], choice(p, u, 2))
    assert g(chances, [0.29, 0.05, 0.3, 0.95]).tolist() == [[0, 1], [0, 1]]
    h = symtensor.function([p, u], again(p, u, 3))
    assert h(chances, [0.29, 0.05, 0.3, 0.95, 0.5, 0.6]).tolist() == [[0, 1, 1], [0, 1, 1]]
    with pytest.raises(ValueError, match="Cannot sample without replacement"):
        symtensor.function([p, u], choice(p, u, 4))(chances, np.zeros(8))
    for wrong in ((p, p), (u, u)):
        with pytest.raises(NotImplementedError, match="ndim should be"):
            op(*wrong)
    with pytest.warns(DeprecationWarning):
        multinomial.MultinomialWOReplacementFromUniform("auto")


def test_distributions():
    stats = pytest.importorskip("scipy.stats")
    size = (20000,)
    streams = MRG_RandomStreams(1)
    f = symtensor.function([], [
        streams.uniform(size, -2.0, 5.0, dtype="float64"), streams.normal(size, 3.0, 0.25, dtype="float64"),
        streams.normal(size, truncate=True, dtype="float64"), streams.truncated_normal(size, 1.0, 2.0, dtype="float64"),
        streams.binomial(size, p=0.3)])
    u, n, t, scaled, b = f()
    assert stats.kstest(u, stats.uniform(-2, 7).cdf).pvalue > 1e-3
    assert stats.kstest(n, stats.norm(3, 0.25).cdf).pvalue > 1e-3
    assert stats.kstest(t, stats.truncnorm(-2, 2).cdf).pvalue > 1e-3
    assert abs(t).max() <= 2 and abs(scaled.std() / 2 - 1) < 0.02 and abs(scaled.mean() - 1) < 0.06
    assert abs(b.mean() - 0.3) < 5 * (0.21 / len(b)) ** 0.5


def test_float32_is_the_default_where_floatx_is():
    """Theano 1.0.5's values for floatX=float32."""
    with symtensor.change_flags(floatX="float32"):
        streams = MRG_RandomStreams(seed=234)
        u, n, b = (getattr(streams, name)(size=(2, 3)) for name in ("uniform", "normal", "binomial"))
        f = symtensor.function([], [u, n, b])
        got_u, got_n, got_b = f()
    assert got_u.dtype == got_n.dtype == np.float32 and got_b.dtype == np.int64
    assert np.array_equal(got_u, np.array(
        [[0.44990405, 0.3062468, 0.7898354], [0.82554424, 0.57412666, 0.09810354]], "float32"))
    assert np.allclose(got_n, [[0.35550457, 0.4021261, -1.7111171], [2.0178258, -1.1379776, 1.5321875]], atol=2e-6)
    assert got_b.tolist() == [[0, 0, 0], [1, 1, 0]]
