"""Result classes, their files, and the warnings about trust.

Results are frozen, keyword-only, compare by identity (arrays make ``==`` ambiguous) and hold NumPy. Every one has
``to_dict`` (JSON), ``to_frame`` (pandas), ``save`` (npz without pickle; read by `pondera.load`), ``plot`` where a
picture says more, and shows itself as HTML in notebooks.
"""

from __future__ import annotations

import dataclasses
import html
import json
import math
import os
import secrets
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "KNN",
    "Attribution",
    "ConvergenceWarning",
    "Curve",
    "Estimate",
    "InteractionValues",
    "Interval",
    "PonderaDeprecationWarning",
    "Ranking",
    "ReliabilityWarning",
    "Result",
    "Selection",
    "SobolIndices",
    "Table",
    "WeakPrivacyWarning",
    "WeightWarning",
    "deprecated",
    "load",
]

SCHEMA_VERSION = 1


class ReliabilityWarning(UserWarning):
    """The number was computed as asked, but should not be trusted; the message says why."""


class WeightWarning(ReliabilityWarning):
    """The weights are too uneven: Pareto k above its threshold, or an effective sample size below 10."""


class ConvergenceWarning(ReliabilityWarning):
    """The iteration or the sampling stopped before its tolerance."""


class WeakPrivacyWarning(ReliabilityWarning):
    """The privacy guarantee is weaker than users would expect."""


class PonderaDeprecationWarning(FutureWarning):
    """The name or default changes in a coming release; the message names the replacement."""


def deprecated(old: str, new: str, *, since: str, stacklevel: int = 3) -> None:
    """Warn that `old` gives way to `new`: called by an old name, or where an old default is used, for two releases.

    Parameters
    ----------
    old, new : str
        Names as users write them.
    since : str
        Version that deprecated it.
    stacklevel : int
        3 names the line that called the caller of this function.

    Warns
    -----
    PonderaDeprecationWarning
    """
    warnings.warn(f"{old} is deprecated since {since}; use {new}", PonderaDeprecationWarning, stacklevel=stacklevel)


class Interval(NamedTuple):
    """A confidence interval; both ends have the shape of the value."""

    lower: Any
    upper: Any


class KNN(NamedTuple):
    """Nearest neighbours, nearest first: `distances` ``(m, k)`` and int64 `indices` ``(m, k)``."""

    distances: Any
    indices: Any


def _t_quantile(level: float, df: Any) -> Any:
    """Two-sided Student quantile for `level`; normal where df is infinite."""
    from scipy.special import ndtri, stdtrit

    p = 0.5 + level / 2
    df = np.asarray(df, dtype=np.float64)
    finite = np.isfinite(df)
    return np.where(finite, stdtrit(np.where(finite, df, 1.0), p), ndtri(p))


def _check_level(level: float) -> float:
    level = float(level)
    if not 0.0 < level < 1.0:
        raise ValueError(f"level: expected a number between 0 and 1, received {level}")
    return level


def t_interval(value: Any, stderr: Any, df: Any, level: float) -> Interval:
    """value -+ t(df) stderr; NaN where the standard error is unknown."""
    level = _check_level(level)
    value, stderr = np.asarray(value, dtype=np.float64), np.asarray(stderr, dtype=np.float64)
    half = _t_quantile(level, df) * stderr
    lower, upper = value - half, value + half
    if lower.ndim == 0:
        return Interval(float(lower), float(upper))
    return Interval(lower, upper)


_REGISTRY: dict[str, type[Result]] = {}


def _type_name(cls: type[Result]) -> str:
    """What files call a class: the core's by its name, a plugin's with its package, so that neither hides another."""
    package = cls.__module__.partition(".")[0]
    return cls.__name__ if package == "pondera" else f"{package}.{cls.__name__}"


@dataclass(frozen=True, eq=False, kw_only=True)
class Result:
    """Base of all results: dictionaries, files, frames, HTML. A subclass is a frozen dataclass and needs nothing more.

    Examples
    --------
    >>> import pondera as po
    >>> result = po.Estimate(value=1.0, stderr=0.5)
    >>> po.Result.from_dict(result.to_dict())
    Estimate(1 ± 0.5, n=0)
    """

    schema_version: ClassVar[int] = SCHEMA_VERSION

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _REGISTRY[_type_name(cls)] = cls

    def _fields(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values for JSON: arrays become nested lists, NaN and infinities strings."""
        out: dict[str, Any] = {"type": _type_name(type(self)), "schema_version": SCHEMA_VERSION}
        out.update({name: _plain(value) for name, value in self._fields().items()})
        return out

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Result:
        """The result that `to_dict` described.

        Parameters
        ----------
        data : mapping

        Returns
        -------
        Result

        Raises
        ------
        ValueError
            For unknown types or fields, a newer schema, or anything that `to_dict` would not write.
        """
        try:
            result = _from_plain(data)
        except (TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            raise ValueError(f"data: not what to_dict writes ({type(error).__name__}: {error})") from None
        if not isinstance(result, cls):
            raise ValueError(f"data: holds a {type(result).__name__}, expected a {cls.__name__}")
        return result

    def to_frame(self) -> Any:
        """A pandas DataFrame of the numbers (needs pandas)."""
        try:
            import pandas as pd
        except ImportError:
            raise ImportError("to_frame needs pandas: pip install pandas") from None
        return pd.DataFrame(self._columns())

    def _columns(self) -> dict[str, Any]:
        """Equally long columns, for frames and HTML: the longest arrays, or else the numbers."""
        numbers = {
            name: np.atleast_1d(value).ravel()
            for name, value in self._fields().items()
            if isinstance(value, (int, float, np.ndarray)) and not isinstance(value, bool)
        }
        longest = max((len(column) for column in numbers.values()), default=0)
        return {name: column for name, column in numbers.items() if len(column) == longest}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an .npz file without pickle; `pondera.load` reads it. The file appears whole or not at all."""
        arrays: dict[str, NDArray[Any]] = {}
        header = {
            "type": _type_name(type(self)),
            "schema_version": SCHEMA_VERSION,
            "fields": {k: _pack(v, arrays) for k, v in self._fields().items()},
        }
        arrays["__pondera__"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
        write_atomically(path, lambda file: np.savez(file, **arrays))  # type: ignore[arg-type]

    def _repr_html_(self) -> str:
        columns = self._columns()
        title = html.escape(type(self).__name__)
        if not columns:
            return f"<pre>{html.escape(repr(self))}</pre>"
        n = len(next(iter(columns.values())))
        shown = min(n, 30)
        head = "".join(f"<th>{html.escape(str(k))}</th>" for k in columns)
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(_short(v[i]))}</td>" for v in columns.values()) + "</tr>"
            for i in range(shown)
        )
        more = f"<p>{n - shown} more rows</p>" if n > shown else ""
        return f"<table><caption>{title}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{more}"

    def __repr__(self) -> str:
        parts = []
        for f in dataclasses.fields(self):
            if f.repr:
                parts.append(f"{f.name}={_short(getattr(self, f.name))}")
        return f"{type(self).__name__}({', '.join(parts)})"


def _short(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return f"{float(value):.6g}"
    if isinstance(value, np.ndarray):
        if value.ndim == 0:
            return _short(value[()])
        if value.size <= 8:
            return np.array2string(value, precision=4, separator=", ")
        return f"<{value.dtype} array of shape {value.shape}>"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k}: {_short(v)}" for k, v in list(value.items())[:12]) + "}"
    if isinstance(value, tuple) and len(value) > 8 and not hasattr(value, "_fields"):
        return f"<{len(value)} items>"
    return repr(value) if not isinstance(value, str) else value


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return number if math.isfinite(number) else {"float": str(number)}
    if isinstance(value, np.ndarray):
        _check_dtype(value)
        flat = value.tolist()
        return {"array": _plain_list(flat), "dtype": str(value.dtype), "shape": list(value.shape)}
    if isinstance(value, Result):
        return value.to_dict()
    if isinstance(value, Interval):
        return {"interval": [_plain(value.lower), _plain(value.upper)]}
    if isinstance(value, Mapping):
        if all(isinstance(k, str) for k in value):
            return {"map": {k: _plain(v) for k, v in value.items()}}
        return {"items": [[_plain(k), _plain(v)] for k, v in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [_plain(v) for v in value]}
    if isinstance(value, (list, Sequence)):
        return [_plain(v) for v in value]
    raise TypeError(f"cannot describe a {type(value).__name__} as plain data")


def _check_dtype(array: NDArray[Any]) -> None:
    if array.dtype.kind not in "biufU" or (array.dtype.kind == "f" and array.itemsize > 8):
        raise TypeError(f"arrays of dtype {array.dtype} can be neither saved nor described")


def _plain_list(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain_list(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _from_plain(data: Mapping[str, Any]) -> Result:
    version = data.get("schema_version")
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise ValueError(f"data: schema version {version!r}; this pondera reads up to {SCHEMA_VERSION}")
    fields = {k: _revive(v) for k, v in data.items() if k not in ("type", "schema_version")}
    return _make(data.get("type"), fields, "data")


def _make(name: Any, fields: Mapping[str, Any], argument: str) -> Result:
    """A result of the class called `name`; ValueError for unknown classes and fields."""
    target = _REGISTRY.get(str(name))
    if target is None:
        raise ValueError(f"{argument}: unknown result type {name!r}; is the plugin that wrote it imported?")
    unknown = sorted(set(fields) - {f.name for f in dataclasses.fields(target)})
    if unknown:
        raise ValueError(f"{argument}: {name} has no field(s) {', '.join(unknown)}")
    return target(**fields)


def _revive(value: Any) -> Any:
    if isinstance(value, list):
        return [_revive(v) for v in value]
    if not isinstance(value, Mapping):
        return value
    if "type" in value and "schema_version" in value:
        return _from_plain(value)
    if set(value) == {"float"}:
        return float(value["float"])
    if set(value) == {"array", "dtype", "shape"}:
        dtype = np.dtype(str(value["dtype"]))
        if dtype.kind not in "biufU":
            raise ValueError(f"data: arrays of dtype {dtype} are not read")
        return np.array(value["array"], dtype=dtype).reshape(value["shape"])
    if set(value) == {"interval"}:
        lower, upper = value["interval"]
        return Interval(_revive(lower), _revive(upper))
    if set(value) == {"tuple"}:
        return tuple(_revive(v) for v in value["tuple"])
    if set(value) == {"map"}:
        return {k: _revive(v) for k, v in value["map"].items()}
    if set(value) == {"items"}:
        return {_revive(k): _revive(v) for k, v in value["items"]}
    raise ValueError(f"data: unknown entry with keys {sorted(value)}")


def _pack(value: Any, arrays: dict[str, NDArray[Any]]) -> Any:
    """Like `_plain`, but arrays go into the npz by number."""
    if isinstance(value, np.ndarray):
        _check_dtype(value)
        name = f"array_{len(arrays)}"  # numbered: names made of the users' keys could collide
        arrays[name] = value
        return {"npz": name}
    if isinstance(value, Result):
        fields = {k: _pack(v, arrays) for k, v in value._fields().items()}
        return {"result": _type_name(type(value)), "fields": fields}
    if isinstance(value, Interval):
        return {"interval": [_pack(v, arrays) for v in value]}
    if isinstance(value, Mapping) and all(isinstance(k, str) for k in value):
        return {"map": {k: _pack(v, arrays) for k, v in value.items()}}
    if isinstance(value, Mapping):
        return {"items": [[_plain(k), _pack(v, arrays)] for k, v in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [_pack(v, arrays) for v in value]}
    if isinstance(value, list):
        return [_pack(v, arrays) for v in value]
    return _plain(value)


def _unpack(value: Any, archive: Mapping[str, NDArray[Any]]) -> Any:
    if isinstance(value, list):
        return [_unpack(v, archive) for v in value]
    if isinstance(value, dict):
        if set(value) == {"npz"}:
            return archive[value["npz"]]
        if set(value) == {"result", "fields"}:
            return _make(value["result"], {k: _unpack(v, archive) for k, v in value["fields"].items()}, "path")
        if set(value) == {"interval"}:
            return Interval(*(_unpack(v, archive) for v in value["interval"]))
        if set(value) == {"map"}:
            return {k: _unpack(v, archive) for k, v in value["map"].items()}
        if set(value) == {"items"}:
            return {_revive(k): _unpack(v, archive) for k, v in value["items"]}
        if set(value) == {"tuple"}:
            return tuple(_unpack(v, archive) for v in value["tuple"])
    return _revive(value)


def load(path: str | os.PathLike[str]) -> Result:
    """Read a result written by ``result.save``. Nothing is unpickled.

    Parameters
    ----------
    path : path-like
        An .npz file.

    Returns
    -------
    Result
        Of the class that was saved; a plugin's class needs the plugin imported.

    Raises
    ------
    ValueError
        If the file is not a result, or of a newer schema.

    Examples
    --------
    >>> import os, tempfile, pondera as po
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "estimate.npz")
    ...     po.Estimate(value=1.0, stderr=0.5, n=9).save(path)
    ...     po.load(path)
    Estimate(1 ± 0.5, n=9)
    """
    where = os.fspath(path)
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            header = json.loads(archive["__pondera__"].tobytes().decode())
            version = header["schema_version"]
            if not isinstance(version, int) or version > SCHEMA_VERSION:
                raise ValueError(f"schema version {version!r}; this pondera reads up to {SCHEMA_VERSION}")
            arrays = {name: archive[name] for name in archive.files if name != "__pondera__"}
        return _make(header["type"], {k: _unpack(v, arrays) for k, v in header["fields"].items()}, "path")
    except _MALFORMED as error:
        raise ValueError(f"path: {where} is no result that can be read ({error})") from None


_MALFORMED = (
    ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, EOFError, OverflowError, MemoryError,
    NotImplementedError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def write_atomically(path: str | os.PathLike[str], write: Callable[[Any], None]) -> None:
    """Call ``write(binary file)`` on a temporary neighbour of `path`, flush it to disk, rename it."""
    target = Path(path)
    temporary = target.parent / f".{target.name[:50]}.{secrets.token_hex(8)}.tmp"
    try:
        with open(temporary, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Estimate(Result):
    """A number, or an array of numbers, with its standard error.

    Parameters
    ----------
    value : float or ndarray
    stderr : float or ndarray
        Standard error, of the value's shape. NaN: unknown. 0: exact.
    n : int
        Number of observations behind `stderr`.
    df : float or ndarray
        Degrees of freedom of `stderr`; infinite: normal.
    interval : Interval, optional
        Stored bounds where they are asymmetric; then `level` is their level.
    level : float
        Level of the stored interval.
    diagnostics : dict

    Examples
    --------
    >>> import pondera as po
    >>> e = po.Estimate(value=1.0, stderr=0.1, n=20, df=19)
    >>> e
    Estimate(1 ± 0.1, n=20)
    >>> round(e.confidence_interval(0.95).upper, 3)
    1.209
    """

    value: Any
    stderr: Any = math.nan
    n: int = 0
    df: Any = math.inf
    interval: Interval | None = None
    level: float = 0.95
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def confidence_interval(self, level: float = 0.95) -> Interval:
        """Bounds at `level`: by Student's t, or the stored ones (which know one level only)."""
        level = _check_level(level)
        if self.interval is not None:
            if abs(level - self.level) > 1e-12:
                raise ValueError(f"level: this interval was made for level {self.level}, not {level}")
            return self.interval
        return t_interval(self.value, self.stderr, self.df, level)

    def __float__(self) -> float:
        if np.ndim(self.value) != 0:
            raise TypeError("only an Estimate of one number converts to float; use .value")
        return float(self.value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("copy: an Estimate gives its values as a copy; use .value")
        return np.array(self.value, dtype=dtype)

    def __repr__(self) -> str:
        if np.ndim(self.value) == 0:
            return f"{type(self).__name__}({float(self.value):.6g} ± {float(self.stderr):.3g}, n={self.n})"
        return f"{type(self).__name__}(value={_short(self.value)}, stderr={_short(self.stderr)}, n={self.n})"

    def _columns(self) -> dict[str, Any]:
        value = np.atleast_1d(np.asarray(self.value, dtype=np.float64)).ravel()
        stderr = np.broadcast_to(np.asarray(self.stderr, dtype=np.float64), np.shape(self.value))
        columns = {"value": value, "stderr": np.atleast_1d(stderr).ravel()}
        bounds = self.confidence_interval(self.level)
        columns["lower"] = np.atleast_1d(np.asarray(bounds.lower, dtype=np.float64)).ravel()
        columns["upper"] = np.atleast_1d(np.asarray(bounds.upper, dtype=np.float64)).ravel()
        return columns


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Attribution(Result):
    """Values of features, pixels, tokens or other players, with standard errors.

    Parameters
    ----------
    values : ndarray
        ``(players...[, outputs])`` for one input, ``(rows, players...[, outputs])`` for several.
    base_value : float or ndarray
        What the values add up from, ``([rows][, outputs])``; NaN where the method is not additive.
    stderr : ndarray
        Shape of `values`; 0 for exact methods, NaN unknown.
    names : tuple of str
        Names of the players; empty for maps.
    data : ndarray, optional
        The explained inputs.
    output_names : tuple of str
    df : float
        Degrees of freedom of `stderr`.
    diagnostics : dict

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> a = po.Attribution(values=np.array([1.0, -2.0]), stderr=np.array([0.1, 0.2]), names=("age", "bmi"))
    >>> a.ranking().top(1)
    ('bmi',)
    """

    values: NDArray[Any]
    base_value: Any = math.nan
    stderr: Any = math.nan
    names: tuple[str, ...] = ()
    data: NDArray[Any] | None = None
    output_names: tuple[str, ...] = ()
    df: Any = math.inf
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def confidence_interval(self, level: float = 0.95) -> Interval:
        """Bounds of every value at `level`."""
        return t_interval(self.values, self.stderr, self.df, level)

    def ranking(self) -> Ranking:
        """Players by mean absolute value over rows, largest first; the standard error is that over rows.

        Raises
        ------
        ValueError
            For several outputs, or players on more than one axis.
        """
        if self.output_names and np.ndim(self.values) > 1:
            raise ValueError(f"ranking: choose one of the outputs {', '.join(self.output_names)} first")
        values = np.abs(np.asarray(self.values, dtype=np.float64))
        if values.ndim == 1:
            scores, stderr = values, np.broadcast_to(self.stderr, values.shape).astype(float)
        elif values.ndim == 2:
            scores = values.mean(axis=0)
            rows = len(values)
            stderr = values.std(axis=0, ddof=1) / math.sqrt(rows) if rows > 1 else np.full(scores.shape, np.nan)
        else:
            raise ValueError("ranking: choose one output first (values must have at most two axes)")
        names = self.names if len(self.names) == len(scores) else tuple(f"x{i}" for i in range(len(scores)))
        return Ranking(scores=scores, names=names, stderr=stderr)

    def _columns(self) -> dict[str, Any]:
        values = np.asarray(self.values)
        if values.ndim == 1:
            out: dict[str, Any] = {"name": np.array(self.names)} if self.names else {}
            out["value"] = values
            out["stderr"] = np.broadcast_to(self.stderr, values.shape)
            return out
        if values.ndim == 2 and len(self.names) == values.shape[1]:
            return {str(name): values[:, j] for j, name in enumerate(self.names)}
        return {"value": values.ravel()}

    def plot(self, kind: str | None = None, *, ax: Any = None, backend: str = "matplotlib") -> Any:
        """Bars with 95% intervals for one input, a map for two axes without names.

        Parameters
        ----------
        kind : {"bar", "map"}, optional
        ax : matplotlib Axes, optional
            Default: those of a new figure.
        backend : {"matplotlib", "plotly"}

        Returns
        -------
        matplotlib Axes or plotly Figure
            Nothing is shown.
        """
        from .plot import draw

        return draw(self, kind, ax=ax, backend=backend)


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Ranking(Result):
    """Scores with an order: best first, ties by index.

    Parameters
    ----------
    scores : ndarray, shape (n,)
        Larger is better; NaN comes last.
    names : tuple of str
        Default x0, x1, ...
    stderr : ndarray
        Of the scores; NaN unknown.
    order : ndarray of int64, shape (n,), optional
        Default by score.
    diagnostics : dict

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> po.Ranking(scores=np.array([0.5, 2.0, 2.0])).order
    array([1, 2, 0])
    """

    scores: NDArray[Any]
    names: tuple[str, ...] = ()
    stderr: Any = math.nan
    order: NDArray[np.int64] | None = None
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.order is None:
            order = np.argsort(-np.asarray(self.scores, dtype=np.float64), kind="stable").astype(np.int64)
            object.__setattr__(self, "order", order)
        if not self.names:
            object.__setattr__(self, "names", tuple(f"x{i}" for i in range(len(self.scores))))
        if len(self.names) != len(self.scores):
            raise ValueError(f"names: expected {len(self.scores)} names, received {len(self.names)}")

    def top(self, k: int) -> tuple[str, ...]:
        """Names of the `k` best."""
        assert self.order is not None
        return tuple(self.names[int(i)] for i in self.order[:k])

    def confidence_interval(self, level: float = 0.95) -> Interval:
        """Bounds of every score at `level`."""
        return t_interval(self.scores, self.stderr, math.inf, level)

    def _columns(self) -> dict[str, Any]:
        order = self.order
        stderr = np.broadcast_to(self.stderr, np.shape(self.scores))
        return {"name": np.array(self.names)[order], "score": self.scores[order], "stderr": stderr[order]}

    def plot(self, kind: str | None = None, *, ax: Any = None, backend: str = "matplotlib") -> Any:
        """Bars with 95% intervals, best on top. Returns the Axes (or plotly's Figure)."""
        from .plot import draw

        return draw(self, kind, ax=ax, backend=backend)


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Selection(Result):
    """Chosen items out of `n_items`; repeats are allowed.

    Parameters
    ----------
    indices : ndarray of int64, shape (k,)
    n_items : int
    scores : ndarray, optional
        Of the chosen ``(k,)``, or of all items ``(n_items,)``.
    weights : ndarray, shape (k,), optional
        What each chosen item stands for.
    diagnostics : dict

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> po.Selection(indices=np.array([2, 0, 2]), n_items=4).counts
    array([1, 0, 2, 0])
    """

    indices: NDArray[np.int64]
    n_items: int
    scores: NDArray[Any] | None = None
    weights: NDArray[Any] | None = None
    diagnostics: dict[str, Any] = field(default_factory=dict)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """True for chosen items, ``(n_items,)``."""
        out = np.zeros(self.n_items, dtype=bool)
        out[self.indices] = True
        return out

    @property
    def counts(self) -> NDArray[np.int64]:
        """How often each item was chosen, ``(n_items,)``."""
        return np.bincount(self.indices, minlength=self.n_items).astype(np.int64)

    def _columns(self) -> dict[str, Any]:
        columns = {"index": self.indices}
        for name, values in (("score", self.scores), ("weight", self.weights)):
            if values is not None and np.shape(values) == np.shape(self.indices):
                columns[name] = values
        return columns


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Curve(Result):
    """y against x with standard errors, and the area under it.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
    stderr : ndarray
        Of y; NaN unknown.
    area : Estimate, optional
    diagnostics : dict

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> curve = po.Curve(x=np.array([0.0, 1.0]), y=np.array([1.0, 0.5]), stderr=np.zeros(2))
    >>> curve.confidence_interval().upper
    array([1. , 0.5])
    """

    x: NDArray[Any]
    y: NDArray[Any]
    stderr: Any = math.nan
    area: Estimate | None = None
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def confidence_interval(self, level: float = 0.95) -> Interval:
        """Bounds of every y at `level`."""
        return t_interval(self.y, self.stderr, math.inf, level)

    def _columns(self) -> dict[str, Any]:
        return {"x": self.x, "y": self.y, "stderr": np.broadcast_to(self.stderr, np.shape(self.y))}

    def plot(self, kind: str | None = None, *, ax: Any = None, backend: str = "matplotlib") -> Any:
        """The line with its 95% band. Returns the Axes (or plotly's Figure)."""
        from .plot import draw

        return draw(self, kind, ax=ax, backend=backend)


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class SobolIndices(Result):
    """Variance-based sensitivity indices: first order, total, and second order where asked for.

    Parameters
    ----------
    first, total : ndarray, shape (d,) or (d, outputs)
    second : ndarray, shape (d, d) or (d, d, outputs), optional
        NaN on and below the diagonal.
    first_stderr, total_stderr, second_stderr : ndarray, optional
    first_interval, total_interval, second_interval : Interval, optional
        Bounds at `level`, where they are not those of the standard error.
    level : float
        Level of the stored intervals.
    variance : float or ndarray
        Of the output.
    names : tuple of str
        Default x0, x1, ...
    diagnostics : dict

    Examples
    --------
    >>> import pondera as po
    >>> po.testing.ishigami_indices().total.round(3)
    array([0.558, 0.442, 0.244])
    """

    first: NDArray[Any]
    total: NDArray[Any]
    second: NDArray[Any] | None = None
    first_stderr: NDArray[Any] | None = None
    total_stderr: NDArray[Any] | None = None
    second_stderr: NDArray[Any] | None = None
    first_interval: Interval | None = None
    total_interval: Interval | None = None
    second_interval: Interval | None = None
    level: float = 0.95
    variance: Any = math.nan
    names: tuple[str, ...] = ()
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def confidence_interval(self, level: float = 0.95, *, index: str = "total") -> Interval:
        """Bounds of the ``"first"``, ``"total"`` or ``"second"`` indices: the stored ones, or normal ones.

        Raises
        ------
        ValueError
            For another level than the stored one, or another `index`.
        """
        if index not in ("first", "total", "second"):
            raise ValueError(f"index: expected 'first', 'total' or 'second', received {index!r}")
        level = _check_level(level)
        value, stored = getattr(self, index), getattr(self, f"{index}_interval")
        if value is None:
            raise ValueError(f"index: the {index}-order indices were not computed")
        if stored is not None:
            if abs(level - self.level) > 1e-12:
                raise ValueError(f"level: these intervals were made for level {self.level}, not {level}")
            return Interval(*stored)
        stderr = getattr(self, f"{index}_stderr")
        return t_interval(value, np.full(np.shape(value), np.nan) if stderr is None else stderr, math.inf, level)

    def _columns(self) -> dict[str, Any]:
        n = len(self.first)
        names = self.names or tuple(f"x{i}" for i in range(n))
        columns: dict[str, Any] = {"name": np.array(names)}
        if np.ndim(self.first) != 1:
            return columns
        for name in ("first", "total"):
            columns[name] = getattr(self, name)
            stderr = getattr(self, f"{name}_stderr")
            if stderr is not None:
                columns[f"{name}_stderr"] = stderr
            bounds = getattr(self, f"{name}_interval")
            if bounds is not None:
                columns[f"{name}_lower"], columns[f"{name}_upper"] = bounds
        return columns

    def plot(self, kind: str | None = None, *, ax: Any = None, backend: str = "matplotlib") -> Any:
        """First-order and total indices side by side, with intervals. Returns the Axes (or plotly's Figure)."""
        from .plot import draw

        return draw(self, kind, ax=ax, backend=backend)


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class InteractionValues(Result):
    """Interaction indices of sets of players.

    Parameters
    ----------
    values : dict
        ``{(i, j): value}`` for sets of up to `order` players.
    base_value : float
        What the values add up from.
    stderr : dict
        Standard errors by set; sets that are absent have none known.
    order : int
    index : str
        Which index: SII, STII, ...
    n_players : int
    names : tuple of str
        Default x0, x1, ...
    diagnostics : dict

    Examples
    --------
    >>> import pondera as po
    >>> po.InteractionValues(values={(0,): 1.0, (0, 1): 0.5}, n_players=2).matrix()
    array([[1. , 0.5],
           [0.5, 0. ]])
    """

    values: dict[tuple[int, ...], Any]
    base_value: Any = math.nan
    stderr: dict[tuple[int, ...], Any] = field(default_factory=dict)
    order: int = 2
    index: str = ""
    n_players: int = 0
    names: tuple[str, ...] = ()
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def matrix(self) -> NDArray[np.float64]:
        """Symmetric ``(n_players, n_players)``: pairs off the diagonal, single players on it."""
        out = np.zeros((self.n_players, self.n_players))
        for members, value in self.values.items():
            if len(members) == 1:
                out[members[0], members[0]] = value
            elif len(members) == 2:
                out[members[0], members[1]] = out[members[1], members[0]] = value
        return out

    def _columns(self) -> dict[str, Any]:
        keys = list(self.values)
        label = [" x ".join(self.names[i] if self.names else f"x{i}" for i in key) or "()" for key in keys]
        columns = {"players": np.array(label), "value": np.array([self.values[k] for k in keys])}
        if self.stderr:
            columns["stderr"] = np.array([self.stderr.get(k, math.nan) for k in keys])
        return columns

    def confidence_interval(self, level: float = 0.95) -> Interval:
        """Bounds of every value at `level`, as dictionaries with the keys of `values`."""
        keys = list(self.values)
        bounds = t_interval(
            np.array([self.values[k] for k in keys]), [self.stderr.get(k, math.nan) for k in keys], math.inf, level
        )
        return Interval(dict(zip(keys, bounds.lower)), dict(zip(keys, bounds.upper)))

    def plot(self, kind: str | None = None, *, ax: Any = None, backend: str = "matplotlib") -> Any:
        """The matrix of pairs as a map. Returns the Axes (or plotly's Figure)."""
        from .plot import draw

        return draw(self, kind, ax=ax, backend=backend)


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Table(Result):
    """Rows of named columns, equally long; strings and numbers. Iterates over rows.

    Parameters
    ----------
    columns : dict of str to array_like
    diagnostics : dict

    Raises
    ------
    ValueError
        If the columns differ in length.

    Examples
    --------
    >>> import pondera as po
    >>> len(po.Table(columns={"row": [0, 1], "weight": [0.5, 1.5]}))
    2
    """

    columns: dict[str, NDArray[Any]]
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        columns = {name: np.asarray(column) for name, column in self.columns.items()}
        for name, column in columns.items():
            if column.dtype == object and all(isinstance(item, str) for item in column.ravel()):
                columns[name] = column.astype(str)
        object.__setattr__(self, "columns", columns)
        lengths = {name: len(column) for name, column in self.columns.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns: expected equal lengths, received {lengths}")

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for i in range(len(self)):
            yield {name: column[i] for name, column in self.columns.items()}

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.columns[name]

    def _columns(self) -> dict[str, Any]:
        return dict(self.columns)
