"""Examples of `pondera.neighbors`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..results import KNN
from ..testing import Example


def knn() -> Example:
    """Points on a line of uneven gaps, moved off the axes by a rotation: neighbours are known by counting."""
    places = np.cumsum(np.arange(1.0, 31.0))  # gaps 2, 3, 4, ...: the nearest other point is the one before
    points = np.column_stack([0.6 * places, 0.8 * places])

    def truth(found: KNN) -> None:
        nearest = np.maximum(np.arange(30) - 1, 0)
        nearest[0] = 1
        np.testing.assert_array_equal(found.indices[:, 0], nearest)
        gaps = np.diff(places)
        np.testing.assert_allclose(found.distances[:, 0], np.concatenate([gaps[:1], gaps]), rtol=1e-5)

    return Example(args=(points, points, 3), kwargs={"exclude": "self"}, data=("query", "points"), truth=truth)


def radius_count() -> Example:
    """The grid of integers in the plane: lattice points of a disk, known since Gauss."""
    x, y = np.meshgrid(np.arange(-6.0, 7.0), np.arange(-6.0, 7.0))
    grid = np.column_stack([x.ravel(), y.ravel()])

    def truth(result: Any) -> None:
        np.testing.assert_array_equal(result, [5, 13, 29, 49, 81])  # radius 1 to 5

    args = (np.zeros((5, 2)), grid, np.arange(1.0, 6.0))
    allowed = {"radii:inf": "every point is inside", "radii:scalar": "one radius for all"}
    names = ("query", "points", "radii")
    return Example(args=args, kwargs={"strict": False}, data=names, truth=truth, allowed=allowed)
