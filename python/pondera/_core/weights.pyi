from __future__ import annotations

import typing

import numpy
import numpy.typing

__all__: list[str] = ["exp_divided", "first_bad", "fit_pareto", "psis", "summaries"]

def exp_divided(
    log_weights: numpy.typing.NDArray[numpy.float64],
    shift: numpy.typing.NDArray[numpy.float64],
    divisor: numpy.typing.NDArray[numpy.float64],
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.float64]:
    """
    Per row: exp(x - shift) / divisor.
    """

def first_bad(
    x: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex
) -> tuple[float, int]:
    """
    Largest value, and flat position of the first NaN (or the size).
    """

def fit_pareto(excesses: numpy.typing.NDArray[numpy.float64]) -> tuple[float, float]:
    """
    Generalised Pareto fit to ascending excesses: (k, sigma).
    """

def psis(
    log_weights: numpy.typing.NDArray[numpy.float64],
    r_eff: typing.SupportsFloat | typing.SupportsIndex,
    workers: typing.SupportsInt | typing.SupportsIndex,
) -> tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]: ...
def summaries(
    log_weights: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex
) -> numpy.typing.NDArray[numpy.float64]:
    """
    Per row: maximum, sum of exp(x - max), sum of its squares.
    """
