"""Examples of the games: a model of eight features whose exact values are known by enumeration."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..games import MarginalGame, exact_values
from ..testing import Example


def _model(X: Any) -> Any:
    """Main effects and interactions of up to four features, summed the same way for any number of rows."""
    return X[:, 0] + X[:, 1] * X[:, 2] + np.maximum(X[:, 3] + X[:, 4] - X[:, 5], 0.0) * X[:, 6] + X[:, 7] ** 2


def shapley() -> Example:
    rng = np.random.default_rng(0)
    game = MarginalGame(_model, rng.normal(size=8), rng.normal(size=(20, 8)))
    values = np.asarray(exact_values(game).values)

    def truth(result: Any) -> None:
        # Of 8 players the largest |t| with some 60 degrees of freedom passes 6 once in a million runs.
        assert (np.abs(result.values - values) <= 6 * result.stderr + 1e-9).all()
        assert abs(result.values.sum() - values.sum()) < 1e-9

    return Example(args=(game,), kwargs={"method": "kernel", "budget": 150}, truth=truth)
