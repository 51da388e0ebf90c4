"""Toy problems whose answers are known in closed form; public in `pondera.testing`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .results import SobolIndices, Table


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class ToyGame:
    """A cooperative game with its exact values: ``game(coalitions)`` of bool ``(m, n_players)`` gives float64 ``(m,)``.

    Parameters
    ----------
    value : callable
        The game itself, on rows of coalitions.
    n_players : int
    shapley : ndarray, shape (n_players,)
        Exact Shapley values.
    banzhaf : ndarray, shape (n_players,), optional
        Exact Banzhaf values.

    Examples
    --------
    >>> import pondera as po
    >>> po.testing.airport([1.0, 3.0]).shapley
    array([0.5, 2.5])
    """

    value: Callable[[NDArray[np.bool_]], NDArray[np.float64]]
    n_players: int
    shapley: NDArray[np.float64]
    banzhaf: NDArray[np.float64] | None = None

    def __call__(self, coalitions: ArrayLike) -> NDArray[np.float64]:
        rows = np.asarray(coalitions, dtype=bool)
        if rows.ndim != 2 or rows.shape[1] != self.n_players:
            raise ValueError(f"coalitions: expected shape (m, {self.n_players}), received {rows.shape}")
        return np.asarray(self.value(rows), dtype=np.float64)


def security_council() -> ToyGame:
    """The UN Security Council: players 0 to 4 are permanent; all of them and at least four others win.

    Returns
    -------
    ToyGame
        15 players.

    Examples
    --------
    >>> import pondera as po
    >>> round(po.testing.security_council().shapley[0] * 2145)
    421
    """
    # A permanent member is decisive where the four others and k = 4 to 10 of ten join; another one where all five
    # permanent and exactly three of the nine others have joined.
    permanent = sum(math.comb(10, k) * math.factorial(4 + k) * math.factorial(10 - k) for k in range(4, 11))
    other = math.comb(9, 3) * math.factorial(8) * math.factorial(6)
    swings = np.repeat([sum(math.comb(10, k) for k in range(4, 11)), math.comb(9, 3)], [5, 10])
    return ToyGame(
        value=lambda s: (s[:, :5].all(axis=1) & (s[:, 5:].sum(axis=1) >= 4)).astype(np.float64),
        n_players=15,
        shapley=np.repeat([permanent / math.factorial(15), other / math.factorial(15)], [5, 10]),
        banzhaf=swings / 2.0**14,
    )


def airport(costs: ArrayLike) -> ToyGame:
    """The airport game: a coalition pays for its most expensive player.

    Parameters
    ----------
    costs : array_like, shape (n,)
        Non-negative.

    Returns
    -------
    ToyGame
        Shapley: every step of cost is shared by those who need it.

    Raises
    ------
    ValueError
        For negative costs.

    Examples
    --------
    >>> import pondera as po
    >>> po.testing.airport([3.0, 1.0, 3.0]).shapley.round(4)
    array([1.3333, 0.3333, 1.3333])
    """
    cost = np.asarray(costs, dtype=np.float64)
    if cost.ndim != 1 or not (cost >= 0).all():
        raise ValueError("costs: expected one row of non-negative numbers")
    n = len(cost)
    order = np.argsort(cost, kind="stable")
    steps = np.diff(cost[order], prepend=0.0)
    shapley, banzhaf = np.empty(n), np.empty(n)
    shapley[order] = np.cumsum(steps / np.arange(n, 0, -1))
    # Step k is needed by the n - k players from rank k on: one of them is alone in paying it with probability
    # 2^-(n - k - 1) over random coalitions of the others.
    banzhaf[order] = np.cumsum(steps * 0.5 ** np.arange(n - 1, -1, -1))

    def price(coalitions: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.asarray(np.where(coalitions, cost, 0.0).max(axis=1, initial=0.0))

    return ToyGame(value=price, n_players=n, shapley=shapley, banzhaf=banzhaf)


def unanimity(n: int, members: Iterable[int]) -> ToyGame:
    """The unanimity game: 1 where all of `members` are in, else 0.

    Parameters
    ----------
    n : int
        Number of players.
    members : iterable of int
        At least one.

    Returns
    -------
    ToyGame

    Raises
    ------
    ValueError
        If `members` is empty or out of range.

    Examples
    --------
    >>> import pondera as po
    >>> po.testing.unanimity(4, [0, 2]).shapley
    array([0.5, 0. , 0.5, 0. ])
    """
    needed = sorted(set(members))
    if not needed or needed[0] < 0 or needed[-1] >= n:
        raise ValueError(f"members: expected one or more players in [0, {n}), received {needed}")
    shapley, banzhaf = np.zeros(n), np.zeros(n)
    shapley[needed] = 1 / len(needed)
    banzhaf[needed] = 0.5 ** (len(needed) - 1)

    def met(coalitions: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.asarray(coalitions[:, needed].all(axis=1), dtype=np.float64)

    return ToyGame(value=met, n_players=n, shapley=shapley, banzhaf=banzhaf)


def ishigami(X: ArrayLike, *, a: float = 7.0, b: float = 0.1) -> NDArray[np.float64]:
    """The Ishigami function sin x0 + a sin^2 x1 + b x2^4 sin x0, for inputs uniform on (-pi, pi).

    Parameters
    ----------
    X : array_like, shape (rows, 3)
    a, b : float

    Returns
    -------
    ndarray, shape (rows,)

    Examples
    --------
    >>> import pondera as po
    >>> po.testing.ishigami([[0.0, 0.0, 0.0]])
    array([0.])
    """
    x = np.asarray(X, dtype=np.float64)
    sine = np.sin(x[:, 0])
    return np.asarray(sine + a * np.sin(x[:, 1]) ** 2 + b * x[:, 2] ** 4 * sine)


def ishigami_indices(*, a: float = 7.0, b: float = 0.1) -> SobolIndices:
    """The exact Sobol' indices of `ishigami`.

    Parameters
    ----------
    a, b : float

    Returns
    -------
    SobolIndices

    Examples
    --------
    >>> import pondera as po
    >>> po.testing.ishigami_indices().total.round(5)
    array([0.55759, 0.44241, 0.24368])
    """
    pi4 = math.pi**4
    v0, v1, v02 = 0.5 * (1 + b * pi4 / 5) ** 2, a * a / 8, b * b * pi4 * pi4 * (1 / 18 - 1 / 50)
    variance = v0 + v1 + v02
    second = np.full((3, 3), np.nan)
    second[0, 1], second[0, 2], second[1, 2] = 0.0, v02 / variance, 0.0
    return SobolIndices(
        first=np.array([v0, v1, 0.0]) / variance,
        total=np.array([v0 + v02, v1, v02]) / variance,
        second=second,
        variance=variance,
        names=("x0", "x1", "x2"),
    )


G_COEFFICIENTS = (0.0, 1.0, 4.5, 9.0, 99.0, 99.0, 99.0, 99.0)


def g_function(X: ArrayLike, a: ArrayLike = G_COEFFICIENTS) -> NDArray[np.float64]:
    """Sobol's g-function, the product of (abs(4 x_i - 2) + a_i) / (1 + a_i), for inputs uniform on (0, 1).

    Parameters
    ----------
    X : array_like, shape (rows, d)
    a : array_like, shape (d,)
        Small: important.

    Returns
    -------
    ndarray, shape (rows,)

    Examples
    --------
    >>> import pondera as po
    >>> po.testing.g_function([[0.0, 1.0]], a=[0.0, 1.0])
    array([3.])
    """
    x, c = np.asarray(X, dtype=np.float64), np.asarray(a, dtype=np.float64)
    return np.asarray(np.prod((np.abs(4 * x - 2) + c) / (1 + c), axis=1))


def g_function_indices(a: ArrayLike = G_COEFFICIENTS) -> SobolIndices:
    """The exact Sobol' indices of `g_function`.

    Parameters
    ----------
    a : array_like, shape (d,)

    Returns
    -------
    SobolIndices

    Examples
    --------
    >>> import pondera as po
    >>> po.testing.g_function_indices([0.0, 1.0]).first.round(4)
    array([0.75  , 0.1875])
    """
    v = 1 / (3 * (1 + np.asarray(a, dtype=np.float64)) ** 2)
    everything = np.prod(1 + v)
    variance = everything - 1
    second = np.where(np.triu(np.ones((len(v), len(v)), dtype=bool), 1), np.outer(v, v) / variance, np.nan)
    return SobolIndices(
        first=v / variance,
        total=v * everything / (1 + v) / variance,
        second=second,
        variance=float(variance),
        names=tuple(f"x{i}" for i in range(len(v))),
    )


def six_mp() -> Table:
    """Weeks in remission of 21 leukaemia patients on 6-mercaptopurine (Freireich et al. 1963); event 0 is censored.

    Returns
    -------
    Table
        Columns `time` and `event`.

    Examples
    --------
    >>> import pondera as po
    >>> int(po.testing.six_mp()["event"].sum())
    9
    """
    weeks = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
    event = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    return Table(columns={"time": np.array(weeks, dtype=np.float64), "event": np.array(event)})
