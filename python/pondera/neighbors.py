"""Exact nearest neighbours and counts within a radius: brute force and k-d tree with one answer.

Distances are sums over coordinates in float64 of the rows as given, in one fixed arithmetic; neighbours are ordered by
(distance, index). The result is therefore unique: the same for brute force and tree, for any number of threads, any
tile size and any instruction set, and duplicates are at distance 0 exactly. A query leaves a point out by its index
(``exclude``), never by "dropping the first column": with duplicates that is not always the point itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from ._workers import resolve
from .arrays import as_array, as_float, as_index, as_integer, like
from .results import KNN

__all__ = ["LabeledKNN", "NeighborIndex", "knn", "radius_count"]

_EUCLIDEAN, _SQEUCLIDEAN, _CITYBLOCK, _CHEBYSHEV, _MINKOWSKI, _INNER_PRODUCT = range(6)
_CODES = {
    "euclidean": _EUCLIDEAN,
    "sqeuclidean": _SQEUCLIDEAN,
    "cityblock": _CITYBLOCK,
    "chebyshev": _CHEBYSHEV,
    "minkowski": _MINKOWSKI,
    "cosine": _SQEUCLIDEAN,  # of unit rows, halved
    "inner_product": _INNER_PRODUCT,
}
METRICS = tuple(_CODES)
ALGORITHMS = ("auto", "brute", "kdtree")
_TREE_DIMENSIONS = 64
_MEMORY = 256 * 2**20


class LabeledKNN(NamedTuple):
    """Nearest neighbours, nearest first: `distances`, int64 `indices` and `labels`, each ``(m, k)``."""

    distances: Any
    indices: Any
    labels: Any


@dataclass(frozen=True)
class Metric:
    """A checked metric: the kernel's code, its exponent, and what turns the kernel's distance into the metric's."""

    name: str
    code: int
    p: float
    scale: float = 1.0


def check_metric(metric: str, p: float | None, d: int) -> Metric:
    """The metric called `metric`; Minkowski's special cases and one dimension become the simplest equal one."""
    if metric not in _CODES:
        raise ValueError(f"metric: expected one of {', '.join(METRICS)}, received {metric!r}")
    if metric != "minkowski":
        if p is not None:
            raise ValueError(f"p: only the minkowski metric has an exponent, received p={p!r} with metric={metric!r}")
        code, exponent = _CODES[metric], 2.0
    else:
        if p is None:
            raise ValueError("p: the minkowski metric needs its exponent p >= 1")
        exponent = float(p)
        if not exponent >= 1.0:
            raise ValueError(f"p: expected a number of at least 1 (below it is no metric), received {p}")
        code = {1.0: _CITYBLOCK, 2.0: _EUCLIDEAN, np.inf: _CHEBYSHEV}.get(exponent, _MINKOWSKI)
    if d == 1 and code in (_EUCLIDEAN, _CITYBLOCK, _MINKOWSKI):
        code = _CHEBYSHEV  # |x - y| in all of them
    return Metric(metric, code, exponent, 0.5 if metric == "cosine" else 1.0)


def _rows(x: Any, name: str) -> NDArray[Any]:
    """Validated rows, float32 or float64."""
    array = as_float(x, name, ndim=2, finite=True)
    if array.shape[0] == 0 or array.shape[1] == 0:
        raise ValueError(f"{name}: expected at least one row and one column, received shape {array.shape}")
    return array


class _Points:
    """Rows made ready for one metric, with the tree or the sorted line on demand. Borrows the rows."""

    n: int
    d: int

    def __init__(self, rows: NDArray[Any], metric: str, p: float | None, algorithm: str, workers: int | None) -> None:
        if algorithm not in ALGORITHMS:
            raise ValueError(f"algorithm: expected one of {', '.join(ALGORITHMS)}, received {algorithm!r}")
        self.n, self.d = rows.shape
        self.metric = check_metric(metric, p, self.d)
        self.dtype = rows.dtype
        self.rows = self._unit(rows, "points", workers)
        self.algorithm = self._choose(algorithm)
        self.tree = _core.neighbors.build_tree(self.rows, resolve(workers)) if self.algorithm == "kdtree" else None

    def _choose(self, algorithm: str) -> str:
        if algorithm == "kdtree":
            if self.metric.name == "inner_product":
                raise ValueError("algorithm: the inner product has no tree; use 'brute'")
            if self.d > _TREE_DIMENSIONS:
                raise ValueError(f"algorithm: the tree takes up to {_TREE_DIMENSIONS} columns, received {self.d}")
        if algorithm == "auto":
            tree = self.d <= 15 and self.n >= 2000 and self.metric.name != "inner_product"
            return "kdtree" if tree else "brute"
        return algorithm

    def _unit(self, rows: NDArray[Any], name: str, workers: int | None) -> NDArray[Any]:
        """Rows of length 1 for the cosine."""
        if self.metric.name != "cosine":
            return rows
        zero = ~rows.any(axis=1)
        if zero.any():
            raise ValueError(f"{name}: row {int(np.argmax(zero))} is zero and has no direction; drop it for the cosine")
        return np.asarray(_core.neighbors.unit_rows(rows, resolve(workers)))

    @cached_property
    def line(self) -> NDArray[np.float64]:
        """The one column, sorted."""
        return np.sort(self.rows[:, 0].astype(np.float64))

    def queries(self, query: Any, name: str, workers: int | None) -> tuple[NDArray[Any], NDArray[Any], bool]:
        """Queries and points in one type, and whether results are float32."""
        rows = _rows(query, name)
        if rows.shape[1] != self.d:
            raise ValueError(f"{name}: expected {self.d} columns like the points, received {rows.shape[1]}")
        single = rows.dtype == np.float32 and self.dtype == np.float32
        rows = self._unit(rows, name, workers)
        if rows.dtype != self.rows.dtype:
            return rows.astype(np.float64), self.rows.astype(np.float64), single
        return rows, self.rows, single

    def excluded(self, exclude: Any, m: int) -> NDArray[np.int64] | None:
        if exclude is None:
            return None
        if isinstance(exclude, str):
            if exclude != "self":
                raise ValueError(f"exclude: expected None, 'self' or an array of indices, received {exclude!r}")
            if m != self.n:
                raise ValueError(f"exclude: 'self' means that the {m} queries are the {self.n} points themselves")
            return np.arange(m, dtype=np.int64)
        rows = as_index(exclude, "exclude", ndim=1).copy()
        if len(rows) != m:
            raise ValueError(f"exclude: expected {m} indices, one a query, received {len(rows)}")
        if rows.min() < -1 or rows.max() >= self.n:
            raise ValueError(f"exclude: expected indices in [0, {self.n}) or -1, received {rows.min()} to {rows.max()}")
        return rows

    def knn(
        self, query: Any, k: Any, exclude: Any, max_memory: Any, workers: int | None
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], bool]:
        """Distances in float64, indices, and whether the caller's rows are float32."""
        threads = resolve(workers)
        k = as_integer(k, "k", 1)
        memory = as_integer(max_memory, "max_memory", 1)
        rows, points, single = self.queries(query, "query", workers)
        skip = self.excluded(exclude, len(rows))
        most = self.n - (1 if skip is not None and skip.max() >= 0 else 0)
        if k > most:
            left = " besides the excluded one" if most < self.n else ""
            raise ValueError(f"k: expected 1 to {most}, as there are {most} points{left}; received {k}")
        code, p = self.metric.code, self.metric.p
        if self.tree is not None:
            found = _core.neighbors.knn_tree(rows, self.tree, k, code, p, skip, threads)
        else:
            found = _core.neighbors.knn_brute(rows, points, k, code, p, skip, memory, threads)
        distances, indices = found
        if self.metric.scale != 1.0:
            distances *= self.metric.scale
        return distances, indices, single

    def count(
        self, query: Any, radii: Any, strict: bool, exclude: Any, workers: int | None, *, farthest: bool = False
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Counts; with `farthest` also the largest distance counted, and radii are float64 whatever the rows."""
        threads = resolve(workers)
        rows, points, single = self.queries(query, "query", workers)
        m = len(rows)
        bounds = as_float(radii, "radii", ndim=(0, 1)).astype(np.float64)
        if bounds.ndim == 1 and len(bounds) != m:
            raise ValueError(f"radii: expected one number or {m}, one a query; received {len(bounds)}")
        if np.isnan(bounds).any():
            raise ValueError("radii: NaN is no radius")
        if self.metric.name != "inner_product" and (bounds < 0).any():
            raise ValueError(f"radii: expected non-negative numbers, received {bounds.min()}")
        bounds = np.ascontiguousarray(np.broadcast_to(bounds / self.metric.scale, (m,)))
        skip = self.excluded(exclude, m)
        single = single and not farthest
        code, p = self.metric.code, self.metric.p
        if self.d == 1 and code == _CHEBYSHEV and not farthest:
            found = _core.neighbors.count_line(
                rows, self.line, points, bounds, bool(strict), code, single, skip, threads
            )
        elif self.tree is not None:
            found = _core.neighbors.count_tree(
                rows, self.tree, bounds, bool(strict), code, p, single, skip, farthest, threads
            )
        else:
            found = _core.neighbors.count_brute(
                rows, points, bounds, bool(strict), code, p, single, skip, farthest, threads
            )
        return found


def _as_given(distances: NDArray[np.float64], single: bool) -> NDArray[Any]:
    """float32 rows give float32 distances."""
    if not single:
        return distances
    with np.errstate(over="ignore", under="ignore"):
        return distances.astype(np.float32)


class NeighborIndex:
    """Points made ready for many searches: a k-d tree, or rows for the tiled brute force.

    Parameters
    ----------
    points : array_like, shape (n, d)
        float32 or float64. Copied.
    metric, p
        As in `knn`.
    algorithm : {"auto", "brute", "kdtree"}
        As in `knn`.
    workers : int, optional
        Threads that build the tree.

    Attributes
    ----------
    algorithm : {"brute", "kdtree"}
        What was chosen.
    metric : str
    n, d : int
        Rows and columns of the points.

    Raises
    ------
    ValueError
        For NaN, infinities, empty or one-dimensional points, unknown names.

    Notes
    -----
    Building the tree costs O(n d log n). An index can be pickled and used from many threads at once.

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> index = po.NeighborIndex(np.array([[0.0], [1.0], [3.0], [3.0]]))
    >>> index.query([[2.9]], 2).indices
    array([[2, 3]])
    >>> index.count([[2.0]], 1.0)
    array([0])
    >>> index.count([[2.0]], 1.0, strict=False)
    array([3])
    >>> index.query_class([[2.9]], 3, ["a", "b", "c", "c"]).labels
    array([['c', 'c', 'b']], dtype='<U1')
    """

    def __init__(
        self,
        points: ArrayLike,
        *,
        metric: str = "euclidean",
        p: float | None = None,
        algorithm: str = "auto",
        workers: int | None = None,
    ) -> None:
        rows = _rows(points, "points").copy()
        rows.flags.writeable = False
        self._points = _Points(rows, metric, p, algorithm, workers)

    @property
    def algorithm(self) -> str:
        return self._points.algorithm

    @property
    def metric(self) -> str:
        return self._points.metric.name

    @property
    def n(self) -> int:
        return self._points.n

    @property
    def d(self) -> int:
        return self._points.d

    def __len__(self) -> int:
        return self.n

    def __repr__(self) -> str:
        return f"NeighborIndex(n={self.n}, d={self.d}, metric={self.metric!r}, algorithm={self.algorithm!r})"

    def query(
        self,
        query: ArrayLike,
        k: int,
        *,
        exclude: Any = None,
        return_indices: bool = True,
        max_memory: int = _MEMORY,
        workers: int | None = None,
    ) -> KNN:
        """The `k` nearest points of each query; see `knn`."""
        wrap = like(query)
        distances, indices, single = self._points.knn(query, k, exclude, max_memory, workers)
        return KNN(wrap(_as_given(distances, single)), wrap(indices) if return_indices else None)

    def count(
        self,
        query: ArrayLike,
        radii: ArrayLike,
        *,
        strict: bool = True,
        exclude: Any = None,
        workers: int | None = None,
    ) -> Any:
        """The number of points within each query's radius; see `radius_count`."""
        return like(query)(self._points.count(query, radii, strict, exclude, workers)[0])

    def query_class(
        self,
        query: ArrayLike,
        k: int,
        labels: ArrayLike,
        *,
        exclude: Any = None,
        max_memory: int = _MEMORY,
        workers: int | None = None,
    ) -> LabeledKNN:
        """The `k` nearest points of each query with their labels, nearest first, ties by index.

        Cumulative counts of a label along the last axis give every smaller k for the price of one search.

        Parameters
        ----------
        query, k, exclude, max_memory, workers
            As in `knn`.
        labels : array_like, shape (n,)
            One label a point: numbers, booleans or strings.

        Returns
        -------
        LabeledKNN
            `distances`, `indices` and `labels`, each ``(m, k)``.

        Raises
        ------
        ValueError
            If there is not one label for each point.
        """
        names = as_array(labels, "labels", kind="any", ndim=1)
        if len(names) != self.n:
            raise ValueError(f"labels: expected {self.n} labels, one a point; received {len(names)}")
        wrap = like(query)
        distances, indices, single = self._points.knn(query, k, exclude, max_memory, workers)
        chosen = names[indices]
        return LabeledKNN(
            wrap(_as_given(distances, single)), wrap(indices), wrap(chosen) if chosen.dtype.kind in "biuf" else chosen
        )


def knn(
    query: ArrayLike,
    points: ArrayLike,
    k: int,
    *,
    metric: str = "euclidean",
    p: float | None = None,
    exclude: Any = None,
    algorithm: str = "auto",
    return_indices: bool = True,
    max_memory: int = _MEMORY,
    workers: int | None = None,
) -> KNN:
    """The `k` nearest points of each query, exactly; ties by index.

    Parameters
    ----------
    query : array_like, shape (m, d)
        float32 or float64; integers become float64. If both arrays are float32, so are the distances.
    points : array_like, shape (n, d)
    k : int
        1 to n, or to n - 1 where a point is excluded.
    metric : {"euclidean", "sqeuclidean", "cityblock", "chebyshev", "minkowski", "cosine", "inner_product"}
        "cosine" is 1 - cos, from 0 to 2. "inner_product" is the negated product: largest products first.
    p : float, optional
        Exponent of "minkowski", at least 1.
    exclude : None, "self" or array_like of int, shape (m,)
        The point that each query must not return, by index: "self" if `query` is `points` (row i never returns i), or
        one index a query, -1 for none.
    algorithm : {"auto", "brute", "kdtree"}
        Only the time depends on it.
    return_indices : bool
        False: `indices` is None.
    max_memory : int
        Bytes of working memory beyond the result, roughly; the arrays of all distances never exist.
    workers : int, optional
        Threads; the result does not depend on it.

    Returns
    -------
    KNN
        `distances` ``(m, k)`` and `indices` ``(m, k)`` int64, nearest first, in the library of `query`.

    Raises
    ------
    ValueError
        For NaN, infinities, empty arrays, unequal columns, `k` out of range, a zero row with "cosine".

    Notes
    -----
    Brute force costs O(m n d), the tree about O(m log n) at low intrinsic dimension. float32 rows are searched in
    float32 with a margin of eight candidates, which are then ranked by float64 distances; so are Euclidean distances
    beyond 16 columns, searched through the expansion of the square. A bound on the rounding decides whether the margin
    sufficed; where it does not, all points are ranked by exact distances. Euclidean distances of coordinates beyond
    1e154 overflow to infinity.

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> points = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [5.0, 5.0]])
    >>> found = po.knn(points, points, 2, exclude="self")
    >>> found.indices
    array([[1, 2],
           [2, 0],
           [1, 0],
           [1, 2]])
    >>> found.distances[1]
    array([0., 1.])
    """
    wrap = like(query)
    prepared = _Points(_rows(points, "points"), metric, p, algorithm, workers)
    distances, indices, single = prepared.knn(query, k, exclude, max_memory, workers)
    return KNN(wrap(_as_given(distances, single)), wrap(indices) if return_indices else None)


def radius_count(
    query: ArrayLike,
    points: ArrayLike,
    radii: ArrayLike,
    *,
    metric: str = "euclidean",
    p: float | None = None,
    strict: bool = True,
    exclude: Any = None,
    algorithm: str = "auto",
    workers: int | None = None,
) -> Any:
    """The number of points within a radius of each query, by the very distances that `knn` returns.

    Parameters
    ----------
    query : array_like, shape (m, d)
    points : array_like, shape (n, d)
    radii : array_like, shape (m,), or float
        For "inner_product" the largest negated product.
    metric, p, exclude, algorithm, workers
        As in `knn`.
    strict : bool
        Count distances below the radius; False: up to and including it.

    Returns
    -------
    ndarray of int64, shape (m,)
        In the library of `query`.

    Raises
    ------
    ValueError
        As for `knn`; for negative or NaN radii.

    Notes
    -----
    With ``r = knn(...).distances[:, -1]`` the strict count is below k and the other at least k, exactly: no point is
    lost or won by rounding. Costs O(log n) a query for one column, else what `knn` costs plus the points counted.

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> x = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> po.radius_count(x, x, 1.0, exclude="self")
    array([0, 0, 0, 0])
    >>> po.radius_count(x, x, 1.0, strict=False, exclude="self")
    array([1, 2, 2, 1])
    """
    wrap = like(query)
    prepared = _Points(_rows(points, "points"), metric, p, algorithm, workers)
    return wrap(prepared.count(query, radii, strict, exclude, workers)[0])
