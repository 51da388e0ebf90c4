"""Deletion, insertion, pointing game, mu-fidelity: closed forms, the published code, ties, every edge."""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import pytest

import pondera as po
from pondera.metrics import deletion_curve, insertion_curve, mu_fidelity, pointing_game
from reference import masks as reference

KEY = po.random.Key(3, 4)


def linear(weights):
    def predict(images):
        return (np.asarray(images, dtype=np.float64) * weights).sum(axis=tuple(range(1, np.ndim(images))))

    return predict


def uniforms(*shape, row=0):
    return KEY.stream(11, row).uniform(np.arange(math.prod(shape))).reshape(shape)


# ---- deletion and insertion


def test_the_deletion_area_of_an_additive_model_has_a_closed_form():
    # f = sum w x, baseline 0, one pixel a step: pixel of rank r is present on [0, r/p] and falls on [r/p, (r+1)/p].
    w, x, saliency = uniforms(6, 7), uniforms(6, 7, row=1), uniforms(6, 7, row=2)
    curve = deletion_curve(linear(w), x, saliency, step=1, channel_axis=None, rng=0)
    ranks = reference.ranks(saliency, KEY).reshape(6, 7)
    assert curve.area.value == pytest.approx((w * x * (ranks + 0.5) / 42).sum(), rel=1e-12)
    order = np.argsort(-saliency.ravel())
    np.testing.assert_allclose(curve.y, (w * x).sum() - np.r_[0, np.cumsum((w * x).ravel()[order])], atol=1e-12)
    np.testing.assert_allclose(curve.x, np.arange(43) / 42)
    inserted = insertion_curve(linear(w), x, saliency, baseline=0.0, step=1, channel_axis=None, rng=0)
    assert curve.area.value + inserted.area.value == pytest.approx((w * x).sum(), rel=1e-12)
    assert curve.area.stderr == 0.0
    assert (curve.stderr == 0).all()


def test_no_order_of_seven_pixels_beats_the_weights():
    w = np.array([[0.5, -1.0, 2.0, 0.25, 3.0, -0.5, 1.0]])
    x = np.ones((1, 7))
    best = deletion_curve(linear(w), x, w, channel_axis=None).area.value
    areas = [
        deletion_curve(linear(w), x, np.array([order], dtype=float), channel_axis=None).area.value
        for order in itertools.permutations(range(7))
    ]
    assert len(areas) == 5040
    assert min(areas) == pytest.approx(best, abs=1e-12)


def published(model, image, saliency, step, start, finish):
    """CausalMetric of the authors' code: curve and area for one image (C, H, W)."""
    C, H, W = image.shape
    order = np.flip(np.argsort(saliency.reshape(-1), kind="stable"))
    n_steps = (H * W + step - 1) // step
    scores = np.empty(n_steps + 1)
    now = start.copy()
    for i in range(n_steps + 1):
        scores[i] = model(now[None])[0]
        if i < n_steps:
            some = order[step * i : step * (i + 1)]
            now.reshape(C, H * W)[:, some] = finish.reshape(C, H * W)[:, some]
    return scores, (scores.sum() - scores[0] / 2 - scores[-1] / 2) / (len(scores) - 1)


def test_curves_equal_the_published_code_where_its_square_images_and_equal_steps_apply():
    image, saliency = uniforms(3, 12, 12), uniforms(12, 12, row=1)
    weights = uniforms(3, 12, 12, row=2)

    def model(images):
        return 1 / (1 + np.exp(-(np.asarray(images) * weights).sum(axis=(1, 2, 3)) / 30 + 3))

    for step in (1, 12):
        y, area = published(model, image, saliency, step, image, np.zeros_like(image))
        curve = deletion_curve(model, image, saliency, step=step)
        np.testing.assert_allclose(curve.y, y, rtol=1e-12)
        assert curve.area.value == pytest.approx(area, rel=1e-12)
        blurred = po.masks.gaussian_blur(image)
        y, area = published(model, image, saliency, step, blurred, image)
        curve = insertion_curve(model, image, saliency, step=step)
        np.testing.assert_allclose(curve.y, y, rtol=1e-12)
        assert curve.area.value == pytest.approx(area, rel=1e-12)


def test_a_last_short_step_counts_by_its_width():
    x = np.ones((1, 5))
    curve = deletion_curve(linear(x), x, np.array([[5.0, 4.0, 3.0, 2.0, 1.0]]), step=2, channel_axis=None)
    np.testing.assert_array_equal(curve.x, [0, 0.4, 0.8, 1.0])
    np.testing.assert_array_equal(curve.y, [5, 3, 1, 0])
    assert curve.area.value == pytest.approx(2.5, rel=1e-15)  # the line 5 (1 - x)


def test_the_default_step_makes_224_steps_of_a_large_image_and_one_pixel_of_a_small_one():
    x = np.ones((30, 40))
    assert len(deletion_curve(linear(x), x, uniforms(30, 40), channel_axis=None).x) == 1 + 200  # ceil(1200/224) = 6
    assert len(deletion_curve(linear(x[:5]), x[:5], uniforms(5, 40), channel_axis=None).x) == 201


def test_a_constant_model_has_that_area_exactly_and_inserting_the_image_into_itself_changes_nothing():
    def constant(images):
        return np.full(len(images), 0.3)

    image, saliency = uniforms(2, 9, 7), uniforms(9, 7, row=1)
    for curve in (deletion_curve, insertion_curve):
        assert curve(constant, image, saliency, step=4).area.value == pytest.approx(0.3, rel=1e-15)
    model = linear(uniforms(2, 9, 7, row=3))
    same = insertion_curve(model, image, saliency, baseline=image)
    assert (same.y == model(image[None])[0]).all()


def test_ties_are_broken_at_random_and_average_to_the_diagonal():
    # A map that is zero everywhere: by index the curve follows the position, at random its mean is the straight line.
    w = np.zeros((1, 12))
    w[0, :3] = 1.0
    x, flat = np.ones((1, 12)), np.zeros((1, 12))
    assert deletion_curve(linear(w), x, flat, ties="index", channel_axis=None).area.value == pytest.approx(4.5 / 12)
    areas, errors = [], []
    for seed in range(400):
        curve = deletion_curve(linear(w), x, flat, n_repeats=5, channel_axis=None, rng=seed)
        areas.append(curve.area.value)
        errors.append(curve.area.stderr)
        assert (curve.area.n, curve.area.df, curve.diagnostics["tied"]) == (5, 4.0, 1.0)
    z = (np.mean(areas) - 1.5) / (np.std(areas) / 20)
    assert abs(z) < 4
    # Mean of 400 variances with 4 degrees of freedom: relative error sqrt(2/4)/20 = 0.035; four of them.
    assert abs(np.mean(np.square(errors)) / np.var(areas) - 1) < 0.14 + 4 * math.sqrt(2 / 400)
    once = deletion_curve(linear(w), x, flat, channel_axis=None, rng=1)
    assert np.isnan(once.area.stderr)


def test_all_outputs_come_from_one_run_and_predicted_chooses_the_largest():
    weights = uniforms(2, 4, 4)

    def model(images):
        return np.stack([linear(weights[0])(images), linear(weights[1])(images)], axis=1)

    image, saliency = np.ones((4, 4)), uniforms(4, 4, row=5)
    both = deletion_curve(model, image, saliency, channel_axis=None)
    assert both.y.shape == (17, 2)
    assert both.area.value.shape == (2,)
    for c in range(2):
        one = deletion_curve(model, image, saliency, target=c, channel_axis=None)
        assert one.y.tobytes() == np.ascontiguousarray(both.y[:, c]).tobytes()
    best = int(np.argmax(weights.sum(axis=(1, 2))))
    assert deletion_curve(model, image, saliency, target="predicted", channel_axis=None).diagnostics["target"] == best


def test_channels_batches_workers_and_an_attribution_as_map_change_nothing():
    image, saliency = uniforms(3, 8, 6), uniforms(8, 6, row=1)
    weights = uniforms(3, 8, 6, row=2)
    truth = deletion_curve(linear(weights), image, saliency, baseline=[0.1, 0.2, 0.3], rng=0)
    last = deletion_curve(
        linear(np.moveaxis(weights, 0, -1)),
        np.moveaxis(image, 0, -1),
        po.Attribution(values=saliency),
        baseline=[0.1, 0.2, 0.3],
        channel_axis=-1,
        rng=0,
    )
    np.testing.assert_allclose(last.y, truth.y, rtol=1e-12)
    for options in ({"workers": 5}, {"batch_size": 7}):
        again = deletion_curve(linear(weights), image, saliency, baseline=[0.1, 0.2, 0.3], rng=0, **options)
        assert again.y.tobytes() == truth.y.tobytes()


def test_scikit_learn_and_torch_models_are_taken():
    linear_model = pytest.importorskip("sklearn.linear_model")
    torch = pytest.importorskip("torch")
    X, y = uniforms(60, 12), (uniforms(60, 12)[:, 3] > 0.5).astype(int)
    fitted = linear_model.LogisticRegression().fit(X, y)
    image = X[0].reshape(1, 3, 4)
    saliency = fitted.coef_.reshape(3, 4)
    curve = deletion_curve(fitted, image, saliency, target=1)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 1), torch.nn.Sigmoid()).double()
    with torch.no_grad():
        net[1].weight[:] = torch.from_numpy(fitted.coef_)
        net[1].bias[:] = torch.from_numpy(fitted.intercept_)
    other = deletion_curve(net, image, saliency, target=0)
    np.testing.assert_allclose(curve.y, other.y, rtol=1e-12)


# ---- pointing game


def test_a_hit_is_the_object_or_the_tolerance_around_it():
    saliency = np.zeros((9, 9))
    saliency[4, 4] = 1.0
    mask = np.zeros((9, 9), dtype=bool)
    mask[5, 5] = True
    assert pointing_game(saliency, mask, tolerance=0).value == 0.0
    assert pointing_game(saliency, mask, tolerance=1).value == 0.0  # sqrt 2 away
    assert pointing_game(saliency, mask, tolerance=1.5).value == 1.0
    mask[4, 5] = True
    assert pointing_game(saliency, mask, tolerance=1).value == 1.0
    assert pointing_game(saliency, (4, 4, 4, 4), tolerance=0).value == 1.0
    assert pointing_game(saliency, (5, 0, 8, 3), tolerance=1).value == 0.0
    assert pointing_game(saliency, [(0, 0, 1, 1), (5, 4, 8, 8)], tolerance=1).value == 1.0
    assert np.isnan(pointing_game(saliency, mask).stderr)


def test_the_share_of_hits_has_a_binomial_error_and_wilsons_interval():
    stats = pytest.importorskip("scipy.stats")
    maps = np.zeros((10, 5, 6))
    maps[:, 2, 3] = 1.0
    boxes = np.array([[3, 2, 3, 2]] * 7 + [[0, 0, 1, 0]] * 3)
    result = pointing_game(maps, boxes, tolerance=0)
    assert result.value == 0.7
    assert result.stderr == pytest.approx(math.sqrt(0.7 * 0.3 / 9))
    np.testing.assert_array_equal(result.diagnostics["hits"], [True] * 7 + [False] * 3)
    truth = stats.binomtest(7, 10).proportion_ci(method="wilson")
    np.testing.assert_allclose(result.confidence_interval(), (truth.low, truth.high), rtol=1e-12)
    masks = [np.pad(np.ones((1, 1), dtype=bool), ((2, 2), (3, 2)))] * 10
    assert pointing_game(list(maps), masks, tolerance=0).value == 1.0


def test_equal_maxima_are_chosen_from_at_random():
    saliency = np.zeros((2, 4))
    saliency[0] = 1.0
    mask = np.zeros((2, 4), dtype=bool)
    mask[0, 0] = True
    hits = [pointing_game(saliency, mask, tolerance=0, rng=seed).value for seed in range(2000)]
    assert abs(np.mean(hits) - 0.25) < 4 * math.sqrt(0.25 * 0.75 / 2000)
    assert pointing_game(saliency, mask, 0, rng=5).value == pointing_game(saliency, mask, 0, rng=5).value


# ---- mu-fidelity


def test_a_linear_model_and_its_own_terms_correlate_perfectly():
    w, x = uniforms(9, 10) - 0.5, uniforms(9, 10, row=1)
    result = mu_fidelity(linear(w), x, w * x, grid=(3, 5), channel_axis=None, rng=0)
    assert result.value == pytest.approx(1.0, abs=1e-9)
    against = mu_fidelity(linear(w), x, -w * x, grid=(3, 5), channel_axis=None, rng=0)
    assert against.value == pytest.approx(-1.0, abs=1e-9)
    assert result.diagnostics["cells"] == 3


def test_the_value_and_its_jackknife_error_equal_loops():
    w, x, saliency = uniforms(6, 6), uniforms(6, 6, row=1), uniforms(6, 6, row=2)
    seen = []

    def model(images):
        seen.append(np.array(images))
        return np.sqrt(linear(w)(images))

    result = mu_fidelity(model, x, saliency, grid=6, n=30, subset=5, channel_axis=None, rng=KEY)
    images = np.concatenate(seen[1:])
    gone = (images == 0).reshape(30, -1)
    assert (gone.sum(axis=1) == 5).all()
    a, b = gone @ saliency.ravel(), np.sqrt((w * x).sum()) - np.sqrt(linear(w)(images))
    assert result.value == pytest.approx(np.corrcoef(a, b)[0, 1], rel=1e-10)
    loo = [np.corrcoef(np.delete(a, i), np.delete(b, i))[0, 1] for i in range(30)]
    assert result.stderr == pytest.approx(math.sqrt(29 / 30 * ((loo - np.mean(loo)) ** 2).sum()), rel=1e-8)


def test_sets_of_cells_are_uniform_and_the_error_is_the_spread_over_seeds():
    w, x, saliency = uniforms(5, 5), np.ones((5, 5)), uniforms(5, 5, row=2)
    results = [mu_fidelity(linear(w), x, saliency, grid=5, n=100, channel_axis=None, rng=seed) for seed in range(300)]
    values = np.array([r.value for r in results])
    # Relative error of a spread over 300 seeds: 1/sqrt(600) = 0.041; the jackknife of 100 sets is 1 % high.
    assert abs(np.mean([r.stderr for r in results]) / values.std(ddof=1) - 1) < 4 * 0.041 + 0.02
    # Uniform sets of equal size: the correlation of the totals is that of the cells.
    truth = np.corrcoef(w.ravel(), saliency.ravel())[0, 1]
    # bias of r is of order r (1 - r^2) / 2n
    assert abs(values.mean() - truth) < 4 * values.std() / math.sqrt(300) + 1 / 200


def test_no_spread_has_no_correlation_and_warns():
    x = np.ones((6, 6))
    with pytest.warns(po.ReliabilityWarning, match="the same for all random sets"):
        assert np.isnan(mu_fidelity(linear(x), x, x, grid=3, channel_axis=None).value)


# ---- bad input

IMAGE, MAP = np.ones((4, 5)), uniforms(4, 5)
ONE = linear(np.ones((4, 5)))


def two(images):
    return np.ones((len(images), 2))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: deletion_curve(ONE, IMAGE, MAP), ValueError, "image: expected a 3-d array"),
        (
            lambda: deletion_curve(ONE, IMAGE, MAP.T, channel_axis=None),
            ValueError,
            "saliency: expected one value a pixel",
        ),
        (lambda: deletion_curve(ONE, IMAGE, MAP * np.nan, channel_axis=None), ValueError, "saliency: 20 value"),
        (lambda: deletion_curve(ONE, IMAGE, MAP, step=0, channel_axis=None), ValueError, "step: expected"),
        (lambda: deletion_curve(ONE, IMAGE, MAP, ties="mean", channel_axis=None), ValueError, "ties: expected"),
        (lambda: deletion_curve(ONE, IMAGE, MAP, n_repeats=0, channel_axis=None), ValueError, "n_repeats: expected"),
        (lambda: deletion_curve(two, IMAGE, MAP, target=5, channel_axis=None), ValueError, "target: the model has 2"),
        (lambda: deletion_curve(ONE, IMAGE, MAP, baseline="grey", channel_axis=None), ValueError, "baseline: expected"),
        (
            lambda: deletion_curve(lambda X: np.full(len(X), np.nan), IMAGE, MAP, channel_axis=None),
            ValueError,
            "model: predict returned NaN",
        ),
        (
            lambda: deletion_curve(lambda X: np.ones(3), IMAGE, MAP, channel_axis=None),
            ValueError,
            "model: predict returned shape",
        ),
        (lambda: insertion_curve(ONE, IMAGE, MAP, kernel=2, channel_axis=None), ValueError, "kernel: expected an odd"),
        (lambda: pointing_game(MAP, (0, 0, 1, 1), -1), ValueError, "tolerance: expected"),
        (lambda: pointing_game(MAP, np.zeros((4, 5), dtype=bool)), ValueError, "boxes_or_masks: object 0 has no pixel"),
        (lambda: pointing_game(MAP, (9, 9, 10, 10)), ValueError, "boxes_or_masks: object 0 has no pixel"),
        (lambda: pointing_game(MAP, np.ones((5, 4), dtype=bool)), ValueError, "boxes_or_masks: mask 0 has shape"),
        (lambda: pointing_game(MAP, (0, 1, 2)), ValueError, "boxes_or_masks: expected a boolean mask or boxes"),
        (lambda: pointing_game([MAP, MAP], [(0, 0, 1, 1)]), ValueError, "boxes_or_masks: expected one entry"),
        (lambda: pointing_game(np.ones((0, 4, 5)), []), ValueError, "saliencies: expected at least one map"),
        (lambda: pointing_game(MAP * np.inf, (0, 0, 1, 1)), ValueError, "saliencies: 20 value"),
        (
            lambda: mu_fidelity(two, IMAGE, MAP, grid=2, channel_axis=None),
            ValueError,
            "target: the model has 2 outputs",
        ),
        (lambda: mu_fidelity(ONE, IMAGE, MAP, grid=5, channel_axis=None), ValueError, "grid: the image of 4 x 5"),
        (lambda: mu_fidelity(ONE, IMAGE, MAP, grid=2, n=2, channel_axis=None), ValueError, "n: expected"),
        (lambda: mu_fidelity(ONE, IMAGE, MAP, grid=2, subset=4, channel_axis=None), ValueError, "subset: expected"),
        (lambda: mu_fidelity(ONE, IMAGE, MAP, grid=2, subset=1.0, channel_axis=None), ValueError, "subset: expected"),
        (lambda: mu_fidelity(ONE, IMAGE, MAP, grid=1, channel_axis=None), ValueError, "subset: expected"),
    ],
)
def test_bad_input_is_refused_by_name(call, error, message):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(error, match=message):
            call()
