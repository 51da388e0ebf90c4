"""Examples of `pondera.resampling`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..testing import Example

ROWS = "leading axes are independent rows"


def _log_weights() -> NDArray[np.float64]:
    return np.linspace(-2.0, 2.0, 501)


def _expected(n: int) -> NDArray[np.float64]:
    w = np.exp(_log_weights())
    return np.asarray(n * w / w.sum())


def resample() -> Example:
    def truth(result: Any) -> None:
        counts = np.bincount(result, minlength=501)
        assert (np.abs(counts - _expected(1000)) < 1 + 1e-9).all()  # what systematic resampling promises

    return Example(args=(_log_weights(), 1000), data=("log_weights",), truth=truth, allowed={"log_weights:ndim": ROWS})


def offspring() -> Example:
    def truth(result: Any) -> None:
        assert result.sum() == 1000
        assert (np.abs(result - _expected(1000)) < 1 + 1e-9).all()

    return Example(args=(_log_weights(), 1000), data=("log_weights",), truth=truth)


def sample_without_replacement() -> Example:
    def truth(result: Any) -> None:
        assert len(set(result.indices.tolist())) == 50
        # The sum over the sample of 1 / inclusion is unbiased for 501. Given the threshold the draws are independent:
        # its variance is the sum over all items of (1 - p) / p, itself estimated from the sample.
        p = result.inclusion
        spread = np.sqrt(((1 - p) / p**2).sum())
        assert abs((1 / p).sum() - 501) < 4 * spread

    return Example(args=(_log_weights(), 50), data=("log_weights",), truth=truth, allowed={"log_weights:ndim": ROWS})


def sample_pps() -> Example:
    # Multiples of 1/1024: the sum, 128, is exact in both precisions.
    inclusion = np.tile([64, 128, 192], 342)[:1024] / 1024
    inclusion[-1] += 128 - inclusion.sum()

    def truth(result: Any) -> None:
        assert len(result) == 128
        assert (np.diff(result) > 0).all()

    return Example(
        args=(inclusion,),
        data=("inclusion",),
        truth=truth,
        allowed={"inclusion:empty": "nothing to draw from and none wanted: the empty sample"},
    )


def weighted_quantile() -> Example:
    values = np.arange(100.0)[::-1].copy()

    def truth(result: Any) -> None:
        # Weights 99, ..., 0 on the values 99, ..., 0: v has cumulative weight v (v + 1) / 2 of 4950.
        assert result.tolist() == [31.0, 70.0, 94.0]

    return Example(
        args=(values, np.array([0.1, 0.5, 0.9])),
        kwargs={"weights": values.copy()},
        data=("values", "q", "weights"),
        truth=truth,
        allowed={
            "values:inf": "an infinite value has its place in the order",
            "q:empty": "no quantile is asked for",
            "q:scalar": "one quantile",
            "q:ndim": "quantiles of any shape",
        },
    )


def inclusion_probabilities() -> Example:
    def truth(result: Any) -> None:
        np.testing.assert_allclose(result, [1.0, 0.75, 0.5, 0.75], rtol=1e-15)

    return Example(args=(np.array([8.0, 1.5, 1.0, 1.5]), 3), data=("weights",), truth=truth)


def inplace_ancestors() -> Example:
    def truth(result: Any) -> None:
        assert result.tolist() == [1, 1, 1, 3]

    allowed = {"counts:empty": "no particles have no ancestors"}
    return Example(args=(np.array([0, 3, 0, 1]),), data=("counts",), truth=truth, allowed=allowed)


def _parents() -> NDArray[np.int64]:
    return np.array([[0, 0, 1, 3], [1, 1, 0, 2], [3, 0, 0, 2]])


def ancestor_paths() -> Example:
    def truth(result: Any) -> None:
        assert result.tolist() == [[1, 0, 0, 0], [2, 1, 1, 0], [3, 0, 0, 2], [0, 1, 2, 3]]

    allowed = {"A:empty": "no steps: the particles are their own ancestors"}
    return Example(args=(_parents(),), data=("A",), truth=truth, allowed=allowed)


def path_diversity() -> Example:
    def truth(result: Any) -> None:
        assert result.tolist() == [2, 3, 3, 4]

    allowed = {"A:empty": "no steps: the particles are their own ancestors"}
    return Example(args=(_parents(),), data=("A",), truth=truth, allowed=allowed)


def _mean(x: NDArray[Any]) -> float:
    return float(np.mean(x, dtype=np.float64))


STATISTIC = "the statistic decides what it takes"


def _of_rows(statistic_error: float) -> Example:
    x = np.random.default_rng(0).normal(size=100)

    def truth(result: Any) -> None:
        assert result.value == _mean(x)
        assert abs(result.stderr / (x.std(ddof=1) / 10) - 1) < statistic_error

    def replicate(seed: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (_mean, np.random.default_rng(seed).normal(size=100)), {}

    return Example(
        args=(_mean, x),
        data=("data",),
        truth=truth,
        replicate=replicate,
        true_value=0.0,
        allowed={f"data:{label}": STATISTIC for label in ("nan", "inf", "ndim", "text")},
    )


def bootstrap() -> Example:
    # A standard deviation of 200 replicates has a relative standard error of 1 / sqrt(400): four of them.
    return _of_rows(0.2)


def jackknife_blocks() -> Example:
    # With 19 degrees of freedom 1 / sqrt(38): four of them.
    return _of_rows(0.65)


def batch_means() -> Example:
    def series(seed: int) -> NDArray[np.float64]:
        noise = np.random.default_rng(seed).normal(size=2000)
        out = np.empty(2000)
        out[0] = noise[0] / np.sqrt(0.75)
        for t in range(1, 2000):
            out[t] = 0.5 * out[t - 1] + noise[t]
        return out

    def truth(result: Any) -> None:
        # The asymptotic standard error is 1 / (1 - 0.5) / sqrt(2000); with 19 degrees of freedom 4 / sqrt(38) of it.
        assert abs(result.stderr / (2 / np.sqrt(2000)) - 1) < 0.65

    return Example(
        args=(series(0),),
        data=("x",),
        truth=truth,
        replicate=lambda seed: ((series(seed),), {}),
        true_value=0.0,
    )
