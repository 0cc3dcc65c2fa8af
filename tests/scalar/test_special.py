"""Special functions: identities that hold for exact values, SciPy where it is installed, poles and domains."""
from __future__ import annotations

import math

import numpy as np
import pytest

from symtensor.scalar import bessel, special

nan, inf = float("nan"), float("inf")


def test_values_from_tables():
    """Abramowitz and Stegun / DLMF, to fifteen digits or so."""
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=5e-15)
    close(special.psi(1.0), -0.57721566490153286)
    close(special.psi(0.5), -1.9635100260214235)
    close(special.tri_gamma(1.0), math.pi**2 / 6)
    close(special.tri_gamma(0.5), math.pi**2 / 2)
    close(special.erfcx(1.0), 0.42758357615580700)
    close(special.erfcx(30.0), 0.018795888861416751)
    close(special.erfinv(0.5), 0.47693627620446987)
    close(special.erfcinv(1e-300), 26.209469960516124)
    close(bessel.j0(1.0), 0.76519768655796655)
    close(bessel.j1(1.0), 0.44005058574493352)
    close(bessel.j0(10000.0), -0.0070961603533888015)
    close(bessel.i0(1.0), 1.2660658777520084)
    close(bessel.i1(1.0), 0.56515910399248503)
    close(bessel.jv(0.5, 2.0), math.sqrt(1 / math.pi) * math.sin(2.0))
    close(bessel.iv(0.5, 2.0), math.sqrt(1 / math.pi) * math.sinh(2.0))
    close(bessel.iv(-0.5, 2.0), math.sqrt(1 / math.pi) * math.cosh(2.0))
    close(special.gammaincc(1.0, 3.0), math.exp(-3.0))
    close(special.chi2sf(3.0, 2.0), math.exp(-1.5))


def test_inverse_pairs(rng):
    x = rng.uniform(-3, 3, 500)
    np.testing.assert_allclose(special.erfinv(special.erf(x)), x, rtol=1e-11)
    y = 10.0 ** rng.uniform(-300, 0, 500)
    np.testing.assert_allclose(special.erfc(special.erfcinv(y)), y, rtol=1e-12)
    x = rng.uniform(-20, 26, 500)
    np.testing.assert_allclose(np.log(special.erfcx(x)) - x * x, np.log(special.erfc(x)), rtol=1e-12, atol=1e-12)


def test_recurrences(rng):
    x = rng.uniform(-30, 60, 500)
    np.testing.assert_allclose(special.psi(x + 1) - 1 / x, special.psi(x), rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(special.tri_gamma(x + 1) + 1 / x**2, special.tri_gamma(x), rtol=1e-9)
    v, z = rng.uniform(-8, 40, 300), rng.uniform(0.5, 70, 300)
    left = bessel.jv(v - 1, z) + bessel.jv(v + 1, z)
    scale = np.maximum(np.abs(2 * v / z * bessel.jv(v, z)), 1)
    np.testing.assert_allclose(left / scale, 2 * v / z * bessel.jv(v, z) / scale, atol=1e-12)
    left = bessel.iv(v - 1, z) - bessel.iv(v + 1, z)
    np.testing.assert_allclose(left, 2 * v / z * bessel.iv(v, z), rtol=1e-10)
    np.testing.assert_allclose(special.gammainc(z, v * v) + special.gammaincc(z, v * v), 1.0, rtol=1e-15)


equal = np.testing.assert_array_equal


def test_poles_and_domains():
    with np.errstate(all="raise"):
        equal(special.gamma([0.0, -0.0, -1.0, 171.7, -inf, inf]), [inf, -inf, nan, inf, nan, inf])
        equal(special.gammaln([0.0, -3.0, inf, -inf, nan]), [inf, inf, inf, inf, nan])
        equal(special.psi([0.0, -0.0, -1.0, inf]), [-inf, inf, nan, inf])
        equal(special.tri_gamma([0.0, -2.0, inf]), [inf, inf, 0.0])
        equal(special.erfinv([-1.0, 1.0, 1.5, nan]), [-inf, inf, nan, nan])
        equal(special.erfcinv([0.0, 2.0, -0.1, 1.0]), [inf, -inf, nan, 0.0])
        equal(special.erfcx([-30.0, inf, nan]), [inf, 0.0, nan])
        equal(special.gammainc([1.0, 1.0, -1.0, 1.0], [0.0, inf, 1.0, -1.0]), [0, 1, nan, nan])
        equal(special.chi2sf([-1.0, 1.0], [2.0, -1.0]), [1.0, nan])
        equal(bessel.jv([0.0, 2.0, 0.5, -2.0], [0.0, 0.0, -1.0, 0.0]), [1, 0, nan, 0])
        equal(bessel.iv([0.0, 0.5, -1.0], [inf, -1.0, 0.0]), [inf, nan, 0])
        equal(bessel.j0([inf, nan]), [0.0, nan])


def test_shapes_and_dtypes():
    assert special.erf(np.float32(0.5)).dtype == np.float32
    assert special.gammainc(np.ones((3, 1), "float32"), np.ones((1, 4), "float32")).shape == (3, 4)
    assert special.gammaln(np.array([], dtype="float64")).shape == (0,)
    assert bessel.jv(np.ones((0, 2)), 1.0).shape == (0, 2) and bessel.iv(np.ones((0, 2)), 1.0).shape == (0, 2)
    assert special.psi(np.int64(1)).dtype == np.float64
    for function in (special.erfc, special.gammaln, bessel.j0):
        with pytest.raises(TypeError, match="complex"):
            function(np.complex128(1j))


def test_scipy_agrees():
    scipy_special = pytest.importorskip("scipy.special")
    x = np.concatenate([np.linspace(-30, 30, 1001), 10.0 ** np.arange(-300, 300, 13)])

    def check(name, args, rtol, atol=0.0, reference=None):
        ours = getattr(special, name, None) or getattr(bessel, name)
        with np.errstate(all="ignore"):
            want = (reference or getattr(scipy_special, name))(*args)
        usable = np.isfinite(want) & (np.abs(want) > 1e-290)
        np.testing.assert_allclose(ours(*args)[usable], want[usable], rtol=rtol, atol=atol, err_msg=name)

    check("erfcx", (x,), 1e-12)
    check("psi", (x,), 1e-12, 1e-13)
    check("gammaln", (x,), 1e-12, 1e-13)
    check("tri_gamma", (x,), 1e-12, reference=lambda v: scipy_special.polygamma(1, v))
    check("erfinv", (np.linspace(-1, 1, 1001),), 1e-13)
    check("erfcinv", (np.concatenate([np.linspace(0, 2, 1001), 10.0 ** np.arange(-290, 0)]),), 1e-13)
    near = np.linspace(-60, 60, 1001)
    for name in ("j0", "j1"):
        check(name, (near,), 1e-9, 1e-14)
    for name in ("i0", "i1"):
        check(name, (near,), 1e-13)
    a, b = np.meshgrid([1e-3, 0.1, 0.5, 0.9, 1, 2, 5, 9.9, 10, 33, 100, 1000, 1e5],
                       [1e-8, 0.1, 0.9, 1, 1.2, 5, 20, 99, 100, 150, 990, 1100, 1e5, 1.01e5])
    for name in ("gammainc", "gammaincc"):
        check(name, (a, b), 2e-11)
    v, z = np.meshgrid([0, 1, 2, 0.5, 2.25, 10.1, 50, 100.5, -1, -2, -0.5, -2.3, -7.7], np.linspace(0.1, 60, 61))
    check("jv", (v, z), 1e-9, 1e-13)
    check("iv", (v, z), 1e-12)
