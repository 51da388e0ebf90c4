from __future__ import annotations

import typing

import numpy
import numpy.typing

__all__: list[str] = [
    "bits",
    "exp",
    "expm1",
    "exponential",
    "fold_in",
    "geometric",
    "gumbel",
    "integers",
    "log",
    "log1p",
    "normal",
    "normal_quantile",
    "philox",
    "sum",
    "uniform",
]

def bits(
    key: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    purpose: typing.SupportsInt | typing.SupportsIndex,
    row: typing.SupportsInt | typing.SupportsIndex,
    elements: numpy.typing.NDArray[numpy.uint64],
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.uint64]: ...
def exp(
    x: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex = 1
) -> numpy.typing.NDArray[numpy.float64]: ...
def expm1(
    x: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex = 1
) -> numpy.typing.NDArray[numpy.float64]: ...
def exponential(
    key: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    purpose: typing.SupportsInt | typing.SupportsIndex,
    row: typing.SupportsInt | typing.SupportsIndex,
    elements: numpy.typing.NDArray[numpy.uint64],
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.float64]: ...
def fold_in(
    key: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    data: typing.SupportsInt | typing.SupportsIndex,
    kind: typing.SupportsInt | typing.SupportsIndex,
) -> tuple[int, int]: ...
def geometric(
    key: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    purpose: typing.SupportsInt | typing.SupportsIndex,
    row: typing.SupportsInt | typing.SupportsIndex,
    elements: numpy.typing.NDArray[numpy.uint64],
    p: typing.SupportsFloat | typing.SupportsIndex,
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.int64]: ...
def gumbel(
    key: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    purpose: typing.SupportsInt | typing.SupportsIndex,
    row: typing.SupportsInt | typing.SupportsIndex,
    elements: numpy.typing.NDArray[numpy.uint64],
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.float64]: ...
def integers(
    key: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    purpose: typing.SupportsInt | typing.SupportsIndex,
    row: typing.SupportsInt | typing.SupportsIndex,
    elements: numpy.typing.NDArray[numpy.uint64],
    n: typing.SupportsInt | typing.SupportsIndex,
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.int64]: ...
def log(
    x: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex = 1
) -> numpy.typing.NDArray[numpy.float64]: ...
def log1p(
    x: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex = 1
) -> numpy.typing.NDArray[numpy.float64]: ...
def normal(
    key: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    purpose: typing.SupportsInt | typing.SupportsIndex,
    row: typing.SupportsInt | typing.SupportsIndex,
    elements: numpy.typing.NDArray[numpy.uint64],
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.float64]: ...
def normal_quantile(
    u: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex = 1
) -> numpy.typing.NDArray[numpy.float64]: ...
def philox(
    arg0: typing.SupportsInt | typing.SupportsIndex,
    arg1: typing.SupportsInt | typing.SupportsIndex,
    arg2: typing.SupportsInt | typing.SupportsIndex,
    arg3: typing.SupportsInt | typing.SupportsIndex,
    arg4: typing.SupportsInt | typing.SupportsIndex,
    arg5: typing.SupportsInt | typing.SupportsIndex,
) -> tuple[int, int, int, int]:
    """
    Philox4x32-10 of one counter and key.
    """

def sum(x: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex = 1) -> float:
    """
    Blocked sum: the same bits for any number of workers.
    """

def uniform(
    key: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    purpose: typing.SupportsInt | typing.SupportsIndex,
    row: typing.SupportsInt | typing.SupportsIndex,
    elements: numpy.typing.NDArray[numpy.uint64],
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.float64]: ...
