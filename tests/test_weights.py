"""Weight summaries, Pareto smoothing, truncation, tempering against arviz-stats, closed forms and plain NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pondera as po
from reference import weights as reference

EXACT_PARETO = {
    # k: (k-hat, ESS of the smoothed weights) of arviz_stats 0.8 on lw_i = -k log(1 - i/1001), i = 1..1000
    0.3: (0.27485508050976964, 847.7855460654),
    0.7: (0.6129131612580306, 194.0880380178),
    1.2: (1.0363666155192808, 12.8290478977),
}


def pareto_log_weights(k: float) -> np.ndarray:
    return -k * np.log1p(-np.arange(1, 1001) / 1001)


@pytest.mark.parametrize("k", EXACT_PARETO)
def test_psis_reproduces_the_published_figures(k):
    khat, ess = EXACT_PARETO[k]
    if khat > 0.7:
        with pytest.warns(po.WeightWarning, match="Pareto k"):
            smooth = po.psis(pareto_log_weights(k))
    else:
        smooth = po.psis(pareto_log_weights(k))
    assert smooth.pareto_k == pytest.approx(khat, rel=1e-8)
    assert po.Weights(smooth.log_weights).ess == pytest.approx(ess, rel=1e-8)


def test_psis_of_normal_quantiles_reproduces_the_published_figures():
    special = pytest.importorskip("scipy.special")
    smooth = po.psis(special.ndtri(np.arange(1, 1001) / 1001))
    assert smooth.pareto_k == pytest.approx(0.24490187970880334, rel=1e-8)
    assert po.Weights(smooth.log_weights).ess == pytest.approx(396.1880890987, rel=1e-8)


@pytest.mark.parametrize("n", [26, 60, 225, 226, 1000, 4000])
@pytest.mark.parametrize("scale", [0.3, 1.0, 2.0])
@pytest.mark.filterwarnings("ignore::pondera.results.WeightWarning")
def test_psis_equals_arviz_stats(n, scale):
    arviz_stats = pytest.importorskip("arviz_stats.base")
    lw = scale * np.random.default_rng(n).normal(size=n)
    # Its array function takes the negated log-ratios.
    theirs, k = arviz_stats.array_stats.psislw(-lw)
    ours = po.psis(lw)
    assert ours.pareto_k == pytest.approx(float(k), rel=1e-8)
    np.testing.assert_allclose(ours.log_weights, theirs, rtol=1e-8, atol=1e-10)


@pytest.mark.filterwarnings("ignore::pondera.results.WeightWarning")
def test_psis_equals_the_reference_row_by_row():
    lw = np.random.default_rng(1).normal(size=(7, 500)) * np.arange(1, 8)[:, None] / 3
    ours = po.psis(lw)
    for row, smooth, k in zip(lw, ours.log_weights, ours.pareto_k):
        theirs, their_k = reference.psis(row)
        assert k == pytest.approx(float(their_k), rel=1e-9)
        np.testing.assert_allclose(smooth, theirs, rtol=1e-9, atol=1e-11)


def test_psis_with_a_constant_tail_reports_minus_infinity_and_smooths_nothing():
    lw = np.concatenate([np.linspace(-5, -1, 500), np.zeros(500)])
    smooth = po.psis(lw)
    assert smooth.pareto_k == -math.inf
    np.testing.assert_allclose(np.exp(smooth.log_weights), np.exp(lw) / np.exp(lw).sum(), rtol=1e-13)


def test_psis_of_few_draws_is_nan_with_a_warning():
    with pytest.warns(po.WeightWarning, match="too few"):
        assert math.isnan(po.psis(np.zeros(24) + np.arange(24)).pareto_k)


def test_khat_threshold_and_sample_size():
    assert po.khat_threshold(100) == 0.5
    assert po.khat_threshold(10**6) == 0.7
    assert po.min_sample_size(0.0) == 10.0
    assert po.min_sample_size(0.5) == pytest.approx(100.0)
    assert po.min_sample_size(1.0) == math.inf


def test_pareto_khat_finds_the_index_of_pareto_and_bounded_draws():
    # k-hat of S exact Pareto quantiles has a standard error near sqrt((1 + k)^2 / M) with M = 3 sqrt(S), and the prior
    # at 0.5 pulls by (0.5 - k) 10 / (M + 10): for S = 1e5, M = 948, that is .05 and .005.
    u = (np.arange(100_000) + 0.5) / 100_000
    for k in (0.2, 0.5, 0.9):
        assert po.pareto_khat((1 - u) ** -k, tail="right") == pytest.approx(k, abs=0.06)
    assert po.pareto_khat(u, tail="both") < 0
    assert po.pareto_khat(np.ones(1000)) == -math.inf


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_summaries_equal_the_reference(dtype):
    lw = np.random.default_rng(2).normal(size=(5, 9001)).astype(dtype) * 3
    w = po.Weights(lw)
    truth = reference.summaries(lw)
    for name in ("ess", "ess_perplexity", "ess_max", "chi2", "log_mean"):
        np.testing.assert_allclose(getattr(w, name), truth[name], rtol=1e-12)
    np.testing.assert_allclose(w.normalized, truth["normalized"], rtol=1e-12)
    np.testing.assert_allclose(w.relative.mean(axis=1), 1.0, rtol=1e-13)


def test_effective_sample_sizes_survive_a_shift_of_1e9_and_stay_in_range():
    lw = np.random.default_rng(3).integers(-4, 5, 1000).astype(float)
    a, b = po.Weights(lw), po.Weights(lw + 1e9)
    assert a.ess == b.ess
    for name in ("ess", "ess_perplexity", "ess_max"):
        assert 1.0 <= getattr(b, name) <= 1000
    assert po.Weights(np.zeros(1000)).ess == 1000.0


def test_one_dominating_weight_has_effective_sample_size_one_exactly():
    assert po.Weights([0.0, -800.0, -900.0]).ess == 1.0


def test_no_positive_weight_gives_zeros_without_an_exception():
    w = po.Weights([-np.inf, -np.inf])
    assert (w.ess, w.log_mean, w.ess_max, w.ess_perplexity) == (0.0, -np.inf, 0.0, 0.0)
    np.testing.assert_array_equal(w.normalized, [0.0, 0.0])


def test_log_mean_estimates_the_evidence_and_its_error_covers():
    # E exp(x - 1/2) = 1 for x ~ N(0, 1): log evidence 0.
    z = []
    for seed in range(300):
        x = np.random.default_rng(seed).normal(size=2000) * 0.5
        e = po.Weights(x - 0.125).log_evidence()
        z.append((e.value - 0.0) / e.stderr)
    # The mean of 300 z-scores has sd 1/sqrt(300); the bias of the log is -chi2/(2N), z-bias about -.006.
    assert abs(np.mean(z)) < 4.5 / math.sqrt(300)
    assert abs(np.std(z) - 1) < 4.5 / math.sqrt(600)


def test_weighted_mean_and_its_standard_error():
    z = []
    for seed in range(300):
        x = np.random.default_rng(seed).normal(size=1000)
        e = po.Weights(0.5 * x).mean(x)  # the target is N(0.5, 1)
        z.append((e.value - 0.5) / e.stderr)
    # Self-normalisation biases by O(1/N): about .02 of a standard error here.
    assert abs(np.mean(z)) < 4.5 / math.sqrt(300) + 0.03
    assert abs(np.std(z) - 1) < 4.5 / math.sqrt(600) + 0.05


def test_mean_of_columns_and_values_at_weight_zero():
    w = po.Weights(np.concatenate([np.zeros(50), [-np.inf]]))
    f = np.column_stack([np.arange(51.0), np.ones(51)])
    f[50] = np.nan  # weight zero: does not count
    e = w.mean(f)
    np.testing.assert_allclose(e.value, [24.5, 1.0], rtol=1e-14)
    assert e.stderr[1] == 0.0
    f[0, 0] = np.inf
    with pytest.raises(ValueError, match="f: NaN or infinite"):
        w.mean(f)


def test_unreliable_weights_warn():
    w = po.Weights(np.concatenate([[50.0], np.zeros(99)]))
    with pytest.warns(po.WeightWarning, match="effective sample size"):
        assert w.mean(np.arange(100.0)).diagnostics["unreliable"]


def test_ess_for_a_constant_is_n_and_agrees_with_its_formula():
    x = np.random.default_rng(0).normal(size=500)
    w = po.Weights(x)
    W, f = w.normalized, x**2
    mu = (W * f).sum()
    assert w.ess_for(f) == pytest.approx((W * abs(f - mu)).sum() ** 2 / (W**2 * (f - mu) ** 2).sum(), rel=1e-12)
    assert w.ess_for(np.ones(500)) == 500


def test_plain_weights_passed_as_logs_warn():
    with pytest.warns(po.ReliabilityWarning, match="from_weights"):
        po.Weights([0.2, 0.3, 0.5])
    assert po.Weights.from_weights([0.2, 0.3, 0.5]).ess == pytest.approx(1 / (0.04 + 0.09 + 0.25), rel=1e-14)


def test_asarray_is_refused_with_the_three_names():
    with pytest.raises(TypeError, match=r"\.normalized.*\.relative.*\.log_weights"):
        np.asarray(po.Weights([0.0, 1.0]))


def test_weights_own_a_copy_and_survive_saving(tmp_path):
    lw = np.array([0.0, 1.0, 2.0])
    w = po.Weights(lw)
    lw[:] = 9
    np.testing.assert_array_equal(w.log_weights, [0.0, 1.0, 2.0])
    w.save(tmp_path / "w.npz")
    back = po.load(tmp_path / "w.npz")
    assert isinstance(back, po.Weights)
    np.testing.assert_array_equal(back.log_weights, w.log_weights)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([0.0, np.nan], "log_weights: NaN at 1"),
        ([[0.0, 1.0], [0.0, np.inf]], r"log_weights: \+inf at \(1, 1\)"),
        ([], "log_weights: expected at least one draw"),
        (1.0, "log_weights: expected at least one axis"),
        (["a", "b"], "log_weights: expected real numbers"),
        (np.array([1 + 2j]), "log_weights: complex"),
        (np.ma.masked_array([0.0, 1.0], [0, 1]), "log_weights: masked"),
    ],
)
def test_bad_log_weights_are_refused_by_name(bad, message):
    with pytest.raises((ValueError, TypeError), match=message):
        po.Weights(bad)


def test_nan_as_zero():
    assert po.Weights([0.0, np.nan, 0.0], nan="zero").ess == 2.0


def test_other_bad_input_is_refused_by_name():
    with pytest.raises(ValueError, match="r_eff"):
        po.psis(np.zeros(100), r_eff=0)
    with pytest.raises(ValueError, match="ess_min"):
        po.temper(np.zeros(100), 5)
    with pytest.raises(ValueError, match="n_top"):
        po.clip_top(np.zeros(100), 101)
    with pytest.raises(ValueError, match="every weight is zero in row 1"):
        po.psis(np.array([np.zeros(50), np.full(50, -np.inf)]))
    with pytest.raises(ValueError, match="tail"):
        po.pareto_khat(np.zeros(100), tail="upper")
    with pytest.raises(ValueError, match="weights: expected non-negative"):
        po.Weights.from_weights([1.0, -1.0])


def test_temper_reaches_its_target_and_prefers_one():
    lw = 3 * np.random.default_rng(0).normal(size=(4, 1000))
    alpha, tempered = po.temper(lw, 0.5)
    ess = po.Weights(tempered).ess
    # 60 bisections: alpha is within 2^-60; ess is smooth in alpha with slope below N^2.
    np.testing.assert_allclose(ess, 500, atol=1e-6)
    assert po.temper(np.zeros(10), 1.0).alpha == 1.0
    np.testing.assert_allclose(tempered, alpha[:, None] * lw, rtol=1e-15)


def test_truncate_and_clip_top_follow_their_formulas():
    lw = 4 * np.random.default_rng(0).normal(size=1000)
    limit = reference.logsumexp(lw) - math.log(1000) + 0.5 * math.log(1000)
    np.testing.assert_allclose(po.truncate(lw), np.minimum(lw, limit), rtol=1e-13)
    np.testing.assert_array_equal(po.clip_top(lw, 10), np.minimum(lw, np.sort(lw)[-10]))
    np.testing.assert_array_equal(po.clip_top(lw, 1), lw)


def test_logsumexp_over_axes_equals_scipy():
    special = pytest.importorskip("scipy.special")
    x = 100 * np.random.default_rng(0).normal(size=(3, 4, 5000))
    for axis in (None, 0, 1, 2, -1):
        np.testing.assert_allclose(po.logsumexp(x, axis=axis), special.logsumexp(x, axis=axis), rtol=1e-13)
    assert po.logsumexp([]) == -np.inf
    assert po.logsumexp([-np.inf, -np.inf]) == -np.inf


def test_any_number_of_workers_gives_the_same_bytes():
    lw = np.random.default_rng(0).normal(size=(7, 100_003))

    def everything(workers: int) -> list[bytes]:
        with po.threads(workers):
            out = []
            for x in (lw, lw[0]):
                w = po.Weights(x)
                out += [np.asarray(getattr(w, name)) for name in ("normalized", "ess", "log_mean", "ess_perplexity")]
                out += [np.asarray(part) for part in po.psis(x)]
                out += [np.asarray(part) for part in po.temper(x, 0.9)] + [po.truncate(x)]
            out.append(np.asarray(po.Weights(lw[0]).mean(lw[1]).stderr))
            return [o.tobytes() for o in out]

    truth = everything(1)
    assert everything(2) == truth
    assert everything(5) == truth


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.integers(1, 40), st.booleans(), st.integers(0, 2**31))
def test_layout_and_precision_do_not_matter(rows, n, single, seed):
    lw = np.random.default_rng(seed).normal(size=(rows, 2 * n)).astype(np.float32 if single else np.float64)
    strided = lw[:, ::2]
    assert not strided.flags.c_contiguous or n * rows == 1 or rows == 1 or n == 1
    a, b = po.Weights(strided), po.Weights(np.ascontiguousarray(strided.astype(np.float64)))
    np.testing.assert_array_equal(a.normalized, b.normalized)
    fortran = po.Weights(np.asfortranarray(strided))
    np.testing.assert_array_equal(a.ess, fortran.ess)
