"""Examples of the games: a model of eight features whose exact values are known by enumeration."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..games import MarginalGame
from ..games import exact_values as exact
from ..testing import Example


def _model(X: Any) -> Any:
    """Main effects and interactions of up to four features, summed the same way for any number of rows."""
    return X[:, 0] + X[:, 1] * X[:, 2] + np.maximum(X[:, 3] + X[:, 4] - X[:, 5], 0.0) * X[:, 6] + X[:, 7] ** 2


def shapley() -> Example:
    rng = np.random.default_rng(0)
    game = MarginalGame(_model, rng.normal(size=8), rng.normal(size=(20, 8)))
    values = np.asarray(exact(game).values)

    def truth(result: Any) -> None:
        # Of 8 players the largest |t| with some 60 degrees of freedom passes 6 once in a million runs.
        assert (np.abs(result.values - values) <= 6 * result.stderr + 1e-9).all()
        assert abs(result.values.sum() - values.sum()) < 1e-9

    return Example(args=(game,), kwargs={"method": "kernel", "budget": 150}, truth=truth)


def exact_values() -> Example:
    """A model of two features and their product: the pair's value is the product's coefficient, halved for each."""
    game = MarginalGame(_product, np.ones(2), np.zeros((1, 2)))

    def truth(result: Any) -> None:
        np.testing.assert_allclose(result.values, [3.0, 4.0], rtol=1e-14)  # 1 + 4/2, 2 + 4/2

    return Example(args=(game,), truth=truth)


def _product(X: np.ndarray[Any, Any]) -> Any:
    return X[:, 0] + 2 * X[:, 1] + 4 * X[:, 0] * X[:, 1]
