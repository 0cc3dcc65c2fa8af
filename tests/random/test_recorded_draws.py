"""Draws equal those of Theano 1.0.5 over seeds, dtypes and shapes; moments and laws of every distribution."""
from __future__ import annotations

import json
import pathlib

import draw_cases
import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor.sandbox.rng_mrg import MRG_RandomStreams
from symtensor.tensor.shared_randomstreams import RandomStreams

FACTS = json.loads((pathlib.Path(__file__).parent / "theano_draws.json").read_text())
KINDS = {"streams": RandomStreams, "mrg": MRG_RandomStreams}


@pytest.mark.parametrize("which", KINDS)
def test_same_as_recorded(which):
    cases = [case for case in draw_cases.cases() if case[1] == which]
    draws = [getattr(KINDS[which](seed), method)(**arguments) for _, _, seed, method, arguments in cases]
    functions = [symtensor.function([], draws[k: k + 60]) for k in range(0, len(draws), 60)]
    for call in (0, 1):
        found = [x for f in functions for x in f()]
        for (key, _, _, method, _), variable, x in zip(cases, draws, found, strict=True):
            dtype, shape, *values = FACTS[key]
            assert (str(x.dtype), variable.type.dtype, list(x.shape)) == (dtype, dtype, shape), key
            # Nine digits of float32 and float16 are recorded; logarithms differ in their last bits.
            tolerance = 2e-5 if which == "mrg" and "normal" in method and dtype == "float32" else 1e-12
            if dtype in ("float16", "float32"):
                tolerance = max(tolerance, 2e-7)
            np.testing.assert_allclose(x.ravel(), values[call], rtol=tolerance, atol=tolerance, err_msg=key)


def test_all_cases_are_recorded():
    assert {case[0] for case in draw_cases.cases()} == FACTS.keys() and len(FACTS) > 400


SIZE = 40_000


def samples(*draws):
    f = symtensor.function([], list(draws))
    return f()


def close_moments(sample, law):
    """Mean and variance within five standard errors."""
    n = len(sample)
    mean, variance, _, kurtosis = (float(x) for x in law.stats("mvsk"))
    assert abs(sample.mean() - mean) < 5 * (variance / n) ** 0.5
    assert abs(sample.var() - variance) < 5 * variance * ((kurtosis + 2) / n) ** 0.5


@pytest.mark.parametrize("which", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_continuous_laws(which, dtype):
    stats = pytest.importorskip("scipy.stats")
    streams, size = KINDS[which](31), (SIZE,)
    table = [
        (streams.uniform(size, -2.0, 5.0, dtype=dtype), stats.uniform(-2, 7)),
        (streams.uniform(size, 10.0, 10.5, dtype=dtype), stats.uniform(10, 0.5)),
        (streams.normal(size, 3.0, 0.25, dtype=dtype), stats.norm(3, 0.25)),
        (streams.normal(size, -100.0, 20.0, dtype=dtype), stats.norm(-100, 20)),
    ]
    if which == "mrg":
        # Cut at two standard deviations: drawn again by `truncated_normal` and by `normal(truncate=True)`.
        table.append((streams.normal((SIZE - 1,), 1.0, 2.0, dtype=dtype), stats.norm(1, 2)))
    for sample, (_, law) in zip(samples(*[variable for variable, _ in table]), table, strict=True):
        assert sample.dtype == dtype
        close_moments(sample, law)
        assert stats.kstest(sample.astype("float64"), law.cdf).pvalue > 1e-3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_truncated_normals(dtype):
    """Theano's law of these is not quite that of a normal distribution cut off: its tails are some 4% heavier."""
    stats = pytest.importorskip("scipy.stats")
    streams, size = MRG_RandomStreams(31), (SIZE,)
    cut, scaled = samples(
        streams.normal(size, 1.0, 2.0, truncate=True, dtype=dtype),
        streams.truncated_normal(size, 1.0, 2.0, dtype=dtype),
    )
    law = stats.truncnorm(-2, 2, 1, 2)
    assert abs(cut - 1).max() <= 4 and stats.kstest(cut.astype("float64"), law.cdf).statistic < 0.01
    # Recorded from Theano 1.0.5: these draws have variances 3.170157 and 4.092553.
    np.testing.assert_allclose([cut.var(), scaled.var()], [3.170157, 4.092553], rtol=1e-4)
    assert abs(cut.mean() - 1) < 0.05 and abs(scaled.mean() - 1) < 0.05 and abs(scaled - 1).max() < 4.55


def test_discrete_laws():
    stats = pytest.importorskip("scipy.stats")
    streams, mrg, size = RandomStreams(32), MRG_RandomStreams(32), (SIZE,)
    table = [
        (streams.binomial(size, n=9, p=0.3), stats.binom(9, 0.3)),
        (streams.binomial(size, n=1, p=0.9), stats.binom(1, 0.9)),
        (streams.poisson(size, lam=2.5), stats.poisson(2.5)), (streams.poisson(size, lam=40.0), stats.poisson(40)),
        (streams.random_integers(size, 2, 7), stats.randint(2, 8)), (streams.choice(size, a=5), stats.randint(0, 5)),
        (mrg.binomial(size, p=0.3), stats.binom(1, 0.3)),
    ]
    for sample, (_, law) in zip(samples(*[variable for variable, _ in table]), table, strict=True):
        close_moments(sample, law)
        values = np.arange(law.ppf(1e-3), law.ppf(1 - 1e-3) + 1)
        expected = law.pmf(values) * SIZE
        seen = np.array([(sample == v).sum() for v in values])
        rest = SIZE - expected.sum()
        if rest > 5:
            expected, seen = np.append(expected, rest), np.append(seen, SIZE - seen.sum())
        assert stats.chisquare(seen, expected * seen.sum() / expected.sum()).pvalue > 1e-3


def test_laws_of_rows():
    """Multinomials, permutations and choices: how often which outcome falls where."""
    stats = pytest.importorskip("scipy.stats")
    streams, mrg, n = RandomStreams(33), MRG_RandomStreams(33), 6_000
    p = np.array([0.2, 0.5, 0.3])
    rows = T.constant(np.tile(p, (n, 1)))
    many, orders, one, several, chosen = samples(
        streams.multinomial((n,), n=6, pvals=p), streams.permutation((n,), n=4), mrg.multinomial(pvals=rows),
        mrg.multinomial(pvals=rows, n=6), mrg.choice(size=2, replace=False, p=rows),
    )
    for counts, total in ((many, 6), (one, 1), (several, 6)):
        assert (counts.sum(1) == total).all()
        np.testing.assert_allclose(counts.mean(0), total * p, atol=5 * (total * 0.25 / n) ** 0.5)
        covariance = total * (np.diag(p) - np.outer(p, p))
        np.testing.assert_allclose(np.cov(counts.T), covariance, atol=0.06 * total)
    assert (np.sort(orders, 1) == np.arange(4)).all()
    _, seen = np.unique(orders, axis=0, return_counts=True)
    assert len(seen) == 24 and stats.chisquare(seen).pvalue > 1e-3
    assert (chosen[:, 0] != chosen[:, 1]).all()
    # The first is drawn by p, the second by what remains of p.
    pairs = {(i, j): p[i] * p[j] / (1 - p[i]) for i in range(3) for j in range(3) if i != j}
    seen = np.array([((chosen == pair).all(1)).sum() for pair in pairs])
    assert stats.chisquare(seen, np.array(list(pairs.values())) * n).pvalue > 1e-3


@pytest.mark.parametrize("which", KINDS)
def test_streams_do_not_resemble_one_another(which):
    streams = KINDS[which](34)
    first, second = samples(streams.uniform((SIZE,), dtype="float64"), streams.uniform((SIZE,), dtype="float64"))
    for one, other in ((first, second), (first[1:], first[:-1]), (first[6:], first[:-6])):
        assert abs(np.corrcoef(one, other)[0, 1]) < 5 / SIZE ** 0.5
