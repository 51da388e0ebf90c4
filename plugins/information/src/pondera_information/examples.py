"""Example calls of the plugin's methods: what `pondera.testing.check_method` runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from pondera.testing import Example

_ROWS = 200


def _samples(seed: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """N(0, 1) and N(1, 1), whose Renyi divergence of order 1/2 is 0.25."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(_ROWS, 1)), rng.normal(1.0, size=(_ROWS, 1))


def _example(mean: float) -> Example:
    def truth(result: Any) -> None:
        # The interval is about the estimator's mean; a t of 30 degrees exceeds 5 once in 4e4 runs.
        assert abs(result.value - mean) < 5 * result.stderr

    return Example(
        args=_samples(0),
        data=("X", "Y"),
        truth=truth,
        replicate=lambda seed: (_samples(seed), {}),
        true_value=mean,
    )


def nnr_divergence() -> Example:
    """Standard errors describe the scatter about the estimator's mean, here 0.292 over 400 other seeds."""
    return _example(0.292)


def ensemble_nnr_divergence() -> Example:
    """The mean over 400 other seeds is 0.225, nearer to 0.25."""
    return _example(0.225)
