"""Masks: the published stretch and shift, moments from scores alone, standard errors that cover, images and models."""

from __future__ import annotations

import itertools
import math
import os
import pickle
import subprocess
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pondera as po
from pondera import _core
from pondera.masks import NORMALIZATIONS, GridMasks
from reference import masks as reference

KEY = po.random.Key(7, 8)
MAPS = (*NORMALIZATIONS, "correlation")
SHAPES = [
    ((20, 31), (3, 4)),
    ((8, 8), (1, 1)),
    ((9, 5), (1, 4)),
    ((64, 48), (7, 7)),
    ((7, 7), (7, 7)),
    ((10, 3), (5, 1)),
]


def drawn(n, image, grid, *, shift=True, p=0.5):
    return _core.masks.grid_cells(KEY.words, 0, n, p, image, grid, shift)


def all_of(masks: GridMasks) -> np.ndarray:
    return np.concatenate(list(masks))


# ---- masks


@pytest.mark.parametrize(("image", "grid"), SHAPES)
def test_masks_equal_the_reference_at_the_same_cells_and_offset(image, grid):
    masks = all_of(po.grid_masks(20, image, grid, rng=KEY))
    cells, offsets = drawn(20, image, grid)
    truth = [reference.stretched(c, image, o) for c, o in zip(cells, offsets, strict=True)]
    # float32 masks: two roundings of values up to 1, of the fraction and of the product.
    np.testing.assert_allclose(masks, truth, rtol=0, atol=3e-7)
    masks = all_of(po.grid_masks(20, image, grid, shift=False, rng=KEY))
    cells, _ = drawn(20, image, grid, shift=False)
    np.testing.assert_allclose(masks, [reference.stretched(c, image) for c in cells], rtol=0, atol=3e-7)


@pytest.mark.parametrize(("image", "grid"), [s for s in SHAPES if 1 not in s[1]])
def test_masks_equal_the_published_code_with_scikit_image(image, grid):
    resize = pytest.importorskip("skimage.transform").resize
    cells, offsets = drawn(10, image, grid)
    size = [-(-a // b) for a, b in zip(image, grid, strict=True)]
    up = [(g + 1) * s for g, s in zip(grid, size, strict=True)]
    for mask, grid_cells, (y, x) in zip(all_of(po.grid_masks(10, image, grid, rng=KEY)), cells, offsets, strict=True):
        stretched = resize(grid_cells.astype(float), up, order=1, mode="reflect", anti_aliasing=False)
        np.testing.assert_allclose(mask, stretched[y : y + image[0], x : x + image[1]], rtol=0, atol=1e-6)


def test_nearest_masks_are_binary_and_cut_at_the_cells():
    masks = all_of(po.grid_masks(50, (6, 9), (2, 3), interpolation="nearest", shift=False, rng=KEY))
    cells, _ = drawn(50, (6, 9), (2, 3), shift=False)
    np.testing.assert_array_equal(masks, np.kron(cells, np.ones((1, 3, 3))))
    shifted = all_of(po.grid_masks(50, (6, 9), (2, 3), interpolation="nearest", rng=KEY))
    assert set(np.unique(shifted)) == {0.0, 1.0}


@pytest.mark.parametrize("p", [0.1, 0.5])
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_every_pixel_is_shown_with_probability_p_corners_included(p, interpolation):
    # 50 000 masks; among 20 z-scores one above 4 appears once in 800 runs of a correct generator, and seeds are fixed.
    total, squares, n = np.zeros((21, 30)), np.zeros((21, 30)), 50_000
    for block in po.grid_masks(n, (21, 30), (4, 5), p, interpolation=interpolation, batch_size=1000, rng=KEY):
        total += block.sum(axis=0, dtype=np.float64)
        squares += (block.astype(np.float64) ** 2).sum(axis=0)
    mean = total / n
    z = (mean - p) / np.sqrt((squares / n - mean**2) / n)
    assert np.abs([z[0, 0], z[0, -1], z[-1, 0], z[-1, -1], z[10, 15]]).max() < 4
    # All 630 pixels, fewer than 200 of them independent: beyond 4.5 once in 700 runs.
    assert np.abs(z).max() < 4.5


def test_offsets_are_uniform_on_the_cell_and_never_reach_its_size():
    _, offsets = drawn(60_000, (21, 30), (4, 5))
    for axis, size in enumerate((6, 6)):
        counts = np.bincount(offsets[:, axis], minlength=size)
        assert len(counts) == size
        chi2 = ((counts - 10_000) ** 2 / 10_000).sum()
        assert chi2 < 5 + 5 * math.sqrt(10)  # 5 degrees of freedom: mean 5, variance 10
    assert abs(np.corrcoef(offsets.T)[0, 1]) < 4.5 / math.sqrt(60_000)


def test_a_mask_depends_on_its_number_alone():
    whole = all_of(po.grid_masks(70, (12, 10), 3, rng=KEY))
    some = po.grid_masks(70, (12, 10), 3, rng=KEY, batch_size=9)
    np.testing.assert_array_equal(whole, all_of(some))
    np.testing.assert_array_equal(whole[13:31], some.block(13, 31))
    np.testing.assert_array_equal(whole[40:], all_of(po.grid_masks(30, (12, 10), 3, start=40, rng=KEY)))
    assert len(some) == 8
    out = np.empty((5, 12, 10), dtype=np.float32)
    assert some.block(5, 10, out=out) is out
    np.testing.assert_array_equal(out, whole[5:10])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(some)).block(5, 10), out)


def test_the_same_bytes_for_any_number_of_workers():
    masks = po.grid_masks(333, (40, 33), (5, 4), rng=KEY)
    scores = KEY.stream(11).uniform(np.arange(666)).reshape(333, 2)
    grid = KEY.stream(11, 1).uniform(np.arange(60)).reshape(3, 4, 5)

    def everything(workers: int) -> list[bytes]:
        block = masks.block(0, 333, workers=workers)
        out = [block, po.upsample_grid(grid, (40, 33), "bicubic", workers=workers)]
        for source in (masks, block):
            acc = po.MaskAccumulator(2, 40, 33).update(source, scores, workers=workers)
            for n in MAPS:
                result = acc.result(n, p=0.5)
                out += [result.value, result.stderr]
        return [np.ascontiguousarray(x).tobytes() for x in out]

    assert everything(1) == everything(2) == everything(5)


_HASH = """
import hashlib, numpy as np, pondera as po
key = po.random.Key(7, 8)
masks = po.grid_masks(200, (40, 33), (5, 4), 0.3, rng=key)
scores = key.stream(10).normal(np.arange(200))
block = masks.block(0, 200)
h = hashlib.sha256(block.tobytes())
for source in (masks, block, block.astype(np.float64)):
    r = po.MaskAccumulator(1, 40, 33).update(source, scores).result("centered")
    h.update(r.value.tobytes() + r.stderr.tobytes())
print(h.hexdigest())
"""


def test_the_same_bytes_on_every_instruction_set():
    def run(isa: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", _HASH], env={**os.environ, "PONDERA_ISA": isa}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run("baseline") == run("avx2") == run("avx512")


# ---- accumulation


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
@pytest.mark.parametrize("shift", [True, False])
@pytest.mark.parametrize(("image", "grid"), SHAPES)
def test_moments_from_scores_alone_equal_those_of_the_masks(image, grid, shift, interpolation):
    n = 257
    masks = po.grid_masks(n, image, grid, 0.4, shift=shift, interpolation=interpolation, rng=KEY)
    weights = KEY.stream(10).normal(np.arange(n))
    sums = np.zeros((4, *image))
    masks._moments([weights], [sums], 2)
    M = all_of(masks).astype(np.float64)
    truth = np.stack([(weights[:, None, None] * M**q).sum(axis=0) for q in range(1, 5)])
    # A float32 mask value is off by at most 2 ulp (1.2e-7); its q-th power by q times that; times sum |w|.
    np.testing.assert_allclose(sums, truth, rtol=0, atol=4 * 1.2e-7 * np.abs(weights).sum())


def test_a_group_of_offsets_too_large_for_one_slab_changes_nothing():
    # 300 vertical offsets of 14 terms x 600 columns pass the 8 MB that are held at once.
    masks = po.grid_masks(60, (600, 600), (2, 4), rng=KEY)
    weights = KEY.stream(10).normal(np.arange(60))
    sums = np.zeros((4, 600, 600))
    masks._moments([weights], [sums], 2)
    M = all_of(masks).astype(np.float64)
    np.testing.assert_allclose(sums[3], np.tensordot(weights, M**4, 1), rtol=0, atol=5e-5)
    np.testing.assert_allclose(sums[0], np.tensordot(weights, M, 1), rtol=0, atol=2e-5)


@pytest.mark.parametrize("normalize", MAPS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_maps_and_standard_errors_equal_the_reference(normalize, dtype):
    masks = all_of(po.grid_masks(300, (9, 11), 3, 0.3, rng=KEY)).astype(dtype)
    scores = np.stack([KEY.stream(12).exponential(np.arange(300)), 5 + masks[:, 4, 4] * masks[:, 1, 2]], axis=1)
    got = po.accumulate(masks[:100], scores[:100])
    po.accumulate(masks[100:], scores[100:], got)
    result = got.result(normalize, p=0.3)
    assert result.value.shape == result.stderr.shape == (9, 11, 2)
    assert result.n == 300
    for c in range(2):
        value, stderr = reference.weighted_map(masks, scores[:, c], normalize, 0.3)
        # Powers of scores near 5 cancel: 300 * 25 * 2^-53 against sums of squared residuals near 1.
        np.testing.assert_allclose(result.value[..., c], value, rtol=1e-10)
        np.testing.assert_allclose(result.stderr[..., c], stderr, rtol=1e-8)


def test_blocks_of_any_size_give_the_same_bits_and_merging_the_same_numbers():
    masks = all_of(po.grid_masks(100, (9, 11), 3, rng=KEY))
    scores = KEY.stream(10).normal(np.arange(100))
    whole = po.accumulate(masks, scores)
    parts = po.MaskAccumulator(1, 9, 11)
    for begin, end in itertools.pairwise([0, 1, 9, 50, 50, 100]):
        parts.update(masks[begin:end], scores[begin:end])
    for n in MAPS:
        a, b = whole.result(n, p=0.5), parts.result(n, p=0.5)
        assert a.value.tobytes() == b.value.tobytes()
        assert a.stderr.tobytes() == b.stderr.tobytes()
    merged = po.accumulate(masks[:30], scores[:30]).merge(po.accumulate(masks[30:], scores[30:]))
    assert merged.n == 100
    np.testing.assert_allclose(merged.result("centered").value, whole.result("centered").value, rtol=1e-12)
    np.testing.assert_allclose(merged.result("centered").stderr, whole.result("centered").stderr, rtol=1e-10)
    assert po.MaskAccumulator(1, 9, 11).merge(whole).result("empirical").value.shape == (9, 11)


def test_all_masks_of_a_linear_model_give_its_coefficients_and_conditional_means():
    # Truth (a): 3 x 3 cells, nearest, no shift, all 2^9 masks; f = 2 + sum w m.
    cells = np.array(list(itertools.product([0.0, 1.0], repeat=9)))
    w = np.arange(9.0) - 3.5
    masks = po.upsample_grid(cells.reshape(-1, 3, 3), (12, 9), "nearest")
    acc = po.accumulate(masks, 2 + cells @ w)
    expected = po.upsample_grid(w.reshape(3, 3), (12, 9), "nearest")
    np.testing.assert_allclose(acc.result("centered").value, expected, rtol=0, atol=1e-10)
    conditional = 2 + w.sum() / 2 + expected / 2  # E[f | cell on] = a + sum w p + w_cell (1 - p)
    np.testing.assert_allclose(acc.result("expected", p=0.5).value, conditional, rtol=0, atol=1e-10)
    np.testing.assert_allclose(acc.result("empirical").value, conditional, rtol=0, atol=1e-10)


@pytest.mark.parametrize("p", [0.2, 0.5])
@pytest.mark.parametrize("normalize", MAPS)
def test_standard_errors_are_the_spread_over_seeds(normalize, p):
    # A model with interactions, so that the residual's variance depends on the mask. 600 seeds: the relative error of a
    # spread is 1/sqrt(1200) = 0.029 for normal maps, 0.05 is allowed for the mean over 12 pixels; bias of the 400-mask
    # linearisation adds about 1/400.
    maps, errors = [], []
    for seed in range(600):
        masks = po.grid_masks(400, (3, 4), (3, 4), p, rng=seed)
        M = masks.block(0, 400).astype(np.float64)
        y = M[:, 0, 0] * M[:, 1, 1] * 4 + M[:, 2, 3] + M[:, 0, 3] * M[:, 0, 2] * M[:, 1, 2]
        result = po.MaskAccumulator(1, 3, 4).update(masks, y).result(normalize)
        maps.append(result.value)
        errors.append(result.stderr)
    ratio = np.sqrt(np.mean(np.square(errors), axis=0)) / np.std(maps, axis=0, ddof=1)
    assert abs(ratio.mean() - 1) < 0.05
    assert np.abs(ratio - 1).max() < 0.15  # 5 of 0.029
    covered = np.mean(np.abs(np.array(maps) - np.mean(maps, axis=0)) < 1.96 * np.array(errors))
    assert 0.93 < covered < 0.965


def test_centered_maps_ignore_a_constant_and_agree_in_order_with_the_others():
    masks = po.grid_masks(3000, (12, 12), 4, rng=KEY)
    y = np.concatenate([block[:, 3, 3] + 0.5 * block[:, 9, 6] for block in masks]).astype(np.float64)
    maps = {n: po.MaskAccumulator(1, 12, 12).update(masks, y).result(n) for n in NORMALIZATIONS}
    far = po.MaskAccumulator(1, 12, 12).update(masks, y + 1e6).result("centered")
    # sums of 3000 terms near 1e6 keep 1e6 * 3000 * 2^-53 / (3000 var M) = 1e-9 of a slope
    np.testing.assert_allclose(far.value, maps["centered"].value, rtol=0, atol=1e-7)
    contrast = {n: (m.value[3, 3] - m.value[11, 0]) / m.stderr.mean() for n, m in maps.items()}
    assert contrast["centered"] > contrast["empirical"] > contrast["expected"]
    for result in maps.values():
        assert np.unravel_index(np.argmax(result.value), (12, 12)) == (3, 3)


def test_without_standard_errors_the_maps_are_the_same():
    masks = po.grid_masks(200, (12, 12), 4, rng=KEY)
    y = KEY.stream(10).normal(np.arange(200))
    for n in MAPS:
        full = po.MaskAccumulator(1, 12, 12).update(masks, y).result(n)
        light = po.MaskAccumulator(1, 12, 12, stderr=False).update(masks, y).result(n)
        np.testing.assert_allclose(light.value, full.value, rtol=1e-9, atol=1e-12)
        assert np.isnan(light.stderr).all()


def test_pixels_that_were_never_shown_or_never_varied_are_nan_with_a_warning():
    masks = np.zeros((3, 1, 3))
    masks[:, 0, 1] = [0, 1, 1]
    masks[:, 0, 2] = 1
    acc = po.accumulate(masks, [1.0, 2.0, 4.0])
    with pytest.warns(po.ReliabilityWarning, match=r"1 value\(s\) are NaN.*not shown by any of the 3 masks"):
        result = acc.result("empirical")
    np.testing.assert_array_equal(result.value, [[np.nan, 3.0, 7 / 3]])
    with pytest.warns(po.ReliabilityWarning, match="2 value.*not both shown and hidden"):
        result = acc.result("centered")
    np.testing.assert_array_equal(np.isnan(result.value), [[True, False, True]])
    assert result.value[0, 1] == pytest.approx(2.0)  # mean with minus mean without
    with pytest.warns(po.ReliabilityWarning, match="or the score did not vary"):
        assert np.isnan(po.accumulate(masks, [2.0, 2.0, 2.0]).result("correlation").value).all()


def test_one_mask_has_a_map_but_no_standard_error():
    result = po.accumulate(np.ones((1, 2, 2)), [3.0]).result("empirical")
    np.testing.assert_array_equal(result.value, np.full((2, 2), 3.0))
    assert np.isnan(result.stderr).all()


# ---- upsampling


def test_nearest_repeats_cells_and_other_modes_equal_scipy_scikit_image_and_the_reference():
    ndimage = pytest.importorskip("scipy.ndimage")
    grid = KEY.stream(10).normal(np.arange(24)).reshape(4, 6)
    np.testing.assert_array_equal(po.upsample_grid(grid, (12, 12), "nearest"), np.kron(grid, np.ones((3, 2))))
    for size in ((12, 12), (13, 7), (4, 6), (3, 2)):
        bilinear = po.upsample_grid(grid, size)
        zoomed = ndimage.zoom(
            grid, [a / b for a, b in zip(size, grid.shape, strict=True)], order=1, mode="mirror", grid_mode=True
        )
        np.testing.assert_allclose(bilinear, zoomed, rtol=0, atol=1e-12)
        rows, columns = (reference.bicubic_matrix(c, n) for c, n in zip(grid.shape, size, strict=True))
        np.testing.assert_allclose(po.upsample_grid(grid, size, "bicubic"), rows @ grid @ columns.T, rtol=0, atol=1e-12)


def test_bicubic_reproduces_quadratics_inside_and_equals_pillow():
    y, x = (np.arange(n, dtype=np.float64) for n in (8, 9))
    grid = (y[:, None] - 3) ** 2 + y[:, None] * x - 0.5 * x**2
    fine = po.upsample_grid(grid, (40, 27), "bicubic")
    Y, X = (np.arange(40) + 0.5) / 5 - 0.5, (np.arange(27) + 0.5) / 3 - 0.5
    truth = (Y[:, None] - 3) ** 2 + Y[:, None] * X - 0.5 * X**2
    np.testing.assert_allclose(fine[8:-8, 5:-5], truth[8:-8, 5:-5], rtol=0, atol=1e-12)
    image = pytest.importorskip("PIL.Image")
    pillow = np.asarray(image.fromarray(grid.astype(np.float32)).resize((27, 40), image.Resampling.BICUBIC))
    np.testing.assert_allclose(fine[8:-8, 5:-5], pillow[8:-8, 5:-5], rtol=0, atol=2e-5)  # float32 of values near 50


@given(
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(1, 17),
    st.integers(1, 17),
    st.sampled_from(["nearest", "bilinear", "bicubic"]),
)
@settings(max_examples=100, deadline=None)
def test_a_constant_grid_stays_constant_and_dtypes_and_batches_are_kept(gh, gw, H, W, mode):
    out = po.upsample_grid(np.full((3, gh, gw), 2.5, dtype=np.float32), (H, W), mode)
    assert out.dtype == np.float32
    assert out.shape == (3, H, W)
    np.testing.assert_allclose(out, 2.5, rtol=1e-6)
    assert po.upsample_grid([[1, 2]], (1, 2)).dtype == np.float64


def test_upsampling_returns_the_callers_library():
    torch = pytest.importorskip("torch")
    out = po.upsample_grid(torch.ones(2, 2), 4)
    assert isinstance(out, torch.Tensor)
    assert out.dtype == torch.float32


# ---- stages


def test_stages_grow_by_the_step_and_end_with_all_pixels():
    scores = np.array([[0.3, 0.1], [0.7, 0.2], [0.9, 0.0], [0.5, 0.4]])
    blocks = list(po.staged_masks(scores, 3, batch_size=2, rng=0))
    masks = np.concatenate(blocks)
    assert [len(b) for b in blocks] == [2, 2]
    np.testing.assert_array_equal(masks.sum(axis=(1, 2)), [0, 3, 6, 8])
    for mask in masks[1:-1]:
        assert scores[mask].min() > scores[~mask].max()
    given_counts = np.concatenate(list(po.staged_masks(scores, [1, 1, 5], rng=0)))
    np.testing.assert_array_equal(given_counts.sum(axis=(1, 2)), [1, 1, 5])


def test_ties_are_uniform_at_random_or_by_index():
    first = np.zeros(6)
    for seed in range(6000):
        first += next(po.staged_masks(np.zeros(6), [1], rng=seed))[0]
    assert ((first - 1000) ** 2 / 1000).sum() < 5 + 5 * math.sqrt(10)
    np.testing.assert_array_equal(next(po.staged_masks(np.zeros(6), [2], ties="index"))[0], [1, 1, 0, 0, 0, 0])


@given(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0]), min_size=1, max_size=40), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_ranks_equal_the_reference(scores, row):
    ranks, tied = _core.masks.rank_descending(np.array(scores), True, KEY.words, row)
    np.testing.assert_array_equal(ranks, reference.ranks(scores, KEY, row))
    assert tied == sum(scores.count(s) > 1 for s in scores)


# ---- masked images


def mean_of_channels(images):
    images = np.asarray(images)
    return np.stack([images.reshape(len(images), -1).mean(axis=1), images.reshape(len(images), -1).max(axis=1)], axis=1)


def test_channels_first_last_or_none_give_the_same_scores():
    image = KEY.stream(11).uniform(np.arange(3 * 6 * 8)).reshape(3, 6, 8)
    masks = po.grid_masks(40, (6, 8), 2, rng=KEY)
    first = po.MaskedImage(mean_of_channels, image, baseline=[0.1, 0.2, 0.3])
    last = po.MaskedImage(mean_of_channels, np.moveaxis(image, 0, -1), baseline=[0.1, 0.2, 0.3], channel_axis=-1)
    np.testing.assert_allclose(first.sample(masks), last.sample(masks), rtol=1e-12)
    blocks = all_of(masks).astype(np.float64)
    truth = blocks[:, None] * image + (1 - blocks[:, None]) * np.array([0.1, 0.2, 0.3])[:, None, None]
    np.testing.assert_allclose(first(blocks), mean_of_channels(truth), rtol=1e-12)
    gray = po.MaskedImage(mean_of_channels, image[0], channel_axis=None)
    one = po.MaskedImage(mean_of_channels, image[:1])
    assert gray.sample(masks).tobytes() == one.sample(masks).tobytes()


def test_masks_of_ones_and_zeros_give_the_image_and_the_baseline_exactly():
    image = KEY.stream(11).uniform(np.arange(30)).reshape(1, 5, 6)
    other = KEY.stream(11, 1).uniform(np.arange(30)).reshape(1, 5, 6)
    seen = []

    def model(images):
        seen.append(images.copy())
        return images.sum(axis=(1, 2, 3))

    po.MaskedImage(model, image, baseline=other)(np.stack([np.ones((5, 6)), np.zeros((5, 6))]))
    np.testing.assert_array_equal(seen[-1], [image, other])


def test_targets_index_outputs_and_predicted_is_the_largest():
    image = np.arange(6.0).reshape(1, 2, 3)
    assert po.MaskedImage(mean_of_channels, image).score.shape == (2,)
    assert po.MaskedImage(mean_of_channels, image).output_names == ("y0", "y1")
    chosen = po.MaskedImage(mean_of_channels, image, target="predicted")
    assert (float(chosen.score), chosen.target) == (5.0, 1)
    assert po.MaskedImage(mean_of_channels, image, target=-2).score == 2.5
    with pytest.raises(ValueError, match="target: the model has 2 outputs, received 2"):
        _ = po.MaskedImage(mean_of_channels, image, target=2).score


def test_an_executor_changes_no_bit():
    image = KEY.stream(11).uniform(np.arange(3 * 12 * 12)).reshape(3, 12, 12).astype(np.float32)
    masks = po.grid_masks(500, (12, 12), 3, rng=KEY)
    masked = po.MaskedImage(mean_of_channels, image, batch_size=7)
    done: list[tuple[int, int]] = []
    truth = masked.sample(masks, progress=lambda a, b: done.append((a, b)))
    assert done[-1] == (500, 500)
    with ThreadPoolExecutor(3) as executor:
        assert masked.sample(masks, executor=executor).tobytes() == truth.tobytes()


@pytest.mark.slow
def test_processes_change_no_bit():
    image = KEY.stream(11).uniform(np.arange(3 * 12 * 12)).reshape(3, 12, 12)
    masks = po.grid_masks(300, (12, 12), 3, rng=KEY)
    masked = po.MaskedImage(_brightness, image)
    import multiprocessing

    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as executor:
        assert masked.sample(masks, executor=executor).tobytes() == masked.sample(masks).tobytes()


def _brightness(images):
    return np.asarray(images).mean(axis=(1, 2, 3))


def test_an_exception_of_the_model_reaches_the_caller_through_an_executor():
    def model(images):
        if len(images) > 1:
            raise RuntimeError("out of paint")
        return images.sum(axis=(1, 2, 3))

    masked = po.MaskedImage(model, np.ones((1, 4, 4)))
    with ThreadPoolExecutor(2) as executor, pytest.raises(RuntimeError, match="out of paint"):
        masked.sample(po.grid_masks(200, (4, 4), 2, rng=0), executor=executor)


def test_the_blur_is_scipys_and_leaves_constants_alone():
    ndimage = pytest.importorskip("scipy.ndimage")
    image = KEY.stream(11).uniform(np.arange(2 * 20 * 30)).reshape(2, 20, 30)
    truth = [ndimage.gaussian_filter(channel, 5.0, radius=5, mode="reflect") for channel in image]
    np.testing.assert_allclose(po.masks.gaussian_blur(image), truth, rtol=1e-12)
    last = po.masks.gaussian_blur(np.moveaxis(image, 0, -1), channel_axis=-1)
    np.testing.assert_allclose(np.moveaxis(last, -1, 0), truth, rtol=1e-12)
    np.testing.assert_allclose(po.masks.gaussian_blur(np.ones((4, 4)), channel_axis=None), 1.0, rtol=1e-12)


def test_callers_arrays_are_untouched_and_may_be_read_only_or_reversed():
    image = np.arange(48.0).reshape(1, 6, 8)[:, ::-1, ::-1]
    image.flags.writeable = False
    before = image.copy()
    masks = po.grid_masks(30, (6, 8), 2, rng=KEY)

    def vandal(images):
        images[:] = -1.0
        return images.mean(axis=(1, 2, 3))

    po.MaskedImage(vandal, image, batch_size=5).sample(masks)
    np.testing.assert_array_equal(image, before)
    block = all_of(masks)[:, ::-1]
    scores = np.arange(30.0)[::-1]
    a = po.accumulate(block, scores).result("empirical")
    b = po.accumulate(block.copy(), scores.copy()).result("empirical")
    assert a.value.tobytes() == b.value.tobytes()


# ---- bad input

OK = np.ones((2, 3, 3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: po.grid_masks(10, (6, 8), 7), ValueError, "image_size: an image of 6 x 8 is smaller"),
        (lambda: po.grid_masks(10, (6, 8), 2, 0.0), ValueError, "p: expected a probability"),
        (lambda: po.grid_masks(10, (6, 8), 2, 1.0), ValueError, "p: expected a probability"),
        (lambda: po.grid_masks(10, (6, 8), 2, float("nan")), ValueError, "p: expected a probability"),
        (lambda: po.grid_masks(-1, (6, 8), 2), ValueError, "n: expected a non-negative integer"),
        (lambda: po.grid_masks(10, (6, 8), 2, interpolation="bicubic"), ValueError, "interpolation:"),
        (lambda: po.grid_masks(10, (6, 8, 2)), ValueError, "image_size: expected one or two integers"),
        (lambda: po.grid_masks(10, 8.5), TypeError, "image_size: expected an integer"),
        (lambda: po.grid_masks(10, 8, rng="x"), TypeError, "rng:"),
        (lambda: po.grid_masks(10, 8, 2).block(3, 11), ValueError, "begin:"),
        (lambda: po.grid_masks(10, 8, 2).block(0, 1, out=np.zeros((1, 8, 8))), ValueError, "out: expected"),
        (lambda: po.upsample_grid(np.ones(3), 8), ValueError, "values: expected a 2-d or 3-d array"),
        (lambda: po.upsample_grid(np.ones((0, 3)), 8), ValueError, "values: expected at least one cell"),
        (lambda: po.upsample_grid([[np.nan]], 8), ValueError, "values: 1 value"),
        (lambda: po.upsample_grid([[1.0]], 0), ValueError, "image_size: expected a positive integer"),
        (lambda: po.upsample_grid([[1.0]], 8, "cubic"), ValueError, "mode: expected one of"),
        (lambda: po.accumulate(OK, [1.0]), ValueError, "scores: expected one row for each of the 2 masks"),
        (lambda: po.accumulate(OK[0], [1.0] * 3), ValueError, "masks: expected shape"),
        (lambda: po.accumulate(OK * np.nan, [1.0, 2.0]), ValueError, "masks: 18 value"),
        (lambda: po.accumulate(OK, [1.0, np.inf]), ValueError, "scores: 1 value"),
        (lambda: po.accumulate(OK, np.ones((2, 2, 2))), ValueError, "scores: expected a 1-d or 2-d"),
        (lambda: po.MaskAccumulator(0, 3, 3), ValueError, "k: expected"),
        (lambda: po.MaskAccumulator(1, 4, 3).update(OK, [1.0, 2.0]), ValueError, "masks: expected masks of 4 x 3"),
        (lambda: po.MaskAccumulator(1, 3, 3).result(), ValueError, "no masks were added"),
        (lambda: po.accumulate(OK, [1.0, 2.0]).result(), ValueError, "p: 'expected' divides"),
        (lambda: po.accumulate(OK, [1.0, 2.0]).result("expected", p=0.0), ValueError, "p: expected a number"),
        (lambda: po.accumulate(OK, [1.0, 2.0]).result("mean"), ValueError, "normalize: expected one of"),
        (lambda: po.accumulate(OK, [1.0, 2.0]).merge(po.MaskAccumulator(1, 2, 3)), ValueError, "other: expected"),
        (lambda: po.accumulate(OK, [1.0, 2.0]).merge(3), TypeError, "other: expected a MaskAccumulator"),
        (lambda: po.accumulate(OK, np.ones((2, 1))).update(OK, [1.0, 2.0]), ValueError, "scores: one-dimensional"),
        (lambda: po.staged_masks([1.0, np.nan], 1), ValueError, "scores: 1 value"),
        (lambda: po.staged_masks([], 1), ValueError, "scores: expected at least one pixel"),
        (lambda: po.staged_masks([1.0], 0), ValueError, "steps: expected a positive integer"),
        (lambda: po.staged_masks([1.0, 2.0], [2, 1]), ValueError, "steps: expected non-decreasing"),
        (lambda: po.staged_masks([1.0, 2.0], [3]), ValueError, "steps: expected non-decreasing"),
        (lambda: po.staged_masks([1.0], 1, ties="first"), ValueError, "ties: expected"),
        (lambda: po.MaskedImage(sum, np.ones((4, 4))), ValueError, "image: expected a 3-d array.*channel_axis=None"),
        (lambda: po.MaskedImage(sum, np.ones((1, 4, 4)), channel_axis=None), ValueError, "image: expected shape"),
        (lambda: po.MaskedImage(sum, np.ones((1, 0, 4))), ValueError, "image: expected at least one pixel"),
        (lambda: po.MaskedImage(sum, np.full((1, 2, 2), np.nan)), ValueError, "image: 4 value"),
        (lambda: po.MaskedImage(sum, np.ones((1, 4, 4)), channel_axis=1), ValueError, "channel_axis: expected"),
        (lambda: po.MaskedImage(sum, np.ones((1, 4, 4)), baseline=[1.0, 2.0]), ValueError, "baseline: expected"),
        (lambda: po.MaskedImage(sum, np.ones((1, 4, 4)), baseline="mean"), ValueError, "baseline: expected"),
        (lambda: po.MaskedImage(sum, np.ones((1, 4, 4)), target="best"), ValueError, "target: expected"),
        (lambda: po.MaskedImage(3, np.ones((1, 4, 4))), TypeError, "model: expected"),
        (lambda: po.masks.gaussian_blur(np.ones((1, 4, 4)), kernel=4), ValueError, "kernel: expected an odd"),
        (lambda: po.masks.gaussian_blur(np.ones((1, 4, 4)), sigma=0), ValueError, "sigma: expected a positive"),
    ],
)
def test_bad_input_is_refused_by_name(call, error, message):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(error, match=message):
            call()


def test_no_masks_make_no_blocks():
    masks = po.grid_masks(0, (6, 8), 2, rng=0)
    assert list(masks) == []
    assert po.MaskedImage(_brightness, np.ones((1, 6, 8))).sample(masks).shape == (0,)
