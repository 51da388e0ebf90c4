"""Random masks, sums over masked scores, and images whose pixels are partly replaced.

The map of a masking explainer is a weighted sum of masks, S = sum_j y_j M_j, with y_j the model's score of the image
under mask j. `MaskAccumulator` keeps the moments of (y, M) from which the usual normalisations and their standard
errors follow in one pass. For random grid masks it needs the scores alone: masks of equal offset are summed as small
grids and stretched afterwards, so that the masks are made only where a model looks at them.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from ._progress import track
from ._workers import resolve
from .arrays import as_float, as_integer, like
from .models import RESPONSES, as_predict
from .random import Key, key
from .results import Estimate, ReliabilityWarning

__all__ = [
    "GridMasks",
    "MaskAccumulator",
    "MaskedImage",
    "accumulate",
    "gaussian_blur",
    "grid_masks",
    "staged_masks",
    "upsample_grid",
]

MODES = {"nearest": 0, "bilinear": 1, "bicubic": 2}
NORMALIZATIONS = ("expected", "empirical", "centered")
Ties = Literal["random", "index"]


class GridMasks:
    """Random masks as `grid_masks` describes them: iterate over blocks, or ask for any block by number.

    Attributes
    ----------
    n, image_size, grid, p, interpolation, shift, start, batch_size
        As given to `grid_masks`.
    key : Key
        Mask j is a function of (key, ``start + j``).
    """

    def __init__(
        self,
        n: int,
        image_size: tuple[int, int],
        grid: tuple[int, int],
        p: float,
        *,
        interpolation: str,
        shift: bool,
        key: Key,
        start: int,
        batch_size: int,
    ) -> None:
        self.n, self.image_size, self.grid, self.p = n, image_size, grid, p
        self.interpolation, self.shift, self.key = interpolation, shift, key
        self.start, self.batch_size = start, batch_size

    def __len__(self) -> int:
        """Number of blocks."""
        return -(-self.n // self.batch_size)

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for begin in range(0, self.n, self.batch_size):
            yield self.block(begin, min(begin + self.batch_size, self.n))

    def block(
        self, begin: int, end: int, *, out: NDArray[np.float32] | None = None, workers: int | None = None
    ) -> NDArray[np.float32]:
        """Masks ``begin`` to ``end`` (exclusive), float32 ``(end - begin, H, W)``, into `out` where it is given."""
        if not 0 <= begin <= end <= self.n:
            raise ValueError(f"begin: expected 0 <= begin <= end <= {self.n}, received {begin}, {end}")
        shape = (end - begin, *self.image_size)
        if out is None:
            out = np.empty(shape, dtype=np.float32)
        elif out.dtype != np.float32 or out.shape != shape or not (out.flags.c_contiguous and out.flags.writeable):
            raise ValueError(f"out: expected a writeable C-contiguous float32 array of shape {shape}")
        _core.masks.grid_masks(
            self.key.words, self.start + begin, self.p, self.grid, self._nearest, self.shift, out, resolve(workers)
        )
        return out

    @property
    def _nearest(self) -> bool:
        return self.interpolation == "nearest"

    def _moments(self, weights: list[NDArray[np.float64]], sums: list[NDArray[np.float64]], workers: int) -> None:
        """sums[i][q - 1] += sum_j weights[i][j] M_j^q, without the masks."""
        _core.masks.grid_moments(
            self.key.words, self.start, self.p, self.grid, self._nearest, self.shift, weights, sums, workers
        )

    def __repr__(self) -> str:
        return f"GridMasks(n={self.n}, image_size={self.image_size}, grid={self.grid}, p={self.p:g})"


def grid_masks(
    n: int,
    image_size: int | tuple[int, int],
    grid: int | tuple[int, int] = 7,
    p: float = 0.5,
    *,
    interpolation: str = "bilinear",
    shift: bool = True,
    start: int = 0,
    batch_size: int = 64,
    rng: Any = None,
) -> GridMasks:
    """Random masks of RISE: small binary grids, stretched over the image and shifted.

    Parameters
    ----------
    n : int
        Number of masks.
    image_size : int or (int, int)
        Height and width in pixels.
    grid : int or (int, int)
        Cells down and across.
    p : float
        Probability that a cell is shown, in (0, 1).
    interpolation : {"bilinear", "nearest"}
        How cells become pixels. (Bicubic would leave [0, 1].)
    shift : bool
        True: the grid covers one cell more than the image on both axes and is cropped at a uniform offset. False: it is
        stretched over the image.
    start : int
        Number of the first mask: the masks of one key form one endless sequence.
    batch_size : int
        Masks a block.
    rng : None, int, Generator, SeedSequence or Key

    Returns
    -------
    GridMasks
        Iterable of float32 blocks ``(b, H, W)`` with values in [0, 1] and mean `p` at every pixel (1 shown, 0 hidden);
        ``.block(begin, end)`` gives any of them.

    Raises
    ------
    ValueError
        If the image is smaller than the grid, or `p` is not in (0, 1).

    Notes
    -----
    Petsiuk, Das and Saenko (2018), arXiv:1806.07421. Masks are made when they are asked for and never stored:
    O(H W) a mask.

    Examples
    --------
    >>> import pondera as po
    >>> masks = po.grid_masks(1000, (32, 48), grid=4, rng=0)
    >>> round(sum(float(block.sum()) for block in masks) / (1000 * 32 * 48), 2)
    0.5
    """
    size = _pair(image_size, "image_size")
    cells = _pair(grid, "grid")
    if size[0] < cells[0] or size[1] < cells[1]:
        raise ValueError(f"image_size: an image of {size[0]} x {size[1]} is smaller than the grid of {cells}")
    if isinstance(p, bool) or not 0.0 < float(p) < 1.0:
        raise ValueError(f"p: expected a probability strictly between 0 and 1, received {p}")
    if interpolation not in ("bilinear", "nearest"):
        raise ValueError(f"interpolation: expected 'bilinear' or 'nearest', received {interpolation!r}")
    return GridMasks(
        as_integer(n, "n", 0),
        size,
        cells,
        float(p),
        interpolation=interpolation,
        shift=bool(shift),
        key=key(rng),
        start=as_integer(start, "start", 0),
        batch_size=as_integer(batch_size, "batch_size", 1),
    )


def _pair(value: Any, name: str) -> tuple[int, int]:
    values = tuple(value) if isinstance(value, Sequence) else (value, value)
    if len(values) != 2:
        raise ValueError(f"{name}: expected one or two integers, received {value!r}")
    return as_integer(values[0], name, 1), as_integer(values[1], name, 1)


def upsample_grid(
    values: ArrayLike, image_size: int | tuple[int, int], mode: str = "bilinear", *, workers: int | None = None
) -> Any:
    """Small grids stretched over an image.

    Parameters
    ----------
    values : array_like, shape (gh, gw) or (m, gh, gw)
        One value a cell.
    image_size : int or (int, int)
        Height and width in pixels.
    mode : {"nearest", "bilinear", "bicubic"}
        Cells are centred at (i + 1/2) H / gh; outside the outer centres the grid is reflected about them. Bicubic is
        Keys' kernel with a = -1/2, which may overshoot.
    workers : int, optional
        Threads; the values do not depend on it.

    Returns
    -------
    ndarray, shape (H, W) or (m, H, W)
        Of the dtype of `values`.

    Raises
    ------
    ValueError
        For another number of axes, an empty grid, NaN or infinities, or an unknown mode.

    Notes
    -----
    Separable, O(m H W). Keys (1981), doi:10.1109/TASSP.1981.1163711.

    Examples
    --------
    >>> import pondera as po
    >>> po.upsample_grid([[0.0, 4.0]], (1, 4))
    array([[1., 1., 3., 3.]])
    """
    array = as_float(values, "values", ndim=(2, 3), finite=True)
    size = _pair(image_size, "image_size")
    if mode not in MODES:
        raise ValueError(f"mode: expected one of {', '.join(MODES)}, received {mode!r}")
    if 0 in array.shape[-2:]:
        raise ValueError(f"values: expected at least one cell, received shape {array.shape}")
    stack = array[None] if array.ndim == 2 else array
    out = _core.masks.upsample(stack, size, MODES[mode], resolve(workers))
    return like(values)(out[0] if array.ndim == 2 else out)


class MaskAccumulator:
    """Moments of masks and scores, from which weighted maps and their standard errors follow; one pass, mergeable.

    Parameters
    ----------
    k : int
        Scores a mask.
    H, W : int
        Height and width in pixels.
    stderr : bool
        Keep the third and fourth moments, which standard errors need: 4 + 6k maps of float64 instead of 2 + k.

    Notes
    -----
    O(n H W (1 + k)) for masks in memory; see `update` for random grid masks. The bits do not depend on threads. Masks
    in memory are added one by one in their order, whatever the blocks; sums of random grid masks and of `merge` round
    differently for other splits.

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> masks = po.grid_masks(2000, (8, 8), grid=2, shift=False, interpolation="nearest", rng=0)
    >>> scores = np.concatenate([block[:, 0, 0] for block in masks])  # a model that looks at one pixel
    >>> slope = po.MaskAccumulator(1, 8, 8).update(masks, scores).result(normalize="centered")
    >>> round(float(slope.value[0, 0]), 9), bool(abs(slope.value[7, 7]) < 5 * slope.stderr[7, 7])
    (1.0, True)
    """

    def __init__(self, k: int, H: int, W: int, *, stderr: bool = True) -> None:
        self.k, self.H, self.W = as_integer(k, "k", 1), as_integer(H, "H", 1), as_integer(W, "W", 1)
        self.stderr = bool(stderr)
        self.n = 0
        # All sums of y^b M^a with a + b <= order: _sums[b][:, a - 1] for a >= 1, _powers[b] for a = 0.
        self._order = 4 if stderr else 2
        self._sums = [np.zeros((self.k if b else 1, self._order - b, self.H, self.W)) for b in range(self._order)]
        self._powers = np.zeros((self._order + 1, self.k))
        self._p: float | None = None
        self._flat: bool | None = None

    def update(self, masks: Any, scores: ArrayLike, *, workers: int | None = None) -> MaskAccumulator:
        """Add masks and the scores under them.

        Parameters
        ----------
        masks : array_like, shape (b, H, W), or GridMasks
            Masks in memory; or random grid masks, which are then not made at all: with S_y x S_x offsets of the grid,
            O(b gh gw + S_y W (S_x gh + H)) a score.
        scores : array_like, shape (b,) or (b, k)
            The result has an output axis for the latter.
        workers : int, optional
            Threads; the sums do not depend on it.

        Returns
        -------
        MaskAccumulator
            Itself.
        """
        y = as_float(scores, "scores", ndim=(1, 2), finite=True).astype(np.float64)
        flat = y.ndim == 1
        if flat:
            y = y[:, None]
        if y.shape[1] != self.k:
            raise ValueError(f"scores: expected {self.k} score(s) a mask, received shape {np.shape(scores)}")
        if self._flat not in (None, flat):
            raise ValueError("scores: one-dimensional and two-dimensional scores were mixed")
        grid = isinstance(masks, GridMasks)
        if grid:
            n, size, p = masks.n, masks.image_size, masks.p
        else:
            masks = as_float(masks, "masks", ndim=3, finite=True)
            n, size, p = len(masks), masks.shape[1:], self._p
        if size != (self.H, self.W):
            raise ValueError(f"masks: expected masks of {self.H} x {self.W} pixels, received {size[0]} x {size[1]}")
        if len(y) != n:
            raise ValueError(f"scores: expected one row for each of the {n} masks, received {len(y)}")
        if self._p not in (None, p):
            raise ValueError(f"masks: expected p = {self._p} as before, received {p}")
        threads = resolve(workers)
        weights = [np.ascontiguousarray(y[:, c] ** b) for b, maps in enumerate(self._sums) for c in range(len(maps))]
        views = [maps[c] for maps in self._sums for c in range(len(maps))]
        if grid:
            masks._moments(weights, views, threads)
        else:
            pixels = self.H * self.W
            for weight, view in zip(weights, views, strict=True):
                _core.masks.accumulate(masks.reshape(n, pixels), weight, view.reshape(len(view), pixels), threads)
        # One by one, like the maps of masks in memory.
        for b, power in enumerate(self._powers):
            self._powers[b] = np.add.accumulate(np.vstack([power, y**b]))[-1]
        self.n += n
        self._p, self._flat = p, flat
        return self

    def merge(self, other: MaskAccumulator) -> MaskAccumulator:
        """Add what `other` has seen; returns itself."""
        if not isinstance(other, MaskAccumulator):
            raise TypeError(f"other: expected a MaskAccumulator, received {type(other).__name__}")
        mine, theirs = (self.k, self.H, self.W, self.stderr), (other.k, other.H, other.W, other.stderr)
        if mine != theirs:
            raise ValueError(f"other: expected (k, H, W, stderr) = {mine}, received {theirs}")
        for name in ("_p", "_flat"):
            values = {getattr(self, name), getattr(other, name)} - {None}
            if len(values) > 1:
                raise ValueError("other: was fed with masks of another p or scores of another shape")
            setattr(self, name, values.pop() if values else None)
        for ours, added in zip(self._sums, other._sums, strict=True):
            ours += added
        self._powers += other._powers
        self.n += other.n
        return self

    def result(self, normalize: str = "expected", *, p: float | None = None) -> Estimate:
        """The map, with the standard error of every pixel over the masks.

        Parameters
        ----------
        normalize : {"expected", "empirical", "centered", "correlation"}
            With sums over N masks: "expected" is sum y M / (N p), the published estimator, which contains the mean
            score as an offset; "empirical" is sum y M / sum M, the mean score given that the pixel is shown, of lower
            variance; "centered" is the slope of the score on the mask value, which does not change when a constant is
            added to the scores; "correlation" is Pearson's, which does not change with their scale either.
        p : float, optional
            Mean of the masks for "expected"; known already if they were `GridMasks`.

        Returns
        -------
        Estimate
            Value and standard error ``(H, W)`` or ``(H, W, k)``. Standard errors: of a mean; by linearisation of a
            ratio and of a correlation; of a slope, robust to unequal variances (White 1980, doi:10.2307/1912934).

        Raises
        ------
        ValueError
            Before any update; for "expected" without `p`.

        Warns
        -----
        ReliabilityWarning
            Where a pixel was never shown ("empirical"), or its mask value never varied or, for "correlation", the score
            never did: NaN there.
        """
        known = (*NORMALIZATIONS, "correlation")
        if normalize not in known:
            raise ValueError(f"normalize: expected one of {', '.join(known)}, received {normalize!r}")
        if self.n == 0:
            raise ValueError("result: no masks were added yet")
        mean = self._p if p is None else p
        if normalize == "expected":
            if mean is None:
                raise ValueError("p: 'expected' divides by the mean of the masks, which is not known; pass p")
            if not 0.0 < mean <= 1.0:
                raise ValueError(f"p: expected a number in (0, 1], received {mean}")
        n = self.n
        with np.errstate(divide="ignore", invalid="ignore"):
            if normalize == "expected":
                value, variance, df = self._mean(float(mean or 1.0))
            else:
                value, variance, df = getattr(self, f"_{normalize}")()
            stderr = np.sqrt(np.maximum(variance, 0.0) * (n / df)) if df > 0 else np.full(value.shape, np.nan)
        undefined = np.isnan(value)
        if undefined.any():
            what = "shown by any of" if normalize == "empirical" else "both shown and hidden by"
            warnings.warn(
                f"{int(undefined.sum())} value(s) are NaN: their pixels were not {what} the {n} masks, or the score "
                "did not vary; use more masks",
                ReliabilityWarning,
                stacklevel=2,
            )

        def ordered(maps: NDArray[np.float64]) -> NDArray[np.float64]:
            return maps[0] if self._flat else np.ascontiguousarray(np.moveaxis(maps, 0, -1))

        return Estimate(
            value=ordered(value),
            stderr=ordered(np.where(undefined, np.nan, stderr)),
            n=n,
            df=float(max(df, 1)),
            diagnostics={"normalize": normalize},
        )

    def _moment(self, b: int, a: int) -> NDArray[np.float64]:
        """Sum of y^b M^a, broadcastable to (k, H, W); NaN where it was not kept."""
        if a + b > self._order:
            return np.full((1, 1, 1), np.nan)
        return self._sums[b][:, a - 1] if a else self._powers[b][:, None, None]

    def _central(self, b: int, a: int) -> NDArray[np.float64]:
        """Sum of (y - mean y)^b (M - mean M)^a."""
        y, m = self._moment(1, 0) / self.n, self._moment(0, 1) / self.n
        total = np.zeros((self.k, self.H, self.W))
        for i in range(b + 1):
            for j in range(a + 1):
                total += math.comb(b, i) * math.comb(a, j) * (-y) ** (b - i) * (-m) ** (a - j) * self._moment(i, j)
        return total

    # Each gives the map, its variance over the masks up to the factor n / df, and df.

    def _mean(self, p: float) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
        value = self._moment(1, 1) / self.n
        variance = (self._moment(2, 2) / self.n - value**2) / self.n
        return value / p, variance / p**2, self.n - 1

    def _empirical(self) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
        m, mm = self._moment(0, 1), self._moment(0, 2)
        value = self._moment(1, 1) / m
        variance = (self._moment(2, 2) - 2.0 * value * self._moment(1, 2) + value**2 * mm) / m**2
        return value, variance, self.n - 1

    def _spread(self) -> NDArray[np.float64]:
        """Sum of (M - mean M)^2; NaN where it is rounding alone."""
        spread = self._central(0, 2)
        return np.where(spread > 1e-12 * self._moment(0, 2), spread, np.nan)

    def _centered(self) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
        spread = self._spread()
        slope = self._central(1, 1) / spread
        # sum of u^2 e^2, with u = M - mean M and the residual e = y - mean y - slope u
        squares = self._central(2, 2) - 2.0 * slope * self._central(1, 3) + slope**2 * self._central(0, 4)
        return slope, squares / spread**2, self.n - 2

    def _correlation(self) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
        m, y = np.sqrt(self._spread()), np.sqrt(self._central(2, 0))
        y = np.where(y**2 > 1e-12 * self._moment(2, 0), y, np.nan)
        r = self._central(1, 1) / (m * y)
        # sum of (c - r (a + b) / 2)^2 with a = u^2 / m^2, b = z^2 / y^2, c = u z / (m y)
        both = self._central(2, 2) / (m * y) ** 2
        mixed = self._central(1, 3) / (m**3 * y) + self._central(3, 1) / (m * y**3)
        alone = self._central(0, 4) / m**4 + self._central(4, 0) / y**4
        return r, both - r * mixed + r**2 / 4 * (alone + 2.0 * both), self.n - 2

    def __repr__(self) -> str:
        return f"MaskAccumulator(k={self.k}, H={self.H}, W={self.W}, n={self.n})"


def accumulate(
    masks: Any, scores: ArrayLike, accumulator: MaskAccumulator | None = None, *, workers: int | None = None
) -> MaskAccumulator:
    """Add a block of masks and their scores to an accumulator, or to a new one.

    Parameters
    ----------
    masks : array_like, shape (b, H, W), or GridMasks
    scores : array_like, shape (b,) or (b, k)
    accumulator : MaskAccumulator, optional
    workers : int, optional
        Threads; the sums do not depend on it.

    Returns
    -------
    MaskAccumulator
        `accumulator`, or the new one: ``.result(normalize)`` is the map.

    Raises
    ------
    ValueError
        If shapes do not fit, or for NaN.

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> po.accumulate(np.ones((2, 1, 3)), [1.0, 3.0]).result("empirical").value
    array([[2., 2., 2.]])
    """
    if accumulator is None:
        shape = np.shape(scores)
        if len(shape) not in (1, 2):
            raise ValueError(f"scores: expected a 1-d or 2-d array, received shape {shape}")
        size = masks.image_size if isinstance(masks, GridMasks) else np.shape(masks)[1:]
        if len(size) != 2:
            raise ValueError(f"masks: expected shape (b, H, W), received {np.shape(masks)}")
        accumulator = MaskAccumulator(shape[1] if len(shape) == 2 else 1, *size)
    return accumulator.update(masks, scores, workers=workers)


def _ranks(scores: NDArray[Any], ties: str, the_key: Key, row: int = 0) -> tuple[NDArray[np.int64], int]:
    """Rank of every pixel in decreasing score, and how many pixels share their score with another."""
    flat = np.ascontiguousarray(scores, dtype=np.float64).ravel()
    ranks, tied = _core.masks.rank_descending(flat, ties == "random", the_key.words, row)
    return ranks, tied


def _check_ties(ties: str) -> None:
    if ties not in ("random", "index"):
        raise ValueError(f"ties: expected 'random' or 'index', received {ties!r}")


def _stages(steps: Any, n: int) -> NDArray[np.int64]:
    """How many pixels are chosen at each stage."""
    if not isinstance(steps, (Sequence, np.ndarray)):
        step = as_integer(steps, "steps", 1)
        return np.append(np.arange(0, n, step, dtype=np.int64), n)
    counts = np.array([as_integer(count, "steps", 0) for count in steps], dtype=np.int64)
    if len(counts) == 0 or (np.diff(counts) < 0).any() or counts[-1] > n:
        raise ValueError(f"steps: expected non-decreasing counts of at most {n} pixels, received {steps!r}")
    return counts


def staged_masks(
    scores: ArrayLike, steps: Any, *, ties: Ties = "random", batch_size: int = 64, rng: Any = None
) -> Iterator[NDArray[np.bool_]]:
    """Masks of the best pixels, more of them at every stage: what deletion and insertion remove or show.

    Parameters
    ----------
    scores : array_like
        Scores of the pixels, any shape.
    steps : int or sequence of int
        Pixels that each stage adds: stages of 0, steps, 2 steps, ..., all pixels. Or the number at each stage.
    ties : {"random", "index"}
        Order among equal scores. By index, position would decide where many scores are zero.
    batch_size : int
        Stages a block.
    rng : None, int, Generator, SeedSequence or Key

    Yields
    ------
    ndarray of bool, shape (b, ...)
        True at the pixels chosen so far.

    Raises
    ------
    ValueError
        For NaN, no pixels, or counts that fall or exceed the number of pixels.

    Notes
    -----
    O(p log p) for the order, O(p) a stage.

    Examples
    --------
    >>> import pondera as po
    >>> next(po.staged_masks([0.2, 0.9, 0.5], 1)).astype(int)
    array([[0, 0, 0],
           [0, 1, 0],
           [0, 1, 1],
           [1, 1, 1]])
    """
    array = as_float(scores, "scores", finite=True)
    if array.size == 0:
        raise ValueError("scores: expected at least one pixel")
    _check_ties(ties)
    counts = _stages(steps, array.size)
    batch_size = as_integer(batch_size, "batch_size", 1)
    ranks, _ = _ranks(array, ties, key(rng))
    back = like(scores)

    def blocks() -> Iterator[NDArray[np.bool_]]:
        for begin in range(0, len(counts), batch_size):
            chosen = ranks < counts[begin : begin + batch_size, None]
            yield back(chosen.reshape(-1, *array.shape))

    return blocks()


def gaussian_blur(
    image: ArrayLike, *, sigma: float = 5.0, kernel: int = 11, channel_axis: int | None = 0
) -> NDArray[Any]:
    """The image blurred by a truncated Gaussian: what insertion starts from.

    Parameters
    ----------
    image : array_like, shape (C, H, W), (H, W, C) or (H, W)
    sigma : float
        Standard deviation in pixels.
    kernel : int
        Taps along each axis, odd; they are normalised. Borders are reflected, so that nothing darkens.
    channel_axis : {0, -1, None}

    Returns
    -------
    ndarray
        Shape and dtype of `image`.

    Raises
    ------
    ValueError
        For an even `kernel`, a `sigma` that is not positive, NaN, or another shape.

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> bool(np.allclose(po.masks.gaussian_blur(np.ones((1, 20, 20))), 1.0))
    True
    """
    from scipy.ndimage import correlate1d

    array = as_float(image, "image", finite=True)
    kernel = as_integer(kernel, "kernel", 1)
    if kernel % 2 == 0:
        raise ValueError(f"kernel: expected an odd number of taps, received {kernel}")
    if not 0.0 < float(sigma) < math.inf:
        raise ValueError(f"sigma: expected a positive number, received {sigma}")
    _layout(array.shape, channel_axis)
    taps = np.exp(-0.5 * ((np.arange(kernel) - kernel // 2) / float(sigma)) ** 2)
    taps /= taps.sum()
    first = 1 if channel_axis == 0 else 0
    out = array.astype(np.float64)
    for axis in (first, first + 1):
        out = correlate1d(out, taps, axis=axis, mode="reflect")
    return out.astype(array.dtype)


def _layout(shape: tuple[int, ...], channel_axis: int | None) -> tuple[int, tuple[int, int], int]:
    """(channels before the pixels, (H, W), channels after them)."""
    if channel_axis is None:
        if len(shape) != 2:
            raise ValueError(f"image: expected shape (H, W) for channel_axis=None, received {shape}")
        outer, size, inner = 1, (shape[0], shape[1]), 1
    else:
        if channel_axis not in (0, -1, 2):
            raise ValueError(f"channel_axis: expected 0, -1 or None, received {channel_axis!r}")
        if len(shape) != 3:
            hint = "; channel_axis=None takes (H, W)" if len(shape) == 2 else ""
            raise ValueError(f"image: expected a 3-d array, received shape {shape}{hint}")
        outer, inner = (shape[0], 1) if channel_axis == 0 else (1, shape[2])
        size = (shape[1], shape[2]) if channel_axis == 0 else (shape[0], shape[1])
    if 0 in shape:
        raise ValueError(f"image: expected at least one pixel and channel, received shape {shape}")
    return outer, size, inner


class MaskedImage:
    """A model's scores of one image whose pixels are partly replaced.

    Parameters
    ----------
    model : object
        Whatever `pondera.models.as_predict` takes: a callable, a torch module, a scikit-learn estimator, an ONNX
        session. It receives batches ``(b, *image.shape)``; an estimator, or an ONNX model with a two-dimensional input,
        receives each image as one row.
    image : array_like, shape (C, H, W), (H, W, C) or (H, W)
    baseline : float, array_like or "blur"
        What replaces a hidden pixel: a number, one number a channel, an image, or the blurred image (`gaussian_blur`).
    target : int, slice, list of int, "predicted" or None
        Which of the model's outputs; "predicted" is the largest one for `image`, None all.
    channel_axis : {0, -1, None}
        Where the channels stand; None for an image without.
    batch_size : int
        Most images given to the model at once.

    Attributes
    ----------
    size : (int, int)
        Height and width.
    target : int, slice, list of int or None
        "predicted" until the model was first called, then its number.

    Raises
    ------
    ValueError
        If shapes do not fit, for NaN, for a `target` the model lacks, or if the model returns NaN or the wrong number
        of rows.

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> scores = po.MaskedImage(lambda X: X.sum(axis=(1, 2)), np.ones((4, 4)), channel_axis=None)
    >>> float(scores.score), scores(np.zeros((1, 4, 4)))
    (16.0, array([0.]))
    """

    def __init__(
        self,
        model: Any,
        image: ArrayLike,
        *,
        baseline: Any = 0.0,
        target: Any = None,
        channel_axis: int | None = 0,
        batch_size: int = 64,
    ) -> None:
        self.image = as_float(image, "image", finite=True).copy()
        self.batch_size = as_integer(batch_size, "batch_size", 1)
        self.channel_axis = channel_axis
        self._outer, self.size, self._inner = _layout(self.image.shape, channel_axis)
        self.baseline = self._baseline(baseline)
        if isinstance(target, str) and target != "predicted":
            raise ValueError(f"target: expected an output's number, 'predicted' or None, received {target!r}")
        self._predict = as_predict(model, target=None if isinstance(target, str) else target)
        inputs: Any = getattr(self._predict.model, "get_inputs", tuple)()
        self._as_rows = self._predict.response in RESPONSES or (len(inputs) == 1 and len(inputs[0].shape) == 2)
        self.target = target

    @cached_property
    def score(self) -> Any:
        """Score(s) of the whole image, float64 ``()`` or ``(k,)``; the first use calls the model."""
        if isinstance(self.target, str):
            outputs = self._ask(self.image[None])
            self.target = int(np.argmax(outputs[0])) if outputs.ndim == 2 else None
            self._predict = self._predict.with_target(self.target)
        whole = self._ask(self.image[None])
        if whole.ndim > 2:
            raise ValueError(f"model: expected one number or one row of outputs an image, received {whole.shape[1:]}")
        return whole[0]

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs; empty for a single number."""
        return self._predict.output_names(len(self.score) if np.ndim(self.score) else None)

    def _baseline(self, baseline: Any) -> NDArray[Any]:
        """As an image."""
        shape = self.image.shape
        if isinstance(baseline, str):
            if baseline != "blur":
                raise ValueError(f"baseline: expected a number, an array or 'blur', received {baseline!r}")
            return gaussian_blur(self.image, channel_axis=self.channel_axis)
        array = as_float(baseline, "baseline", finite=True)
        if array.ndim == 1 and len(array) == self._outer * self._inner:
            array = array[:, None, None] if self.channel_axis == 0 else array
        elif array.ndim != 0 and array.shape != shape:
            raise ValueError(f"baseline: expected a number, one a channel, or shape {shape}, received {array.shape}")
        return np.ascontiguousarray(np.broadcast_to(array, shape), dtype=self.image.dtype)

    def _ask(self, images: NDArray[Any]) -> NDArray[np.float64]:
        return self._predict(images.reshape(len(images), -1) if self._as_rows else images)

    def __call__(self, masks: ArrayLike) -> NDArray[np.float64]:
        """Scores under masks ``(b, H, W)``, 1 shown and 0 replaced: ``(b,)`` or ``(b, k)``."""
        array = as_float(masks, "masks", ndim=3, finite=True)
        if array.shape[1:] != self.size:
            raise ValueError(f"masks: expected masks of shape {self.size}, received {array.shape[1:]}")
        nothing = np.zeros((0, *np.shape(self.score)))  # resolves the target
        parts = [self._blend(array[i : i + self.batch_size]) for i in range(0, len(array), self.batch_size)]
        return np.concatenate([nothing, *(self._ask(part) for part in parts)])

    def _blend(self, masks: NDArray[Any]) -> NDArray[Any]:
        shown = masks.astype(self.image.dtype, copy=False)
        if self.channel_axis is not None:
            shown = shown[:, None] if self.channel_axis == 0 else shown[..., None]
        out: NDArray[Any] = shown * self.image
        if self.baseline.any():
            out += (1 - shown) * self.baseline
        return out

    def sample(
        self,
        masks: GridMasks,
        *,
        workers: int | None = None,
        executor: Executor | None = None,
        progress: Any = False,
    ) -> NDArray[np.float64]:
        """Scores under random masks: ``(n,)`` or ``(n, k)``.

        Parameters
        ----------
        masks : GridMasks
        workers : int, optional
            Threads that make the masks.
        executor : concurrent.futures.Executor, optional
            Runs the model on other workers; the model must be picklable for processes. The batches are the same as
            without, and so are the scores.
        progress : bool or callable
            A tqdm bar, or ``progress(done, total)``.
        """
        if masks.image_size != self.size:
            raise ValueError(f"masks: expected masks of shape {self.size}, received {masks.image_size}")
        n, batch = masks.n, self.batch_size
        chunk = batch if executor is None else batch * max(1, -(-n // (32 * batch)))
        ranges = [(begin, min(begin + chunk, n)) for begin in range(0, n, chunk)]
        parts = [np.zeros((0, *np.shape(self.score)))]
        with track(progress, n) as advance:
            if executor is None:
                for begin, end in ranges:
                    parts.append(_sample_chunk(self, masks, begin, end, workers))
                    advance(end - begin)
            else:
                futures = [executor.submit(_sample_chunk, self, masks, begin, end, workers) for begin, end in ranges]
                try:
                    for (begin, end), future in zip(ranges, futures, strict=True):
                        parts.append(future.result())
                        advance(end - begin)
                except BaseException:
                    for future in futures:
                        future.cancel()
                    raise
        return np.concatenate(parts)

    def stages(
        self,
        ranks: NDArray[np.int64],
        counts: NDArray[np.int64],
        *,
        insert: bool = False,
        workers: int | None = None,
    ) -> NDArray[np.float64]:
        """Scores with the pixels of rank below each count replaced (or, with `insert`, those alone shown)."""
        shape = (self._outer, self.size[0] * self.size[1], self._inner)
        image, other = self.image.reshape(shape), self.baseline.reshape(shape)
        top, rest = (image, other) if insert else (other, image)
        parts = [np.zeros((0, *np.shape(self.score)))]
        for begin in range(0, len(counts), self.batch_size):
            some = np.ascontiguousarray(counts[begin : begin + self.batch_size])
            images = _core.masks.compose(top, rest, ranks, some, resolve(workers))
            parts.append(self._ask(images.reshape(len(some), *self.image.shape)))
        return np.concatenate(parts)


def _sample_chunk(
    scores: MaskedImage, masks: GridMasks, begin: int, end: int, workers: int | None
) -> NDArray[np.float64]:
    """Scores of the masks begin..end in batches. Their numbers are arguments, so that no two chunks are equal calls."""
    step = scores.batch_size
    blocks = (masks.block(i, min(i + step, end), workers=workers) for i in range(begin, end, step))
    return np.concatenate([scores(block) for block in blocks])
