"""From numbers to the document of a report: verdicts in plain language, charts and tables of plain values.

No row of the data enters it: only counts, means, estimates and the names of columns and frequent levels. Verdicts
follow fixed rules, written where they are made; a doubtful quantity says so beside itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..results import Attribution, Estimate, SobolIndices
from .analysis import LEVEL, Analysis, Change, Measure
from .distance import ENERGY_PERMUTATIONS, Marginal
from .tables import Sample, shown

__all__ = ["build"]

SCHEMA_VERSION = 1
MAX_ROWS = 200
MAX_TEXT = 200
CHART_ROWS = 25
TOP = 8  # of a single row's contributions

Level = str
Document = dict[str, Any]


def build(analysis: Analysis, *, title: str, version: str, created: str, seed: Any) -> Document:
    """The document of `analysis`, of JSON values only."""
    tables = analysis.tables
    verdicts: list[dict[str, str]] = []
    sections = [
        _distance(analysis, verdicts),
        _weights(analysis, verdicts),
        *([_performance(analysis, verdicts)] if analysis.performance else []),
        _features(analysis, verdicts),
        _changes(analysis, verdicts),
        _data(analysis),
    ]
    return {
        "schema_version": SCHEMA_VERSION,
        "pondera": version,
        "title": _cut(title),
        "created": created,
        "inputs": {
            "reference": _input(tables.reference, len(tables.columns)),
            "target": _input(tables.target, len(tables.columns)),
            "label": None if tables.label is None else _cut(tables.label),
            "task": tables.task,
            "model": _cut(analysis.fitted.name),
            "seed": seed,
        },
        "verdicts": verdicts,
        "sections": sections,
    }


def _input(sample: Sample, columns: int) -> dict[str, Any]:
    return {
        "name": _cut(sample.name),
        "rows": sample.rows,
        "columns": columns,
        "used_rows": len(sample.codes),
    }


# -- plain values


def _cut(text: Any) -> str:
    whole = str(text)
    return whole if len(whole) <= MAX_TEXT else whole[: MAX_TEXT - 3] + "..."


def _name(text: Any) -> str:
    """A column's name inside a sentence."""
    return f"“{shown(text, 40)}”"


def _num(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None


def _text(value: Any) -> str:
    """Three significant digits, for sentences."""
    number = float(value)
    if not math.isfinite(number):
        return "unknown"
    if number != 0 and not 1e-3 <= abs(number) < 1e6:
        return f"{number:.2e}"
    digits = max(0, 2 - math.floor(math.log10(abs(number)))) if number else 2
    return f"{number:,.{digits}f}".replace("-", "−")


def _pm(value: Any, stderr: Any) -> str:
    """value ± standard error, both to the error's second digit."""
    value, stderr = float(value), float(stderr)
    if not math.isfinite(value):
        return "unknown"
    if not math.isfinite(stderr) or stderr == 0:
        return _text(value)
    digits = 1 - math.floor(math.log10(stderr))
    if not 0 <= digits <= 6:
        return f"{_text(value)} ± {_text(stderr)}"
    return f"{value:,.{digits}f} ± {stderr:,.{digits}f}".replace("-", "−")


def _p(p: float) -> str:
    return f"p = {p:.2g}" if p >= 0.001 else f"p = {p:.1g}"


def _bounds(estimate: Estimate) -> list[float | None] | None:
    if not math.isfinite(float(estimate.stderr)):
        return None
    low, high = estimate.confidence_interval(estimate.level)
    return [_num(low), _num(high)]


def _table(id: str, title: str, columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[Any]]) -> Document:
    cells = [[_cell(c) for c in row] for row in rows]
    return {
        "id": id,
        "title": title,
        "columns": [{"name": name, "kind": kind} for name, kind in columns],
        "rows": cells[:MAX_ROWS],
    }


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value if value is None else str(value)
    if isinstance(value, str):
        return _cut(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (list, tuple)):
        return [None if v is None else _num(v) for v in value]
    return _num(value)


def _too_long(rows: int, notes: list[str], what: str) -> None:
    if rows > MAX_ROWS:
        notes.append(f"The table shows the first {MAX_ROWS} of {rows} {what}; the JSON file holds them all.")


def _chart(id: str, kind: str, title: str, table: str, series: list[Document], **more: Any) -> Document:
    return {
        "id": id,
        "kind": kind,
        "title": title,
        "x_label": more.pop("x_label", ""),
        "y_label": more.pop("y_label", ""),
        "table": table,
        "series": series,
        **more,
    }


def _series(name: str, labels: Sequence[str], y: Any, lower: Any = (), upper: Any = ()) -> Document:
    out: Document = {"name": _cut(name), "labels": [_cut(label) for label in labels], "y": [_num(v) for v in y]}
    if len(lower):
        out["lower"] = [_num(v) for v in lower]
        out["upper"] = [_num(v) for v in upper]
    return out


def _section(
    id: str, title: str, lead: str, level: Level | None, notes: Iterable[str], charts: Any, tables: Any
) -> Document:
    return {
        "id": id,
        "title": title,
        "lead": lead,
        "level": level,
        "notes": [note if len(note) <= 1000 else note[:997] + "..." for note in notes],
        "charts": list(charts),
        "tables": list(tables),
    }


def _listed(names: Sequence[str], most: int = 5) -> str:
    quoted = [_name(n) for n in names[:most]]
    if len(names) > most:
        return f"{', '.join(quoted)} and {len(names) - most} more"
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]]) if len(quoted) > 1 else quoted[0]


# -- how far


def _distance(analysis: Analysis, verdicts: list[dict[str, str]]) -> Document:
    distance, auc = analysis.distance, analysis.weighting.ratio.auc_
    changed = [m for m in distance.marginals if m.adjusted <= LEVEL]
    # Two questions are asked, the rows as a whole and the features one by one: each counts twice.
    p = min(1.0, 2 * distance.p)
    significant = p <= LEVEL or bool(changed)
    size = f"k-NN KL divergence {_pm(distance.kl.value, distance.kl.stderr)} nats, " if distance.kl else ""
    measures = f"{size}{_p(p)} for the rows as a whole"
    if not significant:
        level, lead = "good", f"No difference between target and reference was found ({measures}, no single feature)."
    else:
        level = "bad" if float(auc.value) >= 0.8 else "warn"
        how = "far from" if level == "bad" else "different from"
        which = (
            f"{len(changed)} of {len(distance.marginals)} features differ"
            if changed
            else "no single feature stands out"
        )
        lead = f"The target is {how} the reference ({measures}; {which})."
    verdicts.append({"level": level, "text": lead, "section": "distance"})

    ordered = sorted(distance.marginals, key=lambda m: (m.adjusted > LEVEL, -_finite(m.kl.value)))
    top = ordered[:CHART_ROWS]
    bounds = [_bounds(m.kl) or [None, None] for m in top]
    chart = _chart(
        "distance-features",
        "interval",
        "KL divergence of each feature, target against reference",
        "distance-features-table",
        [
            {
                "name": "KL divergence",
                "labels": [_cut(m.name) for m in top],
                "y": [_num(m.kl.value) for m in top],
                "lower": [b[0] for b in bounds],
                "upper": [b[1] for b in bounds],
            }
        ],
        x_label="nats",
        reference_lines=[{"value": 0.0, "axis": "x", "label": "equal distributions"}],
    )
    overall = []
    for name, estimate in (
        ("KL, k nearest neighbours", distance.kl),
        ("Rényi of order 1/2, k nearest neighbours", distance.renyi),
        ("KL, nearest-neighbour ratios (NNR)", distance.nnr),
    ):
        if estimate is not None:
            overall.append([name, estimate.value, estimate.stderr, _bounds(estimate)])
    if math.isfinite(distance.zero):
        overall.append(
            ["KL, k nearest neighbours, two random halves (what sampling alone gives)", distance.zero, None, None]
        )
    overall.append(["Energy distance", distance.energy, None, None])
    overall.append(["AUC of a classifier between the two (0.5: alike)", auc.value, auc.stderr, _bounds(auc)])

    notes = [
        "Divergences are D(target || reference) in nats: 0 for equal distributions, without an upper limit. Estimates "
        "may be slightly negative.",
        f"The p-value of the whole is that of the energy distance under {ENERGY_PERMUTATIONS} random relabellings, "
        "(1 + hits) / (1 + relabellings), doubled because two questions are asked; k-NN divergences would have to "
        "search neighbours anew for each. Those of single features use Anderson-Darling (numbers) or chi-square "
        "(values), corrected by Holm for the number of features, and doubled as well.",
    ]
    if distance.kl is not None:
        notes.append(
            f"k-NN divergences: {distance.k} neighbours among {distance.rows[0]:,} reference and {distance.rows[1]:,} "
            "target rows, numeric features with many values only, each divided by its pooled standard deviation; "
            "rounded numbers are spread over their rounding step, missing ones set to the median; standard errors by a "
            "jackknife over 20 blocks. They are too small where the target reaches beyond the reference, and their "
            "intervals are wider than the tests are: a feature may differ beyond chance though its interval holds 0."
        )
    notes += distance.notes
    notes += [f"{_name(m.name)}: {note}" for m in distance.marginals for note in m.notes][:50]
    _too_long(len(ordered), notes, "features")
    return _section(
        "distance",
        "How far is the target from the reference?",
        lead,
        level,
        notes,
        [chart],
        [
            _table(
                "distance-overall",
                "All features together",
                [("Measure", "text"), ("Value", "number"), ("Standard error", "number"), ("95% interval", "interval")],
                overall,
            ),
            _table(
                "distance-features-table",
                "Feature by feature",
                [
                    ("Feature", "text"),
                    ("Compared by", "text"),
                    ("Size of change", "number"),
                    ("KL (nats)", "number"),
                    ("Standard error", "number"),
                    ("95% interval", "interval"),
                    ("Rényi 1/2", "number"),
                    ("NNR", "number"),
                    ("p", "p"),
                    ("p, corrected", "p"),
                    ("Missing in reference", "number"),
                    ("Missing in target", "number"),
                ],
                (_feature_row(m) for m in ordered),
            ),
        ],
    )


def _finite(value: Any) -> float:
    return float(value) if math.isfinite(float(value)) else 0.0


def _feature_row(m: Marginal) -> list[Any]:
    unknown = "too few values" if not math.isfinite(float(m.kl.value)) else None
    return [
        m.name,
        m.how,
        m.size,
        unknown or m.kl.value,
        m.kl.stderr,
        _bounds(m.kl),
        unknown or m.renyi.value,
        None if m.nnr is None else m.nnr.value,
        m.p,
        m.adjusted,
        m.missing[0],
        m.missing[1],
    ]


# -- which rows stand for the target


def _weights(analysis: Analysis, verdicts: list[dict[str, str]]) -> Document:
    weighting = analysis.weighting
    weights = weighting.weights
    n = len(weights)
    d = weights.diagnostics
    ess, k, auc = float(d["ess"]), float(d["pareto_k"]), weighting.ratio.auc_
    worst = int(np.argmax(np.abs(weighting.after))) if len(weighting.after) else 0
    worth = f"The {n:,} reference rows, weighted to look like the target, are worth {ess:,.0f} rows"
    if d.get("unreliable"):
        level = "bad"
        lead = (
            f"{worth}: too few to stand for the target, or weights too uneven (Pareto k {_text(k)}). Do not trust them."
        )
    elif ess < 0.3 * n:
        level, lead = "warn", f"{worth}: usable, but few rows carry most of the weight."
    else:
        level, lead = "good", f"{worth}: the two samples overlap well."
    verdicts.append({"level": level, "text": lead, "section": "weights"})

    relative = weights.relative
    logs = np.log10(np.maximum(relative, 1e-6))
    low, high = float(logs.min()), float(logs.max())
    edges = np.linspace(low, high, 31) if high > low else np.array([low - 0.5, low + 0.5])
    counts, _ = np.histogram(logs, edges)
    histogram = _chart(
        "weights-histogram",
        "histogram",
        "Weights of the reference rows",
        "weights-histogram-table",
        [{"name": "reference rows", "x": [_num(e) for e in edges], "y": [int(c) for c in counts]}],
        x_label="log10 of the weight (0: the mean weight)",
        y_label="rows",
        reference_lines=[{"value": 0.0, "axis": "x", "label": "mean weight"}],
    )
    order = np.argsort(-np.abs(weighting.before), kind="stable")
    names = analysis.design.names
    top = order[:CHART_ROWS]
    half = 1.96 * weighting.after_stderr
    balance = _chart(
        "weights-balance",
        "interval",
        "Difference of means, target less reference, before and after weighting",
        "weights-profile",
        [
            _series("unweighted", [names[j] for j in top], weighting.before[top]),
            _series(
                "weighted",
                [names[j] for j in top],
                weighting.after[top],
                weighting.after[top] - half[top],
                weighting.after[top] + half[top],
            ),
        ],
        x_label="pooled standard deviations",
        reference_lines=[{"value": 0.0, "axis": "x", "label": "equal means"}],
    )
    notes = [
        f"Weights are density ratios p(target) / p(reference) at each reference row: the odds of a classifier "
        f"({weighting.ratio.name_}, cross-fitted in {weighting.ratio.cv} folds, calibrated) that never saw the row. "
        + "; ".join(f"{name}: log loss {_pm(e.value, e.stderr)}" for name, e in weighting.tried.items())
        + ".",
        "Effective sample size: how many rows of equal weight would be worth as much. Pareto k above 0.7: a few rows "
        "decide, and means over the weights are not to be trusted.",
        f"The heaviest tenth of the rows carries {weighting.share_of_heaviest:.0%} of the weight.",
    ]
    if len(weighting.after):
        notes.append(
            f"After weighting, the largest difference left is that of {_name(names[worst])}: "
            f"{_pm(weighting.after[worst], weighting.after_stderr[worst])} standard deviations. "
            "Below 0.1 is usually called balanced."
        )
    notes += weighting.notes
    _too_long(len(order), notes, "columns")
    m = weighting.means
    return _section(
        "weights",
        "Which reference rows stand for the target?",
        lead,
        level,
        notes,
        [histogram, balance],
        [
            _table(
                "weights-summary",
                "Overlap",
                [("Quantity", "text"), ("Value", "number"), ("95% interval", "interval")],
                [
                    ["Reference rows", n, None],
                    ["Effective sample size", ess, None],
                    ["Pareto k", k if math.isfinite(k) else "tail of equal weights or too few", None],
                    ["Largest share of one row", d["max_share"], None],
                    ["Share of the heaviest tenth", weighting.share_of_heaviest, None],
                    ["AUC of the classifier", auc.value, _bounds(auc)],
                ],
            ),
            _table(
                "weights-histogram-table",
                "Weights, relative to their mean",
                [("From", "number"), ("To", "number"), ("Rows", "number")],
                ([10.0**a, 10.0**b, int(c)] for a, b, c in zip(edges[:-1], edges[1:], counts)),
            ),
            _table(
                "weights-profile",
                "What the weighted reference looks like (means)",
                [
                    ("Feature", "text"),
                    ("Reference", "number"),
                    ("Weighted reference", "number"),
                    ("Standard error", "number"),
                    ("Heaviest tenth", "number"),
                    ("Target", "number"),
                    ("Difference before (sd)", "number"),
                    ("Difference after (sd)", "number"),
                ],
                (
                    [
                        names[j],
                        m["reference"][j],
                        m["weighted"][j],
                        weighting.weighted_stderr[j],
                        m["heaviest"][j],
                        m["target"][j],
                        weighting.before[j],
                        weighting.after[j],
                    ]
                    for j in order
                ),
            ),
        ],
    )


# -- performance


def _performance(analysis: Analysis, verdicts: list[dict[str, str]]) -> Document:
    first = analysis.performance[0]
    unreliable = bool(analysis.weighting.weights.diagnostics.get("unreliable"))
    lead = f"Expected {first.name} on the target: {_pm(first.expected.value, first.expected.stderr)}"
    lead += f" (on the reference: {_pm(first.reference.value, first.reference.stderr)})."
    notes = [
        "Expected: the reference's losses averaged with the weights. It holds if only the distribution of the features "
        "changed, not what they say about the label, and if the weights are right; its standard error knows the rows, "
        "not the error of the weights.",
    ]
    if first.measured is None or first.gap is None:
        level = "note"
        lead += " Without labels in the target this cannot be checked."
    else:
        lead += f" Measured: {_pm(first.measured.value, first.measured.stderr)}."
        z = max(abs(_z(m.gap)) for m in analysis.performance if m.gap is not None)
        # Two measures are looked at: 2.24 is the two-sided 5% point for the larger of two.
        if unreliable:
            level = "note"
        elif z <= 2.24:
            level = "good"
            lead += " The two agree within their errors: the change of the features explains the performance."
        else:
            level = "bad"
            lead += (
                " They differ by more than chance: not only the distribution of the features changed, but what they "
                "say about the label (or something not recorded)."
            )
    if unreliable:
        level = "warn"
        lead += " The weights are not reliable, so do not rely on the expected value."
    if _worse(first):
        level = "warn" if level in ("good", "note") else level
        lead += " The model does worse on the target than on the reference."
    if analysis.fitted.own:
        notes.append(
            f"Model: {analysis.fitted.name}. Reference losses come from folds that did not see the row; the target's "
            "are the mean over the same models."
        )
    notes += analysis.fitted.notes
    notes += analysis.performance_notes
    verdicts.append({"level": level, "text": lead, "section": "performance"})

    labels, y, lower, upper = [], [], [], []
    for label, e in (
        ("on the reference", first.reference),
        ("expected on the target", first.expected),
        ("measured on the target", first.measured),
    ):
        if e is not None:
            bounds = _bounds(e) or [None, None]
            labels.append(label)
            y.append(_num(e.value))
            lower.append(bounds[0])
            upper.append(bounds[1])
    chart = _chart(
        "performance-chart",
        "interval",
        f"{first.name.capitalize()}, 95% intervals",
        "performance-table",
        [{"name": first.name, "labels": labels, "y": y, "lower": lower, "upper": upper}],
        x_label=first.name,
    )
    rows = []
    for m in analysis.performance:
        for label, e in (
            ("on the reference", m.reference),
            ("expected on the target", m.expected),
            ("measured on the target", m.measured),
            ("expected less reference", m.change),
            ("expected less measured", m.gap),
        ):
            if e is not None:
                rows.append([m.name, label, e.value, e.stderr, _bounds(e), e.n])
    return _section(
        "performance",
        "How well does the model do on the target?",
        lead,
        level,
        notes,
        [chart],
        [
            _table(
                "performance-table",
                "Losses (smaller is better)",
                [
                    ("Loss", "text"),
                    ("Where", "text"),
                    ("Value", "number"),
                    ("Standard error", "number"),
                    ("95% interval", "interval"),
                    ("Rows", "number"),
                ],
                rows,
            )
        ],
    )


def _z(e: Estimate) -> float:
    return float(e.value) / float(e.stderr) if float(e.stderr) > 0 else 0.0


def _worse(m: Measure) -> bool:
    """Beyond chance: the measured loss where there is one, else the expected one."""
    if m.measured is not None:
        difference = float(m.measured.value) - float(m.reference.value)
        return difference > 1.96 * math.hypot(float(m.measured.stderr), float(m.reference.stderr))
    return _z(m.change) > 1.96


# -- features


def _features(analysis: Analysis, verdicts: list[dict[str, str]]) -> Document:
    found, fitted = analysis.importance, analysis.fitted
    values = {side: np.asarray(e.value) for side, e in found.mean_abs.items()}
    order = np.argsort(-values["target"], kind="stable")
    names = found.names
    total = float(values["target"].sum())
    what = "the shift" if analysis.tables.task == "none" and fitted.own else "the model"
    if total > 0:
        shares = values["target"] / total
        lead = f"On the target, {what} relies most on " + ", ".join(
            f"{_name(names[j])} ({shares[j]:.0%})" for j in order[:3] if shares[j] > 0
        )
        lead += " of all attributed effect."
    else:
        lead = "The model gives every row the same answer: no feature matters to it."
    verdicts.append({"level": "note", "text": lead, "section": "features"})

    top = order[:CHART_ROWS]
    series = []
    for side in ("reference", "target"):
        bounds = found.mean_abs[side].confidence_interval(0.95)
        series.append(
            _series(
                side,
                [names[j] for j in top],
                values[side][top],
                np.maximum(np.asarray(bounds.lower)[top], 0.0),
                np.asarray(bounds.upper)[top],
            )
        )
    unit = found.shift_output if len(fitted.outputs) <= 1 else "sum over outputs"
    charts = [
        _chart(
            "features-shapley",
            "bar",
            "Mean absolute Shapley value",
            "features-shapley-table",
            series,
            x_label=_cut(unit),
        )
    ]
    rows = len(found.shapley["target"].values)
    notes = [
        f"Shapley values: {rows} random rows of each sample, {found.background} reference rows as background, up to "
        f"{found.budget:,} coalitions a row; the error bars are those over rows. Features that go together share what "
        "they say in a way that no attribution can settle.",
    ]
    tables = [
        _table(
            "features-shapley-table",
            "Mean absolute Shapley value",
            [
                ("Feature", "text"),
                ("Reference", "number"),
                ("Standard error, reference", "number"),
                ("Target", "number"),
                ("Standard error, target", "number"),
            ],
            (
                [
                    names[j],
                    values["reference"][j],
                    np.asarray(found.mean_abs["reference"].stderr)[j],
                    values["target"][j],
                    np.asarray(found.mean_abs["target"].stderr)[j],
                ]
                for j in order
            ),
        )
    ]
    if found.sobol is not None:
        charts.append(_sobol_chart(found.sobol, names, top))
        tables.append(_sobol_table(found.sobol, names, order))
        notes.append(
            f"Sobol' indices: {found.sobol_rows:,} model rows; numbers uniform from their 1st to their 99th percentile "
            "(both samples together), levels by frequency, all independent of each other. First: share of the "
            "prediction's variance that goes when the feature is known; total: share that stays when all others are."
        )
    notes += found.notes
    for i, row in enumerate(found.chosen):
        chart, table = _row(row, i, names)
        charts.append(chart)
        tables.append(table)
    notes.append("Row numbers count data rows from 1.")
    _too_long(len(order), notes, "features")
    return _section("features", "Which features matter?", lead, "note", notes, charts, tables)


def _sobol_chart(found: SobolIndices, names: Sequence[str], top: Any) -> Document:
    series = []
    for label, value, interval in (
        ("first order", found.first, found.first_interval),
        ("total", found.total, found.total_interval),
    ):
        bounds = ((), ()) if interval is None else (np.asarray(interval.lower)[top], np.asarray(interval.upper)[top])
        series.append(_series(label, [names[j] for j in top], np.asarray(value)[top], *bounds))
    return _chart(
        "features-sobol",
        "interval",
        "Sobol' indices over the data's ranges",
        "features-sobol-table",
        series,
        x_label="share of the variance of the prediction",
    )


def _sobol_table(found: SobolIndices, names: Sequence[str], order: Any) -> Document:
    def interval(bounds: Any, j: int) -> list[float] | None:
        return None if bounds is None else [float(np.asarray(bounds.lower)[j]), float(np.asarray(bounds.upper)[j])]

    return _table(
        "features-sobol-table",
        "Sobol' indices",
        [
            ("Feature", "text"),
            ("First order", "number"),
            ("95% interval, first", "interval"),
            ("Total", "number"),
            ("95% interval, total", "interval"),
        ],
        (
            [
                names[j],
                found.first[j],
                interval(found.first_interval, j),
                found.total[j],
                interval(found.total_interval, j),
            ]
            for j in order
        ),
    )


def _row(row: Any, i: int, names: Sequence[str]) -> tuple[Document, Document]:
    attribution: Attribution = row.attribution
    values = np.asarray(attribution.values)
    stderr = np.broadcast_to(np.asarray(attribution.stderr), values.shape)
    output = 0
    if values.ndim == 2:
        output = int(np.argmax(row.prediction))
        values, stderr = values[:, output], stderr[:, output]
    top = np.argsort(-np.abs(values), kind="stable")[:TOP]
    title = f"Row {row.row} of the {row.sample} ({row.why}): prediction {_text(row.prediction[output])}"
    rest = float(values.sum() - values[top].sum())
    rows: list[list[Any]] = [[names[j], values[j], stderr[j]] for j in top]
    if len(values) > TOP:
        rows.append([f"the other {len(values) - TOP} features", rest, None])
    half = 1.96 * np.nan_to_num(stderr[top])
    chart = _chart(
        f"features-row-{i}",
        "interval",
        title,
        f"features-row-{i}-table",
        [_series("contribution", [names[j] for j in top], values[top], values[top] - half, values[top] + half)],
        x_label="contribution to the prediction",
        reference_lines=[{"value": 0.0, "axis": "x", "label": "no contribution"}],
    )
    table = _table(
        f"features-row-{i}-table",
        title,
        [("Feature", "text"), ("Contribution", "number"), ("Standard error", "number")],
        rows,
    )
    return chart, table


# -- what changed


def _changes(analysis: Analysis, verdicts: list[dict[str, str]]) -> Document:
    changes = analysis.changes
    flagged = [c for c in changes if c.significant]
    found = analysis.importance
    if not flagged:
        level, lead = "good", "No single feature changed beyond chance."
    else:
        heavy = [c for c in flagged if c.score > 0.01]
        level = "warn" if heavy else "note"
        lead = f"What changed most, and matters: {_listed([c.name for c in (heavy or flagged)], 3)}."
        if not heavy:
            lead = f"{_listed([c.name for c in flagged], 3)} changed, but matter little to the predictions."
    verdicts.append({"level": level, "text": lead, "section": "changes"})
    top = changes[:CHART_ROWS]
    chart = _chart(
        "changes-chart",
        "bar",
        "Size of the change times importance",
        "changes-table",
        [_series("score", [_label(c) for c in top], [c.score for c in top])],
        x_label="score (0 to 1)",
    )
    notes = [
        "Score: size of the change times the feature's share of the attributed effect on the target. Size: the largest "
        "difference between the two distribution functions (numbers) or half the summed differences of the shares "
        f"(values), from 0 to 1. Features whose change is beyond chance (corrected p ≤ {LEVEL}) come first, marked *.",
        f"Effect on the prediction: change of the feature's mean Shapley value in {_name(found.shift_output)}, target "
        "less reference; over all features these add up to the change of the mean prediction.",
    ]
    _too_long(len(changes), notes, "features")
    return _section(
        "changes",
        "What changed most?",
        lead,
        level,
        notes,
        [chart],
        [
            _table(
                "changes-table",
                "Features by change and importance",
                [
                    ("Rank", "number"),
                    ("Feature", "text"),
                    ("Beyond chance", "text"),
                    ("Score", "number"),
                    ("Size of change", "number"),
                    ("Share of importance", "number"),
                    ("p, corrected", "p"),
                    ("Effect on the prediction", "number"),
                    ("Standard error", "number"),
                ],
                (
                    [
                        i + 1,
                        c.name,
                        "yes" if c.significant else "no",
                        c.score,
                        c.size,
                        c.share,
                        c.adjusted,
                        c.shift,
                        c.shift_stderr,
                    ]
                    for i, c in enumerate(changes)
                ),
            )
        ],
    )


def _label(c: Change) -> str:
    return f"{c.name} *" if c.significant else c.name


# -- the data


def _data(analysis: Analysis) -> Document:
    tables = analysis.tables
    kinds = [c.kind for c in tables.columns]
    counts = ", ".join(f"{kinds.count(k)} {k}" for k in dict.fromkeys(kinds))
    label = f" The label is {_name(tables.label)} ({tables.task})." if tables.label is not None else ""
    notes = [*tables.notes, "This page holds no rows of the data, only what was counted and estimated from them."]
    _too_long(len(tables.columns), notes, "columns")
    return _section(
        "data",
        "What was compared?",
        f"{len(tables.columns)} features in common: {counts}.{label}",
        None,
        notes,
        [],
        [
            _table(
                "data-columns",
                "Columns",
                [("Feature", "text"), ("Kind", "text"), ("Levels", "number")],
                ([c.name, c.kind, len(c.levels) or None] for c in tables.columns),
            )
        ],
    )
