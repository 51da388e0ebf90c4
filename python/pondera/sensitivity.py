"""Sobol' sequences and variance-based sensitivity indices.

The first-order index of an input is the share of the output's variance that the input explains alone; the total index
adds all its interactions. Both come from a Saltelli design: two independent matrices A and B of inputs, and A with one
column at a time from B. The inputs are independent by construction; dependent inputs are out of scope. A standard error
comes from independent scramblings of the design (`replicates`), from resampled rows, or from a central limit theorem.
"""

from __future__ import annotations

import functools
import math
import operator
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from ._workers import resolve
from .arrays import as_float, as_integer, check_finite, column_names
from .random import Key, Purpose, key
from .results import Interval, ReliabilityWarning, Result, SobolIndices, _check_level, t_interval

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["Design", "saltelli_design", "sobol", "sobol_from_data", "sobol_indices", "sobol_sequence"]

Floats = NDArray[np.float64]
DIMENSIONS = 21201
SCRAMBLES = {None: 0, "lms": 1, "owen": 2}
SAMPLERS = ("sobol", "lhs", "halton", "mc")
ESTIMATORS = {"saltelli": 0, "jansen": 1, "homma": 2, "janon": 3, "glen": 4, "martinez": 5}
INTERVALS = ("auto", "bootstrap", "replicates", "asymptotic")
REPLICATES = 8


@functools.cache
def _table() -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Primitive polynomials and initial direction numbers of Joe and Kuo, read once."""
    with np.load(Path(__file__).parent / "_data" / "sobol_directions.npz", allow_pickle=False) as file:
        return file["polynomials"], file["initial"]


@functools.lru_cache(maxsize=4)
def _directions(d: int) -> NDArray[np.uint64]:
    polynomials, initial = _table()
    return _core.sensitivity.sobol_directions(polynomials[:d], np.ascontiguousarray(initial[:, :d]))


def _choice(value: Any, name: str, known: Any) -> Any:
    if (value is not None and not isinstance(value, str)) or value not in known:
        raise ValueError(f"{name}: expected one of {', '.join(map(repr, known))}, received {value!r}")
    return value


def sobol_sequence(
    n: int,
    d: int,
    *,
    scramble: Literal["owen", "lms"] | None = "owen",
    start: int = 0,
    dtype: Any = np.float64,
    rng: Any = None,
    out: Floats | None = None,
    workers: int | None = None,
) -> NDArray[Any]:
    """Points `start`, ..., `start` + `n` - 1 of a Sobol' sequence in `d` dimensions.

    Parameters
    ----------
    n : int
        Number of points. A power of two (from a multiple of it) gives a balanced net; others warn.
    d : int
        1 to 21201.
    scramble : {"owen", "lms", None}
        "owen": nested uniform scrambling, for which the error of a smooth mean falls like n^-1.5. "lms": a random
        lower-triangular matrix and a digital shift for each dimension, what SciPy calls scrambling. None: the sequence
        itself, whose first point is 0. The sequence is in Gray-code order.
    start : int
        First point; the points do not depend on how a range is cut into calls with one key.
    dtype : float64 or float32
        float32 has the highest 23 digits of the float64 point (24 of an unscrambled one).
    rng : None, int, Generator, SeedSequence or Key
    out : ndarray of float64, shape (n, d), C-contiguous, optional
        Array to fill: saves the page faults of fresh memory.
    workers : int, optional
        Threads; the points do not depend on it.

    Returns
    -------
    ndarray, shape (n, d)
        Scrambled: in the open interval (0, 1), (digits + 1/2) 2^-52. Unscrambled: multiples of 2^-52 in [0, 1).

    Raises
    ------
    ValueError
        For `n`, `d` or `start` out of range, an unknown scrambling, or an `out` of another shape or type.

    Warns
    -----
    ReliabilityWarning
        If the points are no balanced net.

    Notes
    -----
    O(n d); 52 digits. Direction numbers: Joe and Kuo (2008), doi:10.1137/070709359. Scrambling: Owen (1995), by a
    counter-based bit for each digit and its higher digits; exactly nested uniform for aligned runs of up to 2^28
    points, beyond which points of one cell of width 2^-28 share a digital shift of their lower digits.

    Examples
    --------
    >>> import pondera as po
    >>> po.sobol_sequence(4, 2, scramble=None)
    array([[0.  , 0.  ],
           [0.5 , 0.5 ],
           [0.75, 0.25],
           [0.25, 0.75]])
    >>> x = po.sobol_sequence(1024, 3, rng=0)
    >>> bool(abs(x.mean() - 0.5) < 1e-4)
    True
    """
    n, d = as_integer(n, "n", 0, 2**52), as_integer(d, "d", 1, DIMENSIONS)
    start = as_integer(start, "start", 0, 2**52 - n)
    _choice(scramble, "scramble", SCRAMBLES)
    kind = np.dtype(dtype)
    if kind not in (np.float32, np.float64):
        raise ValueError(f"dtype: expected float64 or float32, received {kind}")
    if out is not None:
        if not isinstance(out, np.ndarray) or out.dtype != np.float64 or kind != np.float64:
            raise TypeError("out: expected a NumPy array of float64, with dtype=float64")
        if out.shape != (n, d) or not out.flags.c_contiguous or not out.flags.writeable:
            raise ValueError(f"out: expected a writable C-contiguous array of shape {(n, d)}, received {out.shape}")
    threads, the_key = resolve(workers), key(rng)
    if not (_is_power(n) and start % max(n, 1) == 0) and not _is_power(start + n):
        _warn(f"n: {n} points from point {start} on are no balanced net; take a power of two, from a multiple of it", 3)
    if kind == np.float64:
        points = np.empty((n, d)) if out is None else out
        _core.sensitivity.sobol_sequence(_directions(d), n, start, SCRAMBLES[scramble], the_key.words, points, threads)
        return points
    # Truncated, not rounded: the largest float64 points would become 1.
    short = np.empty((n, d), dtype=np.float32)
    scale, middle = (2.0**24, 0.0) if scramble is None else (2.0**23, 0.5)
    rows = max(1, 2**22 // d)
    for at in range(0, n, rows):
        chunk = np.empty((min(rows, n - at), d))
        _core.sensitivity.sobol_sequence(
            _directions(d), len(chunk), start + at, SCRAMBLES[scramble], the_key.words, chunk, threads
        )
        short[at : at + rows] = (np.floor(chunk * scale) + middle) / scale
    return short


def _is_power(n: int) -> bool:
    return n & (n - 1) == 0


def _warn(message: str, depth: int = 0) -> None:
    """Warn at the line that called the public function, `depth` helpers below which this is called."""
    warnings.warn(message, ReliabilityWarning, stacklevel=depth + 3)


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Design(Result):
    """Inputs at which a function is evaluated for its Sobol' indices; made by `saltelli_design`.

    Parameters
    ----------
    X : ndarray, shape (replicates * matrices * n, d)
        The rows in the order to evaluate: for each replicate A, B, one AB for each group, then one BA for each group
        with second order; `n` rows each.
    n : int
        Rows of each matrix in each replicate.
    replicates : int
        Independent copies of the design.
    groups : tuple of tuples of int
        Columns that change together; singletons by default.
    names : tuple of str
        Of the groups.
    second_order : bool
    sampler : str
    scramble : str or None

    Examples
    --------
    >>> import pondera as po
    >>> design = po.saltelli_design(64, 3, rng=0)
    >>> design.X.shape, design.A.shape, design.AB.shape
    ((320, 3), (64, 3), (3, 64, 3))
    """

    X: Floats
    n: int
    replicates: int = 1
    groups: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]
    second_order: bool = False
    sampler: str = "sobol"
    scramble: str | None = "owen"

    @property
    def matrices(self) -> int:
        """How many matrices of `n` rows a replicate has: groups + 2, or 2 groups + 2 with second order."""
        return 2 + len(self.groups) * (2 if self.second_order else 1)

    def __len__(self) -> int:
        return len(self.X)

    def _matrices(self, first: int, count: int) -> Floats:
        split = self.X.reshape(self.replicates, self.matrices, self.n, -1).swapaxes(0, 1)
        return split[first : first + count].reshape(count, self.replicates * self.n, -1)

    @property
    def A(self) -> Floats:
        """The first matrix, ``(replicates * n, d)``."""
        return self._matrices(0, 1).reshape(-1, self.X.shape[1])

    @property
    def B(self) -> Floats:
        """The second matrix, independent of A."""
        return self._matrices(1, 1).reshape(-1, self.X.shape[1])

    @property
    def AB(self) -> Floats:
        """A with the columns of one group from B, ``(groups, replicates * n, d)``."""
        return self._matrices(2, len(self.groups))

    @property
    def BA(self) -> Floats | None:
        """B with the columns of one group from A; None without second order."""
        return self._matrices(2 + len(self.groups), len(self.groups)) if self.second_order else None

    def _columns(self) -> dict[str, Any]:
        return {f"x{j}": self.X[:, j] for j in range(self.X.shape[1])}


def saltelli_design(
    n: int,
    d: int | None = None,
    *,
    dists: Any = None,
    names: Sequence[str] | None = None,
    groups: Any = None,
    second_order: bool = False,
    sampler: Literal["sobol", "lhs", "halton", "mc"] = "sobol",
    scramble: Literal["owen", "lms"] | None = "owen",
    replicates: int = 1,
    rng: Any = None,
    workers: int | None = None,
) -> Design:
    """The inputs of a Saltelli design: A, B, and A with each group's columns from B.

    Parameters
    ----------
    n : int
        Rows of A, at least 2, over all replicates. With replicates each gets ``n / replicates`` of them, for Sobol'
        points rounded to a power of two.
    d : int, optional
        Number of inputs, each uniform on (0, 1). Needed without `dists`.
    dists : sequence or mapping, optional
        One for each input: bounds ``(low, high)`` of a uniform, an object with ``ppf`` (or ``icdf``) such as a frozen
        SciPy distribution, or the inverse CDF itself. A mapping names the inputs. Inputs are independent.
    names : sequence of str, optional
        Names of the inputs.
    groups : sequence or mapping, optional
        A partition of the inputs (columns or names) whose members change together, e.g. ``[[0, 1], [2]]``; one index
        each. A mapping names the groups.
    second_order : bool
        Add the matrices BA that second-order indices need: n (2 d + 2) rows in place of n (d + 2).
    sampler : {"sobol", "lhs", "halton", "mc"}
        One sequence of 2 d dimensions; "mc" draws independent rows.
    scramble : {"owen", "lms", None}
        Of Sobol' points, see `sobol_sequence`. Halton points: "owen" permutes digits at random, None does not.
    replicates : int
        Independent scramblings (or samples), from which `sobol_indices` takes its intervals.
    rng : None, int, Generator, SeedSequence or Key
    workers : int, optional
        Threads; the rows do not depend on it.

    Returns
    -------
    Design

    Raises
    ------
    ValueError
        For sizes out of range, unknown names, groups that are no partition, bounds that are not low < high,
        distributions that give infinite values, replicates of an unscrambled sequence, or unscrambled points with an
        unbounded distribution (their first point is 0).

    Warns
    -----
    ReliabilityWarning
        If the number of Sobol' points is no power of two.

    Notes
    -----
    O(n d^2) time and memory. Saltelli et al. (2010), doi:10.1016/j.cpc.2009.09.018. Latin hypercube, Halton and Sobol'
    points fill A and B evenly; only "mc" has independent rows, as bootstrap and asymptotic intervals assume.

    Examples
    --------
    >>> import pondera as po
    >>> design = po.saltelli_design(256, dists={"length": (0, 1), "width": (2, 5)}, rng=0)
    >>> len(design), design.names
    (1024, ('length', 'width'))
    """
    if isinstance(dists, Mapping):
        names, dists = names or tuple(dists), tuple(dists.values())
    if dists is None and d is None:
        raise ValueError("d: expected the number of inputs, or their distributions as dists")
    if dists is not None:
        try:
            dists = tuple(dists)
        except TypeError:
            raise TypeError(f"dists: expected a sequence, received {type(dists).__name__}") from None
        if d is not None and operator.index(d) != len(dists):
            raise ValueError(f"dists: expected {d} distributions, received {len(dists)}")
        d = len(dists)
    _choice(sampler, "sampler", SAMPLERS)
    _choice(scramble, "scramble", SCRAMBLES)
    d = as_integer(d, "d", 1, DIMENSIONS // 2)
    replicates = as_integer(replicates, "replicates", 1, 2**20)
    rows = _rows(as_integer(n, "n", 2, 2**40), replicates, sampler)
    plain = scramble is None and sampler in ("sobol", "halton")
    if sampler == "halton" and scramble == "lms":
        raise ValueError("scramble: Halton points are scrambled by 'owen' (random digit permutations) or None")
    if plain and replicates > 1:
        raise ValueError(f"replicates: {replicates} copies of an unscrambled sequence are equal; choose a scrambling")
    inverses = [_inverse_cdf(dist, j, plain) for j, dist in enumerate(dists)] if dists is not None else None
    input_names = column_names(None, d, names)
    members, group_names = _groups(groups, input_names)
    if sampler == "sobol" and not _is_power(rows):
        _warn(f"n: {rows} Sobol' points are no balanced net; take a power of two")

    group_of = np.empty(d, dtype=np.int64)
    for g, columns in enumerate(members):
        group_of[list(columns)] = g
    matrices = 2 + len(members) * (2 if second_order else 1)
    X = np.empty((replicates, matrices * rows, d))
    the_key, threads = key(rng), resolve(workers)
    for r in range(replicates):
        base = _points(
            rows, 2 * d, sampler, scramble, the_key if replicates == 1 else the_key.fold_in("replicate", r), threads
        )
        if inverses is not None:
            for j, inverse in enumerate(inverses):
                for column in (j, d + j):
                    base[:, column] = inverse(base[:, column])
            _check_inputs(base, d, plain)
        _core.sensitivity.saltelli_rows(base, group_of, len(members), bool(second_order), X[r], threads)
    return Design(
        X=X.reshape(-1, d),
        n=rows,
        replicates=replicates,
        groups=members,
        names=group_names,
        second_order=bool(second_order),
        sampler=sampler,
        scramble=scramble if sampler in ("sobol", "halton") else None,
    )


def _rows(n: int, replicates: int, sampler: str) -> int:
    if replicates == 1:
        return n
    share = n / replicates
    if sampler == "sobol":
        return 1 << max(1, round(math.log2(max(share, 2))))
    return max(2, math.ceil(share))


def _points(n: int, d: int, sampler: str, scramble: str | None, the_key: Key, threads: int) -> Floats:
    if sampler == "sobol":
        out = np.empty((n, d))
        _core.sensitivity.sobol_sequence(_directions(d), n, 0, SCRAMBLES[scramble], the_key.words, out, threads)
        return out
    if sampler == "halton":
        return _core.sensitivity.halton(n, _primes(d), scramble is not None, the_key.words, threads)
    draw = _core.sensitivity.latin_hypercube if sampler == "lhs" else _core.sensitivity.monte_carlo
    return draw(n, d, the_key.words, threads)


def _primes(count: int) -> NDArray[np.int64]:
    limit = 16 if count < 6 else int(count * (math.log(count) + math.log(math.log(count)))) + 1
    sieve = np.ones(limit, dtype=bool)
    sieve[:2] = False
    for p in range(2, math.isqrt(limit) + 1):
        sieve[p * p :: p] &= not sieve[p]
    return np.flatnonzero(sieve)[:count]


def _inverse_cdf(dist: Any, j: int, plain: bool) -> Callable[[Floats], Any]:
    """The inverse CDF that `dist` names: bounds, a distribution, or the function itself."""
    inverse: Callable[[Floats], Any] | None = (
        getattr(dist, "ppf", None) or getattr(dist, "icdf", None) or (dist if callable(dist) else None)
    )
    if inverse is None:
        try:
            low, high = (float(x) for x in dist)
        except (TypeError, ValueError):
            raise TypeError(
                f"dists: input {j}: expected bounds (low, high), an object with ppf, or a function, received {dist!r}"
            ) from None
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"dists: input {j}: expected finite bounds low < high, received ({low}, {high})")
        return lambda u: low + (high - low) * u
    if plain and not np.isfinite(np.asarray(inverse(np.zeros(1)), dtype=np.float64)).all():
        raise ValueError(
            f"dists: input {j} is unbounded, and an unscrambled sequence begins at 0; choose scramble='owen'"
        )
    return inverse


def _check_inputs(base: Floats, d: int, plain: bool) -> None:
    good = np.isfinite(base).all(axis=0)
    if not good.all():
        raise ValueError(f"dists: input {int(np.argmin(good)) % d} gave values that are NaN or infinite")


def _groups(groups: Any, names: tuple[str, ...]) -> tuple[tuple[tuple[int, ...], ...], tuple[str, ...]]:
    """Columns and names of the groups; a partition of the inputs is demanded."""
    if groups is None:
        return tuple((j,) for j in range(len(names))), names
    labels = tuple(str(label) for label in groups) if isinstance(groups, Mapping) else None
    found = []
    for group in groups.values() if isinstance(groups, Mapping) else groups:
        columns = []
        for item in [group] if isinstance(group, (str, int, np.integer)) else group:
            if isinstance(item, str):
                if item not in names:
                    raise ValueError(f"groups: there is no input {item!r}")
                columns.append(names.index(item))
            else:
                columns.append(as_integer(item, "groups", 0, len(names) - 1))
        found.append(tuple(columns))
    if sorted(j for columns in found for j in columns) != list(range(len(names))) or not all(found):
        raise ValueError(
            f"groups: expected a partition of the {len(names)} inputs, each in exactly one, received {found}"
        )
    return tuple(found), labels or tuple("+".join(names[j] for j in columns) for columns in found)


def sobol_indices(
    design: Design,
    y: ArrayLike,
    *,
    estimator: str = "auto",
    interval: Literal["auto", "bootstrap", "replicates", "asymptotic"] = "auto",
    level: float = 0.95,
    n_boot: int = 200,
    aggregate: bool = False,
    rng: Any = None,
    workers: int | None = None,
) -> SobolIndices:
    """Sobol' indices from the outputs at the rows of a design.

    Parameters
    ----------
    design : Design
        From `saltelli_design`.
    y : array_like, shape (len(design),) or (len(design), outputs)
        Outputs at ``design.X``, in that order.
    estimator : {"auto", "saltelli", "jansen", "homma", "janon", "glen", "martinez"}
        "auto": first order by Saltelli (2010), total by Jansen. "glen" and "martinez" are the same numbers.
    interval : {"auto", "replicates", "bootstrap", "asymptotic"}
        "replicates": Student's t over the design's independent replicates. "bootstrap": percentiles over resampled
        rows, the same in all matrices; rows of a sequence are not independent, so that its intervals are too wide.
        "asymptotic": for "janon" (central limit theorem) and "glen" and "martinez" (Fisher's z, which supposes normal
        outputs), sampler "mc" only.
        "auto": replicates where there are some, else bootstrap.
    level : float
        Of the intervals.
    n_boot : int
        Bootstrap samples, at least 2.
    aggregate : bool
        One index for all outputs together, each weighted by its variance: sum of V_k S_k over sum of V_k.
    rng : None, int, Generator, SeedSequence or Key
        Draws the bootstrap samples.
    workers : int, optional
        Threads; the numbers do not depend on it.

    Returns
    -------
    SobolIndices
        `first` and `total` ``(groups,)``, or ``(groups, outputs)`` for two-dimensional `y`; `second` where the design
        has it. Intervals are bounds, not half widths. Small negative values are kept. Diagnostics: `n`, `replicates`,
        `evaluations`, `estimator`, `interval`, `sampler`, `constant`.

    Raises
    ------
    ValueError
        If `y` has another length than the design, holds NaN or infinities (with its row), or the interval does not fit
        the design or the estimator.

    Warns
    -----
    ReliabilityWarning
        If an output is constant (range below 1e-12 of its magnitude): its indices are NaN. If a first-order index is
        below zero by three standard errors: then rows and outputs may not match.

    Notes
    -----
    Outputs are centred first, so that ``y + 1e6`` gives the same indices. O(n groups) a bootstrap sample; with second
    order O(n groups^2). Memory: `y` once more, and n doubles a thread. SciPy's and SALib's results for the same
    formulas: equal to rounding. The variance is that of A and B together.

    Examples
    --------
    >>> import pondera as po
    >>> design = po.saltelli_design(1024, 2, replicates=8, rng=0)
    >>> indices = po.sobol_indices(design, 3 * design.X[:, 0] + 4 * design.X[:, 1])  # shares 9/25 and 16/25
    >>> indices.first.round(2)
    array([0.36, 0.64])
    """
    if not isinstance(design, Design):
        raise TypeError(
            f"design: expected a Design from saltelli_design, received {type(design).__name__}; for given data see "
            "sobol_from_data"
        )
    first, total = (
        ("saltelli", "jansen")
        if _choice(estimator, "estimator", ("auto", *ESTIMATORS)) == "auto"
        else (
            estimator,
            estimator,
        )
    )
    _choice(interval, "interval", INTERVALS)
    level = _check_level(level)
    n_boot = as_integer(n_boot, "n_boot", 2, 2**24)
    if interval == "auto":
        interval = "replicates" if design.replicates > 1 else "bootstrap"
    _check_interval(interval, estimator, design)
    outputs = as_float(y, "y", ndim=(1, 2))
    if len(outputs) != len(design):
        raise ValueError(f"y: expected {len(design)} outputs, one for each row of design.X, received {len(outputs)}")
    if outputs.size == 0:
        raise ValueError("y: expected at least one output a row, received none")
    check_finite(outputs, "y")
    threads = resolve(workers)

    # (outputs, replicates, matrices, n), scaled by a power of two (squares could overflow) and centred by A and B.
    Y = outputs.astype(np.float64).reshape(design.replicates, design.matrices, design.n, -1)
    Y = np.ascontiguousarray(np.moveaxis(Y, -1, 0))
    flat = Y.reshape(len(Y), -1)
    peak = np.abs(flat).max(axis=1)
    exponent = np.frexp(peak)[1][:, None, None]
    constant = np.ptp(np.ldexp(flat, -exponent[..., 0]), axis=1) <= 1e-12 * np.frexp(peak)[0]
    Y = np.ldexp(Y, -exponent[..., None])
    for k in range(len(Y)):
        part = np.ascontiguousarray(Y[k, :, :2]).ravel()
        Y[k] -= _core.random.sum(part, threads) / part.size
    groups = len(design.groups)
    boot = n_boot if interval == "bootstrap" else 0
    estimates = _core.sensitivity.sobol_estimates(
        Y, groups, design.second_order, ESTIMATORS[first], ESTIMATORS[total], boot, key(rng).words, threads
    )
    top = int(exponent.max())
    estimates[..., 0] = np.ldexp(estimates[..., 0], 2 * (exponent - top))  # one unit for all outputs
    estimates[constant] = np.nan
    if aggregate:
        weights = np.where(constant[:, None, None], 0.0, estimates[..., 0])
        shares = np.where(constant[:, None, None, None], 0.0, estimates[..., 1:])
        together = weights.sum(axis=0)
        with np.errstate(invalid="ignore"):
            mean = (weights[..., None] * shares).sum(axis=0) / together[..., None]
        estimates = np.concatenate([together[..., None], mean], axis=-1)[None]
    _warn_constant(constant, estimates, aggregate)

    sampled = estimates.mean(axis=1)  # over replicates: (outputs, 1 + n_boot, indices)
    value = sampled[:, 0]
    if interval == "replicates":
        df: float = design.replicates - 1
        stderr = estimates[:, :, 0].std(axis=1, ddof=1) / math.sqrt(design.replicates)
        low, high = t_interval(value, stderr, df, level)
    elif interval == "bootstrap":
        df = math.inf
        stderr = sampled[:, 1:].std(axis=1, ddof=1)
        low, high = np.quantile(sampled[:, 1:], [(1 - level) / 2, (1 + level) / 2], axis=1)
    else:
        df = math.inf
        stderr, low, high = _asymptotic(Y, value, groups, estimator, level, threads)

    single = aggregate or outputs.ndim == 1

    def by_group(x: Floats) -> Floats:
        """(outputs, groups) to (groups, outputs), or (groups,) for one series of outputs."""
        return np.ascontiguousarray(x[0] if single else x.T)

    def by_pair(x: Floats) -> Floats:
        """(outputs, pairs i < j) to (groups, groups[, outputs]), NaN on and below the diagonal."""
        square = np.full((groups, groups, len(x)), np.nan)
        square[np.triu_indices(groups, 1)] = x.T
        return np.ascontiguousarray(square[..., 0]) if single else square

    kinds = {"first": (slice(1, 1 + groups), by_group), "total": (slice(1 + groups, 1 + 2 * groups), by_group)}
    if design.second_order:
        kinds["second"] = (slice(1 + 2 * groups, value.shape[1]), by_pair)
    result: dict[str, Any] = {}
    for name, (columns, shaped) in kinds.items():
        result[name] = shaped(value[:, columns])
        result[f"{name}_stderr"] = shaped(stderr[:, columns])
        result[f"{name}_interval"] = Interval(shaped(low[:, columns]), shaped(high[:, columns]))
    with np.errstate(over="ignore", under="ignore"):
        variance = np.ldexp(value[:, 0], 2 * top)
    _warn_negative(result["first"], result["first_stderr"], df, design.names)
    return SobolIndices(
        **result,
        level=level,
        variance=float(variance[0]) if single else variance,
        names=design.names,
        diagnostics={
            "n": design.n,
            "replicates": design.replicates,
            "evaluations": len(design),
            "estimator": estimator if estimator != "auto" else "saltelli, jansen",
            "interval": interval,
            "sampler": design.sampler,
            "constant": bool(constant.any()),
        },
    )


def _check_interval(interval: str, estimator: str, design: Design) -> None:
    if interval == "replicates" and design.replicates < 2:
        raise ValueError("interval: the design has one replicate; make it with replicates=8, or choose 'bootstrap'")
    if interval != "asymptotic":
        return
    if design.sampler != "mc":
        raise ValueError(
            f"interval: 'asymptotic' needs independent rows, sampler='mc'; these are {design.sampler!r} points"
        )
    if estimator not in ("janon", "glen", "martinez"):
        raise ValueError(
            f"interval: 'asymptotic' is known for estimators janon, glen and martinez, received {estimator!r}"
        )
    if design.replicates > 1 or design.n < 4 or design.second_order:
        raise ValueError("interval: 'asymptotic' is for one replicate of at least 4 rows, without second order")


def _asymptotic(
    Y: Floats, value: Floats, groups: int, estimator: str, level: float, threads: int
) -> tuple[Floats, Floats, Floats]:
    """Standard errors and bounds by the central limit theorem, in the layout of `value`."""
    from scipy.special import ndtri

    n = Y.shape[-1]
    z = float(ndtri(0.5 + level / 2))
    stderr, low, high = (np.full(value.shape, np.nan) for _ in range(3))
    for k in range(len(Y)):
        a, b = Y[k, 0, 0], Y[k, 0, 1]
        for g in range(groups):
            c = Y[k, 0, 2 + g]
            for at, partner, sign in ((1 + g, b, 1.0), (1 + groups + g, a, -1.0)):
                # The correlation of the pair is the first-order index, or one minus the total.
                rho = value[k, at] if sign > 0 else 1.0 - value[k, at]
                if estimator == "janon":
                    error = _janon_stderr(partner, c, rho, threads)
                    ends = (rho - z * error, rho + z * error)
                else:
                    error = (1.0 - rho * rho) / math.sqrt(n - 3)
                    with np.errstate(divide="ignore"):
                        centre = np.arctanh(min(max(rho, -1.0), 1.0)) if rho == rho else math.nan
                    half = z / math.sqrt(n - 3)
                    ends = (float(np.tanh(centre - half)), float(np.tanh(centre + half)))
                stderr[k, at] = error
                low[k, at], high[k, at] = ends if sign > 0 else (1.0 - ends[1], 1.0 - ends[0])
    return stderr, low, high


def _janon_stderr(x: Floats, y: Floats, rho: float, threads: int) -> float:
    """Janon et al. (2014): sd of (x - m)(y - m) - rho/2 ((x - m)^2 + (y - m)^2), over the variance and sqrt n."""

    def mean(v: Floats) -> float:
        return float(_core.random.sum(v, threads)) / v.size

    centre = 0.5 * (mean(x) + mean(y))
    x, y = x - centre, y - centre
    squares = 0.5 * (x * x + y * y)
    influence = x * y - rho * squares
    influence -= mean(influence)
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.sqrt(mean(influence * influence) / x.size) / np.float64(mean(squares)))


def _warn_constant(constant: NDArray[np.bool_], estimates: Floats, aggregate: bool) -> None:
    if constant.any():
        which = "" if constant.size == 1 else f" {np.flatnonzero(constant).tolist()}"
        fate = "it does not count" if aggregate and not constant.all() else "its indices are NaN"
        _warn(f"y: output{which} is constant, there is no variance to explain; {fate}", 1)
    elif not np.isfinite(estimates[:, :, 0]).all():
        _warn("y: constant within a replicate, the indices are NaN; take more rows or fewer replicates", 1)


def _warn_negative(first: Floats, stderr: Floats, df: float, names: tuple[str, ...]) -> None:
    from scipy.special import ndtr, stdtrit

    # As improbable as three normal standard errors; 1e-9 forgives rounding where the standard error is 0.
    limit = 3.0 if math.isinf(df) else -float(stdtrit(df, ndtr(-3.0)))
    low = np.argwhere(first < -(limit * stderr + 1e-9))
    if len(low):
        at = tuple(low[0])
        _warn(
            f"first: the index of {names[at[0]]} is {first[at]:.3g}, below zero by more than three standard errors "
            f"({stderr[at]:.2g}); are the outputs in the order of design.X?",
            1,
        )


def sobol(
    func: Callable[..., Any],
    dists: Any,
    n: int = 1024,
    *,
    names: Sequence[str] | None = None,
    groups: Any = None,
    second_order: bool = False,
    sampler: Literal["sobol", "lhs", "halton", "mc"] = "sobol",
    scramble: Literal["owen", "lms"] | None = "owen",
    replicates: int | None = None,
    estimator: str = "auto",
    interval: Literal["auto", "bootstrap", "replicates", "asymptotic"] = "auto",
    level: float = 0.95,
    n_boot: int = 200,
    aggregate: bool = False,
    batch_size: int | None = None,
    executor: Executor | None = None,
    rng: Any = None,
    workers: int | None = None,
) -> SobolIndices:
    """Sobol' indices of a function: design, evaluation and analysis in one call.

    Parameters
    ----------
    func : callable
        ``func(X)`` of rows ``(m, d)`` to outputs ``(m,)`` or ``(m, outputs)``. SciPy's ``sobol_indices`` passes columns
        ``(d, m)``; for such a function pass ``lambda X: f(X.T).T``.
    dists : sequence or mapping
        Bounds, distributions or inverse CDFs of the independent inputs, as in `saltelli_design`.
    n : int
        Rows of A over all replicates; `func` sees n (d + 2) rows, n (2 d + 2) with second order.
    names, groups, second_order, sampler, scramble
        As in `saltelli_design`.
    replicates : int, optional
        Default 8 for a scrambled sequence, else 1.
    estimator, interval, level, n_boot, aggregate
        As in `sobol_indices`.
    batch_size : int, optional
        Most rows a call of `func`; default all, or 4096 with an executor.
    executor : concurrent.futures.Executor, optional
        Where the batches are evaluated; `func` must then be picklable for a pool of processes.
    rng : None, int, Generator, SeedSequence or Key
    workers : int, optional
        Threads of the design and the analysis, not of `func`; the numbers do not depend on it.

    Returns
    -------
    SobolIndices

    Raises
    ------
    ValueError
        As `saltelli_design` and `sobol_indices`; for outputs of `func` that are not finite, with the row, or of another
        length.

    Notes
    -----
    The calls of `func` dominate.

    Examples
    --------
    >>> import pondera as po
    >>> indices = po.sobol(lambda X: X[:, 0] + X[:, 1] * X[:, 2], {"a": (0, 1), "b": (0, 1), "c": (0, 1)}, rng=0)
    >>> indices.names, indices.total.round(2)
    (('a', 'b', 'c'), array([0.63, 0.21, 0.21]))
    """
    if not callable(func):
        raise TypeError(f"func: expected a callable, received {type(func).__name__}")
    if replicates is None:
        replicates = REPLICATES if sampler in ("sobol", "halton") and scramble is not None else 1
    the_key = key(rng)
    design = saltelli_design(
        n,
        dists=dists,
        names=names,
        groups=groups,
        second_order=second_order,
        sampler=sampler,
        scramble=scramble,
        replicates=replicates,
        rng=the_key,
        workers=workers,
    )
    y = _evaluate(func, design.X, batch_size, executor)
    return sobol_indices(
        design,
        y,
        estimator=estimator,
        interval=interval,
        level=level,
        n_boot=n_boot,
        aggregate=aggregate,
        rng=the_key.fold_in("bootstrap"),
        workers=workers,
    )


def _evaluate(func: Callable[..., Any], X: Floats, batch_size: int | None, executor: Executor | None) -> Floats:
    size = 4096 if executor is not None else len(X)
    if batch_size is not None:
        size = as_integer(batch_size, "batch_size", 1, 2**62)
    chunks = [X[at : at + size] for at in range(0, len(X), size)]
    results = executor.map(func, chunks) if executor is not None else map(func, chunks)
    parts: list[Floats] = []
    for at, (chunk, result) in enumerate(zip(chunks, results)):
        part = as_float(result, "func", ndim=(1, 2))
        if len(part) != len(chunk):
            raise ValueError(
                f"func: expected {len(chunk)} outputs for {len(chunk)} rows, received shape {part.shape}; rows come "
                "in, not columns"
            )
        if parts and part.shape[1:] != parts[0].shape[1:]:
            raise ValueError(f"func: outputs changed shape from {parts[0].shape[1:]} to {part.shape[1:]} a row")
        good = np.isfinite(part).reshape(len(part), -1).all(axis=1)
        if not good.all():
            row = int(np.argmin(good))
            raise ValueError(f"func: the output of row {at * size + row} is NaN or infinite, at x = {chunk[row]}")
        parts.append(part)
    return np.concatenate(parts)


def sobol_from_data(
    X: ArrayLike, y: ArrayLike, *, names: Sequence[str] | None = None, n_folds: int = 10, rng: Any = None
) -> SobolIndices:
    """First-order Sobol' indices from given data, by ranks: for users who cannot run a design.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Inputs, independent rows. DataFrame columns give the names.
    y : array_like, shape (n,)
        Outputs.
    names : sequence of str, optional
    n_folds : int
        Random parts of the rows, on each of which the estimate is repeated for its standard error.
    rng : None, int, Generator, SeedSequence or Key
        Deals the rows to the parts.

    Returns
    -------
    SobolIndices
        `first`; `total` is NaN, since ranks do not give it. Standard error: that of the mean over the parts, with
        `n_folds` - 1 degrees of freedom.

    Raises
    ------
    ValueError
        For NaN or infinite values, different lengths, or fewer than 4 rows a part.

    Warns
    -----
    ReliabilityWarning
        If the output is constant: the indices are NaN.

    Notes
    -----
    Sort the rows by x_i: S_i = (mean of y_(j) y_(j+1) - mean^2) / variance, the last row followed by the first
    (Chatterjee's correlation; Gamboa, Gremaud, Klein and Lagnoux 2022, doi:10.3150/21-BEJ1421). Of tied rows the mean
    over their orders is taken. Inputs may be dependent; then S_i is still the share explained by x_i alone. The bias
    falls like 1/n for smooth functions. O(d n log n).

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> X = np.random.default_rng(0).random((4000, 2))
    >>> indices = po.sobol_from_data(X, 3 * X[:, 0] + 4 * X[:, 1], rng=0)
    >>> bool((abs(indices.first - [0.36, 0.64]) < 3 * indices.first_stderr).all())
    True
    """
    inputs = as_float(X, "X", ndim=2, finite=True).astype(np.float64)
    outputs = as_float(y, "y", ndim=1, finite=True).astype(np.float64)
    if len(inputs) != len(outputs):
        raise ValueError(f"y: expected {len(inputs)} outputs, one for each row of X, received {len(outputs)}")
    n, d = inputs.shape
    n_folds = as_integer(n_folds, "n_folds", 2, 2**20)
    if n < 4 * n_folds:
        raise ValueError(f"X: expected at least {4 * n_folds} rows, four for each of n_folds, received {n}")
    labels = column_names(X, d, names)
    the_key = key(rng)
    constant = bool(np.ptp(outputs) <= 1e-12 * np.abs(outputs).max())
    centred = outputs - _core.random.sum(outputs, resolve(None)) / n
    if constant:
        _warn("y: the output is constant, there is no variance to explain; the indices are NaN")
        first = stderr = np.full(d, np.nan)
    else:
        first = _rank_indices(inputs, centred)
        order = the_key.stream(Purpose.FOLDS).permutation(n)
        with np.errstate(invalid="ignore"):
            folds = np.stack([_rank_indices(inputs[rows], centred[rows]) for rows in np.array_split(order, n_folds)])
        stderr = folds.std(axis=0, ddof=1) / math.sqrt(n_folds)
    unknown = np.full(d, np.nan)
    return SobolIndices(
        first=first,
        total=unknown,
        first_stderr=stderr,
        total_stderr=unknown.copy(),
        first_interval=t_interval(first, stderr, n_folds - 1, 0.95),
        variance=math.nan if constant else float(_core.random.sum(centred * centred, resolve(None))) / n,
        names=labels,
        diagnostics={"n": n, "estimator": "rank", "interval": "folds", "constant": constant},
    )


def _rank_indices(X: Floats, y: Floats) -> Floats:
    n = len(y)
    y = y - y.mean()
    variance = (y * y).mean()
    out = np.empty(X.shape[1])
    for i, x in enumerate(X.T):
        order = np.argsort(x, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(x[order]) != 0])
        size = np.diff(np.r_[starts, n])
        tied = np.add.reduceat(y[order], starts)
        squares = np.add.reduceat(y[order] ** 2, starts)
        # Inside a tie the mean over all orders of the sum of neighbours' products; between ties that of their means.
        neighbours = ((tied * tied - squares) / size).sum() + (tied / size * np.roll(tied / size, -1)).sum()
        out[i] = neighbours / n / variance
    return out
