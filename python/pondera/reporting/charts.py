"""Geometry of charts: from the numbers of a document to what `page/chart.html` draws. No markup is made here.

Everything horizontal is a percentage and everything vertical a pixel, so that a chart fills any width while its text
and its marks keep their size: readable at 390 pixels without a second drawing. Every mark carries its numbers as text,
which serves the tooltip and the screen reader alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from .text import MISSING, column_cells, finite, number, visible, why_missing

KINDS = ("bar", "interval", "line", "histogram", "scatter")
MAX_SERIES = 6
PLANE_HEIGHT = 240
ROW_HEIGHT, SERIES_HEIGHT = 15, 11  # a row is 15 + 11 k pixels for k series; page.css has the same rule

_LARGEST = 1e300  # drawn values are clamped here, so that differences stay finite


@dataclass(frozen=True)
class Limits:
    """How much of a document is drawn. Halved until the page fits its size."""

    sections: int = 40
    charts: int = 12
    tables: int = 12
    verdicts: int = 60
    notes: int = 40
    rows: int = 300
    columns: int = 24
    bars: int = 60
    points: int = 240
    name: int = 120
    prose: int = 1200

    def halved(self) -> Limits:
        return Limits(**{key: max(value // 2, 1) for key, value in vars(self).items()})


@dataclass(frozen=True)
class Tick:
    at: str
    text: str


@dataclass
class Mark:
    """One focusable thing: `tip` is its numbers, one line each; the rest is what to draw."""

    tip: str
    x: str = "0%"
    y: float = 0
    width: str = "100%"
    height: float = 0
    shapes: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Drawing:
    """What the template draws for one chart."""

    kind: str
    layout: str
    x_label: str
    y_label: str
    height: int
    legend: list[tuple[int, str]]
    lines: list[tuple[int, str]]
    description: str = ""
    labels: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    x_ticks: list[Tick] = field(default_factory=list)
    y_ticks: list[Tick] = field(default_factory=list)
    x_lines: list[tuple[int, str]] = field(default_factory=list)
    y_lines: list[tuple[int, str]] = field(default_factory=list)
    zero: str | None = None
    paths: list[tuple[str, int, str]] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    note: str = ""


@dataclass(frozen=True)
class Series:
    """One series with equally long columns; what is not a finite number is None, its reason kept in `raw`."""

    name: str
    labels: list[Any]
    x: list[float | None]
    y: list[float | None]
    lower: list[float | None]
    upper: list[float | None]
    raw: list[Any]

    def words(self, i: int) -> str:
        y, low, high = self.y[i], self.lower[i], self.upper[i]
        if y is None:
            reason = visible(why_missing(self.raw[i]), 60)
            return f"{MISSING} {reason}".strip()
        if low is None and high is None:
            return number(y)
        ends = (MISSING if end is None else number(end) for end in (low, high))
        return f"{number(y)} ({' to '.join(ends)})"


def draw(chart: Mapping[str, Any], limits: Limits) -> Drawing:
    """The drawing of one chart of a document."""
    kind = chart.get("kind")
    if kind not in KINDS:
        raise ValueError(f"document: chart kind: expected one of {', '.join(KINDS)}, received {kind!r}")
    series = [_series(s, limits) for s in list(chart.get("series") or [])[:MAX_SERIES]]
    lines = [
        (str(line.get("axis")), value, visible(line.get("label"), limits.name))
        for line in list(chart.get("reference_lines") or [])[:4]
        if (value := finite(line.get("value"))) is not None
    ]
    drawing = Drawing(
        kind=kind,
        layout="rows" if kind in ("bar", "interval") else "plane",
        x_label=visible(chart.get("x_label"), limits.name),
        y_label=visible(chart.get("y_label"), limits.name),
        height=PLANE_HEIGHT,
        legend=[(i, s.name) for i, s in enumerate(series)] if len(series) > 1 else [],
        lines=[(i, label or number(value)) for i, (_, value, label) in enumerate(lines)],
    )
    log = bool(chart.get("log"))
    rules = [(axis, value) for axis, value, _ in lines]
    if drawing.layout == "rows":
        _draw_rows(drawing, series, rules, log, limits)
    elif kind == "histogram":
        _draw_histogram(drawing, series, rules, log, limits)
    else:
        _draw_points(drawing, series, rules, log, limits)
    parts = f"{len(drawing.marks)} {'rows' if drawing.layout == 'rows' else 'points'}"
    drawing.description = f"{visible(chart.get('title'), limits.name)}: {kind} chart, {parts}. Arrow keys move."
    return drawing


def _list(value: Any) -> list[Any]:
    return [] if value is None else list(value)


def _series(source: Mapping[str, Any], limits: Limits) -> Series:
    raw = _list(source.get("y"))

    def column(key: str) -> list[float | None]:
        values = [_clamped(v) for v in _list(source.get(key))]
        return values + [None] * (len(raw) + 1 - len(values))

    return Series(
        name=visible(source.get("name"), limits.name),
        labels=_list(source.get("labels"))[: len(raw)],
        x=column("x"),
        y=[_clamped(v) for v in raw],
        lower=column("lower"),
        upper=column("upper"),
        raw=raw,
    )


def _clamped(value: Any) -> float | None:
    x = finite(value)
    return None if x is None else min(max(x, -_LARGEST), _LARGEST)


class Scale:
    """A nice axis over `values`: where a value lies (0 to 1) and the ticks."""

    def __init__(self, values: Iterable[float | None], *, log: bool = False, zero: bool = False, ticks: int = 5):
        known = [v for v in values if v is not None and (v > 0 or not log)]
        self.log = log
        if log:
            known = known or [1.0]
            low = max(math.floor(math.log10(min(known))), -300)
            high = max(math.ceil(math.log10(max(known))), low + 1)
            stride = max(1, math.ceil((high - low) / ticks))
            within = (1, 2, 5) if high - low == 1 else (1,)
            steps = [m * 10.0**e for e in range(low, high, stride) for m in within]
            self._ticks = [*steps, 10.0**high] if (high - low) % stride == 0 else steps
            self.low, self.high = float(low), float(high)
            self._step = 0.0
            return
        if zero or not known:
            known = [*known, 0.0]
        low_, high_ = min(known), max(known)
        size = max(abs(low_), abs(high_))
        if high_ - low_ <= 1e-9 * size or size < 1e-290:
            pad = size * 0.1 if size >= 1e-290 else 1.0
            low_, high_ = (low_ - pad if not zero or low_ < 0 else low_), high_ + pad
        span = high_ - low_
        self._step = _nice(span / ticks)
        # Room beside the outermost marks, but not beyond the next tick, and none beside the zero of bars.
        first, last = math.floor(low_ / self._step + 1e-9), math.ceil(high_ / self._step - 1e-9)
        self.low = low_ if zero and low_ == 0 else max(first * self._step, low_ - 0.04 * span)
        self.high = high_ if zero and high_ == 0 else min(last * self._step, high_ + 0.04 * span)
        inside = range(math.ceil(self.low / self._step - 1e-9), math.floor(self.high / self._step + 1e-9) + 1)
        self._ticks = [i * self._step for i in inside]

    def at(self, value: float | None) -> float | None:
        """The fraction of the axis at `value`; None where the axis cannot show it."""
        if value is None or (self.log and value <= 0):
            return None
        v = math.log10(value) if self.log else value
        return min(max((v - self.low) / (self.high - self.low), 0.0), 1.0)

    def ticks(self) -> list[tuple[float, str]]:
        decimals = max(0, -math.floor(math.log10(self._step) + 1e-9)) if self._step else None
        out = []
        for value in self._ticks:
            at = self.at(value)
            if at is not None:
                out.append((at, _tick_text(value, decimals)))
        return out


def _nice(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= step * (1 - 1e-9))


def _tick_text(value: float, decimals: int | None) -> str:
    if value and not 1e-4 <= abs(value) < 1e5:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}".replace("-", "−")
    if decimals is None:
        return f"{value:g}"
    # A step of 2.5 or 0.25 needs one more decimal.
    text = f"{value:.{decimals}f}"
    if abs(float(text) - value) > 1e-9 * max(abs(value), 10.0**-decimals):
        text = f"{value:.{decimals + 1}f}"
    return text.replace("-", "−") if float(text) else "0"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.2f}%"


def _draw_rows(
    drawing: Drawing, series: Sequence[Series], rules: Sequence[tuple[str, float]], log: bool, limits: Limits
) -> None:
    """Horizontal bars or intervals, one row a label, the series one under the other."""
    labels, index = _aligned(series)
    drawn = [visible(label, limits.name) for label in labels[: limits.bars]]
    if len(drawn) < len(labels):
        drawing.note = f"The first {len(drawn)} of {len(labels):,} rows are drawn."
    bar = drawing.kind == "bar"
    values = [v for s in series for column in (s.y, s.lower, s.upper) for v in column[: len(s.y)]]
    scale = Scale([*values, *(value for _, value in rules)], log=log, zero=bar and not log)
    drawing.x_ticks = [Tick(_percent(at), text) for at, text in scale.ticks()]
    drawing.x_lines = _rules(scale, [value for _, value in rules])
    base = scale.at(0.0) if not log else 0.0
    if base is not None and not log and scale.low <= 0 <= scale.high:
        drawing.zero = _percent(base)
    height = ROW_HEIGHT + SERIES_HEIGHT * max(len(series), 1)
    drawing.height = height * len(drawn)
    drawing.labels = drawn
    thick = 14 if len(series) == 1 else SERIES_HEIGHT - 2
    for row, label in enumerate(drawn):
        tip = [label]
        mark = Mark("", y=row * height, height=height)
        for k, s in enumerate(series):
            i = index[k].get(row)
            if i is None:
                continue
            tip.append(f"{s.name}: {s.words(i)}" if len(series) > 1 else s.words(i))
            middle = row * height + height / 2 + (k - (len(series) - 1) / 2) * SERIES_HEIGHT
            mark.shapes += _row_shapes(bar, scale, base or 0.0, s, i, k, middle, thick)
        mark.tip = "\n".join(tip)
        drawing.marks.append(mark)
    if len(series) == 1:
        drawing.values = [cell.text for cell in column_cells("number", series[0].y[: len(drawn)], limits.name)]


def _aligned(series: Sequence[Series]) -> tuple[list[Any], list[dict[int, int]]]:
    """All labels, and for each series the place of each label in it. Equal lists are matched by position."""
    names = [s.labels or list(range(1, len(s.y) + 1)) for s in series]
    if all(n == names[0] for n in names):
        labels = names[0] if names else []
        return labels, [dict(enumerate(range(len(labels)))) for _ in names]
    labels = list(dict.fromkeys(label for n in names for label in n))
    where = [{label: i for i, label in reversed(list(enumerate(n)))} for n in names]
    return labels, [{row: w[label] for row, label in enumerate(labels) if label in w} for w in where]


def _row_shapes(
    bar: bool, scale: Scale, base: float, s: Series, i: int, k: int, middle: float, thick: int
) -> list[dict[str, Any]]:
    at, low, high = scale.at(s.y[i]), scale.at(s.lower[i]), scale.at(s.upper[i])
    if at is None:
        return [{"shape": "missing", "x": _percent(base), "y": middle + 4}]
    shapes: list[dict[str, Any]] = []
    if bar:
        left, right = sorted((base, at))
        place = {"x": _percent(left), "y": middle - thick / 2, "width": _percent(right - left), "height": thick}
        shapes.append({"shape": "bar", "series": k, **place})
    if low is not None or high is not None:
        left, right = (at if low is None else low), (at if high is None else high)
        shapes.append(
            {"shape": "error" if bar else "range", "series": k, "x": _percent(left), "x2": _percent(right), "y": middle}
        )
    if not bar:
        shapes.append({"shape": "dot", "series": k, "x": _percent(at), "y": middle})
    return shapes


def _rules(scale: Scale, values: Iterable[float]) -> list[tuple[int, str]]:
    places = [(i, scale.at(value)) for i, value in enumerate(values)]
    return [(i, _percent(at)) for i, at in places if at is not None]


def _plane(drawing: Drawing, x: Scale, y: Scale, rules: Sequence[tuple[str, float]]) -> None:
    drawing.x_ticks = [Tick(_percent(at), text) for at, text in x.ticks()]
    drawing.y_ticks = [Tick(f"{_down(at):.1f}", text) for at, text in y.ticks()]
    for i, (axis, value) in enumerate(rules):
        at = (y if axis == "y" else x).at(value)
        if at is not None and axis == "y":
            drawing.y_lines.append((i, f"{_down(at):.1f}"))
        elif at is not None:
            drawing.x_lines.append((i, _percent(at)))


def _down(fraction: float) -> float:
    return (1 - fraction) * PLANE_HEIGHT


def _point(x: float, y: float) -> str:
    return f"{1000 * x:.1f} {_down(y):.1f}"


def _draw_histogram(
    drawing: Drawing, series: Sequence[Series], rules: Sequence[tuple[str, float]], log: bool, limits: Limits
) -> None:
    """Overlaid steps over common bin edges; a mark is a bin with the heights of all series."""
    edges = next((s.x for s in series if len(s.y)), [])
    bins = [(i, a, b) for i, (a, b) in enumerate(pairwise(edges)) if a is not None and b is not None]
    if len(bins) > 2 * limits.points:
        drawing.note = f"The first {2 * limits.points} of {len(bins):,} bins are drawn."
        bins = bins[: 2 * limits.points]
    heights = [[s.y[i] if i < len(s.y) else None for i, _, _ in bins] for s in series]
    x = Scale([v for _, a, b in bins for v in (a, b)] + [v for axis, v in rules if axis != "y"])
    y = Scale([v for h in heights for v in h] + [v for axis, v in rules if axis == "y"], log=log, zero=not log)
    _plane(drawing, x, y, rules)
    base = y.at(0.0) or 0.0
    spans = [sorted((x.at(a) or 0.0, x.at(b) or 0.0)) for _, a, b in bins]
    for k, column in enumerate(heights):
        steps = []
        for (left, right), value in zip(spans, column):
            at = y.at(value)
            steps += [_point(left, base if at is None else at), _point(right, base if at is None else at)]
        if steps:
            path = " ".join([_point(spans[0][0], base), *steps, _point(spans[-1][1], base)])
            drawing.paths.append(("fill", k, f"M{path}Z"))
    for (i, a, b), (left, right) in zip(bins, spans):
        tip = [f"{number(a)} to {number(b)}"]
        tip += [f"{s.name}: {s.words(i)}" for s in series if i < len(s.y)]
        drawing.marks.append(Mark("\n".join(tip), x=_percent(left), width=_percent(right - left), height=PLANE_HEIGHT))


def _draw_points(
    drawing: Drawing, series: Sequence[Series], rules: Sequence[tuple[str, float]], log: bool, limits: Limits
) -> None:
    """Lines with bands, or scattered points."""
    scatter = drawing.kind == "scatter"
    kept: list[list[int]] = []
    limit = 2 * limits.points if scatter else limits.points
    for s in series:
        known = [i for i in range(len(s.y)) if s.x[i] is not None]
        if not scatter:
            known.sort(key=lambda i, s=s: s.x[i])  # type: ignore[misc]
        kept.append(_evenly(known, limit))
        if len(kept[-1]) < len(known):
            drawing.note = f"{len(kept[-1])} of {len(known):,} points of a series are drawn, evenly chosen."
    x = Scale([s.x[i] for s, k in zip(series, kept) for i in k] + [v for a, v in rules if a != "y"])
    columns = [(s, i) for s, k in zip(series, kept) for i in k]
    y = Scale(
        [v for s, i in columns for v in (s.y[i], s.lower[i], s.upper[i])] + [v for a, v in rules if a == "y"], log=log
    )
    _plane(drawing, x, y, rules)
    if scatter:
        for k, (s, chosen) in enumerate(zip(series, kept)):
            drawing.marks += [_scatter_mark(drawing, s, i, k, x, y, len(series), limits) for i in chosen]
        return
    for k, (s, chosen) in enumerate(zip(series, kept)):
        for path in _runs([(x.at(s.x[i]), y.at(s.lower[i]), y.at(s.upper[i])) for i in chosen]):
            outline = [_point(a, high) for a, _, high in path] + [_point(a, low) for a, low, _ in reversed(path)]
            drawing.paths.append(("band", k, f"M{' '.join(outline)}Z"))
        for path in _runs([(x.at(s.x[i]), y.at(s.y[i])) for i in chosen]):
            drawing.paths.append(("line", k, "M" + " ".join(_point(a, b) for a, b in path)))
    _line_marks(drawing, series, kept, x, y)


def _evenly(items: list[int], limit: int) -> list[int]:
    if len(items) <= limit:
        return items
    if limit == 1:
        return items[:1]
    return [items[round(i * (len(items) - 1) / (limit - 1))] for i in range(limit)]


def _runs(points: Iterable[tuple[float | None, ...]]) -> list[list[tuple[Any, ...]]]:
    """The stretches without a gap."""
    runs: list[list[tuple[Any, ...]]] = [[]]
    for point in points:
        if any(value is None for value in point):
            runs.append([])
        else:
            runs[-1].append(point)
    return [run for run in runs if run]


def _scatter_mark(
    drawing: Drawing, s: Series, i: int, k: int, x: Scale, y: Scale, n_series: int, limits: Limits
) -> Mark:
    name = [visible(s.labels[i], limits.name)] if i < len(s.labels) else []
    if n_series > 1:
        name.append(s.name)
    tip = [*name, f"{drawing.x_label or 'x'}: {number(s.x[i] or 0.0)}", f"{drawing.y_label or 'y'}: {s.words(i)}"]
    mark = Mark("\n".join(tip))
    left, up, low, high = x.at(s.x[i]), y.at(s.y[i]), y.at(s.lower[i]), y.at(s.upper[i])
    if left is None or up is None:
        return mark
    if low is not None and high is not None:
        mark.shapes.append({"shape": "whisker", "series": k, "x": _percent(left), "y": _down(low), "y2": _down(high)})
    mark.shapes.append({"shape": "dot", "series": k, "x": _percent(left), "y": round(_down(up), 1)})
    return mark


def _line_marks(drawing: Drawing, series: Sequence[Series], kept: Sequence[Sequence[int]], x: Scale, y: Scale) -> None:
    """A mark is an upright band around one x, with the values of all series there."""
    at: dict[float, list[tuple[int, int]]] = {}
    for k, chosen in enumerate(kept):
        for i in chosen:
            at.setdefault(series[k].x[i] or 0.0, []).append((k, i))
    xs = sorted(at)
    places = [x.at(value) or 0.0 for value in xs]
    few = len(xs) <= 40
    for n, value in enumerate(xs):
        left = (places[n - 1] + places[n]) / 2 if n else 0.0
        right = (places[n] + places[n + 1]) / 2 if n + 1 < len(xs) else 1.0
        tip = [f"{drawing.x_label or 'x'}: {number(value)}"]
        mark = Mark("", x=_percent(left), width=_percent(max(right - left, 0.0)), height=PLANE_HEIGHT)
        for k, i in at[value]:
            s = series[k]
            tip.append(f"{s.name or drawing.y_label or 'y'}: {s.words(i)}")
            up = y.at(s.y[i])
            if up is not None:
                place = {"x": _percent(places[n]), "y": round(_down(up), 1)}
                mark.shapes.append({"shape": "dot" if few else "point", "series": k, **place})
        mark.tip = "\n".join(tip)
        drawing.marks.append(mark)
