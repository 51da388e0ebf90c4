"""Examples of `pondera.divergence`: Gaussians, whose entropies and divergences are known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..results import Estimate
from ..testing import Example

# Intervals describe the scatter about the estimator's own mean and are conservative; see the notes of `kl_divergence`.
_COVERAGE = {"level": 0.95, "runs": 400}
_REASON = "the jackknife of nearest-neighbour statistics is conservative; measured about the estimator's own mean"


def _pair(seed: int, n: int = 300) -> tuple[NDArray[Any], NDArray[Any]]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 2)), rng.normal(0.7, size=(n, 2))


def _near(true_value: float, bias: float) -> Any:
    def truth(estimate: Estimate) -> None:
        assert abs(estimate.value - true_value) < bias + 4 * estimate.stderr

    return truth


def entropy_knn() -> Example:
    """Standard normal in the plane: 1 + log(2 pi)."""
    return Example(
        args=(_pair(0)[0],),
        data=("X",),
        truth=_near(1 + math.log(2 * math.pi), 0.03),
        coverage={**_COVERAGE, "coverage": 0.98, "reason": _REASON},
    )


def kl_divergence() -> Example:
    """Two unit normals 0.7 apart on each axis: 0.49."""
    return Example(
        args=_pair(0),
        data=("X", "Y"),
        truth=_near(0.49, 0.06),
        coverage={**_COVERAGE, "coverage": 0.97, "reason": _REASON},
    )


def renyi_divergence() -> Example:
    """The same at order 0.5: 0.5 * 0.49."""
    return Example(
        args=(*_pair(0), 0.5),
        data=("X", "Y"),
        truth=_near(0.245, 0.03),
        coverage={**_COVERAGE, "coverage": 0.99, "reason": _REASON},
    )
