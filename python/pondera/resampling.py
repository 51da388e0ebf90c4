"""Resampling and sampling by weight; quantiles, bootstrap and jackknife.

All schemes are unbiased: item i is expected n W_i times. *Multinomial* draws are independent. *Systematic* needs one
uniform and its counts differ from n W_i by less than one, but an adversarial order of the items can defeat it.
*Stratified* lies between the two. *Residual* keeps floor(n W_i) copies for sure. *SSP* rounds like systematic and is
negatively associated for any order. *Killing* moves as few particles as possible.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from ._workers import resolve
from .arrays import as_array, as_float, as_index, as_integer, like
from .random import Key, Purpose, key
from .results import Estimate
from .weights import Weights, log_weights_of

__all__ = [
    "AliasTable",
    "Sampled",
    "WeightedReservoir",
    "ancestor_paths",
    "batch_means",
    "bootstrap",
    "inclusion_probabilities",
    "inplace_ancestors",
    "jackknife_blocks",
    "offspring",
    "path_diversity",
    "resample",
    "sample_pps",
    "sample_without_replacement",
    "weighted_quantile",
]

SCHEMES = {"multinomial": 1, "stratified": 2, "systematic": 3, "residual": 4, "ssp": 5, "killing": 6}
REMAINDERS = ("multinomial", "stratified", "systematic", "ssp")
Indices = NDArray[np.int64]


class Sampled(NamedTuple):
    """A sample without replacement: indices in order of selection, threshold key, inclusion probability of each."""

    indices: Any
    threshold: Any
    inclusion: Any


def _plain(weights: Any, name: str = "weights") -> NDArray[np.float64]:
    """Validated plain weights, at least one axis, float64."""
    array = as_float(weights, name).astype(np.float64)
    if array.ndim == 0:
        raise ValueError(f"{name}: expected at least one axis, received a scalar")
    if np.isnan(array).any():
        raise ValueError(f"{name}: NaN at {int(np.argmax(np.isnan(array.ravel())))}")
    if np.isinf(array).any():
        raise ValueError(f"{name}: infinite at {int(np.argmax(np.isinf(array.ravel())))}")
    if (array < 0).any():
        raise ValueError(f"{name}: negative at {int(np.argmax(array.ravel() < 0))}")
    return array


def _moderate(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same weights times a power of two, where their sum could overflow or their share underflow."""
    top = weights.max(initial=0.0)
    return weights if top == 0 or 1e-200 < top < 1e200 else np.ldexp(weights, -int(np.frexp(top)[1]))


def resample(
    log_weights: ArrayLike | None = None,
    n: int | None = None,
    *,
    scheme: str = "systematic",
    weights: ArrayLike | None = None,
    rng: Any = None,
    sort: bool = False,
    remainder: str = "multinomial",
    nan: Literal["raise", "zero"] = "raise",
    on_empty: Literal["raise", "uniform"] = "raise",
    out: Indices | None = None,
    workers: int | None = None,
) -> Any:
    """Indices of `n` offspring whose expected counts are n W_i.

    Parameters
    ----------
    log_weights : array_like or Weights, shape (N,) or (B, N)
        Unnormalised log-weights, rows independent. Or give `weights`.
    n : int, optional
        Number of indices a row; default N.
    scheme : {"systematic", "stratified", "multinomial", "residual", "ssp", "killing"}
    weights : array_like, optional
        Plain non-negative weights, in place of `log_weights`.
    rng : None, int, Generator, SeedSequence or Key
        One 64-bit integer is drawn from a generator, whatever `n`.
    sort : bool
        Return non-decreasing indices.
    remainder : {"multinomial", "stratified", "systematic", "ssp"}
        How "residual" draws what the whole copies leave.
    nan : {"raise", "zero"}
        What NaN log-weights mean.
    on_empty : {"raise", "uniform"}
        What a row without positive weight means: an error, or equal weights.
    out : ndarray of int64, optional
        Result array to fill, of the result's shape.
    workers : int, optional
        Threads; the indices do not depend on it.

    Returns
    -------
    ndarray of int64, shape (n,) or (B, n)

    Raises
    ------
    ValueError
        If a row has no positive weight, for NaN, infinite or negative weights, or an unknown scheme.

    Notes
    -----
    O(N + n); memory N. Gerber, Chopin and Whiteley (2019), arXiv:1707.01845, compare the schemes and give SSP.

    Examples
    --------
    >>> import pondera as po
    >>> po.resample(weights=[0.1, 0.2, 0.3, 0.4], n=10, rng=0)
    array([0, 1, 1, 2, 2, 2, 3, 3, 3, 3])
    """
    first = log_weights if log_weights is not None else weights
    the_key = key(rng)
    if scheme not in SCHEMES:
        raise ValueError(f"scheme: expected one of {', '.join(SCHEMES)}, received {scheme!r}")
    if remainder not in REMAINDERS:
        raise ValueError(f"remainder: expected one of {', '.join(REMAINDERS)}, received {remainder!r}")
    if on_empty not in ("raise", "uniform"):
        raise ValueError(f"on_empty: expected 'raise' or 'uniform', received {on_empty!r}")
    values, logs, shape = _rows(log_weights, weights, nan)
    items = values.shape[1]
    if items == 0 and n is None:
        raise ValueError(f"{'log_weights' if logs else 'weights'}: there are no items to draw from")
    n = items if n is None else as_integer(n, "n", 0)
    if scheme == "killing" and n != items:
        raise ValueError(f"n: the killing scheme replaces each of the {items} items, received n = {n}")
    if items == 0 and n > 0:
        raise ValueError(f"{'log_weights' if logs else 'weights'}: there are no items to draw from")
    if len(values) > 2**32:
        raise ValueError(f"log_weights: at most 2**32 rows, received {len(values)}")
    result_shape = (*shape[:-1], n)
    result = _output(out, result_shape)
    if n == 0:
        return like(_raw(first))(result)
    values = _positive_rows(values, logs, on_empty)
    flat = result.reshape(len(values), n)
    _core.resampling.resample(
        values, logs, n, SCHEMES[scheme], SCHEMES[remainder], the_key.words, -1.0, sort, flat, resolve(workers)
    )
    return result if out is not None else like(_raw(first))(result)


def _raw(x: Any) -> Any:
    return x.log_weights if isinstance(x, Weights) else x


def _normalized(weights: Any) -> Any:
    return weights.normalized if isinstance(weights, Weights) else weights


def _rows(log_weights: Any, weights: Any, nan: Any) -> tuple[NDArray[np.float64], bool, tuple[int, ...]]:
    if (log_weights is None) == (weights is None):
        raise ValueError("log_weights: give either log_weights or weights")
    if nan not in ("raise", "zero"):
        raise ValueError(f"nan: expected 'raise' or 'zero', received {nan!r}")
    if isinstance(weights, Weights):
        log_weights, weights = weights, None
    if weights is not None:
        array = _moderate(_plain(weights))
        return np.ascontiguousarray(array.reshape(math.prod(array.shape[:-1]), array.shape[-1])), False, array.shape
    raw = _raw(log_weights)
    rows = log_weights_of(raw, nan=nan)
    shape = tuple(raw.shape) if hasattr(raw, "shape") else np.shape(raw)
    return rows, True, shape


def _positive_rows(values: NDArray[np.float64], logs: bool, on_empty: str) -> NDArray[np.float64]:
    best = values.max(axis=1)
    empty = np.isneginf(best) if logs else best <= 0
    if not empty.any():
        return values
    if on_empty == "raise":
        where = f" in row {int(np.argmax(empty))}" if len(values) > 1 else ""
        raise ValueError(f"weights: every weight is zero{where}; on_empty='uniform' would draw evenly")
    return np.ascontiguousarray(np.where(empty[:, None], 0.0 if logs else 1.0, values))


def _output(out: Any, shape: tuple[int, ...]) -> Indices:
    if out is None:
        return np.empty(shape, dtype=np.int64)
    if not isinstance(out, np.ndarray) or out.dtype != np.int64 or out.shape != shape:
        raise ValueError(f"out: expected an int64 array of shape {shape}")
    if not (out.flags.c_contiguous and out.flags.writeable):
        raise ValueError("out: expected a writeable C-contiguous array")
    return out


def offspring(
    log_weights: ArrayLike | None = None,
    n: int | None = None,
    *,
    scheme: str = "systematic",
    weights: ArrayLike | None = None,
    rng: Any = None,
    workers: int | None = None,
) -> Any:
    """How often each item is drawn by `resample` with the same arguments.

    Parameters
    ----------
    log_weights : array_like or Weights, shape (N,)
    n : int, optional
        Number of draws; default N.
    scheme : str
        As in `resample`.
    weights : array_like, optional
        Plain weights in place of `log_weights`.
    rng : None, int, Generator, SeedSequence or Key
    workers : int, optional
        Threads.

    Returns
    -------
    ndarray of int64, shape (N,)
        Counts that sum to `n`.

    Raises
    ------
    ValueError
        As `resample`; and for more than one row.

    Examples
    --------
    >>> import pondera as po
    >>> po.offspring(weights=[0.5, 0.25, 0.25], n=4, rng=0)
    array([2, 1, 1])
    """
    first = log_weights if log_weights is not None else weights
    values, _, shape = _rows(log_weights, weights, "raise")
    if len(shape) != 1:
        raise ValueError(f"log_weights: expected one row, received shape {shape}")
    indices = resample(
        None if log_weights is None else np.asarray(values[0]),
        n,
        scheme=scheme,
        weights=None if weights is None else np.asarray(values[0]),
        rng=rng,
        workers=workers,
    )
    return like(_raw(first))(np.bincount(indices, minlength=values.shape[1]).astype(np.int64))


def inplace_ancestors(counts: ArrayLike) -> Any:
    """Ancestors with these offspring counts in which every surviving item keeps its own slot.

    Parameters
    ----------
    counts : array_like of int, shape (N,)
        Offspring counts that sum to N.

    Returns
    -------
    ndarray of int64, shape (N,)
        ``ancestors[i] == i`` wherever ``counts[i] > 0``: particles are copied at most once, in place.

    Raises
    ------
    ValueError
        If the counts are negative or do not sum to N.

    Examples
    --------
    >>> import pondera as po
    >>> po.inplace_ancestors([0, 3, 0, 1])
    array([1, 1, 1, 3])
    """
    number = as_index(counts, "counts", ndim=1)
    if (number < 0).any() or number.sum() != len(number):
        raise ValueError(f"counts: expected non-negative counts that sum to {len(number)}, received {number.sum()}")
    ancestors = np.arange(len(number), dtype=np.int64)
    ancestors[number == 0] = np.repeat(ancestors, np.maximum(number - 1, 0))
    return like(counts)(ancestors)


class AliasTable:
    """Independent draws by weight in O(1) each, after O(N) once: for repeated calls with n much larger than N.

    Parameters
    ----------
    weights : array_like or Weights, shape (N,)
        Plain non-negative weights, at least one positive; they need not sum to one. The table owns its memory.

    Raises
    ------
    ValueError
        For NaN, infinite or negative weights, or none positive.

    Notes
    -----
    Vose (1991), doi:10.1109/32.92917. An item of weight zero is never drawn. Memory 2 N.

    Examples
    --------
    >>> import pondera as po
    >>> po.AliasTable([1.0, 0.0, 3.0]).draw(5, rng=0).shape
    (5,)
    """

    def __init__(self, weights: ArrayLike) -> None:
        array = _plain(_normalized(weights))
        if array.ndim != 1:
            raise ValueError(f"weights: expected one row, received shape {array.shape}")
        if array.size == 0 or not array.max() > 0:
            raise ValueError("weights: every weight is zero")
        scaled = np.ascontiguousarray(array / array.max())
        self._cells = _core.resampling.alias_table(scaled, resolve(None))

    def __len__(self) -> int:
        return len(self._cells)

    def draw(self, n: int, *, rng: Any = None, workers: int | None = None) -> Indices:
        """`n` independent indices, int64 ``(n,)``."""
        words = key(rng).words
        indices: Indices = _core.resampling.alias_draw(self._cells, as_integer(n, "n", 0), words, 0, resolve(workers))
        return indices


def sample_without_replacement(
    log_weights: ArrayLike, k: int, *, rng: Any = None, workers: int | None = None
) -> Sampled:
    """`k` distinct items, one after the other with probability proportional to the weights of those left.

    Parameters
    ----------
    log_weights : array_like or Weights, shape (N,) or (B, N)
        Unnormalised log-weights; -inf is never drawn.
    k : int
        Number of items, at most the number of positive weights.
    rng : None, int, Generator, SeedSequence or Key
    workers : int, optional
        Threads.

    Returns
    -------
    Sampled
        `indices` ``(k,)`` in order of selection; `threshold`, the (k+1)-th largest key (-inf if none is left);
        `inclusion` ``(k,)``, the probability of each of these items given the threshold: the sum of f_i w_i /
        inclusion_i over the sample is an unbiased estimate of the sum over all items. With rows, ``(B, k)``.

    Raises
    ------
    ValueError
        If fewer than `k` weights are positive, for NaN or +inf.

    Notes
    -----
    The largest keys log w_i + Gumbel_i (Efraimidis and Spirakis 2006, doi:10.1016/j.ipl.2005.11.003; priority
    sampling: Duffield, Lund and Thorup 2007). O(N + k log k); memory N.

    Examples
    --------
    >>> import pondera as po
    >>> sorted(po.sample_without_replacement([0.0, 1.0, -float("inf")], 2, rng=0).indices.tolist())
    [0, 1]
    """
    raw = _raw(log_weights)
    words = key(rng).words
    rows = log_weights_of(raw)
    k = as_integer(k, "k", 0)
    if rows.shape[1] == 0 and k > 0:
        raise ValueError("log_weights: there are no items to draw from")
    positive = np.count_nonzero(~np.isneginf(rows), axis=1)
    if len(positive) and k > positive.min():
        raise ValueError(f"k: {k} items were asked for, {int(positive.min())} have positive weight")
    shape = tuple(raw.shape) if hasattr(raw, "shape") else np.shape(raw)
    indices, threshold = _core.resampling.gumbel_topk(rows, k, words, resolve(workers))
    inclusion = _inclusion(np.take_along_axis(rows, indices, axis=1), threshold[:, None])
    back = like(raw)
    if len(shape) == 1:
        return Sampled(back(indices[0]), float(threshold[0]), back(inclusion[0]))
    chosen = (*shape[:-1], k)
    return Sampled(back(indices.reshape(chosen)), back(threshold.reshape(shape[:-1])), back(inclusion.reshape(chosen)))


def _inclusion(log_weights: NDArray[np.float64], threshold: Any) -> NDArray[np.float64]:
    """P(key > threshold) = 1 - exp(-exp(log w - threshold)); 1 where nothing was left out."""
    gap = np.minimum(log_weights - threshold, 709.0)  # exp stays finite
    inclusion: NDArray[np.float64] = -_core.random.expm1(-_core.random.exp(np.ascontiguousarray(gap)))
    return inclusion


class WeightedReservoir:
    """A weighted sample without replacement from a stream, the same as `sample_without_replacement` in one go.

    Parameters
    ----------
    k : int
        Size of the sample.
    rng : None, int, Generator, SeedSequence or Key
        Fixed at construction; reservoirs that are to be merged need the same Key.

    Notes
    -----
    The key of an item is log w + Gumbel(its number in the stream, or the caller's id): any chunking, order or split
    over machines gives the same sample. Keeps k + 1 items.

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> lw = np.linspace(-2, 2, 1000)
    >>> key = po.random.Key(1, 2)
    >>> r = po.WeightedReservoir(5, rng=key)
    >>> for i in range(0, 1000, 100):
    ...     r.update(np.arange(i, i + 100), lw[i : i + 100])
    >>> np.array_equal(r.items, po.sample_without_replacement(lw, 5, rng=key).indices)
    True
    """

    def __init__(self, k: int, *, rng: Any = None) -> None:
        self.k = as_integer(k, "k", 0)
        if self.k < 1:
            raise ValueError("k: expected at least 1")
        self._key: Key = key(rng)
        self._keys = np.empty(0)
        self._ids = np.empty(0, dtype=np.uint64)
        self._log_weights = np.empty(0)
        self._items: list[Any] = []
        self.n_seen = 0

    def update(self, items: Iterable[Any], log_weights: ArrayLike, *, index: ArrayLike | None = None) -> None:
        """Offer `items` with their log-weights; `index` are 64-bit ids in place of the running numbers."""
        rows = log_weights_of(log_weights)
        if len(rows) != 1 or np.ndim(log_weights) != 1:
            raise ValueError(f"log_weights: expected one row, received shape {np.shape(log_weights)}")
        chunk = list(items)
        if len(chunk) != rows.shape[1]:
            raise ValueError(f"items: expected {rows.shape[1]} items, received {len(chunk)}")
        if index is None:
            ids = np.arange(self.n_seen, self.n_seen + len(chunk), dtype=np.uint64)
        else:
            ids = np.asarray(index)
            if ids.dtype.kind not in "ui" or ids.shape != (len(chunk),) or (ids.dtype.kind == "i" and (ids < 0).any()):
                raise ValueError(f"index: expected {len(chunk)} non-negative integers")
            ids = ids.astype(np.uint64)
        keys = rows[0] + self._key.stream(Purpose.GUMBEL).gumbel(ids)
        self.n_seen += len(chunk)
        self._keep(keys, ids, rows[0], chunk)

    def merge(self, other: WeightedReservoir) -> None:
        """Take in another reservoir's sample. Both need the same `k` and key, and distinct ids."""
        if other.k != self.k or other._key != self._key:
            raise ValueError("other: expected a reservoir of the same k and key")
        if np.intersect1d(self._ids, other._ids).size:
            raise ValueError("other: the reservoirs share ids; give index= when the stream is split")
        self.n_seen += other.n_seen
        self._keep(other._keys, other._ids, other._log_weights, other._items)

    def _keep(self, keys: Any, ids: Any, log_weights: Any, items: list[Any]) -> None:
        all_keys = np.concatenate([self._keys, keys])
        all_ids = np.concatenate([self._ids, ids])
        all_logs = np.concatenate([self._log_weights, log_weights])
        both = self._items + items
        order = np.lexsort((all_ids, -all_keys))
        order = order[all_keys[order] > -np.inf][: self.k + 1]
        self._keys, self._ids, self._log_weights = all_keys[order], all_ids[order], all_logs[order]
        self._items = [both[i] for i in order]

    @property
    def items(self) -> list[Any]:
        """The sample, in order of selection; fewer than `k` while fewer were seen."""
        return self._items[: self.k]

    @property
    def ids(self) -> NDArray[np.uint64]:
        """Ids of the sample."""
        return self._ids[: self.k].copy()

    @property
    def threshold(self) -> float:
        """The (k+1)-th largest key; -inf while at most `k` were seen."""
        return float(self._keys[self.k]) if len(self._keys) > self.k else -math.inf

    @property
    def inclusion(self) -> NDArray[np.float64]:
        """Inclusion probabilities of the sample given the threshold."""
        return _inclusion(self._log_weights[: self.k], self.threshold)


def sample_pps(inclusion: ArrayLike, *, rng: Any = None, shuffle: bool = False, workers: int | None = None) -> Any:
    """A sample of fixed size without replacement whose inclusion probabilities are exactly those given.

    Parameters
    ----------
    inclusion : array_like, shape (N,)
        Probabilities in [0, 1] whose sum is an integer within 1e-9.
    rng : None, int, Generator, SeedSequence or Key
    shuffle : bool
        Take the items in random order first: joint inclusion probabilities then do not depend on the order given.
    workers : int, optional
        Threads.

    Returns
    -------
    ndarray of int64, shape (n,)
        Distinct, increasing indices.

    Raises
    ------
    ValueError
        For probabilities outside [0, 1] or a sum that is not an integer.

    Notes
    -----
    Systematic sampling; Madow (1949), doi:10.1214/aoms/1177729988. O(N), with `shuffle` O(N log N).

    Examples
    --------
    >>> import pondera as po
    >>> len(po.sample_pps([0.5, 0.5, 0.25, 0.75], rng=0))
    2
    """
    the_key = key(rng)
    p = _plain(inclusion, "inclusion")
    if p.ndim != 1:
        raise ValueError(f"inclusion: expected one row, received shape {p.shape}")
    if (p > 1 + 1e-12).any():
        raise ValueError(f"inclusion: expected probabilities, received {p.max()}")
    total = math.fsum(p)
    n = round(total)
    if abs(total - n) > 1e-9:
        raise ValueError(f"inclusion: expected an integer sum (the sample's size), received {total!r}")
    if n == 0:
        return like(inclusion)(np.empty(0, dtype=np.int64))
    order = None
    if shuffle:
        order = np.argsort(the_key.fold_in("shuffle").stream(Purpose.PPS).uniform(np.arange(len(p))), kind="stable")
        p = p[order]
    u = float(the_key.stream(Purpose.PPS).uniform(0))
    indices = _core.resampling.systematic(np.ascontiguousarray(p), n, u, resolve(workers))
    return like(inclusion)(indices if order is None else np.sort(order[indices]).astype(np.int64))


def inclusion_probabilities(weights: ArrayLike, n: int) -> Any:
    """Inclusion probabilities min(1, c w) that sum to `n`.

    Parameters
    ----------
    weights : array_like, shape (N,)
        Plain non-negative weights.
    n : int
        Wanted sum: the sample's size; at most the number of positive weights.

    Returns
    -------
    ndarray, shape (N,)

    Raises
    ------
    ValueError
        If fewer than `n` weights are positive.

    Notes
    -----
    c is found exactly by sorting: the largest weights get probability 1. O(N log N).

    Examples
    --------
    >>> import pondera as po
    >>> po.inclusion_probabilities([8.0, 1.0, 1.0], 2)
    array([1. , 0.5, 0.5])
    """
    w = _plain(weights)
    if w.ndim != 1:
        raise ValueError(f"weights: expected one row, received shape {w.shape}")
    n = as_integer(n, "n", 0)
    if len(w) == 0 and n > 0:
        raise ValueError("weights: there are no items to draw from")
    positive = int(np.count_nonzero(w))
    if n > positive:
        raise ValueError(f"n: {n} items were asked for, {positive} have positive weight")
    if n == 0:
        return like(weights)(np.zeros(len(w)))
    order = np.argsort(-w, kind="stable")
    ordered = w[order] / w.max()
    rest = np.cumsum(ordered[::-1])[::-1]  # sum from j on
    certain = 0
    while certain < n and (n - certain) * ordered[certain] >= rest[certain]:
        certain += 1
    out = np.empty(len(w))
    out[order[:certain]] = 1.0
    scale = (n - certain) / rest[certain] if certain < len(w) and rest[certain] > 0 else 0.0
    out[order[certain:]] = np.minimum(1.0, scale * ordered[certain:])
    return like(weights)(out)


def ancestor_paths(
    A: ArrayLike, x: ArrayLike | None = None, idx: ArrayLike | None = None, *, workers: int | None = None
) -> Any:
    """Lines of descent of a particle system.

    Parameters
    ----------
    A : array_like of int, shape (T, N)
        ``A[t, i]`` is the parent at time t of particle i at time t + 1.
    x : array_like, shape (T + 1, N, ...), optional
        States; given, the states along the lines are returned.
    idx : array_like of int, shape (n,), optional
        Particles of the last time whose lines are wanted; default all.
    workers : int, optional
        Threads.

    Returns
    -------
    ndarray, shape (T + 1, n) or (T + 1, n, ...)
        Indices, or states.

    Raises
    ------
    ValueError
        For an index outside [0, N) or shapes that do not fit.

    Notes
    -----
    O(T n).

    Examples
    --------
    >>> import pondera as po
    >>> po.ancestor_paths([[0, 0], [1, 0]])
    array([[0, 0],
           [1, 0],
           [0, 1]])
    """
    parents = as_index(A, "A", ndim=2)
    T, N = parents.shape
    if parents.size and (parents.min() < 0 or parents.max() >= N):
        raise ValueError(f"A: expected indices in [0, {N}), received {parents.min()} to {parents.max()}")
    last = np.arange(N, dtype=np.int64) if idx is None else as_index(idx, "idx", ndim=1)
    if last.size and (last.min() < 0 or last.max() >= N):
        raise ValueError(f"idx: expected indices in [0, {N}), received {last.min()} to {last.max()}")
    paths = _core.resampling.ancestor_paths(parents, last, resolve(workers))
    if x is None:
        return like(A)(paths)
    states = as_array(x, "x", kind="any")
    if states.shape[:2] != (T + 1, N):
        raise ValueError(f"x: expected shape ({T + 1}, {N}, ...), received {states.shape}")
    return like(x)(states[np.arange(T + 1)[:, None], paths])


def path_diversity(A: ArrayLike) -> Any:
    """Distinct ancestors at each time of the particles of the last time.

    Parameters
    ----------
    A : array_like of int, shape (T, N)
        As in `ancestor_paths`.

    Returns
    -------
    ndarray of int64, shape (T + 1,)
        Between 1 and N; never decreasing in time.

    Raises
    ------
    ValueError
        For an index outside [0, N).

    Examples
    --------
    >>> import pondera as po
    >>> po.path_diversity([[0, 0, 1], [1, 1, 0]])
    array([1, 2, 3])
    """
    parents = as_index(A, "A", ndim=2)
    T, N = parents.shape
    if parents.size and (parents.min() < 0 or parents.max() >= N):
        raise ValueError(f"A: expected indices in [0, {N}), received {parents.min()} to {parents.max()}")
    out = np.empty(T + 1, dtype=np.int64)
    alive = np.ones(N, dtype=bool)
    out[T] = N
    for t in range(T - 1, -1, -1):
        before = np.zeros(N, dtype=bool)
        before[parents[t, alive]] = True
        alive = before
        out[t] = np.count_nonzero(alive)
    return like(A)(out)


def weighted_quantile(
    values: ArrayLike, q: ArrayLike, *, weights: ArrayLike | None = None, method: str = "inverted_cdf"
) -> Any:
    """Quantiles of weighted values; never an item of weight zero.

    Parameters
    ----------
    values : array_like, shape (N,)
    q : float or array_like
        Probabilities in [0, 1].
    weights : array_like or Weights, shape (N,), optional
        Plain non-negative weights; default equal.
    method : {"inverted_cdf", "linear"}
        "inverted_cdf": the smallest value whose cumulative weight reaches q. "linear": interpolation at the midpoints
        of the cumulative weights (with equal weights NumPy's "hazen").

    Returns
    -------
    float or ndarray
        Shape of `q`.

    Raises
    ------
    ValueError
        For NaN values, no values, infinite ones to interpolate, negative weights, no positive weight, or q outside
        [0, 1].

    Notes
    -----
    The cumulative sum is the core's blocked one; q is compared with a tolerance of 8 machine epsilons, without which
    rounding shifts the order statistic (N = 19, q = 0.95). O(N log N).

    Examples
    --------
    >>> import pondera as po
    >>> po.weighted_quantile([1, 2, 3, 4], [0.3, 0.3001], weights=[0.1, 0.2, 0.3, 0.4])
    array([2., 3.])
    """
    if method not in ("inverted_cdf", "linear"):
        raise ValueError(f"method: expected 'inverted_cdf' or 'linear', received {method!r}")
    v = as_float(values, "values", ndim=1).astype(np.float64)
    if len(v) == 0:
        raise ValueError("values: expected at least one value")
    if np.isnan(v).any():
        raise ValueError(f"values: NaN at {int(np.argmax(np.isnan(v)))}")
    if method == "linear" and np.isinf(v).any():
        raise ValueError("values: infinite values cannot be interpolated; method='inverted_cdf' takes them")
    level = as_float(q, "q").astype(np.float64)
    if not ((level >= 0) & (level <= 1)).all():
        raise ValueError("q: expected probabilities in [0, 1]")
    w = np.ones(len(v)) if weights is None else _moderate(_plain(_normalized(weights)))
    if w.shape != v.shape:
        raise ValueError(f"weights: expected shape {v.shape}, received {w.shape}")
    order = np.argsort(v, kind="stable")
    order = order[w[order] > 0]
    if len(order) == 0:
        raise ValueError("weights: every weight is zero")
    v, w = v[order], np.ascontiguousarray(w[order])
    cumulative = _core.resampling.prefix_sum(w, resolve(None))
    total = cumulative[-1]
    if method == "inverted_cdf":
        at = np.searchsorted(cumulative, level * total * (1 - 8 * np.finfo(float).eps), side="left")
        out = v[np.minimum(at, len(v) - 1)]
    else:
        out = np.interp(level * total, cumulative - w / 2, v)
    return float(out) if level.ndim == 0 else like(values)(out)


def bootstrap(
    statistic: Callable[..., Any], *data: ArrayLike, n_boot: int = 200, level: float = 0.95, rng: Any = None
) -> Estimate:
    """A statistic with its bootstrap standard error and percentile interval.

    Parameters
    ----------
    statistic : callable
        ``statistic(*data)`` to a number or an array; called `n_boot` + 1 times.
    *data : array_like, shape (n, ...)
        Resampled together, by rows.
    n_boot : int
        Number of replicates, at least 2.
    level : float
        Level of the percentile interval.
    rng : None, int, Generator, SeedSequence or Key

    Returns
    -------
    Estimate
        The statistic of the data itself; `stderr` the replicates' standard deviation, `interval` their percentiles.

    Raises
    ------
    ValueError
        If the data differ in length or `n_boot` is below 2.

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> x = np.random.default_rng(0).normal(size=400)
    >>> 0.04 < po.bootstrap(np.mean, x, rng=0).stderr < 0.06
    True
    """
    from .results import Interval

    the_key = key(rng)
    arrays, n = _together(data)
    if n_boot < 2:
        raise ValueError(f"n_boot: expected at least 2, received {n_boot}")
    if not 0 < level < 1:
        raise ValueError(f"level: expected a number between 0 and 1, received {level}")
    value = np.asarray(statistic(*arrays), dtype=np.float64)
    element = np.arange(n)
    replicates = []
    for b in range(n_boot):
        rows = the_key.stream(Purpose.BOOTSTRAP, b).integers(element, n)
        replicates.append(np.asarray(statistic(*(a[rows] for a in arrays)), dtype=np.float64))
    stack = np.stack(replicates)
    low, high = np.quantile(stack, [(1 - level) / 2, (1 + level) / 2], axis=0)
    stderr = stack.std(axis=0, ddof=1)
    if value.ndim == 0:
        value, stderr, low, high = float(value), float(stderr), float(low), float(high)  # type: ignore[assignment]
    return Estimate(
        value=value, stderr=stderr, n=n, interval=Interval(low, high), level=level, diagnostics={"n_boot": n_boot}
    )


def jackknife_blocks(statistic: Callable[..., Any], *data: ArrayLike, n_blocks: int = 20, rng: Any = None) -> Estimate:
    """A statistic with its delete-block jackknife standard error, t with `n_blocks` - 1 degrees of freedom.

    Parameters
    ----------
    statistic : callable
        ``statistic(*data)`` to a number or an array.
    *data : array_like, shape (n, ...)
        Blocks of rows are left out together.
    n_blocks : int
        2 to n; rows are dealt to blocks in random order.
    rng : None, int, Generator, SeedSequence or Key

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError
        If the data differ in length or `n_blocks` is out of range.

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> x = np.arange(100.0)
    >>> e = po.jackknife_blocks(np.mean, x, rng=0)
    >>> e.value, e.df
    (49.5, 19)
    """
    the_key = key(rng)
    arrays, n = _together(data)
    if not 2 <= n_blocks <= n:
        raise ValueError(f"n_blocks: expected 2 to {n}, received {n_blocks}")
    value = np.asarray(statistic(*arrays), dtype=np.float64)
    block = deal_blocks(n, n_blocks, the_key)
    left = np.stack(
        [np.asarray(statistic(*(a[block != b] for a in arrays)), dtype=np.float64) for b in range(n_blocks)]
    )
    stderr = np.sqrt(jackknife_variance(left))
    if value.ndim == 0:
        return Estimate(value=float(value), stderr=float(stderr), n=n, df=n_blocks - 1)
    return Estimate(value=value, stderr=stderr, n=n, df=n_blocks - 1)


def deal_blocks(n: int, n_blocks: int, the_key: Key, row: int = 0) -> Indices:
    """The block of each of `n` rows, dealt in random order: sizes differ by one at most."""
    blocks = np.empty(n, dtype=np.int64)
    blocks[the_key.stream(Purpose.FOLDS, row).permutation(n)] = np.arange(n) * n_blocks // n
    return blocks


def jackknife_variance(replicates: NDArray[np.float64]) -> Any:
    """Variance of a statistic from its values without each block, along the first axis."""
    deviation = replicates - replicates.mean(axis=0)
    return (len(replicates) - 1) / len(replicates) * (deviation * deviation).sum(axis=0)


def welch_df(variances: Iterable[float], df: float) -> float:
    """Welch and Satterthwaite's degrees of freedom of a sum of independent variances with `df` each."""
    parts = list(variances)
    total, squares = sum(parts), sum(v * v for v in parts)
    return df * (total * total / squares) if squares > 0 else math.inf


def batch_means(x: ArrayLike, *, n_batches: int = 20) -> Estimate:
    """Mean of a dependent series with the standard error of batch means.

    Parameters
    ----------
    x : array_like, shape (n,)
        In order of time.
    n_batches : int
        2 to n; batches of equal length, the last rows that do not fill one count in the value only.

    Returns
    -------
    Estimate
        t with `n_batches` - 1 degrees of freedom.

    Raises
    ------
    ValueError
        For NaN or infinite values, or `n_batches` out of range.

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> po.batch_means(np.ones(100)).stderr
    0.0
    """
    series = as_float(x, "x", ndim=1, finite=True).astype(np.float64)
    if len(series) < 2:
        raise ValueError(f"x: expected at least two values, received {len(series)}")
    if not 2 <= n_batches <= len(series):
        raise ValueError(f"n_batches: expected 2 to {len(series)}, received {n_batches}")
    length = len(series) // n_batches
    means = series[: length * n_batches].reshape(n_batches, length).mean(axis=1)
    stderr = float(means.std(ddof=1)) / math.sqrt(n_batches)
    return Estimate(value=float(series.mean()), stderr=stderr, n=len(series), df=n_batches - 1)


def _together(data: tuple[Any, ...]) -> tuple[list[NDArray[Any]], int]:
    if not data:
        raise ValueError("data: expected at least one array")
    arrays = [as_array(x, "data", kind="any") for x in data]
    lengths = {len(a) if a.ndim else 0 for a in arrays}
    if len(lengths) != 1 or lengths == {0}:
        raise ValueError(f"data: expected arrays of one length, received {sorted(lengths)}")
    return arrays, lengths.pop()
