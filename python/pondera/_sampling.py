"""Shapley values by sampling: the loop of batches with its stopping rule, permutations, and the kernel regression."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._workers import resolve
from .random import Key
from .results import ConvergenceWarning, ReliabilityWarning

if TYPE_CHECKING:
    from .games import Game

Bits = NDArray[np.uint64]
Floats = NDArray[np.float64]
_MOST_SAMPLES = 2**32  # the sample's number is one word of the counter


class Run:
    """The evaluations of one call: in batches, counted, with progress."""

    def __init__(
        self,
        game: Game,
        *,
        batch_size: int,
        workers: int | None,
        executor: Executor | None,
        show: Callable[[int, int], Any],
        total: int,
    ) -> None:
        self.game, self.n = game, game.n_players
        self.batch_size, self.workers, self.executor = batch_size, resolve(workers), executor
        self.evaluations = self.distinct = 0
        self.total = total
        self._seen = _core.games.CoalitionTable((self.n + 63) // 64)
        self._show = show
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
            self._show(self.evaluations, max(self.total, self.evaluations))
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
            self._show(begin + len(bits), 2**self.n)
        assert out is not None
        self.evaluations = self.distinct = 2**self.n
        return out


@dataclass(frozen=True, slots=True)
class Settings:
    limit: int
    tol: float | None
    paired: bool
    balanced: bool
    min_batches: int
    partial: bool
    key: Key


@dataclass(slots=True)
class Found:
    """What a method found: values and standard errors ``(n, outputs)``."""

    values: Floats
    stderr: Floats
    samples: int = 0
    df: float = math.inf
    exact: bool = True
    diagnostics: dict[str, Any] = field(default_factory=dict)


def permutation(run: Run, settings: Settings, empty: Floats, full: Floats) -> Found:
    n, outputs = run.n, len(empty)
    walk = 2 if settings.balanced else int(settings.paired)
    each = (n - 1, 2 * (n - 1), n * (n - 1))[walk]
    wanted = min((settings.limit - 2) // each, _MOST_SAMPLES)
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
    return Found(values, stderr, samples, float(max(samples - 1, 1)), False, outcome)


def kernel(run: Run, settings: Settings, empty: Floats, full: Floats) -> Found:
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
    rest = math.fsum(mass[s - 1 :])  # 0: everything is enumerated, the values are exact

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
    wanted = left // 2 if rest else 0  # at least 1 then: a size is enumerated only if its share leaves some budget

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
    if rest:
        # Repeated pairs cost nothing, so draws go on until the distinct ones have used the budget. Ten draws for each
        # are more than collecting them takes: sizes of which a large share is affordable have been enumerated.
        outcome = _sample(
            run,
            settings,
            batch,
            estimate,
            lambda: drawn.draws,
            min(10 * wanted, _MOST_SAMPLES),
            max(4, n // 4),
            _MOST_SAMPLES,
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
    if rest and len(drawn.pairs) < n:
        warnings.warn(
            f"{len(drawn.pairs)} sampled pairs are too few for standard errors of {n} players; "
            "a larger budget gives them",
            ReliabilityWarning,
            stacklevel=3,
        )
    outcome["enumerated_sizes"] = s - 1
    df = float(max(drawn.draws - (n - 1), 1)) if rest else math.inf
    return Found(values, stderr, drawn.draws, df, not rest, outcome)


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
    run: Run, fixed: Bits, fixed_weights: Floats, fixed_half: Floats, drawn: _Drawn, rest: float, delta: Floats
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
    if not rest:
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
    run: Run,
    settings: Settings,
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
            outcome: dict[str, Any] = {"converged": False, "partial": f"{type(error).__name__}: {error}"}
            return {**outcome, "trace": np.array(trace, dtype=np.float64).reshape(-1, 2)}
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
