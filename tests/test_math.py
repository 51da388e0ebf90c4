"""The elementary functions: at most one unit in the last place, monotone, exact where they must be."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from pondera import _core

mpmath.mp.prec = 120

FUNCTIONS = {"exp": mpmath.exp, "log": mpmath.log, "log1p": mpmath.log1p, "expm1": mpmath.expm1}


def neighbours(centers: np.ndarray, steps: int = 20) -> np.ndarray:
    """Each center with the doubles just below and above it."""
    out = [centers]
    up = down = centers
    for _ in range(steps):
        up, down = np.nextafter(up, np.inf), np.nextafter(down, -np.inf)
        out += [up, down]
    return np.concatenate(out)


def points(name: str, n: int) -> np.ndarray:
    rng = np.random.default_rng(20261124)
    k_ln2 = np.arange(-60, 61) * np.log(2)
    if name == "exp":
        wide = rng.uniform(-700, 709, n)
        return np.concatenate([wide, rng.uniform(-0.5, 0.5, n), neighbours(np.concatenate([k_ln2, k_ln2 / 2]))])
    if name == "log":
        wide = np.exp(rng.uniform(-708, 709, n))
        near = rng.uniform(0.4, 2.5, n)
        return np.concatenate([wide, near, neighbours(np.array([1.0, np.sqrt(0.5), np.sqrt(2), 0.5, 2.0]))])
    if name == "log1p":
        small = np.exp(rng.uniform(-60, 0, n)) * rng.choice([-1.0, 1.0], n)
        small = np.maximum(small, np.nextafter(-1.0, 0.0))
        return np.concatenate([small, np.exp(rng.uniform(-3, 700, n)), neighbours(np.array([-0.5, 0.25, 1.0]))])
    tiny = np.exp(rng.uniform(-60, 0, n)) * rng.choice([-1.0, 1.0], n)
    return np.concatenate([tiny, rng.uniform(-59, 709, n), neighbours(k_ln2[np.abs(k_ln2) < 40])])


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("n", [10_000, pytest.param(500_000, marks=pytest.mark.slow)])
def test_error_is_at_most_one_unit_in_the_last_place(name, n):
    x = points(name, n)
    got = getattr(_core.random, name)(x)
    exact = FUNCTIONS[name]
    worst = 0.0
    for a, b in zip(x, got):
        truth = exact(mpmath.mpf(float(a)))
        nearest = float(truth)
        if nearest == 0.0:
            assert b == 0.0
            continue
        worst = max(worst, abs(float((mpmath.mpf(float(b)) - truth) / mpmath.mpf(float(np.spacing(abs(nearest)))))))
    assert worst <= 1.0, f"{name}: {worst} ulp"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_monotone_on_neighbouring_doubles(name):
    x = np.unique(points(name, 10))
    dense = np.unique(neighbours(x, 30))
    y = getattr(_core.random, name)(dense)
    # Within one ulp of error a function may fall by one ulp between neighbours; log is promised not to fall at all.
    fall = np.max(np.maximum.accumulate(y) - y)
    assert fall <= (0.0 if name == "log" else np.max(np.spacing(np.abs(y))))


def test_special_values():
    inf, nan = np.inf, np.nan
    x = np.array([0.0, -inf, inf, nan, -746.0, 710.0])
    np.testing.assert_array_equal(_core.random.exp(x), [1.0, 0.0, inf, nan, 0.0, inf])
    np.testing.assert_array_equal(_core.random.expm1(x), [0.0, -1.0, inf, nan, -1.0, inf])
    x = np.array([1.0, 0.0, inf, -1.0, nan])
    np.testing.assert_array_equal(_core.random.log(x), [0.0, -inf, inf, nan, nan])
    np.testing.assert_array_equal(_core.random.log1p(x - 1.0), [0.0, -inf, inf, nan, nan])
    assert _core.random.exp(np.array([-745.1]))[0] == 5e-324
    assert _core.random.log(np.array([5e-324]))[0] == pytest.approx(-744.4400719213812, rel=1e-16)


def test_normal_quantile_agrees_with_scipy_and_increases():
    special = pytest.importorskip("scipy.special")
    u = np.concatenate([np.logspace(-300, -0.31, 5000), np.linspace(0.01, 0.99, 5001), 1 - np.logspace(-16, -2, 500)])
    u = np.unique(u)
    got = _core.random.normal_quantile(u)
    # AS 241 promises a relative error of 1e-16 before rounding; SciPy's ndtri is good to some ulp as well.
    np.testing.assert_allclose(got, special.ndtri(u), rtol=2e-14, atol=1e-16)
    assert (np.diff(got) >= 0).all()


def test_blocked_sum_is_the_same_for_any_number_of_workers_and_close_to_the_exact_sum():
    import math

    x = np.random.default_rng(0).normal(size=100_003) * 10.0 ** np.random.default_rng(1).integers(-8, 8, 100_003)
    sums = {_core.random.sum(x, workers) for workers in (1, 2, 5)}
    assert len(sums) == 1
    # 8 lanes of 512 terms, then trees: at most about 530 roundings along any path.
    assert abs(sums.pop() - math.fsum(x)) <= 530 * np.finfo(float).eps * np.abs(x).sum()
