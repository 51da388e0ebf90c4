"""Intervals for proportions and multiple tests: exact enumeration, closed forms, SciPy, definitions in JAX."""

from __future__ import annotations

import doctest
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pondera as po
from pondera import stats
from reference import stats as reference


def binomial(n: int, p: float) -> np.ndarray:
    return np.array([math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)])


def test_doctests_are_true():
    assert doctest.testmod(stats).failed == 0


@pytest.mark.parametrize("n", [1, 7, 20, 43])
@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.3])
def test_clopper_pearson_ends_are_where_the_exact_test_turns(n, alpha):
    for k in range(n + 1):
        low, high = stats.clopper_pearson(k, n, alpha)
        # A relative error of 1e-13 in the end moves the tail by less than n times that.
        if k > 0:
            assert binomial(n, low)[k:].sum() == pytest.approx(alpha / 2, rel=1e-11)
        if k < n:
            assert binomial(n, high)[: k + 1].sum() == pytest.approx(alpha / 2, rel=1e-11)


@pytest.mark.parametrize("n", [5, 20, 64])
@pytest.mark.parametrize("side", ["both", "lower", "upper"])
def test_clopper_pearson_never_covers_less_than_it_says(n, side):
    low, high = stats.clopper_pearson(np.arange(n + 1), n, 0.1, side=side)
    cover = [binomial(n, p)[(low <= p) & (p <= high)].sum() for p in np.linspace(0.001, 0.999, 333)]
    assert min(cover) >= 0.9 - 1e-12


def test_wilson_covers_what_it_says_on_average_and_is_narrower():
    n = 40
    k = np.arange(n + 1)
    low, high = stats.wilson(k, n)
    cover = [binomial(n, p)[(low <= p) & (p <= high)].sum() for p in np.linspace(0.01, 0.99, 491)]
    # Brown, Cai and DasGupta (2001), figures 5 and 8: the mean over p is within 0.005 of nominal at n = 40.
    assert np.mean(cover) == pytest.approx(0.95, abs=0.005)
    exact = stats.clopper_pearson(k, n)
    assert np.mean(high - low) < np.mean(exact.upper - exact.lower)


def test_intervals_equal_their_closed_forms_at_the_ends():
    for n in (1, 10, 1000):
        for alpha in (0.001, 0.05):
            assert stats.clopper_pearson(0, n, alpha) == pytest.approx((0.0, 1 - (alpha / 2) ** (1 / n)), rel=1e-12)
            assert stats.clopper_pearson(n, n, alpha) == pytest.approx(((alpha / 2) ** (1 / n), 1.0), rel=1e-12)
            assert stats.clopper_pearson(0, n, alpha, side="upper").upper == pytest.approx(1 - alpha ** (1 / n))
    z2 = 1.959963984540054**2
    assert stats.wilson(0, 50) == pytest.approx((0.0, z2 / (50 + z2)), rel=1e-14)
    assert stats.wilson(50, 50) == pytest.approx((50 / (50 + z2), 1.0), rel=1e-14)


@pytest.mark.parametrize("method", ["exact", "wilson"])
def test_intervals_equal_scipy(method):
    scipy_stats = pytest.importorskip("scipy.stats")
    ours = {"exact": stats.clopper_pearson, "wilson": stats.wilson}[method]
    sides = {"both": "two-sided", "lower": "greater", "upper": "less"}
    for (k, n), alpha, side in itertools.product(
        [(0, 3), (1, 3), (3, 3), (17, 40), (1, 100_000), (99_999, 100_000)], [0.001, 0.05, 0.5], sides
    ):
        theirs = scipy_stats.binomtest(k, n, alternative=sides[side]).proportion_ci(1 - alpha, method=method)
        # SciPy solves for the end with Brent's method: xtol 2e-12.
        assert ours(k, n, alpha, side=side) == pytest.approx((theirs.low, theirs.high), rel=1e-9, abs=1e-11)


@pytest.mark.parametrize(("k", "n", "alpha"), [(1, 4, 0.05), (3, 10, 0.2), (9, 10, 0.01), (250, 1000, 0.05)])
def test_intervals_equal_the_definition(k, n, alpha):
    assert stats.clopper_pearson(k, n, alpha) == pytest.approx(reference.clopper_pearson(k, n, alpha), rel=1e-10)
    assert stats.wilson(k, n, alpha) == pytest.approx(reference.wilson(k, n, alpha), rel=1e-10)


def test_intervals_keep_their_digits_for_rare_events_and_many_trials():
    # Poisson limits: k = 1 success; chi-squared(2) / 2 and chi-squared(4) / 2 quantiles over n, relative error O(1/n).
    n = 10**15
    low, high = stats.clopper_pearson(1, n)
    assert low * n == pytest.approx(-math.log1p(-0.025), rel=1e-9)
    x = high * n
    assert math.exp(-x) * (1 + x) == pytest.approx(0.025, rel=1e-9)
    z2 = 1.959963984540054**2
    root = math.sqrt(z2 * (1 + z2 / 4))
    assert stats.wilson(1, n).lower * n == pytest.approx(1 + z2 / 2 - root, rel=1e-12)
    mirrored = stats.wilson(n - 1, n)
    assert mirrored.upper < 1.0
    assert stats.clopper_pearson(5, 20, 1e-12).upper < 1.0
    assert 0 < stats.clopper_pearson(1, 20, 1e-300).lower < 1e-300


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.data(), st.floats(1e-6, 0.999), st.sampled_from(["both", "lower", "upper"]))
def test_intervals_are_ordered_mirror_images(n, data, alpha, side):
    k = data.draw(st.integers(0, n))
    other = {"both": "both", "lower": "upper", "upper": "lower"}[side]
    for interval in (stats.clopper_pearson, stats.wilson):
        low, high = interval(k, n, alpha, side=side)
        assert 0.0 <= low <= high <= 1.0
        mirrored = interval(n - k, n, alpha, side=other)
        assert (1 - mirrored.upper, 1 - mirrored.lower) == pytest.approx((low, high), abs=1e-12)
        if side == "both" and n:
            assert low - 1e-12 <= k / n <= high + 1e-12


def test_no_trials_leave_everything_open():
    for interval in (stats.clopper_pearson, stats.wilson):
        for side in ("both", "lower", "upper"):
            assert interval(0, 0, side=side) == (0.0, 1.0)


def test_intervals_broadcast_and_follow_the_library():
    torch = pytest.importorskip("torch")
    k, n = np.array([[1, 2, 3]]), np.array([[5], [10]])
    for interval in (stats.clopper_pearson, stats.wilson):
        low, high = interval(k, n)
        assert low.shape == high.shape == (2, 3)
        assert (low[1, 2], high[1, 2]) == interval(3, 10)
        assert isinstance(interval(torch.tensor([1, 2]), 9).lower, torch.Tensor)
        empty = interval(np.array([], dtype=int), 9)
        assert empty.lower.shape == (0,)


@pytest.mark.parametrize("interval", [stats.clopper_pearson, stats.wilson])
def test_bad_counts_are_refused_by_name(interval):
    with pytest.raises(ValueError, match="k: expected counts between 0 and n, received 4 of 3"):
        interval([1, 4], 3)
    with pytest.raises(ValueError, match="k:"):
        interval(-1, 3)
    with pytest.raises(ValueError, match="n: expected non-negative"):
        interval(0, -3)
    with pytest.raises(TypeError, match="k: expected integers"):
        interval(0.5, 3)
    with pytest.raises(ValueError, match="k: shape"):
        interval([1, 2], [3, 4, 5])
    with pytest.raises(ValueError, match="side"):
        interval(1, 3, side="two-sided")
    for alpha in (0.0, 1.0, math.nan):
        with pytest.raises(ValueError, match="alpha"):
            interval(1, 3, alpha)


# ------------------------------------------------------------------------------------------------- many tests


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=7))
def test_holm_is_closed_testing_with_bonferroni(p):
    np.testing.assert_allclose(stats.holm(p), reference.holm(p), rtol=1e-14)


def test_holm_on_a_textbook_case():
    np.testing.assert_allclose(stats.holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02], rtol=1e-15)
    np.testing.assert_array_equal(stats.holm([0.6, 0.6]), [1.0, 1.0])


def test_simes_on_the_published_case_and_by_definition():
    assert stats.simes([0.01, 0.04, 0.03]) == pytest.approx(0.03)
    rng = np.random.default_rng(0)
    for m in (1, 2, 9):
        p = rng.uniform(size=m)
        assert stats.simes(p) == pytest.approx(reference.simes(p), rel=1e-14)
    assert stats.simes([0.2, 0.2]) == 0.2  # ties take the larger rank


def test_simes_is_exactly_uniform_for_independent_uniforms():
    """P(simes <= alpha) = alpha (Simes 1986): a binomial count, so z-scores over alphas stay within 4."""
    p = np.random.default_rng(1).uniform(size=(40_000, 6))
    combined = stats.simes(p)
    for alpha in (0.01, 0.05, 0.2, 0.5, 0.9):
        z = (np.mean(combined <= alpha) - alpha) / math.sqrt(alpha * (1 - alpha) / len(p))
        assert abs(z) < 4


def test_simes_equals_the_smallest_benjamini_hochberg_adjustment():
    scipy_stats = pytest.importorskip("scipy.stats")
    p = np.random.default_rng(2).uniform(size=(5, 11))
    theirs = scipy_stats.false_discovery_control(p, axis=-1).min(axis=-1)
    np.testing.assert_allclose(stats.simes(p), theirs, rtol=1e-14)


@pytest.mark.parametrize("p", [[0.3], [0.1, 0.1, 0.1], [1e-200, 1e-250, 0.5], [1.0, 1.0]])
def test_fisher_equals_the_closed_form_of_even_degrees(p):
    statistic, p_value = stats.fisher_combine(p)
    half = -sum(math.log(x) for x in p)
    assert statistic == pytest.approx(2 * half, rel=1e-14)
    # Chi-squared survival for 2m degrees: a Poisson sum. exp loses |half| ulps.
    closed = math.exp(-half) * sum(half**i / math.factorial(i) for i in range(len(p)))
    assert p_value == pytest.approx(closed, rel=1e-12 + 4e-16 * half)
    assert (statistic, p_value) == pytest.approx(reference.fisher_combine(p), rel=1e-11)


def test_fisher_equals_scipy_and_meets_its_edges():
    scipy_stats = pytest.importorskip("scipy.stats")
    p = np.random.default_rng(3).uniform(size=(7, 4))
    ours = stats.fisher_combine(p)
    theirs = [scipy_stats.combine_pvalues(row, method="fisher") for row in p]
    np.testing.assert_allclose(ours.statistic, [t.statistic for t in theirs], rtol=1e-13)
    np.testing.assert_allclose(ours.p_value, [t.pvalue for t in theirs], rtol=1e-12)
    assert stats.fisher_combine([0.0, 0.5]) == (math.inf, 0.0)
    assert stats.fisher_combine([1.0, 1.0]) == (0.0, 1.0)
    assert math.copysign(1.0, stats.fisher_combine([1.0]).statistic) == 1.0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 400), min_size=1, max_size=7), st.sampled_from([0.05, 0.1, 0.5]))
def test_e_bh_is_the_largest_self_consistent_set(e, alpha):
    np.testing.assert_array_equal(stats.e_bh(e, alpha), reference.e_bh(e, alpha))


def test_e_bh_is_benjamini_hochberg_on_inverse_e_values():
    scipy_stats = pytest.importorskip("scipy.stats")
    e = np.exp(2 * np.random.default_rng(4).normal(size=(200, 12)) + 2)
    p = np.minimum(1.0, 1 / e)
    np.testing.assert_array_equal(stats.e_bh(e, 0.1), scipy_stats.false_discovery_control(p, axis=-1) <= 0.1)


def test_e_bh_bounds_false_discoveries_under_dependence():
    """Likelihood ratios of one shared error: the mean share of false rejections stays below alpha m0 / m."""
    rng = np.random.default_rng(5)
    runs, m, true = 20_000, 10, 4
    shared = rng.normal(size=(runs, 1))
    x = 0.8 * shared + 0.6 * rng.normal(size=(runs, m))
    x[:, :true] += 3.0
    rejected = stats.e_bh(np.exp(3.0 * x - 4.5), 0.2)
    share = rejected[:, true:].sum(axis=1) / np.maximum(rejected.sum(axis=1), 1)
    bound = 0.2 * (m - true) / m
    assert share.mean() < bound + 4 * share.std() / math.sqrt(runs)
    assert rejected[:, :true].mean() > 0.2


def test_e_bh_at_its_threshold_rejects_and_ties_go_together():
    for m, alpha in itertools.product(range(1, 60), (0.01, 0.05, 0.07, 0.1, 0.3)):
        for k in range(1, m + 1):
            e = np.zeros(m)
            e[:k] = m / (alpha * k)
            assert stats.e_bh(e, alpha).sum() == k
    assert not stats.e_bh([19.99], 0.05).any()
    np.testing.assert_array_equal(stats.e_bh([math.inf, 0.0], 0.05), [True, False])


def test_rows_are_independent_problems_and_layout_does_not_matter():
    rng = np.random.default_rng(6)
    p = rng.uniform(size=(3, 4, 8)) ** 3
    before = p.copy()
    p.flags.writeable = False
    for name in ("holm", "simes", "fisher_combine", "e_bh"):
        function = getattr(stats, name)
        argument = 1 / p if name == "e_bh" else p
        whole = function(argument)
        rows = [[function(row) for row in block] for block in argument]
        if name == "fisher_combine":
            np.testing.assert_array_equal(whole.statistic, [[r.statistic for r in block] for block in rows])
            whole, rows = whole.p_value, [[r.p_value for r in block] for block in rows]
        np.testing.assert_array_equal(whole, rows)
        turned = function(argument[..., ::-1])
        if name == "simes":
            np.testing.assert_array_equal(turned, whole)
        elif name != "fisher_combine":
            np.testing.assert_array_equal(turned[..., ::-1], whole)
    np.testing.assert_array_equal(p, before)


def test_precision_and_library_follow_the_input():
    torch = pytest.importorskip("torch")
    p = np.array([0.01, 0.04, 0.03], dtype=np.float32)
    assert stats.holm(p).dtype == np.float32
    np.testing.assert_array_equal(stats.holm(p), stats.holm(p.astype(np.float64)).astype(np.float32))
    assert isinstance(stats.holm(torch.tensor(p)), torch.Tensor)
    assert isinstance(stats.e_bh(torch.tensor(p)), torch.Tensor)
    assert isinstance(stats.simes(torch.tensor(p)), float)


@pytest.mark.parametrize("name", ["holm", "simes", "fisher_combine"])
def test_bad_p_values_are_refused_by_name(name):
    function = getattr(stats, name)
    for bad in ([0.1, math.nan], [0.1, 1.1], [-0.1]):
        with pytest.raises(ValueError, match="p_values"):
            function(bad)
    with pytest.raises(ValueError, match="p_values: expected at least one axis"):
        function(0.5)
    with pytest.raises(TypeError, match="p_values"):
        function(["a"])
    if name == "holm":
        assert function([]).shape == (0,)
        assert function(np.empty((0, 3))).shape == (0, 3)
    else:
        with pytest.raises(ValueError, match="p_values: expected at least one test"):
            function([])


def test_bad_e_values_are_refused_by_name():
    for bad in ([math.nan], [-1.0], 3.0, [-math.inf]):
        with pytest.raises(ValueError, match="e_values"):
            stats.e_bh(bad)
    with pytest.raises(ValueError, match="alpha"):
        stats.e_bh([1.0], 1.0)
    assert stats.e_bh([]).shape == (0,)
    assert stats.e_bh(np.empty((2, 0))).shape == (2, 0)


def test_the_module_is_reached_from_the_top():
    assert po.stats is stats
