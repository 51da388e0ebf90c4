"""How far the target is from the reference: divergences in all and by feature, permutation tests.

All divergences are D(target || reference) in nats. Features with few values (categories, booleans, small integers) are
compared value by value; the others by nearest neighbours. Rounded numbers are spread over their rounding step first:
ties have no distance, and the divergence of rounded data is that of the spread ones. A missing value is a value of its
own: the divergence of a feature is that of missing against present plus the share present times that of the present.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..random import Key, Purpose, generator
from ..results import Estimate, ReliabilityWarning
from .tables import MAX_DISCRETE, Column, InputError, Tables, shown

__all__ = ["Design", "Distance", "Marginal", "caught", "design", "measure", "pick"]

Floats = NDArray[np.float64]

KNN_ROWS = 5_000  # of each sample, in all and for each feature
ENERGY_ROWS = 1_000  # of each sample: all pairwise distances are kept
ENERGY_PERMUTATIONS = 999
BINS = 64
SHOWN_LEVELS = 50  # of a categorical column; the rest counts as one
ONE_HOT_LEVELS = 20


@contextmanager
def caught(notes: list[str], where: str) -> Iterator[None]:
    """Warnings about trust become notes where the number stands."""
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        yield
    for item in record:
        if issubclass(item.category, ReliabilityWarning):
            note = f"{where}: {item.message}"
            if note not in notes:
                notes.append(note)


def pick(n: int, k: int, key: Key) -> NDArray[np.int64]:
    """`k` of `n` rows without replacement, in order; all if there are no more."""
    if n <= k:
        return np.arange(n, dtype=np.int64)
    return np.sort(key.stream(Purpose.PERMUTATION).permutation(n)[:k])


# -- numbers from mixed columns


@dataclass(frozen=True, eq=False, kw_only=True)
class Design:
    """How coded rows become finite numbers: medians and an indicator for missing values, a column a frequent level."""

    reference: Floats
    target: Floats
    names: tuple[str, ...]
    recipe: tuple[tuple[int, str, float], ...]  # feature, "value" (with its median), "level" (its code) or "missing"

    def rows(self, codes: Floats) -> Floats:
        """The design of any coded rows."""
        out = np.empty((len(codes), len(self.recipe)))
        for i, (j, what, value) in enumerate(self.recipe):
            out[:, i] = _designed(codes[:, j], what, value)
        return out


def _designed(values: Floats, what: str, value: float) -> Floats:
    if what == "value":
        return np.where(np.isnan(values), value, values)
    return (np.isnan(values) if what == "missing" else values == value).astype(np.float64)


def design(tables: Tables) -> Design:
    """The design matrix of every common feature; constant columns are left out."""
    recipe: list[tuple[int, str, float]] = []
    names: list[str] = []
    parts: list[Floats] = []
    for j, column in enumerate(tables.columns):
        both = np.concatenate([tables.reference.codes[:, j], tables.target.codes[:, j]])
        missing = np.isnan(both)
        wanted: list[tuple[str, float, str]] = []
        if column.kind == "categorical":
            counts = np.bincount(both[~missing].astype(np.int64), minlength=len(column.levels))
            for level in np.flatnonzero(counts >= 5)[:ONE_HOT_LEVELS]:
                wanted.append(("level", float(level), f"{column.name} = {level_name(column, level)}"))
        elif not missing.all():
            wanted.append(("value", float(np.nanmedian(both)), column.name))
        if missing.any():
            wanted.append(("missing", math.nan, f"{column.name} missing"))
        for what, value, name in wanted:
            values = _designed(both, what, value)
            if values.min() < values.max():
                recipe.append((j, what, value))
                names.append(name)
                parts.append(values)
    if not parts:
        raise InputError(
            f"{tables.reference.name}, {tables.target.name}: no column varies, or only with values that are too rare"
        )
    n = len(tables.reference.codes)
    rows = np.column_stack(parts)
    return Design(reference=rows[:n], target=rows[n:], names=tuple(names), recipe=tuple(recipe))


def level_name(column: Column, code: int | float) -> str:
    return str(column.levels[int(code)]) if column.kind == "categorical" else f"{code:g}"


# -- results


@dataclass(frozen=True, eq=False, kw_only=True)
class Marginal:
    """One feature of both samples."""

    name: str
    how: str  # "values" or "neighbours"
    kl: Estimate
    renyi: Estimate
    nnr: Estimate | None
    size: float  # largest difference of the distribution functions, or total variation of the values
    p: float
    adjusted: float
    missing: tuple[float, float]  # share missing in reference and target
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class Distance:
    kl: Estimate | None
    renyi: Estimate | None
    nnr: Estimate | None
    zero: float  # the KL estimate between two random halves of the pooled rows
    energy: float
    p: float
    marginals: tuple[Marginal, ...]
    continuous: tuple[str, ...]
    rows: tuple[int, int]
    k: int
    permutations: int
    notes: tuple[str, ...] = field(default=())


def measure(tables: Tables, matrix: Design, key: Key, workers: int | None) -> Distance:
    """Everything of the section on distance."""
    notes: list[str] = []
    discrete = [_is_discrete(tables, j) for j in range(len(tables.columns))]
    nnr = _nnr_method(notes)
    marginals = _marginals(tables, discrete, nnr, key, workers)
    continuous = [j for j, d in enumerate(discrete) if not d]

    kl = renyi = overall_nnr = None
    zero = math.nan
    k = 0
    sizes = (
        min(len(tables.reference.codes), KNN_ROWS),
        min(len(tables.target.codes), KNN_ROWS),
    )
    picks = [
        pick(len(s.codes), KNN_ROWS, key.fold_in("neighbours", side))
        for s, side in ((tables.reference, "reference"), (tables.target, "target"))
    ]
    if continuous:
        columns = []
        for j in continuous:
            pair = [np.array(s.codes[i, j]) for s, i in zip((tables.reference, tables.target), picks)]
            middle = np.nanmedian(np.concatenate([s.codes[:, j] for s in (tables.reference, tables.target)]))
            filled = [np.where(np.isnan(v), middle, v) for v in pair]
            columns.append(_spread(filled[0], filled[1], key.fold_in("spread", tables.columns[j].name)))
        X = np.column_stack([c[1] for c in columns])
        Y = np.column_stack([c[0] for c in columns])
        k = _neighbours(min(sizes))
        kl, renyi, zero = _overall(X, Y, k, key, workers, notes)
        if len(continuous) > 10:
            notes.append(
                f"With {len(continuous)} numeric features k-NN divergences are biased low: read the overall distance "
                "as a lower bound, and the p-value, which needs no density, for whether anything changed."
            )
    else:
        notes.append("No feature is continuous: there is no overall k-NN divergence, see the features one by one.")
    if nnr is not None:
        overall_nnr = _nnr_overall(nnr, matrix, picks, key, workers, notes)
    energy, p = _energy_test(matrix, key)
    return Distance(
        kl=kl,
        renyi=renyi,
        nnr=overall_nnr,
        zero=zero,
        energy=energy,
        p=p,
        marginals=marginals,
        continuous=tuple(tables.columns[j].name for j in continuous),
        rows=sizes,
        k=k,
        permutations=ENERGY_PERMUTATIONS,
        notes=tuple(notes),
    )


def _is_discrete(tables: Tables, j: int) -> bool:
    if tables.columns[j].kind in ("categorical", "boolean"):
        return True
    both = np.concatenate([tables.reference.codes[:, j], tables.target.codes[:, j]])
    return len(np.unique(both[~np.isnan(both)])) <= MAX_DISCRETE


def _neighbours(n: int) -> int:
    """k of the k-NN divergences: few neighbours are noisy, many do not see how far the target's tails reach."""
    return min(max(4, round(0.35 * math.sqrt(n))), 25)


def _nnr_method(notes: list[str]) -> Any:
    from ..registry import method

    try:
        found = method("information.nnr_divergence")
        found.load()
    except (LookupError, ImportError):
        notes.append("Nearest-neighbour ratios (NNR) are left out: the plugin pondera-information is not installed.")
        return None
    return found


def _spread(reference: Floats, target: Floats, key: Key) -> tuple[Floats, Floats]:
    """Numbers with ties, spread uniformly over their rounding step; others as they are."""
    both = np.concatenate([reference, target])
    values = np.unique(both)
    if len(values) == len(both) or len(values) < 2:
        return reference, target
    gaps = np.diff(values)
    # Gaps of rounding errors are no steps.
    step = gaps[gaps > 1e-9 * (values[-1] - values[0])].min()
    noise = (key.stream(Purpose.JITTER).uniform(np.arange(len(both), dtype=np.uint64)) - 0.5) * step
    both = both + noise
    return both[: len(reference)], both[len(reference) :]


# -- in all


def _overall(
    X: Floats, Y: Floats, k: int, key: Key, workers: int | None, notes: list[str]
) -> tuple[Estimate, Estimate, float]:
    from ..divergence import kl_divergence, renyi_divergence

    options: dict[str, Any] = {"duplicates": "jitter", "standardize": "pooled", "workers": workers}
    with caught(notes, "Overall k-NN divergence"):
        kl = kl_divergence(X, Y, k, rng=key.fold_in("kl"), **options)
        renyi = renyi_divergence(X, Y, 0.5, k, rng=key.fold_in("renyi"), **options)
    pooled = np.concatenate([X, Y])[key.fold_in("zero").stream(Purpose.PERMUTATION).permutation(len(X) + len(Y))]
    with caught([], ""):
        zero = kl_divergence(pooled[: len(X)], pooled[len(X) :], k, rng=key.fold_in("zero"), **options)
    return kl, renyi, float(zero.value)


def _nnr_overall(
    nnr: Any, matrix: Design, picks: list[NDArray[np.int64]], key: Key, workers: int | None, notes: list[str]
) -> Estimate | None:
    """NNR over every feature, categories too: it counts neighbours and never divides by a distance."""
    pooled = np.concatenate([matrix.reference, matrix.target])
    center, scale = pooled.mean(axis=0), pooled.std(axis=0)
    parts = []
    for rows, index, side in ((matrix.reference, picks[0], "reference"), (matrix.target, picks[1], "target")):
        Z = (rows[index] - center) / scale
        cells = np.arange(Z.size, dtype=np.uint64).reshape(Z.shape)
        # Equal rows are neighbours in random order.
        parts.append(Z + 1e-6 * key.fold_in("ties", side).stream(Purpose.JITTER).normal(cells))
    try:
        with caught(notes, "NNR"):
            return nnr(parts[1], parts[0], kind="kl", rng=key.fold_in("nnr"), workers=workers)  # type: ignore[no-any-return]
    except ValueError as error:
        notes.append(f"NNR: {error}")
        return None


def _energy_test(matrix: Design, key: Key) -> tuple[float, float]:
    """Energy distance of the standardised samples, and its permutation p-value (1 + hits) / (1 + permutations).

    It needs only pairwise distances, so relabelling is a matrix product; a k-NN divergence would search anew each time.
    """
    from scipy.spatial.distance import cdist

    pooled = np.concatenate([matrix.reference, matrix.target])
    center, scale = pooled.mean(axis=0), pooled.std(axis=0)
    reference = matrix.reference[pick(len(matrix.reference), ENERGY_ROWS, key.fold_in("energy", "reference"))]
    target = matrix.target[pick(len(matrix.target), ENERGY_ROWS, key.fold_in("energy", "target"))]
    Z = (np.concatenate([reference, target]) - center) / scale
    n, m = len(reference), len(target)
    D = cdist(Z, Z)
    labels = np.zeros((ENERGY_PERMUTATIONS + 1, n + m))
    labels[0, n:] = 1.0
    for b in range(1, ENERGY_PERMUTATIONS + 1):
        labels[b, key.fold_in("relabel").stream(Purpose.PERMUTATION, b).permutation(n + m)[:m]] = 1.0
    total, rows = D.sum(), D.sum(axis=1)
    inside = np.einsum("bi,bi->b", labels @ D, labels)  # sum of distances within the rows labelled target
    cross = labels @ rows - inside
    statistic = 2 * cross / (n * m) - inside / (m * m) - (total - 2 * cross - inside) / (n * n)
    # Relabellings that give the same split differ by rounding only; they count as hits.
    hits = int((statistic[1:] >= statistic[0] - 1e-9 * abs(statistic[0])).sum())
    return float(statistic[0]), (1 + hits) / (1 + ENERGY_PERMUTATIONS)


# -- by feature


def _marginals(tables: Tables, discrete: list[bool], nnr: Any, key: Key, workers: int | None) -> tuple[Marginal, ...]:
    from ..stats import holm

    d = len(tables.columns)
    permutations = int(min(max(999, 40 * d), 9_999))
    found: list[dict[str, Any]] = []
    for j, column in enumerate(tables.columns):
        reference, target = tables.reference.codes[:, j], tables.target.codes[:, j]
        child = key.fold_in("feature", column.name)
        notes: list[str] = []
        absent = (float(np.isnan(reference).mean()), float(np.isnan(target).mean()))
        entry: dict[str, Any] = {"name": column.name, "missing": absent, "nnr": None}
        if discrete[j]:
            counts = _level_counts(column, reference, target, notes)
            entry.update(how="values", kl=plugin_kl(*counts), renyi=plugin_renyi(*counts))
            entry["size"] = float(0.5 * np.abs(counts[1] / counts[1].sum() - counts[0] / counts[0].sum()).sum())
            entry["p"] = _permutation_p(*counts, ordered=False, key=child, permutations=permutations)
        else:
            entry.update(how="neighbours", **_continuous(reference, target, absent, nnr, child, workers, notes))
            counts = _binned(reference, target)
            below = [np.cumsum(c) / c.sum() for c in counts]
            entry["size"] = float(np.abs(below[1] - below[0]).max())
            entry["p"] = _permutation_p(*counts, ordered=True, key=child, permutations=permutations)
        entry["notes"] = tuple(notes)
        found.append(entry)
    # Twice, because the rows as a whole are asked about as well.
    adjusted = np.minimum(2 * np.asarray(holm(np.array([e["p"] for e in found]))), 1.0)
    return tuple(Marginal(adjusted=float(a), **e) for a, e in zip(adjusted, found))


def _level_counts(column: Column, reference: Floats, target: Floats, notes: list[str]) -> tuple[Floats, Floats]:
    """Rows of each value; rare levels count as one, missing values as one."""
    both = np.concatenate([reference, target])
    values = np.unique(both[~np.isnan(both)])
    counts = [
        np.bincount(np.searchsorted(values, s[~np.isnan(s)]), minlength=len(values)).astype(np.float64)
        for s in (reference, target)
    ]
    pooled = counts[0] + counts[1]
    if len(values) > SHOWN_LEVELS:
        keep = np.sort(np.argsort(-pooled, kind="stable")[: SHOWN_LEVELS - 1])
        rest = np.setdiff1d(np.arange(len(values)), keep)
        counts = [np.append(c[keep], c[rest].sum()) for c in counts]
        notes.append(f"{shown(column.name)}: the {len(rest):,} rarest levels count as one.")
    gone = [float(np.isnan(s).sum()) for s in (reference, target)]
    if sum(gone):
        counts = [np.append(c, g) for c, g in zip(counts, gone)]
    new = float(((counts[0] == 0) * counts[1]).sum())
    if new:
        notes.append(
            f"{shown(column.name)}: {new / counts[1].sum():.2g} of the target's rows have values that the reference "
            "never shows; the divergence is finite only because half a row is added to each value."
        )
    return counts[0], counts[1]


def _shares(reference: Floats, target: Floats) -> tuple[Floats, Floats, float, float]:
    """Shares with half a row added to each value, where a value is absent from one sample."""
    add = 0.5 if ((reference == 0) | (target == 0)).any() else 0.0
    r, t = reference + add, target + add
    return r / r.sum(), t / t.sum(), float(reference.sum()), float(target.sum())


def plugin_kl(reference: Floats, target: Floats) -> Estimate:
    """KL(target || reference) of counts, less its leading bias (values - 1)/2 (1/n + 1/m); delta-method error."""
    q, p, m, n = _shares(reference, target)
    log = np.log(p / q)
    value = float((p * log).sum()) - (len(p) - 1) / 2 * (1 / n + 1 / m)
    ratio = p / q
    variance = ((p * log**2).sum() - (p * log).sum() ** 2) / n + ((q * ratio**2).sum() - 1) / m
    # Equal shares have no first-order variance; the second-order one is that of a chi-square.
    second = (len(p) - 1) / 2 * (1 / n + 1 / m) ** 2
    return Estimate(value=value, stderr=math.sqrt(max(variance, 0.0) + second), n=int(n + m))


def plugin_renyi(reference: Floats, target: Floats) -> Estimate:
    """Renyi divergence of order 1/2 of counts, -2 log sum sqrt(p q); delta-method error."""
    q, p, m, n = _shares(reference, target)
    affinity = float(np.sqrt(p * q).sum())
    value = -2 * math.log(affinity) - (len(p) - 1) / 4 * (1 / n + 1 / m)
    # d affinity = sum sqrt(q/p)/2 dp + sum sqrt(p/q)/2 dq: each variance is (sum q - affinity^2)/4 over its rows.
    variance = (1 - affinity**2) / 4 * (1 / n + 1 / m)
    second = (len(p) - 1) / 8 * (1 / n + 1 / m) ** 2
    return Estimate(value=value, stderr=math.sqrt(max(4 * variance / affinity**2, 0.0) + second), n=int(n + m))


def _continuous(
    reference: Floats,
    target: Floats,
    absent: tuple[float, float],
    nnr: Any,
    key: Key,
    workers: int | None,
    notes: list[str],
) -> dict[str, Any]:
    """k-NN divergences of the present values, joined with that of missing against present."""
    from ..divergence import kl_divergence, renyi_divergence

    parts = []
    for values, side in ((reference, "reference"), (target, "target")):
        present = values[~np.isnan(values)]
        parts.append(present[pick(len(present), KNN_ROWS, key.fold_in("rows", side))])
    unknown = Estimate(value=math.nan, stderr=math.nan, n=0)
    smallest = min(len(p) for p in parts)
    if smallest < 20 or any(p.min() == p.max() for p in parts):
        notes.append("too few different values present for a nearest-neighbour estimate")
        return {"kl": unknown, "renyi": unknown, "nnr": None}
    y, x = _spread(parts[0], parts[1], key)
    X, Y = x[:, None], y[:, None]
    k = _neighbours(smallest)
    options: dict[str, Any] = {"duplicates": "jitter", "standardize": "pooled", "workers": workers}
    estimate = None
    with caught(notes, "k-NN"):
        kl = kl_divergence(X, Y, k, rng=key.fold_in("kl"), **options)
        renyi = renyi_divergence(X, Y, 0.5, k, rng=key.fold_in("renyi"), **options)
        if nnr is not None:
            estimate = nnr(X, Y, kind="kl", rng=key.fold_in("nnr"), workers=workers)
    if max(absent) > 0:
        present_share = 1 - absent[1]
        counts = [np.array([len(s) - np.isnan(s).sum(), np.isnan(s).sum()], dtype=float) for s in (reference, target)]
        gone = plugin_kl(*counts)
        kl = Estimate(
            value=gone.value + present_share * kl.value,
            stderr=math.hypot(gone.stderr, present_share * kl.stderr),
            n=kl.n,
            df=kl.df,
        )
        q, p, _, _ = _shares(*counts)
        affinity = math.sqrt(p[0] * q[0]) * math.exp(-renyi.value / 2)
        both = affinity + math.sqrt(p[1] * q[1])
        slope = affinity / both
        renyi = Estimate(value=-2 * math.log(both), stderr=slope * renyi.stderr, n=renyi.n, df=renyi.df)
    return {"kl": kl, "renyi": renyi, "nnr": estimate}


def _binned(reference: Floats, target: Floats) -> tuple[Floats, Floats]:
    """Rows in `BINS` bins of equal pooled size, then the missing ones."""
    both = np.concatenate([reference, target])
    missing = np.isnan(both)
    edges = np.unique(np.quantile(both[~missing], np.arange(1, BINS) / BINS, method="inverted_cdf"))
    out = []
    for s in (reference, target):
        present = s[~np.isnan(s)]
        counts = np.bincount(np.searchsorted(edges, present, side="left"), minlength=BINS).astype(np.float64)
        out.append(np.append(counts, np.isnan(s).sum()))
    return out[0], out[1]


def _permutation_p(reference: Floats, target: Floats, *, ordered: bool, key: Key, permutations: int) -> float:
    """(1 + hits) / (1 + permutations) for counts by value (chi-square) or by ordered bin (Anderson-Darling).

    Only the counts matter, and relabelling rows at random makes them multivariate hypergeometric: that is drawn, at a
    cost that does not depend on the number of rows. A feature that is far from significant stops after 199 draws.
    """
    pooled = np.rint(reference + target).astype(np.int64)
    n = round(float(target.sum()))
    observed = _statistic(target[None, :], pooled, ordered)[0]
    rng = generator(key.fold_in("relabel"), Purpose.PERMUTATION)
    hits = drawn = 0
    for size in (199, permutations - 199):
        draws = _statistic(rng.multivariate_hypergeometric(pooled, n, size=size).astype(np.float64), pooled, ordered)
        hits += int((draws >= observed * (1 - 1e-9)).sum())
        drawn += size
        if hits >= 20:
            break
    return (1 + hits) / (1 + drawn)


def _statistic(target: Floats, pooled: NDArray[np.int64], ordered: bool) -> Floats:
    """One number a row of counts. Ordered counts have their missing values last: these enter as a squared z-score."""
    n, N = target[0].sum(), float(pooled.sum())
    if not ordered:
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = (target - n * pooled / N) ** 2 / pooled
        return np.asarray(np.where(pooled > 0, parts, 0.0).sum(axis=1))
    present, share = pooled[:-1].astype(np.float64), pooled[-1] / N
    below, all_below = np.cumsum(target[:, :-1], axis=1), np.cumsum(present)
    T, P = below[:, -1:], all_below[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = present * (below * P - T * all_below) ** 2 / (all_below * (P - all_below) * T * (P - T))
    inner = (all_below > 0) & (all_below < P)
    out = np.where(inner & (T > 0) & (T < P), parts, 0.0).sum(axis=1)
    if share > 0:
        out += (target[:, -1] - n * share) ** 2 / (n * share * (1 - share) * (1 - n / N))
    return np.asarray(out)
