"""Which features matter to the model: Shapley values on rows of both samples, Sobol' indices over the data's ranges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..random import Key
from ..results import Attribution, Estimate, SobolIndices
from ..shift import in_threads
from .distance import caught, pick
from .model import Fitted
from .tables import Column, Tables, shown

__all__ = ["ChosenRow", "Importance", "importance"]

Floats = NDArray[np.float64]

MODEL_ROWS = 1_000_000  # that all Shapley values together may ask of the model
SOBOL_ROWS = 200_000
EXPLAINED = 40  # rows of each sample
BACKGROUND = 30
BATCH = 1 << 16  # rows that the model is given at once
CHUNK = 1 << 13
SIDES = ("reference", "target")


@dataclass(frozen=True, eq=False, kw_only=True)
class ChosenRow:
    """One explained row, with why it was chosen. `row` counts from 1 in the input."""

    sample: str
    row: int
    why: str
    prediction: Floats
    attribution: Attribution


@dataclass(frozen=True, eq=False, kw_only=True)
class Importance:
    """`shapley[side]` has values ``(rows, features[, outputs])``; `mean_abs` sums over outputs."""

    names: tuple[str, ...]
    shapley: dict[str, Attribution]
    mean_abs: dict[str, Estimate]
    shift: Estimate  # change of each feature's mean contribution, target less reference, in the output named
    shift_output: str
    sobol: SobolIndices | None
    sobol_rows: int
    chosen: tuple[ChosenRow, ...]
    budget: int
    background: int
    notes: tuple[str, ...]


def importance(
    tables: Tables,
    fitted: Fitted,
    chosen: list[tuple[str, int, str]],
    key: Key,
    workers: int | None,
    step: Callable[[str], None],
) -> Importance:
    """Explain random rows of both samples and the `chosen` ones ``(side, position, why)``."""
    notes: list[str] = []
    features = list(fitted.features)
    d = len(features)
    names = tuple(tables.columns[j].name for j in features)
    samples = {"reference": tables.reference, "target": tables.target}
    reference = tables.reference.codes
    background = reference[pick(len(reference), BACKGROUND, key.fold_in("background"))][:, features]
    # Kernel SHAP regresses on its coalitions: several for each player, and no more than the model can be asked for.
    affordable = MODEL_ROWS // (len(background) * 2 * EXPLAINED)
    budget = max(4 * d + 2, min(affordable, 12 * d + 40))

    width = len(tables.columns)

    def ask(rows: Floats) -> Floats:
        full = np.full((len(rows), width), np.nan)
        full[:, features] = rows
        return fitted.predict(full)

    def explain(row: Floats, calls: int, rng: Key) -> Attribution:
        from ..games import MarginalGame, shapley

        game = MarginalGame(ask, row, background, names=names, batch_size=BATCH)
        return shapley(game, budget=calls, rng=rng, workers=1)

    def run(tasks: list[Callable[[], Any]]) -> list[Any]:
        # Our own models may be asked from several threads; a user's is asked from this one.
        return in_threads(tasks, workers) if fitted.own else [task() for task in tasks]

    shapley_values: dict[str, Attribution] = {}
    mean_abs: dict[str, Estimate] = {}
    means: dict[str, tuple[Floats, Floats]] = {}
    for side in SIDES:
        step(f"Shapley values of the {side}")
        codes = samples[side].codes
        rows = pick(len(codes), EXPLAINED, key.fold_in("explain", side))
        with caught(notes, f"Shapley values ({side})"):
            found = run(
                [partial(explain, codes[i, features], budget, key.fold_in("shapley", side, int(i))) for i in rows]
            )
        values = np.stack([a.values for a in found])
        stderr = np.stack([np.broadcast_to(a.stderr, a.values.shape) for a in found])
        shapley_values[side] = Attribution(
            values=values,
            base_value=np.array([a.base_value for a in found]),
            stderr=stderr,
            names=names,
            output_names=fitted.outputs if values.ndim == 3 else (),
            diagnostics={"rows": samples[side].index[rows] + 1, "method": found[0].diagnostics.get("method", "")},
        )
        size = np.abs(values) if values.ndim == 2 else np.abs(values).sum(axis=2)
        mean_abs[side] = _mean(size)
        means[side] = (values, values.sum(axis=1))
        noise = np.sqrt(np.nanmean(stderr**2))
        if noise > 0.5 * size.mean():
            notes.append(
                f"Shapley values ({side}): a single value's standard error ({noise:.2g}) is large beside their mean "
                f"size ({size.mean():.2g}); mean sizes are too large by part of it."
            )

    shift, shift_output = _shift(means, fitted.outputs)
    picked = [samples[side].codes[position, features] for side, position, _ in chosen]
    with caught(notes, "Chosen rows"):
        single = run(
            [
                partial(explain, row, 4 * budget, key.fold_in("chosen", side, position))
                for row, (side, position, _) in zip(picked, chosen)
            ]
        )
    explained = [
        ChosenRow(
            sample=side,
            row=int(samples[side].index[position]) + 1,
            why=why,
            prediction=np.atleast_1d(ask(row[None, :])[0]),
            attribution=attribution,
        )
        for row, attribution, (side, position, why) in zip(picked, single, chosen)
    ]

    step("Sobol' indices")

    def ask_all(rows: Floats) -> Floats:
        return np.concatenate(run([partial(ask, rows[i : i + CHUNK]) for i in range(0, len(rows), CHUNK)]))

    indices, sobol_rows = _sobol(tables, features, ask_all, names, len(fitted.outputs) > 1, key, workers, notes)
    return Importance(
        names=names,
        shapley=shapley_values,
        mean_abs=mean_abs,
        shift=shift,
        shift_output=shift_output,
        sobol=indices,
        sobol_rows=sobol_rows,
        chosen=tuple(explained),
        budget=budget,
        background=len(background),
        notes=tuple(notes),
    )


def _mean(values: Floats) -> Estimate:
    n = len(values)
    return Estimate(
        value=values.mean(axis=0), stderr=values.std(axis=0, ddof=1) / np.sqrt(n), n=n, df=float(max(n - 1, 1))
    )


def _shift(means: dict[str, tuple[Floats, Floats]], outputs: tuple[str, ...]) -> tuple[Estimate, str]:
    """Change of the mean contribution of each feature. These add up to the change of the mean prediction."""
    (first, first_sums), (second, second_sums) = means["reference"], means["target"]
    name = outputs[0] if outputs else "prediction"
    if first.ndim == 3:
        k = int(np.argmax(np.abs(second_sums.mean(axis=0) - first_sums.mean(axis=0))))
        first, second = first[:, :, k], second[:, :, k]
        name = outputs[k] if k < len(outputs) else f"output {k}"
    a, b = _mean(first), _mean(second)
    return Estimate(
        value=b.value - a.value, stderr=np.hypot(a.stderr, b.stderr), n=a.n + b.n, df=float(min(a.df, b.df))
    ), name


def _sobol(
    tables: Tables,
    features: list[int],
    ask: Callable[[Floats], Floats],
    names: tuple[str, ...],
    several: bool,
    key: Key,
    workers: int | None,
    notes: list[str],
) -> tuple[SobolIndices | None, int]:
    from ..sensitivity import sobol

    d = len(features)
    n = 4096
    while n > 256 and n * (d + 2) > SOBOL_ROWS:
        n //= 2
    dists = [_inverse_cdf(tables.columns[j], tables, j) for j in features]
    try:
        with caught(notes, "Sobol' indices"):
            found = sobol(
                ask,
                dists,
                n,
                names=names,
                aggregate=several,
                batch_size=BATCH,
                rng=key.fold_in("sobol"),
                workers=workers,
            )
    except ValueError as error:
        notes.append(f"Sobol' indices: {shown(error, 200)}")
        return None, 0
    return found, n * (d + 2)


def _inverse_cdf(column: Column, tables: Tables, j: int) -> Any:
    """Uniform over the range of numbers (from their 1st to their 99th percentile); levels by their frequency."""
    both = np.concatenate([tables.reference.codes[:, j], tables.target.codes[:, j]])
    present = both[~np.isnan(both)]
    if not len(present):
        return lambda u: np.full_like(u, np.nan)
    if column.kind in ("categorical", "boolean"):
        shares = np.bincount(present.astype(np.int64)) / len(present)
        ends = np.cumsum(shares)[:-1]
        return lambda u: np.searchsorted(ends, u, side="right").astype(np.float64)
    low, high = np.quantile(present, [0.01, 0.99])
    if low == high:
        low, high = present.min(), present.max()
    if column.integral:
        return lambda u: np.clip(np.floor(low + (high - low + 1) * u), low, high)
    return lambda u: low + (high - low) * u
