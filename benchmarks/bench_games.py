"""asv: coalitions, transforms and the samplers without a model's time."""

from __future__ import annotations

import numpy as np

import pondera as po
from pondera import _core


def airport(coalitions):
    return (coalitions * np.arange(1.0, coalitions.shape[1] + 1)).max(axis=1)


class Exact:
    params = ("SV", "BII", "FSII")
    param_names = ("index",)

    def setup(self, index: str) -> None:
        self.game = po.TableGame(np.random.default_rng(0).normal(size=2**18))

    def time_table_of_18_players(self, index: str) -> None:
        po.exact_values(self.game, index=index)


class Transform:
    params = ([16, 20, 22], [1, 2])
    param_names = ("n", "workers")

    def setup(self, n: int, workers: int) -> None:
        self.table = np.random.default_rng(0).normal(size=(1, 2**n))

    def time_moebius(self, n: int, workers: int) -> None:
        _core.games.subset_transform(self.table, n, False, workers)


class Samplers:
    params = ([20, 100], ["permutation", "kernel"])
    param_names = ("n", "method")

    def time_airport_20_000_evaluations(self, n: int, method: str) -> None:
        po.shapley(airport, n, method=method, budget=20_000, rng=0)


class Gram:
    params = ([30, 300], [1, 2])
    param_names = ("n", "workers")

    def setup(self, n: int, workers: int) -> None:
        rng = np.random.default_rng(0)
        self.pairs = _core.games.pack(rng.random((20_000, n)) < 0.5, 1)
        self.weights, self.half = rng.random(20_000), rng.normal(size=(20_000, 1))

    def time_normal_equations_of_20_000_pairs(self, n: int, workers: int) -> None:
        gram, moment = np.zeros((n, n)), np.zeros((n, 1))
        _core.games.normal_equations(self.pairs, self.weights, self.half, gram, moment, workers)


class Rows:
    params = (["array", "frame of one dtype", "frame of several"],)
    param_names = ("kind",)

    def setup(self, kind: str) -> None:
        import pandas as pd

        background = np.random.default_rng(0).normal(size=(100, 30))
        self.masks = np.random.default_rng(1).random((1000, 30)) < 0.5
        self.x, self.background = np.ones(30), background
        if kind != "array":
            self.background = pd.DataFrame(background, columns=[f"c{i}" for i in range(30)])
        if kind == "frame of several":
            self.background["c0"] = self.background["c0"] > 0

    def time_100_000_rows_for_a_free_model(self, kind: str) -> None:
        po.MarginalGame(lambda X: np.zeros(len(X)), self.x, self.background)(self.masks)
