"""Nearest-neighbour entropy and divergences: the formulas, closed forms, an exact jackknife that covers, every edge."""

from __future__ import annotations

import functools
import math
import os
import subprocess
import sys

import numpy as np
import pytest

import pondera as po
from pondera import divergence
from pondera.random import key
from pondera.resampling import deal_blocks
from reference import divergence as reference


def samples(n: int, m: int, d: int, shift: float = 0.5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(shift, size=(m, d))


@pytest.mark.parametrize("metric", ["euclidean", "cityblock", "chebyshev"])
@pytest.mark.parametrize("d", [1, 3, 20])
def test_estimates_equal_the_formulas(metric, d):
    X, Y = samples(230, 170, d)
    options = {"metric": metric, "n_blocks": 0}
    for k in (1, 4):
        assert po.entropy_knn(X, k, **options).value == pytest.approx(reference.entropy(X, k, metric), rel=1e-11)
        kl = po.kl_divergence(X, Y, k, **options).value
        assert kl == pytest.approx(reference.kl(X, Y, k, k, metric), rel=1e-10)
    two = po.kl_divergence(X, Y, (3, 7), **options)
    assert two.value == pytest.approx(reference.kl(X, Y, 3, 7, metric), rel=1e-10)
    assert two.diagnostics["k"] == (3, 7)
    adaptive = po.kl_divergence(X, Y, estimator="wkv-adaptive", **options)
    assert adaptive.value == pytest.approx(reference.kl_adaptive(X, Y, metric), rel=1e-10)
    for alpha in (0.5, 0.9, 1.8, -0.5):
        renyi = po.renyi_divergence(X, Y, alpha, 5, **options).value
        assert renyi == pytest.approx(reference.renyi(X, Y, alpha, 5, metric), rel=1e-10)


def test_algorithms_agree_to_the_last_bit():
    X, Y = samples(2500, 2300, 3)
    for call in (
        lambda a: po.entropy_knn(X, algorithm=a, rng=1),
        lambda a: po.kl_divergence(X, Y, algorithm=a, rng=1),
        lambda a: po.kl_divergence(X, Y, estimator="wkv-adaptive", algorithm=a, n_blocks=0),
        lambda a: po.renyi_divergence(X, Y, 0.5, algorithm=a, rng=1),
    ):
        tree, brute = call("kdtree"), call("brute")
        assert tree.value == brute.value
        np.testing.assert_equal(tree.stderr, brute.stderr)
        assert (tree.diagnostics["algorithm"], brute.diagnostics["algorithm"]) == ("kdtree", "brute")


def test_entropy_and_kl_equal_npeet():
    npeet = pytest.importorskip("npeet_plus")  # by the maximum norm, in bits unless told otherwise
    X, Y = samples(300, 250, 3)
    options = {"metric": "chebyshev", "n_blocks": 0}
    assert po.kl_divergence(X, Y, 3, **options).value == pytest.approx(npeet.kldiv(X, Y, k=3, base=math.e), rel=1e-10)
    # Its entropy adds noise of 1e-10 to values whose neighbours are .1 away, and takes 2 rho with its own ball.
    assert po.entropy_knn(X, 3, **options).value == pytest.approx(npeet.entropy(X, k=3, base=math.e), abs=1e-6)


# Means and standard deviations over 20 seeds of an independent NumPy prototype, N = M = 2000; truth beside them. The
# low bias at d = 5 belongs to the estimator and must be reproduced.
GAUSSIANS = [
    # d, shift, KL truth, mean, sd, Renyi(0.5) truth, mean
    (1, 1.0, 0.5, 0.489, 0.041, 0.25, 0.255),
    (2, 0.7, 0.49, 0.444, 0.033, 0.245, 0.238),
    (5, 0.5, 0.625, 0.495, 0.031, 0.3125, 0.293),
]


@pytest.mark.parametrize(("d", "shift", "truth", "mean", "sd", "renyi_truth", "renyi_mean"), GAUSSIANS)
def test_gaussian_divergences(d, shift, truth, mean, sd, renyi_truth, renyi_mean):
    kl, renyi = [], []
    for seed in range(20):
        X, Y = samples(2000, 2000, d, shift, 1000 + seed)
        kl.append(po.kl_divergence(X, Y, n_blocks=0).value)
        renyi.append(po.renyi_divergence(X, Y, 0.5, n_blocks=0).value)
    # Two means of 20 runs each differ with standard deviation sd sqrt(2/20). Renyi's sd is .02 to .03.
    assert abs(np.mean(kl) - mean) < 3 * sd * math.sqrt(2 / 20)
    assert abs(np.mean(renyi) - renyi_mean) < 3 * 0.03 * math.sqrt(2 / 20)
    assert abs(np.mean(kl) - truth) < 0.2 * truth + 0.03
    assert abs(np.mean(renyi) - renyi_truth) < 0.1 * renyi_truth + 0.02


def test_gaussian_entropy():
    # Truth 1.5 (1 + log 2 pi) = 4.2568; the prototype's mean 4.225, sd .029.
    values = [po.entropy_knn(samples(2000, 1, 3, seed=s)[0], 3, n_blocks=0).value for s in range(20)]
    assert abs(np.mean(values) - 4.225) < 3 * 0.029 * math.sqrt(2 / 20)
    assert abs(np.mean(values) - 4.2568) < 0.06


def test_the_adaptive_estimator_is_less_biased_at_five_columns():
    pairs = [samples(1000, 1000, 5, 0.5, s) for s in range(12)]
    plain = np.mean([po.kl_divergence(X, Y, n_blocks=0).value for X, Y in pairs])
    adaptive = np.mean([po.kl_divergence(X, Y, estimator="wkv-adaptive", n_blocks=0).value for X, Y in pairs])
    assert abs(adaptive - 0.625) < abs(plain - 0.625)


@pytest.mark.parametrize(("n", "m", "k"), [(60, 45, 5), (400, 300, 3), (30, 30, 12), (2100, 300, 2)])
def test_the_jackknife_equals_full_recomputation_without_each_block(n, m, k):
    X, Y = samples(n, m, 2)
    the_key = key(7)
    x_blocks, y_blocks = deal_blocks(n, 20, the_key), deal_blocks(m, 20, the_key, 1)
    assert np.ptp(np.bincount(x_blocks)) <= 1

    def variance(f, rows, blocks):
        left = np.array([f(rows[blocks != b]).value for b in range(20)])
        return 19 / 20 * ((left - left.mean()) ** 2).sum()

    def kl(a, b, **options):
        return po.kl_divergence(a, b, (k, k + 1), **options)

    def renyi(a, b, **options):
        return po.renyi_divergence(a, b, 0.5, k, **options)

    for estimate in (kl, renyi):
        ours = estimate(X, Y, rng=7)
        without = functools.partial(estimate, n_blocks=0)
        from_x = variance(functools.partial(lambda f, rows: f(rows, Y), without), X, x_blocks)
        from_y = variance(functools.partial(lambda f, rows: f(X, rows), without), Y, y_blocks)
        assert ours.diagnostics["stderr_x"] == pytest.approx(math.sqrt(from_x), rel=1e-9)
        assert ours.diagnostics["stderr_y"] == pytest.approx(math.sqrt(from_y), rel=1e-9)
        assert ours.stderr == pytest.approx(math.sqrt(from_x + from_y), rel=1e-9)
        assert 19 <= ours.df <= 38
    alone = po.entropy_knn(X, k, rng=7)
    truth = variance(lambda rows: po.entropy_knn(rows, k, n_blocks=0), X, x_blocks)
    assert alone.stderr == pytest.approx(math.sqrt(truth), rel=1e-9)
    assert alone.df == pytest.approx(19)


def test_the_jackknife_of_sorted_neighbours_finds_those_outside_a_block_of_near_ones():
    # 20 tight clusters: dealt at random, but a long run of one block among the neighbours must not shorten the list.
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(20, 2)) * 100, 12, axis=0) + rng.normal(size=(240, 2))
    blocks = deal_blocks(240, 3, key(5))
    ours = po.entropy_knn(X, 9, n_blocks=3, rng=5)
    left = np.array([po.entropy_knn(X[blocks != b], 9, n_blocks=0).value for b in range(3)])
    assert ours.stderr == pytest.approx(math.sqrt(2 / 3 * ((left - left.mean()) ** 2).sum()), rel=1e-9)


def test_standard_errors_cover_the_estimators_own_mean():
    # Conservative by nature: 97 to 98.5 % were measured over 400 runs at n = 1000. Of 150 runs with coverage c >= .95,
    # fewer than .95 - 3 sqrt(.95 .05 / 150) = .897 cover with probability about .001.
    runs = []
    for seed in range(150):
        X, Y = samples(400, 400, 2, 0.7, seed)
        runs.append((po.kl_divergence(X, Y, rng=seed), po.renyi_divergence(X, Y, 0.5, rng=seed)))
    for estimates in zip(*runs):
        mean = np.mean([e.value for e in estimates])
        spread = np.std([e.value for e in estimates], ddof=1)
        inside = [e.confidence_interval().lower <= mean <= e.confidence_interval().upper for e in estimates]
        assert np.mean(inside) > 0.897
        # Neither far too wide: the ratio of standard error to spread was 1.1 to 1.5.
        assert 0.9 < np.mean([e.stderr for e in estimates]) / spread < 1.8


def test_a_shift_and_a_scale_common_to_both_change_nothing_and_move_the_entropy():
    X, Y = samples(300, 300, 2)
    plain = po.kl_divergence(X, Y, rng=0)
    moved = po.kl_divergence(8 * X + 64, 8 * Y + 64, rng=0)
    assert moved.value == pytest.approx(plain.value, abs=1e-9)
    assert moved.stderr == pytest.approx(plain.stderr, rel=1e-9)
    assert po.entropy_knn(8 * X).value == pytest.approx(po.entropy_knn(X).value + 2 * math.log(8), abs=1e-9)
    wide = X * [1.0, 1000.0], Y * [1.0, 1000.0]
    pooled = np.concatenate(wide)
    scaled = [(rows - pooled.mean(0)) / pooled.std(0) for rows in wide]
    assert po.kl_divergence(*wide, standardize="pooled").value == pytest.approx(
        po.kl_divergence(*scaled).value, rel=1e-9
    )


def test_base_and_clip():
    X, Y = samples(300, 300, 2, 0.0, 3)
    nats, bits = po.kl_divergence(X, Y, rng=0), po.kl_divergence(X, Y, base=2, rng=0)
    assert bits.value == pytest.approx(nats.value / math.log(2), rel=1e-14)
    assert bits.stderr == pytest.approx(nats.stderr / math.log(2), rel=1e-14)
    negative = next(
        s for s in range(50) if po.kl_divergence(*samples(100, 100, 2, 0.0, s), n_blocks=0).value < 0
    )  # at p = q half of all estimates are
    clipped = po.kl_divergence(*samples(100, 100, 2, 0.0, negative), clip=True, rng=0)
    assert clipped.value == 0.0
    assert clipped.diagnostics["clipped"]
    assert not nats.diagnostics["clipped"]


def test_renyi_near_one_is_kullback_leibler():
    X, Y = samples(300, 300, 2)
    assert po.renyi_divergence(X, Y, 1.0, rng=0).value == po.kl_divergence(X, Y, rng=0).value
    assert po.renyi_divergence(X, Y, 1.0 + 1e-4).value == pytest.approx(po.kl_divergence(X, Y).value, abs=1e-3)


def test_duplicates_raise_with_their_number_and_the_remedy():
    X, Y = samples(100, 100, 2)
    X[:7] = X[0]
    with pytest.raises(ValueError, match=r"X: 7 of 100 rows .*\(7 within X, 0 in Y\).*duplicates='jitter' or 'drop'"):
        po.kl_divergence(X, Y)
    with pytest.raises(ValueError, match="7 of 100 rows"):
        po.entropy_knn(X)
    assert math.isfinite(po.kl_divergence(X, Y, 7).value)  # fewer than k duplicates do no harm


def test_shared_rows_are_called_by_their_name():
    X, Y = samples(100, 100, 2)
    with pytest.raises(ValueError, match="do X and Y share rows"):
        po.kl_divergence(X, np.concatenate([X, Y]), 1)


def test_dropped_duplicates_are_counted_and_left_out():
    X, Y = samples(200, 150, 2)
    X[:7] = X[0]
    ours = po.kl_divergence(X, Y, duplicates="drop", rng=0)
    assert ours.diagnostics["zero_distances"] == 7
    rho, nu = reference.sorted_distances(X, Y, "euclidean")
    kept = np.asarray(rho[:, 4]) > 0
    truth = 2 * np.log(nu[kept, 4] / rho[kept, 4]).mean() + math.log(150 / 199)
    assert ours.value == pytest.approx(float(truth), rel=1e-10)
    blocks = deal_blocks(200, 20, key(0))
    left = [po.kl_divergence(X[blocks != b], Y, duplicates="drop", n_blocks=0).value for b in range(20)]
    truth = math.sqrt(19 / 20 * ((left - np.mean(left)) ** 2).sum())
    assert ours.diagnostics["stderr_x"] == pytest.approx(truth, rel=1e-9)
    with pytest.raises(ValueError, match="every row"):
        po.entropy_knn(np.repeat(X[:10], 9, axis=0), duplicates="drop")


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_jitter_unties_data_of_any_scale_and_origin(scale):
    X, Y = samples(200, 200, 2)
    X, Y = np.round(X, 1) * scale + 1e6 * scale, np.round(Y, 1) * scale + 1e6 * scale
    with pytest.raises(ValueError, match="at distance 0"):
        po.kl_divergence(X, Y, 1)
    one = po.kl_divergence(X, Y, 1, duplicates="jitter", rng=3)
    assert math.isfinite(one.value)
    assert one.diagnostics["zero_distances"] == 0
    assert one.value == po.kl_divergence(X, Y, 1, duplicates="jitter", rng=3).value
    assert one.value != po.kl_divergence(X, Y, 1, duplicates="jitter", rng=4).value


def test_unequal_samples_count():
    # Forgetting log(m / (n - 1)) would shift this by log 4.
    values = [po.kl_divergence(*samples(500, 2000, 1, 1.0, s), n_blocks=0).value for s in range(20)]
    assert abs(np.mean(values) - 0.5) < 0.06


def test_many_columns_and_few_rows_warn_and_bias_is_named():
    X, Y = samples(100, 100, 51)
    with pytest.warns(po.ReliabilityWarning, match="biased low"):
        e = po.kl_divergence(X, Y)
    assert e.diagnostics["biased_low"]
    X, Y = samples(2000, 2000, 64, 0.3)
    e = po.kl_divergence(X, Y, n_blocks=0)
    assert e.value < 0.8 * 64 * 0.3**2 / 2  # the truth is 2.88
    assert e.diagnostics["biased_low"]
    assert not po.kl_divergence(*samples(100, 100, 2), n_blocks=0).diagnostics["biased_low"]


def test_smallest_samples_have_a_value_and_an_unknown_standard_error():
    X, Y = np.array([[0.0], [1.0]]), np.array([[3.0]])
    e = po.kl_divergence(X, Y, 1)
    assert e.value == pytest.approx(0.5 * (math.log(3) + math.log(2)) + math.log(1 / 1))
    assert math.isnan(e.stderr)
    e = po.kl_divergence(*samples(6, 8, 2), 5, rng=0)  # without any row fewer than k are left
    assert math.isfinite(e.value)
    assert math.isnan(e.stderr)
    assert math.isnan(po.entropy_knn(X, 1).stderr)
    adaptive = po.kl_divergence(*samples(6, 8, 2), estimator="wkv-adaptive", rng=0)
    assert math.isfinite(adaptive.stderr)


def test_inputs_are_untouched_and_float32_is_searched_as_it_is():
    X, Y = samples(300, 300, 3)
    single = X.astype(np.float32), Y.astype(np.float32)
    for rows in (X, Y, *single):
        rows.flags.writeable = False
    exact = [rows.astype(np.float64) for rows in single]
    for call in (po.kl_divergence, lambda a, b, **k: po.renyi_divergence(a, b, 0.5, **k)):
        a, b = call(*single, rng=0), call(*exact, rng=0)
        assert a.value == pytest.approx(b.value, rel=1e-12)
        assert a.stderr == pytest.approx(b.stderr, rel=1e-9)


def everything(workers: int | None) -> list[float]:
    out = []
    for d in (2, 20):
        X, Y = samples(2100, 400, d)
        estimates = [
            po.entropy_knn(X, rng=1, workers=workers),
            po.kl_divergence(X, Y, rng=1, workers=workers),
            po.kl_divergence(X, Y, estimator="wkv-adaptive", n_blocks=3, rng=1, workers=workers),
            po.kl_divergence(np.round(X, 1), np.round(Y, 1), duplicates="jitter", rng=1, workers=workers),
            po.renyi_divergence(X, Y, 0.5, rng=1, workers=workers),
        ]
        out += [x for e in estimates for x in (e.value, e.stderr)]
    return out


def test_any_number_of_workers_and_every_instruction_set_give_the_same_bits():
    truth = everything(1)
    assert everything(2) == truth
    assert everything(5) == truth
    code = "import sys; sys.path[:0] = sys.argv[1:]; import test_divergence as t; print(t.everything(1))"
    for isa in ("baseline", "avx2", "avx512"):
        run = subprocess.run(
            [sys.executable, "-c", code, os.path.dirname(__file__), *sys.path],
            env={**os.environ, "PONDERA_ISA": isa},
            check=True,
            capture_output=True,
            text=True,
        )
        assert run.stdout.strip() == str(truth)


def test_digamma_and_unit_balls_equal_scipy():
    special = pytest.importorskip("scipy.special")
    x = np.concatenate([np.arange(1, 50), np.geomspace(0.1, 1e9, 100)])
    np.testing.assert_allclose(divergence._digamma(x), special.digamma(x), rtol=1e-13, atol=1e-14)
    assert divergence._log_ball(3, "euclidean", None) == pytest.approx(math.log(4 / 3 * math.pi), rel=1e-14)
    assert divergence._log_ball(3, "chebyshev", None) == pytest.approx(math.log(8), rel=1e-14)
    assert divergence._log_ball(3, "cityblock", None) == pytest.approx(math.log(8 / 6), rel=1e-14)
    assert divergence._log_ball(3, "minkowski", 2.0) == pytest.approx(math.log(4 / 3 * math.pi), rel=1e-14)


A, B = samples(20, 20, 2)
CONSTANT = A * [1.0, 0.0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: po.kl_divergence(A[:, 0], B), "X: expected a 2-d array"),
        (lambda: po.kl_divergence(A, B[:, 0]), "Y: expected a 2-d array"),
        (lambda: po.kl_divergence(A, B[:, :1]), "Y: expected 2 columns like X"),
        (lambda: po.kl_divergence(A, B * np.nan), "Y: .*NaN or infinite"),
        (lambda: po.kl_divergence(A[:0], B), "X: expected at least one row"),
        (lambda: po.kl_divergence(A, B[:0]), "Y: expected at least one row"),
        (lambda: po.kl_divergence(A[:5], B), "k: expected 1 to 4 neighbours among the other rows of X, received 5"),
        (lambda: po.kl_divergence(A, B[:4]), "k: expected 1 to 4 neighbours among the rows of Y, received 5"),
        (lambda: po.kl_divergence(A[:1], B, 1), "k: expected 1 to 0 neighbours"),
        (lambda: po.kl_divergence(A, B, 0), "k: expected a positive"),
        (lambda: po.kl_divergence(A, B, (1, 2, 3)), "k: expected an integer"),
        (lambda: po.kl_divergence(A, B, estimator="knn"), "estimator: expected one of wkv"),
        (lambda: po.kl_divergence(A[:1], B, estimator="wkv-adaptive"), "k: expected 1 to 0"),
        (lambda: po.kl_divergence(A, B, metric="cosine"), "metric: expected one of euclidean"),
        (lambda: po.kl_divergence(A, B, metric="minkowski"), "p: the minkowski metric needs"),
        (lambda: po.kl_divergence(A, B, base=1.0), "base: expected a number above 1"),
        (lambda: po.kl_divergence(A, B, base="e"), "base: expected a number"),
        (lambda: po.kl_divergence(A, B, standardize="each"), "standardize: expected None or 'pooled'"),
        (lambda: po.kl_divergence(A, B, duplicates="ignore"), "duplicates: expected 'raise'"),
        (lambda: po.kl_divergence(A, B, n_blocks=1), "n_blocks: expected 0 or at least 2"),
        (lambda: po.kl_divergence(A, B, n_blocks=2.0), "n_blocks: expected an integer"),
        (lambda: po.kl_divergence(A, B, algorithm="ball"), "algorithm: expected one of"),
        (lambda: po.kl_divergence(A, B, rng="seed"), "rng"),
        (lambda: po.kl_divergence(CONSTANT, np.add(CONSTANT, [1.0, 0.0])), "X: column 1 is constant in X and Y"),
        (lambda: po.entropy_knn(CONSTANT), "X: column 1 is constant in X"),
        (lambda: po.entropy_knn(A, 20), "k: expected 1 to 19 neighbours among the other rows"),
        (lambda: po.renyi_divergence(A, B, 7.0), r"k: order 7 needs more than abs\(alpha - 1\) = 6, received 5"),
        (lambda: po.renyi_divergence(A, B, -4.0), "k: order -4 needs more"),
        (lambda: po.renyi_divergence(A, B, math.inf), "alpha: expected a finite number"),
        (lambda: po.renyi_divergence(A, B, "half"), "alpha: expected a number"),
        (lambda: po.renyi_divergence(A, B, 0.5, (5, 5)), "k: expected an integer"),
    ],
)
def test_bad_input_is_refused_by_name(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
