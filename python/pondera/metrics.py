"""How good an explanation is: deletion and insertion curves, the pointing game, mu-fidelity.

Pixels are ordered by decreasing saliency; ties are broken at random, never by position: where many scores are zero,
position would decide the curve.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arrays import as_float, as_integer
from .masks import MaskedImage, Ties, _check_ties, _pair, _ranks, _stages, gaussian_blur
from .random import Key, Purpose, key
from .results import Attribution, Curve, Estimate, Interval, ReliabilityWarning

__all__ = ["deletion_curve", "insertion_curve", "mu_fidelity", "pointing_game"]


def deletion_curve(
    model: Any,
    image: ArrayLike,
    saliency: Any,
    *,
    target: Any = None,
    baseline: Any = 0.0,
    step: int | None = None,
    ties: Ties = "random",
    n_repeats: int = 1,
    channel_axis: int | None = 0,
    batch_size: int = 64,
    rng: Any = None,
    workers: int | None = None,
) -> Curve:
    """The score while the most salient pixels are replaced first; a small area means a good explanation.

    Parameters
    ----------
    model : object
        Whatever `pondera.models.as_predict` takes; see `pondera.MaskedImage` for what it receives.
    image : array_like, shape (C, H, W), (H, W, C) or (H, W)
    saliency : array_like or Attribution, shape (H, W)
        Larger is more important.
    target : int, "predicted" or None
        Output of the model; None all, then `y` has an output axis.
    baseline : float, array_like or "blur"
        What replaces a pixel: a number, one a channel, an image, or the blurred image.
    step : int, optional
        Pixels a step; default ceil(H W / 224), which makes 224 steps of a 224 x 224 image.
    ties : {"random", "index"}
        Order among pixels of equal saliency; "index" is the order of the published code.
    n_repeats : int
        Random orders of tied pixels to average over.
    channel_axis : {0, -1, None}
    batch_size : int
        Images given to the model at once.
    rng : None, int, Generator, SeedSequence or Key
    workers : int, optional
        Threads; the curve does not depend on it.

    Returns
    -------
    Curve
        `x` the fraction of pixels replaced, from 0 to 1; `y` the score ``(stages,)`` or ``(stages, k)``; `area` by the
        trapezoid rule, a last short step by its width. The standard error is that over the random orders: 0 without
        ties, NaN for one order of tied pixels. ``diagnostics["tied"]`` is the share of tied pixels.

    Raises
    ------
    ValueError
        If shapes do not fit, for NaN, or a `target` the model lacks.

    Notes
    -----
    Petsiuk, Das and Saenko (2018), arXiv:1806.07421. One model call a stage, O(H W log(H W)) for the order.

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> weights = np.array([[3.0, 1.0], [0.0, 0.0]])
    >>> model = lambda X: (X * weights).sum(axis=(1, 2))
    >>> curve = po.metrics.deletion_curve(model, np.ones((2, 2)), weights, channel_axis=None, rng=0)
    >>> curve.y
    array([4., 1., 0., 0., 0.])
    >>> curve.area.value
    0.75
    """
    return _staged_curve(
        model, image, saliency, False, target, baseline, step, ties, n_repeats, channel_axis, batch_size, rng, workers
    )


def insertion_curve(
    model: Any,
    image: ArrayLike,
    saliency: Any,
    *,
    target: Any = None,
    baseline: Any = "blur",
    sigma: float = 5.0,
    kernel: int = 11,
    step: int | None = None,
    ties: Ties = "random",
    n_repeats: int = 1,
    channel_axis: int | None = 0,
    batch_size: int = 64,
    rng: Any = None,
    workers: int | None = None,
) -> Curve:
    """The score while the most salient pixels are shown first; a large area means a good explanation.

    Parameters
    ----------
    model : object
        Whatever `pondera.models.as_predict` takes; see `pondera.MaskedImage` for what it receives.
    image : array_like, shape (C, H, W), (H, W, C) or (H, W)
    saliency : array_like or Attribution, shape (H, W)
        Larger is more important.
    target : int, "predicted" or None
        Output of the model; None all, then `y` has an output axis.
    baseline : "blur", float or array_like
        What the curve starts from.
    sigma, kernel : float, int
        Of the blur; see `pondera.masks.gaussian_blur`. The defaults were made for 224 x 224 pixels.
    step : int, optional
        Pixels a step; default ceil(H W / 224).
    ties : {"random", "index"}
        Order among pixels of equal saliency; "index" is the order of the published code.
    n_repeats : int
        Random orders of tied pixels to average over.
    channel_axis : {0, -1, None}
    batch_size : int
        Images given to the model at once.
    rng : None, int, Generator, SeedSequence or Key
    workers : int, optional
        Threads; the curve does not depend on it.

    Returns
    -------
    Curve
        As `deletion_curve`, with `x` the fraction of pixels shown.

    Raises
    ------
    ValueError
        As `deletion_curve`.

    Notes
    -----
    Petsiuk, Das and Saenko (2018), arXiv:1806.07421.

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> weights = np.array([[3.0, 1.0], [0.0, 0.0]])
    >>> model = lambda X: (X * weights).sum(axis=(1, 2))
    >>> po.metrics.insertion_curve(model, np.ones((2, 2)), weights, baseline=0.0, channel_axis=None, rng=0).y
    array([0., 3., 4., 4., 4.])
    """
    if isinstance(baseline, str) and baseline == "blur":
        baseline = gaussian_blur(image, sigma=sigma, kernel=kernel, channel_axis=channel_axis)
    return _staged_curve(
        model, image, saliency, True, target, baseline, step, ties, n_repeats, channel_axis, batch_size, rng, workers
    )


def _saliency(saliency: Any, size: tuple[int, int]) -> NDArray[Any]:
    array = as_float(saliency.values if isinstance(saliency, Attribution) else saliency, "saliency", finite=True)
    if array.shape != size:
        raise ValueError(f"saliency: expected one value a pixel, {size}, received shape {array.shape}")
    return array


def _staged_curve(
    model: Any,
    image: Any,
    saliency: Any,
    insert: bool,
    target: Any,
    baseline: Any,
    step: int | None,
    ties: str,
    n_repeats: int,
    channel_axis: int | None,
    batch_size: int,
    rng: Any,
    workers: int | None,
) -> Curve:
    the_key = key(rng)
    _check_ties(ties)
    n_repeats = as_integer(n_repeats, "n_repeats", 1)
    if step is not None:
        step = as_integer(step, "step", 1)
    scores = MaskedImage(
        model, image, baseline=baseline, target=target, channel_axis=channel_axis, batch_size=batch_size
    )
    order = _saliency(saliency, scores.size)
    pixels = order.size
    counts = _stages(step or -(-pixels // 224), pixels)
    x = counts / pixels
    _, tied = _ranks(order, ties, the_key)
    repeats = n_repeats if ties == "random" and tied else 1
    ys = np.stack(
        [
            scores.stages(_ranks(order, ties, the_key, row)[0], counts, insert=insert, workers=workers)
            for row in range(repeats)
        ]
    )
    areas = np.tensordot(np.diff(x), (ys[:, 1:] + ys[:, :-1]) / 2, axes=(0, 1))
    exact = ties == "index" or not tied
    y, y_stderr = _over_repeats(ys, exact)
    area, area_stderr = _over_repeats(areas, exact)
    scalar = area.ndim == 0
    return Curve(
        x=x,
        y=y,
        stderr=y_stderr,
        area=Estimate(
            value=float(area) if scalar else area,
            stderr=float(area_stderr) if scalar else area_stderr,
            n=repeats,
            df=float(repeats - 1) if repeats > 1 else math.inf,
        ),
        diagnostics={"tied": tied / pixels, "target": scores.target if isinstance(scores.target, int) else None},
    )


def _over_repeats(values: NDArray[Any], exact: bool) -> tuple[NDArray[Any], NDArray[Any]]:
    mean = values.mean(axis=0)
    if exact:
        return mean, np.zeros(mean.shape)
    if len(values) == 1:
        return mean, np.full(mean.shape, np.nan)
    return mean, values.std(axis=0, ddof=1) / math.sqrt(len(values))


def pointing_game(saliencies: Any, boxes_or_masks: Any, tolerance: float = 15, *, rng: Any = None) -> Estimate:
    """How often the largest saliency lies on the object, or within a tolerance of it.

    Parameters
    ----------
    saliencies : array_like or Attribution, shape (H, W) or (n, H, W); or a sequence of n maps
        Maps of any sizes.
    boxes_or_masks : array_like, or a sequence of n array_likes
        For each map its object: a boolean mask of the map's shape, or boxes ``(x_min, y_min, x_max, y_max)`` of shape
        ``(4,)`` or ``(m, 4)`` in pixels, both ends inside.
    tolerance : float
        Euclidean distance in pixels that still counts as a hit. 15 is the convention for images of about 224 pixels.
    rng : None, int, Generator, SeedSequence or Key
        Chooses among equal maxima.

    Returns
    -------
    Estimate
        Share of hits; for one map 0 or 1. The standard error is binomial (NaN for one map), the interval Wilson's.
        ``diagnostics["hits"]`` is a bool array.

    Raises
    ------
    ValueError
        If numbers or shapes do not fit, an object is empty, or for NaN.

    Notes
    -----
    Zhang et al. (2018), doi:10.1007/s11263-017-1059-x. O(H W) a map.

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> saliency = np.zeros((8, 8)); saliency[2, 5] = 1.0
    >>> po.metrics.pointing_game(saliency, (4, 1, 6, 3), tolerance=0).value
    1.0
    """
    the_key = key(rng)
    tolerance = float(tolerance)
    if not 0.0 <= tolerance < math.inf:
        raise ValueError(f"tolerance: expected a non-negative number of pixels, received {tolerance}")
    maps, objects = _maps_and_objects(saliencies, boxes_or_masks)
    hits = np.array(
        [_hit(m, o, tolerance, the_key, i) for i, (m, o) in enumerate(zip(maps, objects, strict=True))], dtype=bool
    )
    n = len(hits)
    share = float(hits.mean())
    # Wilson (1927), doi:10.1080/01621459.1927.10502953, with the normal 97.5 % point.
    z = 1.959963984540054
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Estimate(
        value=share,
        stderr=math.sqrt(share * (1 - share) / (n - 1)) if n > 1 else math.nan,
        n=n,
        interval=Interval(max(centre - half, 0.0), min(centre + half, 1.0)),
        diagnostics={"hits": hits},
    )


def _maps_and_objects(saliencies: Any, objects: Any) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    if isinstance(saliencies, Attribution):
        saliencies = saliencies.values
    if isinstance(saliencies, Sequence) and len(saliencies) and np.ndim(saliencies[0]) != 1:
        maps = [as_float(s.values if isinstance(s, Attribution) else s, "saliencies", finite=True) for s in saliencies]
        single = False
    else:
        stack = as_float(saliencies, "saliencies", ndim=(2, 3), finite=True)
        single = stack.ndim == 2
        maps = [stack] if single else list(stack)
    found = [np.asarray(objects)] if single else [np.asarray(item) for item in objects]
    if len(found) != len(maps):
        raise ValueError(f"boxes_or_masks: expected one entry for each of the {len(maps)} maps, received {len(found)}")
    if not maps:
        raise ValueError("saliencies: expected at least one map")
    masks = []
    for i, (saliency, item) in enumerate(zip(maps, found, strict=True)):
        if saliency.ndim != 2 or saliency.size == 0:
            raise ValueError(f"saliencies: expected maps of shape (H, W), map {i} has shape {saliency.shape}")
        mask = item if item.dtype == bool else _box_mask(item, saliency.shape, i)
        if mask.shape != saliency.shape:
            raise ValueError(f"boxes_or_masks: mask {i} has shape {mask.shape}, its map {saliency.shape}")
        if not mask.any():
            raise ValueError(f"boxes_or_masks: object {i} has no pixel in its map")
        masks.append(mask)
    return maps, masks


def _box_mask(boxes: NDArray[Any], shape: tuple[int, ...], i: int) -> NDArray[np.bool_]:
    if boxes.dtype.kind not in "iuf" or boxes.shape[-1:] != (4,) or boxes.ndim > 2 or not np.isfinite(boxes).all():
        raise ValueError(
            f"boxes_or_masks: expected a boolean mask or boxes (x_min, y_min, x_max, y_max), entry {i} is "
            f"{boxes.dtype} of shape {boxes.shape}"
        )
    y, x = np.ogrid[: shape[0], : shape[1]]
    mask = np.zeros(shape, dtype=bool)
    for x_min, y_min, x_max, y_max in boxes.reshape(-1, 4):
        mask |= (x >= x_min) & (x <= x_max) & (y >= y_min) & (y <= y_max)
    return mask


def _hit(saliency: NDArray[Any], mask: NDArray[np.bool_], tolerance: float, the_key: Key, row: int) -> bool:
    best = np.flatnonzero(saliency == saliency.max())
    if len(best) > 1:
        best = best[[np.argmin(the_key.stream(Purpose.RANDOM_TIES, row).uniform(best))]]
    y, x = divmod(int(best[0]), saliency.shape[1])
    rows, columns = np.nonzero(mask)
    return bool(((rows - y) ** 2 + (columns - x) ** 2).min() <= tolerance**2)


def mu_fidelity(
    model: Any,
    x: ArrayLike,
    saliency: Any,
    *,
    target: Any = None,
    grid: int | tuple[int, int] = 9,
    subset: float = 0.2,
    n: int = 200,
    baseline: Any = 0.0,
    channel_axis: int | None = 0,
    batch_size: int = 64,
    rng: Any = None,
) -> Estimate:
    """Correlation between the saliency of random sets of cells and the drop of the score without them.

    Parameters
    ----------
    model : object
        Whatever `pondera.models.as_predict` takes; see `pondera.MaskedImage` for what it receives.
    x : array_like, shape (C, H, W), (H, W, C) or (H, W)
        The explained image.
    saliency : array_like or Attribution, shape (H, W)
    target : int, "predicted" or None
        Output of the model; None only if it has one.
    grid : int or (int, int)
        Cells down and across. As many as pixels make every pixel a cell.
    subset : float or int
        Share (float) or number (int) of the cells that are replaced together.
    n : int
        Number of random sets.
    baseline : float, array_like or "blur"
        What replaces the cells.
    channel_axis : {0, -1, None}
    batch_size : int
        Images given to the model at once.
    rng : None, int, Generator, SeedSequence or Key

    Returns
    -------
    Estimate
        Pearson correlation; standard error by the jackknife over the sets. NaN, with a warning, where the drop or the
        saliency is the same for all sets.

    Raises
    ------
    ValueError
        If shapes do not fit, the image is smaller than the grid, `subset` leaves no cell to choose, for fewer than 3
        sets, or if the model has several outputs and `target` is None.

    Notes
    -----
    Bhatt, Weller and Moura (2020), arXiv:2005.00631. `n` model calls.

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> weights = np.arange(16.0).reshape(4, 4)
    >>> model = lambda X: (X * weights).sum(axis=(1, 2))
    >>> po.metrics.mu_fidelity(model, np.ones((4, 4)), weights, grid=4, channel_axis=None, rng=0).value > 0.999
    True
    """
    the_key = key(rng)
    cells = _pair(grid, "grid")
    n = as_integer(n, "n", 3)
    scores = MaskedImage(model, x, baseline=baseline, target=target, channel_axis=channel_axis, batch_size=batch_size)
    if np.ndim(scores.score) != 0:
        raise ValueError(f"target: the model has {len(scores.score)} outputs, choose one or 'predicted'")
    weights = _saliency(saliency, scores.size).astype(np.float64)
    height, width = scores.size
    if height < cells[0] or width < cells[1]:
        raise ValueError(f"grid: the image of {height} x {width} is smaller than the grid of {cells}")
    count = cells[0] * cells[1]
    if isinstance(subset, float):
        if not 0.0 < subset < 1.0:
            raise ValueError(f"subset: expected a share in (0, 1) or a number of cells, received {subset}")
        size = min(max(round(subset * count), 1), count - 1)
    else:
        size = as_integer(subset, "subset", 1)
    if not 1 <= size < count:
        raise ValueError(f"subset: expected at least one and fewer than {count} cells, received {size}")
    label = (np.arange(height) * cells[0] // height)[:, None] * cells[1] + np.arange(width) * cells[1] // width
    mass = np.bincount(label.ravel(), weights=weights.ravel(), minlength=count)
    chosen = np.zeros((n, count), dtype=bool)
    for i in range(n):
        chosen[i, the_key.stream(Purpose.PERMUTATION, i).permutation(count)[:size]] = True
    attributed = chosen.astype(np.float64) @ mass
    parts = [scores((~chosen[i : i + batch_size, label]).astype(scores.image.dtype)) for i in range(0, n, batch_size)]
    drop = float(scores.score) - np.concatenate(parts)
    value, stderr = _correlation(attributed, drop)
    if math.isnan(value):
        warnings.warn(
            "the score or the saliency is the same for all random sets of cells: there is no correlation",
            ReliabilityWarning,
            stacklevel=2,
        )
    return Estimate(value=value, stderr=stderr, n=n, df=float(n - 1), diagnostics={"cells": size})


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[float, float]:
    """Pearson's r and its jackknife standard error, all leave-one-out values in O(n)."""
    n = len(a)
    if np.ptp(a) <= 1e-12 * np.abs(a).max() or np.ptp(b) <= 1e-12 * np.abs(b).max():
        return math.nan, math.nan
    u, v = a - a.mean(), b - b.mean()
    uu, vv, uv = u @ u, v @ v, u @ v
    shrink = n / (n - 1)  # leaving i out takes n/(n-1) u_i v_i from the centred sums
    with np.errstate(divide="ignore", invalid="ignore"):
        others = (uv - shrink * u * v) / np.sqrt((uu - shrink * u * u) * (vv - shrink * v * v))
    stderr = math.sqrt((n - 1) / n * float(((others - others.mean()) ** 2).sum()))
    return float(uv / math.sqrt(uu * vv)), stderr
