from __future__ import annotations

import typing

import numpy
import numpy.typing

__all__: list[str] = [
    "CoalitionTable",
    "Moments",
    "apply_inverse",
    "background_means",
    "complements",
    "enumerate_pairs",
    "fill_rows_32",
    "fill_rows_64",
    "normal_equations",
    "pack",
    "pair_residuals",
    "projected_inverse",
    "sample_pairs",
    "score_moments",
    "sizes",
    "subset_transform",
    "superset_sums",
    "unpack",
    "walk_marginals",
    "walk_orders",
]

class CoalitionTable:
    """
    Numbers distinct coalitions in the order of their arrival.
    """
    def __init__(self, words: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __len__(self) -> int: ...
    def clear(self) -> None: ...
    def number(
        self, coalitions: numpy.typing.NDArray[numpy.uint64]
    ) -> tuple[numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int64]]:
        """
        The coalitions' numbers, and the rows whose number is new.
        """

class Moments:
    """
    Running mean and standard error of vectors.
    """
    def __init__(self, p: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __len__(self) -> int: ...
    def add(
        self, samples: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex
    ) -> None: ...
    def summary(self) -> tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]: ...

def apply_inverse(
    inverse: numpy.typing.NDArray[numpy.float64], moment: numpy.typing.NDArray[numpy.float64]
) -> numpy.typing.NDArray[numpy.float64]: ...
def background_means(
    y: numpy.typing.NDArray[numpy.float64],
    weights: numpy.typing.NDArray[numpy.float64] | None,
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.float64]: ...
def complements(
    coalitions: numpy.typing.NDArray[numpy.uint64], n: typing.SupportsInt | typing.SupportsIndex
) -> numpy.typing.NDArray[numpy.uint64]: ...
def enumerate_pairs(
    n: typing.SupportsInt | typing.SupportsIndex,
    s: typing.SupportsInt | typing.SupportsIndex,
    count: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.uint64]: ...
def fill_rows_32(
    x: numpy.typing.NDArray[numpy.uint32],
    background: numpy.typing.NDArray[numpy.uint32],
    player: numpy.typing.NDArray[numpy.int64],
    coalitions: numpy.typing.NDArray[numpy.uint64],
    out: numpy.typing.NDArray[numpy.uint32],
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> None:
    """
    Rows of x where the column's player is in the coalition, else of the background, as unsigned integers.
    """

def fill_rows_64(
    x: numpy.typing.NDArray[numpy.uint64],
    background: numpy.typing.NDArray[numpy.uint64],
    player: numpy.typing.NDArray[numpy.int64],
    coalitions: numpy.typing.NDArray[numpy.uint64],
    out: numpy.typing.NDArray[numpy.uint64],
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> None:
    """
    Rows of x where the column's player is in the coalition, else of the background, as unsigned integers.
    """

def normal_equations(
    pairs: numpy.typing.NDArray[numpy.uint64],
    weights: numpy.typing.NDArray[numpy.float64],
    half_difference: numpy.typing.NDArray[numpy.float64],
    gram: numpy.typing.NDArray[numpy.float64],
    moment: numpy.typing.NDArray[numpy.float64],
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
def pack(
    coalitions: numpy.typing.NDArray[numpy.bool], workers: typing.SupportsInt | typing.SupportsIndex
) -> numpy.typing.NDArray[numpy.uint64]: ...
def pair_residuals(
    pairs: numpy.typing.NDArray[numpy.uint64],
    phi: numpy.typing.NDArray[numpy.float64],
    half_difference: numpy.typing.NDArray[numpy.float64],
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.float64]: ...
def projected_inverse(
    gram: numpy.typing.NDArray[numpy.float64],
) -> tuple[numpy.typing.NDArray[numpy.float64], float]: ...
def sample_pairs(
    key: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    first: typing.SupportsInt | typing.SupportsIndex,
    count: typing.SupportsInt | typing.SupportsIndex,
    n: typing.SupportsInt | typing.SupportsIndex,
    sizes: numpy.typing.NDArray[numpy.int64],
    cumulative: numpy.typing.NDArray[numpy.float64],
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.uint64]: ...
def score_moments(
    pairs: numpy.typing.NDArray[numpy.uint64],
    inverse: numpy.typing.NDArray[numpy.float64],
    scores: numpy.typing.NDArray[numpy.float64],
    counts: numpy.typing.NDArray[numpy.float64],
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.float64]: ...
def sizes(coalitions: numpy.typing.NDArray[numpy.uint64]) -> numpy.typing.NDArray[numpy.int64]: ...
def subset_transform(
    tables: numpy.typing.NDArray[numpy.float64],
    n: typing.SupportsInt | typing.SupportsIndex,
    inverse: bool,
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> None:
    """
    Tables (outputs, 2^n) to Moebius coefficients in place, or back.
    """

def superset_sums(
    moebius: numpy.typing.NDArray[numpy.float64],
    n: typing.SupportsInt | typing.SupportsIndex,
    subsets: numpy.typing.NDArray[numpy.uint64],
    coefficients: numpy.typing.NDArray[numpy.float64],
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.float64]: ...
def unpack(
    coalitions: numpy.typing.NDArray[numpy.uint64],
    n: typing.SupportsInt | typing.SupportsIndex,
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.bool]: ...
def walk_marginals(
    orders: numpy.typing.NDArray[numpy.int64],
    values: numpy.typing.NDArray[numpy.float64],
    empty: numpy.typing.NDArray[numpy.float64],
    full: numpy.typing.NDArray[numpy.float64],
    walk: typing.SupportsInt | typing.SupportsIndex,
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.float64]: ...
def walk_orders(
    key: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    first: typing.SupportsInt | typing.SupportsIndex,
    count: typing.SupportsInt | typing.SupportsIndex,
    n: typing.SupportsInt | typing.SupportsIndex,
    walk: typing.SupportsInt | typing.SupportsIndex,
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> tuple[numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.uint64]]: ...
