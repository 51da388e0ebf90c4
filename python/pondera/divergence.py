"""Entropy and divergences from nearest-neighbour distances, in nats, with jackknife standard errors.

With rho(i) the distance from X_i to its k-th neighbour among the other rows of X, and nu(i) that to its k-th neighbour
in Y, k / (n rho^d) and k / (m nu^d) are density estimates up to the volume of the unit ball; the estimators are means
of functions of them whose bias from k is known and removed. Two samples are ordered: X from p, then Y from q, D(p||q).

All are consistent, and all are biased at finite size: low for distant distributions, the more the more columns there
are. A standard error describes the scatter about the estimator's own mean and knows nothing of that bias.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from ._workers import resolve
from .arrays import as_integer, as_number
from .neighbors import _MEMORY, _Points, _rows
from .random import Key, Purpose, key
from .resampling import deal_blocks, jackknife_variance, welch_df
from .results import Estimate, ReliabilityWarning

__all__ = ["entropy_knn", "kl_divergence", "renyi_divergence"]

Floats = NDArray[np.float64]
Duplicates = Literal["raise", "jitter", "drop"]
METRICS = ("euclidean", "cityblock", "chebyshev", "minkowski")
ESTIMATORS = ("wkv", "wkv-adaptive")
_SPARE = 4  # neighbours listed beyond k: few rows lose their k-th one with a block and need a longer list


def entropy_knn(
    X: ArrayLike,
    k: int = 3,
    *,
    metric: str = "euclidean",
    p: float | None = None,
    base: float | None = None,
    duplicates: Duplicates = "raise",
    n_blocks: int = 20,
    algorithm: str = "auto",
    rng: Any = None,
    workers: int | None = None,
) -> Estimate:
    """Differential entropy by Kozachenko and Leonenko.

    H = psi(n) - psi(k) + log c_d + (d / n) sum_i log rho_k(i), with c_d the volume of the metric's unit ball.

    Parameters
    ----------
    X : array_like, shape (n, d)
    k : int
        Neighbours, 1 to n - 1.
    metric : {"euclidean", "cityblock", "chebyshev", "minkowski"}
    p : float, optional
        Exponent of "minkowski".
    base : float, optional
        Base of the logarithm; None: nats.
    duplicates : {"raise", "jitter", "drop"}
        What a k-th neighbour at distance 0 means; see `kl_divergence`.
    n_blocks : int
        Blocks of the jackknife; 0: no standard error (NaN).
    algorithm, workers
        As in `knn`.
    rng : None, int, Generator, SeedSequence or Key
        Deals rows to blocks, and jitters.

    Returns
    -------
    Estimate
        Diagnostics as in `kl_divergence`.

    Raises
    ------
    ValueError
        For duplicates (unless told otherwise), a constant column, `k` out of range, NaN or infinities.

    Warns
    -----
    ReliabilityWarning
        For more than 50 columns and fewer than 1000 rows.

    Notes
    -----
    Costs one neighbour search. The entropy of data on a grid or with a point mass is minus infinity: duplicates are an
    error. The standard error is the exact delete-block jackknife, found as in `kl_divergence`; intervals at 95 %
    covered the estimator's mean in 96 to 99 % of 400 Gaussian samples of 1000 rows with 1, 2 and 5 columns.

    References
    ----------
    Kraskov, Stoegbauer and Grassberger, 2004, doi:10.1103/PhysRevE.69.066138, equation 20.

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> x = np.random.default_rng(0).uniform(size=(2000, 1))  # true entropy 0
    >>> e = po.entropy_knn(x, rng=0)
    >>> abs(e.value) < 0.1, 0 < e.stderr < 0.05
    (True, True)
    """
    the_key = key(rng)
    problem = _problem(X, None, metric, p, None, duplicates, algorithm, the_key, workers)
    k = problem.check_k(k, problem.n - 1, "the other rows of X")
    constant = _log_ball(problem.d, metric, p) - _digamma(k)
    d = problem.d

    def term(log_rho: Floats, log_nu: Floats) -> Floats:
        return d * log_rho

    def finish(mean: Any, n: Any, m: Any) -> Any:
        return mean + (_digamma(n) + constant)

    return _reported(_jackknifed(problem, k, 0, term, finish, n_blocks, the_key), base)


def kl_divergence(
    X: ArrayLike,
    Y: ArrayLike,
    k: int | tuple[int, int] = 5,
    *,
    estimator: Literal["wkv", "wkv-adaptive"] = "wkv",
    metric: str = "euclidean",
    p: float | None = None,
    base: float | None = None,
    standardize: Literal["pooled"] | None = None,
    duplicates: Duplicates = "raise",
    clip: bool = False,
    n_blocks: int = 20,
    algorithm: str = "auto",
    rng: Any = None,
    workers: int | None = None,
) -> Estimate:
    """Kullback-Leibler divergence D(p || q) of the law of X from the law of Y.

    "wkv": D = (d / n) sum_i log(nu_k(i) / rho_k(i)) + log(m / (n - 1)); with two k also + psi(k_x) - psi(k_y).
    "wkv-adaptive": both balls about X_i get nearly the same radius, eps(i) = max(rho_1(i), nu_1(i)); with l_i points of
    X and k_i of Y within it, D = (d / n) sum_i log(nu_{k_i}(i) / rho_{l_i}(i)) + mean(psi(l_i) - psi(k_i)) +
    log(m / (n - 1)). It is less biased from four columns on, and scatters more.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Sample of p.
    Y : array_like, shape (m, d)
        Sample of q, independent of X.
    k : int or (int, int)
        Neighbours in X (1 to n - 1) and in Y (1 to m). "wkv-adaptive" takes none and ignores it.
    estimator : {"wkv", "wkv-adaptive"}
    metric : {"euclidean", "cityblock", "chebyshev", "minkowski"}
    p : float, optional
        Exponent of "minkowski".
    base : float, optional
        Base of the logarithm; None: nats.
    standardize : {None, "pooled"}
        "pooled": subtract the mean and divide by the standard deviation of both samples together. A divergence only
        survives maps common to both samples: never standardize them apart.
    duplicates : {"raise", "jitter", "drop"}
        What a distance 0 to a k-th neighbour means, whose logarithm is infinite: an error that counts the rows; noise
        of 1e-10 pooled standard deviations a column, drawn from `rng`; or leaving out these rows, which are counted.
    clip : bool
        Give 0 for negative estimates. They are possible and informative: the true value is then small.
    n_blocks : int
        Blocks of the jackknife; 0: no standard error (NaN).
    algorithm, workers
        As in `knn`.
    rng : None, int, Generator, SeedSequence or Key
        Deals rows to blocks, and jitters.

    Returns
    -------
    Estimate
        Diagnostics: n, m, d, k, algorithm, zero_distances (rows), clipped, stderr_x and stderr_y (the two parts of the
        standard error), n_blocks, biased_low (fewer than 2**d rows in a sample: neighbours are far, expect a value well
        below the truth if p and q differ much).

    Raises
    ------
    ValueError
        For duplicates (unless told otherwise), a column constant in both samples, unequal columns, `k` out of range,
        NaN or infinities.

    Warns
    -----
    ReliabilityWarning
        For more than 50 columns and fewer than 1000 rows.

    Notes
    -----
    Costs two neighbour searches ("wkv").

    The standard error is a delete-block jackknife of both samples: rows of X, then rows of Y, are dealt to `n_blocks`
    blocks, and the two variances add. Leaving out rows of X alone would miss what Y contributes, about the variance of
    p/q under q. Leaving a block out changes a row's k-th distance only if the block is met among the row's k nearest,
    so it is read off a list of k + 4 neighbours by masking; rows whose list is too short get a longer one. This is
    exact: the same as 2 `n_blocks` full computations. "wkv-adaptive" does compute 2 `n_blocks` times.

    The jackknife is conservative for nearest-neighbour statistics, whose ties to the closest rows it counts more than
    once: measured over 400 samples of shifted Gaussians with n = m = 1000 or n = 500, m = 2000 and 1, 2 and 5 columns,
    intervals at 95 % covered the estimator's mean in 97 to 98.5 % of runs ("wkv-adaptive", 100 runs: 96 to 98 %), and
    in all of them for p = q; with the rows of X alone it was 90 to 97 %.

    References
    ----------
    Wang, Kulkarni and Verdu, 2009, doi:10.1109/TIT.2009.2016060, equations 5 and 25. Perez-Cruz, 2008.

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(2000, 1)), rng.normal(1.0, size=(2000, 1))  # true divergence 0.5
    >>> e = po.kl_divergence(x, y, rng=0)
    >>> abs(e.value - 0.5) < 0.2, 0.02 < e.stderr < 0.08
    (True, True)
    """
    if estimator not in ESTIMATORS:
        raise ValueError(f"estimator: expected one of {', '.join(ESTIMATORS)}, received {estimator!r}")
    the_key = key(rng)
    problem = _problem(X, Y, metric, p, standardize, duplicates, algorithm, the_key, workers)
    if estimator == "wkv-adaptive":
        return _reported(_adaptive(problem, n_blocks, the_key), base, clip)
    k_x, k_y = k if isinstance(k, (tuple, list)) and len(k) == 2 else (k, k)
    k_x = problem.check_k(k_x, problem.n - 1, "the other rows of X")
    k_y = problem.check_k(k_y, problem.m, "the rows of Y")
    d, correction = problem.d, _digamma(k_x) - _digamma(k_y)

    def term(log_rho: Floats, log_nu: Floats) -> Floats:
        return d * (log_nu - log_rho)

    def finish(mean: Any, n: Any, m: Any) -> Any:
        return mean + (_log(m / (n - 1)) + correction)

    return _reported(_jackknifed(problem, k_x, k_y, term, finish, n_blocks, the_key), base, clip)


def renyi_divergence(
    X: ArrayLike,
    Y: ArrayLike,
    alpha: float,
    k: int = 5,
    *,
    metric: str = "euclidean",
    p: float | None = None,
    base: float | None = None,
    standardize: Literal["pooled"] | None = None,
    duplicates: Duplicates = "raise",
    clip: bool = False,
    n_blocks: int = 20,
    algorithm: str = "auto",
    rng: Any = None,
    workers: int | None = None,
) -> Estimate:
    """Renyi divergence of order `alpha` of the law of X from the law of Y: log(E_p[(p/q)^(alpha-1)]) / (alpha - 1).

    The expectation is estimated by B (1/n) sum_i [((n - 1) rho_k(i)^d) / (m nu_k(i)^d)]^(1 - alpha) with
    B = Gamma(k)^2 / (Gamma(k - alpha + 1) Gamma(k + alpha - 1)).

    Parameters
    ----------
    X : array_like, shape (n, d)
        Sample of p.
    Y : array_like, shape (m, d)
        Sample of q, independent of X.
    alpha : float
        Order; within 1e-6 of 1: `kl_divergence`.
    k : int
        Neighbours, more than abs(`alpha` - 1), up to n - 1 and m.
    metric, p, base, standardize, duplicates, clip, n_blocks, algorithm, rng, workers
        As in `kl_divergence`.

    Returns
    -------
    Estimate
        Diagnostics as in `kl_divergence`.

    Raises
    ------
    ValueError
        As in `kl_divergence`; if `k` is not above abs(`alpha` - 1).

    Warns
    -----
    ReliabilityWarning
        For more than 50 columns and fewer than 1000 rows.

    Notes
    -----
    Costs two neighbour searches. The standard error is the exact delete-block jackknife of both samples, found as in
    `kl_divergence`; under the same conditions intervals at 95 % covered in 98.5 to 99.5 % (order 0.5) and 96.5 to 97 %
    of runs (order 2). For `alpha` above 1 few rows dominate the mean where q is small, and all estimates suffer.

    References
    ----------
    Poczos and Schneider, 2011, "On the estimation of alpha-divergences"; Poczos et al., 2012, arXiv:1202.3758.

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(2000, 1)), rng.normal(1.0, size=(2000, 1))  # true divergence 0.25
    >>> e = po.renyi_divergence(x, y, 0.5, rng=0)
    >>> abs(e.value - 0.25) < 0.1, 0.005 < e.stderr < 0.05
    (True, True)
    """
    alpha = as_number(alpha, "alpha")
    if abs(alpha - 1.0) < 1e-6:
        return kl_divergence(
            X,
            Y,
            k,
            metric=metric,
            p=p,
            base=base,
            standardize=standardize,
            duplicates=duplicates,
            clip=clip,
            n_blocks=n_blocks,
            algorithm=algorithm,
            rng=rng,
            workers=workers,
        )
    the_key = key(rng)
    problem = _problem(X, Y, metric, p, standardize, duplicates, algorithm, the_key, workers)
    value = _power_mean(problem, alpha, k, lambda log_mean: log_mean / (alpha - 1.0), n_blocks, the_key)
    return _reported(value, base, clip)


def _power_mean(
    problem: _Problem, alpha: float, k: Any, transform: Callable[[Any], Any], n_blocks: int, the_key: Key
) -> Estimate:
    """`transform` of the logarithm of E_p[(p/q)^(alpha - 1)] = integral of p^alpha q^(1 - alpha)."""
    k = problem.check_k(k, problem.n - 1, "the other rows of X")
    k = problem.check_k(k, problem.m, "the rows of Y")
    if not k > abs(alpha - 1.0):
        raise ValueError(f"k: order {alpha:g} needs more than abs(alpha - 1) = {abs(alpha - 1.0):g}, received {k}")
    log_b = 2.0 * math.lgamma(k) - math.lgamma(k - alpha + 1.0) - math.lgamma(k + alpha - 1.0)
    d = problem.d

    def term(log_rho: Floats, log_nu: Floats) -> Floats:
        return ((1.0 - alpha) * d) * (log_rho - log_nu)

    def finish(log_mean: Any, n: Any, m: Any) -> Any:
        return transform(log_mean + ((1.0 - alpha) * _log((n - 1) / m) + log_b))

    return _jackknifed(problem, k, k, term, finish, n_blocks, the_key, exponents=True)


# -- the samples


@dataclass(frozen=True, eq=False)
class _Problem:
    """Two validated samples (or one), and how to search them."""

    X: NDArray[Any]
    Y: NDArray[Any] | None
    metric: str
    p: float | None
    duplicates: str
    algorithm: str
    workers: int | None

    @property
    def n(self) -> int:
        return len(self.X)

    @property
    def m(self) -> int:
        return 0 if self.Y is None else len(self.Y)

    @property
    def d(self) -> int:
        return int(self.X.shape[1])

    def check_k(self, k: Any, most: int, where: str) -> int:
        number = as_integer(k, "k", 1)
        if number > most:
            raise ValueError(f"k: expected 1 to {most} neighbours among {where}, received {number}")
        return number

    def index(self, rows: NDArray[Any]) -> _Points:
        return _Points(rows, self.metric, self.p, self.algorithm, self.workers)

    def refuse_zeros(self, rho_zero: NDArray[np.bool_], nu_zero: NDArray[np.bool_]) -> int:
        """Number of rows with a neighbour distance of 0; an error unless they are to be dropped."""
        zeros = int(np.count_nonzero(rho_zero | nu_zero))
        if zeros and self.duplicates != "drop":
            inside, across = int(np.count_nonzero(rho_zero)), int(np.count_nonzero(nu_zero))
            shared = "; do X and Y share rows? They must be independent samples" if across else ""
            raise ValueError(
                f"X: {zeros} of {self.n} rows have their neighbour at distance 0 ({inside} within X, {across} in Y), "
                f"whose logarithm is infinite{shared}. Use a larger k, or for ties duplicates='jitter' or 'drop'"
            )
        if zeros == self.n:
            raise ValueError("X: every row has its neighbour at distance 0; nothing is left to average")
        return zeros


def _problem(
    X: Any,
    Y: Any,
    metric: str,
    p: float | None,
    standardize: str | None,
    duplicates: str,
    algorithm: str,
    the_key: Key,
    workers: int | None,
) -> _Problem:
    if metric not in METRICS:
        raise ValueError(
            f"metric: expected one of {', '.join(METRICS)} (norms of known unit ball), received {metric!r}"
        )
    if standardize not in (None, "pooled"):
        raise ValueError(f"standardize: expected None or 'pooled', received {standardize!r}")
    if duplicates not in ("raise", "jitter", "drop"):
        raise ValueError(f"duplicates: expected 'raise', 'jitter' or 'drop', received {duplicates!r}")
    samples = [_rows(X, "X")] if Y is None else [_rows(X, "X"), _rows(Y, "Y")]
    if len({rows.shape[1] for rows in samples}) != 1:
        raise ValueError(f"Y: expected {samples[0].shape[1]} columns like X, received {samples[1].shape[1]}")
    least = np.minimum.reduce([rows.min(axis=0) for rows in samples])
    most = np.maximum.reduce([rows.max(axis=0) for rows in samples])
    if sum(len(rows) for rows in samples) > len(samples) and (least == most).any():
        where = "X" if Y is None else "X and Y"
        raise ValueError(
            f"X: column {int(np.argmax(least == most))} is constant in {where}; drop it, it has no density and would "
            "count as a dimension"
        )
    if standardize or duplicates == "jitter":
        pooled = np.concatenate(samples, dtype=np.float64)
        mean, scale = pooled.mean(axis=0), pooled.std(axis=0)
        samples = [rows - mean for rows in samples]
        if standardize:
            samples, scale = [rows / scale for rows in samples], np.ones_like(scale)
        if duplicates == "jitter":
            samples = [
                rows + 1e-10 * scale * (2.0 * _uniform(the_key, number, rows.shape) - 1.0)
                for number, rows in enumerate(samples)
            ]
    problem = _Problem(samples[0], samples[1] if len(samples) == 2 else None, metric, p, duplicates, algorithm, workers)
    if problem.d > 50 and min(len(rows) for rows in samples) < 1000:
        warnings.warn(
            f"X: {problem.d} columns and fewer than 1000 rows: distances concentrate and nearest-neighbour estimates "
            "are biased low",
            ReliabilityWarning,
            stacklevel=3,
        )
    return problem


def _uniform(the_key: Key, row: int, shape: tuple[int, ...]) -> Floats:
    index = np.arange(math.prod(shape), dtype=np.uint64)
    return the_key.stream(Purpose.JITTER, row).uniform(index).reshape(shape)


# -- estimates and their jackknife


@dataclass(frozen=True, eq=False)
class _Kth:
    """Logarithms of k-th distances, and what they become without a block: see `_core.neighbors.without_blocks`."""

    log_distance: Floats  # (n,)
    groups: NDArray[np.int32]  # (n, k)
    log_without: Floats  # (n, k)


def _kth_distances(
    problem: _Problem, points: NDArray[Any], k: int, blocks: NDArray[np.int32] | None
) -> tuple[_Kth, str]:
    """Distances from the rows of X to their k-th neighbour in `points`; X itself is searched without the row."""
    own = points is problem.X
    index = problem.index(points)
    most = len(points) - own
    listed = min(k + _SPARE, most) if blocks is not None else k
    rows = np.arange(problem.n, dtype=np.int64)
    threads = resolve(problem.workers)
    distances, indices, _ = index.knn(problem.X, listed, rows if own else None, _MEMORY, problem.workers)
    log_distance = _log(distances[:, k - 1])
    if blocks is None:
        return _Kth(log_distance, np.full((0, k), -1, np.int32), np.empty((0, k))), index.algorithm
    groups, without = _core.neighbors.without_blocks(distances, indices, k, blocks, blocks if own else None, threads)
    while listed < most:
        short = np.flatnonzero(((groups >= 0) & np.isnan(without)).any(axis=1))
        if not len(short):
            break
        listed = min(2 * listed, most)
        distances, indices, _ = index.knn(
            np.ascontiguousarray(problem.X[short]), listed, rows[short] if own else None, _MEMORY, problem.workers
        )
        groups[short], without[short] = _core.neighbors.without_blocks(
            distances, indices, k, blocks, blocks[short] if own else None, threads
        )
    return _Kth(log_distance, groups, _log(np.ascontiguousarray(without))), index.algorithm


def _block_count(n_blocks: Any, problem: _Problem) -> int:
    blocks = as_integer(n_blocks, "n_blocks")
    if blocks < 0 or blocks == 1:
        raise ValueError(f"n_blocks: expected 0 or at least 2 blocks, received {blocks}")
    return min(blocks, problem.n, *([] if problem.Y is None else [problem.m]))


def _jackknifed(
    problem: _Problem,
    k_x: int,
    k_y: int,
    term: Callable[[Floats, Floats], Floats],
    finish: Callable[[Any, Any, Any], Any],
    n_blocks: Any,
    the_key: Key,
    *,
    exponents: bool = False,
) -> Estimate:
    """finish(mean of term(log rho, log nu), n, m), with the jackknife of both samples.

    With `exponents`, the terms are logarithms and `finish` gets the logarithm of the mean of their exponentials.
    """
    B = _block_count(n_blocks, problem)
    n, m = problem.n, problem.m
    x_blocks = deal_blocks(n, B, the_key).astype(np.int32) if B > 1 else None
    rho, algorithm = _kth_distances(problem, problem.X, k_x, x_blocks)
    sides: list[tuple[_Kth, Any]] = [(rho, x_blocks)]
    none = np.zeros(n)
    log_nu = none
    if problem.Y is not None:
        y_blocks = deal_blocks(m, B, the_key, 1).astype(np.int32) if B > 1 else None
        nu, _ = _kth_distances(problem, problem.Y, k_y, y_blocks)
        sides.append((nu, y_blocks))
        log_nu = nu.log_distance
    log_rho = rho.log_distance
    zeros = problem.refuse_zeros(np.isneginf(log_rho), np.isneginf(log_nu))

    def terms(a: Floats, b: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        valid = ~(np.isneginf(a) | np.isneginf(b))
        return np.where(valid, term(np.where(valid, a, 0.0), np.where(valid, b, 0.0)), 0.0), valid

    values, valid = terms(log_rho, log_nu)
    shift = float(values[valid].max()) if exponents else 0.0

    def contribution(u: Floats, used: NDArray[np.bool_]) -> Floats:
        return np.where(used, _exp(u - shift), 0.0) if exponents else u

    def value_of(total: Any, count: Any, rows: Any, others: Any) -> Any:
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = total / count
        return finish(shift + _log(mean) if exponents else mean, np.asarray(rows, float), np.asarray(others, float))

    each = contribution(values, valid)
    total, count = _core.random.sum(each, resolve(problem.workers)), float(np.count_nonzero(valid))
    value = float(value_of(np.asarray(total), np.asarray(count), n, m))
    variances = []
    for number, (side, blocks) in enumerate(sides if B > 1 else []):
        row, place = np.nonzero(side.groups >= 0)
        group = side.groups[row, place]
        changed = side.log_without[row, place]
        new, new_valid = terms(*((changed, log_nu[row]) if number == 0 else (log_rho[row], changed)))
        totals = total + np.bincount(group, contribution(new, new_valid) - each[row], B)
        counts = count + np.bincount(group, new_valid.astype(float) - valid[row], B)
        sizes = np.bincount(blocks, minlength=B)
        if number == 0:  # the block's own rows leave as well
            totals, counts = totals - np.bincount(blocks, each, B), counts - np.bincount(blocks, valid, B)
        replicates = value_of(totals, counts, n - sizes if number == 0 else n, m if number == 0 else m - sizes)
        variances.append(jackknife_variance(replicates))
    return _assembled(
        problem, value, variances, B, {"k": k_x if k_x == k_y or not k_y else (k_x, k_y)}, algorithm, zeros
    )


def _assembled(
    problem: _Problem,
    value: float,
    variances: list[float],
    n_blocks: int,
    more: dict[str, Any],
    algorithm: str,
    zeros: int,
) -> Estimate:
    if not math.isfinite(value):
        raise ValueError(f"X: the estimate is {value}: the distances overflow or the samples lie too far apart")
    total = sum(variances) if variances else math.nan
    smallest = min(problem.n, problem.m) if problem.Y is not None else problem.n
    diagnostics: dict[str, Any] = {"n": problem.n, "m": problem.m, "d": problem.d, **more, "algorithm": algorithm}
    diagnostics |= {"zero_distances": zeros, "clipped": False, "n_blocks": n_blocks if variances else 0}
    for name, variance in zip(("stderr_x", "stderr_y"), variances):
        diagnostics[name] = math.sqrt(variance)
    diagnostics["biased_low"] = problem.d >= smallest.bit_length()
    return Estimate(
        value=value,
        stderr=math.sqrt(total),
        n=problem.n,
        df=welch_df(variances, n_blocks - 1.0),
        diagnostics=diagnostics,
    )


def _adaptive(problem: _Problem, n_blocks: Any, the_key: Key) -> Estimate:
    B = _block_count(n_blocks, problem)
    assert problem.Y is not None
    problem.check_k(1, problem.n - 1, "the other rows of X")
    value, zeros, algorithm = _adaptive_value(problem)
    variances = []
    for number, rows in enumerate((problem.X, problem.Y) if B > 1 else ()):
        blocks = deal_blocks(len(rows), B, the_key, number)
        without = [
            replace(
                problem,
                X=rows[blocks != b] if number == 0 else problem.X,
                Y=rows[blocks != b] if number == 1 else problem.Y,
                duplicates="drop",
            )
            for b in range(B)
        ]
        variances.append(jackknife_variance(np.array([_adaptive_value(part)[0] for part in without])))
    return _assembled(problem, value, variances, B, {}, algorithm, zeros)


def _adaptive_value(problem: _Problem) -> tuple[float, int, str]:
    X, Y, workers, d = problem.X, problem.Y, problem.workers, problem.d
    assert Y is not None
    if problem.n < 2 or problem.m < 1:
        return math.nan, 0, ""
    x, y = problem.index(X), problem.index(Y)
    radius = np.maximum(x.knn(X, 1, "self", _MEMORY, workers)[0][:, 0], y.knn(X, 1, None, _MEMORY, workers)[0][:, 0])
    in_x, rho = x.count(X, radius, False, "self", workers, farthest=True)
    in_y, nu = y.count(X, radius, False, None, workers, farthest=True)
    zeros = problem.refuse_zeros(rho == 0, nu == 0)
    used = (rho > 0) & (nu > 0)
    terms = d * (_log(nu[used]) - _log(rho[used])) + (_digamma(in_x[used]) - _digamma(in_y[used]))
    mean = _core.random.sum(terms, resolve(workers)) / len(terms)
    return float(mean + _log(problem.m / (problem.n - 1))), zeros, x.algorithm


def _reported(estimate: Estimate, base: float | None, clip: bool = False) -> Estimate:
    """In the wanted base, clipped if asked for."""
    unit = 1.0
    if base is not None:
        unit = as_number(base, "base")
        if not unit > 1.0:
            raise ValueError(f"base: expected a number above 1, received {base}")
        unit = math.log(unit)
    clipped = bool(clip) and estimate.value < 0
    return replace(
        estimate,
        value=0.0 if clipped else estimate.value / unit,
        stderr=estimate.stderr / unit,
        diagnostics={
            **estimate.diagnostics,
            "clipped": clipped,
            **{
                name: estimate.diagnostics[name] / unit
                for name in ("stderr_x", "stderr_y")
                if name in estimate.diagnostics
            },
        },
    )


# -- functions


def _log(x: Any) -> Any:
    return _core.random.log(np.asarray(x, dtype=np.float64, order="C"), resolve(None))


def _exp(x: Any) -> Any:
    return _core.random.exp(np.asarray(x, dtype=np.float64, order="C"), resolve(None))


def _digamma(x: Any) -> Any:
    """Digamma of positive numbers: ten steps up, then the asymptotic series (relative error about 1e-15)."""
    x = np.asarray(x, dtype=np.float64)
    y = x + 10.0
    z = 1.0 / (y * y)
    series = z * (1 / 12 - z * (1 / 120 - z * (1 / 252 - z * (1 / 240 - z * (1 / 132 - z * 691 / 32760)))))
    return (_log(y) - 0.5 / y - series) - sum(1.0 / (x + j) for j in range(10))


def _log_ball(d: int, metric: str, p: float | None) -> float:
    """Logarithm of the volume of the unit ball in d dimensions."""
    exponent = {"cityblock": 1.0, "euclidean": 2.0, "chebyshev": math.inf}.get(metric, p)
    assert exponent is not None
    return d * math.log(2.0) + d * math.lgamma(1.0 + 1.0 / exponent) - math.lgamma(1.0 + d / exponent)
