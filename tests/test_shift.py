"""Density ratios against Gaussian closed forms, frequency tables and a JAX reference."""

from __future__ import annotations

import math
import pickle
import warnings

import numpy as np
import pytest

import pondera as po
from pondera import shift
from pondera._examples import shift as examples
from reference import shift as reference

sklearn = pytest.importorskip("sklearn")


def gaussians(seed, n_s=2000, n_t=2000, d=1, mean=0.5, sd=1.0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_s, d)), rng.normal(mean, sd, size=(n_t, d))


@pytest.mark.parametrize("classifier", [None, "boosting", "linear"])
def test_ratio_of_two_normals_is_the_exponential_of_the_closed_form(classifier):
    # Truth (a) of the specification: relative L2 error on [-2, 2.5] below .25, below .08 with linear features.
    from sklearn.linear_model import LogisticRegression

    bound = 0.25
    if classifier == "linear":
        classifier, bound = LogisticRegression(), 0.08
    source, target = gaussians(0, 5000, 5000)
    grid = np.linspace(-2, 2.5, 200)
    exact = np.exp(0.5 * grid - 0.125)
    ratio = po.ClassifierRatio(classifier, rng=1).fit(source, target)
    error = np.linalg.norm(np.exp(ratio.log_ratio(grid[:, None])) - exact) / np.linalg.norm(exact)
    assert error < bound


def test_change_of_variance_needs_the_squares_and_is_found():
    # N(0, I) to N(0, .49 I) in two dimensions: log w = -2 log .7 - |x|^2 (1/.49 - 1)/2.
    source, target = gaussians(1, 8000, 8000, d=2, mean=0.0, sd=0.7)
    log_w = po.density_ratio(source, target, rng=0).log_weights
    exact = -2 * math.log(0.7) - (source**2).sum(1) * (1 / 0.49 - 1) / 2
    inner = (source**2).sum(1) < 4
    # Five coefficients with standard errors near 2/sqrt(6400) = .025 on features of order 1.
    assert np.abs(log_w - exact)[inner].max() < 0.25


def test_logistic_weights_equal_the_jax_reference():
    source, target = gaussians(2, 300, 200, d=3)
    key = po.random.key(5)
    w = po.density_ratio(source, target, rng=5, cv=4)
    folds = [shift._folds(key, name, n, 4) for name, n in (("source", 300), ("target", 200))]
    np.testing.assert_allclose(w.log_weights, reference.log_ratio_source(source, target, *folds, 4), atol=1e-6)


def test_folds_are_balanced_in_each_sample():
    for name, n in (("source", 103), ("target", 57)):
        counts = np.bincount(shift._folds(po.random.key(0), name, n, 5))
        assert counts.max() - counts.min() <= 1


def test_the_ratio_is_target_over_source_with_unequal_sample_sizes():
    # One-sided: the target lives on the right. n_s = 6 n_t: without log(n_s/n_t) the mean weight would be 1/6.
    source, target = gaussians(3, 6000, 1000, mean=1.0)
    w = po.density_ratio(source, target, rng=0)
    right = source[:, 0] > 1
    assert w.log_weights[right].mean() > 0 > w.log_weights[source[:, 0] < 0].mean()
    # sd(w) = sqrt(e - 1) = 1.31 over 6000 rows is .017; the fitted coefficients (1000 targets) add about .05.
    assert np.exp(w.log_weights).mean() == pytest.approx(1.0, abs=0.2)
    swapped = po.density_ratio(target, source, rng=0)
    assert swapped.log_weights[target[:, 0] > 1].mean() < 0


def test_a_frequency_table_gives_the_ratio_of_the_frequencies():
    # Two binary features, saturated classifier (their product as third feature): w = the table's ratio.
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(4)
    p_s, p_t = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.1, 0.2, 0.3, 0.4])
    codes_s, codes_t = rng.choice(4, 20000, p=p_s), rng.choice(4, 20000, p=p_t)

    def features(code):
        a, b = code % 2, code // 2
        return np.column_stack([a, b, a * b]).astype(float)

    w = po.density_ratio(features(codes_s), features(codes_t), classifier=LogisticRegression(C=1e6), rng=0)
    for code in range(4):
        mine = np.exp(w.log_weights[codes_s == code]).mean()
        exact = (codes_t == code).mean() / (codes_s == code).mean()
        # A fold's table comes from 80% of the rows: relative difference near sqrt(.25/20000/.1) < .012; five folds mix.
        assert mine == pytest.approx(exact, rel=0.02)


@pytest.mark.parametrize("options", [{}, {"classifier": "boosting", "calibration": "sigmoid"}])
def test_identical_samples_keep_nearly_all_of_their_effective_size(options):
    X = np.random.default_rng(5).normal(size=(2000, 3))
    w = po.density_ratio(X, X.copy(), rng=0, **options)
    assert w.ess > 0.9 * len(X)


def test_weights_are_out_of_fold():
    # One neighbour remembers every training row: in-sample odds would be infinite, out-of-fold ones carry no signal.
    from sklearn.neighbors import KNeighborsClassifier

    rng = np.random.default_rng(6)
    ratio = po.ClassifierRatio(KNeighborsClassifier(1), calibration="sigmoid", rng=0)
    ratio.fit(rng.normal(size=(1000, 5)), rng.normal(size=(1000, 5)))
    assert abs(ratio.auc_.value - 0.5) < 4.5 * ratio.auc_.stderr
    assert ratio.weights().ess > 900


def test_weighted_means_estimate_the_target_with_honest_errors():
    # Given the true weights z would be standard normal; fitted weights follow the sample and do a little better.
    z = []
    for seed in range(60):
        source, target = gaussians(seed, 1500, 1500)
        e = po.density_ratio(source, target, rng=seed).mean(source[:, 0] ** 3)
        z.append((e.value - (0.125 + 1.5)) / math.hypot(e.stderr, math.sqrt(18.0 / 1500)))
    assert abs(np.mean(z)) < 4.5 / math.sqrt(60) + 0.1  # bias of the ratio's L2 penalty and of self-normalisation
    assert np.std(z) < 1.5


def test_auc_and_its_error_equal_the_definition_by_all_pairs():
    rng = np.random.default_rng(7)
    a, b = np.round(rng.normal(0.7, 1, 60), 1), np.round(rng.normal(size=45), 1)  # rounded: ties
    ours, (value, stderr) = shift.auc(a, b), reference.auc(a, b)
    assert ours.value == pytest.approx(value, rel=1e-13)
    assert ours.stderr == pytest.approx(stderr, rel=1e-12)


def test_auc_error_covers_half_when_nothing_changed():
    z = []
    for seed in range(100):
        source, target = gaussians(seed, 150, 150, d=2, mean=0.0)
        auc = po.ClassifierRatio(rng=seed).fit(source, target).auc_
        z.append((auc.value - 0.5) / auc.stderr)
    # 100 standard normals: mean within 4.5/10, sd within 4.5/sqrt(200) of 1. DeLong alone gives sd 1.43.
    assert abs(np.mean(z)) < 0.45
    assert abs(np.std(z) - 1) < 4.5 / math.sqrt(200)


def test_auc_of_separated_samples_is_one_with_a_positive_error_and_a_warning():
    source, target = gaussians(8, 200, 200, mean=50.0)
    with pytest.warns(po.WeightWarning, match="hardly overlap"):
        w = po.density_ratio(source, target, rng=0)
    assert w.diagnostics["auc"].value == 1.0
    assert w.diagnostics["auc"].stderr > 0
    assert w.diagnostics["unreliable"]
    assert np.isfinite(w.log_weights).all()


def test_sigmoid_calibration_recovers_overconfident_scores():
    rng = np.random.default_rng(9)
    x = rng.normal(size=20000)
    is_target = rng.random(20000) < 1 / (1 + np.exp(-(0.8 * x + 0.3)))
    slope, intercept = shift._sigmoid(5 * x, is_target)
    # Standard errors of the two coefficients: about 1/sqrt(20000 * .2) = .016.
    assert 5 * slope == pytest.approx(0.8, abs=0.07)
    assert intercept == pytest.approx(0.3, abs=0.07)
    assert shift._sigmoid(-5 * x, is_target)[0] == 0.0


@pytest.mark.filterwarnings("ignore::pondera.results.WeightWarning")
def test_calibrated_boosting_keeps_the_mean_weight_near_one():
    source, target = gaussians(10, 3000, 1000, d=4, mean=0.3)
    for calibration in ("sigmoid", "isotonic"):
        w = po.density_ratio(source, target, classifier="boosting", calibration=calibration, rng=0)
        # sd(w) = sqrt(exp(.36) - 1) = .66 over 1000 and 3000 rows: .025; the map adds about as much.
        assert np.exp(w.log_weights).mean() == pytest.approx(1.0, abs=0.15)


def test_decision_functions_that_are_no_logits_need_calibration():
    from sklearn.svm import LinearSVC

    source, target = gaussians(11, 300, 300, mean=1.0)
    with pytest.raises(ValueError, match="calibration: LinearSVC"):
        po.density_ratio(source, target, classifier=LinearSVC(), rng=0)
    w = po.density_ratio(source, target, classifier=LinearSVC(), calibration="sigmoid", rng=0)
    assert np.corrcoef(w.log_weights, source[:, 0])[0, 1] > 0.9


def test_clip_bounds_the_relative_weights_and_counts():
    source, target = gaussians(12, 1000, 1000, mean=1.0)
    w = po.density_ratio(source, target, clip=(0.1, 3.0), rng=0)
    plain = po.density_ratio(source, target, rng=0).relative
    assert w.diagnostics["n_clipped"] == ((plain < 0.1) | (plain > 3)).sum() > 0
    np.testing.assert_allclose(np.exp(w.log_weights), np.clip(plain, 0.1, 3.0), rtol=1e-12)


@pytest.mark.filterwarnings("ignore::pondera.WeightWarning")  # boosting may find Pareto k above 0.7; the bits count
@pytest.mark.parametrize("options", [{}, {"classifier": "boosting", "calibration": "isotonic"}])
def test_same_seed_same_bits_for_any_number_of_workers_and_untouched_inputs(options):
    source, target = gaussians(13, 400, 300, d=3)
    source.flags.writeable = target.flags.writeable = False
    results = [po.density_ratio(source, target, rng=3, workers=n, **options).log_weights for n in (1, 2, 5, 2)]
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)
    reversed_views = po.density_ratio(source[::-1].copy()[::-1], target, rng=3, **options)
    np.testing.assert_array_equal(results[0], reversed_views.log_weights)
    assert not np.array_equal(results[0], po.density_ratio(source, target, rng=4, **options).log_weights)


def test_far_and_tiny_scales_change_nothing_but_rounding():
    source, target = gaussians(14, 400, 400, d=2)
    plain = po.density_ratio(source, target, rng=0).log_weights
    for scale, offset in ((1e-9, 0.0), (1.0, 1e6), (1e150, 0.0)):
        moved = po.density_ratio(source * scale + offset, target * scale + offset, rng=0).log_weights
        np.testing.assert_allclose(moved, plain, atol=1e-6)


def test_a_constant_feature_is_left_out_with_a_warning():
    source, target = gaussians(15, 100, 100)
    with pytest.warns(UserWarning, match=r"constant feature\(s\) \[1\]"):
        w = po.density_ratio(np.c_[source, np.ones(100)], np.c_[target, np.ones(100)], rng=0)
    # Column sums of another width add in another order.
    np.testing.assert_allclose(w.log_weights, po.density_ratio(source, target, rng=0).log_weights, atol=1e-12)


GOOD = np.random.default_rng(0).normal(size=(20, 2))


@pytest.mark.parametrize(
    ("source", "target", "options", "match"),
    [
        (GOOD, GOOD[:, :1], {}, "X_target: expected 2 columns"),
        (np.where(np.eye(20, 2, dtype=bool), np.nan, GOOD), GOOD, {}, r"X_source: .*NaN"),
        (GOOD, GOOD * np.inf, {}, "X_target: .*infinite"),
        (GOOD[:9], GOOD, {}, "X_source: expected at least 10 rows"),
        (GOOD, GOOD[:0], {}, "X_target: expected at least 10 rows"),
        (GOOD[:, 0], GOOD, {}, "X_source: expected a 2-d array"),
        (GOOD[:, :0], GOOD[:, :0], {}, "X_source: expected at least one column"),
        (np.ones((20, 2)), np.ones((20, 2)), {}, "every feature is constant"),
        (GOOD, GOOD, {"clip": (2, 1)}, "clip"),
        (GOOD, GOOD, {"cv": 1}, "cv: expected 2 to 20"),
        (GOOD, GOOD, {"cv": 21}, "cv: expected 2 to 20"),
        (GOOD, GOOD, {"calibration": "platt"}, "calibration"),
        (GOOD, GOOD, {"classifier": "forest"}, "classifier"),
        (GOOD, GOOD, {"method": "magic"}, "method"),
    ],
)
def test_bad_input_names_the_argument(source, target, options, match):
    with pytest.raises(ValueError, match=match):
        po.density_ratio(source, target, **options)


def test_an_object_that_is_no_classifier_is_a_type_error():
    with pytest.raises(TypeError, match="classifier: object has neither"):
        po.density_ratio(GOOD, GOOD, classifier=object())
    with pytest.raises(TypeError, match="cv"):
        po.density_ratio(GOOD, GOOD, cv=2.5)
    with pytest.raises(ValueError, match="call fit"):
        po.ClassifierRatio().weights()
    ratio = po.ClassifierRatio(rng=0).fit(GOOD, GOOD + 0.1)
    with pytest.raises(ValueError, match="X: expected 2 columns"):
        ratio.log_ratio(GOOD[:, :1])
    assert ratio.log_ratio(GOOD[:0]).shape == (0,)


def test_weights_carry_their_diagnostics_through_files_and_pickles(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        w = examples.density_ratio()
        w = po.density_ratio(*w.args, rng=0)
    examples.density_ratio().truth(w)
    w.save(tmp_path / "w.npz")
    for back in (po.load(tmp_path / "w.npz"), pickle.loads(pickle.dumps(w)), po.Weights.from_dict(w.to_dict())):
        np.testing.assert_array_equal(back.log_weights, w.log_weights)
        assert back.diagnostics["auc"].value == w.diagnostics["auc"].value
        assert back.diagnostics["classifier"] == "logistic"
