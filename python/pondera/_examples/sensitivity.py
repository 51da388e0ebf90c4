"""Examples of the core's methods of sensitivity analysis."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..sensitivity import saltelli_design as design_of
from ..testing import Example


def sobol_sequence() -> Example:
    def truth(points: Any) -> None:
        assert points.shape == (256, 3)
        # A scrambled net: each 256th of each axis holds one point.
        assert (np.sort(np.floor(256 * points), axis=0) == np.arange(256)[:, None]).all()

    return Example(args=(256, 3), truth=truth)


def sobol_indices() -> Example:
    design = design_of(1024, 3, sampler="mc", rng=0)
    y = design.X @ np.array([3.0, 4.0, 0.0])

    def truth(indices: Any) -> None:
        for name in ("first", "total"):
            error = np.abs(getattr(indices, name) - [0.36, 0.64, 0.0])
            assert (error <= 4 * getattr(indices, f"{name}_stderr")).all()

    return Example(args=(design, y), kwargs={"interval": "bootstrap"}, data=("y",), truth=truth)


def sobol_from_data() -> Example:
    X = np.random.default_rng(0).random((2000, 3))
    y = X @ np.array([3.0, 4.0, 0.0])

    def truth(indices: Any) -> None:
        np.testing.assert_allclose(indices.first, [0.36, 0.64, 0.0], atol=0.1)  # standard errors of 0.02

    return Example(args=(X, y), data=("X", "y"), truth=truth)


def saltelli_design() -> Example:
    def truth(design: Any) -> None:
        A, B, *mixed = design.X.reshape(5, 64, 3)  # A, B, and A with one column of B
        for j, AB in enumerate(mixed):
            expected = A.copy()
            expected[:, j] = B[:, j]
            np.testing.assert_array_equal(AB, expected)

    return Example(args=(64, 3), truth=truth)


def _linear(X: np.ndarray[Any, Any]) -> Any:
    return 3 * X[:, 0] + 4 * X[:, 1]


def sobol() -> Example:
    def truth(indices: Any) -> None:
        for values in (indices.first, indices.total):
            np.testing.assert_allclose(values, [0.36, 0.64, 0.0], atol=0.02)

    return Example(args=(_linear, [(0.0, 1.0)] * 3), kwargs={"n": 2048}, truth=truth)
