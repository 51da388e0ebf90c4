"""Examples of `pondera.weights`: exact Pareto log-weights, whose figures arviz-stats 0.8 gives too."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..testing import Example

ROWS = "leading axes are independent rows"


def _pareto(k: float = 0.3) -> NDArray[np.float64]:
    return -k * np.log1p(-np.arange(1, 1001) / 1001)


def psis() -> Example:
    def truth(result: Any) -> None:
        assert abs(result.pareto_k - 0.27485508050976964) < 1e-8
        assert abs(np.exp(result.log_weights).sum() - 1) < 1e-12

    return Example(args=(_pareto(),), data=("log_weights",), truth=truth, allowed={"log_weights:ndim": ROWS})


def truncate() -> Example:
    lw = _pareto(0.9)

    def truth(result: Any) -> None:
        bound = math.log(np.exp(lw).mean()) + 0.5 * math.log(1000)
        np.testing.assert_allclose(result, np.minimum(lw, bound), rtol=1e-12)
        assert (result < lw).any()

    return Example(args=(lw,), data=("log_weights",), truth=truth, allowed={"log_weights:ndim": ROWS})


def temper() -> Example:
    def truth(result: Any) -> None:
        w = np.exp(result.log_weights)
        assert abs(w.sum() ** 2 / (w**2).sum() - 900) < 1e-9
        assert 0 < result.alpha < 1

    return Example(args=(_pareto(), 0.9), data=("log_weights",), truth=truth, allowed={"log_weights:ndim": ROWS})


def clip_top() -> Example:
    lw = _pareto()

    def truth(result: Any) -> None:
        assert np.array_equal(result, np.minimum(lw, lw[-30]))

    return Example(args=(lw, 30), data=("log_weights",), truth=truth, allowed={"log_weights:ndim": ROWS})


def pareto_khat() -> Example:
    # Exact quantiles of a Pareto law of index 0.5: see the derivation of .06 in tests/test_weights.py, here with
    # M = 94 instead of 948 excesses, hence sqrt(10) times as wide.
    draws = (1 - (np.arange(1000) + 0.5) / 1000) ** -0.5

    def truth(result: Any) -> None:
        assert abs(result - 0.5) < 0.19

    return Example(args=(draws, "right"), data=("x",), truth=truth, allowed={"x:ndim": "axes are flattened"})


def logsumexp() -> Example:
    x = 1000.0 + np.log(np.arange(1.0, 10_001.0))

    def truth(result: Any) -> None:
        # The integers up to n sum to n (n + 1) / 2; each logarithm is off by half an ulp of 1009, 6e-14.
        assert abs(result - 1000.0 - math.log(10_000 * 10_001 / 2)) < 2e-13

    allowed = {"x:empty": "an empty sum is zero, its logarithm -inf", "x:scalar": "a sum of one", "x:ndim": "all axes"}
    return Example(args=(x,), data=("x",), truth=truth, allowed=allowed)


def khat_threshold() -> Example:
    def truth(result: Any) -> None:
        assert abs(result - 2 / 3) < 1e-15  # 1 - 1 / log10(1000)

    return Example(args=(1000,), truth=truth)


def min_sample_size() -> Example:
    def truth(result: Any) -> None:
        assert abs(result - 100) < 1e-12  # 10^(1 / (1 - 0.5))

    return Example(args=(0.5,), truth=truth)
