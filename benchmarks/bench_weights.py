"""asv: weights and resampling, by size and threads."""

from __future__ import annotations

import numpy as np

import pondera as po


def log_weights(n: int, scale: float = 1.0) -> np.ndarray:
    return np.random.default_rng(0).normal(0.0, scale, n)


class Summaries:
    params = ([10_000, 1_000_000], [1, 2])
    param_names = ("n", "workers")

    def setup(self, n: int, workers: int) -> None:
        self.weights = po.Weights(log_weights(n))

    def time_ess(self, n: int, workers: int) -> None:
        with po.threads(workers):
            _ = self.weights.ess

    def time_normalized(self, n: int, workers: int) -> None:
        with po.threads(workers):
            _ = self.weights.normalized

    def peakmem_normalized(self, n: int, workers: int) -> None:
        _ = self.weights.normalized


class Psis:
    params = ([(1, 1_000_000), (1000, 4000)], [1, 2])
    param_names = ("shape", "workers")

    def setup(self, shape: tuple[int, int], workers: int) -> None:
        self.log_weights = log_weights(shape[0] * shape[1]).reshape(shape)

    def time_psis(self, shape: tuple[int, int], workers: int) -> None:
        po.psis(self.log_weights, workers=workers)


class Resample:
    params = (
        ["multinomial", "stratified", "systematic", "residual", "ssp", "killing"],
        [(1, 1_000_000), (1000, 1000)],
        [1, 2],
    )
    param_names = ("scheme", "shape", "workers")

    def setup(self, scheme: str, shape: tuple[int, int], workers: int) -> None:
        self.log_weights = log_weights(shape[0] * shape[1]).reshape(shape)

    def time_resample(self, scheme: str, shape: tuple[int, int], workers: int) -> None:
        po.resample(self.log_weights, scheme=scheme, rng=0, workers=workers)

    def peakmem_resample(self, scheme: str, shape: tuple[int, int], workers: int) -> None:
        po.resample(self.log_weights, scheme=scheme, rng=0, workers=workers)


class Sampling:
    params = (1, 2)
    param_names = ("workers",)

    def setup(self, workers: int) -> None:
        self.log_weights = log_weights(1_000_000)
        self.table = po.AliasTable(np.exp(self.log_weights))
        self.inclusion = po.inclusion_probabilities(np.exp(self.log_weights), 10_000)
        self.parents = np.random.default_rng(0).integers(0, 1000, (1000, 1000))

    def time_alias_draw(self, workers: int) -> None:
        self.table.draw(1_000_000, rng=0, workers=workers)

    def time_without_replacement(self, workers: int) -> None:
        po.sample_without_replacement(self.log_weights, 10_000, rng=0, workers=workers)

    def time_reservoir_in_ten_chunks(self, workers: int) -> None:
        reservoir = po.WeightedReservoir(10_000, rng=0)
        for chunk in np.split(self.log_weights, 10):
            reservoir.update(np.arange(len(chunk)), chunk)

    def time_pps(self, workers: int) -> None:
        po.sample_pps(self.inclusion, rng=0, workers=workers)

    def time_ancestor_paths(self, workers: int) -> None:
        po.ancestor_paths(self.parents, workers=workers)
