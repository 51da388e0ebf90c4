"""Sobol' sequences, designs and indices against SciPy, SALib, JAX, definitions digit by digit, and closed forms."""

from __future__ import annotations

import concurrent.futures
import doctest
import itertools
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pondera as po
from pondera import _core, sensitivity
from reference import sensitivity as reference

ESTIMATORS = ("saltelli", "jansen", "homma", "janon", "glen", "martinez")


def qmc():
    return pytest.importorskip("scipy.stats").qmc


def digits_of(points):
    """The 52 digits of float64 points as integers."""
    return np.floor(np.asarray(points) * 2.0**52).astype(np.int64)


# -- sequences


@pytest.mark.parametrize(("d", "n"), [(1, 4096), (2, 8), (7, 1024), (40, 131_072), (1111, 256), (21201, 64)])
def test_unscrambled_points_are_those_of_scipy(d, n):
    np.testing.assert_array_equal(po.sobol_sequence(n, d, scramble=None), qmc().Sobol(d, scramble=False).random(n))


@pytest.mark.slow
def test_every_direction_number_of_the_table_is_that_of_scipy():
    # Point 2^k - 1 in Gray-code order is the direction v_k itself; the table's numbers end at k = 18.
    engine = qmc().Sobol(21201, scramble=False)
    at = 0
    for k in range(1, 19):
        engine.fast_forward(2**k - 1 - at)
        at = 2**k
        ours = po.sobol_sequence(1, 21201, scramble=None, start=2**k - 1)
        np.testing.assert_array_equal(ours, engine.random(1))


def test_first_points_are_the_published_ones():
    points = po.sobol_sequence(8, 2, scramble=None)[:5]
    np.testing.assert_array_equal(points, [[0, 0], [0.5, 0.5], [0.75, 0.25], [0.25, 0.75], [0.375, 0.375]])


def test_direction_numbers_follow_the_recurrence_to_52_digits():
    polynomials, initial = sensitivity._table()
    V = sensitivity._directions(21201)
    for k in (0, 1, 2, 3, 100, 4321, 21200):
        expected = reference.directions(int(polynomials[k]), [int(m) for m in initial[:, k]])
        assert [int(v) for v in V[:, k]] == expected


POINTS = [0, 1, 2, 3, 77, 255, 256, 5000, 65535, 2**30 + 12345, 2**45 + 2**20 + 1, 2**52 - 1]


@pytest.mark.filterwarnings("ignore::pondera.ReliabilityWarning")
@pytest.mark.parametrize("scramble", ["owen", "lms", None])
def test_scrambled_digits_are_those_of_the_definition(scramble):
    key, d = po.random.Key(5, 6), 19
    V = sensitivity._directions(d)
    for index in POINTS:
        row = digits_of(po.sobol_sequence(1, d, scramble=scramble, start=index, rng=key))[0]
        for k in (0, 1, 7, 8, 18):
            x = reference.digits([int(v) for v in V[:, k]], index)
            if scramble == "owen":
                x = reference.owen(_core.random.philox, key, x, k)
            elif scramble == "lms":
                x = reference.lms(key.stream(po.random.Purpose.LMS, k).bits(np.arange(53)), x)
            assert int(row[k]) == x


@pytest.mark.filterwarnings("ignore::pondera.ReliabilityWarning")
@pytest.mark.parametrize("scramble", ["owen", "lms", None])
@given(start=st.integers(0, 70_000), n=st.integers(0, 700), d=st.integers(1, 20))
@settings(max_examples=20, deadline=None)
def test_a_range_is_the_same_however_it_is_cut(scramble, start, n, d):
    whole = po.sobol_sequence(2**17, 20, scramble=scramble, rng=3)  # long enough for the table of level 2
    np.testing.assert_array_equal(
        po.sobol_sequence(n, d, scramble=scramble, start=start, rng=3), whole[start : start + n, :d]
    )


def t_value(points, m):
    """Smallest t such that all elementary intervals of volume 2^(t-m) hold 2^t of the 2^m points."""
    d = points.shape[1]
    for t in range(m + 1):
        good = True
        for shape in itertools.product(range(m - t + 1), repeat=d):
            if sum(shape) != m - t:
                continue
            cells = np.floor(points * 2.0 ** np.array(shape)).astype(np.int64)
            flat = np.ravel_multi_index(tuple(cells.T), tuple(2**s for s in shape))
            good &= bool((np.bincount(flat, minlength=2 ** (m - t)) == 2**t).all())
        if good:
            return t
    raise AssertionError


@pytest.mark.parametrize("scramble", ["owen", "lms"])
def test_scrambling_keeps_the_net(scramble):
    for d, m in ((1, 10), (2, 9), (3, 7), (5, 6)):
        plain = t_value(po.sobol_sequence(2**m, d, scramble=None), m)
        assert plain == 0 or d > 2
        for seed in range(5):
            assert t_value(po.sobol_sequence(2**m, d, scramble=scramble, rng=seed), m) <= plain


def smooth(X):
    return np.exp(X[:, 0]) * (X[:, 1] + 0.5) ** 2


@pytest.mark.parametrize("scramble", ["owen", "lms"])
def test_the_error_of_a_smooth_mean_falls_like_n_to_the_minus_three_halves(scramble):
    truth = (math.e - 1) * (1.5**3 - 0.5**3) / 3
    m = np.arange(3, 11)
    error = [
        [smooth(po.sobol_sequence(2**k, 2, scramble=scramble, rng=s)).mean() - truth for s in range(100)] for k in m
    ]
    rms = np.sqrt(np.mean(np.square(error), axis=1))
    # Each of 8 log2 rms has a standard error of at most 1/(ln 2 sqrt 200) = .1 (heavier for lms: .2), and the slope of
    # a line through them .2/sqrt(42) = .03; plain Monte Carlo would give -.5, points without scrambled digits -1.
    assert np.polyfit(m, np.log2(rms), 1)[0] < -1.5 + 4 * 0.03
    # Unbiased: at n = 8 the mean of 100 errors is within 4 of its standard errors.
    assert abs(np.mean(error[0])) < 4 * np.std(error[0]) / 10


@pytest.mark.parametrize("scramble", ["owen", "lms"])
def test_each_scrambled_point_is_uniform(scramble):
    # One digit of one point over 2000 keys is a fair coin: 52 x 3 z-scores, the largest below 5.
    digits = np.array([digits_of(po.sobol_sequence(4, 1, scramble=scramble, rng=s))[:3, 0] for s in range(2000)])
    ones = (digits[..., None] >> np.arange(52) & 1).mean(axis=0)
    assert np.abs((ones - 0.5) * 2 * math.sqrt(2000)).max() < 5


def test_owen_flips_are_independent_below_the_first_differing_digit():
    # Points 0 and 1 of dimension 0 differ in digit 0, points 0 and 2 as well, 0 and 3 in digit 1 (0, 1/2, 3/4, 1/4).
    runs = 2000
    digits = np.array([digits_of(po.sobol_sequence(4, 1, rng=s))[:, 0] for s in range(runs)])
    for other, shared in ((1, 0), (2, 0), (3, 1)):
        differ = (digits[:, 0] ^ digits[:, other])[:, None] >> (51 - np.arange(52)) & 1
        assert not differ[:, :shared].any()
        assert differ[:, shared].all()
        below = differ[:, shared + 1 :]
        assert np.abs((below.mean(axis=0) - 0.5) * 2 * math.sqrt(runs)).max() < 5
        # Neighbouring digits differ independently; with a linear scrambling they would not be random at all.
        both = (below[:, 1:] == below[:, :-1]).mean(axis=0)
        assert np.abs((both - 0.5) * 2 * math.sqrt(runs)).max() < 5


def test_dimensions_are_scrambled_independently():
    # First digits of 40 dimensions over 2000 keys: all pairwise correlations within 5/sqrt(2000).
    first = np.array([po.sobol_sequence(1, 40, rng=s)[0] > 0.5 for s in range(2000)]) * 2.0 - 1
    correlation = first.T @ first / 2000 - np.eye(40)
    assert np.abs(correlation).max() < 5 / math.sqrt(2000)


@pytest.mark.parametrize("scramble", ["owen", "lms"])
def test_scrambled_points_lie_in_the_open_interval_in_both_precisions(scramble):
    for dtype in (np.float64, np.float32):
        x = po.sobol_sequence(2**14, 3, scramble=scramble, dtype=dtype, rng=0)
        assert x.dtype == dtype
        assert 0 < x.min() < 2**-13
        assert 1 - 2**-13 < x.max() < 1


def test_float32_points_are_the_leading_digits_of_float64_points():
    for scramble, bits in (("owen", 23), ("lms", 23), (None, 24)):
        x = po.sobol_sequence(4096, 5, scramble=scramble, rng=1)
        y = po.sobol_sequence(4096, 5, scramble=scramble, rng=1, dtype=np.float32)
        np.testing.assert_array_equal(np.floor(x * 2.0**bits), np.floor(y.astype(float) * 2.0**bits))


def test_out_is_filled_and_returned():
    out = np.full((64, 3), np.nan)
    assert po.sobol_sequence(64, 3, rng=0, out=out) is out
    np.testing.assert_array_equal(out, po.sobol_sequence(64, 3, rng=0))


def test_unbalanced_points_warn_and_balanced_ones_do_not():
    with pytest.warns(po.ReliabilityWarning, match="no balanced net"):
        po.sobol_sequence(100, 2, rng=0)
    for n, start in ((0, 0), (1, 0), (64, 0), (64, 128), (192, 64)):
        assert len(po.sobol_sequence(n, 2, start=start, rng=0)) == n


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"n": -1, "d": 1}, "n: "),
        ({"n": 4, "d": 0}, "d: "),
        ({"n": 4, "d": 21202}, "d: "),
        ({"n": 4, "d": 2, "start": -1}, "start: "),
        ({"n": 4, "d": 2, "start": 2**52}, "start: "),
        ({"n": 4, "d": 2, "scramble": "yes"}, "scramble: "),
        ({"n": 4, "d": 2, "scramble": True}, "scramble: "),
        ({"n": 4, "d": 2, "dtype": np.int64}, "dtype: "),
        ({"n": 4, "d": 2, "out": np.empty((4, 3))}, "out: "),
        ({"n": 4, "d": 2, "out": np.empty((8, 2))[::2]}, "out: "),
        ({"n": 4.0, "d": 2}, "n: "),
        ({"n": True, "d": 2}, "n: "),
        ({"n": 4, "d": 2, "out": np.empty((4, 2), dtype=np.float32)}, "out: "),
    ],
)
def test_bad_arguments_of_the_sequence_are_named(arguments, match):
    with pytest.raises((ValueError, TypeError), match=match):
        po.sobol_sequence(**arguments)


# -- designs


def ishigami(X):
    return np.sin(X[:, 0]) + 7 * np.sin(X[:, 1]) ** 2 + 0.1 * X[:, 2] ** 4 * np.sin(X[:, 0])


BOX = [(-math.pi, math.pi)] * 3
ISHIGAMI = {
    "first": np.array([0.313905, 0.442411, 0.0]),
    "total": np.array([0.557589, 0.442411, 0.243684]),
    "variance": 13.844588,
}

A_G = np.array([0, 1, 4.5, 9, 99, 99, 99, 99])
V_G = 1 / 3 / (1 + A_G) ** 2
V_ALL = np.prod(1 + V_G) - 1


def g_function(X):
    return np.prod((np.abs(4 * X - 2) + A_G) / (1 + A_G), axis=1)


def test_the_closed_forms_of_ishigami_agree_with_its_definition():
    a, b = 7, 0.1
    V1 = 0.5 * (1 + b * math.pi**4 / 5) ** 2
    V13 = b**2 * math.pi**8 * (1 / 18 - 1 / 50)
    V = V1 + a**2 / 8 + V13
    assert pytest.approx(V, abs=1e-5) == ISHIGAMI["variance"]
    np.testing.assert_allclose(ISHIGAMI["first"], [V1 / V, a**2 / 8 / V, 0], atol=1e-5)
    np.testing.assert_allclose(ISHIGAMI["total"], [(V1 + V13) / V, a**2 / 8 / V, V13 / V], atol=1e-5)


@pytest.mark.parametrize("sampler", ["sobol", "lhs", "halton", "mc"])
def test_a_design_takes_each_groups_columns_from_the_other_matrix(sampler):
    design = po.saltelli_design(
        64, 5, groups=[[0, 3], [1], [4, 2]], second_order=True, sampler=sampler, replicates=2, rng=0
    )
    assert design.X.shape == (2 * 8 * 32, 5)
    assert len(design) == 512
    A, B, AB, BA = design.A, design.B, design.AB, design.BA
    assert not (A == B).any()
    for g, columns in enumerate(design.groups):
        for j in range(5):
            inside = j in columns
            np.testing.assert_array_equal(AB[g][:, j], (B if inside else A)[:, j])
            np.testing.assert_array_equal(BA[g][:, j], (A if inside else B)[:, j])
    # The order to evaluate: replicate by replicate, matrix by matrix.
    np.testing.assert_array_equal(design.X[:32], A[:32])
    np.testing.assert_array_equal(design.X[32:64], B[:32])
    np.testing.assert_array_equal(design.X[64:96], AB[0][:32])
    np.testing.assert_array_equal(design.X[256:288], A[32:])


def test_the_design_is_one_sequence_of_twice_the_dimensions():
    design = po.saltelli_design(256, 3, rng=4)
    both = po.sobol_sequence(256, 6, rng=4)
    np.testing.assert_array_equal(design.A, both[:, :3])
    np.testing.assert_array_equal(design.B, both[:, 3:])


def test_replicates_are_different_scramblings_of_equal_size():
    design = po.saltelli_design(1000, 2, replicates=8, rng=0)
    assert (design.n, design.replicates) == (128, 8)
    parts = design.A.reshape(8, 128, 2)
    assert len(np.unique(parts[:, 0, 0])) == 8
    for part in parts:
        assert (np.sort(np.floor(part * 128), axis=0) == np.arange(128)[:, None]).all()
    assert po.saltelli_design(1000, 2, sampler="lhs", replicates=8, rng=0).n == 125
    assert po.saltelli_design(3, 2, replicates=8, rng=0).n == 2


def test_latin_hypercubes_have_one_point_in_each_stratum():
    X = _core.sensitivity.latin_hypercube(100, 4, (1, 2), 1)
    assert (np.sort(np.floor(X * 100), axis=0) == np.arange(100)[:, None]).all()
    assert X.min() > 0
    assert X.max() < 1
    # Columns are ordered independently: rank correlations within 5/sqrt(99).
    correlation = np.corrcoef(np.argsort(X, axis=0).T) - np.eye(4)
    assert np.abs(correlation).max() < 5 / math.sqrt(99)
    # Points are uniform inside their strata: 400 fractions, mean within 5 standard errors.
    assert abs((X * 100 % 1).mean() - 0.5) < 5 / math.sqrt(12 * 400)


def test_halton_points_are_those_of_scipy_and_scrambling_keeps_their_strata():
    bases = sensitivity._primes(30)
    np.testing.assert_array_equal(bases[:6], [2, 3, 5, 7, 11, 13])
    plain = _core.sensitivity.halton(500, bases, False, (0, 0), 1)
    np.testing.assert_allclose(plain, qmc().Halton(30, scramble=False).random(500), rtol=0, atol=1e-15)
    for seed in range(5):
        X = _core.sensitivity.halton(9, np.array([3]), True, (seed, 1), 1)
        assert (np.sort(np.floor(9 * X[:, 0])) == np.arange(9)).all()
    first = np.array([_core.sensitivity.halton(1, np.array([5]), True, (s, 2), 1)[0, 0] for s in range(2000)])
    assert first.min() > 0
    assert first.max() < 1
    assert abs(first.mean() - 0.5) < 5 / math.sqrt(12 * 2000)
    counts = np.bincount((first * 25).astype(int), minlength=25)
    assert ((counts - 80) ** 2 / 80).sum() < 24 + 5 * math.sqrt(48)  # chi-square with 24 degrees of freedom


def test_monte_carlo_rows_are_counter_uniforms():
    X = _core.sensitivity.monte_carlo(100, 3, (7, 8), 1)
    key = po.random.Key(7, 8)
    for k in range(3):
        np.testing.assert_array_equal(X[:, k], key.stream(29, k).uniform(np.arange(100)))


def test_inputs_follow_their_distributions():
    stats = pytest.importorskip("scipy.stats")
    dists = {"a": stats.norm(3, 2), "b": (2, 5), "c": lambda u: -np.log1p(-u)}
    design = po.saltelli_design(4096, dists=dists, rng=0)
    assert design.names == ("a", "b", "c")
    u = po.saltelli_design(4096, 3, rng=0)
    np.testing.assert_array_equal(design.A[:, 0], stats.norm(3, 2).ppf(u.A[:, 0]))
    np.testing.assert_allclose(design.AB[1][:, 1], 2 + 3 * u.B[:, 1], rtol=1e-15)
    np.testing.assert_allclose(design.A.mean(axis=0), [3, 3.5, 1], atol=0.01)
    normal = getattr(stats, "Normal", None)  # SciPy's newer distributions have icdf
    if normal is not None:
        newer = po.saltelli_design(64, dists=[normal(mu=3.0, sigma=2.0)], rng=0)
        np.testing.assert_allclose(newer.A, po.saltelli_design(64, dists=[stats.norm(3, 2)], rng=0).A, rtol=1e-12)


def test_groups_are_named_and_must_be_a_partition():
    design = po.saltelli_design(8, 3, names=["a", "b", "c"], groups=[["a", "c"], "b"], rng=0)
    assert design.names == ("a+c", "b")
    assert design.groups == ((0, 2), (1,))
    assert po.saltelli_design(8, 3, groups={"left": [0], "right": [1, 2]}, rng=0).names == ("left", "right")
    for groups in ([[0], [1]], [[0, 1], [1, 2]], [[0, 1, 2], []]):
        with pytest.raises(ValueError, match="groups: expected a partition"):
            po.saltelli_design(8, 3, groups=groups, rng=0)
    with pytest.raises(ValueError, match="groups: there is no input 'z'"):
        po.saltelli_design(8, 3, groups=[["z"], [0, 1, 2]], rng=0)
    with pytest.raises(ValueError, match="groups: "):
        po.saltelli_design(8, 3, groups=[[0, 1], [3]], rng=0)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({}, "d: "),
        ({"d": 0}, "d: "),
        ({"d": 10601}, "d: "),
        ({"d": 2, "n": 1}, "n: "),
        ({"d": 3, "dists": [(0, 1)] * 2}, "dists: "),
        ({"dists": 3}, "dists: "),
        ({"dists": [(0, 1), (1, 1)]}, "dists: input 1"),
        ({"dists": [(0, 1), (0, math.inf)]}, "dists: input 1"),
        ({"dists": [(0, 1), "normal"]}, "dists: input 1"),
        ({"dists": [(0, 1), lambda u: np.log(u - 0.5)]}, "dists: input 1"),
        ({"d": 2, "sampler": "grid"}, "sampler: "),
        ({"d": 2, "scramble": "all"}, "scramble: "),
        ({"d": 2, "scramble": "lms", "sampler": "halton"}, "scramble: "),
        ({"d": 2, "scramble": None, "replicates": 2}, "replicates: "),
        ({"d": 2, "replicates": 0}, "replicates: "),
        ({"d": 2, "names": ["a"]}, "names: "),
        ({"d": 2, "rng": "seed"}, "rng: "),
        ({"d": 2, "workers": 0}, "workers: "),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_bad_arguments_of_the_design_are_named(arguments, match):
    with pytest.raises((ValueError, TypeError), match=match):
        po.saltelli_design(**{"n": 8, **arguments})


@pytest.mark.parametrize("sampler", ["sobol", "halton"])
def test_unscrambled_points_are_refused_with_unbounded_distributions(sampler):
    stats = pytest.importorskip("scipy.stats")
    with pytest.raises(ValueError, match="dists: input 1 is unbounded"):
        po.saltelli_design(8, dists=[(0, 1), stats.norm()], sampler=sampler, scramble=None)
    assert np.isfinite(po.saltelli_design(8, dists=[stats.norm()], sampler=sampler, rng=0).X).all()
    assert len(po.saltelli_design(8, dists=[stats.uniform()], sampler=sampler, scramble=None)) == 24


def test_a_design_that_is_no_power_of_two_warns():
    with pytest.warns(po.ReliabilityWarning, match="no balanced net"):
        po.saltelli_design(100, 2, rng=0)
    po.saltelli_design(100, 2, sampler="lhs", rng=0)


def test_designs_are_saved_and_loaded(tmp_path):
    design = po.saltelli_design(16, dists={"a": (0, 1), "b": (1, 2)}, second_order=True, rng=0)
    design.save(tmp_path / "design.npz")
    back = po.load(tmp_path / "design.npz")
    np.testing.assert_array_equal(back.X, design.X)
    assert (back.groups, back.names, back.matrices) == (design.groups, design.names, 6)
    y = design.X.sum(axis=1)
    np.testing.assert_array_equal(po.sobol_indices(back, y, rng=0).first, po.sobol_indices(design, y, rng=0).first)


# -- indices


@pytest.mark.parametrize("seed", range(3))
def test_ishigami_with_4096_owen_points_is_exact_to_a_hundredth(seed):
    # Over 40 seeds the root mean square errors are at most .005; the fixed seeds here are inside twice that.
    design = po.saltelli_design(4096, dists=BOX, second_order=True, rng=seed)
    indices = po.sobol_indices(design, ishigami(design.X), n_boot=2, rng=0)
    np.testing.assert_allclose(indices.first, ISHIGAMI["first"], atol=0.01)
    np.testing.assert_allclose(indices.total, ISHIGAMI["total"], atol=0.01)
    assert indices.variance == pytest.approx(ISHIGAMI["variance"], rel=0.01)
    assert indices.second[0, 2] == pytest.approx(0.243684, abs=0.03)
    assert abs(indices.second[0, 1]) < 0.03
    assert np.isnan(indices.second[np.tril_indices(3)]).all()


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_estimator_finds_ishigami_and_the_g_function(estimator):
    design = po.saltelli_design(4096, dists=BOX, rng=1)
    indices = po.sobol_indices(design, ishigami(design.X), estimator=estimator, n_boot=2, rng=0)
    np.testing.assert_allclose(indices.first, ISHIGAMI["first"], atol=0.03)
    np.testing.assert_allclose(indices.total, ISHIGAMI["total"], atol=0.03)
    design = po.saltelli_design(4096, 8, rng=1)
    indices = po.sobol_indices(design, g_function(design.X), estimator=estimator, n_boot=2, rng=0)
    np.testing.assert_allclose(indices.first, V_G / V_ALL, atol=0.03)
    np.testing.assert_allclose(indices.total, V_G * (1 + V_ALL) / (1 + V_G) / V_ALL, atol=0.03)


def test_estimates_are_within_their_standard_errors_of_the_truth():
    # 30 seeds x 6 indices: t with 7 degrees of freedom has variance 7/5 and kurtosis 5, so that the mean of 180 squares
    # (those of one design dependent, 6 for 1) is 1.4 with a standard error below 1.4 sqrt((5 - 1) / 30) = .52.
    z = []
    for seed in range(30):
        indices = po.sobol(ishigami, BOX, n=8192, rng=seed)
        for name in ("first", "total"):
            z.append((getattr(indices, name) - ISHIGAMI[name]) / getattr(indices, f"{name}_stderr"))
    assert 0.5 < np.mean(np.square(z)) < 1.4 + 3 * 0.52


def test_groups_and_pairs_have_their_closed_indices():
    # The g-function: closed index of a group G is (prod(1 + V_i) - 1) / V, total that times prod of the rest.
    groups = [[0, 1], [2], [3, 4, 5, 6, 7]]
    inside = np.array([np.prod(1 + V_G[g]) - 1 for g in groups])
    design = po.saltelli_design(2**14, 8, groups=groups, second_order=True, rng=0)
    indices = po.sobol_indices(design, g_function(design.X), n_boot=2, rng=0)
    np.testing.assert_allclose(indices.first, inside / V_ALL, atol=0.01)
    np.testing.assert_allclose(indices.total, inside * (1 + V_ALL) / (1 + inside) / V_ALL, atol=0.01)
    assert indices.second[0, 1] == pytest.approx(inside[0] * inside[1] / V_ALL, abs=0.01)
    design = po.saltelli_design(2**14, 8, second_order=True, rng=0)
    pairs = po.sobol_indices(design, g_function(design.X), n_boot=2, rng=0).second
    i, j = np.triu_indices(8, 1)
    np.testing.assert_allclose(pairs[i, j], V_G[i] * V_G[j] / V_ALL, atol=0.02)


@pytest.fixture(scope="module")
def noisy():
    """A design and outputs that are plain noise: formulas must agree on any numbers."""
    design = po.saltelli_design(2048, 4, second_order=True, rng=0)
    return design, np.random.default_rng(0).normal(5, 2, size=len(design))


def blocks(design, y):
    parts = y.reshape(design.matrices, design.n)
    d = len(design.groups)
    return parts[0], parts[1], parts[2 : 2 + d], parts[2 + d :]


@pytest.mark.filterwarnings("ignore::pondera.ReliabilityWarning")
@pytest.mark.parametrize("estimator", ["auto", *ESTIMATORS])
def test_estimators_equal_the_reference(noisy, estimator):
    design, y = noisy
    yA, yB, yAB, yBA = blocks(design, y)
    ours = po.sobol_indices(design, y, estimator=estimator, n_boot=2, rng=0)
    first, total = ("saltelli", "jansen") if estimator == "auto" else (estimator, estimator)
    S, ST = reference.indices(yA, yB, yAB, first, total)
    np.testing.assert_allclose(ours.first, S, rtol=0, atol=1e-12)
    np.testing.assert_allclose(ours.total, ST, rtol=0, atol=1e-12)
    pairs = np.triu_indices(4, 1)
    second = reference.second_order(yA, yB, yAB, yBA, S)
    np.testing.assert_allclose(ours.second[pairs], second[pairs], rtol=0, atol=1e-12)
    assert ours.variance == pytest.approx(np.concatenate([yA, yB]).var(), rel=1e-12)


@pytest.mark.filterwarnings("ignore::pondera.ReliabilityWarning")
def test_glen_and_martinez_agree(noisy):
    glen, martinez = (po.sobol_indices(*noisy, estimator=e, n_boot=2, rng=0) for e in ("glen", "martinez"))
    np.testing.assert_array_equal(glen.first, martinez.first)
    np.testing.assert_array_equal(glen.total, martinez.total)


@pytest.mark.filterwarnings("ignore::pondera.ReliabilityWarning")
def test_indices_equal_scipy_on_the_same_outputs(noisy):
    stats = pytest.importorskip("scipy.stats")
    design, y = noisy
    yA, yB, yAB, _ = blocks(design, y)
    theirs = stats.sobol_indices(func={"f_A": yA[None], "f_B": yB[None], "f_AB": yAB[:, None]}, n=design.n)
    ours = po.sobol_indices(design, y, n_boot=2, rng=0)
    np.testing.assert_allclose(ours.first, theirs.first_order, rtol=0, atol=1e-12)
    np.testing.assert_allclose(ours.total, theirs.total_order, rtol=0, atol=1e-12)


@pytest.mark.filterwarnings("ignore::pondera.ReliabilityWarning")
def test_indices_equal_salib_on_the_same_outputs(noisy):
    sobol = pytest.importorskip("SALib.analyze.sobol")
    design, y = noisy
    d, y = 4, y.copy()
    yA, yB, yAB, yBA = blocks(design, y)  # views
    # SALib centres by the mean of all outputs, we by that of A and B (first order depends on it): make them equal.
    yBA[0] += (np.concatenate([yA, yB]).mean() - y.mean()) * 2 * (d + 1)
    assert y.mean() == pytest.approx(np.concatenate([yA, yB]).mean(), rel=1e-14)
    # Its pair j < k is AB_k with BA_j, ours i < j is AB_i with BA_j: it gets the inputs in reverse.
    order = np.concatenate([yA[None], yAB[::-1], yBA[::-1], yB[None]])
    theirs = sobol.analyze(
        {"num_vars": d, "names": list("dcba"), "bounds": [[0, 1]] * d}, order.T.ravel(), num_resamples=2, seed=0
    )
    ours = po.sobol_indices(design, y, n_boot=2, rng=0)
    np.testing.assert_allclose(ours.first, theirs["S1"][::-1], rtol=0, atol=1e-12)
    np.testing.assert_allclose(ours.total, theirs["ST"][::-1], rtol=0, atol=1e-12)
    pairs = np.triu_indices(d, 1)
    np.testing.assert_allclose(ours.second[pairs], theirs["S2"][::-1, ::-1].T[pairs], rtol=0, atol=1e-12)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_shift_of_a_million_changes_nothing(estimator):
    design = po.saltelli_design(1024, dists=BOX, second_order=True, rng=0)
    y = ishigami(design.X)
    a, b = (po.sobol_indices(design, v, estimator=estimator, n_boot=2, rng=0) for v in (y, y + 1e6))
    for name in ("first", "total", "second"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), atol=1e-6)


@pytest.mark.parametrize("scale", [2.0**-900, 2.0**900])
def test_outputs_of_any_magnitude_give_the_same_bits(scale):
    design = po.saltelli_design(256, dists=BOX, replicates=4, rng=0)
    y = ishigami(design.X)
    a, b = po.sobol_indices(design, y), po.sobol_indices(design, y * scale)
    np.testing.assert_array_equal(a.first, b.first)
    np.testing.assert_array_equal(a.total_stderr, b.total_stderr)
    assert b.variance == (math.inf if scale > 1 else 0.0)  # the variance itself is out of range
    both = po.sobol_indices(design, np.stack([y, y * 2.0**100], axis=1), aggregate=True)
    np.testing.assert_array_equal(both.first, a.first)


def test_an_input_without_effect_gets_exactly_zero():
    design = po.saltelli_design(512, 3, rng=0)
    y = np.exp(design.X[:, 0]) + 1e5 * design.X[:, 2]
    indices = po.sobol_indices(design, y, rng=0)
    assert indices.first[1] == indices.total[1] == indices.total_stderr[1] == 0.0
    indices = po.sobol_indices(design, y, estimator="saltelli", rng=0)
    assert indices.first[1] == indices.total[1] == 0.0


def test_swapped_pairs_would_be_noticed():
    # y = x0 x1 centred: first order 0, total 1 for both. Swapping A and B in the estimators swaps the two.
    design = po.saltelli_design(4096, 2, rng=0)
    indices = po.sobol_indices(design, (design.X - 0.5).prod(axis=1), n_boot=2, rng=0)
    np.testing.assert_allclose(indices.first, 0, atol=0.03)
    np.testing.assert_allclose(indices.total, 1, atol=0.03)


# -- intervals


def test_the_replicate_interval_is_students_over_replicates():
    stats = pytest.importorskip("scipy.stats")
    design = po.saltelli_design(1024, dists=BOX, replicates=4, rng=0)
    y = ishigami(design.X)
    ours = po.sobol_indices(design, y, level=0.9)
    parts = []
    for part in y.reshape(4, design.matrices, design.n):
        parts.append(reference.indices(part[0], part[1], part[2:], "saltelli", "jansen"))
    for name, values in zip(("first", "total"), np.swapaxes(parts, 0, 1)):
        np.testing.assert_allclose(getattr(ours, name), values.mean(axis=0), atol=1e-12)
        stderr = values.std(axis=0, ddof=1) / 2
        np.testing.assert_allclose(getattr(ours, f"{name}_stderr"), stderr, atol=1e-12)
        bounds = getattr(ours, f"{name}_interval")
        half = stats.t(3).ppf(0.95) * stderr
        np.testing.assert_allclose(bounds.lower, values.mean(axis=0) - half, atol=1e-12)
        np.testing.assert_allclose(bounds.upper, values.mean(axis=0) + half, atol=1e-12)
    assert (ours.level, ours.diagnostics["interval"]) == (0.9, "replicates")


@pytest.mark.filterwarnings("ignore::pondera.ReliabilityWarning")
@pytest.mark.parametrize("estimator", ["auto", "homma", "janon", "martinez", "saltelli"])
def test_the_bootstrap_is_that_of_the_rows_of_all_matrices_together(estimator):
    design = po.saltelli_design(300, 3, sampler="mc", second_order=True, rng=0)
    y = ishigami(design.X * 6 - 3) + 10
    yA, yB, yAB, yBA = blocks(design, y)
    first, total = ("saltelli", "jansen") if estimator == "auto" else (estimator, estimator)

    def statistic(a, b, ab, ba):
        S, ST = reference.indices(a, b, ab.T, first, total)
        second = reference.second_order(a, b, ab.T, ba.T, S)
        return np.concatenate([S, ST, second[np.triu_indices(3, 1)]])

    truth = po.bootstrap(statistic, yA, yB, yAB.T, yBA.T, n_boot=20, level=0.8, rng=9)
    ours = po.sobol_indices(design, y, estimator=estimator, n_boot=20, level=0.8, rng=9)
    pairs = np.triu_indices(3, 1)
    for name, part in (("first", slice(3)), ("total", slice(3, 6)), ("second", slice(6, 9))):
        pick = (lambda x: x[pairs]) if name == "second" else (lambda x: x)
        np.testing.assert_allclose(pick(getattr(ours, f"{name}_stderr")), truth.stderr[part], rtol=1e-9, atol=1e-12)
        bounds = getattr(ours, f"{name}_interval")
        np.testing.assert_allclose(pick(bounds.lower), truth.interval.lower[part], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(pick(bounds.upper), truth.interval.upper[part], rtol=1e-9, atol=1e-12)


def coverage(runs, func=ishigami, dists=BOX, truth=ISHIGAMI, **options):
    hits = []
    for seed in range(runs):
        indices = po.sobol(func, dists, rng=seed, **options)
        for name in ("first", "total"):
            low, high = getattr(indices, f"{name}_interval")
            hits.append((low <= truth[name]) & (truth[name] <= high))
    return np.mean(hits)


@pytest.mark.filterwarnings("ignore::pondera.ReliabilityWarning")
@pytest.mark.parametrize(
    "options",
    [
        {"n": 2048},
        {"n": 2048, "scramble": "lms"},
        {"n": 1024, "sampler": "mc"},
        {"n": 1024, "sampler": "mc", "estimator": "janon", "interval": "asymptotic"},
    ],
    ids=str,
)
def test_intervals_cover(options):
    # 300 designs x 6 indices: were the six of a design equal, the standard error would be sqrt(.95 x .05 / 300) = .013.
    # Two such are allowed for nominal coverage, and .02 for what a t interval of skewed ratios misses.
    assert 0.95 - 2 * 0.013 - 0.02 < coverage(300, **options) < 0.95 + 2 * 0.013


def test_fishers_interval_covers_for_normal_outputs():
    # Fisher's z supposes normal outputs: a weighted sum of normals. (On Ishigami's outputs it covers 90%.)
    normal = pytest.importorskip("scipy.special").ndtri
    shares = np.array([9, 16, 0]) / 25
    options = {"n": 256, "sampler": "mc", "estimator": "martinez", "interval": "asymptotic"}
    found = coverage(300, lambda X: X @ [3.0, 4.0, 0.0], [normal] * 3, {"first": shares, "total": shares}, **options)
    # The total of the input without effect is exactly 0 in every design, hence one of six always covered.
    assert abs((6 * found - 1) / 5 - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 300)


def test_intervals_are_bounds_and_not_half_widths():
    indices = po.sobol(ishigami, BOX, n=4096, rng=0)
    assert (indices.first_interval.lower < indices.first).all()
    assert (indices.first < indices.first_interval.upper).all()
    frame = indices.to_frame()
    assert list(frame["name"]) == ["x0", "x1", "x2"]
    assert (frame["total_lower"] < frame["total_upper"]).all()


def test_asymptotic_intervals_equal_their_formulas():
    design = po.saltelli_design(500, dists=BOX, sampler="mc", rng=0)
    y = ishigami(design.X)
    yA, yB, yAB, _ = blocks(design, y)
    janon = po.sobol_indices(design, y, estimator="janon", interval="asymptotic", level=0.9)
    martinez = po.sobol_indices(design, y, estimator="martinez", interval="asymptotic", level=0.9)
    z = 1.6448536269514722
    for i in range(3):
        for name, x in (("first", yB), ("total", yA)):
            u = (x.mean() + yAB[i].mean()) / 2
            p, q = x - u, yAB[i] - u
            rho = (p * q).mean() / ((p**2 + q**2) / 2).mean()
            error = math.sqrt(np.var(p * q - rho / 2 * (p**2 + q**2)) / 500) / ((p**2 + q**2) / 2).mean()
            value = rho if name == "first" else 1 - rho
            assert getattr(janon, name)[i] == pytest.approx(value, abs=1e-12)
            assert getattr(janon, f"{name}_stderr")[i] == pytest.approx(error, rel=1e-9)
            bounds = getattr(janon, f"{name}_interval")
            assert bounds.lower[i] == pytest.approx(value - z * error, abs=1e-9)
            assert bounds.upper[i] == pytest.approx(value + z * error, abs=1e-9)
            r = np.corrcoef(x, yAB[i])[0, 1]
            ends = np.tanh(np.arctanh(r) + np.array([-1, 1]) * z / math.sqrt(497))
            ends = ends if name == "first" else 1 - ends[::-1]
            bounds = getattr(martinez, f"{name}_interval")
            np.testing.assert_allclose([bounds.lower[i], bounds.upper[i]], ends, atol=1e-9)


def test_asymptotic_intervals_are_refused_where_they_do_not_hold():
    sequence, draws = po.saltelli_design(64, 2, rng=0), po.saltelli_design(64, 2, sampler="mc", rng=0)
    y = sequence.X.sum(axis=1)
    with pytest.raises(ValueError, match="interval: 'asymptotic' needs independent rows"):
        po.sobol_indices(sequence, y, estimator="janon", interval="asymptotic")
    with pytest.raises(ValueError, match="interval: 'asymptotic' is known for"):
        po.sobol_indices(draws, y, interval="asymptotic")
    with pytest.raises(ValueError, match="interval: the design has one replicate"):
        po.sobol_indices(draws, y, interval="replicates")


def test_the_bootstrap_of_65536_rows_takes_a_few_megabytes():
    design = po.saltelli_design(2**16, dists=BOX, rng=0)
    y = ishigami(design.X)
    _core.memory_peak(reset=True)
    po.sobol_indices(design, y, n_boot=20, rng=0, workers=2)
    assert _core.memory_peak() - _core.memory_live() < 4e6  # scipy.stats.sobol_indices(...).bootstrap wants 32 GiB


# -- outputs


def test_several_outputs_give_a_column_each_and_their_aggregate():
    design = po.saltelli_design(1024, 2, replicates=8, second_order=True, rng=0)
    y = np.stack([design.X[:, 0], 2 * design.X[:, 1], design.X.prod(axis=1)], axis=1)
    columns = po.sobol_indices(design, y)
    assert columns.first.shape == columns.total_stderr.shape == columns.first_interval.upper.shape == (2, 3)
    assert columns.second.shape == (2, 2, 3)
    assert np.shape(columns.variance) == (3,)
    for k in range(3):
        alone = po.sobol_indices(design, y[:, k])
        np.testing.assert_array_equal(columns.total[:, k], alone.total)
        np.testing.assert_array_equal(columns.second[..., k], alone.second)
    together = po.sobol_indices(design, y[:, :2], aggregate=True)
    np.testing.assert_allclose(together.first, [0.2, 0.8], atol=0.01)  # variances 1/12 and 4/12
    assert together.variance == pytest.approx(5 / 12, rel=0.01)
    parts = [po.sobol_indices(design, y[:, k]) for k in range(2)]
    assert together.diagnostics["constant"] is False
    boot = po.sobol_indices(design, y[:, :2], aggregate=True, interval="bootstrap", n_boot=5, rng=0)
    assert boot.first.shape == (2,)
    np.testing.assert_allclose(boot.first, together.first, rtol=1e-12)
    assert together.variance == pytest.approx(sum(p.variance for p in parts), rel=1e-12)


@pytest.mark.parametrize("value", [0.0, 3.0, 1e300])
def test_constant_outputs_are_nan_with_a_warning(value):
    design = po.saltelli_design(64, 3, second_order=True, rng=0)
    y = np.full(len(design), value)
    y[::2] *= 1 + 1e-14
    with pytest.warns(po.ReliabilityWarning, match="constant"):
        indices = po.sobol_indices(design, y, rng=0)
    assert indices.diagnostics["constant"] is True
    for name in ("first", "total", "second", "first_stderr", "total_stderr"):
        assert np.isnan(getattr(indices, name)).all()
    assert np.isnan(indices.first_interval.lower).all()


def test_a_constant_output_spoils_no_other():
    design = po.saltelli_design(256, 2, replicates=4, rng=0)
    y = np.stack([design.X[:, 0], np.ones(len(design))], axis=1)
    with pytest.warns(po.ReliabilityWarning, match=r"\[1\] is constant"):
        indices = po.sobol_indices(design, y)
    np.testing.assert_allclose(indices.first[:, 0], [1, 0], atol=0.02)
    assert np.isnan(indices.first[:, 1]).all()
    with pytest.warns(po.ReliabilityWarning, match="does not count"):
        together = po.sobol_indices(design, y, aggregate=True)
    np.testing.assert_allclose(together.first, indices.first[:, 0], rtol=1e-12)


def test_outputs_constant_within_a_replicate_warn():
    design = po.saltelli_design(64, 2, replicates=4, rng=0)
    y = design.X[:, 0].copy()
    y[: len(y) // 4] = 0.25
    with pytest.warns(po.ReliabilityWarning, match="constant within a replicate"):
        assert np.isnan(po.sobol_indices(design, y).first).all()


def test_outputs_in_another_order_are_noticed():
    design = po.saltelli_design(1024, dists=BOX, replicates=8, rng=0)
    y = ishigami(design.X).reshape(8, 5, -1)
    with pytest.warns(po.ReliabilityWarning, match="in the order of design.X"):
        po.sobol_indices(design, np.ascontiguousarray(y[:, [1, 0, 2, 3, 4]] * [[[1], [-1], [1], [1], [1]]]).ravel())


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda y: y[:-1], "y: expected 320 outputs"),
        (lambda y: np.r_[y, 1.0], "y: expected 320 outputs"),
        (lambda y: y[:0], "y: expected 320 outputs"),
        (lambda y: np.where(np.arange(len(y)) == 7, np.nan, y), "y: 1 value.* at 7"),
        (lambda y: np.where(np.arange(len(y)) == 7, np.inf, y), "y: 1 value.* at 7"),
        (lambda y: y.reshape(-1, 5, 64), "y: expected a 1-d or 2-d"),
        (lambda y: np.empty((len(y), 0)), "y: expected at least one output"),
        (lambda y: y.astype(complex), "y: complex"),
        (lambda y: y.astype(str), "y: expected real"),
    ],
)
def test_bad_outputs_are_named(spoil, match):
    design = po.saltelli_design(64, 3, rng=0)
    with pytest.raises((ValueError, TypeError), match=match):
        po.sobol_indices(design, spoil(design.X.sum(axis=1)))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"estimator": "sobol"}, "estimator: "),
        ({"interval": "normal"}, "interval: "),
        ({"level": 1.0}, "level: "),
        ({"n_boot": 1}, "n_boot: "),
        ({"rng": 1.5}, "rng: "),
    ],
)
def test_bad_options_are_named(options, match):
    design = po.saltelli_design(64, 3, rng=0)
    with pytest.raises((ValueError, TypeError), match=match):
        po.sobol_indices(design, design.X.sum(axis=1), **options)


def test_arrays_in_place_of_a_design_are_refused_with_the_remedy():
    with pytest.raises(TypeError, match="sobol_from_data"):
        po.sobol_indices(np.zeros((10, 2)), np.zeros(10))


def test_outputs_are_not_written_to_and_may_be_read_only_strided_or_float32():
    design = po.saltelli_design(256, dists=BOX, rng=0)
    y = ishigami(design.X).astype(np.float32)
    y.flags.writeable = False
    before = y.copy()
    a = po.sobol_indices(design, y, rng=0)
    b = po.sobol_indices(design, y[::-1].astype(np.float64)[::-1], rng=0)
    np.testing.assert_array_equal(a.first, b.first)
    np.testing.assert_array_equal(a.total_stderr, b.total_stderr)
    np.testing.assert_array_equal(y, before)


# -- functions


def test_sobol_evaluates_rows_in_batches_and_on_executors_alike():
    seen = []

    def func(X):
        seen.append(X.shape)
        return ishigami(X)

    whole = po.sobol(func, BOX, n=256, rng=0)
    assert seen == [(8 * 5 * 32, 3)]
    batches = po.sobol(func, BOX, n=256, rng=0, batch_size=300)
    assert max(shape[0] for shape in seen[1:]) == 300
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        pooled = po.sobol(ishigami, BOX, n=256, rng=0, batch_size=100, executor=pool)
    for other in (batches, pooled):
        np.testing.assert_array_equal(whole.first, other.first)
        np.testing.assert_array_equal(whole.total_stderr, other.total_stderr)


def test_sobol_defaults_to_replicates_for_scrambled_sequences_only():
    for options, replicates, kind in (
        ({}, 8, "replicates"),
        ({"sampler": "halton"}, 8, "replicates"),
        ({"sampler": "mc"}, 1, "bootstrap"),
        ({"sampler": "lhs"}, 1, "bootstrap"),
        ({"scramble": None}, 1, "bootstrap"),
        ({"replicates": 4}, 4, "replicates"),
    ):
        diagnostics = po.sobol(ishigami, BOX, n=256, rng=0, **options).diagnostics
        assert (diagnostics["replicates"], diagnostics["interval"]) == (replicates, kind)


def test_bad_functions_are_named():
    with pytest.raises(TypeError, match="func: expected a callable"):
        po.sobol(3, BOX)
    with pytest.raises(ValueError, match=r"func: .*rows come in"):
        po.sobol(lambda X: X.sum(axis=0), BOX, rng=0)  # columns, as SciPy passes them
    with pytest.raises(ValueError, match=r"func: the output of row \d+ is NaN or infinite, at x ="):
        po.sobol(lambda X: np.where(X[:, 0] > 3, np.nan, X[:, 0]), BOX, rng=0, batch_size=100)
    with pytest.raises(ValueError, match="func: outputs changed shape"):
        po.sobol(lambda X: X if len(X) == 100 else X[:, :2], BOX, n=64, rng=0, batch_size=100)
    with pytest.raises(ValueError, match="batch_size: "):
        po.sobol(ishigami, BOX, rng=0, batch_size=0)


# -- given data


def test_the_rank_estimate_equals_the_reference_and_finds_the_truth():
    rng = np.random.default_rng(0)
    X = rng.uniform(-math.pi, math.pi, (20_000, 3))
    y = ishigami(X)
    ours = po.sobol_from_data(X, y, rng=0)
    np.testing.assert_allclose(ours.first, [reference.ranks(x, y) for x in X.T], atol=1e-12)
    assert np.isnan(ours.total).all()
    assert (np.abs(ours.first - ISHIGAMI["first"]) < 5 * ours.first_stderr).all()
    assert (ours.first_stderr < 0.02).all()
    np.testing.assert_allclose(po.sobol_from_data(X, y + 1e6, rng=0).first, ours.first, atol=1e-6)


def test_the_rank_estimates_standard_error_covers():
    # t with 9 degrees of freedom over 300 data sets: coverage within 4 sqrt(.95 x .05 / 300) = .05 of nominal.
    hits = []
    for seed in range(300):
        X = np.random.default_rng(seed).uniform(-math.pi, math.pi, (1000, 3))
        low, high = po.sobol_from_data(X, ishigami(X), rng=seed).first_interval
        hits.append((low <= ISHIGAMI["first"]) & (ISHIGAMI["first"] <= high))
    assert np.abs(np.mean(hits, axis=0) - 0.95).max() < 0.05


def test_ties_count_as_the_mean_over_their_orders():
    x = np.array([0, 0, 0, 1, 1, 2, 3, 3])
    y = np.random.default_rng(0).normal(size=8)
    every = []
    for p, q, r in itertools.product(
        itertools.permutations(range(3)), itertools.permutations((3, 4)), itertools.permutations((6, 7))
    ):
        every.append(reference.ranks(np.arange(8), y[[*p, *q, 5, *r]]))
    ours = sensitivity._rank_indices(x[:, None].astype(float), y)
    assert ours[0] == pytest.approx(np.mean(every), abs=1e-12)
    # A constant input: the products of all n distinct neighbours would give -1/(n - 1), the last with the first too.
    assert sensitivity._rank_indices(np.zeros((8, 1)), y)[0] == pytest.approx(-1 / 8)


def test_the_order_of_rows_does_not_matter_for_tied_inputs():
    rng = np.random.default_rng(1)
    X, y = rng.integers(0, 3, (1000, 2)).astype(float), rng.normal(size=1000)
    order = np.argsort(y)
    a, b = po.sobol_from_data(X, y, rng=0), po.sobol_from_data(X[order], y[order], rng=0)
    np.testing.assert_allclose(a.first, b.first, atol=1e-12)
    assert np.abs(a.first).max() < 5 / math.sqrt(1000)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (lambda X, y: (X[:-1], y), "y: expected 99 outputs"),
        (lambda X, y: (X[:, 0], y), "X: expected a 2-d"),
        (lambda X, y: (X, y[:, None]), "y: expected a 1-d"),
        (lambda X, y: (np.where(X > 0.99, np.nan, X), y), "X: .*NaN"),
        (lambda X, y: (X, np.where(y > 0.9, np.inf, y)), "y: .*NaN"),
        (lambda X, y: (X[:20], y[:20]), "X: expected at least 40 rows"),
        (lambda X, y: (X[:0], y[:0]), "X: expected at least 40 rows"),
    ],
)
def test_bad_data_are_named(arguments, match):
    rng = np.random.default_rng(0)
    X, y = rng.random((100, 2)), rng.random(100)
    with pytest.raises(ValueError, match=match):
        po.sobol_from_data(*arguments(X, y))


def test_constant_data_are_nan_with_a_warning():
    with pytest.warns(po.ReliabilityWarning, match="constant"):
        assert np.isnan(po.sobol_from_data(np.random.default_rng(0).random((100, 2)), np.ones(100)).first).all()


# -- bits


def everything(workers):
    """Bytes of every public function for one seed."""
    out = []
    for scramble in ("owen", "lms", None):
        out.append(po.sobol_sequence(2**16, 11, scramble=scramble, rng=0, workers=workers))
        out.append(po.sobol_sequence(1024, 3, scramble=scramble, dtype=np.float32, rng=0, workers=workers))
    for sampler in ("sobol", "lhs", "halton", "mc"):
        design = po.saltelli_design(
            4096, dists=BOX, sampler=sampler, second_order=True, replicates=2, rng=0, workers=workers
        )
        out.append(design.X)
        # Polynomials only: NumPy's own sin may differ between machines, not between runs.
        y = np.stack([design.X[:, 0] ** 3 + design.X[:, 1] * design.X[:, 2], design.X[:, 2] ** 2], axis=1)
        for interval in ("replicates", "bootstrap"):
            for estimator in ("auto", "janon", "martinez"):
                indices = po.sobol_indices(
                    design, y, interval=interval, estimator=estimator, n_boot=7, rng=0, workers=workers
                )
                out += [indices.first, indices.total, indices.second, indices.total_stderr, *indices.first_interval]
    return b"".join(np.ascontiguousarray(x).tobytes() for x in out)


@pytest.mark.filterwarnings("ignore::pondera.ReliabilityWarning")
def test_bits_do_not_depend_on_the_number_of_threads():
    one = everything(1)
    assert everything(2) == one
    assert everything(5) == one


@pytest.mark.filterwarnings("ignore::pondera.ReliabilityWarning")
@pytest.mark.parametrize("isa", ["baseline", "avx2"])
def test_bits_do_not_depend_on_the_instruction_set(isa):
    import hashlib

    code = (
        "import sys, warnings, hashlib; warnings.simplefilter('ignore'); sys.path[:0] = sys.argv[1:]\n"
        "import test_sensitivity as t; print(hashlib.sha256(t.everything(2)).hexdigest())"
    )
    here = os.path.dirname(__file__)
    run = subprocess.run(
        [sys.executable, "-c", code, here, *filter(None, sys.path)],
        env={**os.environ, "PONDERA_ISA": isa},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == hashlib.sha256(everything(1)).hexdigest()


def test_the_same_seed_gives_the_same_indices_and_another_seed_others():
    a, b, c = (po.sobol(ishigami, BOX, n=256, rng=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(a.first, b.first)
    assert (a.first != c.first).all()
    generator = np.random.default_rng(1)
    np.testing.assert_array_equal(po.sobol(ishigami, BOX, n=256, rng=generator).first, a.first)
    assert (po.sobol(ishigami, BOX, n=256, rng=generator).first != a.first).all()


def test_examples_in_docstrings_run():
    result = doctest.testmod(sensitivity)
    assert result.attempted > 10
    assert result.failed == 0


def test_importing_pondera_reads_no_table():
    code = (
        "import sys, pondera; assert 'pondera.sensitivity' not in sys.modules\n"
        "import pondera.sensitivity as s; assert s._table.cache_info().currsize == 0"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
