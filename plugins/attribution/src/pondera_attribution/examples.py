"""Example calls of the plugin's methods: what `pondera.testing.check_method` runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from pondera.testing import Example

_SIZE = (12, 16)
_GRID = (3, 4)


def _weights() -> np.ndarray[Any, Any]:
    """One weight a pixel, the same inside a cell: the first cell counts, two others a little."""
    cells = np.zeros(_GRID)
    cells[0, 0], cells[1, 2], cells[2, 3] = 1.0, 0.5, -0.25
    return np.kron(cells, np.ones((4, 4))) / 16


def _score(images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray((np.asarray(images, dtype=np.float64).sum(axis=1) * _weights()).sum(axis=(1, 2)))


def rise() -> Example:
    """A linear model of the cells: "centered" gives its coefficients."""

    def truth(result: Any) -> None:
        # Of 192 pixels, 12 of them independent, the largest |z| of a correct map exceeds 5 once in 1e5 runs.
        z = (result.values - 16 * _weights()) / result.stderr
        assert np.abs(z).max() < 5

    return Example(
        args=(_score, np.ones((1, *_SIZE))),
        kwargs={"n_masks": 1000, "grid": _GRID, "shift": False, "interpolation": "nearest", "normalize": "centered"},
        data=("image",),
        truth=truth,
        coverage={
            "level": 0.95,
            "coverage": 0.949,
            "runs": 1000,
            "reason": "share of the 12 cells' coefficients inside the interval, measured with seeds 0 to 999",
        },
    )
