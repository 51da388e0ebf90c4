"""Examples of `pondera.masks`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..testing import Example


def grid_masks() -> Example:
    def truth(masks: Any) -> None:
        block = np.concatenate(list(masks))
        assert block.shape == (400, 12, 16)
        assert block.min() >= 0
        assert block.max() <= 1
        # Of 192 pixels, about 12 of them independent, the largest |z| of a mean of 0.5 passes 5 once in 1e5 runs.
        z = (block.mean(axis=0) - 0.5) / (block.std(axis=0, ddof=1) / 20)
        assert np.abs(z).max() < 5

    return Example(args=(400, (12, 16), (3, 4)), truth=truth)


def upsample_grid() -> Example:
    cells = np.arange(6.0).reshape(2, 3)

    def truth(result: Any) -> None:
        np.testing.assert_array_equal(result, np.kron(cells, np.ones((4, 4))))

    return Example(args=(cells, (8, 12)), kwargs={"mode": "nearest"}, data=("values",), truth=truth)
