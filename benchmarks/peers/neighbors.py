"""Exact neighbours and k-NN divergences beside SciPy, scikit-learn, FAISS, npeet_plus and the lines that users write.

Our divergences are timed with their standard errors, which no peer gives, and without.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

import pondera as po
from benchmarks.peers._timing import compare


def _peer(module: str) -> Any:
    """The module, or None where the peer is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


def normal(n: int, d: int, seed: int, dtype: Any = np.float64) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)).astype(dtype)


def scipy_knn(query: np.ndarray, points: np.ndarray, k: int) -> np.ndarray:
    from scipy.spatial import cKDTree

    return cKDTree(points).query(query, k, workers=-1)[0]


def sklearn_knn(query: np.ndarray, points: np.ndarray, k: int, algorithm: str) -> np.ndarray:
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(n_neighbors=k, algorithm=algorithm, n_jobs=-1).fit(points).kneighbors(query)[0]


def faiss_knn(query: np.ndarray, points: np.ndarray, k: int) -> np.ndarray:
    import faiss

    index = faiss.IndexFlatL2(points.shape[1])
    index.add(points)
    return np.sqrt(np.maximum(index.search(query, k)[0], 0))


def lines_kl(X: np.ndarray, Y: np.ndarray, k: int, search: Any) -> float:
    rho, nu = search(X, X, k + 1)[:, k], search(X, Y, k)[:, k - 1]
    return X.shape[1] * float(np.mean(np.log(nu) - np.log(rho))) + math.log(len(Y) / (len(X) - 1))


def our_kl(X: np.ndarray, Y: np.ndarray, n_blocks: int = 20) -> float:
    return po.kl_divergence(X, Y, n_blocks=n_blocks, rng=0).value


def npeet_kl(X: np.ndarray, Y: np.ndarray) -> float:
    import npeet_plus

    return float(npeet_plus.kldiv(X, Y, k=5, base=math.e))


def rows() -> Iterator[dict[str, Any]]:
    # scikit-learn before FAISS: after FAISS is imported, its brute force keeps to one core.
    for n, d, scipy_target, sklearn_target in ((20_000, 3, 1.0, 3.0), (20_000, 10, None, 2.0), (10_000, 64, None, 1.5)):
        x, y = normal(n, d, 0), normal(n, d, 1)
        ours = partial(po.knn, x, y, 5)
        name = f"5 neighbours, {n // 1000}k x {n // 1000}k, d = {d}, float64"
        if d < 64:
            yield compare(name, "SciPy cKDTree", ours, partial(scipy_knn, x, y, 5), scipy_target, agree=1e-9)
        if _peer("sklearn"):
            kind = "kd_tree" if d == 3 else "brute"
            yield compare(
                name, f"scikit-learn {kind}", ours, partial(sklearn_knn, x, y, 5, kind), sklearn_target, agree=1e-6
            )
    x, y = normal(10_000, 512, 0), normal(10_000, 512, 1)
    if _peer("sklearn"):
        yield compare(
            "5 neighbours, 10k x 10k, d = 512, float64",
            "scikit-learn brute",
            partial(po.knn, x, y, 5),
            partial(sklearn_knn, x, y, 5, "brute"),
            1.2,
            agree=1e-6,
        )
    for n, d, target in ((20_000, 3, 2.0), (20_000, 10, None), (10_000, 64, None)):
        X, Y = normal(n, d, 0), normal(n, d, 1) + 0.2
        name = f"KL divergence, {n // 1000}k, d = {d}"
        if d == 3:
            lines = partial(lines_kl, X, Y, 5, scipy_knn)
            yield compare(name, "lines on cKDTree", partial(our_kl, X, Y), lines, target, agree=1e-9)
            yield compare(
                f"{name}, no standard error", "lines on cKDTree", partial(our_kl, X, Y, 0), lines, target, agree=1e-9
            )
        if _peer("npeet_plus") and d < 64:  # by the maximum norm: another number
            yield compare(name, "npeet_plus", partial(our_kl, X, Y), partial(npeet_kl, X, Y), 4.0 if d == 3 else 8.0)
    if _peer("faiss") is None:
        return
    for n, d, target in ((20_000, 10, 2.5), (10_000, 64, 1.5), (10_000, 512, 1.0)):
        x, y = normal(n, d, 0, np.float32), normal(n, d, 1, np.float32)
        yield compare(
            f"5 neighbours, {n // 1000}k x {n // 1000}k, d = {d}, float32",
            "FAISS",
            partial(po.knn, x, y, 5),
            partial(faiss_knn, x, y, 5),
            target,
            agree=1e-3,
        )
        if d < 512:
            y = y + np.float32(0.2)
            yield compare(
                f"KL divergence, {n // 1000}k, d = {d}, float32",
                "lines on FAISS",
                partial(our_kl, x, y),
                partial(lines_kl, x, y, 5, faiss_knn),
                {10: 2.5, 64: 1.5}[d],
                agree=1e-3,
            )
