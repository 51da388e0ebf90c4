"""asv: Sobol' sequences, designs and indices."""

from __future__ import annotations

import numpy as np

import pondera as po


class Sequence:
    params = (["owen", "lms", None], [8, 64])
    param_names = ("scramble", "d")

    def setup(self, scramble: str | None, d: int) -> None:
        self.out = np.empty((2**17, d))
        po.sobol_sequence(1, d, rng=0)  # reads the table

    def time_in_place(self, scramble: str | None, d: int) -> None:
        po.sobol_sequence(2**17, d, scramble=scramble, rng=0, out=self.out)

    def time_small(self, scramble: str | None, d: int) -> None:
        po.sobol_sequence(1024, d, scramble=scramble, rng=0)


class Design:
    params = ("sobol", "lhs", "halton", "mc")
    param_names = ("sampler",)

    def time_design(self, sampler: str) -> None:
        po.saltelli_design(2**14, 8, sampler=sampler, rng=0)


class Indices:
    params = ("replicates", "bootstrap")
    param_names = ("interval",)

    def setup(self, interval: str) -> None:
        self.design = po.saltelli_design(2**16, 3, replicates=8 if interval == "replicates" else 1, rng=0)
        X = 2 * np.pi * self.design.X - np.pi
        self.y = np.sin(X[:, 0]) + 7 * np.sin(X[:, 1]) ** 2 + 0.1 * X[:, 2] ** 4 * np.sin(X[:, 0])

    def time_indices(self, interval: str) -> None:
        po.sobol_indices(self.design, self.y, n_boot=100, rng=0)

    def time_from_data(self, interval: str) -> None:
        po.sobol_from_data(self.design.X[:20_000], self.y[:20_000], rng=0)
