"""Exact neighbours and counts: one answer for every algorithm, thread count and instruction set, and the right one."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pondera as po
from pondera import _core
from reference import neighbors as reference

NORMS = {"euclidean": 2, "cityblock": 1, "chebyshev": np.inf}
METRICS = [
    ("euclidean", None),
    ("sqeuclidean", None),
    ("cityblock", None),
    ("chebyshev", None),
    ("minkowski", 3.0),
    ("minkowski", 1.5),
    ("cosine", None),
    ("inner_product", None),
]


def algorithms(metric: str, d: int = 1) -> tuple[str, ...]:
    return ("brute",) if metric == "inner_product" or d > 64 else ("brute", "kdtree")


def normal(n: int, d: int, seed: int = 0, dtype=np.float64) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)).astype(dtype)


@pytest.mark.parametrize("n", [1, 2, 33, 5000])
@pytest.mark.parametrize("d", [1, 2, 3, 8, 17, 64])
def test_distances_equal_ckdtree(n, d):
    spatial = pytest.importorskip("scipy.spatial")
    points, query = normal(n, d), normal(50, d, 1)
    k = min(n, 7)
    for metric, p in [*NORMS.items(), ("minkowski", 3)]:
        theirs, _ = spatial.cKDTree(points).query(query, list(range(1, k + 1)), p=p)
        for algorithm in algorithms(metric):
            ours = po.knn(query, points, k, metric=metric, p=3 if metric == "minkowski" else None, algorithm=algorithm)
            np.testing.assert_allclose(ours.distances, theirs, rtol=1e-12)


@pytest.mark.parametrize("d", [2, 10, 17, 64])
def test_float32_distances_equal_faiss(d):
    faiss = pytest.importorskip("faiss")
    points, query = normal(3000, d, 0, np.float32), normal(200, d, 1, np.float32)
    index = faiss.IndexFlatL2(d)
    index.add(points)
    theirs, _ = index.search(query, 6)
    ours = po.knn(query, points, 6, metric="sqeuclidean")
    assert ours.distances.dtype == np.float32
    np.testing.assert_allclose(ours.distances, theirs, rtol=1e-4)


@pytest.mark.parametrize(("metric", "p"), METRICS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("d", [1, 3, 16, 17, 40])
def test_neighbours_equal_the_reference(metric, p, dtype, d):
    for n, m, k in ((400, 60, 5), (400, 60, 80), (9, 2, 9)):
        points, query = normal(n, d, n, dtype), normal(m, d, 1, dtype)
        distances, indices = reference.knn(query, points, k, metric, p)
        for algorithm in algorithms(metric):
            ours = po.knn(query, points, k, metric=metric, p=p, algorithm=algorithm)
            np.testing.assert_array_equal(ours.indices, indices)
            # float32 results are float64 distances rounded once
            tolerance = 1e-12 if dtype == np.float64 else 2**-24 * 1.01
            np.testing.assert_allclose(ours.distances, distances, rtol=tolerance, atol=1e-14)


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "cityblock", "chebyshev", "inner_product"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("d", [1, 3, 9, 20])
def test_massive_ties_on_a_grid_are_ordered_by_index(metric, dtype, d):
    points = np.random.default_rng(d).integers(0, 3, (700, d)).astype(dtype)
    query = points[:80]
    for exclude, k in ((None, 1), (np.arange(80), 6), (np.arange(80), 200)):
        distances, indices = reference.knn(query, points, k, metric, exclude=exclude)
        for algorithm in algorithms(metric):
            ours = po.knn(query, points, k, metric=metric, exclude=exclude, algorithm=algorithm)
            np.testing.assert_array_equal(ours.indices, indices)
            np.testing.assert_allclose(ours.distances, distances, rtol=2**-24 if dtype == np.float32 else 1e-15)


@pytest.mark.parametrize(("dtype", "shift"), [(np.float64, 1e6), (np.float32, 1e4)])
@pytest.mark.parametrize("d", [3, 16, 17, 40])
def test_a_shift_of_the_origin_changes_no_neighbour(dtype, shift, d):
    # Integers: shifted values and their differences are exact, while |x|^2 - 2xy + |y|^2 has lost every digit.
    rng = np.random.default_rng(d)
    points, query = rng.integers(0, 40, (500, d)), rng.integers(0, 40, (70, d))
    distances, indices = reference.knn(query, points, 5)
    for algorithm in ("brute", "kdtree"):
        moved = po.knn((query + shift).astype(dtype), (points + shift).astype(dtype), 5, algorithm=algorithm)
        np.testing.assert_array_equal(moved.indices, indices)
        np.testing.assert_allclose(moved.distances, distances, rtol=2**-24 if dtype == np.float32 else 1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clusters_far_apart_whose_inner_distances_drown_in_the_expansion(dtype):
    # Two clusters at -+1e4 (1e7) with integer offsets: the rounding of the norms exceeds all inner distances, so that
    # eight spare candidates cannot decide and exact sums must.
    rng = np.random.default_rng(3)
    centre = 1e4 if dtype == np.float32 else 1e7
    side = np.where(rng.integers(0, 2, (600, 1)), centre, -centre)
    points = (side + rng.integers(0, 8, (600, 24))).astype(dtype)
    distances, indices = reference.knn(points, points, 4, exclude=np.arange(600))
    ours = po.knn(points, points, 4, exclude="self", algorithm="brute")
    np.testing.assert_array_equal(ours.indices, indices)
    np.testing.assert_allclose(ours.distances, distances, rtol=2**-23)


@pytest.mark.parametrize("scale", [1e-34, 1e-25, 1e25, 1e37])
@pytest.mark.parametrize("d", [4, 30])
def test_float32_of_any_scale_neither_overflows_nor_underflows(scale, d):
    # Scaling by a power of two changes no digit.
    scale = np.float32(2.0 ** np.round(np.log2(scale)))
    points, query = normal(300, d, 0, np.float32), normal(40, d, 1, np.float32)
    plain, scaled = po.knn(query, points, 5), po.knn(query * scale, points * scale, 5)
    np.testing.assert_array_equal(plain.indices, scaled.indices)
    np.testing.assert_array_equal(plain.distances * scale, scaled.distances)
    wide = po.knn(query, points, 5, metric="inner_product")
    narrow = po.knn(query, points * scale, 5, metric="inner_product")
    np.testing.assert_array_equal(wide.indices, narrow.indices)


def test_an_outlier_does_not_spoil_the_others():
    points = normal(2000, 30, 0, np.float32)
    points[17] = 1e30
    query = normal(50, 30, 1, np.float32)
    _, indices = reference.knn(query, points, 5)
    ours = po.knn(query, points, 5)
    np.testing.assert_array_equal(ours.indices, indices)
    np.testing.assert_array_equal(po.knn(points[17:18], points, 1).indices, [[17]])


@pytest.mark.parametrize("d", [1, 5, 16, 17, 100])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_duplicates_are_at_distance_zero_exactly(d, dtype):
    points = np.repeat(normal(200, d, 0, dtype) * 1e3 + 1e5, 3, axis=0)
    for metric, p in METRICS[:-1]:
        for algorithm in algorithms(metric, d):
            found = po.knn(points, points, 2, metric=metric, p=p, exclude="self", algorithm=algorithm)
            np.testing.assert_array_equal(found.distances, 0.0)
            assert (found.indices != np.arange(600)[:, None]).all()
            if d > 1 or metric != "cosine":  # in one column all directions agree
                assert (found.indices // 3 == np.arange(600)[:, None] // 3).all()


def test_exclusion_is_by_index_and_not_the_first_column():
    points = np.zeros((4, 2))
    found = po.knn(points, points, 3, exclude="self")
    np.testing.assert_array_equal(found.indices, [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])
    np.testing.assert_array_equal(po.knn(points[:2], points, 2, exclude=[1, -1]).indices, [[0, 2], [0, 1]])


@pytest.mark.parametrize(("metric", "p"), METRICS)
@pytest.mark.parametrize("d", [1, 2, 7, 20])
def test_counts_equal_the_reference_and_agree_with_the_neighbours(metric, p, d):
    points, query = normal(900, d, 0), normal(70, d, 1)
    radii = np.quantile(np.asarray(reference.distances(query, points, metric, p)), 0.1, axis=1) + 1e-9
    if metric == "inner_product":
        radii = np.quantile(np.asarray(reference.distances(query, points, metric, p)), 0.1, axis=1)
    for algorithm in algorithms(metric):
        for strict in (True, False):
            ours = po.radius_count(query, points, radii, metric=metric, p=p, strict=strict, algorithm=algorithm)
            np.testing.assert_array_equal(ours, reference.count(query, points, radii, strict, metric, p))
        for dtype in (np.float32, np.float64):
            few, many = query.astype(dtype), points.astype(dtype)
            kth = po.knn(few, many, 4, metric=metric, p=p, algorithm=algorithm).distances[:, -1]
            options = {"metric": metric, "p": p, "algorithm": algorithm}
            inside = po.radius_count(few, many, kth, **options)
            upto = po.radius_count(few, many, kth, strict=False, **options)
            assert (inside < 4).all()
            assert (upto >= 4).all()


@pytest.mark.parametrize("metric", ["euclidean", "cityblock", "chebyshev", "sqeuclidean"])
@pytest.mark.parametrize("d", [1, 2, 18])
def test_counts_on_a_grid_tell_strict_from_not_strict(metric, d):
    points = np.random.default_rng(0).integers(0, 5, (2500, d)).astype(float)
    query, rows = points[:60], np.arange(60)
    for radius in (0.0, 1.0, 2.0):
        for strict in (True, False):
            truth = reference.count(query, points, radius, strict, metric, exclude=rows)
            for algorithm in ("brute", "kdtree"):
                ours = po.radius_count(
                    query, points, radius, metric=metric, strict=strict, exclude=rows, algorithm=algorithm
                )
                np.testing.assert_array_equal(ours, truth)


def test_counts_in_one_column_test_the_same_difference_as_everywhere():
    # 0.1 + 0.2 - 0.3 is not 0: the two borders must be found by subtraction, not by x - r and x + r.
    grid = np.round(np.arange(-50, 51) * 0.1, 1)[:, None]
    gaps = np.abs(grid - grid.T)
    for radius in (0.1, 0.3, 0.7):
        for strict in (True, False):
            truth = (gaps < radius if strict else gaps <= radius).sum(axis=1)
            np.testing.assert_array_equal(po.radius_count(grid, grid, radius, strict=strict), truth)


@pytest.mark.parametrize("algorithm", ["brute", "kdtree"])
def test_identical_points_end_in_one_leaf(algorithm):
    points = np.ones((10_000, 3))
    found = po.knn(points[:5], points, 3, exclude=np.arange(5), algorithm=algorithm)
    np.testing.assert_array_equal(found.indices, [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2], [0, 1, 2]])
    np.testing.assert_array_equal(po.radius_count(points[:5], points, 0.0, strict=False, algorithm=algorithm), 10_000)
    half = np.concatenate([points, normal(3000, 3)])
    a, b = (po.knn(half[::40], half, 70, algorithm=name) for name in ("brute", "kdtree"))
    np.testing.assert_array_equal(a.indices, b.indices)


def everything(workers: int | None = None) -> list[bytes]:
    out = []
    for d in (2, 10, 40):
        for dtype in (np.float32, np.float64):
            points, query = normal(2100, d, 0, dtype), normal(40, d, 1, dtype)
            for metric, p in METRICS:
                for algorithm in algorithms(metric):
                    options = {"metric": metric, "p": p, "algorithm": algorithm, "workers": workers}
                    found = po.knn(query, points, 5, **options)
                    out += [found.distances.tobytes(), found.indices.tobytes()]
                    radii = found.distances[:, -1]
                    out.append(po.radius_count(query, points, radii, strict=False, **options).tobytes())
    return out


def test_any_number_of_workers_gives_the_same_bytes():
    truth = everything(1)
    assert everything(2) == truth
    assert everything(5) == truth


def test_every_instruction_set_gives_the_same_bytes():
    code = (
        "import hashlib, sys; sys.path[:0] = sys.argv[1:]; import test_neighbors as t;"
        "print(hashlib.sha256(b''.join(t.everything(1))).hexdigest())"
    )
    seen = set()
    for isa in ("baseline", "avx2", "avx512"):
        run = subprocess.run(
            [sys.executable, "-c", code, os.path.dirname(__file__), *sys.path],
            env={**os.environ, "PONDERA_ISA": isa},
            check=True,
            capture_output=True,
            text=True,
        )
        seen.add(run.stdout)
    assert len(seen) == 1


def test_memory_stays_far_below_the_matrix_of_distances_and_tiny_budgets_change_nothing():
    for d in (4, 40):
        points, query = normal(6000, d, 0), normal(5000, d, 1)
        live = _core.memory_live()
        truth = po.knn(query, points, 3, algorithm="brute", workers=2)
        _core.memory_peak(reset=True)
        small = po.knn(query, points, 3, algorithm="brute", max_memory=1 << 18, workers=2)
        # half a budget each for tiles and candidates, and a tile of 64 queries a thread
        assert _core.memory_peak() - live < (1 << 18) + 2 * (1 << 18)
        np.testing.assert_array_equal(small.indices, truth.indices)
        np.testing.assert_array_equal(small.distances, truth.distances)


@pytest.mark.slow
def test_a_hundred_thousand_by_a_hundred_thousand_takes_less_than_300_megabytes():
    points = normal(100_000, 20, 0, np.float32)
    live = _core.memory_live()
    _core.memory_peak(reset=True)
    po.knn(points, points, 5, exclude="self")
    assert _core.memory_peak() - live < 300e6


def test_an_index_answers_like_the_functions_and_survives_pickling():
    points, query = normal(2500, 3), normal(40, 3, 1)
    labels = np.random.default_rng(0).integers(0, 2, 2500)
    for algorithm in ("brute", "kdtree"):
        index = po.NeighborIndex(points, algorithm=algorithm)
        again = pickle.loads(pickle.dumps(index))
        truth = po.knn(query, points, 5)
        for one in (index, again):
            found = one.query(query, 5)
            np.testing.assert_array_equal(found.indices, truth.indices)
            np.testing.assert_array_equal(found.distances, truth.distances)
            np.testing.assert_array_equal(one.count(query, 0.5), po.radius_count(query, points, 0.5))
            tagged = one.query_class(query, 5, labels)
            np.testing.assert_array_equal(tagged.labels, labels[truth.indices])
            np.testing.assert_array_equal(tagged.indices, truth.indices)
        assert (len(index), index.d, index.algorithm, index.metric) == (2500, 3, algorithm, "euclidean")
    own = po.NeighborIndex(points).query_class(points, 2, labels, exclude="self")
    assert (own.indices != np.arange(2500)[:, None]).all()


def test_an_index_owns_its_points():
    points = normal(50, 2)
    index = po.NeighborIndex(points)
    truth = index.query(points, 1).distances
    query = points.copy()
    points[:] = 9.0
    np.testing.assert_array_equal(index.query(query, 1).distances, truth)


def test_results_come_back_in_the_library_of_the_query():
    torch = pytest.importorskip("torch")
    points = normal(100, 3, 0, np.float32)
    found = po.knn(torch.from_numpy(points), points, 2)
    assert isinstance(found.indices, torch.Tensor)
    assert found.distances.dtype == torch.float32
    assert isinstance(po.radius_count(torch.from_numpy(points), points, 1.0), torch.Tensor)
    assert po.knn(points.tolist(), points, 2).distances.dtype == np.float64
    assert po.knn(points, points, 2, return_indices=False).indices is None
    mixed = po.knn(points.astype(np.float64), points, 2)
    assert mixed.distances.dtype == np.float64


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 90), st.integers(1, 40), st.integers(1, 20), st.integers(1, 90), st.booleans(), st.integers(0, 2**31)
)
def test_layout_precision_and_algorithm_do_not_matter(n, m, d, k, single, seed):
    rng = np.random.default_rng(seed)
    dtype = np.float32 if single else np.float64
    points = rng.integers(-2, 3, (n, 2 * d)).astype(dtype)[:, ::2]
    query = rng.integers(-2, 3, (2 * m, d)).astype(dtype)[::-2]
    points.flags.writeable = query.flags.writeable = False
    k = min(k, n)
    squares = ((query[:, None].astype(float) - points[None]) ** 2).sum(axis=-1)
    indices = np.stack([np.lexsort((np.arange(n), row))[:k] for row in squares])
    for algorithm in ("brute", "kdtree"):
        np.testing.assert_array_equal(po.knn(query, points, k, algorithm=algorithm).indices, indices)
        fortran = po.knn(np.asfortranarray(query), np.asfortranarray(points), k, algorithm=algorithm)
        np.testing.assert_array_equal(fortran.indices, indices)


GOOD = np.arange(12.0).reshape(6, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: po.knn(GOOD[:, 0], GOOD, 1), r"query: expected a 2-d array.*reshape\(-1, 1\)"),
        (lambda: po.knn(GOOD, GOOD[:, 0], 1), r"points: expected a 2-d array.*reshape\(-1, 1\)"),
        (lambda: po.knn(GOOD, np.empty((0, 2)), 1), "points: expected at least one row"),
        (lambda: po.knn(np.empty((0, 2)), GOOD, 1), "query: expected at least one row"),
        (lambda: po.knn(np.empty((3, 0)), np.empty((3, 0)), 1), "points: expected at least one row and one column"),
        (lambda: po.knn([[0.0, np.nan]], GOOD, 1), r"query: 1 value.*\(0, 1\)"),
        (lambda: po.knn(GOOD, GOOD + np.inf, 1), "points: .*NaN or infinite"),
        (lambda: po.knn(GOOD[:, :1], GOOD, 1), "query: expected 2 columns"),
        (lambda: po.knn(GOOD, GOOD, 7), "k: expected 1 to 6, as there are 6 points; received 7"),
        (lambda: po.knn(GOOD, GOOD, 6, exclude="self"), "k: expected 1 to 5, .*besides the excluded one; received 6"),
        (lambda: po.knn(GOOD, GOOD, 0), "k: expected a positive"),
        (lambda: po.knn(GOOD, GOOD, 1.5), "k: expected an integer"),
        (lambda: po.knn(GOOD, GOOD, True), "k: expected an integer"),
        (lambda: po.knn(GOOD, GOOD, 1, metric="l2"), "metric: expected one of euclidean"),
        (lambda: po.knn(GOOD, GOOD, 1, metric="minkowski"), "p: the minkowski metric needs"),
        (lambda: po.knn(GOOD, GOOD, 1, metric="minkowski", p=0.5), "p: expected a number of at least 1"),
        (lambda: po.knn(GOOD, GOOD, 1, p=2), "p: only the minkowski metric"),
        (lambda: po.knn(GOOD - GOOD[0], GOOD, 1, metric="cosine"), "query: row 0 is zero"),
        (lambda: po.knn(GOOD, GOOD - GOOD[0], 1, metric="cosine"), "points: row 0 is zero"),
        (lambda: po.knn(GOOD, GOOD, 1, algorithm="ball"), "algorithm: expected one of auto"),
        (lambda: po.knn(GOOD, GOOD, 1, algorithm="kdtree", metric="inner_product"), "algorithm: the inner product"),
        (lambda: po.knn(np.ones((3, 65)), np.ones((3, 65)), 1, algorithm="kdtree"), "algorithm: the tree takes up to"),
        (lambda: po.knn(GOOD[:3], GOOD, 1, exclude="self"), "exclude: 'self' means"),
        (lambda: po.knn(GOOD, GOOD, 1, exclude="other"), "exclude: expected None"),
        (lambda: po.knn(GOOD, GOOD, 1, exclude=[0]), "exclude: expected 6 indices"),
        (lambda: po.knn(GOOD, GOOD, 1, exclude=np.full(6, 6)), r"exclude: expected indices in \[0, 6\)"),
        (lambda: po.knn(GOOD, GOOD, 1, exclude=np.zeros(6)), "exclude: expected integers"),
        (lambda: po.knn(GOOD, GOOD, 1, max_memory=0), "max_memory: expected a positive"),
        (lambda: po.knn(GOOD, GOOD, 1, workers=0), "workers"),
        (lambda: po.radius_count(GOOD, GOOD, -1.0), "radii: expected non-negative"),
        (lambda: po.radius_count(GOOD, GOOD, np.nan), "radii: NaN"),
        (lambda: po.radius_count(GOOD, GOOD, [1.0, 2.0]), "radii: expected one number or 6"),
        (lambda: po.NeighborIndex([1.0, 2.0]), "points: expected a 2-d array"),
        (lambda: po.NeighborIndex(GOOD).query_class(GOOD, 1, [0, 1]), "labels: expected 6 labels"),
        (lambda: po.knn(np.ma.masked_array(GOOD), GOOD, 1), "query: masked"),
        (lambda: po.knn(GOOD.astype(complex), GOOD, 1), "query: complex"),
    ],
)
def test_bad_input_is_refused_by_name(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_cosine_of_equal_opposite_and_orthogonal_rows():
    found = po.knn([[1.0, 0.0]], [[5.0, 0.0], [-2.0, 0.0], [0.0, 1e300]], 3, metric="cosine")
    np.testing.assert_array_equal(found.indices, [[0, 2, 1]])
    np.testing.assert_allclose(found.distances, [[0.0, 1.0, 2.0]], atol=1e-15)


def test_infinite_radii_count_all():
    np.testing.assert_array_equal(po.radius_count(GOOD, GOOD, np.inf), 6)
    np.testing.assert_array_equal(po.radius_count(GOOD, GOOD, np.inf, exclude="self", algorithm="kdtree"), 5)
