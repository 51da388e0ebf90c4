"""The clock of the comparisons: both sides take turns, medians, outputs compared."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np


def _first(result: Any) -> np.ndarray:
    return np.asarray(result[0] if isinstance(result, tuple) else result)


def compare(
    name: str,
    peer: str,
    ours: Callable[[], Any],
    theirs: Callable[[], Any],
    target: float | None,
    *,
    agree: float | None = None,
    floor_s: float | None = None,
    seconds: float = 3.0,
) -> dict[str, Any]:
    """One row. With `agree`, the first outputs must be equal within that relative error: faster and wrong fails."""
    left, right = ours(), theirs()  # warm up
    if agree is not None:
        np.testing.assert_allclose(_first(left), _first(right), rtol=agree, atol=agree)
    del left, right
    times: tuple[list[float], list[float]] = ([], [])
    until = time.perf_counter() + seconds
    while len(times[0]) < 3 or (time.perf_counter() < until and len(times[0]) < 50):
        for call, into in zip((ours, theirs), times):
            start = time.perf_counter()
            call()
            into.append(time.perf_counter() - start)
    ours_s, peer_s = (statistics.median(t) for t in times)
    row = {"name": name, "peer": peer, "ours_s": ours_s, "peer_s": peer_s, "ratio": peer_s / ours_s, "target": target}
    return row if floor_s is None else {**row, "floor_s": floor_s}
