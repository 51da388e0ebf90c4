"""Importance weights: summaries, Pareto smoothing, truncation, tempering.

Weights enter as logarithms, last axis draws, earlier axes independent rows; everything is computed in float64. What a
self-normalised estimate is worth shows in three numbers: the effective sample size (Kish: how many equal weights would
do as well), Pareto k (how heavy the tail of the weights is; above 0.7 the estimate is not to be trusted) and the
standard error of the weighted mean.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from ._workers import resolve
from .arrays import as_float, as_integer, like
from .results import Estimate, ReliabilityWarning, Result, WeightWarning

__all__ = [
    "Smoothed",
    "Tempered",
    "Weights",
    "clip_top",
    "khat_threshold",
    "log_weights_of",
    "logsumexp",
    "min_sample_size",
    "pareto_khat",
    "psis",
    "temper",
    "truncate",
]

Floats = NDArray[np.float64]


class Smoothed(NamedTuple):
    """Smoothed, normalised log-weights (shape of the input) and Pareto k (a float, or one a row)."""

    log_weights: Any
    pareto_k: Any


class Tempered(NamedTuple):
    """The exponent in [0, 1] (a float, or one a row) and the tempered log-weights."""

    alpha: Any
    log_weights: Any


def _raw(x: Any) -> Any:
    return x.log_weights if isinstance(x, Weights) else x


def log_weights_of(
    x: Any, name: str = "log_weights", *, nan: Literal["raise", "zero"] = "raise", workers: int | None = None
) -> Floats:
    """Validated float64 log-weights ``(rows, draws)`` from `Weights` or an array of one or more axes.

    NaN is a ValueError with its first position, or weight zero with ``nan="zero"``; +inf is a ValueError.
    """
    array = as_float(_raw(x), name)
    if array.ndim == 0:
        raise ValueError(f"{name}: expected at least one axis, received a scalar")
    rows = np.ascontiguousarray(array, dtype=np.float64).reshape(math.prod(array.shape[:-1]), array.shape[-1])
    if rows.size:
        top, at = _core.weights.first_bad(rows, resolve(workers))
        if at < rows.size:
            if nan != "zero":
                raise ValueError(
                    f"{name}: NaN at {_position(at, array.shape)}; nan='zero' would treat NaN as weight zero"
                )
            rows = np.where(np.isnan(rows), -np.inf, rows)
            top, _ = _core.weights.first_bad(rows, resolve(workers))
        if top == math.inf:
            at = int(np.argmax(rows == math.inf))
            raise ValueError(f"{name}: +inf at {_position(at, array.shape)}; an infinite weight has no meaning")
    return rows


def _position(flat: int, shape: tuple[int, ...]) -> Any:
    position = tuple(int(i) for i in np.unravel_index(flat, shape))
    return position[0] if len(position) == 1 else position


def _row_shaped(values: Floats, shape: tuple[int, ...]) -> Any:
    """One number a row in the shape of the leading axes; a float for a single row."""
    return float(values[0]) if len(shape) == 1 else values.reshape(shape[:-1])


@dataclass(frozen=True, eq=False, kw_only=True, repr=False, init=False)
class Weights(Result):
    """Importance weights by their logarithms, with everything that says how good they are.

    Parameters
    ----------
    log_weights : array_like, shape (..., N)
        Unnormalised log-weights, float32 or float64; -inf is weight zero. Last axis draws, earlier axes rows. Copied.
    nan : {"raise", "zero"}
        What NaN means: an error, or weight zero.
    diagnostics : dict, optional
        What the method that made the weights has to say about them.

    Raises
    ------
    ValueError
        For NaN (unless ``nan="zero"``), +inf, or an empty last axis.

    Warns
    -----
    ReliabilityWarning
        If three or more values lie in [0, 1] and sum to 1: these look like plain weights; see `from_weights`.

    Notes
    -----
    ``np.asarray(weights)`` is refused: say `normalized` (sum 1), `relative` (mean 1) or `log_weights`. Summaries of
    rows without any positive weight are 0 (`log_mean`: -inf), without an exception. O(N) each.

    Examples
    --------
    >>> import pondera as po
    >>> w = po.Weights([0.0, 0.0, -1.0])
    >>> round(w.ess, 3)
    2.626
    >>> w.normalized.sum()
    np.float64(1.0)
    """

    log_weights: Floats
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def __init__(
        self, log_weights: Any, *, nan: Literal["raise", "zero"] = "raise", diagnostics: dict[str, Any] | None = None
    ) -> None:
        if nan not in ("raise", "zero"):
            raise ValueError(f"nan: expected 'raise' or 'zero', received {nan!r}")
        shape = np.shape(_raw(log_weights)) if not hasattr(log_weights, "shape") else tuple(log_weights.shape)
        rows = log_weights_of(log_weights, nan=nan)
        if not shape or shape[-1] == 0:
            raise ValueError(f"log_weights: expected at least one draw, received shape {shape}")
        if shape[-1] >= 3 and (rows[:, 0] <= 1.0).all() and rows.min() >= 0.0 and rows.max() <= 1.0:
            sums = rows.sum(axis=1)
            if np.all(np.abs(sums - 1.0) < 1e-6):
                warnings.warn(
                    "log_weights: these values lie in [0, 1] and sum to 1; if they are plain weights, use "
                    "Weights.from_weights",
                    ReliabilityWarning,
                    stacklevel=2,
                )
        object.__setattr__(self, "log_weights", np.array(rows, copy=True).reshape(shape))
        self.log_weights.flags.writeable = False
        object.__setattr__(self, "diagnostics", dict(diagnostics or {}))

    @classmethod
    def from_weights(cls, weights: Any) -> Weights:
        """From plain non-negative weights, which need not sum to one."""
        array = as_float(weights, "weights", finite=True).astype(np.float64)
        if (array < 0).any():
            raise ValueError(f"weights: expected non-negative numbers, received {array.min()}")
        with np.errstate(divide="ignore"):
            return cls(np.where(array > 0, _core.random.log(np.where(array > 0, array, 1.0)), -np.inf))

    # -- what they are made of

    def __len__(self) -> int:
        return int(self.log_weights.shape[-1])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        raise TypeError("say which weights: .normalized (sum 1), .relative (mean 1) or .log_weights")

    def __repr__(self) -> str:
        if self.log_weights.ndim == 1:
            return f"Weights(N={len(self)}, ess={self.ess:.4g}, pareto_k={self.pareto_k:.3g})"
        return f"Weights(shape={self.log_weights.shape})"

    @property
    def _rows(self) -> Floats:
        return np.ascontiguousarray(self.log_weights.reshape(-1, len(self)))

    @cached_property
    def _summaries(self) -> tuple[Floats, Floats, Floats]:
        """Per row: the largest logarithm, the sum of the weights relative to it and the sum of their squares."""
        top, s1, s2 = _core.weights.summaries(self._rows, resolve(None))
        return top, s1, s2

    @property
    def normalized(self) -> Floats:
        """Weights that sum to 1 along the last axis; zeros where no weight is positive."""
        top, s1, _ = self._summaries
        shift, divisor = np.where(np.isfinite(top), top, 0.0), np.where(s1 > 0, s1, 1.0)
        out = _core.weights.exp_divided(self._rows, shift, divisor, resolve(None))
        return np.asarray(out.reshape(self.log_weights.shape))

    @property
    def relative(self) -> Floats:
        """Weights of mean 1 along the last axis: what ``sample_weight=`` takes."""
        return self.normalized * len(self)

    @property
    def log_mean(self) -> Any:
        """Logarithm of the mean weight: the estimate of a log normalising constant."""
        top, s1, _ = self._summaries
        with np.errstate(invalid="ignore"):
            value = np.where(s1 > 0, top + _core.random.log(np.where(s1 > 0, s1, 1.0)) - math.log(len(self)), -np.inf)
        return _row_shaped(value, self.log_weights.shape)

    # -- how good they are

    @property
    def ess(self) -> Any:
        """Kish's effective sample size, (sum w)^2 / sum w^2, in [1, N]; 0 without a positive weight."""
        _, s1, s2 = self._summaries
        value = np.where(s1 > 0, np.clip(s1 * s1 / np.where(s1 > 0, s2, 1.0), 1.0, len(self)), 0.0)
        return _row_shaped(value, self.log_weights.shape)

    @property
    def ess_perplexity(self) -> Any:
        """Exponential of the entropy of the normalised weights, in [1, N]; 0 without a positive weight."""
        weights = np.ascontiguousarray(self.normalized.reshape(-1, len(self)))
        out = np.empty(len(weights))
        for i, w in enumerate(weights):
            positive = np.where(w > 0, w, 1.0)
            out[i] = -_core.random.sum(w * _core.random.log(positive), resolve(None))
            out[i] = np.clip(math.exp(out[i]), 1.0, len(self)) if w.any() else 0.0
        return _row_shaped(out, self.log_weights.shape)

    @property
    def ess_max(self) -> Any:
        """1 / largest normalised weight, in [1, N]; 0 without a positive weight."""
        top = self.normalized.reshape(-1, len(self)).max(axis=1)
        value = np.where(top > 0, np.clip(1.0 / np.where(top > 0, top, 1.0), 1.0, len(self)), 0.0)
        return _row_shaped(value, self.log_weights.shape)

    @property
    def chi2(self) -> Any:
        """N / ess - 1: the plug-in chi-square divergence of target from proposal."""
        ess = np.asarray(self.ess, dtype=np.float64)
        with np.errstate(divide="ignore"):
            value = np.where(ess > 0, len(self) / ess - 1.0, np.inf)
        return float(value) if value.ndim == 0 else value

    @property
    def pareto_k(self) -> Any:
        """Pareto k of the tail (`psis`); NaN for fewer than 25 draws, -inf for a constant tail."""
        rows = self._rows
        good = np.isfinite(rows.max(axis=1))
        k = np.full(len(rows), np.nan)
        if good.any():
            k[good] = _core.weights.psis(np.ascontiguousarray(rows[good]), 1.0, resolve(None))[1]
        return _row_shaped(k, self.log_weights.shape)

    # -- what they are for

    def _one_row(self, name: str) -> None:
        if self.log_weights.ndim != 1:
            raise ValueError(f"{name}: expected weights of one row, these have shape {self.log_weights.shape}")

    def log_evidence(self) -> Estimate:
        """`log_mean` with its standard error sqrt(chi2 / N) (delta method)."""
        self._one_row("log_evidence")
        n = len(self)
        stderr = math.sqrt(max(self.chi2, 0.0) / (n - 1)) if n > 1 and self.ess > 0 else math.nan
        return Estimate(value=self.log_mean, stderr=stderr, n=n, diagnostics=self._diagnostics())

    def mean(self, f: ArrayLike) -> Estimate:
        """Self-normalised mean of `f`: sum W f with standard error sqrt(sum W^2 (f - mean)^2).

        Parameters
        ----------
        f : array_like, shape (N,) or (N, k)
            Values at the draws. Values at draws of weight zero do not count, whatever they are.

        Returns
        -------
        Estimate
            `value` a float or ``(k,)``; diagnostics: `ess`, `pareto_k`.

        Warns
        -----
        WeightWarning
            If Pareto k is above `khat_threshold` or the effective sample size below 10.
        """
        self._one_row("mean")
        values = as_float(f, "f", ndim=(1, 2)).astype(np.float64)
        if len(values) != len(self):
            raise ValueError(f"f: expected {len(self)} rows, one for each draw, received {len(values)}")
        if not np.isfinite(self.log_weights.max()):
            raise ValueError("weights: every weight is zero")
        w = self.normalized
        used = w > 0
        values = np.where(used if values.ndim == 1 else used[:, None], values, 0.0)
        if not np.isfinite(values).all():
            raise ValueError("f: NaN or infinite at a draw of positive weight")
        columns = values.reshape(len(self), -1)
        mean = np.array([_core.random.sum(w * c, 1) for c in columns.T])
        deviation = w[:, None] * (columns - mean)
        stderr = np.sqrt([_core.random.sum(np.ascontiguousarray(d * d), 1) for d in deviation.T])
        diagnostics = self._diagnostics()
        self._warn(diagnostics)
        if values.ndim == 1:
            return Estimate(value=float(mean[0]), stderr=float(stderr[0]), n=len(self), diagnostics=diagnostics)
        return Estimate(value=mean, stderr=stderr, n=len(self), diagnostics=diagnostics)

    def ess_for(self, f: ArrayLike) -> float:
        """Effective sample size for the mean of `f`: ``(sum W |f-mu|)^2 / sum W^2 (f-mu)^2``; N if `f` is constant."""
        self._one_row("ess_for")
        values = as_float(f, "f", ndim=1).astype(np.float64)
        if len(values) != len(self):
            raise ValueError(f"f: expected {len(self)} values, received {len(values)}")
        w = self.normalized
        values = np.where(w > 0, values, 0.0)
        deviation = w * np.abs(values - _core.random.sum(w * values, 1))
        bottom = _core.random.sum(deviation * deviation, 1)
        return float(np.clip(_core.random.sum(deviation, 1) ** 2 / bottom, 1.0, len(self))) if bottom > 0 else len(self)

    def quantile(self, f: ArrayLike, q: ArrayLike, *, method: str = "linear") -> Any:
        """Weighted quantiles of `f`; see `pondera.weighted_quantile`."""
        from .resampling import weighted_quantile

        self._one_row("quantile")
        return weighted_quantile(f, q, weights=self.normalized, method=method)

    def _diagnostics(self) -> dict[str, Any]:
        return {"ess": self.ess, "pareto_k": self.pareto_k}

    def _warn(self, diagnostics: dict[str, Any]) -> None:
        k, ess = diagnostics["pareto_k"], diagnostics["ess"]
        if k > khat_threshold(len(self)) or ess < 10:
            diagnostics["unreliable"] = True
            warnings.warn(
                f"weights: Pareto k = {k:.2f}, effective sample size {ess:.1f} of {len(self)}; do not trust this",
                WeightWarning,
                stacklevel=3,
            )


def logsumexp(x: ArrayLike, axis: int | None = None) -> Any:
    """log(sum(exp(x))) without overflow, blocked so that the bits do not depend on threads.

    Parameters
    ----------
    x : array_like
    axis : int, optional
        The axis to sum over; None: all.

    Returns
    -------
    float or ndarray
        -inf for an empty sum or only -inf.

    Raises
    ------
    ValueError
        For NaN or +inf.

    Examples
    --------
    >>> import pondera as po
    >>> po.logsumexp([1000.0, 1000.0])
    1000.6931471805599
    """
    array = as_float(x, "x")
    rows = np.moveaxis(array, axis, -1) if axis is not None else array.reshape(-1)
    if rows.shape[-1] == 0:
        return -math.inf if rows.ndim == 1 else np.full(rows.shape[:-1], -np.inf)
    top, s1, _ = _core.weights.summaries(log_weights_of(rows, "x"), resolve(None))
    with np.errstate(invalid="ignore"):
        value = np.where(s1 > 0, top + _core.random.log(np.where(s1 > 0, s1, 1.0)), -np.inf)
    return _row_shaped(value, rows.shape)


def psis(log_weights: ArrayLike, *, r_eff: float = 1.0, workers: int | None = None) -> Smoothed:
    """Pareto-smoothed importance sampling: smoothed log-weights and the k-hat diagnostic.

    Parameters
    ----------
    log_weights : array_like or Weights, shape (..., S)
        Unnormalised log-weights (not the negated ratios that some packages take); rows are independent.
    r_eff : float
        Relative efficiency of the draws: effective over actual number, 1 for independent ones.
    workers : int, optional
        Threads.

    Returns
    -------
    Smoothed
        `log_weights`, normalised, of the input's shape and library; `pareto_k`, a float or one a row. k is NaN for
        fewer than 25 draws (nothing is smoothed) and -inf where the tail is constant.

    Raises
    ------
    ValueError
        For NaN, +inf, a row without positive weight, or `r_eff` not positive.

    Warns
    -----
    WeightWarning
        Once, if a k is above 0.7 or the tail too short to fit.

    Notes
    -----
    Vehtari, Simpson, Gelman, Yao and Gabry (2024), arXiv:1507.02646; the fit by Zhang and Stephens (2009). Tail length
    floor(3 sqrt(S / r_eff)). O(S + M log M) a row for a tail of M draws, memory M beside the output.

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> lw = -0.3 * np.log1p(-np.arange(1, 1001) / 1001)
    >>> round(po.psis(lw).pareto_k, 6)
    0.274855
    """
    if not r_eff > 0:
        raise ValueError(f"r_eff: expected a positive number, received {r_eff}")
    raw = _raw(log_weights)
    rows = log_weights_of(raw, workers=workers)
    shape = np.shape(raw) if not hasattr(raw, "shape") else tuple(raw.shape)
    if rows.shape[-1] == 0:
        raise ValueError("log_weights: expected at least one draw")
    _refuse_empty_rows(rows)
    smooth, k = _core.weights.psis(rows, float(r_eff), resolve(workers))
    if np.isnan(k).any():
        warnings.warn(
            f"log_weights: {rows.shape[-1]} draws are too few (or too tied) to fit the tail; nothing was smoothed",
            WeightWarning,
            stacklevel=2,
        )
    elif (k > 0.7).any():
        warnings.warn(
            f"log_weights: Pareto k = {np.max(k):.2f} > 0.7; estimates with these weights are unreliable",
            WeightWarning,
            stacklevel=2,
        )
    dtype = np.float32 if str(getattr(raw, "dtype", "")).endswith("float32") else np.float64
    return Smoothed(like(raw)(smooth.reshape(shape).astype(dtype, copy=False)), _row_shaped(k, shape))


def _refuse_empty_rows(rows: Floats) -> None:
    empty = ~np.isfinite(rows.max(axis=1))
    if empty.any():
        where = f" in row {int(np.argmax(empty))}" if len(rows) > 1 else ""
        raise ValueError(f"weights: every weight is zero{where}")


def pareto_khat(x: ArrayLike, tail: Literal["both", "left", "right"] = "both") -> float:
    """Tail index of plain draws by the generalised Pareto fit of `psis`.

    Parameters
    ----------
    x : array_like, shape (S,)
        Draws of any quantity; axes are flattened.
    tail : {"both", "left", "right"}
        "both" is the larger of the two.

    Returns
    -------
    float
        k: moments of order below 1/k exist. NaN for fewer than 25 draws, -inf for a constant tail.

    Raises
    ------
    ValueError
        For NaN or infinite draws, none at all, or an unknown `tail`.

    Notes
    -----
    Vehtari et al. (2024), arXiv:1507.02646. O(S log S).

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> po.pareto_khat(np.random.default_rng(0).standard_cauchy(4000)) > 0.8
    True
    """
    if tail not in ("both", "left", "right"):
        raise ValueError(f"tail: expected 'both', 'left' or 'right', received {tail!r}")
    array = as_float(x, "x", finite=True)
    if array.ndim == 0 or array.size == 0:
        raise ValueError(f"x: expected at least one draw, received shape {array.shape}")
    draws = np.sort(array.astype(np.float64).ravel())
    n = len(draws)
    m = int(3 * math.sqrt(n)) if n > 225 else n // 5
    if m < 5:
        return math.nan

    def fit(ascending: Floats) -> float:
        cut, excess = ascending[-m - 1], ascending[-m:]
        if excess[0] == excess[-1]:
            return -math.inf
        return float(_core.weights.fit_pareto(np.ascontiguousarray(excess - cut))[0])

    sides = {"right": draws, "left": -draws[::-1]}
    return max(fit(sides[s]) for s in (("left", "right") if tail == "both" else (tail,)))


def khat_threshold(n: int) -> float:
    """Largest trustworthy Pareto k for `n` draws: min(1 - 1/log10(n), 0.7).

    Parameters
    ----------
    n : int
        Number of draws.

    Returns
    -------
    float
        -inf for fewer than two draws.

    Raises
    ------
    TypeError, ValueError
        If `n` is not an integer, or negative.

    Examples
    --------
    >>> import pondera as po
    >>> po.khat_threshold(100), po.khat_threshold(10000)
    (0.5, 0.7)
    """
    n = as_integer(n, "n", 0)
    if n < 2:
        return -math.inf
    return min(1.0 - 1.0 / math.log10(n), 0.7)


def min_sample_size(k: float) -> float:
    """Draws needed for a trustworthy estimate at Pareto `k`: 10**(1 / (1 - max(0, k))), infinite for k >= 1.

    Parameters
    ----------
    k : float

    Returns
    -------
    float

    Raises
    ------
    ValueError
        For NaN: the tail was not fitted.

    Examples
    --------
    >>> import pondera as po
    >>> round(po.min_sample_size(0.5))
    100
    """
    if math.isnan(k):
        raise ValueError("k: NaN; a tail that was not fitted says nothing about the sample size")
    return 10.0 ** (1.0 / (1.0 - max(0.0, k))) if k < 1 else math.inf


def _transformed(log_weights: Any, change: Any) -> Any:
    """`change(rows)` in the shape, library and precision of the input."""
    raw = _raw(log_weights)
    rows = log_weights_of(raw)
    shape = np.shape(raw) if not hasattr(raw, "shape") else tuple(raw.shape)
    if rows.shape[-1] == 0:
        raise ValueError("log_weights: expected at least one draw")
    _refuse_empty_rows(rows)
    dtype = np.float32 if str(getattr(raw, "dtype", "")).endswith("float32") else np.float64
    return like(raw)(change(rows).reshape(shape).astype(dtype, copy=False))


def truncate(log_weights: ArrayLike) -> Any:
    """Truncated log-weights: none above mean weight times sqrt(S).

    Parameters
    ----------
    log_weights : array_like or Weights, shape (..., S)

    Returns
    -------
    ndarray
        Of the input's shape; min(lw, logsumexp(lw) - log(S) + log(S)/2).

    Raises
    ------
    ValueError
        For NaN, +inf, or a row without positive weight.

    Notes
    -----
    Ionides (2008), "Truncated importance sampling", doi:10.1198/106186008X320456. O(S).

    Examples
    --------
    >>> import pondera as po
    >>> po.truncate([0.0, 0.0, 0.0, 9.0]).max().round(3)
    np.float64(8.307)
    """

    def change(rows: Floats) -> Floats:
        n = rows.shape[1]
        return np.minimum(rows, np.asarray(logsumexp(rows, axis=1))[:, None] - 0.5 * math.log(n))

    return _transformed(log_weights, change)


def clip_top(log_weights: ArrayLike, n_top: int) -> Any:
    """Log-weights with the `n_top` largest set to the `n_top`-th largest (nonlinear importance sampling).

    Parameters
    ----------
    log_weights : array_like or Weights, shape (..., S)
    n_top : int
        1 to S; 1 changes nothing.

    Returns
    -------
    ndarray
        Of the input's shape.

    Raises
    ------
    ValueError
        For NaN, +inf, a row without positive weight, or `n_top` out of range.

    Notes
    -----
    Koblents and Miguez (2013), doi:10.1007/s11222-013-9440-2. O(S).

    Examples
    --------
    >>> import pondera as po
    >>> po.clip_top([0.0, 1.0, 2.0, 3.0], 2)
    array([0., 1., 2., 2.])
    """

    def change(rows: Floats) -> Floats:
        n = rows.shape[1]
        if not 1 <= n_top <= n:
            raise ValueError(f"n_top: expected 1 to {n}, received {n_top}")
        return np.minimum(rows, np.partition(rows, n - n_top, axis=1)[:, n - n_top][:, None])

    return _transformed(log_weights, change)


def temper(log_weights: ArrayLike, ess_min: float) -> Tempered:
    """The largest power of the weights that keeps a wanted effective sample size.

    Parameters
    ----------
    log_weights : array_like or Weights, shape (..., N)
    ess_min : float
        Wanted effective sample size as a fraction of N, in (0, 1].

    Returns
    -------
    Tempered
        `alpha` in [0, 1] (a float, or one a row) and ``alpha * log_weights``; weights of zero stay zero.

    Raises
    ------
    ValueError
        For NaN, +inf, a row without positive weight, or `ess_min` outside (0, 1].

    Notes
    -----
    Jasra, Stephens, Doucet and Tsagaris (2011), doi:10.1111/j.1467-9469.2010.00723.x. 60 bisections; the effective
    sample size never increases with alpha. alpha = 1 is tried first. 60 O(N).

    Examples
    --------
    >>> import pondera as po
    >>> po.temper([0.0, 0.0, 0.0], 0.9).alpha
    1.0
    """
    if not 0 < ess_min <= 1:
        raise ValueError(f"ess_min: expected a fraction of N in (0, 1], received {ess_min}")
    raw = _raw(log_weights)
    rows = log_weights_of(raw)
    shape = np.shape(raw) if not hasattr(raw, "shape") else tuple(raw.shape)
    if rows.shape[-1] == 0:
        raise ValueError("log_weights: expected at least one draw")
    _refuse_empty_rows(rows)
    shifted = rows - rows.max(axis=1, keepdims=True)
    target = ess_min * rows.shape[1]

    def ess(alpha: Floats) -> Floats:
        with np.errstate(invalid="ignore"):
            scaled = np.where(np.isneginf(shifted), -np.inf, alpha[:, None] * shifted)
        _, s1, s2 = _core.weights.summaries(scaled, resolve(None))
        return np.asarray(s1 * s1 / s2)

    low, high = np.zeros(len(rows)), np.ones(len(rows))
    done = ess(high) >= target
    for _ in range(60):
        middle = 0.5 * (low + high)
        good = ess(middle) >= target
        low, high = np.where(good, middle, low), np.where(good, high, middle)
    alpha = np.where(done, 1.0, low)
    with np.errstate(invalid="ignore"):
        tempered = np.where(np.isneginf(rows), -np.inf, alpha[:, None] * rows)
    dtype = np.float32 if str(getattr(raw, "dtype", "")).endswith("float32") else np.float64
    return Tempered(_row_shaped(alpha, shape), like(raw)(tempered.reshape(shape).astype(dtype, copy=False)))
