"""The numbers of a report: distance, weights, expected performance, importance, and what changed most."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..random import Key
from ..results import Estimate, Result
from ..shift import ClassifierRatio
from ..weights import Weights
from .distance import Design, Distance, caught, design, measure
from .importance import Importance, importance
from .model import Fitted, fit_model, wrap_model
from .tables import Tables

__all__ = ["Analysis", "Change", "Measure", "Weighting", "analyse"]

Floats = NDArray[np.float64]
Step = Callable[[str], None]

LOGISTIC_COLUMNS = 150  # wider designs are left to boosting
LEVEL = 0.05


@dataclass(frozen=True, eq=False, kw_only=True)
class Weighting:
    """Density-ratio weights of the reference rows, and how alike the two samples become."""

    ratio: ClassifierRatio
    weights: Weights
    tried: dict[str, Estimate]  # out-of-fold log loss by classifier
    share_of_heaviest: float  # weight of the heaviest tenth of the rows
    before: Floats  # standardised difference of each design column's mean, target less reference
    after: Floats  # the same, target less weighted reference
    after_stderr: Floats
    means: dict[str, Floats]  # reference, weighted, heaviest, target
    weighted_stderr: Floats
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Measure:
    """One measure of performance (smaller is better): on the reference, expected on the target, measured there."""

    name: str
    reference: Estimate
    expected: Estimate
    measured: Estimate | None
    change: Estimate  # expected less reference
    gap: Estimate | None  # expected less measured


@dataclass(frozen=True, eq=False, kw_only=True)
class Change:
    """One feature in the order of what changed most."""

    name: str
    score: float
    size: float  # of the change, between 0 and 1
    share: float  # of the model's importance on the target
    adjusted: float
    significant: bool
    shift: float
    shift_stderr: float


@dataclass(frozen=True, eq=False, kw_only=True)
class Analysis:
    tables: Tables
    design: Design
    distance: Distance
    weighting: Weighting
    fitted: Fitted
    performance: tuple[Measure, ...]
    performance_notes: tuple[str, ...]
    importance: Importance
    changes: tuple[Change, ...]
    results: dict[str, Result]


def analyse(
    tables: Tables, *, model: Any, model_name: str | None, key: Key, workers: int | None, step: Step
) -> Analysis:
    """Everything, in the order of the report."""
    matrix = design(tables)
    step("distance")
    distance = measure(tables, matrix, key.fold_in("distance"), workers)
    step("weights")
    weighting = weigh(tables, matrix, key.fold_in("weights"), workers)
    step("model")
    if model is not None:
        fitted = wrap_model(tables, model, model_name or type(model).__name__)
    elif tables.task != "none":
        fitted = fit_model(tables, key.fold_in("fit"), workers)
    else:
        fitted = _ratio_as_model(tables, matrix, weighting)
    notes: list[str] = []
    step("performance")
    performance = _performance(fitted, weighting, notes)
    found = importance(tables, fitted, _chosen(fitted, weighting), key.fold_in("importance"), workers, step)
    changes = _changes(distance, found)
    step("document")
    return Analysis(
        tables=tables,
        design=matrix,
        distance=distance,
        weighting=weighting,
        fitted=fitted,
        performance=performance,
        performance_notes=tuple(notes),
        importance=found,
        changes=changes,
        results=_results(distance, weighting, performance, found),
    )


# -- which reference rows stand for the target


def weigh(tables: Tables, matrix: Design, key: Key, workers: int | None) -> Weighting:
    """The classifier of two, both calibrated, whose out-of-fold log loss is smaller."""
    notes: list[str] = []
    names = ["logistic", "boosting"] if matrix.reference.shape[1] <= LOGISTIC_COLUMNS else ["boosting"]
    fits = {}
    for name in names:
        fits[name] = ClassifierRatio(name, calibration="sigmoid", rng=key, workers=workers).fit(
            matrix.reference, matrix.target
        )
    best = min(fits, key=lambda name: float(fits[name].log_loss_.value))
    ratio = fits[best]
    with caught(notes, "Weights"):
        weights = ratio.weights()

    W = weights.normalized
    heaviest = np.argsort(-W, kind="stable")[: max(10, len(W) // 10)]
    with caught([], ""):
        weighted = weights.mean(matrix.reference)
    pooled = np.concatenate([matrix.reference, matrix.target])
    scale = pooled.std(axis=0)
    mean_r, mean_t = matrix.reference.mean(axis=0), matrix.target.mean(axis=0)
    target_stderr = matrix.target.std(axis=0, ddof=1) / math.sqrt(len(matrix.target))
    return Weighting(
        ratio=ratio,
        weights=weights,
        tried={name: fit.log_loss_ for name, fit in fits.items()},
        share_of_heaviest=float(W[heaviest].sum()),
        before=(mean_t - mean_r) / scale,
        after=(mean_t - weighted.value) / scale,
        after_stderr=np.hypot(weighted.stderr, target_stderr) / scale,
        means={
            "reference": mean_r,
            "weighted": np.asarray(weighted.value),
            "heaviest": matrix.reference[heaviest].mean(axis=0),
            "target": mean_t,
        },
        weighted_stderr=np.asarray(weighted.stderr),
        notes=tuple(notes),
    )


def _ratio_as_model(tables: Tables, matrix: Design, weighting: Weighting) -> Fitted:
    """Without label and model, what is explained is the shift itself."""
    return Fitted(
        name="none: the log density ratio is explained",
        own=True,
        features=tuple(range(len(tables.columns))),
        predict=lambda codes: weighting.ratio.log_ratio(matrix.rows(codes)),
        outputs=("log density ratio, target over reference",),
    )


# -- performance


def _performance(fitted: Fitted, weighting: Weighting, notes: list[str]) -> tuple[Measure, ...]:
    out = []
    for name, losses in fitted.losses_reference.items():
        known = np.isfinite(losses)
        l = losses[known]
        if len(l) < 2:
            continue
        W = Weights(weighting.weights.log_weights[known])
        plain = Estimate(value=float(l.mean()), stderr=float(l.std(ddof=1) / math.sqrt(len(l))), n=len(l))
        with caught(notes, "Expected performance"):
            weighted = W.mean(l)
        influence = W.normalized * (l - weighted.value) - (l - plain.value) / len(l)
        change = Estimate(value=weighted.value - plain.value, stderr=float(np.sqrt((influence**2).sum())), n=len(l))
        measured = gap = None
        if name in fitted.losses_target:
            t = fitted.losses_target[name]
            t = t[np.isfinite(t)]
            if len(t) > 1:
                measured = Estimate(value=float(t.mean()), stderr=float(t.std(ddof=1) / math.sqrt(len(t))), n=len(t))
        if name == "squared error":
            name = "root mean squared error"
            change = _root_difference(weighted, plain, change)
            plain, weighted = _root(plain), _root(weighted)
            measured = None if measured is None else _root(measured)
        elif name == "absolute error":
            name = "mean absolute error"
        if measured is not None:
            gap = Estimate(
                value=weighted.value - measured.value, stderr=math.hypot(weighted.stderr, measured.stderr), n=len(l)
            )
        out.append(Measure(name=name, reference=plain, expected=weighted, measured=measured, change=change, gap=gap))
    return tuple(out)


def _root(e: Estimate) -> Estimate:
    root = math.sqrt(max(float(e.value), 0.0))
    return Estimate(value=root, stderr=float(e.stderr) / (2 * root) if root > 0 else 0.0, n=e.n)


def _root_difference(a: Estimate, b: Estimate, difference: Estimate) -> Estimate:
    """sqrt(a) - sqrt(b) with the error of the paired difference, by the delta method at the mean of the two."""
    first, second = _root(a).value, _root(b).value
    slope = 1 / (first + second) if first + second > 0 else 0.0
    return Estimate(value=first - second, stderr=float(difference.stderr) * slope, n=difference.n)


# -- rows to look at, and what changed


def _chosen(fitted: Fitted, weighting: Weighting) -> list[tuple[str, int, str]]:
    """Positions of the rows that are shown one by one."""
    out = [("reference", int(np.argmax(weighting.weights.log_weights)), "the largest weight: most like the target")]
    away = weighting.ratio.target_log_ratio()
    out.append(("target", int(np.argmax(away)), "the largest density ratio: least like the reference"))
    if fitted.losses_target:
        losses = next(iter(fitted.losses_target.values()))
        if np.isfinite(losses).any():
            worst = int(np.nanargmax(losses))
            out.append(("target", worst, f"the largest {next(iter(fitted.losses_target))}"))
    return out


def _changes(distance: Distance, found: Importance) -> tuple[Change, ...]:
    """Features by (significant, size of the change x share of the importance on the target).

    The size is read off the distribution functions: it is far less noisy than a divergence.
    """
    sizes = dict(zip(found.names, np.asarray(found.mean_abs["target"].value)))
    total = sum(sizes.values()) or 1.0
    moves = {
        name: (float(v), float(s))
        for name, v, s in zip(found.names, np.asarray(found.shift.value), np.asarray(found.shift.stderr))
    }
    out = []
    for m in distance.marginals:
        share = float(sizes.get(m.name, 0.0)) / total
        shift, stderr = moves.get(m.name, (0.0, 0.0))
        out.append(
            Change(
                name=m.name,
                score=m.size * share,
                size=m.size,
                share=share,
                adjusted=m.adjusted,
                significant=m.adjusted <= LEVEL,
                shift=shift,
                shift_stderr=stderr,
            )
        )
    return tuple(sorted(out, key=lambda c: (not c.significant, -c.score, -c.size, c.adjusted)))


# -- every number by name


def _results(
    distance: Distance, weighting: Weighting, performance: tuple[Measure, ...], found: Importance
) -> dict[str, Result]:
    out: dict[str, Result] = {}

    def add(name: str, value: Result | None) -> None:
        if value is not None:
            out[name] = value

    add("kl_divergence", distance.kl)
    add("renyi_divergence", distance.renyi)
    add("nnr_divergence", distance.nnr)
    for m in distance.marginals:
        add(f"kl_divergence/{m.name}", m.kl)
        add(f"renyi_divergence/{m.name}", m.renyi)
        add(f"nnr_divergence/{m.name}", m.nnr)
    add("weights", weighting.weights)
    add("auc", weighting.ratio.auc_)
    for p in performance:
        for side in ("reference", "expected", "measured", "change", "gap"):
            add(f"performance/{p.name}/{side}", getattr(p, side))
    for side, attribution in found.shapley.items():
        add(f"shapley/{side}", attribution)
        add(f"shapley/{side}/mean_abs", found.mean_abs[side])
    add("shapley/shift", found.shift)
    for row in found.chosen:
        add(f"shapley/{row.sample}/row {row.row}", row.attribution)
    add("sobol_indices", found.sobol)
    return out
