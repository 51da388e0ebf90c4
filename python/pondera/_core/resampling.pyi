from __future__ import annotations

import typing

import numpy
import numpy.typing

__all__: list[str] = [
    "alias_draw",
    "alias_table",
    "ancestor_paths",
    "gumbel_topk",
    "prefix_sum",
    "resample",
    "systematic",
]

def alias_draw(
    cells: numpy.typing.NDArray[numpy.float64],
    n: typing.SupportsInt | typing.SupportsIndex,
    key: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    row: typing.SupportsInt | typing.SupportsIndex,
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.int64]: ...
def alias_table(
    weights: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex
) -> numpy.typing.NDArray[numpy.float64]: ...
def ancestor_paths(
    A: numpy.typing.NDArray[numpy.int64],
    idx: numpy.typing.NDArray[numpy.int64],
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.int64]: ...
def gumbel_topk(
    log_weights: numpy.typing.NDArray[numpy.float64],
    k: typing.SupportsInt | typing.SupportsIndex,
    key: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> tuple[numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.float64]]: ...
def prefix_sum(
    values: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex = 1
) -> numpy.typing.NDArray[numpy.float64]: ...
def resample(
    values: numpy.typing.NDArray[numpy.float64],
    logs: bool,
    n: typing.SupportsInt | typing.SupportsIndex,
    scheme: typing.SupportsInt | typing.SupportsIndex,
    remainder: typing.SupportsInt | typing.SupportsIndex,
    key: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    forced: typing.SupportsFloat | typing.SupportsIndex,
    sort: bool,
    out: numpy.typing.NDArray[numpy.int64],
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
def systematic(
    values: numpy.typing.NDArray[numpy.float64],
    n: typing.SupportsInt | typing.SupportsIndex,
    u: typing.SupportsFloat | typing.SupportsIndex,
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.int64]: ...
