"""Nearest neighbours and counts by all distances at once, in JAX."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np


def distances(query, points, metric="euclidean", p=None):
    q = jnp.asarray(np.asarray(query, dtype=np.float64))
    x = jnp.asarray(np.asarray(points, dtype=np.float64))
    if metric == "inner_product":
        return -(q @ x.T)
    if metric == "cosine":
        q, x = (a / jnp.linalg.norm(a, axis=1, keepdims=True) for a in (q, x))
        return ((q[:, None] - x[None]) ** 2).sum(-1) / 2
    gap = jnp.abs(q[:, None] - x[None])
    return {
        "euclidean": lambda: jnp.sqrt((gap**2).sum(-1)),
        "sqeuclidean": lambda: (gap**2).sum(-1),
        "cityblock": lambda: gap.sum(-1),
        "chebyshev": lambda: gap.max(-1),
        "minkowski": lambda: (gap**p).sum(-1) ** (1 / p),
    }[metric]()


def knn(query, points, k, metric="euclidean", p=None, exclude=None):
    """Distances and indices by a lexicographic sort of each row on (distance, index)."""
    D = np.array(distances(query, points, metric, p))
    if exclude is not None:
        rows = np.flatnonzero(np.asarray(exclude) >= 0)
        D[rows, np.asarray(exclude)[rows]] = np.inf
    order = np.stack([np.lexsort((np.arange(D.shape[1]), row))[:k] for row in D])
    return np.take_along_axis(D, order, axis=1), order


def count(query, points, radii, strict, metric="euclidean", p=None, exclude=None):
    D = np.array(distances(query, points, metric, p))
    if exclude is not None:
        D[np.arange(len(D)), exclude] = np.inf
    bound = np.broadcast_to(radii, len(D))[:, None]
    return (np.less if strict else np.less_equal)(D, bound).sum(axis=1)
