"""asv: density ratios by a cross-fitted classifier."""

from __future__ import annotations

import numpy as np

import pondera as po


class Ratio:
    params = (["logistic", "boosting"], [1_000, 20_000], [1, 2])
    param_names = ("classifier", "rows", "workers")
    timeout = 120

    def setup(self, classifier: str, rows: int, workers: int) -> None:
        rng = np.random.default_rng(0)
        self.source, self.target = rng.normal(size=(rows, 10)), rng.normal(0.2, 1.0, size=(rows, 10))

    def time_density_ratio(self, classifier: str, rows: int, workers: int) -> None:
        po.density_ratio(self.source, self.target, classifier=classifier, rng=0, workers=workers)
