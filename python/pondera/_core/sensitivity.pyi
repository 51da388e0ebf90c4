from __future__ import annotations

import typing

import numpy
import numpy.typing

__all__: list[str] = [
    "halton",
    "latin_hypercube",
    "monte_carlo",
    "saltelli_rows",
    "sobol_directions",
    "sobol_estimates",
    "sobol_sequence",
]

def halton(
    n: typing.SupportsInt | typing.SupportsIndex,
    bases: numpy.typing.NDArray[numpy.int64],
    scrambled: bool,
    key: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.float64]: ...
def latin_hypercube(
    n: typing.SupportsInt | typing.SupportsIndex,
    d: typing.SupportsInt | typing.SupportsIndex,
    key: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.float64]: ...
def monte_carlo(
    n: typing.SupportsInt | typing.SupportsIndex,
    d: typing.SupportsInt | typing.SupportsIndex,
    key: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.float64]: ...
def saltelli_rows(
    base: numpy.typing.NDArray[numpy.float64],
    group: numpy.typing.NDArray[numpy.int64],
    groups: typing.SupportsInt | typing.SupportsIndex,
    second: bool,
    out: numpy.typing.NDArray[numpy.float64],
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
def sobol_directions(
    polynomials: numpy.typing.NDArray[numpy.uint32], initial: numpy.typing.NDArray[numpy.uint32]
) -> numpy.typing.NDArray[numpy.uint64]: ...
def sobol_estimates(
    y: numpy.typing.NDArray[numpy.float64],
    groups: typing.SupportsInt | typing.SupportsIndex,
    second: bool,
    first: typing.SupportsInt | typing.SupportsIndex,
    total: typing.SupportsInt | typing.SupportsIndex,
    n_boot: typing.SupportsInt | typing.SupportsIndex,
    key: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.float64]: ...
def sobol_sequence(
    directions: numpy.typing.NDArray[numpy.uint64],
    n: typing.SupportsInt | typing.SupportsIndex,
    start: typing.SupportsInt | typing.SupportsIndex,
    scramble: typing.SupportsInt | typing.SupportsIndex,
    key: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    out: numpy.typing.NDArray[numpy.float64],
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
