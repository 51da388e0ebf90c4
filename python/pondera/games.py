"""Cooperative games over features (or any players), and their Shapley values with standard errors.

A game gives every coalition of players a value, ``game(coalitions: bool (m, n)) -> (m,)`` or ``(m, outputs)``. Exact
values come from the table of all 2^n coalitions through its Moebius coefficients. Two samplers serve larger games.
*Permutation*: random orders walked forth and back; unbiased, the error bar is plain, and each player costs two
evaluations a pair of walks. *Kernel* (Kernel SHAP): a weighted regression over complementary pairs of coalitions; every
evaluation informs every player, so it is usually the more accurate one, at the price of a bias of the order of the
variance. Both are exact for games with interactions of at most two players.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from ._workers import resolve
from .arrays import as_array, as_float, column_names
from .models import Predictor, as_predict
from .random import Key, key
from .results import Attribution, ConvergenceWarning, InteractionValues, ReliabilityWarning
from .weights import Weights

__all__ = ["INDICES", "Game", "MarginalGame", "TableGame", "exact_values", "shapley"]

METHODS = ("auto", "exact", "permutation", "kernel")
INDICES = ("SV", "BV", "SII", "BII", "STII", "k-SII", "FSII", "FBII")
_MOST_PLAYERS = 20  # exact values of a game that must be evaluated: 2^20 evaluations
_MOST_TABLE = 24  # of a table: 128 MiB an output
_LOGIT_EPS = 1e-12
Bits = NDArray[np.uint64]
Floats = NDArray[np.float64]


class Game:
    """What `shapley` takes: values of coalitions, with the players' names. Subclasses give `_evaluate`.

    Attributes
    ----------
    n_players : int
    names : tuple of str
        Of the players.
    output_names : tuple of str
        Empty where a coalition's value is one number.
    data : ndarray or None
        What is explained, for `Attribution.data`.
    null_players : ndarray of bool
        Players known never to matter; `shapley` leaves them out and gives them exactly 0.
    """

    names: tuple[str, ...]
    output_names: tuple[str, ...] = ()
    data: NDArray[Any] | None = None
    null_players: NDArray[np.bool_]
    # A table gives the same value twice; a model is asked twice for v(N), since dropout may be on.
    _fixed = False
    # Whether a value is one number; known after the first evaluation.
    _scalar = True

    def __init__(self, n_players: int, names: tuple[str, ...]) -> None:
        self.n_players = n_players
        self.names = names
        self.null_players = np.zeros(n_players, dtype=bool)

    def __call__(self, coalitions: ArrayLike) -> Floats:
        """Values of boolean coalitions ``(m, n_players)``: float64 ``(m,)`` or ``(m, outputs)``."""
        mask = as_array(coalitions, "coalitions", kind="bool", ndim=2)
        if mask.shape[1] != self.n_players:
            raise ValueError(f"coalitions: expected {self.n_players} columns, received {mask.shape[1]}")
        workers = resolve(None)
        values = self._evaluate(_core.games.pack(mask, workers), workers=workers)
        return values[:, 0] if self._scalar else values

    def _evaluate(self, bits: Bits, *, workers: int, executor: Executor | None = None) -> Floats:
        """Values ``(m, outputs)`` of packed coalitions."""
        raise NotImplementedError

    def _ask_again(self, bits: Bits, *, workers: int) -> Floats:
        """As `_evaluate`, without anything remembered."""
        return self._evaluate(bits, workers=workers)

    def _diagnostics(self) -> dict[str, Any]:
        return {}


class TableGame(Game):
    """A game given by its 2^n values.

    Parameters
    ----------
    values : array_like, shape (2**n,) or (2**n, outputs)
        Bit i of the row number is player i. Copied. At most 24 players.
    names : sequence of str, optional
        Of the players.

    Raises
    ------
    ValueError
        If the number of rows is no power of two from 2 to 2**24, or for NaN and infinities.

    Examples
    --------
    >>> import pondera as po
    >>> game = po.TableGame([0.0, 1.0, 2.0, 5.0])  # v(), v(0), v(1), v(0, 1)
    >>> po.shapley(game).values
    array([2., 3.])
    """

    _fixed = True

    def __init__(self, values: ArrayLike, *, names: Iterable[str] | None = None) -> None:
        table = as_float(values, "values", ndim=(1, 2), finite=True)
        n = len(table).bit_length() - 1
        if len(table) != 2**n or not 1 <= n <= _MOST_TABLE:
            raise ValueError(
                f"values: expected 2**n rows for n from 1 to {_MOST_TABLE} players, received {len(table)} rows"
            )
        super().__init__(n, column_names(None, n, names))
        self._scalar = table.ndim == 1
        self.values: Floats = table.reshape(2**n, -1).astype(np.float64)
        if not self._scalar:
            self.output_names = tuple(f"y{i}" for i in range(table.shape[1]))

    def _evaluate(self, bits: Bits, *, workers: int, executor: Executor | None = None) -> Floats:
        return self.values[bits[:, 0].astype(np.int64)]


class _Remembered(Game):
    """A game that evaluates each coalition once and remembers its value."""

    def __init__(self, n_players: int, names: tuple[str, ...], cache_size: int) -> None:
        super().__init__(n_players, names)
        self._cache_size = cache_size
        self._forget()

    def _forget(self) -> None:
        self._table = _core.games.CoalitionTable((self.n_players + 63) // 64)
        self._values: Floats = np.empty((0, 0))

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in ("_table", "_values")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def _evaluate(self, bits: Bits, *, workers: int, executor: Executor | None = None) -> Floats:
        if len(self._table) + len(bits) > self._cache_size:
            self._forget()
        done = len(self._table)
        try:
            ids, fresh = self._table.number(bits)
            if len(fresh):
                self._store(done, self._new_values(bits[fresh], workers, executor))
        except BaseException:  # numbers were given out to coalitions that have no value now
            self._forget()
            raise
        values: Floats = self._values[ids]
        return values

    def _store(self, done: int, new: Floats) -> None:
        if len(self._values) < done + len(new) or self._values.shape[1] != new.shape[1]:
            larger = np.empty((max(done + len(new), 2 * done), new.shape[1]))
            if done:
                larger[:done] = self._values[:done]
            self._values = larger
        self._values[done : done + len(new)] = new

    def _new_values(self, bits: Bits, workers: int, executor: Executor | None) -> Floats:
        raise NotImplementedError


class _CallableGame(_Remembered):
    """A user's function of boolean coalitions."""

    def __init__(self, function: Callable[..., Any], n_players: int, batch_size: int) -> None:
        super().__init__(n_players, column_names(None, n_players), 2**20)
        self._function = function
        self._batch_size = batch_size
        self._outputs: tuple[int, ...] | None = None

    def _new_values(self, bits: Bits, workers: int, executor: Executor | None) -> Floats:
        step = self._batch_size
        chunks = [
            _core.games.unpack(np.ascontiguousarray(bits[i : i + step]), self.n_players, workers)
            for i in range(0, len(bits), step)
        ]
        results = _map(executor, self._function, chunks)
        return np.concatenate([self._checked(v, len(c)) for v, c in zip(results, chunks)])

    def _ask_again(self, bits: Bits, *, workers: int) -> Floats:
        return self._new_values(bits, workers, None)

    def _checked(self, values: Any, m: int) -> Floats:
        array = as_array(values, "game: the values", kind="any")
        if array.dtype.kind not in "fiub" or array.ndim not in (1, 2) or len(array) != m:
            raise ValueError(
                f"game: expected {m} numbers or ({m}, outputs), received shape {array.shape} of {array.dtype}"
            )
        if self._outputs not in (None, array.shape[1:]):
            raise ValueError(f"game: returned values of shape {array.shape[1:]}, in an earlier call {self._outputs}")
        if not np.isfinite(array).all():
            raise ValueError("game: a value is NaN or infinite")
        self._outputs = array.shape[1:]
        self._scalar = array.ndim == 1
        if not self._scalar:
            self.output_names = tuple(f"y{i}" for i in range(array.shape[1]))
        return array.reshape(m, -1).astype(np.float64)


def _map(executor: Executor | None, function: Callable[..., Any], *arguments: Iterable[Any]) -> Iterator[Any]:
    if executor is None:
        return map(function, *arguments)
    try:
        return iter(list(executor.map(function, *arguments)))
    except Exception as error:
        if "pickle" in f"{type(error).__name__} {error}".lower():
            raise TypeError(
                f"executor: the game cannot be sent to another process ({error}); define the model's function at the "
                "top of a module, or use a ThreadPoolExecutor"
            ) from error
        raise


class MarginalGame(_Remembered):
    """What a model predicts for `x` when only some features are known: the others come from the background.

    ``v(S) = link(sum_b w_b model(x on S, background row b elsewhere))``, the marginal (interventional) game.

    Parameters
    ----------
    model : object
        Anything that `models.as_predict` takes.
    x : array_like, Series or one-row DataFrame, shape (d,)
        The explained row.
    background : array_like or DataFrame, shape (B, d)
        Rows of the distribution. A DataFrame reaches the model as a DataFrame with its dtypes. Missing values are
        passed on; whether it takes them is the model's business.
    target : int, slice, list of int, "predicted" or None
        Which of the model's outputs are explained; "predicted" is the largest at `x`.
    background_weights : array_like or Weights, shape (B,), optional
        Non-negative; default equal.
    link : {"identity", "logit"}
        Applied to the mean. "logit" clips the mean to ``[1e-12, 1 - 1e-12]`` and counts that in the diagnostics.
    groups : sequence of sequences, or mapping of name to sequence, optional
        Columns (numbers or names) that enter a coalition together: the groups are the players. A partition.
    allow_rest : bool
        Columns in no group form one more group, "rest".
    skip_constant : bool
        Mark players whose columns equal `x` in every background row (exactly; NaN equals NaN): they are given 0 without
        being sampled.
    names : sequence of str, optional
        Of the columns; default the DataFrame's, else the model's, else x0, x1, ...
    batch_size : int
        Most rows the model is given at once; a larger background is split.
    cache_size : int
        Coalitions whose values are remembered.

    Raises
    ------
    ValueError
        For shapes that do not fit, weights that are negative or all zero, groups that are no partition, a category of
        `x` that the background's column does not know, or outputs of the model as in `models.as_predict`.

    Notes
    -----
    A coalition costs B model rows. A predictor that is not a function of its rows (dropout left on) is noticed when
    v(N) is evaluated twice. Janzing, Minorics and Bloebaum (2020), arXiv:1910.13413, on marginal against conditional.

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> background = np.zeros((5, 3))
    >>> game = po.MarginalGame(lambda X: X[:, 0] + X[:, 1] * X[:, 2], np.array([1.0, 2.0, 3.0]), background)
    >>> game(np.array([[False, False, False], [True, False, True], [True, True, True]]))
    array([0., 1., 7.])
    """

    def __init__(
        self,
        model: Any,
        x: Any,
        background: Any,
        *,
        target: Any = None,
        background_weights: ArrayLike | Weights | None = None,
        link: str = "identity",
        groups: Any = None,
        allow_rest: bool = False,
        skip_constant: bool = True,
        names: Iterable[str] | None = None,
        batch_size: int = 4096,
        cache_size: int = 2**20,
    ) -> None:
        if link not in ("identity", "logit"):
            raise ValueError(f"link: expected 'identity' or 'logit', received {link!r}")
        _positive(batch_size, "batch_size")
        _positive(cache_size, "cache_size")
        predicted = isinstance(target, str) and target == "predicted"
        predict = as_predict(model, target=None if predicted else target)
        rows: _ArrayRows | _FrameRows = (
            _FrameRows(x, background) if _is_frame(background) else _ArrayRows(x, background)
        )
        columns = column_names(background if _is_frame(background) else x, rows.d, names, predict)
        members, group_names = _groups(groups, columns, allow_rest)
        super().__init__(len(members), group_names, cache_size)
        if predicted:
            scores = predict(rows.own())
            if scores.ndim != 2:
                raise ValueError(
                    "target: the model returns one number a row, there is no largest one; leave target out"
                )
            predict = predict.with_target(int(np.argmax(scores[0])))
        player = np.empty(rows.d, dtype=np.int64)
        for i, member in enumerate(members):
            player[member] = i
        self._core = _Marginal(predict, rows, player, _background_weights(background_weights, rows.B), batch_size)
        self.link = link
        self.target = predict.target
        self.data = rows.data() if groups is None else None
        self._clipped = 0
        if skip_constant:
            moves = ~rows.constant()
            self.null_players = np.array([not moves[member].any() for member in members])

    @property
    def predict(self) -> Predictor:
        """The model as it is asked."""
        return self._core.predict

    def _new_values(self, bits: Bits, workers: int, executor: Executor | None) -> Floats:
        step = max(1, self._core.batch_size // self._core.rows.B)
        if executor is None:
            means = self._core.means(bits, workers)
        else:
            chunks = [np.ascontiguousarray(bits[i : i + step]) for i in range(0, len(bits), step)]
            means = np.concatenate(list(_map(executor, self._core.means, chunks, itertools.repeat(1))))
        self._scalar = means.ndim == 1
        if means.ndim > 2:
            raise ValueError(
                f"model: predict returned rows of shape {means.shape[1:]}; a game takes one axis of outputs"
            )
        if not self._scalar:
            self.output_names = self._core.predict.output_names(means.shape[1])
        return self._linked(means.reshape(len(bits), -1))

    def _ask_again(self, bits: Bits, *, workers: int) -> Floats:
        return self._new_values(bits, workers, None)

    def _linked(self, means: Floats) -> Floats:
        if self.link == "identity":
            return means
        if means.min() < -1e-9 or means.max() > 1 + 1e-9:
            raise ValueError("link: 'logit' needs a model that returns probabilities")
        inside = np.clip(means, _LOGIT_EPS, 1 - _LOGIT_EPS)
        self._clipped += int(np.count_nonzero(inside != means))
        odds: Floats = _core.random.log(inside) - _core.random.log1p(-inside)
        return odds

    def _diagnostics(self) -> dict[str, Any]:
        out: dict[str, Any] = {"background_rows": self._core.rows.B, "response": self._core.predict.response}
        if self.link == "logit":
            out.update(link="logit", logit_eps=_LOGIT_EPS, clipped=self._clipped)
        return out


class _Marginal:
    """The part of a marginal game that a chunk of work needs: rows, model, mean. Picklable if the model is."""

    def __init__(
        self, predict: Predictor, rows: Any, player: NDArray[np.int64], weights: Floats | None, batch_size: int
    ) -> None:
        self.predict, self.rows, self.player, self.weights, self.batch_size = predict, rows, player, weights, batch_size

    def means(self, bits: Bits, workers: int) -> Floats:
        """Mean predictions of packed coalitions, ``(m, ...)``."""
        B = self.rows.B
        step = max(1, self.batch_size // B)
        out = []
        for begin in range(0, len(bits), step):
            some = np.ascontiguousarray(bits[begin : begin + step])
            parts = [
                self.predict(self.rows.make(some, self.player, low, min(low + self.batch_size, B), workers))
                for low in range(0, B, self.batch_size)
            ]
            y = parts[0] if len(parts) == 1 else np.concatenate(parts)
            means = _core.games.background_means(y.reshape(len(some), B, math.prod(y.shape[1:])), self.weights, workers)
            out.append(means.reshape(len(some), *y.shape[1:]))
        return out[0] if len(out) == 1 else np.concatenate(out)


class _ArrayRows:
    """Hybrid rows of NumPy arrays."""

    def __init__(self, x: Any, background: Any) -> None:
        table = as_float(background, "background", ndim=2)
        row = as_float(x, "x", ndim=(1, 2))
        if row.ndim == 2:
            row = row[0] if len(row) == 1 else row.reshape(-1)
        self.B, self.d = table.shape
        _check_rows(self.B, self.d, len(row))
        dtype = np.result_type(table, row)
        self._background = np.array(table, dtype=dtype)
        self._x = np.array(row, dtype=dtype)

    def make(self, bits: Bits, player: NDArray[np.int64], low: int, high: int, workers: int) -> NDArray[Any]:
        return _fill(self._x, self._background[low:high], player, bits, workers)

    def own(self) -> NDArray[Any]:
        return self._x[None, :]

    def constant(self) -> NDArray[np.bool_]:
        same = (self._background == self._x) | (np.isnan(self._background) & np.isnan(self._x))
        out: NDArray[np.bool_] = same.all(axis=0)
        return out

    def data(self) -> NDArray[Any]:
        return self._x.copy()


def _fill(
    x: NDArray[Any], background: NDArray[Any], player: NDArray[np.int64], bits: Bits, workers: int
) -> NDArray[Any]:
    out = np.empty((len(bits) * len(background), len(x)), dtype=x.dtype)
    wide = x.dtype.itemsize == 8
    word, fill = (np.uint64, _core.games.fill_rows_64) if wide else (np.uint32, _core.games.fill_rows_32)
    fill(x.view(word), background.view(word), player, bits, out.view(word), workers)
    return out


class _FrameRows:
    """Hybrid rows of DataFrames: every column keeps its dtype. Where all columns are of one plain dtype, rows are made
    as an array and wrapped; otherwise each column is taken from the background's with the value of `x` behind it."""

    def __init__(self, x: Any, background: Any) -> None:
        import pandas as pd

        self.B, self.d = background.shape
        own = _values_of(x, background)
        _check_rows(self.B, self.d, len(own))
        self._columns = background.columns
        self._series = [_with_value(pd, background.iloc[:, j].reset_index(drop=True), own[j]) for j in range(self.d)]
        dtypes = {series.dtype for series in self._series}
        dtype = dtypes.pop()
        self._plain: NDArray[Any] | None = None
        if not dtypes and isinstance(dtype, np.dtype) and dtype.kind in "fiu" and dtype.itemsize in (4, 8):
            self._plain = np.column_stack([series.to_numpy() for series in self._series])

    def make(self, bits: Bits, player: NDArray[np.int64], low: int, high: int, workers: int) -> Any:
        import pandas as pd

        if self._plain is not None:
            filled = _fill(np.ascontiguousarray(self._plain[-1]), self._plain[low:high], player, bits, workers)
            return pd.DataFrame(filled, columns=self._columns, copy=False)
        inside = _core.games.unpack(bits, int(player.max()) + 1, workers)
        hidden = np.arange(low, high)
        return self._frame(
            [np.where(inside[:, player[j]][:, None], self.B, hidden[None, :]).reshape(-1) for j in range(self.d)]
        )

    def own(self) -> Any:
        return self._frame([np.array([self.B])] * self.d)

    def _frame(self, positions: list[NDArray[np.int64]]) -> Any:
        import pandas as pd

        frame = pd.DataFrame({j: self._series[j].array.take(at) for j, at in enumerate(positions)}, copy=False)
        frame.columns = self._columns
        return frame

    def constant(self) -> NDArray[np.bool_]:
        return np.array([_one_value(series) for series in self._series])

    def data(self) -> NDArray[Any]:
        last = [series.iloc[-1] for series in self._series]
        if all(series.dtype.kind in "fiub" for series in self._series):
            return np.array([math.nan if _missing(v) else float(v) for v in last])
        return np.array([str(v) for v in last])


def _is_frame(x: Any) -> bool:
    return hasattr(x, "iloc") and hasattr(x, "columns")


def _missing(value: Any) -> bool:
    return value is None or value != value or type(value).__name__ == "NAType"  # NaN and NaT differ from themselves


def _one_value(series: Any) -> bool:
    try:
        return len(series.unique()) == 1  # pandas counts NaN as one value
    except TypeError:  # unhashable objects
        return False


def _values_of(x: Any, background: Any) -> list[Any]:
    """The explained row's values in the order of the background's columns."""
    if _is_frame(x):
        if len(x) != 1:
            raise ValueError(f"x: expected one row, received {len(x)}")
        if list(x.columns) != list(background.columns):
            raise ValueError("x: its columns differ from the background's")
        return [x.iloc[0, j] for j in range(x.shape[1])]
    if hasattr(x, "index") and hasattr(x, "iloc"):
        if list(x.index) != list(background.columns):
            raise ValueError("x: its index differs from the background's columns")
        return list(x)
    if isinstance(x, Mapping):
        if set(x) != set(background.columns):
            raise ValueError("x: its keys differ from the background's columns")
        return [x[name] for name in background.columns]
    array = as_array(x, "x", kind="any", ndim=(1, 2))
    return list(array.reshape(-1))


def _with_value(pd: Any, series: Any, value: Any) -> Any:
    """`series` with `value` behind it, in the series' dtype wherever that loses nothing."""
    own = pd.Series([value])
    dtype = series.dtype
    plain = isinstance(dtype, np.dtype) and dtype.kind in "fiub"
    try:
        cast = own.astype(dtype)
        kept = _missing(value) == _missing(cast.iloc[0]) and (
            not plain or _missing(value) or bool(cast.iloc[0] == value)
        )
    except (TypeError, ValueError, OverflowError):
        kept = False
    if not kept and not (plain and isinstance(value, (int, float, np.number, np.bool_))):
        raise ValueError(
            f"x: the value {value!r} of column {series.name!r} does not fit the background's dtype {dtype}; "
            "give both the same dtype (for categories: the same categories)"
        )
    return pd.concat([series, cast if kept else own], ignore_index=True)


def _check_rows(B: int, d: int, own: int) -> None:
    if B == 0 or d == 0:
        raise ValueError(f"background: expected at least one row and one column, received shape ({B}, {d})")
    if own != d:
        raise ValueError(f"x: expected one row of {d} values, as the background has columns, received {own}")


def _background_weights(weights: Any, B: int) -> Floats | None:
    if weights is None:
        return None
    array = as_float(weights.normalized if isinstance(weights, Weights) else weights, "background_weights", ndim=1)
    if len(array) != B:
        raise ValueError(f"background_weights: expected {B} weights, one a background row, received {len(array)}")
    array = array.astype(np.float64)
    if not np.isfinite(array).all() or (array < 0).any() or not array.max() > 0:
        raise ValueError("background_weights: expected finite weights, none negative, not all zero")
    array = array / array.max()
    normalized: Floats = array / _core.random.sum(array, 1)
    return normalized


def _groups(groups: Any, columns: tuple[str, ...], allow_rest: bool) -> tuple[list[NDArray[np.int64]], tuple[str, ...]]:
    """Column numbers of each player, and the players' names."""
    if groups is None:
        return [np.array([j]) for j in range(len(columns))], columns
    if isinstance(groups, Mapping):
        labels, lists = [str(name) for name in groups], list(groups.values())
    else:
        labels, lists = [], list(groups)
    members = []
    seen: set[int] = set()
    for group in lists:
        numbers = [_column(item, columns) for item in ([group] if isinstance(group, (str, int)) else group)]
        if not numbers:
            raise ValueError("groups: a group is empty")
        for j in numbers:
            if j in seen:
                raise ValueError(f"groups: column {columns[j]!r} is in two places; every column belongs to one group")
            seen.add(j)
        members.append(np.array(numbers))
    rest = [j for j in range(len(columns)) if j not in seen]
    if not labels:
        labels = [columns[m[0]] if len(m) == 1 else "+".join(columns[j] for j in m) for m in members]
    if rest and not allow_rest:
        raise ValueError(
            f"groups: column(s) {', '.join(columns[j] for j in rest[:5])} belong to no group; allow_rest=True makes one"
        )
    if rest:
        members.append(np.array(rest))
        labels.append("rest")
    return members, tuple(labels)


def _column(item: Any, columns: tuple[str, ...]) -> int:
    if isinstance(item, str):
        if item not in columns:
            raise ValueError(f"groups: there is no column {item!r}")
        return columns.index(item)
    if isinstance(item, bool) or not isinstance(item, (int, np.integer)):
        raise TypeError(f"groups: expected column numbers or names, received {item!r}")
    if not 0 <= item < len(columns):
        raise ValueError(f"groups: expected column numbers from 0 to {len(columns) - 1}, received {item}")
    return int(item)


def _positive(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name}: expected an integer, received {value!r}")
    if value < 1:
        raise ValueError(f"{name}: expected a positive integer, received {value}")
    return int(value)


def _as_game(game: Any, n_players: int | None, batch_size: int) -> Game:
    if isinstance(game, Game):
        if n_players is not None and n_players != game.n_players:
            raise ValueError(f"n_players: the game has {game.n_players} players, received {n_players}")
        return game
    if not callable(game):
        raise TypeError(f"game: expected a game or a function of boolean coalitions, received {type(game).__name__}")
    if n_players is None:
        raise ValueError("n_players: a plain function does not tell how many players it has; give n_players")
    return _CallableGame(game, _positive(n_players, "n_players"), batch_size)


def shapley(
    game: Any,
    n_players: int | None = None,
    *,
    method: str = "auto",
    budget: int | None = None,
    tol: float | None = None,
    paired: bool = True,
    balanced: bool = False,
    min_batches: int = 8,
    partial: bool = False,
    rng: Any = None,
    batch_size: int = 4096,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: bool | Callable[[int, int], Any] = False,
) -> Attribution:
    """Shapley values of a game: each player's fair share of v(N) - v(empty), with standard errors.

    Parameters
    ----------
    game : Game or callable
        A `MarginalGame`, a `TableGame`, or a function of boolean coalitions ``(m, n_players)`` that returns ``(m,)`` or
        ``(m, outputs)`` finite numbers.
    n_players : int, optional
        Needed for a plain function only.
    method : {"auto", "exact", "permutation", "kernel"}
        "auto": exact where the 2^n coalitions fit the budget, else "kernel". Up to three players are always exact.
    budget : int, optional
        Most distinct coalitions to evaluate, the empty and the full one among them; default 2 n + 2048. Players that
        cannot matter are not counted in n.
    tol : float, optional
        Stop when the largest standard error is below `tol` times the range of the values (the worst output counts).
        Default: use the budget. The published code stops at 0.01.
    paired : bool
        Permutations are walked back as well. The kernel method always takes complementary pairs.
    balanced : bool
        Permutations come in blocks of all n cyclic shifts, so that each player stands at each position once; a block
        costs n (n - 1) evaluations and is one sample.
    min_batches : int
        Batches to run before `tol` may stop the sampling, and before an interrupted run has a result.
    partial : bool
        When the model fails or Ctrl-C comes after `min_batches` batches, return what there is, with a warning.
    rng : None, int, Generator, SeedSequence or Key
    batch_size : int
        Coalitions the game is given at once; no value depends on it.
    workers : int, optional
        Threads of the kernels; no value depends on it. The model is called from this thread only.
    executor : concurrent.futures.Executor, optional
        Evaluates chunks of coalitions elsewhere; the game must be picklable for other processes.
    progress : bool or callable
        True for a tqdm bar, or ``progress(done, total)`` in evaluations.

    Returns
    -------
    Attribution
        `values` and `stderr` ``(n,)`` or ``(n, outputs)``, `base_value` v(empty); the values sum to v(N) - v(empty).
        `stderr` is 0 where exact, NaN where unknown. `diagnostics`: method, evaluations, distinct coalitions, samples,
        converged, the trace of (evaluations, error / range).

    Raises
    ------
    ValueError
        If there are no players, the budget is below 2 n + 2 (permutation: below one sample), "exact" is asked of more
        than 20 players (24 for a table), or the game returns what it should not.

    Warns
    -----
    ReliabilityWarning
        If there are too few samples for a standard error, the regression lacks rank, or the model is random.
    ConvergenceWarning
        If `tol` was not reached; the message forecasts the budget.

    Notes
    -----
    Permutation: unbiased; standard error between samples, t with samples - 1 degrees of freedom (Castro, Gomez and
    Tejada 2009; antithetic pairs: Mitchell, Cooper, Frank and Holmes 2022). Kernel: Lundberg and Lee (2017),
    arXiv:1705.07874, sizes enumerated from the outside in, the rest drawn in complementary pairs (Covert and Lee 2021,
    arXiv:2012.01536), standard error by the sandwich over pairs; O(budget n^2 + n^3) beside the game. Nominal 95%
    intervals of a random forest's game of 10 features, B = 30, budget 400, covered COVERAGE_PERMUTATION (permutation)
    and COVERAGE_KERNEL (kernel) over 400 seeds.

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> def airport(coalitions):  # a runway is as dear as its longest user
    ...     return (coalitions * np.arange(1.0, 31.0)).max(axis=1)
    >>> phi = po.shapley(airport, 30, rng=0)
    >>> phi.values[:2].round(2), round(float(phi.values.sum()), 6)
    (array([0.03, 0.07]), 30.0)
    """
    words = key(rng)
    if method not in METHODS:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, received {method!r}")
    _positive(batch_size, "batch_size")
    _positive(min_batches, "min_batches")
    if budget is not None:
        _positive(budget, "budget")
    if tol is not None and not 0 < tol < math.inf:
        raise ValueError(f"tol: expected a positive number, received {tol!r}")
    whole = _as_game(game, n_players, batch_size)
    players = np.flatnonzero(~whole.null_players)
    n = len(players)
    part = whole if n == whole.n_players or n == 0 else _Restricted(whole, players)
    limit = 2 * n + 2048 if budget is None else budget
    chosen = _method(method, n, limit, budget, _MOST_TABLE if whole._fixed else _MOST_PLAYERS, balanced, paired)
    run = _Run(
        part,
        batch_size=batch_size,
        workers=workers,
        executor=executor,
        progress=progress,
        total=2**n if chosen == "exact" else limit,
    )
    empty, full = run.ends()
    settings = _Settings(limit, tol, paired, balanced, min_batches, partial, words)
    if n == 0:
        found = _Found(np.zeros((0, len(empty))), np.zeros((0, len(empty))))
    elif chosen == "exact":
        found = _exact_shapley(run)
    elif chosen == "permutation":
        found = _permutation(run, settings, empty, full)
    else:
        found = _kernel(run, settings, empty, full)
    if run.stochastic and found.exact:
        found.stderr = np.full_like(found.stderr, math.nan)
    values, stderr = np.zeros((2, whole.n_players, len(empty)))
    values[players], stderr[players] = found.values, found.stderr
    diagnostics: dict[str, Any] = {
        "method": chosen,
        "budget": limit,
        "evaluations": run.evaluations,
        "distinct": run.distinct,
        "samples": found.samples,
        "stochastic": run.stochastic,
        "left_out": whole.n_players - n,
        **found.diagnostics,
        **whole._diagnostics(),
    }
    return Attribution(
        values=values[:, 0] if whole._scalar else values,
        base_value=float(empty[0]) if whole._scalar else empty,
        stderr=stderr[:, 0] if whole._scalar else stderr,
        names=whole.names,
        data=whole.data,
        output_names=whole.output_names,
        df=found.df,
        diagnostics=diagnostics,
    )


def _method(method: str, n: int, limit: int, budget: int | None, most: int, balanced: bool, paired: bool) -> str:
    """The method that will run, or ValueError if the budget is too small for it."""
    if n <= 3 or (method == "auto" and n <= most and 2**n <= limit):
        return "exact"
    chosen = "kernel" if method == "auto" else method
    if chosen == "exact":
        if n > most:
            raise ValueError(
                f"method: 'exact' takes at most {most} players here, the game has {n}; use 'kernel' or 'permutation'"
            )
        if budget is not None and 2**n > budget:
            raise ValueError(f"budget: 'exact' evaluates {2**n} coalitions, received {budget}")
        return chosen
    least = 2 * n + 2
    if chosen == "permutation" and balanced:
        least = n * (n - 1) + 2
    if limit < least:
        raise ValueError(
            f"budget: method {chosen!r} needs at least {least} evaluations for {n} players, received {limit}"
        )
    if chosen == "kernel" and (balanced or not paired):
        raise ValueError("balanced, paired: these belong to method 'permutation'; 'kernel' always draws pairs")
    return chosen


@dataclass(frozen=True, slots=True)
class _Settings:
    limit: int
    tol: float | None
    paired: bool
    balanced: bool
    min_batches: int
    partial: bool
    key: Key


@dataclass(slots=True)
class _Found:
    """What a method found: values and standard errors ``(n, outputs)``."""

    values: Floats
    stderr: Floats
    samples: int = 0
    df: float = math.inf
    exact: bool = True
    diagnostics: dict[str, Any] = field(default_factory=dict)


def _exact_shapley(run: _Run) -> _Found:
    table = run.table()
    _core.games.subset_transform(table, run.n, False, run.workers)
    single = np.left_shift(np.uint64(1), np.arange(run.n, dtype=np.uint64))
    values = _core.games.superset_sums(table, run.n, single, _coefficients("SV", run.n, 1), run.workers).T
    return _Found(values, np.zeros_like(values))


def _permutation(run: _Run, settings: _Settings, empty: Floats, full: Floats) -> _Found:
    n, outputs = run.n, len(empty)
    walk = 2 if settings.balanced else int(settings.paired)
    each = (n - 1, 2 * (n - 1), n * (n - 1))[walk]
    wanted = (settings.limit - 2) // each
    moments = _core.games.Moments(n * outputs)

    def batch(first: int, count: int) -> None:
        orders, bits = _core.games.walk_orders(settings.key.words, first, count, n, walk, run.workers)
        values = run.values(bits)
        marginals = _core.games.walk_marginals(orders, values, empty, full, walk, run.workers)
        moments.add(marginals.reshape(count, n * outputs), run.workers)

    def estimate() -> tuple[Floats, Floats]:
        values, stderr = moments.summary()
        return values.reshape(n, outputs), stderr.reshape(n, outputs)

    # At most some 4096 coalitions of permutations are held at once, whatever the batches of the stopping rule.
    largest = max(1, 4096 // each)
    outcome = _sample(run, settings, batch, estimate, lambda: len(moments), wanted, 4, largest, full - empty)
    values, stderr = estimate()
    samples = len(moments)
    if samples < 2:
        warnings.warn("one sample gives no standard error; a larger budget does", ReliabilityWarning, stacklevel=3)
    return _Found(values, stderr, samples, float(max(samples - 1, 1)), False, outcome)


def _kernel(run: _Run, settings: _Settings, empty: Floats, full: Floats) -> _Found:
    n, outputs = run.n, len(empty)
    delta = full - empty
    left = settings.limit - 2
    # Kernel mass of the pair of sizes s and n - s, all coalitions together; sizes enumerated while their share of the
    # budget covers them.
    mass = [(2.0 if 2 * s < n else 1.0) / (s * (n - s)) for s in range(1, n // 2 + 1)]
    blocks, weights = [], []
    s = 1
    while s <= n // 2:
        coalitions = math.comb(n, s) * (2 if 2 * s < n else 1)
        if left * mass[s - 1] < coalitions * math.fsum(mass[s - 1 :]) * (1 - 1e-12):
            break
        blocks.append(_core.games.enumerate_pairs(n, s, coalitions // 2))
        weights.append(np.full(coalitions // 2, mass[s - 1] / coalitions))
        left -= coalitions
        s += 1
    sizes = np.arange(s, n // 2 + 1)
    rest = math.fsum(mass[s - 1 :])

    def half_difference(pairs: Bits) -> Floats:
        both = run.values(np.concatenate([pairs, _core.games.complements(pairs, n)]))
        share = (2.0 * _core.games.sizes(pairs) - n)[:, None] / n
        half: Floats = 0.5 * ((both[: len(pairs)] - both[len(pairs) :]) - share * delta)
        return half

    fixed = np.concatenate(blocks) if blocks else np.empty((0, (n + 63) // 64), dtype=np.uint64)
    fixed_weights = np.concatenate(weights) if weights else np.empty(0)
    fixed_half = half_difference(fixed) if len(fixed) else np.empty((0, outputs))
    drawn = _Drawn(n, outputs)
    cumulative = np.cumsum(mass[s - 1 :])
    wanted = left // 2 if len(sizes) else 0

    def batch(first: int, count: int) -> None:
        pairs = _core.games.sample_pairs(settings.key.words, first, count, n, sizes, cumulative, run.workers)
        drawn.add(pairs, wanted, half_difference)

    last: dict[int, tuple[Floats, Floats, int]] = {}

    def estimate() -> tuple[Floats, Floats]:
        if drawn.draws not in last:
            last.clear()
            last[drawn.draws] = _regress(run, fixed, fixed_weights, fixed_half, drawn, rest, delta)
        return last[drawn.draws][:2]

    outcome: dict[str, Any] = {}
    if wanted:
        # Repeated pairs cost nothing, so draws go on until the distinct ones have used the budget. Ten draws for each
        # are more than collecting them takes: sizes of which a large share is affordable have been enumerated.
        outcome = _sample(
            run,
            settings,
            batch,
            estimate,
            lambda: drawn.draws,
            10 * wanted,
            max(4, n // 4),
            2048,
            delta,
            lambda: drawn.full,
        )
    values, stderr = estimate()
    rank = last[drawn.draws][2]
    outcome["rank"] = rank
    if rank < n - 1:
        warnings.warn(
            f"the coalitions determine {rank} of {n - 1} directions, the values are those of least norm; "
            "a larger budget helps",
            ReliabilityWarning,
            stacklevel=3,
        )
    if wanted and len(drawn.pairs) < n:
        warnings.warn(
            f"{len(drawn.pairs)} sampled pairs are too few for standard errors of {n} players; "
            "a larger budget gives them",
            ReliabilityWarning,
            stacklevel=3,
        )
    outcome["enumerated_sizes"] = s - 1
    df = float(max(drawn.draws - (n - 1), 1)) if wanted else math.inf
    return _Found(values, stderr, drawn.draws, df, not wanted, outcome)


class _Drawn:
    """Distinct sampled pairs in the order of their first draw, how often each was drawn, and their values."""

    def __init__(self, n: int, outputs: int) -> None:
        words = (n + 63) // 64
        self._table = _core.games.CoalitionTable(words)
        self.pairs: Bits = np.empty((0, words), dtype=np.uint64)
        self.counts: Floats = np.empty(0)
        self.half: Floats = np.empty((0, outputs))
        self.draws = 0
        self.full = False

    def add(self, pairs: Bits, wanted: int, half_difference: Callable[[Bits], Floats]) -> None:
        """Draws up to, not including, the first that would be distinct pair number `wanted` + 1."""
        known = len(self.pairs)
        ids, fresh = self._table.number(pairs)
        if known + len(fresh) > wanted:
            end = int(fresh[wanted - known])
            ids, fresh = ids[:end], fresh[: wanted - known]
            self.full = True
        if len(fresh):
            half = half_difference(np.ascontiguousarray(pairs[fresh]))
            self.pairs = np.concatenate([self.pairs, pairs[fresh]])
            self.half = np.concatenate([self.half, half])
            self.counts = np.concatenate([self.counts, np.zeros(len(fresh))])
        self.counts += np.bincount(ids, minlength=len(self.counts))
        self.draws += len(ids)
        self.full = self.full or len(self.pairs) == wanted


def _regress(
    run: _Run, fixed: Bits, fixed_weights: Floats, fixed_half: Floats, drawn: _Drawn, rest: float, delta: Floats
) -> tuple[Floats, Floats, int]:
    """Values, standard errors and rank of the weighted regression on enumerated and drawn pairs."""
    n, games = run.n, _core.games
    pairs = np.concatenate([fixed, drawn.pairs])
    half = np.ascontiguousarray(np.concatenate([fixed_half, drawn.half]))
    # Each of the two coalitions of a draw stands for 1 / (2 draws) of the kernel mass that was not enumerated.
    unit = rest / (2 * drawn.draws) if drawn.draws else 0.0
    weights = np.concatenate([fixed_weights, drawn.counts * unit])
    gram, moment = np.zeros((n, n)), np.zeros((n, half.shape[1]))
    games.normal_equations(pairs, weights, half, gram, moment, run.workers)
    inverse, pivots = games.projected_inverse(gram)
    rank = n - 1
    if not pivots > 1e-8:  # directions that no pair determines: the solution of least norm
        eigenvalues, vectors = np.linalg.eigh(np.triu(gram) + np.triu(gram, 1).T)
        kept = eigenvalues > 1e-10 * eigenvalues[-1]
        rank = min(int(np.count_nonzero(kept)), n - 1)
        inverse = np.ascontiguousarray((vectors[:, kept] / eigenvalues[kept]) @ vectors[:, kept].T)
    phi = games.apply_inverse(inverse, moment)
    values: Floats = phi + delta / n
    if not drawn.draws:
        return values, np.zeros_like(values), rank
    draws = drawn.draws
    if len(drawn.pairs) < n:
        return values, np.full_like(values, math.nan), rank
    scores = games.pair_residuals(drawn.pairs, phi, drawn.half, run.workers) * unit
    first, second = games.score_moments(drawn.pairs, inverse, scores, drawn.counts, run.workers)
    # The scores of the draws are centred: where sizes are enumerated, the two parts only cancel in sum.
    spread = np.maximum(second - first * (first / draws), 0.0)
    stderr: Floats = np.sqrt(spread * (draws / (draws - (n - 1) / 2)))
    return values, stderr, rank


def _sample(
    run: _Run,
    settings: _Settings,
    batch: Callable[[int, int], None],
    estimate: Callable[[], tuple[Floats, Floats]],
    done: Callable[[], int],
    wanted: int,
    start: int,
    largest: int,
    delta: Floats,
    full: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Batches of samples, each a quarter of those before it, until `wanted` samples are there or `tol` is reached."""
    trace: list[tuple[int, float]] = []
    converged = settings.tol is None
    batches, next_size = 0, start
    while done() < wanted and not full():
        goal = min(done() + next_size, wanted)
        try:
            while done() < goal and not full():
                batch(done(), min(largest, goal - done()))
        except (Exception, KeyboardInterrupt) as error:
            if not settings.partial or batches < settings.min_batches:
                raise
            warnings.warn(
                f"stopped after {done()} samples: {type(error).__name__}: {error}", ReliabilityWarning, stacklevel=4
            )
            return {"converged": False, "partial": f"{type(error).__name__}: {error}", "trace": np.array(trace)}
        batches += 1
        next_size = max(start, done() // 4)
        if settings.tol is None:
            continue
        ratio = _error_ratio(*estimate(), delta)
        trace.append((run.evaluations, ratio))
        forecast = run.evaluations * (ratio / settings.tol) ** 2
        run.total = int(min(settings.limit, forecast)) if math.isfinite(forecast) else settings.limit
        if ratio < settings.tol and batches >= settings.min_batches:
            converged = True
            break
    if not converged:
        evaluations, ratio = trace[-1]
        needed = evaluations * (ratio / settings.tol) ** 2 if settings.tol else math.nan
        remedy = f"; about {needed:.2g} evaluations would do" if math.isfinite(needed) else ""
        warnings.warn(
            f"tol: the error is {ratio:.3g} of the values' range after {evaluations} evaluations{remedy}",
            ConvergenceWarning,
            stacklevel=4,
        )
    return {"converged": converged, "trace": np.array(trace, dtype=np.float64).reshape(-1, 2)}


def _error_ratio(values: Floats, stderr: Floats, delta: Floats) -> float:
    """Largest standard error over the range of the values, the worst output."""
    span = values.max(axis=0) - values.min(axis=0)
    size = np.maximum(np.abs(delta), 1e-12)
    ratio = stderr.max(axis=0) / np.where(span <= 1e-12 * np.maximum(1.0, np.abs(delta)), size, span)
    return float(ratio.max()) if not np.isnan(ratio).any() else math.inf


def exact_values(
    game: Any,
    n_players: int | None = None,
    *,
    index: str = "SV",
    order: int | None = None,
    batch_size: int = 4096,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: bool | Callable[[int, int], Any] = False,
) -> Attribution | InteractionValues:
    """An index of the game from all its 2^n coalitions.

    Parameters
    ----------
    game : Game or callable
        As in `shapley`; at most 20 players, a `TableGame` 24.
    n_players : int, optional
        Needed for a plain function only.
    index : {"SV", "BV", "SII", "BII", "STII", "k-SII", "FSII", "FBII"}
        Shapley and Banzhaf values; Shapley and Banzhaf interaction; Shapley-Taylor; n-Shapley (efficient, built from
        SII); faithful Shapley and Banzhaf.
    order : int, optional
        Largest size of a set of players; default 2, for "SV" and "BV" 1.
    batch_size : int
        Coalitions the game is given at once.
    workers : int, optional
        Threads; the values do not depend on it.
    executor : concurrent.futures.Executor, optional
    progress : bool or callable
        As in `shapley`.

    Returns
    -------
    Attribution or InteractionValues
        Attribution for "SV" and "BV", else ``{(i,): ..., (i, j): ...}``. Standard errors are 0, or NaN if the game
        is random.

    Raises
    ------
    ValueError
        For too many players, an unknown index, or an order outside 1 to n.

    Notes
    -----
    By Moebius coefficients: 2^n evaluations, n 2^(n-1) additions, then a sum over the supersets of each set; memory
    8 * 2^n bytes an output. Grabisch and Roubens (1999); Dhamdhere et al. (2020), arXiv:1902.05622; Tsai, Yeh and
    Ravikumar (2023), arXiv:2203.00870; Bord and von Luxburg (2023), arXiv:2209.03662.

    Examples
    --------
    >>> import pondera as po
    >>> game = po.TableGame([0.0, 1.0, 2.0, 5.0])
    >>> po.exact_values(game, index="SII").values
    {(0,): 2.0, (1,): 3.0, (0, 1): 2.0}
    """
    if index not in INDICES:
        raise ValueError(f"index: expected one of {', '.join(INDICES)}, received {index!r}")
    _positive(batch_size, "batch_size")
    single = index in ("SV", "BV")
    order = (1 if single else 2) if order is None else _positive(order, "order")
    if single and order != 1:
        raise ValueError(f"order: {index} is an index of single players, received order {order}")
    whole = _as_game(game, n_players, batch_size)
    n = whole.n_players
    most = _MOST_TABLE if whole._fixed else _MOST_PLAYERS
    if n > most:
        raise ValueError(f"game: exact values take at most {most} players here, the game has {n}")
    if order > n:
        if order > 2:
            raise ValueError(f"order: expected 1 to {n} players, received {order}")
        order = n  # the default order of a game of one player
    run = _Run(whole, batch_size=batch_size, workers=workers, executor=executor, progress=progress, total=2**n)
    run.ends()
    table = run.table()
    base = table[:, 0].copy()
    _core.games.subset_transform(table, n, False, run.workers)
    sets = [members for s in range(order + 1) for members in itertools.combinations(range(n), s)]
    masks = np.array([sum(1 << i for i in members) for members in sets], dtype=np.uint64)
    inner = "SII" if index == "k-SII" else index
    sums = _core.games.superset_sums(table, n, masks, _coefficients(inner, n, order), run.workers)
    found = dict(zip(sets, sums.T))
    if index == "k-SII":
        found = _n_shapley(found, order)
    if index == "FBII":
        base = found[()]
    del found[()]
    error = math.nan if run.stochastic else 0.0
    diagnostics = {
        "evaluations": run.evaluations,
        "stochastic": run.stochastic,
        "index": index,
        **whole._diagnostics(),
    }
    base_value = float(base[0]) if whole._scalar else base
    if single:
        values = np.array([found[(i,)] for i in range(n)])
        return Attribution(
            values=values[:, 0] if whole._scalar else values,
            base_value=base_value,
            stderr=np.full(values[:, 0].shape if whole._scalar else values.shape, error),
            names=whole.names,
            data=whole.data,
            output_names=whole.output_names,
            diagnostics=diagnostics,
        )
    plain = {members: float(v[0]) if whole._scalar else v for members, v in found.items()}
    return InteractionValues(
        values=plain,
        base_value=base_value,
        stderr={members: error if whole._scalar else np.full(len(base), error) for members in plain},
        order=order,
        index=index,
        n_players=n,
        names=whole.names,
        diagnostics=diagnostics,
    )


def _coefficients(index: str, n: int, order: int) -> Floats:
    """``c[s, t]``: an index of a set of size s is the sum of c[s, t] m(T) over its supersets T of size t."""
    c = np.zeros((order + 1, n + 1))
    for s in range(order + 1):
        for t in range(max(s, 1), n + 1):
            c[s, t] = _coefficient(index, s, t, order)
    c[0, 0] = 1.0  # the empty set: v(empty), which FBII corrects
    if index != "FBII":
        c[0, 1:] = 0.0
    return c


def _coefficient(index: str, s: int, t: int, order: int) -> float:
    if index in ("SV", "SII"):
        return 1.0 / (t - s + 1)
    if index in ("BV", "BII"):
        return 2.0 ** -(t - s)
    if index == "STII":
        return 1.0 / math.comb(t, order) if s == order else float(t == s)
    if t <= order:
        return float(t == s)
    sign = (-1.0) ** (order - s)
    if index == "FSII":
        ratio = math.comb(t - 1, order) / math.comb(t + order - 1, order + s)
        return sign * (s / (order + s)) * math.comb(order, s) * ratio
    return sign * 2.0 ** -(t - s) * math.comb(t - s - 1, order - s)


def _n_shapley(sii: dict[tuple[int, ...], Floats], order: int) -> dict[tuple[int, ...], Floats]:
    """n-Shapley values: every set adds its SII, times a Bernoulli number, to its subsets (Bord, von Luxburg 2023)."""
    from scipy.special import bernoulli

    numbers = bernoulli(max(order, 2))
    out = {members: value.copy() for members, value in sii.items()}
    for members, value in sii.items():
        for s in range(1, len(members)):
            for inner in itertools.combinations(members, s):
                out[inner] += numbers[len(members) - s] * value
    return out


class _Restricted(Game):
    """A game among some of the players, the others absent for good."""

    def __init__(self, game: Game, players: NDArray[np.int64]) -> None:
        super().__init__(len(players), tuple(game.names[i] for i in players))
        self._game, self._players, self._fixed = game, players, game._fixed

    def _widened(self, bits: Bits, workers: int) -> Bits:
        mask = np.zeros((len(bits), self._game.n_players), dtype=bool)
        mask[:, self._players] = _core.games.unpack(bits, self.n_players, workers)
        wide: Bits = _core.games.pack(mask, workers)
        return wide

    def _evaluate(self, bits: Bits, *, workers: int, executor: Executor | None = None) -> Floats:
        return self._game._evaluate(self._widened(bits, workers), workers=workers, executor=executor)

    def _ask_again(self, bits: Bits, *, workers: int) -> Floats:
        return self._game._ask_again(self._widened(bits, workers), workers=workers)


class _Run:
    """The evaluations of one call: in batches, counted, with progress."""

    def __init__(
        self,
        game: Game,
        *,
        batch_size: int,
        workers: int | None,
        executor: Executor | None,
        progress: bool | Callable[[int, int], Any],
        total: int,
    ) -> None:
        self.game, self.n = game, game.n_players
        self.batch_size, self.workers, self.executor = batch_size, resolve(workers), executor
        self.evaluations = self.distinct = 0
        self.total = total
        self._seen = _core.games.CoalitionTable((self.n + 63) // 64)
        self._progress = _bar(progress)
        self.stochastic = False

    def ends(self) -> tuple[Floats, Floats]:
        """v(empty) and v(N), each ``(outputs,)``; whether the game answers twice alike."""
        empty = np.zeros((1, (self.n + 63) // 64), dtype=np.uint64)
        full = _core.games.complements(empty, self.n)
        values = self.values(np.concatenate([empty, full]))
        if not self.game._fixed:
            again = self.game._ask_again(full, workers=self.workers)[0]
            scale = np.maximum(np.abs(values[1]), np.finfo(float).tiny)
            self.stochastic = bool((np.abs(again - values[1]) > 1e-6 * scale).any())
            if self.stochastic:
                warnings.warn(
                    "the model gave two different answers for the same rows; turn its randomness (dropout) off",
                    ReliabilityWarning,
                    stacklevel=4,
                )
        return values[0], values[1]

    def values(self, bits: Bits) -> Floats:
        parts = []
        for begin in range(0, len(bits), self.batch_size):
            some = np.ascontiguousarray(bits[begin : begin + self.batch_size])
            parts.append(self.game._evaluate(some, workers=self.workers, executor=self.executor))
            self._seen.number(some)
            self.distinct = len(self._seen)
            self.evaluations += len(some)
            self._progress(self.evaluations, max(self.total, self.evaluations))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def table(self) -> Floats:
        """All values, ``(outputs, 2**n)``."""
        out: Floats | None = None
        for begin in range(0, 2**self.n, self.batch_size):
            bits = np.arange(begin, min(begin + self.batch_size, 2**self.n), dtype=np.uint64)
            values = self.game._evaluate(bits[:, None], workers=self.workers, executor=self.executor)
            if out is None:
                out = np.empty((values.shape[1], 2**self.n))
            out[:, begin : begin + len(bits)] = values.T
            self._progress(begin + len(bits), 2**self.n)
        assert out is not None
        self.evaluations = self.distinct = 2**self.n
        return out


def _bar(progress: bool | Callable[[int, int], Any]) -> Callable[[int, int], Any]:
    """``report(done, total)`` for ``progress=``: nothing, the caller's function, or a tqdm bar."""
    if callable(progress):
        return progress
    if not progress:
        return lambda done, total: None
    try:
        from tqdm import tqdm
    except ImportError:
        raise ImportError("progress=True needs tqdm: pip install 'pondera[progress]'") from None
    bar = tqdm(total=None, unit=" evaluations")

    def report(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)
        if done >= total:
            bar.close()

    return report
