"""From files and data frames to two coded tables: reading, checking, column kinds, subsampling.

Every feature becomes one column of a float matrix: numbers as they are, booleans as 0 and 1, dates as days, categories
as the number of their level, missing values as NaN. `Tables.frame` turns such rows back into a data frame with the
columns and types that the user's model knows. What cannot be analysed is refused in one line that names file and
column, never dropped in silence.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..random import Key, Purpose

__all__ = ["Column", "InputError", "Sample", "Tables", "prepare", "read", "shown"]

Floats = NDArray[np.float64]
Kind = Literal["numeric", "boolean", "categorical", "datetime"]

MIN_ROWS = 20  # a jackknife over 20 blocks needs as many
MAX_ROWS = 50_000  # rows used of each sample
MIN_SAMPLED, MAX_CELLS = 10_000, 5_000_000  # wide data use fewer: as many cells as this
MAX_LEVELS = 10_000  # of one categorical column: beyond, it is an identifier or free text
MAX_CLASSES = 100
MAX_DISCRETE = 20  # a numeric column with no more distinct values is compared value by value
_READERS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".feather": "feather",
    ".arrow": "feather",
}


class InputError(ValueError):
    """The input cannot be analysed; the message is one line that names the file and the column."""


def shown(text: Any, limit: int = 80) -> str:
    """A name for a message: one line, printable, not endless."""
    out = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in str(text)[: limit + 1])
    return out if len(out) <= limit else out[: limit - 3] + "..."


# -- reading


def read(path: str | os.PathLike[str], label: str = "reference") -> Any:
    """The data frame in a CSV, TSV, Parquet or Feather file.

    Raises
    ------
    InputError
        If the file is missing, empty, unreadable or of an unknown kind.
    """
    import pandas as pd

    path = Path(path)
    name = shown(path.name, 200)
    suffixes = [s.lower() for s in path.suffixes]
    packed = bool(suffixes) and suffixes[-1] in (".gz", ".bz2", ".xz", ".zst", ".zip")
    suffix = suffixes[-2] if packed and len(suffixes) > 1 else (suffixes[-1] if suffixes else "")
    kind = _READERS.get(suffix)
    if path.is_dir():
        raise InputError(f"{label}: {name} is a folder, expected a CSV, Parquet or Feather file")
    if not path.exists():
        raise InputError(f"{label}: there is no file {name}")
    if kind is None:
        raise InputError(f"{label}: {name} ends in {suffix!r}, expected .csv, .tsv, .parquet or .feather")
    try:
        if path.stat().st_size == 0:
            raise InputError(f"{label}: {name} is empty")
        if kind == "parquet":
            return pd.read_parquet(path)
        if kind == "feather":
            return pd.read_feather(path)
        separator = "\t" if kind == "tsv" else ","
        return pd.read_csv(path, sep=separator, encoding="utf-8-sig", low_memory=False)
    except InputError:
        raise
    except pd.errors.EmptyDataError:
        raise InputError(f"{label}: {name} is empty") from None
    except UnicodeDecodeError:
        raise InputError(f"{label}: {name} is not UTF-8 text") from None
    except ImportError as error:
        raise ImportError(f"reading {name} needs pyarrow: pip install 'pondera[report]' ({error})") from None
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"{label}: {name} cannot be read as {kind}: {shown(reason[0], 160)}") from None


# -- what the analysis works on


@dataclass(frozen=True, eq=False, kw_only=True)
class Column:
    """One feature. `levels` (categorical only) are the values behind the codes 0, 1, ..., most frequent first."""

    name: str
    kind: Kind
    key: Any = None  # the data frame's own column label
    dtype: Any = None  # the reference's, which a model was fitted on
    levels: tuple[Any, ...] = ()

    @property
    def integral(self) -> bool:
        return self.kind == "numeric" and getattr(self.dtype, "kind", "") in "iu"


@dataclass(frozen=True, eq=False, kw_only=True)
class Sample:
    """The rows used of one input: coded features, coded label, and their row numbers in the input."""

    name: str
    rows: int
    codes: Floats
    index: NDArray[np.int64]
    y: Floats | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Tables:
    """Reference and target with common columns."""

    reference: Sample
    target: Sample
    columns: tuple[Column, ...]
    label: str | None = None
    task: str = "none"
    classes: tuple[Any, ...] = ()
    notes: tuple[str, ...] = ()
    unnamed: bool = False  # the inputs were plain arrays

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns)

    def frame(self, codes: Floats, positions: Sequence[int] | None = None) -> Any:
        """Coded rows as the data frame that the model was fitted on."""
        import pandas as pd

        chosen = range(len(self.columns)) if positions is None else positions
        out = {j: _decoded(codes[:, i], self.columns[j]) for i, j in enumerate(chosen)}
        frame = pd.DataFrame(out, copy=False)
        frame.columns = pd.Index([self.columns[j].key for j in chosen])
        return frame


def prepare(
    reference: Any,
    target: Any,
    *,
    label: str | None,
    task: str,
    key: Key,
    names: tuple[str, str] = ("reference", "target"),
) -> Tables:
    """Check two data frames, find their common columns and kinds, draw the rows to use, code them.

    Raises
    ------
    InputError
        For too few rows, no common columns, an absent label, and columns that are constant, empty, infinite, of
        different kinds in the two inputs, or with more than 10,000 levels.
    """
    if task not in ("auto", "regression", "classification", "binary", "multiclass"):
        raise InputError(f"task: expected auto, regression, classification, binary or multiclass, received {task!r}")
    unnamed = not hasattr(reference, "columns") and not isinstance(reference, Mapping)
    frames = [_as_frame(data, name) for data, name in ((reference, names[0]), (target, names[1]))]
    notes: list[str] = []
    for frame, name in zip(frames, names):
        if len(frame) < MIN_ROWS:
            rows = "1 row" if len(frame) == 1 else f"{len(frame)} rows"
            raise InputError(f"{name}: {rows}; the report needs at least {MIN_ROWS}")
    keys = _common(frames, names, label, notes)

    most = min(MAX_ROWS, max(MIN_SAMPLED, MAX_CELLS // len(keys)))
    used = [_chosen_rows(len(f), most, key.fold_in("rows", side)) for f, side in zip(frames, ("reference", "target"))]
    for frame, index, name in zip(frames, used, names):
        if len(index) < len(frame):
            notes.append(
                f"{name}: {len(index):,} of {len(frame):,} rows are used, drawn at random without replacement; each "
                f"stands for {len(frame) / len(index):.4g} rows, and all error bars are those of the rows used."
            )

    columns, codes = [], ([], [])  # type: ignore[var-annotated]
    for column_key in keys:
        column, pair = _feature(column_key, frames, used, names)
        columns.append(column)
        codes[0].append(pair[0])
        codes[1].append(pair[1])

    label_values: list[Floats | None] = [None, None]
    classes: tuple[Any, ...] = ()
    found = "none"
    if label is not None:
        found, classes, label_values = _label(label, frames, used, names, task, notes)
    samples = [
        Sample(name=name, rows=len(frame), codes=np.column_stack(part), index=index, y=y)
        for name, frame, part, index, y in zip(names, frames, codes, used, label_values)
    ]
    return Tables(
        reference=samples[0],
        target=samples[1],
        columns=tuple(columns),
        label=label,
        task=found,
        classes=classes,
        notes=tuple(notes),
        unnamed=unnamed,
    )


def _as_frame(data: Any, name: str) -> Any:
    import pandas as pd

    if isinstance(data, pd.DataFrame):
        frame = data
    elif isinstance(data, Mapping):
        frame = pd.DataFrame(dict(data))
    elif hasattr(data, "to_pandas"):  # polars, pyarrow
        frame = data.to_pandas()
    else:
        array = np.asarray(data)
        if array.ndim != 2:
            raise InputError(f"{name}: expected a data frame or rows of columns, received shape {array.shape}")
        frame = pd.DataFrame(array, columns=[f"x{i}" for i in range(array.shape[1])])
    if frame.shape[1] == 0:
        raise InputError(f"{name}: no columns")
    repeated = pd.Index([str(c) for c in frame.columns])
    repeated = repeated[repeated.duplicated()]
    if len(repeated):
        raise InputError(f"{name}: column {shown(repeated[0])!r} occurs twice")
    return frame


def _common(frames: list[Any], names: tuple[str, str], label: str | None, notes: list[str]) -> list[Any]:
    import difflib

    reference, target = frames
    if label is not None and label not in reference.columns:
        near = difflib.get_close_matches(label, [str(c) for c in reference.columns], n=3)
        hint = f"; did you mean {', '.join(map(shown, near))}?" if near else ""
        raise InputError(f"{names[0]}: there is no column {shown(label)!r} for the label{hint}")
    keys = [c for c in reference.columns if c in target.columns and c != label]
    index_like = [c for c in keys if str(c) in ("Unnamed: 0", "__index_level_0__")]
    for column in index_like:
        notes.append(f"Column {shown(column)!r} is a row index written by pandas; it is left out.")
        keys.remove(column)
    if not keys:
        raise InputError(
            f"{names[0]} and {names[1]} have no columns in common" + (" beside the label" if label else "")
        )
    for frame, other, name in ((reference, target, names[0]), (target, reference, names[1])):
        alone = [shown(c) for c in frame.columns if c not in other.columns and c != label]
        if alone:
            more = f" and {len(alone) - 10} more" if len(alone) > 10 else ""
            notes.append(f"Only in {name}, left out: {', '.join(alone[:10])}{more}.")
    return keys


def _chosen_rows(n: int, most: int, key: Key) -> NDArray[np.int64]:
    if n <= most:
        return np.arange(n, dtype=np.int64)
    return np.sort(key.stream(Purpose.PERMUTATION).permutation(n)[:most])


# -- columns


def _feature(
    key: Any, frames: list[Any], used: list[NDArray[np.int64]], names: tuple[str, str]
) -> tuple[Column, tuple[Floats, Floats]]:
    series = [f[key] for f in frames]
    kinds = []
    for s, name in zip(series, names):
        if s.isna().all():
            raise InputError(f"{name}: column {shown(key)!r} holds no value; drop it")
        kinds.append(_kind(s, key, name))
    kind = _reconciled(kinds[0], kinds[1], key, names)
    column = Column(name=str(key), kind=kind, key=key, dtype=series[0].dtype)
    if kind == "categorical":
        # Levels are counted over all rows, so that a level does not vanish with the rows that were not drawn.
        levels = _levels(series, key, names)
        column = Column(name=str(key), kind=kind, key=key, dtype=series[0].dtype, levels=levels)
        if len(levels) == 1 and not any(s.isna().any() for s in series):
            raise InputError(f"{names[0]}, {names[1]}: column {shown(key)!r} is constant; drop it")
        return column, _pair(_level_codes(s.iloc[i], levels) for s, i in zip(series, used))
    full = [_numbers(s, kind, key, name) for s, name in zip(series, names)]
    low = min(np.nanmin(v) for v in full)
    high = max(np.nanmax(v) for v in full)
    if low == high and not any(np.isnan(v).any() for v in full):
        raise InputError(f"{names[0]}, {names[1]}: column {shown(key)!r} is constant; drop it")
    return column, _pair(v[i] for v, i in zip(full, used))


def _pair(values: Any) -> tuple[Floats, Floats]:
    first, second = values
    return first, second


def _kind(series: Any, key: Any, name: str) -> Kind:
    from pandas.api import types

    dtype = series.dtype
    if types.is_bool_dtype(dtype):
        return "boolean"
    if isinstance(dtype, _categorical_dtype()):
        return "categorical"
    if types.is_complex_dtype(dtype):
        raise InputError(f"{name}: column {shown(key)!r} holds complex numbers; split it into real columns")
    if types.is_numeric_dtype(dtype) or types.is_timedelta64_dtype(dtype):
        return "numeric"
    if types.is_datetime64_any_dtype(dtype):
        return "datetime"
    inferred = types.infer_dtype(series, skipna=True)
    if inferred == "boolean":
        return "boolean"
    if inferred in ("integer", "floating", "mixed-integer-float", "decimal"):
        return "numeric"
    if inferred in ("datetime", "datetime64", "date"):
        return "datetime"
    if inferred == "string":
        return "datetime" if _dates(series) is not None else "categorical"
    try:
        series.nunique()
    except TypeError:
        raise InputError(f"{name}: column {shown(key)!r} holds {inferred} values, expected numbers or text") from None
    return "categorical"


def _categorical_dtype() -> Any:
    import pandas as pd

    return pd.CategoricalDtype


def _dates(series: Any) -> Any:
    """Text that is all ISO dates, as dates; None if it is not."""
    import re

    import pandas as pd

    present = series.dropna()
    if not re.match(r"\d{4}-\d\d-\d\d", str(present.iloc[0])):
        return None
    parsed = pd.to_datetime(series, format="ISO8601", errors="coerce", utc=True)
    return parsed if bool((parsed.notna() | series.isna()).all()) else None


def _reconciled(first: Kind, second: Kind, key: Any, names: tuple[str, str]) -> Kind:
    if first == second:
        return first
    if {first, second} == {"boolean", "numeric"}:
        return "numeric"
    raise InputError(f"column {shown(key)!r} is {first} in {names[0]} and {second} in {names[1]}; make them agree")


def _numbers(series: Any, kind: Kind, key: Any, name: str) -> Floats:
    import pandas as pd

    if kind == "datetime":
        dates = series if hasattr(series, "dt") else _dates(series)
        if dates is None:
            dates = pd.to_datetime(series, utc=True)
        if getattr(dates.dt, "tz", None) is not None:
            dates = dates.dt.tz_convert("UTC").dt.tz_localize(None)
        days = (dates - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)
        return np.asarray(days.to_numpy(dtype=np.float64, na_value=np.nan))
    if pd.api.types.is_timedelta64_dtype(series.dtype):
        return np.asarray((series / pd.Timedelta(seconds=1)).to_numpy(dtype=np.float64, na_value=np.nan))
    if series.dtype == object:
        series = pd.to_numeric(series, errors="coerce") if kind == "numeric" else series.astype("boolean")
    values = np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
    if np.isinf(values).any():
        raise InputError(f"{name}: column {shown(key)!r} holds infinities; replace or drop them")
    if (np.abs(values[~np.isnan(values)]) > 1e150).any():
        raise InputError(f"{name}: column {shown(key)!r} holds values beyond 1e150; rescale it")
    return values


def _levels(series: list[Any], key: Any, names: tuple[str, str]) -> tuple[Any, ...]:
    import pandas as pd

    counts = pd.concat([s.astype(object).dropna().value_counts() for s in series]).groupby(level=0, sort=False).sum()
    if len(counts) > MAX_LEVELS:
        raise InputError(
            f"{names[0]}, {names[1]}: column {shown(key)!r} has {len(counts):,} different values, at most "
            f"{MAX_LEVELS:,} can be compared as categories; drop or group it"
        )
    order = sorted(zip(-counts.to_numpy(), map(str, counts.index), range(len(counts))))
    return tuple(counts.index[i] for _, _, i in order)


def _level_codes(series: Any, levels: tuple[Any, ...]) -> Floats:
    import pandas as pd

    codes = pd.Index(list(levels), dtype=object).get_indexer(series.astype(object)).astype(np.float64)
    codes[np.asarray(series.isna())] = np.nan
    return np.asarray(codes)


def _decoded(values: Floats, column: Column) -> Any:
    """Coded values in the reference's own type."""
    import pandas as pd

    missing = np.isnan(values)
    if column.kind == "categorical":
        table = np.array([*column.levels, None], dtype=object)
        objects = table[np.where(missing, len(column.levels), values).astype(np.int64)]
        dtype = column.dtype
        if isinstance(dtype, pd.CategoricalDtype):  # the target's own levels are not dropped, the model must see them
            known = set(dtype.categories)
            extra = [level for level in column.levels if level not in known]
            if extra:
                dtype = pd.CategoricalDtype([*dtype.categories, *extra], ordered=dtype.ordered)
        return pd.Series(objects).astype(dtype)
    if column.kind == "datetime":
        dates = pd.Series(pd.to_datetime(values, unit="D", origin="unix"))
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            return dates.dt.tz_localize("UTC").dt.tz_convert(column.dtype.tz)
        if pd.api.types.is_datetime64_any_dtype(column.dtype):
            return dates.astype(column.dtype)
        return dates.dt.strftime("%Y-%m-%d").astype(column.dtype)
    if pd.api.types.is_timedelta64_dtype(column.dtype):
        return pd.Series(pd.to_timedelta(values, unit="s"))
    if column.kind == "boolean":
        flags = pd.Series(values > 0.5)
        return (
            flags.astype(object).where(~missing, None).astype(column.dtype)
            if missing.any()
            else flags.astype(column.dtype)
        )
    if column.dtype == object or (column.integral and missing.any()):
        return pd.Series(values)
    series = pd.Series(np.round(values) if column.integral else values)
    return series.astype(column.dtype)


# -- the label


def _label(
    label: str,
    frames: list[Any],
    used: list[NDArray[np.int64]],
    names: tuple[str, str],
    task: str,
    notes: list[str],
) -> tuple[str, tuple[Any, ...], list[Floats | None]]:
    """Task, classes, and the label of the used rows of both samples (None where there is none)."""
    here = frames[0][label]
    if here.isna().all():
        raise InputError(f"{names[0]}: the label {shown(label)!r} holds no value")
    kind = _kind(here, label, names[0])
    if kind == "datetime":
        raise InputError(f"{names[0]}: the label {shown(label)!r} holds dates, expected numbers or classes")
    there = frames[1][label] if label in frames[1].columns and not frames[1][label].isna().all() else None
    if there is None:
        notes.append(f"{names[1]} has no label: performance on it is estimated, not measured.")
    elif _kind(there, label, names[1]) != kind and {kind, _kind(there, label, names[1])} != {"boolean", "numeric"}:
        raise InputError(f"the label {shown(label)!r} is of different kinds in {names[0]} and {names[1]}")
    if here.dropna().nunique() == 1:
        raise InputError(f"{names[0]}: the label {shown(label)!r} is constant; there is nothing to predict")

    if task == "auto":
        task = "regression" if kind == "numeric" and not _few_integers(here) else "classification"
    pair = [(here, used[0], names[0])] + ([] if there is None else [(there, used[1], names[1])])
    values: list[Floats | None] = [None, None]
    if task == "regression":
        if kind == "categorical":
            raise InputError(f"{names[0]}: the label {shown(label)!r} is text; regression needs numbers")
        for i, (series, rows, name) in enumerate(pair):
            values[i] = _numbers(series, "numeric", label, name)[rows]
        classes: tuple[Any, ...] = ()
    else:
        classes = tuple(sorted(here.dropna().unique(), key=_class_order))
        if len(classes) > MAX_CLASSES:
            raise InputError(
                f"{names[0]}: the label {shown(label)!r} has {len(classes)} classes, at most {MAX_CLASSES}"
            )
        if task == "binary" and len(classes) != 2:
            raise InputError(f"{names[0]}: the label {shown(label)!r} has {len(classes)} classes, binary needs 2")
        task = "binary" if len(classes) == 2 else "multiclass"
        for i, (series, rows, name) in enumerate(pair):
            codes = _level_codes(series.iloc[rows], classes)
            unseen = int((codes == -1).sum())
            if unseen:
                notes.append(f"{name}: {unseen:,} rows have a class that {names[0]} never shows; they count as errors.")
            values[i] = codes
    for value, name in zip(values, names):
        if value is not None and np.isnan(value).any():
            notes.append(f"{name}: {int(np.isnan(value).sum()):,} rows without a label are left out of performance.")
    return task, classes, values


def _few_integers(series: Any) -> bool:
    import pandas as pd

    values = pd.to_numeric(series.dropna(), errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return bool((values == np.round(values)).all()) and len(np.unique(values)) <= 10


def _class_order(value: Any) -> tuple[int, float, str]:
    """Numbers by size, everything else by text: the order of scikit-learn's ``classes_``."""
    if isinstance(value, (bool, int, float, np.generic)) and not isinstance(value, np.str_):
        return 0, float(value), ""
    return 1, 0.0, str(value)
