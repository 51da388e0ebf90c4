"""Intervals and multiple tests beside scipy.stats. No target: nobody waits for them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import numpy as np
import scipy.stats

from pondera import stats


def _seconds(function: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    times, result = [], None
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return median(times), result


def rows() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(0)
    n = rng.integers(1, 500, size=300)
    k = rng.binomial(n, 0.3)
    p = rng.uniform(size=(1000, 1000))

    def loop(method: str) -> Any:
        found = [scipy.stats.binomtest(int(a), int(b)).proportion_ci(method=method) for a, b in zip(k, n)]
        return np.array([f.low for f in found]), np.array([f.high for f in found])

    def least_adjusted() -> Any:
        return scipy.stats.false_discovery_control(p, axis=1).min(axis=1)

    def fisher() -> Any:
        return tuple(scipy.stats.combine_pvalues(p, method="fisher", axis=1))

    for name, peer, ours, theirs in (
        ("clopper_pearson, 300 pairs", "scipy binomtest", lambda: stats.clopper_pearson(k, n), lambda: loop("exact")),
        ("wilson, 300 pairs", "scipy binomtest", lambda: stats.wilson(k, n), lambda: loop("wilson")),
        ("simes, 1000 x 1000", "scipy false_discovery_control", lambda: stats.simes(p), least_adjusted),
        ("fisher_combine, 1000 x 1000", "scipy combine_pvalues", lambda: stats.fisher_combine(p), fisher),
    ):
        ours()  # imports
        ours_s, a = _seconds(ours, 5)
        peer_s, b = _seconds(theirs, 3)
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-10)
        yield {"name": name, "peer": peer, "ours_s": ours_s, "peer_s": peer_s, "ratio": peer_s / ours_s}
