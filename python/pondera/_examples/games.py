"""Examples of the games: a table of eight players whose exact values are known."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..games import TableGame, exact_values
from ..testing import Example


def shapley() -> Example:
    game = TableGame(np.random.default_rng(0).normal(size=256) + np.arange(256) % 7)
    values = exact_values(game).values

    def truth(result: Any) -> None:
        # Of 8 players the largest |t| with some 60 degrees of freedom passes 6 once in a million runs.
        assert (np.abs(result.values - values) <= 6 * result.stderr).all()
        total = game.values[-1, 0] - game.values[0, 0]
        assert abs(result.values.sum() - total) < 1e-12

    return Example(args=(game,), kwargs={"method": "kernel", "budget": 150}, truth=truth)
