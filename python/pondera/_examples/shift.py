"""Examples of `pondera.shift` for the conformance kit."""

from __future__ import annotations

import numpy as np

import pondera as po
from pondera.testing import Example


def density_ratio() -> Example:
    """N(0, 1) to N(0.5, 1): w(x) = exp(x/2 - 1/8)."""
    rng = np.random.default_rng(3)
    source, target = rng.normal(size=(1000, 1)), rng.normal(0.5, 1.0, size=(1000, 1))

    def truth(weights: po.Weights) -> None:
        exact = np.exp(0.5 * source[:, 0] - 0.125)
        error = np.linalg.norm(np.exp(weights.log_weights) - exact) / np.linalg.norm(exact)
        # Three fitted coefficients with errors near 2/sqrt(800) = .07 each, on features of order 1.
        assert error < 0.3
        assert weights.diagnostics["auc"].value > 0.55

    return Example(
        args=(source, target),
        kwargs={},
        data=("X_source", "X_target"),
        truth=truth,
    )
