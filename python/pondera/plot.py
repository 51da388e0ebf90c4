"""Pictures of results: what is drawn is decided once, then drawn by matplotlib or plotly. Nothing is shown.

Whiskers and bands are 95% intervals, or the stored ones; none where the standard error is unknown. Names are drawn as
they are: neither ``$`` nor ``<`` in a column's name means anything.
"""

from __future__ import annotations

import html
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .results import Attribution, Curve, InteractionValues, Interval, Ranking, Result, SobolIndices

SHOWN = 30  # bars; more cannot be read


class Series(NamedTuple):
    """Values with the lengths of their whiskers, ``(2, n)``: below and above; NaN draws none."""

    name: str
    values: NDArray[Any]
    whiskers: NDArray[Any]


class Bars(NamedTuple):
    """Horizontal bars, first label on top; one or more series a label."""

    labels: tuple[str, ...]
    series: tuple[Series, ...]
    axis: str


class Line(NamedTuple):
    x: NDArray[Any]
    series: Series


class Map(NamedTuple):
    """Colours around zero; labels on both axes where there are any."""

    values: NDArray[Any]
    labels: tuple[str, ...]


def draw(result: Result, kind: str | None = None, *, ax: Any = None, backend: str = "matplotlib") -> Any:
    """The picture of a result.

    Parameters
    ----------
    result : Attribution, Ranking, Curve, SobolIndices or InteractionValues
    kind : str, optional
        "bar", "line" or "map"; default what suits the result.
    ax : matplotlib Axes, optional
        Default: those of a new figure.
    backend : {"matplotlib", "plotly"}

    Returns
    -------
    matplotlib Axes or plotly Figure

    Raises
    ------
    ValueError
        For another kind or backend, or an `ax` given to plotly.
    ImportError
        If the backend is not installed.

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> po.plot.draw(po.Ranking(scores=np.array([1.0, 2.0]))).get_xlabel()
    'score'
    """
    picture = _picture(result)
    default = {Bars: "bar", Line: "line", Map: "map"}[type(picture)]
    if kind not in (None, default):
        raise ValueError(f"kind: expected {default!r} for this {type(result).__name__}, received {kind!r}")
    if backend == "matplotlib":
        return _by_matplotlib(picture, ax)
    if backend != "plotly":
        raise ValueError(f"backend: expected 'matplotlib' or 'plotly', received {backend!r}")
    if ax is not None:
        raise ValueError("ax: plotly draws a figure of its own")
    return _by_plotly(picture)


def _picture(result: Result) -> Bars | Line | Map:
    if isinstance(result, Attribution):
        return _of_attribution(result)
    if isinstance(result, Ranking):
        order = np.asarray(result.order)[:SHOWN]
        series = (_series("score", result, result.scores, order),)
        return Bars(tuple(result.names[i] for i in order), series, _axis("score", series))
    if isinstance(result, Curve):
        return Line(np.asarray(result.x), _series("y", result, result.y, slice(None)))
    if isinstance(result, SobolIndices):
        return _of_indices(result)
    if isinstance(result, InteractionValues):
        names = result.names or tuple(f"x{i}" for i in range(result.n_players))
        return Map(result.matrix(), names)
    raise TypeError(f"result: there is no picture of a {type(result).__name__}")


def _of_attribution(result: Attribution) -> Bars | Map:
    values = np.asarray(result.values)
    if values.ndim == 1:
        names = result.names or tuple(f"x{i}" for i in range(len(values)))
        order = np.argsort(-np.abs(values), kind="stable")[:SHOWN]
        series = (_series("value", result, values, order),)
        return Bars(tuple(names[i] for i in order), series, _axis("value", series))
    if values.ndim == 2 and not result.output_names:
        if len(result.names) == values.shape[1]:
            bars = _picture(result.ranking())
            assert isinstance(bars, Bars)
            return bars._replace(axis=_axis("mean absolute value over rows", bars.series))
        return Map(values, ())
    raise ValueError("plot: choose one row or output first")


def _of_indices(result: SobolIndices) -> Bars:
    if np.ndim(result.first) != 1:
        raise ValueError("plot: choose one output first")
    names = result.names or tuple(f"x{i}" for i in range(len(result.first)))
    series = tuple(
        Series(name, value, _whiskers(value, result.confidence_interval(result.level, index=name)))
        for name, value in (("first", np.asarray(result.first)), ("total", np.asarray(result.total)))
    )
    return Bars(names, series, _axis("share of the variance", series, result.level))


def _series(name: str, result: Any, values: Any, order: Any) -> Series:
    whiskers = _whiskers(np.asarray(values), result.confidence_interval(0.95))
    return Series(name, np.asarray(values)[order], whiskers[:, order])


def _axis(label: str, series: tuple[Series, ...], level: float = 0.95) -> str:
    drawn = any(np.isfinite(one.whiskers).any() for one in series)
    return f"{label}, {100 * level:g}% interval" if drawn else label


def _whiskers(values: NDArray[Any], bounds: Interval) -> NDArray[Any]:
    lower, upper = (np.broadcast_to(np.asarray(b, dtype=np.float64), values.shape) for b in bounds)
    # A stored bound may lie on the other side of the value: no whisker there.
    return np.asarray(np.clip(np.stack([values - lower, upper - values]), 0.0, None))


def _limit(values: NDArray[Any]) -> float:
    """Half the width of a symmetric colour scale."""
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max()) if finite.size and finite.max() > 0 else 1.0


def _by_matplotlib(picture: Bars | Line | Map, ax: Any) -> Any:
    if ax is None:
        try:
            from matplotlib.figure import Figure
        except ImportError:
            raise ImportError("plot needs matplotlib: pip install 'pondera[plot]'") from None
        ax = Figure(layout="constrained").add_subplot()
    if isinstance(picture, Bars):
        height = 0.8 / len(picture.series)
        position = np.arange(len(picture.labels))
        for i, series in enumerate(picture.series):
            at = position + (i - (len(picture.series) - 1) / 2) * height
            ax.barh(at, series.values, height=height, label=series.name)
            seen = np.isfinite(series.whiskers).all(axis=0)
            ax.errorbar(
                series.values[seen], at[seen], xerr=series.whiskers[:, seen], fmt="none", ecolor="black", capsize=2
            )
        ax.set_yticks(position, picture.labels, parse_math=False)
        ax.invert_yaxis()
        ax.axvline(0.0, color="black", linewidth=0.8)
        ax.set_xlabel(picture.axis)
        if len(picture.series) > 1:
            ax.legend()
    elif isinstance(picture, Line):
        (line,) = ax.plot(picture.x, picture.series.values)
        below, above = picture.series.whiskers
        y = picture.series.values
        ax.fill_between(picture.x, y - below, y + above, alpha=0.2, linewidth=0, color=line.get_color())
        ax.set_xlabel("x")
        ax.set_ylabel("y")
    else:
        limit = _limit(picture.values)
        image = ax.imshow(picture.values, cmap="RdBu_r", vmin=-limit, vmax=limit)
        ax.figure.colorbar(image, ax=ax)
        if picture.labels:
            ticks = np.arange(len(picture.labels))
            ax.set_xticks(ticks, picture.labels, rotation=45, ha="right", parse_math=False)
            ax.set_yticks(ticks, picture.labels, parse_math=False)
        else:
            ax.set_axis_off()
    return ax


def _by_plotly(picture: Bars | Line | Map) -> Any:
    try:
        import plotly.graph_objects as go
    except ImportError:
        raise ImportError("plot needs plotly: pip install plotly") from None
    figure = go.Figure()
    if isinstance(picture, Bars):
        # Plotly reads tags in labels and takes equal labels for one: positions carry the bars, escaped texts the names.
        position = np.arange(len(picture.labels))
        for series in picture.series:
            below, above = series.whiskers
            error = {"type": "data", "symmetric": False, "array": above, "arrayminus": below}
            figure.add_bar(y=position, x=series.values, error_x=error, orientation="h", name=series.name)
        labels = [html.escape(label) for label in picture.labels]
        figure.update_yaxes(tickvals=position, ticktext=labels, autorange="reversed")
        figure.update_layout(xaxis_title=picture.axis, barmode="group")
    elif isinstance(picture, Line):
        y, (below, above) = picture.series.values, picture.series.whiskers
        line = {"color": "#1f77b4"}
        figure.add_scatter(x=picture.x, y=y - below, mode="lines", line={"width": 0}, showlegend=False)
        figure.add_scatter(
            x=picture.x, y=y + above, mode="lines", line={"width": 0}, fill="tonexty", showlegend=False,
            fillcolor="rgba(31, 119, 180, 0.2)",
        )  # fmt: skip
        figure.add_scatter(x=picture.x, y=y, mode="lines", line=line, showlegend=False)
    else:
        limit = _limit(picture.values)
        figure.add_heatmap(z=picture.values, colorscale="RdBu_r", zmin=-limit, zmax=limit)
        position = np.arange(len(picture.labels))
        labels = [html.escape(label) for label in picture.labels]
        figure.update_xaxes(tickvals=position, ticktext=labels)
        figure.update_yaxes(tickvals=position, ticktext=labels, autorange="reversed")
    return figure
