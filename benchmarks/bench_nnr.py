"""asv: divergences from neighbour counts, with and without their jackknife."""

from __future__ import annotations

import numpy as np
from pondera_information.nnr import ensemble_nnr_divergence, nnr_counts, nnr_divergence


class Divergence:
    params = ([1000, 10_000], [1, 3], [0, 20])
    param_names = ("rows", "d", "blocks")

    def setup(self, rows: int, d: int, blocks: int) -> None:
        rng = np.random.default_rng(0)
        self.X, self.Y = rng.normal(size=(rows, d)), rng.normal(0.5, size=(rows, d))

    def time_single(self, rows: int, d: int, blocks: int) -> None:
        nnr_divergence(self.X, self.Y, n_blocks=blocks, rng=0)

    def time_ensemble(self, rows: int, d: int, blocks: int) -> None:
        ensemble_nnr_divergence(self.X, self.Y, n_blocks=blocks, rng=0)


class Counts:
    params = (1, 2)
    param_names = ("workers",)

    def setup(self, workers: int) -> None:
        rng = np.random.default_rng(0)
        self.X, self.Y = rng.normal(size=(10_000, 5)), rng.normal(0.5, size=(10_000, 5))

    def time_counts(self, workers: int) -> None:
        nnr_counts(self.X, self.Y, 100, rng=0, workers=workers)

    def peakmem_counts(self, workers: int) -> None:
        nnr_counts(self.X, self.Y, 100, rng=0, workers=workers)
