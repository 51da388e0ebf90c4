from __future__ import annotations

import typing

import numpy
import numpy.typing

__all__: list[str] = [
    "build_tree",
    "count_brute",
    "count_line",
    "count_tree",
    "knn_brute",
    "knn_tree",
    "unit_rows",
    "without_blocks",
]

@typing.overload
def build_tree(
    points: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex
) -> tuple[
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.int64],
    numpy.typing.NDArray[numpy.int32],
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.float64],
]: ...
@typing.overload
def build_tree(
    points: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex
) -> tuple[
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.int64],
    numpy.typing.NDArray[numpy.int32],
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.float64],
]: ...
@typing.overload
def count_brute(
    query: numpy.typing.NDArray[numpy.float64],
    points: numpy.typing.NDArray[numpy.float64],
    radii: numpy.typing.NDArray[numpy.float64],
    strict: bool,
    metric: typing.SupportsInt | typing.SupportsIndex,
    p: typing.SupportsFloat | typing.SupportsIndex,
    single: bool,
    exclude: typing.Annotated[numpy.typing.ArrayLike, numpy.int64] | None,
    farthest: bool,
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> tuple:
    """
    Counts, and the largest distances counted if asked for.
    """

@typing.overload
def count_brute(
    query: numpy.typing.NDArray[numpy.float32],
    points: numpy.typing.NDArray[numpy.float32],
    radii: numpy.typing.NDArray[numpy.float64],
    strict: bool,
    metric: typing.SupportsInt | typing.SupportsIndex,
    p: typing.SupportsFloat | typing.SupportsIndex,
    single: bool,
    exclude: typing.Annotated[numpy.typing.ArrayLike, numpy.int64] | None,
    farthest: bool,
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> tuple:
    """
    Counts, and the largest distances counted if asked for.
    """

@typing.overload
def count_line(
    query: numpy.typing.NDArray[numpy.float64],
    sorted: numpy.typing.NDArray[numpy.float64],
    points: numpy.typing.NDArray[numpy.float64],
    radii: numpy.typing.NDArray[numpy.float64],
    strict: bool,
    metric: typing.SupportsInt | typing.SupportsIndex,
    single: bool,
    exclude: typing.Annotated[numpy.typing.ArrayLike, numpy.int64] | None,
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> tuple: ...
@typing.overload
def count_line(
    query: numpy.typing.NDArray[numpy.float32],
    sorted: numpy.typing.NDArray[numpy.float64],
    points: numpy.typing.NDArray[numpy.float32],
    radii: numpy.typing.NDArray[numpy.float64],
    strict: bool,
    metric: typing.SupportsInt | typing.SupportsIndex,
    single: bool,
    exclude: typing.Annotated[numpy.typing.ArrayLike, numpy.int64] | None,
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> tuple: ...
@typing.overload
def count_tree(
    query: numpy.typing.NDArray[numpy.float64],
    tree: tuple[
        typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        typing.Annotated[numpy.typing.ArrayLike, numpy.int64],
        typing.Annotated[numpy.typing.ArrayLike, numpy.int32],
        typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    ],
    radii: numpy.typing.NDArray[numpy.float64],
    strict: bool,
    metric: typing.SupportsInt | typing.SupportsIndex,
    p: typing.SupportsFloat | typing.SupportsIndex,
    single: bool,
    exclude: typing.Annotated[numpy.typing.ArrayLike, numpy.int64] | None,
    farthest: bool,
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> tuple: ...
@typing.overload
def count_tree(
    query: numpy.typing.NDArray[numpy.float32],
    tree: tuple[
        typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        typing.Annotated[numpy.typing.ArrayLike, numpy.int64],
        typing.Annotated[numpy.typing.ArrayLike, numpy.int32],
        typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    ],
    radii: numpy.typing.NDArray[numpy.float64],
    strict: bool,
    metric: typing.SupportsInt | typing.SupportsIndex,
    p: typing.SupportsFloat | typing.SupportsIndex,
    single: bool,
    exclude: typing.Annotated[numpy.typing.ArrayLike, numpy.int64] | None,
    farthest: bool,
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> tuple: ...
@typing.overload
def knn_brute(
    query: numpy.typing.NDArray[numpy.float64],
    points: numpy.typing.NDArray[numpy.float64],
    k: typing.SupportsInt | typing.SupportsIndex,
    metric: typing.SupportsInt | typing.SupportsIndex,
    p: typing.SupportsFloat | typing.SupportsIndex,
    exclude: typing.Annotated[numpy.typing.ArrayLike, numpy.int64] | None,
    max_memory: typing.SupportsInt | typing.SupportsIndex,
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> tuple:
    """
    Distances in float64, and indices.
    """

@typing.overload
def knn_brute(
    query: numpy.typing.NDArray[numpy.float32],
    points: numpy.typing.NDArray[numpy.float32],
    k: typing.SupportsInt | typing.SupportsIndex,
    metric: typing.SupportsInt | typing.SupportsIndex,
    p: typing.SupportsFloat | typing.SupportsIndex,
    exclude: typing.Annotated[numpy.typing.ArrayLike, numpy.int64] | None,
    max_memory: typing.SupportsInt | typing.SupportsIndex,
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> tuple:
    """
    Distances in float64, and indices.
    """

@typing.overload
def knn_tree(
    query: numpy.typing.NDArray[numpy.float64],
    tree: tuple[
        typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        typing.Annotated[numpy.typing.ArrayLike, numpy.int64],
        typing.Annotated[numpy.typing.ArrayLike, numpy.int32],
        typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    ],
    k: typing.SupportsInt | typing.SupportsIndex,
    metric: typing.SupportsInt | typing.SupportsIndex,
    p: typing.SupportsFloat | typing.SupportsIndex,
    exclude: typing.Annotated[numpy.typing.ArrayLike, numpy.int64] | None,
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> tuple: ...
@typing.overload
def knn_tree(
    query: numpy.typing.NDArray[numpy.float32],
    tree: tuple[
        typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        typing.Annotated[numpy.typing.ArrayLike, numpy.int64],
        typing.Annotated[numpy.typing.ArrayLike, numpy.int32],
        typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    ],
    k: typing.SupportsInt | typing.SupportsIndex,
    metric: typing.SupportsInt | typing.SupportsIndex,
    p: typing.SupportsFloat | typing.SupportsIndex,
    exclude: typing.Annotated[numpy.typing.ArrayLike, numpy.int64] | None,
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> tuple: ...
@typing.overload
def unit_rows(
    rows: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex
) -> numpy.typing.NDArray[numpy.float64]:
    """
    Rows of Euclidean norm 1; zero rows become NaN.
    """

@typing.overload
def unit_rows(
    rows: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex
) -> numpy.typing.NDArray[numpy.float64]:
    """
    Rows of Euclidean norm 1; zero rows become NaN.
    """

def without_blocks(
    distances: numpy.typing.NDArray[numpy.float64],
    indices: numpy.typing.NDArray[numpy.int64],
    k: typing.SupportsInt | typing.SupportsIndex,
    block: numpy.typing.NDArray[numpy.int32],
    own: typing.Annotated[numpy.typing.ArrayLike, numpy.int32] | None,
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> tuple[numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.float64]]: ...
