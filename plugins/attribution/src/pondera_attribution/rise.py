"""RISE: heat maps of a black-box model by random masks.

Petsiuk, Das and Saenko (2018), "RISE: Randomized Input Sampling for Explanation of Black-box Models",
arXiv:1806.07421. The importance of a pixel is the expected score of the model given that the pixel is shown, over
random masks of the image; an average of masks weighted by the scores.
"""

from __future__ import annotations

import warnings
from concurrent.futures import Executor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

import pondera as po
from pondera.masks import NORMALIZATIONS

__all__ = ["rise"]


def rise(
    model: Any,
    image: ArrayLike,
    *,
    target: Any = None,
    n_masks: int = 4000,
    grid: int | tuple[int, int] = 7,
    p: float = 0.5,
    baseline: Any = 0.0,
    normalize: str = "expected",
    interpolation: str = "bilinear",
    shift: bool = True,
    channel_axis: int | None = 0,
    batch_size: int = 64,
    rng: Any = None,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Any = False,
) -> po.Attribution:
    """Importance of every pixel for a model that can only be called.

    Parameters
    ----------
    model : object
        A callable, a torch module, a scikit-learn estimator or an ONNX session; see `pondera.MaskedImage` for what it
        receives. The method was made for probabilities.
    image : array_like, shape (C, H, W), (H, W, C) or (H, W)
        Any size, any number of channels. A signal is an image of one row: (C, 1, length) with ``grid=(1, cells)``.
    target : int, slice, list of int, "predicted" or None
        Which outputs are explained; None all of them, from the same model calls.
    n_masks : int
        Model calls. Published: 4000 (VGG16), 8000 (ResNet50).
    grid : int or (int, int)
        Cells of a mask down and across; small cells resolve more and need more masks.
    p : float
        Probability that a cell is shown.
    baseline : float, array_like or "blur"
        What a hidden pixel becomes: a number, one number a channel, an image, or the blurred image. Published: 0 in
        normalised image space.
    normalize : {"expected", "empirical", "centered"}
        "expected": sum y M / (N p), as published; maps of images with different scores are not comparable, since the
        mean score is in them. "empirical": sum y M / sum M, recommended: the same expectation, less noise. "centered":
        the slope of the score on the mask; the same ranking in expectation, far less noise, and 0 means no effect.
    interpolation : {"bilinear", "nearest"}
    shift : bool
        Shift the grid by a random offset, mask by mask.
    channel_axis : {0, -1, None}
        Where the channels stand; None for an image without.
    batch_size : int
        Images given to the model at once.
    rng : None, int, Generator, SeedSequence or Key
    workers : int, optional
        Threads of the mask kernels; the map does not depend on it.
    executor : concurrent.futures.Executor, optional
        Runs the model on other workers; the map does not depend on it.
    progress : bool or callable
        A tqdm bar, or ``progress(done, total)``.

    Returns
    -------
    Attribution
        `values` and `stderr` ``(H, W)``, or ``(H, W, k)`` for several outputs; `stderr` is the standard error over the
        masks. ``diagnostics``: "score" of the whole image, "mean_score" under masks, "n_masks", "normalize", "target".

    Raises
    ------
    ValueError
        If `image` has the wrong number of axes, holds NaN or is smaller than `grid`; `p` is not in (0, 1); the model
        lacks the `target` or returns NaN or the wrong number of rows.

    Warns
    -----
    ReliabilityWarning
        For fewer than 100 masks; for negative scores with "expected" or "empirical" (logits: their sign and offset
        enter the map; "centered" does not mind); for pixels that no mask showed; for scores that masking does not
        change.

    Notes
    -----
    `n_masks` + 1 model calls, + 1 for "predicted". Masks cost O(n_masks H W) and are never stored; the map itself is
    made from the scores alone. Memory: one batch.

    Examples
    --------
    >>> import numpy as np
    >>> from pondera_attribution.rise import rise
    >>> def brightness_of_the_corner(images):
    ...     return images[:, 0, :4, :4].mean(axis=(1, 2))
    >>> map_ = rise(brightness_of_the_corner, np.ones((1, 16, 16)), n_masks=500, grid=4, normalize="centered", rng=0)
    >>> map_.values.shape, bool(map_.values[1, 1] > 0.5), bool(abs(map_.values[14, 14]) < 5 * map_.stderr[14, 14])
    ((16, 16), True, True)
    """
    if normalize not in NORMALIZATIONS:
        raise ValueError(f"normalize: expected one of {', '.join(NORMALIZATIONS)}, received {normalize!r}")
    n_masks = po.arrays.as_integer(n_masks, "n_masks", 1)
    key = po.random.key(rng)
    masked = po.MaskedImage(
        model, image, baseline=baseline, target=target, channel_axis=channel_axis, batch_size=batch_size
    )
    masks = po.grid_masks(n_masks, masked.size, grid, p, interpolation=interpolation, shift=shift, rng=key)
    # y_j = f(I * M_j + baseline * (1 - M_j))
    scores = masked.sample(masks, workers=workers, executor=executor, progress=progress)
    outputs = 1 if scores.ndim == 1 else scores.shape[1]
    map_ = po.MaskAccumulator(outputs, *masked.size).update(masks, scores, workers=workers).result(normalize)
    _warn(scores, normalize)
    return po.Attribution(
        values=map_.value,
        stderr=map_.stderr,
        data=masked.image,
        output_names=masked.output_names,
        df=map_.df,
        diagnostics={
            "score": masked.score,
            "mean_score": scores.mean(axis=0),
            "n_masks": masks.n,
            "normalize": normalize,
            "target": masked.target if isinstance(masked.target, int) else None,
        },
    )


def _warn(scores: Any, normalize: str) -> None:
    n = len(scores)
    doubts = []
    if n < 100:
        doubts.append(f"{n} masks are few: look at the standard errors, or raise n_masks")
    if normalize != "centered" and (scores < 0).any():
        doubts.append(
            "the model returned negative scores (logits?): their sign and offset enter the map; "
            "normalize='centered' does not mind them, probabilities are the usual choice"
        )
    if n > 1 and not np.ptp(scores, axis=0).any():
        doubts.append("the scores do not change under the masks: the map says nothing; is baseline equal to the image?")
    for doubt in doubts:
        warnings.warn(doubt, po.ReliabilityWarning, stacklevel=3)
