"""asv: intervals for proportions, multiple tests, and the command line's start."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

import pondera as po


class Intervals:
    params = ("clopper_pearson", "wilson")
    param_names = ("interval",)

    def setup(self, interval: str) -> None:
        self.n = np.random.default_rng(0).integers(1, 10_000, size=100_000)
        self.k = self.n // 3

    def time_100_000_pairs(self, interval: str) -> None:
        getattr(po.stats, interval)(self.k, self.n)


class ManyTests:
    params = ("holm", "simes", "fisher_combine", "e_bh")
    param_names = ("test",)

    def setup(self, test: str) -> None:
        p = np.random.default_rng(0).uniform(size=(1000, 1000))
        self.values = 1 / p if test == "e_bh" else p

    def time_1000_rows_of_1000(self, test: str) -> None:
        getattr(po.stats, test)(self.values)


class CommandLine:
    timeout = 120

    def time_list(self) -> None:
        subprocess.run([sys.executable, "-m", "pondera", "list"], check=True, stdout=subprocess.DEVNULL)
