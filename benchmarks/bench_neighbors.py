"""asv: exact neighbours, counts, divergences."""

from __future__ import annotations

import numpy as np

import pondera as po


def normal(n: int, d: int, dtype: str = "float64", seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)).astype(dtype)


class Neighbours:
    params = ([(20_000, 3), (20_000, 10), (10_000, 64), (4_000, 512)], ["float32", "float64"])
    param_names = ("shape", "dtype")
    timeout = 120

    def setup(self, shape: tuple[int, int], dtype: str) -> None:
        self.query, self.points = normal(*shape, dtype), normal(*shape, dtype, 1)

    def time_knn(self, shape: tuple[int, int], dtype: str) -> None:
        po.knn(self.query, self.points, 5)


class Algorithms:
    params = (["brute", "kdtree"], ["euclidean", "cityblock", "chebyshev", "minkowski"], [2, 5, 10])
    param_names = ("algorithm", "metric", "d")

    def setup(self, algorithm: str, metric: str, d: int) -> None:
        self.points = normal(5_000, d)
        self.options = {"algorithm": algorithm, "metric": metric, "p": 3.0 if metric == "minkowski" else None}

    def time_knn(self, algorithm: str, metric: str, d: int) -> None:
        po.knn(self.points, self.points, 5, exclude="self", **self.options)

    def time_count(self, algorithm: str, metric: str, d: int) -> None:
        po.radius_count(self.points, self.points, 0.5, **self.options)


class ManyNeighbours:
    def setup(self) -> None:
        self.points = normal(4_000, 2)

    def time_two_hundred(self) -> None:
        po.knn(self.points, self.points, 200, exclude="self")


class Line:
    def setup(self) -> None:
        self.points = normal(100_000, 1)

    def time_count(self) -> None:
        po.radius_count(self.points, self.points, 0.1)


class Divergences:
    params = ([(20_000, 3), (5_000, 10), (2_000, 64)],)
    param_names = ("shape",)

    def setup(self, shape: tuple[int, int]) -> None:
        self.X, self.Y = normal(*shape), normal(*shape, seed=1) + 0.2

    def time_kl(self, shape: tuple[int, int]) -> None:
        po.kl_divergence(self.X, self.Y, rng=0)

    def time_kl_without_standard_error(self, shape: tuple[int, int]) -> None:
        po.kl_divergence(self.X, self.Y, n_blocks=0)

    def time_renyi(self, shape: tuple[int, int]) -> None:
        po.renyi_divergence(self.X, self.Y, 0.5, rng=0)

    def time_entropy(self, shape: tuple[int, int]) -> None:
        po.entropy_knn(self.X, rng=0)
