"""RISE: the four truths of the method, every model kind, determinism, the warnings."""

from __future__ import annotations

import io
import itertools
import math
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from pondera_attribution import examples, plugin
from pondera_attribution.rise import rise

import pondera as po

KEY = po.random.Key(5, 6)


def cells_model(coefficients, image_size, offset=0.0):
    """A model that is linear in the mean of each cell of the image."""
    gh, gw = coefficients.shape
    H, W = image_size
    weights = np.kron(coefficients, np.ones((H // gh, W // gw))) / (H // gh * (W // gw))

    def predict(images):
        return offset + (np.asarray(images, dtype=np.float64).mean(axis=1) * weights).sum(axis=(1, 2))

    return predict


# ---- truths


def test_truth_a_all_masks_of_a_linear_model_give_coefficients_and_conditional_means():
    # The masks and scores of `rise`, with the random cells replaced by all 2^9 of them.
    w = np.arange(9.0).reshape(3, 3) - 2
    masked = po.MaskedImage(cells_model(w, (12, 9), offset=1.5), np.ones((1, 12, 9)))
    cells = np.array(list(itertools.product([0.0, 1.0], repeat=9))).reshape(-1, 3, 3)
    masks = po.upsample_grid(cells, (12, 9), "nearest")
    acc = po.accumulate(masks, masked(masks))
    stretched = np.kron(w, np.ones((4, 3)))
    np.testing.assert_allclose(acc.result("centered").value, stretched, rtol=0, atol=1e-10)
    truth = 1.5 + w.sum() * 0.5 + stretched * 0.5
    np.testing.assert_allclose(acc.result("expected", p=0.5).value, truth, rtol=0, atol=1e-10)
    # Any p: each mask counts p^on (1 - p)^off times.
    for p in (0.1, 0.8):
        on = cells.sum(axis=(1, 2))
        chance = p**on * (1 - p) ** (9 - on)
        value = np.tensordot(chance * masked(masks), masks, 1) / p
        np.testing.assert_allclose(value, 1.5 + w.sum() * p + stretched * (1 - p), rtol=0, atol=1e-10)


@pytest.mark.parametrize("p", [0.3, 0.5])
@pytest.mark.parametrize("normalize", ["expected", "empirical", "centered"])
def test_truth_a_random_masks_agree_within_their_standard_errors(normalize, p):
    w = np.arange(9.0).reshape(3, 3) - 2
    stretched = np.kron(w, np.ones((4, 3)))
    truth = stretched if normalize == "centered" else 30 + w.sum() * p + stretched * (1 - p)
    z = []
    for seed in range(200):
        map_ = rise(
            cells_model(w, (12, 9), offset=30.0),
            np.ones((1, 12, 9)),
            n_masks=600,
            grid=3,
            p=p,
            shift=False,
            interpolation="nearest",
            normalize=normalize,
            rng=seed,
        )
        z.append(((map_.values - truth) / map_.stderr)[::4, ::3])
    # Cell by cell over the seeds, since the nine cells of one seed are dependent: the mean square of a correct z is
    # within 4.5 sqrt(2/200) of 1, the mean within 4 / sqrt(200) of 0; linearising adds about 0.05 to both (3000 seeds).
    assert np.abs(z).max() < 5
    assert np.abs(np.mean(np.square(z), axis=0) - 1).max() < 4.5 * math.sqrt(2 / 200) + 0.05
    assert np.abs(np.mean(z, axis=0)).max() < 4 / math.sqrt(200) + 0.05


def test_truth_b_and_c_the_masks_are_unbiased_and_the_published_ones():
    # Proved for pondera.grid_masks in tests/test_masks.py; here: RISE uses exactly these masks.
    seen = []

    def model(images):
        seen.append(np.array(images[:, 0]))
        return images.mean(axis=(1, 2, 3))

    rise(model, np.ones((1, 20, 24), dtype=np.float32), n_masks=150, grid=(4, 5), p=0.3, rng=KEY)
    masks = np.concatenate(list(po.grid_masks(150, (20, 24), (4, 5), 0.3, rng=KEY)))
    np.testing.assert_array_equal(np.concatenate(seen)[1:], masks)


def test_truth_d_the_deletion_area_of_the_map_of_an_additive_model():
    # With all weight on one cell the centered map orders its pixels first: the area is the closed form's least value.
    w = np.zeros((2, 2))
    w[1, 0] = 1.0
    model = cells_model(w, (8, 8))
    options = {"n_masks": 2000, "grid": 2, "shift": False, "interpolation": "nearest", "normalize": "centered"}
    map_ = rise(model, np.ones((1, 8, 8)), rng=KEY, **options)
    curve = po.metrics.deletion_curve(model, np.ones((1, 8, 8)), map_, step=1, rng=0)
    # Score 1 - j/16 after j of the 16 pixels, 0 afterwards: sum of w (rank + 1/2)/64 = (16^2/2)/16/64 = 1/8.
    assert curve.area.value == pytest.approx(1 / 8, rel=1e-12)


def test_the_map_equals_a_plain_loop_over_stored_masks():
    image = KEY.stream(11).uniform(np.arange(3 * 14 * 18)).reshape(3, 14, 18)
    weights = KEY.stream(10).normal(np.arange(14 * 18)).reshape(14, 18)

    def model(images):
        return 1 / (1 + np.exp(-(images.mean(axis=1) * weights).sum(axis=(1, 2))))

    masks = np.concatenate(list(po.grid_masks(300, (14, 18), 3, 0.4, rng=KEY))).astype(np.float64)
    y = np.array([model((image * m + 0.5 * (1 - m))[None])[0] for m in masks])
    map_ = rise(model, image, n_masks=300, grid=3, p=0.4, baseline=0.5, rng=KEY)
    # Masks are float32, sums of them in double: relative 1e-7 a mask, averaged.
    np.testing.assert_allclose(map_.values, np.tensordot(y, masks, 1) / (300 * 0.4), rtol=2e-7)
    terms = y[:, None, None] * masks / 0.4
    np.testing.assert_allclose(map_.stderr, terms.std(axis=0, ddof=1) / math.sqrt(300), rtol=1e-6)
    assert map_.diagnostics["score"] == model(image[None])[0]
    assert map_.diagnostics["mean_score"] == pytest.approx(y.mean(), rel=1e-6)


# ---- models


def digits():
    datasets = pytest.importorskip("sklearn.datasets")
    linear_model = pytest.importorskip("sklearn.linear_model")
    X, y = datasets.load_digits(return_X_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = linear_model.LogisticRegression(max_iter=200, tol=1e-3).fit(X[:500] / 16, y[:500])
    return fitted, (X[0] / 16).reshape(8, 8)


def test_the_same_map_for_scikit_learn_onnx_torch_and_a_callable():
    fitted, image = digits()
    options = {"n_masks": 400, "grid": 4, "normalize": "centered", "rng": KEY, "channel_axis": None}
    truth = rise(fitted, image, **options)
    assert truth.values.shape == (8, 8, 10)
    assert truth.output_names == tuple("0123456789")

    plain = rise(lambda images: fitted.predict_proba(images.reshape(len(images), -1)), image, **options)
    assert plain.values.tobytes() == truth.values.tobytes()
    assert plain.output_names[0] == "y0"

    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10), torch.nn.Softmax(dim=1)).double()
    with torch.no_grad():
        net[1].weight[:] = torch.from_numpy(fitted.coef_)
        net[1].bias[:] = torch.from_numpy(fitted.intercept_)
    net.train()
    from_torch = rise(net, image, **options)
    np.testing.assert_allclose(from_torch.values, truth.values, rtol=0, atol=1e-12)
    assert net.training
    assert all(p.grad is None for p in net.parameters())

    skl2onnx = pytest.importorskip("skl2onnx")
    ort = pytest.importorskip("onnxruntime")
    model = skl2onnx.to_onnx(fitted, np.zeros((1, 64)), options={"zipmap": False})
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    from_onnx = rise(session, image, **options)
    np.testing.assert_allclose(from_onnx.values, truth.values, rtol=0, atol=1e-4)  # float32 probabilities


def test_an_onnx_network_gets_images():
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnx")
    ort = pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper

    weight = np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["g"]),
        helper.make_node("Flatten", ["g"], ["f"]),
        helper.make_node("Softmax", ["f"], ["y"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, "h", "v"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor("w", TensorProto.FLOAT, weight.shape, weight.ravel())],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    conv = torch.nn.Conv2d(3, 4, 3, padding=1, bias=False)
    with torch.no_grad():
        conv.weight[:] = torch.from_numpy(weight)
    net = torch.nn.Sequential(
        conv, torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Softmax(dim=1)
    )
    image = np.random.default_rng(1).normal(size=(3, 16, 20)).astype(np.float32)
    a = rise(session, image, n_masks=200, grid=4, target="predicted", rng=1)
    b = rise(net, image, n_masks=200, grid=4, target="predicted", rng=1)
    assert a.diagnostics["target"] == b.diagnostics["target"]
    np.testing.assert_allclose(a.values, b.values, rtol=1e-5)


def test_torch_tensors_are_images_and_gradients_are_refused():
    torch = pytest.importorskip("torch")
    image = torch.rand(3, 9, 9, generator=torch.Generator().manual_seed(0))

    def model(images):
        return images.mean(axis=(1, 2, 3))

    map_ = rise(model, image, n_masks=120, grid=3, rng=0)
    again = rise(model, image.numpy(), n_masks=120, grid=3, rng=0)
    assert map_.values.tobytes() == again.values.tobytes()
    with pytest.raises(TypeError, match=r"image: the tensor requires grad; pass image\.detach"):
        rise(model, image.clone().requires_grad_(), n_masks=120)


# ---- shapes


@pytest.mark.parametrize(("shape", "axis"), [((3, 13, 29), 0), ((13, 29, 3), -1), ((1, 13, 29), 0), ((13, 29), None)])
def test_any_size_and_channel_order(shape, axis):
    def model(images):
        images = np.moveaxis(images, -1, 1) if axis == -1 else images if axis == 0 else images[:, None]
        return images[:, :, 2:5, 20:25].mean(axis=(1, 2, 3))

    map_ = rise(model, np.ones(shape), n_masks=1500, grid=(4, 7), normalize="centered", channel_axis=axis, rng=0)
    assert map_.values.shape == map_.stderr.shape == (13, 29)
    y, x = np.unravel_index(np.argmax(map_.values), (13, 29))
    assert 1 <= y <= 5
    assert 19 <= x <= 25


def test_a_signal_is_an_image_of_one_row():
    def model(images):
        return images[:, 0, 0, 40:50].mean(axis=1)

    map_ = rise(model, np.ones((1, 1, 100)), n_masks=2000, grid=(1, 10), normalize="centered", rng=0)
    assert 40 <= int(np.argmax(map_.values[0])) < 50


def test_outputs_come_last_and_target_chooses():
    def model(images):
        flat = images.reshape(len(images), -1)
        return np.stack([flat.mean(axis=1), flat.max(axis=1), flat[:, 0]], axis=1)

    image = KEY.stream(11).uniform(np.arange(64)).reshape(1, 8, 8)
    options = {"n_masks": 150, "grid": 2, "rng": KEY}
    every = rise(model, image, **options)
    assert every.values.shape == (8, 8, 3)
    for c in range(3):
        assert rise(model, image, target=c, **options).values.tobytes() == every.values[..., c].tobytes()
    assert rise(model, image, target=[0, 2], **options).values.tobytes() == every.values[..., [0, 2]].tobytes()
    assert rise(model, image, target="predicted", **options).diagnostics["target"] == 1


# ---- determinism


def call(**options):
    weights = KEY.stream(10).normal(np.arange(10 * 15)).reshape(10, 15)

    def model(images):
        return np.stack([(m[0] * weights).sum() for m in images.astype(np.float64)])

    image = KEY.stream(11).uniform(np.arange(150)).reshape(1, 10, 15).astype(np.float32)
    return rise(model, image, n_masks=500, grid=3, normalize="centered", rng=3, **options)


def test_workers_batches_and_executors_change_no_bit():
    truth = call()
    with ThreadPoolExecutor(3) as executor:
        for options in ({"workers": 1}, {"workers": 5}, {"batch_size": 7}, {"executor": executor}):
            again = call(**options)
            assert again.values.tobytes() == truth.values.tobytes()
            assert again.stderr.tobytes() == truth.stderr.tobytes()


def test_a_generator_advances_and_a_seed_repeats():
    def model(images):
        return images.mean(axis=(1, 2, 3))

    image = np.ones((1, 8, 8))
    rng = np.random.default_rng(0)
    one, two = (rise(model, image, n_masks=100, grid=2, rng=rng).values for _ in range(2))
    assert one.tobytes() != two.tobytes()
    assert rise(model, image, n_masks=100, grid=2, rng=np.random.default_rng(0)).values.tobytes() == one.tobytes()


def test_progress_counts_masks():
    seen = []
    call(batch_size=200, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(200, 500), (400, 500), (500, 500)]


def test_the_image_is_not_written_to():
    def vandal(images):
        images[:] = 0
        return images.sum(axis=(1, 2, 3))

    image = np.ones((1, 8, 8))
    image.flags.writeable = False
    with pytest.warns(po.ReliabilityWarning, match="do not change under the masks"):
        rise(vandal, image, n_masks=100, grid=2, rng=0)
    assert (image == 1).all()


# ---- doubt and refusal


def mean(images):
    return images.mean(axis=(1, 2, 3))


def test_few_masks_warn_and_still_have_standard_errors():
    with pytest.warns(po.ReliabilityWarning, match="99 masks are few"):
        map_ = rise(mean, np.ones((1, 8, 8)), n_masks=99, grid=2, rng=0)
    assert np.isfinite(map_.stderr).all()


def test_negative_scores_warn_unless_centered():
    def logits(images):
        return images.mean(axis=(1, 2, 3)) - 0.5

    for normalize in ("expected", "empirical"):
        with pytest.warns(po.ReliabilityWarning, match="negative scores"):
            rise(logits, np.ones((1, 8, 8)), n_masks=100, grid=2, normalize=normalize, rng=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shifted = rise(logits, np.ones((1, 8, 8)), n_masks=100, grid=2, normalize="centered", rng=0)
        plain = rise(mean, np.ones((1, 8, 8)), n_masks=100, grid=2, normalize="centered", rng=0)
    np.testing.assert_allclose(shifted.values, plain.values, rtol=0, atol=1e-12)


def test_scores_that_do_not_change_warn():
    with pytest.warns(po.ReliabilityWarning, match="do not change under the masks"):
        map_ = rise(mean, np.ones((1, 8, 8)), n_masks=100, grid=2, baseline=1.0, normalize="centered", rng=0)
    np.testing.assert_allclose(map_.values, 0, atol=1e-6)


def test_pixels_that_no_mask_shows_are_nan_and_named():
    with (
        pytest.warns(po.ReliabilityWarning, match="3 masks are few"),
        pytest.warns(po.ReliabilityWarning, match="not shown by any"),
    ):
        map_ = rise(mean, np.ones((1, 8, 8)), n_masks=3, grid=8, p=0.05, shift=False, normalize="empirical", rng=0)
    assert np.isnan(map_.values).any()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"image": np.ones((8, 8))}, ValueError, "image: expected a 3-d array"),
        ({"image": np.ones((1, 6, 8))}, ValueError, "image_size: an image of 6 x 8 is smaller than the grid"),
        ({"image": np.full((1, 8, 8), np.nan)}, ValueError, "image: 64 value"),
        ({"image": "cat"}, TypeError, "image: expected real numbers"),
        ({"p": 0.0}, ValueError, "p: expected a probability"),
        ({"p": 1.0}, ValueError, "p: expected a probability"),
        ({"n_masks": 0}, ValueError, "n_masks: expected a positive integer"),
        ({"n_masks": 10.5}, TypeError, "n_masks: expected an integer"),
        ({"normalize": "sum"}, ValueError, "normalize: expected one of"),
        ({"interpolation": "bicubic"}, ValueError, "interpolation: expected"),
        ({"baseline": [1.0, 2.0]}, ValueError, "baseline: expected"),
        ({"batch_size": 0}, ValueError, "batch_size: expected"),
        ({"target": 3}, ValueError, "target: "),
        ({"target": "top"}, ValueError, "target: expected"),
        ({"rng": "seed"}, TypeError, "rng: expected"),
        ({"workers": 0}, ValueError, "workers: expected"),
        ({"model": lambda X: np.ones((len(X), 2)), "target": 2}, ValueError, "target: the model has 2 outputs"),
        ({"model": lambda X: np.full(len(X), np.nan)}, ValueError, "model: predict returned NaN"),
        ({"model": lambda X: np.ones(7)}, ValueError, "model: predict returned shape"),
        ({"model": lambda X: np.array(["a"] * len(X))}, ValueError, "model: predict returned dtype"),
        ({"model": 3}, TypeError, "model: expected"),
    ],
)
def test_bad_input_is_refused_by_name(options, error, message):
    arguments = {"model": mean, "image": np.ones((1, 8, 8)), "n_masks": 100, **options}
    model, image = arguments.pop("model"), arguments.pop("image")
    with pytest.raises(error, match=message):
        rise(model, image, **arguments)


# ---- the plugin


def test_the_example_is_true_and_results_are_saved_and_loaded(tmp_path):
    example = examples.rise()
    result = rise(*example.args, rng=1, **example.kwargs)
    assert example.truth is not None
    example.truth(result)
    result.save(tmp_path / "map.npz")
    loaded = po.load(tmp_path / "map.npz")
    assert isinstance(loaded, po.Attribution)
    assert loaded.values.tobytes() == result.values.tobytes()
    assert "rise" in [m.name for m in plugin.methods]
    buffer = io.BytesIO()
    pytest.importorskip("matplotlib")
    result.plot().figure.savefig(buffer)
    assert buffer.tell() > 1000


def test_listing_the_plugin_imports_no_target():
    code = "import sys, pondera_attribution; print('pondera_attribution.rise' in sys.modules, 'scipy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
