"""Intervals for proportions, and many tests at once.

Intervals: Clopper-Pearson never covers less than it says and is therefore wide; Wilson covers on average what it says.
Many tests: `holm` keeps the chance of any false rejection below alpha whatever the dependence; `simes` and
`fisher_combine` test all hypotheses as one; `e_bh` bounds the share of false rejections among e-values, whatever the
dependence. Each works on the last axis, earlier axes are independent rows.
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arrays import as_float, as_index, check_finite, like
from .results import Interval

__all__ = ["Combined", "clopper_pearson", "e_bh", "fisher_combine", "holm", "simes", "wilson"]

Floats = NDArray[np.float64]
Side = Literal["both", "lower", "upper"]


class Combined(NamedTuple):
    """A test statistic and its p-value: floats, or one a row."""

    statistic: Any
    p_value: Any


def _counts(k: Any, n: Any, alpha: float, side: str) -> tuple[Floats, Floats, float]:
    """Successes and trials, broadcast, as float64 (exact up to 2**53); and alpha in each tail that is used."""
    if side not in ("both", "lower", "upper"):
        raise ValueError(f"side: expected 'both', 'lower' or 'upper', received {side!r}")
    alpha = float(alpha)
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha: expected a number between 0 and 1, received {alpha}")
    successes, trials = as_index(k, "k"), as_index(n, "n")
    try:
        successes, trials = np.broadcast_arrays(successes, trials)
    except ValueError:
        raise ValueError(f"k: shape {successes.shape} does not go with shape {trials.shape} of n") from None
    if trials.size and trials.min() < 0:
        raise ValueError(f"n: expected non-negative counts, received {trials.min()}")
    bad = (successes < 0) | (successes > trials)
    if bad.any():
        at = int(np.argmax(bad))
        raise ValueError(f"k: expected counts between 0 and n, received {successes.flat[at]} of {trials.flat[at]}")
    return successes.astype(np.float64), trials.astype(np.float64), alpha / 2 if side == "both" else alpha


def _interval(lower: Floats, upper: Floats, side: str, k: Any, n: Any) -> Interval:
    if side == "lower":
        upper = np.ones_like(lower)
    if side == "upper":
        lower = np.zeros_like(upper)
    if np.ndim(lower) == 0:
        return Interval(float(lower), float(upper))
    out = like(k if np.ndim(k) else n)
    return Interval(out(lower), out(upper))


def clopper_pearson(k: ArrayLike, n: ArrayLike, alpha: float = 0.05, *, side: Side = "both") -> Interval:
    """Exact interval for a proportion: covers with probability 1 - `alpha` or more, for every n and every proportion.

    Parameters
    ----------
    k : int or array_like of int
        Successes.
    n : int or array_like of int
        Trials; broadcast against `k`.
    alpha : float
        Largest probability to miss, in (0, 1).
    side : {"both", "lower", "upper"}
        "both" spends alpha / 2 on each end; "lower" and "upper" spend all of it on theirs, the other end is 1 or 0.

    Returns
    -------
    Interval
        Floats, or float64 arrays of the broadcast shape. [0, 1] for n = 0.

    Raises
    ------
    ValueError
        If a count is negative, `k` exceeds `n`, or `alpha` is outside (0, 1).
    TypeError
        If the counts are not integers.

    Notes
    -----
    Clopper and Pearson (1934), doi:10.1093/biomet/26.4.404: quantiles of Beta(k, n - k + 1) and Beta(k + 1, n - k).
    O(1) a pair.

    Examples
    --------
    >>> import pondera as po
    >>> low, high = po.stats.clopper_pearson(0, 100, side="upper")
    >>> low, round(high, 6)  # 1 - 0.05 ** (1 / 100)
    (0.0, 0.029513)
    """
    from scipy.special import betainccinv, betaincinv

    successes, trials, tail = _counts(k, n, alpha, side)
    failures = trials - successes
    # The two ends where the quantile has no meaning (a parameter of 0) are 0 and 1 by definition.
    lower = np.where(successes == 0, 0.0, betaincinv(np.maximum(successes, 1.0), failures + 1.0, tail))
    upper = np.where(failures == 0, 1.0, betainccinv(successes + 1.0, np.maximum(failures, 1.0), tail))
    return _interval(lower, upper, side, k, n)


def wilson(k: ArrayLike, n: ArrayLike, alpha: float = 0.05, *, side: Side = "both") -> Interval:
    """Score interval for a proportion: covers about 1 - `alpha` on average over proportions, narrower than exact ones.

    Parameters
    ----------
    k : int or array_like of int
        Successes.
    n : int or array_like of int
        Trials; broadcast against `k`.
    alpha : float
        Nominal probability to miss, in (0, 1).
    side : {"both", "lower", "upper"}
        As in `clopper_pearson`.

    Returns
    -------
    Interval
        Floats, or float64 arrays of the broadcast shape. [0, 1] for n = 0.

    Raises
    ------
    ValueError
        If a count is negative, `k` exceeds `n`, or `alpha` is outside (0, 1).
    TypeError
        If the counts are not integers.

    Notes
    -----
    Wilson (1927), doi:10.1080/01621459.1927.10502953: the proportions p with ``|k/n - p| <= z sqrt(p (1-p) / n)``, no
    continuity correction. O(1) a pair.

    Examples
    --------
    >>> import pondera as po
    >>> low, high = po.stats.wilson(5, 10)
    >>> round(low, 6), round(high, 6)
    (0.236593, 0.763407)
    """
    from scipy.special import ndtri

    successes, trials, tail = _counts(k, n, alpha, side)
    z = -float(ndtri(tail))
    failures = trials - successes
    some = np.maximum(trials, 1.0)
    root = abs(z) * np.sqrt(successes * failures / some + z * z / 4)
    # p and 1 - p solve (n + z^2) p^2 - (2k + z^2) p + k^2 / n = 0, with n - k for k. The larger root of each by the
    # formula, the smaller from the product of the roots, which loses no digits near 0. z < 0 (alpha > 1/2): exchanged.
    larger = (successes + z * z / 2 + root) / (some + z * z)
    larger_miss = (failures + z * z / 2 + root) / (some + z * z)
    smaller = np.divide(successes**2, some * (some + z * z) * larger, out=np.zeros_like(larger), where=larger > 0)
    lower, upper = (smaller, larger) if z >= 0 else (larger, 1.0 - larger_miss)
    lower = np.where(successes == 0, 0.0, np.minimum(lower, 1.0))
    upper = np.where(failures == 0, 1.0, np.maximum(upper, 0.0))
    return _interval(lower, upper, side, k, n)


def _p_values(p_values: Any, *, empty: bool) -> Floats:
    array = as_float(p_values, "p_values", finite=True)
    if array.ndim == 0:
        raise ValueError("p_values: expected at least one axis, received a scalar")
    bad = (array < 0) | (array > 1)
    if bad.any():
        raise ValueError(f"p_values: expected probabilities in [0, 1], received {array.flat[int(np.argmax(bad))]}")
    if not empty and array.shape[-1] == 0:
        raise ValueError(f"p_values: expected at least one test, received shape {array.shape}")
    return array.astype(np.float64)


def holm(p_values: ArrayLike) -> Any:
    """p-values adjusted for their number: rejecting those at or below alpha errs at all with probability alpha at most.

    Parameters
    ----------
    p_values : array_like, shape (..., tests)
        Of any dependence.

    Returns
    -------
    ndarray
        Adjusted p-values, of the input's shape and precision; empty for no tests.

    Raises
    ------
    ValueError
        For NaN or values outside [0, 1].

    Notes
    -----
    Holm (1979), "A simple sequentially rejective multiple test procedure": the i-th smallest of m times m - i + 1, made
    monotone. Never less powerful than Bonferroni's. O(m log m) a row.

    Examples
    --------
    >>> import pondera as po
    >>> po.stats.holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    p = _p_values(p_values, empty=True)
    m = p.shape[-1]
    order = np.argsort(p, axis=-1, kind="stable")
    stepped = np.take_along_axis(p, order, axis=-1) * np.arange(m, 0, -1.0)
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, np.minimum(np.maximum.accumulate(stepped, axis=-1), 1.0), axis=-1)
    single = str(getattr(p_values, "dtype", "")).endswith("float32")
    return like(p_values)(adjusted.astype(np.float32) if single else adjusted)


def simes(p_values: ArrayLike) -> Any:
    """One p-value for the hypothesis that all hypotheses are true; sensitive to a few small p-values.

    Parameters
    ----------
    p_values : array_like, shape (..., tests)
        Independent, or positively dependent (PRDS).

    Returns
    -------
    float or ndarray
        min over j of the j-th smallest times tests / j; one a row.

    Raises
    ------
    ValueError
        For NaN, values outside [0, 1], or no tests.

    Notes
    -----
    Simes (1986), doi:10.1093/biomet/73.3.751; exactly uniform for independent uniform p-values. O(m log m) a row.

    Examples
    --------
    >>> import pondera as po
    >>> po.stats.simes([0.01, 0.04, 0.03])
    0.03
    """
    p = np.sort(_p_values(p_values, empty=False), axis=-1)
    m = p.shape[-1]
    combined = (p * m / np.arange(1, m + 1)).min(axis=-1)
    return float(combined) if p.ndim == 1 else like(p_values)(combined)


def fisher_combine(p_values: ArrayLike) -> Combined:
    """Fisher's combination of independent p-values; sensitive to many moderately small ones.

    Parameters
    ----------
    p_values : array_like, shape (..., tests)
        Independent. A p-value of 0 gives an infinite statistic and 0.

    Returns
    -------
    Combined
        `statistic` = -2 sum log p and `p_value` (chi-squared, 2 degrees of freedom a test); floats, or one a row.

    Raises
    ------
    ValueError
        For NaN, values outside [0, 1], or no tests.

    Notes
    -----
    Fisher (1925), *Statistical Methods for Research Workers*, section 21.1. O(m) a row.

    Examples
    --------
    >>> import pondera as po
    >>> statistic, p_value = po.stats.fisher_combine([0.1, 0.1, 0.1])
    >>> round(statistic, 4), round(p_value, 4)
    (13.8155, 0.0318)
    """
    from scipy.special import gammaincc

    p = _p_values(p_values, empty=False)
    with np.errstate(divide="ignore"):
        statistic = -2.0 * np.log(p).sum(axis=-1)
    statistic = np.abs(statistic)  # -0.0 where every p-value is 1
    p_value = gammaincc(p.shape[-1], statistic / 2)
    if p.ndim == 1:
        return Combined(float(statistic), float(p_value))
    out = like(p_values)
    return Combined(out(statistic), out(np.asarray(p_value)))


def e_bh(e_values: ArrayLike, alpha: float = 0.05) -> Any:
    """Which hypotheses to reject so that at most a share `alpha` of the rejections is false on average.

    Parameters
    ----------
    e_values : array_like, shape (..., tests)
        Non-negative, of expectation at most 1 under the hypothesis (a test martingale's wealth is one); any dependence.
        Infinity rejects.
    alpha : float
        Bound of the false discovery rate, in (0, 1).

    Returns
    -------
    ndarray of bool
        True for a rejection, of the input's shape; empty for no tests.

    Raises
    ------
    ValueError
        For NaN, negative values, or `alpha` outside (0, 1).

    Notes
    -----
    Wang and Ramdas (2022), arXiv:2009.02824: the k largest, for the largest k whose k-th largest e-value is at least
    tests / (alpha k). Equal e-values are rejected together. O(m log m) a row.

    Examples
    --------
    >>> import pondera as po
    >>> po.stats.e_bh([100.0, 1.0, 45.0, 2.0], alpha=0.05)
    array([ True, False,  True, False])
    """
    alpha = float(alpha)
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha: expected a number between 0 and 1, received {alpha}")
    array = as_float(e_values, "e_values")
    if array.ndim == 0:
        raise ValueError("e_values: expected at least one axis, received a scalar")
    check_finite(np.where(array == math.inf, 0.0, array), "e_values")
    if (array < 0).any():
        raise ValueError(f"e_values: expected non-negative numbers, received {array.min()}")
    e = array.astype(np.float64)
    m = e.shape[-1]
    falling = -np.sort(-e, axis=-1)
    rank = np.arange(1.0, m + 1)
    # Two roundings here and two in a caller's m / (alpha k), half an ulp each: 2 ulp keep equality a rejection.
    enough = falling * rank * alpha >= m * (1.0 - 4 * np.finfo(np.float64).eps)
    k = np.where(enough, rank, 0.0).max(axis=-1, initial=0.0, keepdims=True).astype(np.int64)
    threshold = np.take_along_axis(falling, np.maximum(k - 1, 0), axis=-1) if m else np.empty(k.shape)
    return like(e_values)((k > 0) & (e >= threshold))
