from __future__ import annotations

import typing

import numpy
import numpy.typing

__all__: list[str] = [
    "accumulate",
    "compose",
    "grid_cells",
    "grid_masks",
    "grid_moments",
    "rank_descending",
    "upsample",
]

@typing.overload
def accumulate(
    masks: numpy.typing.NDArray[numpy.float32],
    weights: numpy.typing.NDArray[numpy.float64],
    sums: numpy.typing.NDArray[numpy.float64],
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
@typing.overload
def accumulate(
    masks: numpy.typing.NDArray[numpy.float64],
    weights: numpy.typing.NDArray[numpy.float64],
    sums: numpy.typing.NDArray[numpy.float64],
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
@typing.overload
def compose(
    top: numpy.typing.NDArray[numpy.float32],
    rest: numpy.typing.NDArray[numpy.float32],
    ranks: numpy.typing.NDArray[numpy.int64],
    counts: numpy.typing.NDArray[numpy.int64],
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.float32]: ...
@typing.overload
def compose(
    top: numpy.typing.NDArray[numpy.float64],
    rest: numpy.typing.NDArray[numpy.float64],
    ranks: numpy.typing.NDArray[numpy.int64],
    counts: numpy.typing.NDArray[numpy.int64],
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.float64]: ...
def grid_cells(
    key: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    first: typing.SupportsInt | typing.SupportsIndex,
    n: typing.SupportsInt | typing.SupportsIndex,
    p: typing.SupportsFloat | typing.SupportsIndex,
    image: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    grid: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    shift: bool,
) -> tuple[numpy.typing.NDArray[numpy.uint8], numpy.typing.NDArray[numpy.int64]]:
    """
    Tests: cells and offsets of the masks first..first+n.
    """

def grid_masks(
    key: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    first: typing.SupportsInt | typing.SupportsIndex,
    p: typing.SupportsFloat | typing.SupportsIndex,
    grid: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    nearest: bool,
    shift: bool,
    out: numpy.typing.NDArray[numpy.float32],
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
def grid_moments(
    key: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    first: typing.SupportsInt | typing.SupportsIndex,
    p: typing.SupportsFloat | typing.SupportsIndex,
    grid: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    nearest: bool,
    shift: bool,
    weights: list[numpy.typing.NDArray[numpy.float64]],
    sums: list[numpy.typing.NDArray[numpy.float64]],
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
def rank_descending(
    scores: numpy.typing.NDArray[numpy.float64],
    random: bool,
    key: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    row: typing.SupportsInt | typing.SupportsIndex,
) -> tuple[numpy.typing.NDArray[numpy.int64], int]: ...
@typing.overload
def upsample(
    values: numpy.typing.NDArray[numpy.float32],
    image: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    mode: typing.SupportsInt | typing.SupportsIndex,
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.float32]: ...
@typing.overload
def upsample(
    values: numpy.typing.NDArray[numpy.float64],
    image: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    mode: typing.SupportsInt | typing.SupportsIndex,
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.float64]: ...
