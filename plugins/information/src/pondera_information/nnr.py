"""NNR: divergences from the ratio of two samples' counts among nearest neighbours, with jackknife standard errors.

Noshad, Moon, Yasaei Sekeh and Hero (2017), "Direct Estimation of Information Divergence Using Nearest Neighbor Ratios",
arXiv:1702.05222. Among the k nearest neighbours of a row of Y in both samples, N_i are rows of X and M_i = k - N_i of
Y; (M / N) N_i / (M_i + 1) estimates the ratio p/q of densities there, without a density, a distance or a volume.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

import pondera as po
from pondera.arrays import as_float, as_integer, as_number, like
from pondera.resampling import deal_blocks, jackknife_variance, welch_df

__all__ = ["NeighborCounts", "ensemble_nnr_divergence", "ensemble_weights", "nnr_counts", "nnr_divergence"]

Kind = Literal["renyi", "kl", "hellinger", "tsallis", "chi2", "tv", "f"]
Constraint = Literal["inverse-k", "inverse-k+2", "published"]
Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
KINDS = ("renyi", "kl", "hellinger", "tsallis", "chi2", "tv", "f")
CONSTRAINTS = ("inverse-k", "inverse-k+2", "published")
METRICS = ("euclidean", "cityblock", "chebyshev", "cosine")
_ELEMENTS = 2**20  # of the largest temporary array: rows are taken in chunks
_MOST_BLOCKS = 200


class NeighborCounts(NamedTuple):
    """Among the k nearest neighbours of each row of Y, how many are rows of X and of Y: int64, each ``(M,)``."""

    from_x: Any
    from_y: Any


def nnr_divergence(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    kind: Kind = "renyi",
    alpha: float = 0.5,
    k: int | Literal["auto"] = "auto",
    g: Callable[[Any], Any] | None = None,
    ratio_bounds: tuple[float, float] | None = None,
    clip: bool = True,
    metric: str = "euclidean",
    n_blocks: int = 20,
    rng: Any = None,
    workers: int | None = None,
) -> po.Estimate:
    """Divergence of the law of X from the law of Y, from counts of neighbours alone.

    With N_i rows of X and M_i of Y among the k nearest neighbours of Y_i, and eta = M / N:
    "renyi" is log(mean_i (eta N_i / (M_i + 1))^alpha) / (alpha - 1); the others are mean_i g(eta N_i / (M_i + 1)).
    The + 1 makes the ratio almost unbiased, and finite where no neighbour comes from Y.

    Parameters
    ----------
    X : array_like, shape (N, d)
        Sample of p.
    Y : array_like, shape (M, d)
        Sample of q, independent of X. The neighbours are those of its rows.
    kind : {"renyi", "kl", "hellinger", "tsallis", "chi2", "tv", "f"}
        "renyi": log(E_q[r^alpha]) / (alpha - 1), r = p/q. The f-divergences are E_q[g(r)]: "kl" g = r log r, the
        divergence of p from q; "hellinger" 1 - sqrt(r), the square; "tsallis" (r^alpha - 1) / (alpha - 1); "chi2"
        (r - 1)^2; "tv" abs(r - 1) / 2; "f" the given `g`. For the divergence of q from p change X and Y, or give
        ``g=lambda r: -np.log(r)``.
    alpha : float
        Order of "renyi" and "tsallis", positive and not 1; not used by the others.
    k : int or "auto"
        Neighbours, 1 to N + M - 1. "auto": max(10, 2 sqrt(min(N, M))), at most (N + M - 1) / 4.
    g : callable, for kind "f" only
        Takes an array of positive ratios, gives an array of that shape; g(1) = 0. It is called on all ratios that k
        neighbours can have, not row by row.
    ratio_bounds : (float, float), optional
        Bounds C_L and C_U of both densities: g sees no ratio below C_L / C_U. None: N_i = 0 counts as half a neighbour,
        the least ratio is eta / (2 k + 2), and g(0), which may be infinite, is never asked for. Not used by "renyi".
    clip : bool
        Give 0 for a negative f-divergence, as published. "renyi" is never clipped: a slightly negative estimate is
        normal where p = q.
    metric : {"euclidean", "cityblock", "chebyshev", "cosine"}
    n_blocks : int
        Blocks of the jackknife, of each sample; 0: no standard error (NaN).
    rng : None, int, Generator, SeedSequence or Key
        Ranks rows at equal distance, and deals rows to blocks.
    workers : int, optional
        Threads; the result does not depend on it.

    Returns
    -------
    Estimate
        In nats. Diagnostics: n (N), m (M), d, k, eta, mean_ratio (the mean of the ratios, which estimates the share of
        p where q has mass), clipped, stderr_x and stderr_y (the two parts of the standard error), stderr_method
        ("jackknife", "block means" or "none"), n_blocks, weight_norm (1), algorithm.

    Raises
    ------
    ValueError
        For NaN, infinities, empty or one-dimensional arrays, unequal columns, `k` out of range, `alpha` not positive or
        1, an unknown name, `g` missing, not needed, not 0 at 1 or NaN.

    Warns
    -----
    ReliabilityWarning
        If no row of X is a neighbour of any row of Y, or too few for a standard error; if mean_ratio is below 0.6 of
        what equal laws give and `kind` needs all of p (all but "hellinger" and orders below 1); for more than 50
        columns and fewer than 1000 rows.

    Notes
    -----
    Costs one search of the k neighbours of M rows among N + M; memory does not grow with k times M.

    Rows at equal distance, as on integer data, are ranked in an order drawn from `rng` that is the same for all
    queries: X has no advantage from coming first, and samples of one law on a few points give about 0. They do scatter
    more there than continuous data of that size.

    If no row of X is near any row of Y the result is what the divergence is for disjoint supports, with a NaN standard
    error: infinity, or 1 for "hellinger" and "tv" and 1 / (1 - alpha) for "tsallis" with alpha below 1.

    Published is max(g(r), g(C_L / C_U)) for `ratio_bounds`, the same for an increasing g; of a decreasing g nothing
    would be left, so here the bound is put on the ratio.

    The standard error is a delete-block jackknife: rows of X, then rows of Y, are dealt to `n_blocks` blocks, and the
    two variances add. Without a block, a row's neighbours are the first k outside it in a list a little longer than k;
    rows whose list is too short get a longer one. This is exact: the same as 2 `n_blocks` full computations. Where k is
    so large that k rows are not left without a block, the standard error is that of the mean over blocks of rows of Y
    with their neighbours as they are ("block means"), which is too small: neighbouring rows share neighbours.

    Measured over 400 seeds, normals in 1, 2 and 5 columns, 200 to 2000 rows, intervals at 0.95 about the estimator's
    own mean: coverage 0.945 to 0.978 (Renyi, "kl", "tv"); 0.998 where p = q, where the divergence is stationary and the
    standard error a third too large.

    The bias is about 1/k, and k/N to some power that falls with d; `ensemble_nnr_divergence` removes most of it.

    References
    ----------
    Noshad, Moon, Yasaei Sekeh and Hero, 2017, arXiv:1702.05222.

    Examples
    --------
    >>> import numpy as np
    >>> from pondera_information.nnr import nnr_divergence
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(2000, 1)), rng.normal(1.0, size=(2000, 1))  # Renyi 0.25, total variation 0.383
    >>> e = nnr_divergence(x, y, rng=0)
    >>> abs(e.value - 0.25) < 0.07, 0.005 < e.stderr < 0.05, e.diagnostics["k"]
    (True, True, 89)
    >>> abs(nnr_divergence(x, y, kind="tv", rng=0).value - 0.383) < 0.05
    True
    """
    measure = _measure(kind, alpha, g, ratio_bounds)
    problem = _problem(X, Y, metric, n_blocks, rng, workers)
    number = problem.auto_k() if isinstance(k, str) and k == "auto" else problem.check_k(k)
    return _estimate(problem, measure, np.array([number]), np.ones(1), clip, {"k": number, "weight_norm": 1.0})


def ensemble_nnr_divergence(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    kind: Kind = "renyi",
    alpha: float = 0.5,
    n_members: int = 20,
    l_range: tuple[float, float] = (0.3, 3.0),
    constraint: Constraint = "inverse-k",
    weight_cap: float = 2.0,
    g: Callable[[Any], Any] | None = None,
    ratio_bounds: tuple[float, float] | None = None,
    clip: bool = True,
    metric: str = "euclidean",
    n_blocks: int = 20,
    rng: Any = None,
    workers: int | None = None,
) -> po.Estimate:
    """Divergence of the law of X from the law of Y: a weighted sum of `nnr_divergence` over many k.

    The members have k = floor(l sqrt(N)) neighbours for l evenly in `l_range`; the weights sum to 1 and are the
    smallest that cancel terms of the bias, see `ensemble_weights`. All members come from one search.

    Parameters
    ----------
    X : array_like, shape (N, d)
        Sample of p.
    Y : array_like, shape (M, d)
        Sample of q, independent of X.
    kind, alpha, g, ratio_bounds, metric, n_blocks, rng, workers
        As in `nnr_divergence`.
    n_members : int
        Members; those with equal k are one.
    l_range : (float, float)
        Least and largest l = k / sqrt(N).
    constraint : {"inverse-k", "inverse-k+2", "published"}
        Which terms the weights cancel; see `ensemble_weights`.
    weight_cap : float
        Norm of the weights above which a warning is given: the members' noise is multiplied by about that much.
    clip : bool
        Give 0 for a negative f-divergence. Members are not clipped.

    Returns
    -------
    Estimate
        Diagnostics as in `nnr_divergence`, with k and mean_ratio arrays, one entry a member; further member_values,
        weights, weight_norm, constraint.

    Raises
    ------
    ValueError
        As in `nnr_divergence`; for too few members of different k for the constraint.

    Warns
    -----
    ReliabilityWarning
        As in `nnr_divergence`; if the norm of the weights exceeds `weight_cap`.

    Notes
    -----
    Costs one search of 3 sqrt(N) neighbours (the end of `l_range`) of M rows among N + M. The standard error is that of
    `nnr_divergence`: the jackknife of the weighted sum itself.

    Measured as there: coverage 0.950 to 0.980, and 0.988 where p = q.

    References
    ----------
    Noshad, Moon, Yasaei Sekeh and Hero, 2017, arXiv:1702.05222, section IV; the default constraint is ours.

    Examples
    --------
    >>> import numpy as np
    >>> from pondera_information.nnr import ensemble_nnr_divergence
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(1000, 2)), rng.normal(0.7, size=(1000, 2))  # Renyi divergence 0.245
    >>> e = ensemble_nnr_divergence(x, y, rng=0)
    >>> abs(e.value - 0.245) < 0.1, e.diagnostics["k"][[0, -1]]
    (True, array([ 9, 94]))
    """
    measure = _measure(kind, alpha, g, ratio_bounds)
    _check_constraint(constraint)
    cap = as_number(weight_cap, "weight_cap")
    if not cap > 0:
        raise ValueError(f"weight_cap: expected a positive number, received {weight_cap}")
    low, high = _pair(l_range, "l_range")
    if not 0 < low < high:
        raise ValueError(f"l_range: expected 0 < least < largest, received {l_range}")
    wanted = as_integer(n_members, "n_members")
    problem = _problem(X, Y, metric, n_blocks, rng, workers)
    root = math.sqrt(problem.n)
    k_l = np.floor(np.linspace(low, high, max(wanted, 1)) * root).clip(1, problem.n + problem.m - 1)
    ks = np.unique(k_l.astype(np.int64))
    rows = _constraint_rows(problem.d, constraint)
    if len(ks) < rows:
        few = "" if len(ks) == wanted else f", of which {len(ks)} have different k (raise l_range, or take more rows)"
        raise ValueError(
            f"n_members: constraint {constraint!r} needs at least {rows} members in {problem.d} dimensions, "
            f"received {wanted}{few}"
        )
    weights = ensemble_weights(ks / root, problem.d, constraint=constraint)
    norm = float(np.linalg.norm(weights))
    if norm > cap:
        warnings.warn(
            f"constraint: the weights have norm {norm:.3g} and multiply the members' noise and remaining bias by about "
            f"that; above weight_cap={cap:g} take constraint='inverse-k'",
            po.ReliabilityWarning,
            stacklevel=2,
        )
    more = {"k": ks, "weights": weights, "weight_norm": norm, "constraint": constraint}
    return _estimate(problem, measure, ks, weights, clip, more)


def nnr_counts(
    X: ArrayLike,
    Y: ArrayLike,
    k: int,
    *,
    metric: str = "euclidean",
    rng: Any = None,
    workers: int | None = None,
) -> NeighborCounts:
    """How many of the `k` nearest neighbours of each row of Y are rows of X, and how many other rows of Y.

    Parameters
    ----------
    X : array_like, shape (N, d)
    Y : array_like, shape (M, d)
    k : int
        Neighbours, 1 to N + M - 1.
    metric : {"euclidean", "cityblock", "chebyshev", "cosine"}
    rng : None, int, Generator, SeedSequence or Key
        Ranks rows at equal distance.
    workers : int, optional

    Returns
    -------
    NeighborCounts
        `from_x` and `from_y`, int64 ``(M,)``, which sum to k.

    Raises
    ------
    ValueError
        As in `nnr_divergence`.

    Notes
    -----
    The row itself is left out by its index, so duplicates of it count.

    Examples
    --------
    >>> from pondera_information.nnr import nnr_counts
    >>> nnr_counts([[0.0], [1.0], [2.0]], [[0.1], [5.0]], 3)
    NeighborCounts(from_x=array([3, 2]), from_y=array([0, 1]))
    """
    problem = _problem(X, Y, metric, 0, rng, workers)
    number = problem.check_k(k)
    wrap = like(X)
    counts = np.empty(problem.m, dtype=np.int64)
    for rows in problem.chunks(number):
        counts[rows] = (problem.groups(rows, number) == 0).sum(axis=1)
    return NeighborCounts(wrap(counts), wrap(number - counts))


def ensemble_weights(l: ArrayLike, d: int, *, constraint: Constraint = "inverse-k") -> Any:
    """The smallest weights that sum to 1 and cancel terms of the bias of members with k = l sqrt(N) neighbours.

    Parameters
    ----------
    l : array_like, shape (L,)
        Positive and different.
    d : int
        Columns of the data.
    constraint : {"inverse-k", "inverse-k+2", "published"}
        "inverse-k": sum w / l = 0, against the 1/k bias of a ratio of counts. "inverse-k+2": also sum w l^(2/d) = 0,
        the leading term of a smooth density. "published": sum w l^(i/d) = 0 for i = 1 to d, against the asymptotic
        expansion. These weights leave the 1/k term and multiply it, the more the larger d: at N = 2000 it dominates;
        from d = 10 on, norms of 1e10 leave no digits to meet them.

    Returns
    -------
    ndarray, shape (L,)
        Of least Euclidean norm.

    Raises
    ------
    ValueError
        For fewer members than constraints, and values of `l` that are not positive or not different.

    Examples
    --------
    >>> import numpy as np
    >>> from pondera_information.nnr import ensemble_weights
    >>> l = np.linspace(0.3, 3.0, 20)
    >>> w = ensemble_weights(l, 2)
    >>> print(f"{w.sum():.6f} {abs((w / l).sum()):.6f} {np.linalg.norm(w):.2f}")
    1.000000 0.000000 0.35
    >>> print(f"{np.linalg.norm(ensemble_weights(l, 4, constraint='published')):.0f}")
    396
    """
    _check_constraint(constraint)
    wrap = like(l)
    values = as_float(l, "l", ndim=1, finite=True).astype(np.float64)
    columns = as_integer(d, "d")
    if columns < 1:
        raise ValueError(f"d: expected a positive integer, received {d}")
    if not (values > 0).all():
        raise ValueError("l: expected positive numbers")
    rows = _constraint_rows(columns, constraint)
    if len(np.unique(values)) < max(rows, len(values)):
        raise ValueError(f"l: expected at least {rows} different values for {constraint!r}, received {values}")
    powers = {"inverse-k": (-1.0,), "inverse-k+2": (-1.0, 2.0 / columns)}.get(
        constraint, tuple(i / columns for i in range(1, columns + 1))
    )
    A = np.stack([np.ones_like(values)] + [values**power for power in powers])
    b = np.zeros(len(A))
    b[0] = 1.0
    return wrap(np.linalg.lstsq(A, b, rcond=None)[0])


# -- what is measured


@dataclass(frozen=True)
class _Measure:
    """The summand for a ratio, what its mean becomes, and the value for disjoint supports."""

    kind: str
    alpha: float
    g: Callable[[Any], Any]
    least: float | None  # of the ratio; None: half a neighbour
    disjoint: float
    needs_all: bool  # whether p's mass beyond q's support counts, which neighbours of Y cannot see

    @property
    def clips(self) -> bool:
        return self.kind != "renyi"

    def values(self, histogram: Counts, ks: Counts, eta: float) -> Floats:
        """Values of the members whose rows have these numbers of neighbours from X, ``(T, K + 1)``."""
        out = np.empty(len(ks))
        for t, k in enumerate(ks):
            count = histogram[t, : k + 1]
            from_x = np.arange(k + 1)
            ratio = eta * from_x / (k - from_x + 1)  # unbiased up to (1 - share of X)^k: N_i is binomial, about
            if not count[1:].any():
                out[t] = self.disjoint
            elif self.kind == "renyi":
                used = (count > 0) & (from_x > 0)
                log_terms = self.alpha * np.log(ratio[used])
                shift = log_terms.max()
                mean = (count[used] * np.exp(log_terms - shift)).sum() / count.sum()
                out[t] = (shift + math.log(mean)) / (self.alpha - 1.0)
            else:
                least = eta / (2 * k + 2) if self.least is None else self.least
                terms = np.asarray(self.g(np.maximum(ratio, least)), dtype=np.float64)
                if terms.shape != ratio.shape:
                    raise ValueError(f"g: expected shape {ratio.shape} like its argument, received {terms.shape}")
                used = count > 0
                if np.isnan(terms[used]).any():
                    raise ValueError(f"g: NaN for the ratio {ratio[used][np.isnan(terms[used])][0]:g}")
                out[t] = (count[used] * terms[used]).sum() / count.sum()
        return out


def _measure(kind: Any, alpha: Any, g: Any, ratio_bounds: Any) -> _Measure:
    if kind not in KINDS:
        raise ValueError(f"kind: expected one of {', '.join(KINDS)}, received {kind!r}")
    order = as_number(alpha, "alpha")
    if kind in ("renyi", "tsallis") and (not order > 0 or order == 1.0):
        remedy = "; kind='kl' is its limit" if order == 1.0 else ""
        raise ValueError(f"alpha: expected a positive order other than 1, received {alpha}{remedy}")
    if (kind == "f") != (g is not None):
        raise ValueError("g: kind='f' needs a function" if kind == "f" else f"g: only kind='f' takes it, not {kind!r}")
    if g is not None:
        if not callable(g):
            raise TypeError(f"g: expected a function of an array, received {g!r}")
        at_one = np.asarray(g(np.ones(1)), dtype=np.float64)
        if at_one.shape != (1,):
            raise ValueError(f"g: expected an array of shape (1,) like its argument, received shape {at_one.shape}")
        if not abs(at_one[0]) <= 1e-8:
            raise ValueError(f"g: expected g(1) = 0, so that equal laws have divergence 0; received {at_one[0]}")
    least = None
    if ratio_bounds is not None:
        low, high = _pair(ratio_bounds, "ratio_bounds")
        if not 0 < low <= high:
            raise ValueError(f"ratio_bounds: expected 0 < C_L <= C_U, received {ratio_bounds}")
        least = low / high
    functions: dict[str, Callable[[Any], Any]] = {
        "kl": lambda r: r * np.log(r),
        "hellinger": lambda r: 1.0 - np.sqrt(r),
        "tsallis": lambda r: (r**order - 1.0) / (order - 1.0),
        "chi2": lambda r: (r - 1.0) ** 2,
        "tv": lambda r: 0.5 * np.abs(r - 1.0),
    }
    disjoint = math.inf
    if kind in ("hellinger", "tv"):
        disjoint = 1.0
    elif kind == "tsallis" and order < 1.0:
        disjoint = 1.0 / (1.0 - order)
    needs_all = kind in ("kl", "chi2", "tv", "f") or (kind in ("renyi", "tsallis") and order > 1.0)
    return _Measure(kind, order, functions.get(kind, g), least, disjoint, needs_all)


# -- the samples and their neighbours


@dataclass(frozen=True, eq=False)
class _Problem:
    """Both samples in one index, in random order so that ties by index favour neither."""

    index: po.NeighborIndex
    points: NDArray[Any]  # (N + M, d) in the order of the index
    place: Counts  # of each row of Y in the index
    group: NDArray[np.int16]  # of each point: block of X, or n_blocks + block of Y
    y_group: NDArray[np.int16]
    n: int
    m: int
    n_blocks: int
    workers: int | None

    @property
    def d(self) -> int:
        return int(self.index.d)

    @property
    def eta(self) -> float:
        return self.m / self.n

    def auto_k(self) -> int:
        return max(1, min(max(10, round(2 * math.sqrt(min(self.n, self.m)))), (self.n + self.m - 1) // 4))

    def check_k(self, k: Any) -> int:
        number = as_integer(k, "k")
        if not 1 <= number <= self.n + self.m - 1:
            raise ValueError(f"k: expected 1 to {self.n + self.m - 1}, the other rows of X and Y; received {number}")
        return number

    def sizes(self) -> Counts:
        """Rows of each block, first those of X."""
        return np.bincount(self.group, minlength=2 * self.n_blocks)

    def chunks(self, width: int) -> list[Counts]:
        """Rows of Y, few enough at a time that arrays of this width stay small."""
        return np.array_split(np.arange(self.m), -(-self.m * width // _ELEMENTS))

    def groups(self, rows: Counts, listed: int) -> NDArray[np.int16]:
        """Groups of the nearest neighbours of these rows of Y without themselves, nearest first."""
        own = self.place[rows]
        found = self.index.query_class(self.points[own], listed, self.group, exclude=own, workers=self.workers)
        return np.asarray(found.labels)


def _problem(X: Any, Y: Any, metric: Any, n_blocks: Any, rng: Any, workers: int | None) -> _Problem:
    if metric not in METRICS:
        raise ValueError(f"metric: expected one of {', '.join(METRICS)}, received {metric!r}")
    blocks = as_integer(n_blocks, "n_blocks")
    if not (blocks == 0 or 2 <= blocks <= _MOST_BLOCKS):
        raise ValueError(f"n_blocks: expected 0 or 2 to {_MOST_BLOCKS} blocks, received {n_blocks}")
    key = po.random.key(rng).fold_in("nnr")
    samples = []
    for name, sample in (("X", X), ("Y", Y)):
        rows = as_float(sample, name, ndim=2, finite=True)
        if 0 in rows.shape:
            raise ValueError(f"{name}: expected at least one row and one column, received shape {rows.shape}")
        if metric == "cosine" and not rows.any(axis=1).all():
            raise ValueError(f"{name}: row {int(np.argmin(rows.any(axis=1)))} is zero and has no direction; drop it")
        samples.append(rows)
    (n, d), (m, columns) = samples[0].shape, samples[1].shape
    if d != columns:
        raise ValueError(f"Y: expected {d} columns like X, received {columns}")
    if d > 50 and min(n, m) < 1000:
        warnings.warn(
            f"X: {d} columns and fewer than 1000 rows: distances concentrate, estimates are biased low",
            po.ReliabilityWarning,
            stacklevel=3,
        )
    blocks = min(blocks, n, m)
    if blocks < 2:
        blocks = 1  # all of X, all of Y
    dealt = [deal_blocks(rows, blocks, key, number) for number, rows in enumerate((n, m))]
    group = np.concatenate([dealt[0], blocks + dealt[1]]).astype(np.int16)
    order = key.stream(po.random.Purpose.PERMUTATION).permutation(n + m)
    points = np.concatenate(samples)[order]
    place = np.empty(n + m, dtype=np.int64)
    place[order] = np.arange(n + m)
    index = po.NeighborIndex(points, metric=metric, workers=workers)
    return _Problem(index, points, place[n:], group[order], group[n:], n, m, blocks, workers)


# -- estimate and standard error


class _Histograms(NamedTuple):
    """Rows of Y by member and number of neighbours from X; everything else follows from them."""

    full: Counts  # (T, K + 1)
    changed: Counts  # without each block, (2 B, T, K + 1), or of each block of Y, (B, T, K + 1)


def _estimate(
    problem: _Problem, measure: _Measure, ks: Counts, weights: Floats, clip: bool, more: dict[str, Any]
) -> po.Estimate:
    n, m, B, K = problem.n, problem.m, problem.n_blocks, int(ks[-1])
    most = n + m - 1 - int(problem.sizes().max())
    exact = most >= K
    histograms = _leaving_out(problem, ks) if B > 1 and exact else _by_block(problem, ks)
    members = measure.values(histograms.full, ks, problem.eta)
    ratios = _mean_ratios(histograms.full, ks, problem.eta)
    near = histograms.full[:, 1:].any(axis=1).all()
    value = float(weights @ members) if near else measure.disjoint
    usable = near and math.isfinite(value)
    variances = _variances(problem, measure, ks, weights, histograms.changed, exact) if B > 1 and usable else []
    total = sum(variances) if variances else math.nan
    seen = ratios[-1] / (1.0 - (n / (n + m)) ** K)  # 1 for equal laws
    doubt = ""
    if not near:
        doubt = "no row of X is among the nearest neighbours of any row of Y: the supports look disjoint"
    elif not usable:
        doubt = "the terms overflow: q is too small where p has mass"
    elif variances and not math.isfinite(total):
        total = math.nan
        doubt = "without a block of rows no row of X is near any row of Y: too few are for a standard error"
    elif measure.needs_all and seen < 0.6:
        doubt = f"about {1 - seen:.0%} of p lies where Y has few rows or none, and is missing in this estimate"
    if doubt:
        warnings.warn(f"X: {doubt}", po.ReliabilityWarning, stacklevel=3)
    clipped = bool(clip) and measure.clips and value < 0
    diagnostics: dict[str, Any] = {"n": n, "m": m, "d": problem.d, **more, "eta": problem.eta}
    diagnostics |= {"mean_ratio": ratios if "weights" in more else float(ratios[0]), "clipped": clipped}
    if "weights" in more:
        diagnostics["member_values"] = members
    for name, variance in zip(("stderr_x", "stderr_y") if exact else (), variances):
        diagnostics[name] = math.sqrt(variance)
    diagnostics["stderr_method"] = ("jackknife" if exact else "block means") if variances else "none"
    diagnostics["n_blocks"] = B if variances else 0
    diagnostics["algorithm"] = problem.index.algorithm
    return po.Estimate(
        value=0.0 if clipped else value,
        stderr=math.sqrt(total),
        n=n + m,
        df=welch_df(variances, B - 1.0),
        diagnostics=diagnostics,
    )


def _mean_ratios(full: Counts, ks: Counts, eta: float) -> Floats:
    from_x = np.arange(full.shape[1])
    return np.array([(h * (eta * from_x / np.maximum(k - from_x + 1, 1))).sum() / h.sum() for h, k in zip(full, ks)])


def _variances(
    problem: _Problem, measure: _Measure, ks: Counts, weights: Floats, changed: Counts, exact: bool
) -> list[float]:
    """Those of leaving out blocks of X and blocks of Y, or the one of means over blocks of Y."""
    B, sizes = problem.n_blocks, problem.sizes()

    def variance(parts: Counts, etas: Floats) -> float:
        values = np.array([measure.values(part, ks, eta) for part, eta in zip(parts, etas)])
        with np.errstate(invalid="ignore"):  # inf - inf: an unknown standard error
            return float(jackknife_variance(values @ weights))

    if not exact:  # of the mean of B independent values, where the jackknife has what is left without each
        return [variance(changed, np.full(B, problem.eta)) / (B - 1) ** 2]
    without_x = variance(changed[:B], problem.m / (problem.n - sizes[:B]))
    without_y = variance(changed[B:], (problem.m - sizes[B:]) / problem.n)
    return [without_x, without_y]


def _leaving_out(problem: _Problem, ks: Counts) -> _Histograms:
    """All rows with all neighbours, and again without each block: the first k neighbours outside it."""
    T, K, B = len(ks), int(ks[-1]), problem.n_blocks
    full = np.zeros(T * (K + 1), dtype=np.int64)
    changed = np.zeros(2 * B * T * (K + 1), dtype=np.int64)
    listed = min(K + _spare(K / B), problem.n + problem.m - 1)
    todo = [(rows, listed) for rows in problem.chunks(max(listed, 2 * B * T))]
    while todo:
        rows, listed = todo.pop()
        groups = problem.groups(rows, listed)
        r = len(rows)
        number = np.arange(r)
        held = np.bincount((number[:, None] * (2 * B) + groups).ravel(), minlength=r * 2 * B).reshape(r, 2 * B)
        short = held.max(axis=1) > listed - K
        if short.any() and listed < problem.n + problem.m - 1:
            longer = min(2 * listed, problem.n + problem.m - 1)
            parts = -(-int(short.sum()) * longer // _ELEMENTS)
            todo += [(some, longer) for some in np.array_split(rows[short], parts)]
            rows, groups, held = rows[~short], groups[~short], held[~short]
            r = len(rows)
            number = np.arange(r)
        # Element e of a list stands before the k-th neighbour outside its block if fewer than k others precede it:
        # if its position less its rank in the block is below k.
        order = np.argsort(groups, axis=1, kind="stable")
        block = np.take_along_axis(groups, order, axis=1).astype(np.int64)
        rank = np.arange(listed) - np.take_along_axis(np.cumsum(held, axis=1) - held, block, axis=1)
        member = np.searchsorted(ks, np.arange(listed), side="right")[order - rank]
        cells = (number[:, None] * (2 * B) + block) * (T + 1) + member
        passed = np.bincount(cells.ravel(), minlength=r * 2 * B * (T + 1)).reshape(r, 2 * B, T + 1)
        passed = np.cumsum(passed, axis=2)[:, :, :T]  # of each block, before the k-th outside it
        upto = np.zeros((r, listed + 1), dtype=np.int64)
        np.cumsum(groups < B, axis=1, out=upto[:, 1:])  # from X among the first
        full += np.bincount((np.arange(T) * (K + 1) + upto[:, ks]).ravel(), minlength=len(full))
        own = problem.y_group[rows].astype(np.int64)
        passed[number, own] = 0  # the row itself is left out; its list may be short of this
        from_x = upto[number[:, None, None], ks + passed]
        from_x[:, :B] -= passed[:, :B]
        cells = (np.arange(2 * B)[:, None] * T + np.arange(T)) * (K + 1) + from_x
        stays = np.ones((r, 2 * B), dtype=bool)
        stays[number, own] = False
        changed += np.bincount(cells[stays].ravel(), minlength=len(changed))
    return _Histograms(full.reshape(T, K + 1), changed.reshape(2 * B, T, K + 1))


def _by_block(problem: _Problem, ks: Counts) -> _Histograms:
    """Rows of each block of Y apart, with their neighbours as they are."""
    T, K, B = len(ks), int(ks[-1]), problem.n_blocks
    parts = np.zeros(B * T * (K + 1), dtype=np.int64)
    for rows in problem.chunks(K):
        from_x = np.cumsum(problem.groups(rows, K) < B, axis=1)[:, ks - 1]
        block = problem.y_group[rows].astype(np.int64) - B
        parts += np.bincount(((block[:, None] * T + np.arange(T)) * (K + 1) + from_x).ravel(), minlength=len(parts))
    blocks = parts.reshape(B, T, K + 1)
    return _Histograms(blocks.sum(axis=0), blocks)


def _spare(held: float) -> int:
    """Neighbours to list beyond k where a block holds about so many of k; rows where it holds more search again."""
    return math.ceil(held + 4 * math.sqrt(held)) + 4


# -- arguments


def _check_constraint(constraint: Any) -> None:
    if constraint not in CONSTRAINTS:
        raise ValueError(f"constraint: expected one of {', '.join(CONSTRAINTS)}, received {constraint!r}")


def _constraint_rows(d: int, constraint: str) -> int:
    return {"inverse-k": 2, "inverse-k+2": 3}.get(constraint, d + 1)


def _pair(value: Any, name: str) -> tuple[float, float]:
    if isinstance(value, str) or np.shape(value) != (2,):
        raise ValueError(f"{name}: expected two numbers, received {value!r}")
    return as_number(value[0], name), as_number(value[1], name)
