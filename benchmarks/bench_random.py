"""asv: random numbers, elementary functions, import."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

import pondera as po
from pondera import _core


class Elementwise:
    params = (["exp", "log", "log1p", "expm1"], [1, 2])
    param_names = ("function", "workers")

    def setup(self, function: str, workers: int) -> None:
        self.x = np.abs(np.random.default_rng(0).normal(size=1_000_000))

    def time_array(self, function: str, workers: int) -> None:
        getattr(_core.random, function)(self.x, workers)


class Draws:
    params = ("bits", "uniform", "normal", "gumbel")
    param_names = ("kind",)

    def setup(self, kind: str) -> None:
        self.stream = po.random.Key(1, 2).stream(11)
        self.index = np.arange(1_000_000, dtype=np.uint64)

    def time_draws(self, kind: str) -> None:
        getattr(self.stream, kind)(self.index)


class Sum:
    def setup(self) -> None:
        self.x = np.random.default_rng(0).normal(size=10_000_000)

    def time_blocked_sum(self) -> None:
        _core.random.sum(self.x, 2)


class Import:
    timeout = 120

    def time_import(self) -> None:
        subprocess.run([sys.executable, "-c", "import pondera"], check=True)

    def time_import_numpy_alone(self) -> None:
        subprocess.run([sys.executable, "-c", "import numpy"], check=True)
