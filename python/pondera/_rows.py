"""Hybrid rows of a coalition: the explained row's values inside it, the background's outside; arrays and DataFrames."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _core
from .arrays import as_array, as_float

Bits = NDArray[np.uint64]


class ArrayRows:
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


class FrameRows:
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


def is_frame(x: Any) -> bool:
    return hasattr(x, "iloc") and hasattr(x, "columns")


def _missing(value: Any) -> bool:
    return value is None or type(value).__name__ == "NAType" or value != value  # NaN and NaT differ from themselves


def _one_value(series: Any) -> bool:
    try:
        return len(series.unique()) == 1  # pandas counts NaN as one value
    except TypeError:  # unhashable objects
        return False


def _values_of(x: Any, background: Any) -> list[Any]:
    """The explained row's values in the order of the background's columns."""
    if is_frame(x):
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
        # pandas would make an unknown category a missing value.
        known = _missing(value) or value in getattr(dtype, "categories", [value])
        cast = own.astype(dtype) if known else own
        kept = (
            known
            and _missing(value) == _missing(cast.iloc[0])
            and (not plain or _missing(value) or bool(cast.iloc[0] == value))
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


def groups_of(groups: Any, columns: tuple[str, ...], allow_rest: bool) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """The player of each column, and the players' names."""
    if groups is None:
        return np.arange(len(columns)), columns
    labels = [str(name) for name in groups] if isinstance(groups, Mapping) else []
    player = np.full(len(columns), -1)
    count = 0
    for group in groups.values() if isinstance(groups, Mapping) else groups:
        numbers = [_column(item, columns) for item in ([group] if isinstance(group, (str, int)) else group)]
        if not numbers:
            raise ValueError("groups: a group is empty")
        for j in numbers:
            if player[j] >= 0:
                raise ValueError(f"groups: column {columns[j]!r} is in two places; every column belongs to one group")
            player[j] = count
        if len(labels) == count:
            labels.append("+".join(columns[j] for j in numbers))
        count += 1
    rest = np.flatnonzero(player < 0)
    if len(rest) and not allow_rest:
        raise ValueError(
            f"groups: column(s) {', '.join(columns[j] for j in rest[:5])} belong to no group; allow_rest=True makes one"
        )
    if len(rest):
        player[rest] = count
        labels.append("rest")
    return player, tuple(labels)


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
