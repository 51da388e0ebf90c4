"""NNR: its truths, a NumPy and a JAX version, exact expectations, the pitfalls, bad input, determinism."""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pondera_information import nnr, plugin
from pondera_information.nnr import ensemble_nnr_divergence, ensemble_weights, nnr_counts, nnr_divergence

import pondera as po
import reference  # noqa: F401  switches JAX to float64

G = {
    "kl": lambda r: r * np.log(r),
    "hellinger": lambda r: 1 - np.sqrt(r),
    "tsallis": lambda r: 2 - 2 * np.sqrt(r),  # alpha = 1/2
    "chi2": lambda r: (r - 1) ** 2,
    "tv": lambda r: abs(r - 1) / 2,
}
KINDS = ["renyi", *G]
L = np.linspace(0.3, 3.0, 20)
few_rows = pytest.mark.filterwarnings("ignore::pondera.ReliabilityWarning")


def pair(seed, n, m, d, shift=0.5):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(shift, size=(m, d))


# ---- references: from the formulas, by loops over rows and by all distances at once


def numpy_counts(X, Y, k, rng=0):
    """Neighbours from X of each row of Y; ties in the order that the key draws."""
    Z = np.concatenate([X, Y])
    order = po.random.key(rng).fold_in("nnr").stream(po.random.Purpose.PERMUTATION).permutation(len(Z))
    place = np.argsort(order)
    counts = []
    for i in range(len(X), len(Z)):
        distance = ((Z - Z[i]) ** 2).sum(axis=1)
        neighbours = [j for j in np.lexsort((place, distance)) if j != i][:k]
        counts.append(sum(j < len(X) for j in neighbours))
    return np.array(counts)


def numpy_nnr(X, Y, k, kind="renyi", alpha=0.5, rng=0):
    N, M = len(X), len(Y)
    eta, n = M / N, numpy_counts(X, Y, k, rng)
    m = k - n
    if kind == "renyi":
        return np.log(eta**alpha / M * sum((n / (m + 1)) ** alpha)) / (alpha - 1)
    return max(0.0, sum(G[kind](max(eta * a / (b + 1), eta / (2 * k + 2))) for a, b in zip(n, m)) / M)


def jax_renyi(X, Y, k, alpha):
    """All distances at once; no ties."""
    N, M = len(X), len(Y)
    Z = jnp.concatenate([jnp.asarray(X), jnp.asarray(Y)])
    distance = jnp.linalg.norm(Z[N:, None] - Z[None], axis=2)
    distance = distance.at[jnp.arange(M), N + jnp.arange(M)].set(jnp.inf)
    n = (jnp.argsort(distance, axis=1)[:, :k] < N).sum(axis=1)
    return float(jnp.log(jnp.mean((M / N * n / (k - n + 1)) ** alpha)) / (alpha - 1))


def binomials(N, M, k):
    """Where X and Y have one law, labels are exchangeable: N_i is hypergeometric, exactly, in any space."""
    n = np.arange(max(0, k - (M - 1)), min(N, k) + 1)
    log = [math.lgamma(N + 1) + math.lgamma(M) - math.lgamma(N + M) for _ in n]
    for i, a in enumerate(n):
        log[i] += math.lgamma(k + 1) + math.lgamma(N + M - k)
        log[i] -= math.lgamma(a + 1) + math.lgamma(N - a + 1) + math.lgamma(k - a + 1) + math.lgamma(M - k + a)
    return n, np.exp(log)


# ---- truths


@few_rows
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "m", "d", "k"), [(8, 8, 1, 3), (8, 8, 2, 15), (5, 11, 3, 1), (30, 12, 2, 7)])
def test_truth_1_equals_the_numpy_version(kind, n, m, d, k):
    X, Y = pair(n + k, n, m, d)
    ours = nnr_divergence(X, Y, kind=kind, k=k, rng=0, n_blocks=0).value
    assert ours == pytest.approx(numpy_nnr(X, Y, k, kind), abs=1e-12)


@few_rows
@pytest.mark.parametrize("seed", range(4))
def test_truth_1_equals_the_numpy_version_on_a_grid_full_of_ties(seed):
    rng = np.random.default_rng(seed)
    X, Y = rng.integers(0, 3, size=(20, 2)), rng.integers(0, 4, size=(14, 2))
    for k in (1, 4, 9, 33):
        counts = nnr_counts(X, Y, k, rng=seed)
        np.testing.assert_array_equal(counts.from_x, numpy_counts(X, Y, k, seed))
        np.testing.assert_array_equal(counts.from_y, k - counts.from_x)
        for kind in KINDS:
            ours = nnr_divergence(X, Y, kind=kind, k=k, rng=seed, n_blocks=0).value
            assert ours == pytest.approx(numpy_nnr(X, Y, k, kind, rng=seed), abs=1e-12)


@few_rows
@pytest.mark.parametrize("alpha", [0.3, 0.5, 2.0, 4.5])
def test_truth_1_equals_the_jax_version(alpha):
    X, Y = pair(3, 150, 90, 3)
    for k in (1, 10, 60):
        ours = nnr_divergence(X, Y, alpha=alpha, k=k, rng=0, n_blocks=0).value
        assert ours == pytest.approx(jax_renyi(X, Y, k, alpha), abs=1e-12)


@pytest.mark.parametrize(("n", "m"), [(8, 8), (3, 20), (40, 7)])
def test_truth_2_all_neighbours_give_exactly_zero(n, m):
    X, Y = pair(0, n, m, 2, shift=4.0)
    for alpha in (0.5, 2.0):
        assert nnr_divergence(X, Y, k=n + m - 1, alpha=alpha).value == pytest.approx(0.0, abs=1e-14)
    for kind in G:
        e = nnr_divergence(X, Y, k=n + m - 1, kind=kind)
        assert e.value == pytest.approx(0.0, abs=1e-14)
        assert e.stderr == pytest.approx(0.0, abs=1e-14)  # a constant
        assert e.diagnostics["stderr_method"] == "block means"


@pytest.mark.parametrize(("n", "m"), [(200, 200), (60, 240), (300, 80)])
@pytest.mark.parametrize("discrete", [False, True])
def test_truth_3_equal_laws_give_the_exact_expectation(n, m, discrete):
    # The mean of (eta N_i / (M_i + 1))^(1/2) has the expectation of one term under the hypergeometric law. 50 seeds;
    # |z| < 4 for a t of 49 degrees fails once in 5,000, and seeds are fixed. Ten points of 50 rows each, or ties by
    # index that favour X, are within this test; an eta left out is far outside.
    k = 20
    a, chance = binomials(n, m, k)
    ratio = m / n * a / (k - a + 1)
    expected = {
        "renyi": (chance * np.sqrt(ratio)).sum(),
        "kl": (chance * G["kl"](np.maximum(ratio, m / n / (2 * k + 2)))).sum(),
        "mean_ratio": (chance * ratio).sum(),
    }
    found = {name: [] for name in expected}
    for seed in range(50):
        rng = np.random.default_rng(seed)
        X, Y = (rng.integers(0, 3, size=(rows, 2)) if discrete else rng.normal(size=(rows, 2)) for rows in (n, m))
        e = nnr_divergence(X, Y, k=k, rng=seed, n_blocks=0)
        found["renyi"].append(math.exp(-0.5 * e.value))
        found["mean_ratio"].append(e.diagnostics["mean_ratio"])
        found["kl"].append(nnr_divergence(X, Y, kind="kl", k=k, rng=seed, n_blocks=0, clip=False).value)
    for name, values in found.items():
        z = (np.mean(values) - expected[name]) / (np.std(values, ddof=1) / math.sqrt(50))
        assert abs(z) < 4, (name, np.mean(values), expected[name])


def test_equal_laws_on_ten_points_give_about_zero():
    # At 50 tied rows a point, X first would put only rows of X among the 20 neighbours: a divergence of -3.
    values = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        X, Y = rng.integers(0, 10, size=(250, 1)), rng.integers(0, 10, size=(250, 1))
        values.append(ensemble_nnr_divergence(X, Y, rng=seed, n_blocks=0).value)
    assert abs(np.mean(values)) < 0.05


@pytest.mark.parametrize(
    ("d", "shift", "measured", "sd", "truth"),
    [
        (1, 1.0, (0.326, 0.285, 0.268), (0.021, 0.016, 0.016), 0.25),
        (2, 0.7, (0.310, 0.264, 0.247), (0.02, 0.02, 0.02), 0.245),
        (5, 0.5, (0.367, 0.318, 0.295), (0.02, 0.02, 0.02), 0.3125),
    ],
)
def test_truth_4_gaussians_give_the_measured_means(d, shift, measured, sd, truth):
    # Two means of 20 seeds each differ by less than 3 sd sqrt(2 / 20). One search: members with k = 20, 25, ..., 90.
    root = math.sqrt(2000)
    members, ensemble = [], []
    for seed in range(20):
        X, Y = pair(seed, 2000, 2000, d, shift)
        e = ensemble_nnr_divergence(X, Y, n_members=15, l_range=(20.01 / root, 90.01 / root), n_blocks=0, rng=seed)
        np.testing.assert_array_equal(e.diagnostics["k"], np.arange(20, 91, 5))
        members.append(e.diagnostics["member_values"][[0, 5, 14]])
        if d < 5:
            ensemble.append(ensemble_nnr_divergence(X, Y, n_blocks=0, rng=seed).value)
    assert (np.abs(np.mean(members, axis=0) - measured) < 3 * np.array(sd) * math.sqrt(2 / 20)).all()
    if d < 5:  # without the 1/k bias: the closed form, within 4 standard errors (0.019 / sqrt(20))
        assert abs(np.mean(ensemble) - truth) < 4 * 0.019 / math.sqrt(20)


def test_kinds_agree_with_closed_forms_of_gaussians():
    # N(0, 1) against N(0.6, 1): closed forms. The ensemble's remaining bias is below 0.02 at 1000 rows; its sd 0.03
    # over 20 seeds is 0.007, 0.03 for chi2.
    delta = 0.6
    truth = {
        "renyi": delta**2 / 4,
        "kl": delta**2 / 2,
        "hellinger": 1 - math.exp(-(delta**2) / 8),
        "tsallis": 2 * (1 - math.exp(-(delta**2) / 8)),
        "chi2": math.exp(delta**2) - 1,
        "tv": math.erf(delta / 2 / math.sqrt(2)),
    }
    for kind, true in truth.items():
        values = []
        for seed in range(20):
            X, Y = pair(seed, 1000, 1000, 1, delta)
            values.append(ensemble_nnr_divergence(X, Y, kind=kind, n_blocks=0, rng=seed, clip=False).value)
        assert abs(np.mean(values) - true) < (0.12 if kind == "chi2" else 0.03), (kind, np.mean(values), true)


# ---- the ensemble


def test_members_are_single_estimates():
    X, Y = pair(1, 300, 200, 2)
    for kind in KINDS:
        e = ensemble_nnr_divergence(X, Y, kind=kind, clip=False, n_members=6, rng=4)
        d = e.diagnostics
        single = [nnr_divergence(X, Y, kind=kind, k=int(k), clip=False, rng=4).value for k in d["k"]]
        np.testing.assert_array_equal(d["member_values"], single)
        assert e.value == pytest.approx(d["weights"] @ single, abs=1e-14)


@pytest.mark.parametrize("d", [1, 2, 3, 6])
@pytest.mark.parametrize("constraint", ["inverse-k", "inverse-k+2", "published"])
def test_weights_meet_their_constraints_and_are_the_smallest(d, constraint):
    w = ensemble_weights(L, d, constraint=constraint)
    rows = {"inverse-k": [1 / L], "inverse-k+2": [1 / L, L ** (2 / d)]}.get(
        constraint, [L ** (i / d) for i in range(1, d + 1)]
    )
    scale = np.abs(w).sum()
    assert w.sum() == pytest.approx(1, abs=1e-11 * scale)
    for row in rows:
        assert row @ w == pytest.approx(0, abs=1e-11 * scale * row.max())
    A = np.array([np.ones(20), *rows])
    if d <= 3:  # the closed form A^T (A A^T)^-1 b squares the condition number
        np.testing.assert_allclose(w, A.T @ np.linalg.solve(A @ A.T, np.eye(len(A))[0]), rtol=1e-5, atol=1e-8)
    _, _, rest = np.linalg.svd(A)
    np.testing.assert_allclose(rest[len(A) :] @ w, 0, atol=1e-9 * scale)  # nothing in the null space: least norm


def test_published_weights_are_large_and_warned_of():
    norms = [np.linalg.norm(ensemble_weights(L, d, constraint="published")) for d in (1, 2, 4)]
    assert 0.4 < norms[0] < 0.6
    assert 2.5 < norms[1] < 4
    assert 380 < norms[2] < 1000
    X, Y = pair(0, 400, 400, 4)
    with pytest.warns(po.ReliabilityWarning, match="weight_cap"):
        e = ensemble_nnr_divergence(X, Y, constraint="published", rng=0)
    assert e.diagnostics["weight_norm"] > 100
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        default = ensemble_nnr_divergence(X, Y, rng=0)
        ensemble_nnr_divergence(X, Y, constraint="published", weight_cap=1e4, rng=0)
    assert default.diagnostics["weight_norm"] < 0.5


def test_repeated_k_are_one_member():
    X, Y = pair(0, 20, 30, 1)
    e = ensemble_nnr_divergence(X, Y, rng=0)
    k = e.diagnostics["k"]
    np.testing.assert_array_equal(k, np.unique(np.floor(L * math.sqrt(20)).clip(1)))
    np.testing.assert_allclose(e.diagnostics["weights"], ensemble_weights(k / math.sqrt(20), 1), atol=1e-14)


# ---- standard errors


@few_rows
@pytest.mark.parametrize(("n", "m"), [(40, 31), (25, 60)])
@pytest.mark.parametrize("kind", ["renyi", "kl", "tv"])
def test_the_jackknife_is_that_of_samples_without_the_block(n, m, kind):
    X, Y = pair(n, n, m, 2)
    k, B = 6, 5
    key = po.random.key(0).fold_in("nnr")
    total = []
    for number, sample in enumerate((X, Y)):
        rows = len(sample)
        block = np.empty(rows, dtype=int)
        block[key.stream(po.random.Purpose.FOLDS, number).permutation(rows)] = np.arange(rows) * B // rows
        kept = [sample[block != b] for b in range(B)]
        values = [
            nnr_divergence(*((part, Y) if number == 0 else (X, part)), kind=kind, k=k, n_blocks=0, clip=False).value
            for part in kept
        ]
        if kind == "renyi":
            parts = [jax_renyi(*((part, Y) if number == 0 else (X, part)), k, 0.5) for part in kept]
            np.testing.assert_allclose(values, parts, atol=1e-12)
        total.append((B - 1) / B * ((values - np.mean(values)) ** 2).sum())
    e = nnr_divergence(X, Y, kind=kind, k=k, n_blocks=B, rng=0)
    assert e.diagnostics["stderr_method"] == "jackknife"
    assert e.stderr == pytest.approx(math.sqrt(sum(total)), rel=1e-10)
    assert e.diagnostics["stderr_x"] == pytest.approx(math.sqrt(total[0]), rel=1e-10)
    assert e.df == pytest.approx((B - 1) * sum(total) ** 2 / (total[0] ** 2 + total[1] ** 2), rel=1e-10)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("spare", [None, 1])
def test_histograms_without_a_block_are_those_of_a_new_search(ties, spare, monkeypatch):
    if spare is not None:  # nearly every list runs short and is searched again
        monkeypatch.setattr(nnr, "_spare", lambda held: spare)
    rng = np.random.default_rng(5)
    X, Y = rng.integers(0, 4, size=(50, 2)).astype(float), rng.integers(0, 5, size=(41, 2)).astype(float)
    if not ties:
        X, Y = X + rng.normal(size=X.shape), Y + rng.normal(size=Y.shape)
    ks = np.array([1, 5, 17])
    for B in (2, 7):
        problem = nnr._problem(X, Y, "euclidean", B, 0, None)
        found = nnr._leaving_out(problem, ks)
        points, group = problem.points, problem.group
        for b in range(-1, 2 * B):
            keep = group != b
            expected = np.zeros((3, 18), dtype=int)
            distance = ((points[keep][:, None] - points[keep][None]) ** 2).sum(axis=2)
            for i in np.flatnonzero(group[keep] >= B):
                near = [j for j in np.argsort(distance[i], kind="stable") if j != i]
                for t, k in enumerate(ks):
                    expected[t, (group[keep][near[:k]] < B).sum()] += 1
            np.testing.assert_array_equal(found.full if b < 0 else found.changed[b], expected)


def test_block_means_where_k_leaves_no_room_for_the_jackknife():
    X, Y = pair(2, 20, 20, 1)
    e = nnr_divergence(X, Y, kind="tv", k=36, n_blocks=4, clip=False, rng=0)
    block = np.empty(20, dtype=int)
    key = po.random.key(0).fold_in("nnr")
    block[key.stream(po.random.Purpose.FOLDS, 1).permutation(20)] = np.arange(20) // 5
    n = numpy_counts(X, Y, 36)
    terms = G["tv"](n / (36 - n + 1))
    means = [terms[block == b].mean() for b in range(4)]
    assert e.diagnostics["stderr_method"] == "block means"
    assert e.stderr == pytest.approx(np.std(means, ddof=1) / 2, rel=1e-12)
    assert e.df == pytest.approx(3)


def test_chunks_do_not_show(monkeypatch):
    X, Y = pair(8, 300, 250, 2)
    calls = [
        lambda: nnr_divergence(X, Y, rng=0),
        lambda: ensemble_nnr_divergence(X, Y, rng=0),
        lambda: nnr_divergence(X, Y, k=540, rng=0),
    ]
    whole, counts = [call() for call in calls], nnr_counts(X, Y, 7).from_x
    monkeypatch.setattr(nnr, "_ELEMENTS", 1000)
    for before, call in zip(whole, calls):
        after = call()
        assert (before.value, before.stderr, before.df) == (after.value, after.stderr, after.df)
    np.testing.assert_array_equal(counts, nnr_counts(X, Y, 7).from_x)


@pytest.mark.slow
@pytest.mark.parametrize("function", [nnr_divergence, ensemble_nnr_divergence])
def test_intervals_cover_the_estimators_mean(function):
    # 400 seeds: 0.95 +- 3 sqrt(0.95 0.05 / 400) = 0.033 below; the jackknife of counts errs on the large side.
    found = [function(*pair(seed, 500, 500, 5, 0.5), clip=False, rng=seed) for seed in range(400)]
    mean = np.mean([e.value for e in found])
    covered = np.mean([e.confidence_interval().lower <= mean <= e.confidence_interval().upper for e in found])
    assert 0.95 - 0.033 < covered < 0.95 + 0.033


def test_no_blocks_means_no_standard_error():
    X, Y = pair(0, 30, 30, 1)
    e = nnr_divergence(X, Y, n_blocks=0)
    assert math.isnan(e.stderr)
    assert e.diagnostics["stderr_method"] == "none"
    assert nnr_divergence(X, Y, n_blocks=20, rng=0).value == nnr_divergence(X, Y, n_blocks=0, rng=1).value
    one = nnr_divergence(X[:1], Y)  # a sample of one row has no blocks
    assert math.isnan(one.stderr)


# ---- pitfalls


def test_a_row_is_left_out_by_its_index_not_as_the_first_neighbour():
    Y = np.array([[0.0], [0.0], [0.0], [9.0]])
    counts = nnr_counts(np.array([[0.5], [8.0]]), Y, 2, rng=0)
    np.testing.assert_array_equal(counts.from_y, [2, 2, 2, 0])
    np.testing.assert_array_equal(counts.from_x, [0, 0, 0, 2])


def test_unequal_sample_sizes_need_eta():
    # N = 500, M = 2000: without eta the Renyi divergence of order 1/2 is off by log(4) = 1.39.
    values = [nnr_divergence(*pair(seed, 500, 2000, 1, 1.0), rng=seed, n_blocks=0).value for seed in range(10)]
    assert abs(np.mean(values) - 0.315) < 4 * 0.034 / math.sqrt(10)  # mean and sd over 400 other seeds
    assert nnr_divergence(*pair(0, 500, 2000, 1)).diagnostics["eta"] == 4


def test_the_ratio_is_nearly_unbiased_because_of_the_added_one():
    # E[N / (M + 1)] = pi / (1 - pi) (1 - pi^k) for binomial counts; with M in place of M + 1 the mean would be 1.25.
    values = [
        nnr_divergence(*pair(seed, 400, 400, 1, 0.0), k=10, rng=seed, n_blocks=0).diagnostics["mean_ratio"]
        for seed in range(50)
    ]
    assert abs(np.mean(values) - 1) < 4 * np.std(values, ddof=1) / math.sqrt(50)


def test_renyi_may_be_negative_and_f_divergences_are_clipped_unless_told_otherwise():
    found = []
    for seed in range(20):
        X, Y = pair(seed, 300, 300, 1, 0.0)
        renyi = [nnr_divergence(X, Y, k=100, rng=0, clip=clip).value for clip in (True, False)]
        assert renyi[0] == renyi[1]
        raw = nnr_divergence(X, Y, kind="kl", k=100, rng=0, clip=False)
        e = nnr_divergence(X, Y, kind="kl", k=100, rng=0)
        assert e.value == max(raw.value, 0.0)
        assert e.stderr == raw.stderr
        assert e.diagnostics["clipped"] == (raw.value < 0)
        found.append(raw.value < 0)
    assert 0 < sum(found) < 20
    assert any(ensemble_nnr_divergence(*pair(s, 300, 300, 1, 0.0), rng=0, n_blocks=0).value < 0 for s in range(10))


def test_no_neighbours_from_x_give_the_value_of_disjoint_supports():
    X, Y = pair(0, 50, 60, 2, shift=100.0)
    cases = {"renyi": math.inf, "kl": math.inf, "chi2": math.inf, "hellinger": 1.0, "tv": 1.0, "tsallis": 2.0}
    for function, (kind, value) in itertools.product((nnr_divergence, ensemble_nnr_divergence), cases.items()):
        with pytest.warns(po.ReliabilityWarning, match="disjoint"):
            e = function(X, Y, kind=kind, rng=0)
        assert e.value == value
        assert math.isnan(e.stderr)
    for alpha, kind in ((2.0, "renyi"), (2.0, "tsallis")):
        with pytest.warns(po.ReliabilityWarning, match="disjoint"):
            assert nnr_divergence(X, Y, kind=kind, alpha=alpha).value == math.inf
    with pytest.warns(po.ReliabilityWarning, match="disjoint"):
        assert nnr_divergence(X, Y, kind="f", g=lambda r: -np.log(r)).value == math.inf


def test_one_bridge_between_the_supports_gives_a_value_without_a_standard_error():
    X, Y = pair(0, 50, 50, 2, shift=100.0)
    X[7] = Y[3] + 0.01
    with pytest.warns(po.ReliabilityWarning, match="without a block"):
        e = nnr_divergence(X, Y, k=3, rng=0)
    assert math.isfinite(e.value)
    assert math.isnan(e.stderr)


def test_mass_of_p_that_y_cannot_see_is_warned_of():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.uniform(size=100), rng.uniform(50, 51, size=300)])[:, None]
    Y = rng.uniform(size=(400, 1))
    with pytest.warns(po.ReliabilityWarning, match=r"about [67]\d% of p"):
        nnr_divergence(X, Y, kind="kl", k=20, rng=0)
    e = nnr_divergence(X, Y, k=20, rng=0)  # order 1/2 needs no more than q's support: -2 log(sqrt(1/4))
    assert abs(e.value - math.log(4)) < 0.2


def test_constant_columns_of_one_sample_or_both_are_fine():
    X, Y = pair(0, 100, 100, 1)
    both = [np.column_stack([s, np.ones(100)]) for s in (X, Y)]
    assert nnr_divergence(*both, rng=0).value == nnr_divergence(X, Y, rng=0).value
    one = nnr_divergence(np.column_stack([X, np.ones(100)]), np.column_stack([Y, X]), rng=0)
    assert math.isfinite(one.value)


# ---- g and the bounds of the ratio


def test_a_given_g_equals_the_kind_it_spells():
    X, Y = pair(1, 120, 200, 2)
    for kind, g in G.items():
        given = nnr_divergence(X, Y, kind="f", g=g, rng=0)
        named = nnr_divergence(X, Y, kind=kind, rng=0)
        assert given.value == pytest.approx(named.value, abs=1e-14)
        assert given.stderr == pytest.approx(named.stderr, rel=1e-12)


def test_reverse_kl_is_finite_and_meets_the_closed_form():
    # E_q[-log(p/q)] = D(q || p) = 0.125 for a shift of 1/2; a mean of 10 seeds of sd 0.03.
    values = []
    for seed in range(10):
        X, Y = pair(seed, 1000, 1000, 1, 0.5)
        values.append(ensemble_nnr_divergence(X, Y, kind="f", g=lambda r: -np.log(r), rng=seed, n_blocks=0).value)
    assert abs(np.mean(values) - 0.125) < 0.04


def test_ratio_bounds_put_a_floor_under_the_ratio():
    X, Y = pair(1, 40, 60, 1, shift=2.0)
    n = numpy_counts(X, Y, 8)
    ratio = 1.5 * n / (9 - n)
    for kind in ("kl", "tv", "hellinger"):
        for bounds in ((0.1, 0.5), (1e-3, 1.0)):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", po.ReliabilityWarning)
                e = nnr_divergence(X, Y, kind=kind, k=8, ratio_bounds=bounds, clip=False, rng=0)
            assert e.value == pytest.approx(G[kind](np.maximum(ratio, bounds[0] / bounds[1])).mean(), abs=1e-12)
    # published for an increasing g: max(g(r), g(C_L / C_U))
    e = nnr_divergence(X, Y, kind="f", g=lambda r: r**2 - 1, k=8, ratio_bounds=(0.1, 0.5), clip=False, rng=0)
    assert e.value == pytest.approx(np.maximum(ratio**2 - 1, 0.04 - 1).mean(), abs=1e-12)


# ---- k, metrics, arrays, determinism


def test_k_auto():
    for n, m, k in ((2000, 2000, 89), (100, 2000, 20), (16, 16, 7), (9, 400, 10), (1, 1, 1), (2, 2, 1)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert nnr_divergence(*pair(0, n, m, 1), n_blocks=0).diagnostics["k"] == k


@pytest.mark.parametrize("metric", ["euclidean", "cityblock", "chebyshev", "cosine"])
def test_metrics(metric):
    X, Y = pair(0, 60, 50, 3)
    Z = np.concatenate([X, Y])
    if metric == "cosine":
        unit = Z / np.linalg.norm(Z, axis=1, keepdims=True)
        distance = 1 - unit[60:] @ unit.T
    else:
        distance = np.linalg.norm(
            Z[60:, None] - Z[None], axis=2, ord={"euclidean": 2, "cityblock": 1, "chebyshev": np.inf}[metric]
        )
    distance[np.arange(50), 60 + np.arange(50)] = np.inf
    expected = (np.argsort(distance, axis=1)[:, :9] < 60).sum(axis=1)
    np.testing.assert_array_equal(nnr_counts(X, Y, 9, metric=metric).from_x, expected)


def test_scaling_and_shifting_both_samples_changes_nothing():
    X, Y = pair(0, 200, 150, 2)
    a = ensemble_nnr_divergence(X, Y, rng=0)
    b = ensemble_nnr_divergence(1024 * X, 1024 * Y, rng=0)
    assert (a.value, a.stderr) == (b.value, b.stderr)


def test_workers_do_not_show():
    X, Y = pair(0, 1500, 1300, 2)
    for function in (nnr_divergence, ensemble_nnr_divergence):
        found = [function(X, Y, rng=0, workers=w) for w in (1, 2, 5)]
        assert len({(e.value, e.stderr, e.df) for e in found}) == 1
    assert len({nnr_counts(X, Y, 30, workers=w).from_x.tobytes() for w in (1, 2, 5)}) == 1


def test_instruction_sets_do_not_show():
    code = (
        "import numpy as np; from pondera_information.nnr import *; r = np.random.default_rng(0);"
        "X, Y = r.normal(size=(300, 20)), r.normal(0.3, size=(300, 20)); e = ensemble_nnr_divergence(X, Y, rng=0);"
        "print(e.value.hex(), e.stderr.hex(), nnr_counts(X[:, :3], Y[:, :3], 9, rng=0).from_x.tolist())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PONDERA_ISA": isa},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for isa in ("baseline", "avx2", "avx512")
    }
    assert len(outputs) == 1


def test_float32_gives_what_the_same_values_give_as_float64():
    X, Y = (s.astype(np.float32) for s in pair(0, 300, 200, 3))
    wide = [s.astype(np.float64) for s in (X, Y)]
    for samples in ((X, wide[1]), (wide[0], Y), (X, Y)):
        a, b = ensemble_nnr_divergence(*samples, rng=0), ensemble_nnr_divergence(*wide, rng=0)
        assert (a.value, a.stderr) == (b.value, b.stderr)


def test_counts_come_back_in_the_library_of_x():
    torch = pytest.importorskip("torch")
    X, Y = pair(0, 20, 10, 2)
    counts = nnr_counts(torch.from_numpy(X), Y, 3)
    assert isinstance(counts.from_x, torch.Tensor)
    assert isinstance(nnr_counts(jnp.asarray(X), Y, 3).from_y, jax.Array)
    assert counts.from_x.tolist() == nnr_counts(X, Y, 3).from_x.tolist()


def test_diagnostics_and_files(tmp_path):
    X, Y = pair(0, 100, 150, 2)
    e = ensemble_nnr_divergence(X, Y, rng=0)
    for name in ("k", "weights", "weight_norm", "n", "m", "eta", "stderr_method", "algorithm", "mean_ratio"):
        assert name in e.diagnostics
    assert (e.diagnostics["n"], e.diagnostics["m"], e.n) == (100, 150, 250)
    e.save(tmp_path / "e.npz")
    np.testing.assert_array_equal(po.load(tmp_path / "e.npz").diagnostics["weights"], e.diagnostics["weights"])


# ---- bad input

OK = np.arange(20.0).reshape(10, 2)


@pytest.mark.parametrize("function", [nnr_divergence, ensemble_nnr_divergence])
@pytest.mark.parametrize(
    ("changes", "error", "name"),
    [
        ({"X": OK[:, :1]}, ValueError, "Y: expected 1 columns"),
        ({"X": OK[0]}, ValueError, "X: .*reshape"),
        ({"Y": OK[:0]}, ValueError, "Y: "),
        ({"X": np.where(OK == 3, np.nan, OK)}, ValueError, "X: .*NaN"),
        ({"Y": np.where(OK == 3, np.inf, OK)}, ValueError, "Y: .*infinite"),
        ({"X": OK.astype(str)}, TypeError, "X: "),
        ({"alpha": 0.0}, ValueError, "alpha: "),
        ({"alpha": -1.0}, ValueError, "alpha: "),
        ({"alpha": 1.0}, ValueError, "alpha: .*kl"),
        ({"alpha": np.nan}, ValueError, "alpha: "),
        ({"alpha": "half"}, TypeError, "alpha: "),
        ({"alpha": 1.0, "kind": "tsallis"}, ValueError, "alpha: "),
        ({"kind": "jensen"}, ValueError, "kind: .*renyi"),
        ({"kind": "f"}, ValueError, "g: "),
        ({"g": np.log}, ValueError, "g: "),
        ({"kind": "f", "g": 3}, TypeError, "g: "),
        ({"kind": "f", "g": lambda r: r}, ValueError, r"g: expected g\(1\) = 0"),
        ({"kind": "f", "g": lambda r: 0.0}, ValueError, "g: .*shape"),
        ({"kind": "f", "g": lambda r: np.where(r == 1, 0, np.nan)}, ValueError, "g: NaN"),
        ({"kind": "kl", "ratio_bounds": (2.0, 1.0)}, ValueError, "ratio_bounds: "),
        ({"kind": "kl", "ratio_bounds": (0.0, 1.0)}, ValueError, "ratio_bounds: "),
        ({"kind": "kl", "ratio_bounds": 2.0}, ValueError, "ratio_bounds: "),
        ({"metric": "inner_product"}, ValueError, "metric: "),
        ({"metric": "cosine", "X": 0 * OK}, ValueError, "X: row 0 is zero"),
        ({"n_blocks": 1}, ValueError, "n_blocks: "),
        ({"n_blocks": -3}, ValueError, "n_blocks: "),
        ({"n_blocks": 2.5}, TypeError, "n_blocks: "),
        ({"workers": 0}, ValueError, "workers: "),
        ({"rng": "seed"}, (TypeError, ValueError), "rng"),
    ],
)
def test_bad_input_names_the_argument(function, changes, error, name):
    samples = {"X": OK * 1.0, "Y": OK + 1.0} | {k: v for k, v in changes.items() if k in "XY"}
    with pytest.raises(error, match=name):
        function(samples["X"], samples["Y"], **{k: v for k, v in changes.items() if k not in "XY"})


@pytest.mark.parametrize(
    ("k", "error"),
    [(0, ValueError), (20, ValueError), (-1, ValueError), (2.0, TypeError), (True, TypeError), ("x", TypeError)],
)
def test_k_out_of_range(k, error):
    for function in (nnr_divergence, nnr_counts):
        with pytest.raises(error, match="k: "):
            function(OK, OK + 1, k=k)


def test_ensemble_refusals():
    X, Y = pair(0, 100, 100, 5)
    for changes, name in (
        ({"constraint": "published", "n_members": 5}, "n_members: .*at least 6"),
        ({"n_members": 1}, "n_members: "),
        ({"n_members": 0}, "n_members: "),
        ({"constraint": "best"}, "constraint: .*inverse-k"),
        ({"l_range": (1.0, 1.0)}, "l_range: "),
        ({"l_range": (0.0, 1.0)}, "l_range: "),
        ({"l_range": 3.0}, "l_range: "),
        ({"weight_cap": 0.0}, "weight_cap: "),
    ):
        with pytest.raises(ValueError, match=name):
            ensemble_nnr_divergence(X, Y, **changes)
    with pytest.raises(ValueError, match=r"n_members: .*of which 4 have different k"):
        ensemble_nnr_divergence(X[:2], Y, constraint="published")
    for l, d, name in (
        (L, 0, "d: "),
        (-L, 1, "l: "),
        ([1.0, 1.0, 2.0], 1, "l: "),
        ([1.0], 1, "l: "),
        (L[:2], 2, "l: "),
    ):
        with pytest.raises(ValueError, match=name):
            ensemble_weights(l, d, constraint="inverse-k" if len(l) != 2 else "inverse-k+2")


def test_many_columns_and_few_rows_are_warned_of():
    X, Y = pair(0, 30, 30, 51)
    with pytest.warns(po.ReliabilityWarning, match="columns"):
        nnr_divergence(X, Y, rng=0)


@pytest.mark.parametrize("method", plugin.methods, ids=lambda m: m.name)
def test_the_conformance_kit_passes(method):
    po.testing.check_method(method)
