"""Resampling: unbiased counts, the rules of each scheme, every edge case, the same bytes on any number of threads."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pondera as po
from pondera import _core
from pondera.resampling import SCHEMES
from reference import resampling as reference

ALL = sorted(SCHEMES)


def test_systematic_with_a_forced_uniform():
    np.testing.assert_array_equal(
        _core.resampling.systematic(np.array([0.1, 0.2, 0.3, 0.4]), 5, 0.3, 1), [0, 1, 2, 3, 3]
    )


@pytest.mark.parametrize("items", [1, 2, 33, 4096, 4097, 50_001])
@pytest.mark.parametrize("n", [1, 7, 5000])
@pytest.mark.parametrize("scheme", ["multinomial", "stratified", "systematic"])
def test_inverse_cdf_schemes_equal_a_search_in_the_cumulative_sum(items, n, scheme):
    w = np.random.default_rng(items + n).exponential(size=items)
    if items > 2:
        w[::3] = 0.0
    key = po.random.Key(3, items)
    got = po.resample(weights=w, n=n, scheme=scheme, rng=key)
    cumulative = _core.resampling.prefix_sum(w)
    np.testing.assert_array_equal(got, reference.inverse_cdf(cumulative, n, scheme, key))
    np.testing.assert_allclose(cumulative, np.cumsum(w), rtol=1e-12)


@pytest.mark.parametrize("scheme", ALL)
def test_expected_counts_are_n_w(scheme):
    # 2e5 replicates; of 8 items the largest |z| of a correct scheme exceeds 4.5 once in 2e4 runs.
    rng = np.random.default_rng(5)
    W = rng.exponential(size=8)
    W /= W.sum()
    R, n = 200_000, 8
    lw = np.broadcast_to(np.log(W), (R, 8))
    draws = po.resample(lw, n, scheme=scheme, rng=11)
    counts = np.zeros((R, 8))
    for i in range(8):
        counts[:, i] = (draws == i).sum(axis=1)
    stderr = np.maximum(counts.std(axis=0, ddof=1), 1e-9) / math.sqrt(R)
    z = (counts.mean(axis=0) - n * W) / stderr
    assert np.abs(z).max() < 4.5
    if scheme == "multinomial":
        np.testing.assert_allclose(counts.var(axis=0), n * W * (1 - W), rtol=0.03)
    if scheme in ("systematic", "ssp"):
        assert (counts >= np.floor(n * W)).all()
        assert (counts <= np.ceil(n * W)).all()
    if scheme == "residual":
        assert (counts >= np.floor(n * W)).all()
    if scheme == "stratified":
        assert (np.abs(counts - n * W) < 2).all()


@pytest.mark.parametrize("remainder", ["multinomial", "stratified", "systematic", "ssp"])
def test_residual_remainders_are_unbiased(remainder):
    W = np.array([0.05, 0.15, 0.3, 0.5])
    R, n = 100_000, 7
    draws = po.resample(weights=np.broadcast_to(W, (R, 4)), n=n, scheme="residual", remainder=remainder, rng=2)
    counts = np.stack([(draws == i).sum(axis=1) for i in range(4)], axis=1)
    z = (counts.mean(axis=0) - n * W) / (np.maximum(counts.std(axis=0), 1e-9) / math.sqrt(R))
    assert np.abs(z).max() < 4.5
    assert (counts >= np.floor(n * W)).all()


def test_ssp_counts_are_floor_or_ceiling_across_blocks_and_negatively_associated():
    W = np.random.default_rng(0).exponential(size=20_000)
    W /= W.sum()
    for n in (1, 19_999, 20_000, 70_000):
        counts = np.bincount(po.resample(weights=W, n=n, scheme="ssp", rng=n), minlength=len(W))
        assert counts.sum() == n
        assert np.abs(counts - n * W).max() < 1 + 1e-9
    # Negative association: the variance of a half's total is below the independent one.
    W = np.full(64, 1 / 64) * np.tile([0.5, 1.5], 32)
    draws = po.resample(weights=np.broadcast_to(W, (20_000, 64)), n=64, scheme="ssp", rng=4)
    total = (draws < 32).sum(axis=1)
    assert total.var() < sum((64 * w % 1) * (1 - 64 * w % 1) for w in W[:32])


def test_killing_keeps_survivors_in_place_and_needs_n_equal_to_the_items():
    w = np.array([1.0, 1.0, 0.0, 1.0])
    for seed in range(50):
        draws = po.resample(weights=w, scheme="killing", rng=seed)
        np.testing.assert_array_equal(draws[[0, 1, 3]], [0, 1, 3])
        assert draws[2] != 2
    with pytest.raises(ValueError, match="n: the killing scheme"):
        po.resample(weights=w, n=3, scheme="killing")


@pytest.mark.parametrize("scheme", ALL)
def test_zero_weights_are_never_drawn_and_edges_hold(scheme):
    w = np.zeros(10_000)
    w[[3, 4095, 4096, 9999]] = [1e-300, 1.0, 1e-150, 0.5]
    n = 10_000
    assert set(po.resample(weights=w, n=n, scheme=scheme, rng=0)) <= {3, 4095, 4096, 9999}
    one = np.full(100, -2000.0)
    one[17] = 0.0
    assert (po.resample(one, scheme=scheme, rng=0) == 17).all()
    np.testing.assert_array_equal(po.resample([5.0], scheme=scheme, rng=0), [0])
    np.testing.assert_array_equal(po.resample(np.zeros(0), 0, scheme=scheme, rng=0), np.empty(0, dtype=np.int64))
    if scheme != "killing":
        assert (po.resample([5.0], 4, scheme=scheme, rng=0) == 0).all()
        many = po.resample(weights=[1.0, 3.0], n=100_000, scheme=scheme, rng=0)
        assert many.dtype == np.int64
        assert abs((many == 1).mean() - 0.75) < 4.5 * math.sqrt(0.75 * 0.25 / 100_000)


@pytest.mark.slow
def test_ten_million_draws_over_three_hundred_decades_hit_no_zero_weight():
    w = np.where(np.arange(1000) % 2, 10.0 ** -np.linspace(0, 300, 1000), 0.0)
    for scheme in ("multinomial", "stratified", "systematic", "residual", "ssp"):
        assert (po.resample(weights=w, n=10_000_000, scheme=scheme, rng=1) % 2 == 1).all()


@pytest.mark.parametrize("shortfall", [1e-12, 1e-9])
def test_a_weight_vector_whose_sum_falls_short_of_one_stays_inside(shortfall):
    # Peers that search u in [0, 1) in a cumulative sum below 1 run off the end of the array.
    w = np.full(7, (1 - shortfall) / 7)
    for seed in range(200):
        for scheme in ALL:
            assert po.resample(weights=w, scheme=scheme, rng=seed).max() < 7


@pytest.mark.parametrize("scheme", ALL)
def test_one_two_and_five_workers_give_the_same_bytes(scheme):
    lw = np.random.default_rng(0).normal(size=(7, 100_003))
    for x in (lw, lw[0]):
        truth = po.resample(x, scheme=scheme, rng=9, workers=1)
        for workers in (2, 5):
            assert truth.tobytes() == po.resample(x, scheme=scheme, rng=9, workers=workers).tobytes()
    # A row alone under row number 0 draws what it draws in the batch.
    assert (po.resample(lw, scheme=scheme, rng=9)[0] == po.resample(lw[0], scheme=scheme, rng=9)).all()


def test_other_kernels_give_the_same_bytes_for_any_number_of_workers():
    lw = np.random.default_rng(0).normal(size=300_003)
    A = np.random.default_rng(1).integers(0, 1000, (30, 1000))

    def everything(workers: int) -> list[bytes]:
        with po.threads(workers):
            s = po.sample_without_replacement(lw, 1000, rng=1)
            table = po.AliasTable(np.exp(lw))
            out = [s.indices, np.float64(s.threshold), s.inclusion, table.draw(100_003, rng=2)]
            out += [po.ancestor_paths(A), po.sample_pps(po.inclusion_probabilities(np.exp(lw), 1000), rng=3)]
            out += [po.weighted_quantile(lw, [0.1, 0.5], weights=np.exp(lw))]
            return [np.asarray(o).tobytes() for o in out]

    assert everything(1) == everything(2) == everything(5)


def test_alias_draws_have_the_right_frequencies_and_never_a_zero():
    w = np.array([0.0, 5.0, 1.0, 0.0, 3.0, 0.5, 0.0])
    n = 500_000
    counts = np.bincount(po.AliasTable(w).draw(n, rng=0), minlength=7)
    W = w / w.sum()
    assert (counts[w == 0] == 0).all()
    z = (counts - n * W)[w > 0] / np.sqrt(n * W * (1 - W))[w > 0]
    assert np.abs(z).max() < 4.5


def test_successive_sampling_probabilities_of_ordered_pairs():
    W = np.array([0.1, 0.2, 0.3, 0.4])
    R = 1_000_000
    pairs = po.sample_without_replacement(np.broadcast_to(np.log(W), (R, 4)), 2, rng=8).indices
    observed = np.bincount(pairs[:, 0] * 4 + pairs[:, 1], minlength=16)
    chi2 = 0.0
    for i, j in itertools.permutations(range(4), 2):
        expected = R * W[i] * W[j] / (1 - W[i])
        chi2 += (observed[4 * i + j] - expected) ** 2 / expected
    assert observed[[0, 5, 10, 15]].sum() == 0
    assert chi2 < 37.4  # chi-square with 11 degrees of freedom: p = 1e-4


def test_priority_estimates_are_unbiased():
    lw = np.random.default_rng(0).normal(size=30)
    w, f = np.exp(lw), np.random.default_rng(1).normal(size=30)
    s = po.sample_without_replacement(np.broadcast_to(lw, (50_000, 30)), 8, rng=1)
    estimate = ((f * w)[s.indices] / s.inclusion).sum(axis=1)
    assert abs(estimate.mean() - (f * w).sum()) < 4.5 * estimate.std() / math.sqrt(50_000)


def test_without_replacement_equals_sorting_all_keys():
    lw = np.random.default_rng(0).normal(size=400_000) * 2
    lw[::5] = -np.inf
    key = po.random.Key(1, 9)
    for k in (0, 1, 1000, 60_000):
        s = po.sample_without_replacement(lw, k, rng=key)
        keys = lw + key.stream(po.random.Purpose.GUMBEL).gumbel(np.arange(len(lw)))
        order = np.lexsort((np.arange(len(lw)), -keys))
        np.testing.assert_array_equal(s.indices, order[:k])
        assert s.threshold == keys[order[k]]
    all_of_them = po.sample_without_replacement([0.0, -np.inf, 1.0], 2, rng=0)
    assert all_of_them.threshold == -np.inf
    np.testing.assert_array_equal(all_of_them.inclusion, [1.0, 1.0])
    with pytest.raises(ValueError, match="k: 3 items were asked for, 2 have positive weight"):
        po.sample_without_replacement([0.0, -np.inf, 1.0], 3)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 200), min_size=1, max_size=6), st.integers(1, 30))
def test_a_reservoir_gives_the_one_shot_sample_for_any_chunking_and_merging(sizes, k):
    n = sum(sizes)
    lw = np.random.default_rng(n).normal(size=n)
    key = po.random.Key(n, k)
    whole = po.WeightedReservoir(k, rng=key)
    parts = []
    start = 0
    for size in sizes:
        part = po.WeightedReservoir(k, rng=key)
        ids = np.arange(start, start + size)
        whole.update(ids, lw[ids])
        part.update(ids, lw[ids], index=ids)
        parts.append(part)
        start += size
    for part in parts[1:]:
        parts[0].merge(part)
    assert parts[0].items == whole.items
    assert parts[0].threshold == whole.threshold
    if k <= n:
        truth = po.sample_without_replacement(lw, k, rng=key)
        np.testing.assert_array_equal(whole.items, truth.indices)
        np.testing.assert_allclose(whole.inclusion, truth.inclusion, rtol=1e-14)


@pytest.mark.parametrize("shuffle", [False, True])
def test_pps_inclusion_probabilities_are_exact(shuffle):
    p = np.array([0.1, 0.9, 0.5, 0.5, 1.0, 0.0, 0.25, 0.75])
    R = 20_000
    counts = np.zeros(8)
    for seed in range(R):
        s = po.sample_pps(p, rng=po.random.Key(seed, 1), shuffle=shuffle)
        assert len(set(s)) == 4
        counts[s] += 1
    open_ones = (p > 0) & (p < 1)
    z = (counts / R - p)[open_ones] / np.sqrt(p * (1 - p) / R)[open_ones]
    assert np.abs(z).max() < 4.5
    assert counts[4] == R
    assert counts[5] == 0
    with pytest.raises(ValueError, match="inclusion: expected an integer sum"):
        po.sample_pps([0.5, 0.25])


def test_inclusion_probabilities_sum_to_n_and_are_proportional_below_one():
    for seed in range(20):
        w = np.random.default_rng(seed).pareto(0.7, 200)
        p = po.inclusion_probabilities(w, 30)
        assert p.sum() == pytest.approx(30, rel=1e-13)
        below = p < 1
        ratio = p[below] / w[below]
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-12)
        assert (w[~below] * ratio[0] >= 1 - 1e-12).all()
    np.testing.assert_array_equal(po.inclusion_probabilities([1.0, 2.0, 0.0], 2), [1, 1, 0])


def test_ancestor_lines_and_diversity_equal_loops():
    A = np.random.default_rng(0).integers(0, 50, (20, 50))
    paths = po.ancestor_paths(A)
    for i in range(50):
        b = i
        for t in range(19, -1, -1):
            b = A[t, b]
            assert paths[t, i] == b
    np.testing.assert_array_equal(po.path_diversity(A), [len(set(row)) for row in paths])
    x = np.random.default_rng(1).normal(size=(21, 50, 3))
    np.testing.assert_array_equal(po.ancestor_paths(A, x, [4, 7])[:, 1], x[np.arange(21), paths[:, 7]])
    with pytest.raises(ValueError, match="A: expected indices"):
        po.ancestor_paths([[0, 5], [0, 1]])
    with pytest.raises(ValueError, match="idx"):
        po.ancestor_paths([[0, 1]], idx=[2])


def test_inplace_ancestors_keep_survivors_and_counts():
    for seed in range(20):
        counts = po.offspring(np.random.default_rng(seed).normal(size=500) * 2, rng=seed)
        ancestors = po.inplace_ancestors(counts)
        np.testing.assert_array_equal(np.bincount(ancestors, minlength=500), counts)
        alive = np.flatnonzero(counts)
        np.testing.assert_array_equal(ancestors[alive], alive)
    with pytest.raises(ValueError, match="counts"):
        po.inplace_ancestors([2, 1])


def test_weighted_quantiles():
    assert po.weighted_quantile([1, 2, 3, 4], 0.3, weights=[0.1, 0.2, 0.3, 0.4]) == 2
    assert po.weighted_quantile([1, 2, 3, 4], 0.3001, weights=[0.1, 0.2, 0.3, 0.4]) == 3
    x = np.random.default_rng(0).normal(size=101)
    q = np.linspace(0, 1, 57)
    np.testing.assert_allclose(
        po.weighted_quantile(x, q, method="linear"), np.quantile(x, q, method="hazen"), rtol=1e-12
    )
    counts = np.random.default_rng(1).integers(0, 4, 101)
    np.testing.assert_array_equal(
        po.weighted_quantile(x, q, weights=counts), np.quantile(np.repeat(x, counts), q, method="inverted_cdf")
    )
    assert po.weighted_quantile(np.arange(1.0, 20.0), 0.95 * 20 / 19 * 19 / 20) == 19
    # Never an item of weight zero, even at the ends.
    assert po.weighted_quantile([-9, 1, 2, 99], [0, 1], weights=[0, 1, 1, 0]).tolist() == [1, 2]
    for bad, name in (
        ({"q": 1.5}, "q"),
        ({"q": 0.5, "weights": [-1, 2]}, "weights"),
        ({"q": 0.5, "method": "x"}, "method"),
    ):
        with pytest.raises(ValueError, match=name):
            po.weighted_quantile([1.0, 2.0], **bad)


def test_jackknife_of_a_mean_is_the_standard_error_of_block_means_and_covers():
    covered = 0
    for seed in range(300):
        x = np.random.default_rng(seed).normal(size=200)
        low, high = po.jackknife_blocks(np.mean, x, rng=seed).confidence_interval()
        covered += low < 0 < high
    # 95% of 300 with a standard deviation of 3.8.
    assert abs(covered - 285) < 4.5 * math.sqrt(300 * 0.95 * 0.05)
    x = np.arange(40.0)
    e = po.jackknife_blocks(np.mean, x, n_blocks=40, rng=0)
    assert e.stderr == pytest.approx(x.std(ddof=1) / math.sqrt(40), rel=1e-12)


def test_bootstrap_and_batch_means():
    x = np.random.default_rng(0).normal(size=1000)
    e = po.bootstrap(np.mean, x, n_boot=2000, rng=1)
    # The replicates' sd has a relative standard error of 1/sqrt(4000).
    assert e.stderr == pytest.approx(x.std() / math.sqrt(1000), rel=4.5 / math.sqrt(4000))
    assert e.interval.lower < e.value < e.interval.upper
    assert po.bootstrap(np.mean, x, rng=1).stderr == po.bootstrap(np.mean, x, rng=1).stderr
    ar = np.empty(200_000)
    noise = np.random.default_rng(2).normal(size=len(ar))
    ar[0] = 0
    for t in range(1, len(ar)):
        ar[t] = 0.9 * ar[t - 1] + noise[t]
    # The true standard error of the mean of an AR(1): sd(noise) / (1 - 0.9) / sqrt(n); 99 df give 7% error.
    assert po.batch_means(ar, n_batches=100).stderr == pytest.approx(10 / math.sqrt(len(ar)), rel=0.33)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weights": [0.0, 0.0]}, "weights: every weight is zero"),
        ({"log_weights": [[0.0, 0.0], [-np.inf, -np.inf]]}, "weights: every weight is zero in row 1"),
        ({"weights": [1.0, np.nan]}, "weights: NaN at 1"),
        ({"weights": [1.0, -1.0]}, "weights: negative at 1"),
        ({"weights": [1.0, np.inf]}, "weights: infinite at 1"),
        ({"log_weights": [1.0, np.nan]}, "log_weights: NaN at 1"),
        ({"log_weights": [1.0, np.inf]}, r"log_weights: \+inf"),
        ({"weights": [1.0], "n": -1}, "n: expected a non-negative"),
        ({"weights": [1.0], "n": 1.5}, "n: expected an integer"),
        ({"weights": [], "n": 1}, "weights: there are no items"),
        ({"weights": [1.0], "scheme": "best"}, "scheme"),
        ({"weights": [1.0], "remainder": "best"}, "remainder"),
        ({"weights": [1.0], "log_weights": [0.0]}, "log_weights: give either"),
        ({}, "log_weights: give either"),
        ({"weights": [1.0], "out": np.zeros(3)}, "out"),
        ({"weights": [1.0], "workers": 0}, "workers"),
    ],
)
def test_bad_input_is_refused_by_name(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        po.resample(**arguments)


def test_on_empty_uniform_falls_back_for_that_row_only():
    lw = np.array([[0.0, -np.inf, -np.inf], [-np.inf] * 3])
    draws = po.resample(lw, on_empty="uniform", rng=0)
    np.testing.assert_array_equal(draws, [[0, 0, 0], [0, 1, 2]])


def test_nan_as_zero_leaves_the_callers_array_alone():
    lw = np.array([0.0, np.nan])
    assert (po.resample(lw, nan="zero", rng=0) == 0).all()
    assert np.isnan(lw[1])


def test_the_generator_advances_by_one_draw_whatever_the_size():
    for n in (0, 1, 1000):
        rng, other = np.random.default_rng(0), np.random.default_rng(0)
        po.resample(np.zeros(10), n, rng=rng)
        other.integers(0, 2**64, dtype=np.uint64)
        assert rng.random() == other.random()


def test_out_is_filled_and_sort_sorts():
    out = np.empty(100, dtype=np.int64)
    lw = np.random.default_rng(0).normal(size=50)
    assert po.resample(lw, 100, scheme="multinomial", rng=0, sort=True, out=out) is out
    np.testing.assert_array_equal(out, np.sort(po.resample(lw, 100, scheme="multinomial", rng=0)))


def test_results_come_back_in_the_callers_library():
    torch = pytest.importorskip("torch")
    assert isinstance(po.resample(torch.zeros(5), rng=0), torch.Tensor)
    jax = pytest.importorskip("jax")
    assert isinstance(po.resample(jax.numpy.zeros(5), rng=0), jax.Array)
    assert isinstance(po.resample([0.0, 1.0], rng=0), np.ndarray)


@pytest.mark.parametrize("scale", [2.0**-1030, 2.0**-700, 2.0**1022])
def test_a_common_factor_of_the_weights_changes_nothing_even_at_the_ends_of_the_range(scale):
    w = np.array([0.5, 0.25, 0.0, 1.0])
    for scheme in ALL:
        expected = po.resample(weights=w, scheme=scheme, rng=4)
        np.testing.assert_array_equal(po.resample(weights=w * scale, scheme=scheme, rng=4), expected)
    assert po.weighted_quantile([1.0, 2.0, 3.0, 4.0], 0.5, weights=w * scale) == 4.0
