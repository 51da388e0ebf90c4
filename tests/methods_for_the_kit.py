"""A method that keeps every promise, and others that break one each."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, NamedTuple

import numpy as np

import pondera as po
from pondera import _workers
from pondera.arrays import as_float
from pondera.random import Purpose


def block_sum(rows: np.ndarray, block: int) -> float:
    """Sum of a block's rows, which `block` tells apart from other calls."""
    return float(rows.sum())


def fair_mean(x: Any, *, rng: Any = None, workers: int | None = None, executor: Executor | None = None) -> po.Estimate:
    """Mean of a random half of the rows.

    Parameters
    ----------
    x : array_like, shape (n,)
    rng : None, int, Generator, SeedSequence or Key
    workers : int, optional
        Threads.
    executor : concurrent.futures.Executor, optional

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError
        For fewer than four values, NaN or infinite ones.

    Notes
    -----
    Cochran, "Sampling techniques" (1977). O(n log n).

    Examples
    --------
    >>> import numpy as np
    >>> fair_mean(np.ones(8), rng=0).value
    1.0
    """
    values = as_float(x, "x", ndim=1, finite=True).astype(np.float64)
    _workers.resolve(workers)
    if len(values) < 4:
        raise ValueError(f"x: expected at least four values, received {len(values)}")
    order = po.random.key(rng).stream(Purpose.PERMUTATION).permutation(len(values))
    half = values[order[: len(values) // 2]]
    blocks = np.array_split(half, 3)
    if executor is None:
        total = sum(block_sum(rows, i) for i, rows in enumerate(blocks))
    else:
        total = sum(executor.map(block_sum, blocks, range(3)))
    stderr = float(half.std(ddof=1)) / math.sqrt(len(half))
    return po.Estimate(value=total / len(half), stderr=stderr, n=len(half), df=len(half) - 1)


def data(seed: int = 0, n: int = 200) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=n)


def example(**changes: Any) -> po.testing.Example:
    """The example of `fair_mean`, with some fields changed."""
    fields: dict[str, Any] = {
        "args": (data(),),
        "data": ("x",),
        "truth": close_to_zero,
        "replicate": lambda seed: ((data(seed),), {}),
        "true_value": 0.0,
    }
    return po.testing.Example(**{**fields, **changes})


def close_to_zero(result: Any) -> None:
    assert abs(result.value) < 0.5, f"the mean is {result.value}"


# Each of the following is `fair_mean` with one fault. BROKEN lists function, check that must find it, its words.
Broken = tuple[Callable[..., Any], str, str]
BROKEN: list[Broken] = []


def breaks(check: str, words: str, doc: str | None = fair_mean.__doc__) -> Callable[[Any], Any]:
    def register(function: Any) -> Any:
        function.__doc__ = doc
        BROKEN.append((function, check, words))
        return function

    return register


@breaks("docstring", "no docstring", doc=None)
def without_docstring(x, *, rng=None):
    return fair_mean(x, rng=rng)


@breaks(
    "docstring",
    "lacks Raises, Returns",
    doc="Mean.\n\nParameters\n----------\nx, rng\n\nExamples\n--------\n>>> 1\n1\n",
)
def without_sections(x, *, rng=None):
    return fair_mean(x, rng=rng)


@breaks("docstring", r"does not name the parameter\(s\) extra")
def undocumented(x, *, extra=1, rng=None, workers=None, executor=None):
    return fair_mean(x, rng=rng, workers=workers, executor=executor)


@breaks("docstring", "names executor, which the signature lacks")
def overdocumented(x, *, rng=None, workers=None):
    return fair_mean(x, rng=rng)


@breaks("docstring", "neither the method's source nor", doc=(fair_mean.__doc__ or "").replace("(1977)", ""))
def without_source(x, *, rng=None, workers=None, executor=None):
    return fair_mean(x, rng=rng, workers=workers, executor=executor)


@breaks("doctest", "1 of 2 examples fail", doc=(fair_mean.__doc__ or "").replace("    1.0\n", "    2.0\n"))
def with_wrong_doctest(x, *, rng=None, workers=None, executor=None):
    return fair_mean(x, rng=rng, workers=workers, executor=executor)


@breaks("result", "expected an Estimate")
def returns_a_float(x, *, rng=None):
    return fair_mean(x, rng=rng).value


class Pair(NamedTuple):
    mean: Any
    spread: Any


@breaks("result", "negative")
def negative_stderr(x, *, rng=None):
    return po.Estimate(value=fair_mean(x, rng=rng).value, stderr=-1.0)


@breaks("result", r"stderr has shape \(3,\) for values \(\)")
def misshapen_stderr(x, *, rng=None):
    return po.Estimate(value=fair_mean(x, rng=rng).value, stderr=np.ones(3))


@breaks("result", "shares memory")
def returns_the_argument(x, *, rng=None):
    return Pair(fair_mean(x, rng=rng), as_float(x, "x"))


@breaks("result", "cannot be written to")
def returns_a_frozen_array(x, *, rng=None):
    spread = np.ones(2)
    spread.flags.writeable = False
    return Pair(fair_mean(x, rng=rng), spread)


class Thawed(po.Estimate):
    """Not frozen: what the kit must notice."""

    __setattr__ = object.__setattr__


@breaks("result", "is not frozen")
def returns_a_thawed_result(x, *, rng=None):
    e = fair_mean(x, rng=rng)
    return Thawed(value=e.value, stderr=e.stderr)


@breaks("result", "NamedTuple or a result class")
def returns_a_plain_tuple(x, *, rng=None):
    return (fair_mean(x, rng=rng), fair_mean(x, rng=rng))


@breaks("result", "dict")
def returns_numbers_by_name(x, *, rng=None):
    return {"mean": fair_mean(x, rng=rng), "spread": 1.0}


@breaks("rng", "takes no rng")
def without_rng(x):
    return fair_mean(x, rng=0)


@breaks("rng", "keyword-only")
def with_positional_rng(x, rng=None):
    return fair_mean(x, rng=rng)


@breaks("rng", "two calls with rng=7 differ")
def draws_afresh(x, *, rng=None):
    return fair_mean(x)


@breaks("rng", "rng is ignored")
def ignores_rng(x, *, rng=None):
    po.random.key(rng)
    return fair_mean(x, rng=0)


@breaks("rng", "exactly one 64-bit integer")
def draws_twice(x, *, rng=None):
    e = fair_mean(x, rng=rng)
    po.random.key(rng)
    return e


@breaks("rng", "rng=7 and default_rng")
def folds_integers_only(x, *, rng=None):
    return fair_mean(x, rng=rng + 1 if isinstance(rng, int) else rng)


@breaks("rng", "rng=Key differs")
def folds_keys_only(x, *, rng=None):
    return fair_mean(x, rng=rng.fold_in(1) if isinstance(rng, po.random.Key) else rng)


@breaks("rng", "NumPy's global generator")
def stirs_the_global_generator(x, *, rng=None):
    np.random.rand()  # noqa: NPY002
    return fair_mean(x, rng=rng)


@breaks("rng", "RandomState")
def accepts_random_state(x, *, rng=None):
    if isinstance(rng, np.random.RandomState):
        rng = int(rng.randint(2**31))
    return fair_mean(x, rng=rng)


@breaks("workers", "1 and 2 workers differ")
def depends_on_workers(x, *, rng=None, workers=None):
    e = fair_mean(x, rng=rng)
    return po.Estimate(value=e.value + 1e-16 * _workers.resolve(workers), stderr=e.stderr)


@breaks("workers", "workers=0 must be a ValueError")
def accepts_no_workers(x, *, rng=None, workers=None):
    return fair_mean(x, rng=rng)


@breaks("workers", "1 and 5 workers differ")
def depends_on_the_context(x, *, rng=None):
    e = fair_mean(x, rng=rng)
    return po.Estimate(value=e.value, stderr=e.stderr, n=max(4, _workers.resolve(None)))


def chunk(rows: np.ndarray) -> float:
    return float(rows.sum())


@breaks("executor", "equal calls")
def repeats_a_chunk(x, *, rng=None, executor=None):
    e = fair_mean(x, rng=rng)
    if executor is not None:
        list(executor.map(chunk, [np.ones(3), np.ones(3)]))
    return e


@breaks("executor", "no work")
def ignores_the_executor(x, *, rng=None, executor=None):
    return fair_mean(x, rng=rng)


@breaks("executor", "changes bits")
def depends_on_the_executor(x, *, rng=None, executor=None):
    e = fair_mean(x, rng=rng, executor=executor)
    return e if executor is None else po.Estimate(value=e.value, stderr=e.stderr)


@breaks("executor", "pickle")
def submits_a_closure(x, *, rng=None, executor=None):
    e = fair_mean(x, rng=rng)
    if executor is not None:
        executor.submit(lambda: e).result()
    return e


@breaks("untouched", "writes to x")
def sorts_in_place(x, *, rng=None):
    e = fair_mean(x, rng=rng)
    if isinstance(x, np.ndarray) and x.flags.writeable:
        x.sort()
    return e


@breaks("read_only", "read-only")
def needs_writeable_input(x, *, rng=None):
    e = fair_mean(x, rng=rng)
    if isinstance(x, np.ndarray):
        x[0] = x[0]
    return e


@breaks("strides", "reversed arrays change the result")
def reads_memory_order(x, *, rng=None):
    return fair_mean(x, rng=rng) if x.strides[0] > 0 else fair_mean(x[::-1], rng=rng)


@breaks("float32", "float32 and float64 differ")
def sums_in_single_precision(x, *, rng=None):
    e = fair_mean(x, rng=rng)
    values = np.asarray(x)
    running = np.cumsum(values + values.dtype.type(100))[-1] - 100 * len(values)
    return po.Estimate(value=e.value, stderr=e.stderr, diagnostics={"sum": float(running)})


@breaks("refusals", r"x \(nan\) is accepted; x \(inf\) is accepted")
def accepts_nan(x, *, rng=None):
    values = as_float(x, "x", ndim=1)
    return fair_mean(np.nan_to_num(values, posinf=0.0), rng=rng)


@breaks("refusals", r"x \(nan\) is refused without its name")
def names_no_argument(x, *, rng=None):
    try:
        return fair_mean(x, rng=rng)
    except ValueError:
        raise ValueError("bad input") from None


@breaks("refusals", r"x \(empty\) gives IndexError")
def breaks_on_empty(x, *, rng=None):
    values = as_float(x, "x", ndim=1, finite=True)
    values[0]
    return fair_mean(values, rng=rng)


@breaks("coverage", r"\(z = -")
def promises_too_much(x, *, rng=None):
    e = fair_mean(x, rng=rng)
    return po.Estimate(value=e.value, stderr=e.stderr / 1.5, n=e.n)


@breaks("coverage", r"\(z = 4")
def promises_too_little(x, *, rng=None):
    e = fair_mean(x, rng=rng)
    return po.Estimate(value=e.value, stderr=e.stderr * 5, n=e.n)


@breaks("pickle", "pickle")
def holds_a_closure(x, *, rng=None):
    e = fair_mean(x, rng=rng)
    return po.Estimate(value=e.value, stderr=e.stderr, diagnostics={"model": lambda: 0})


@breaks("save", "object")
def holds_objects(x, *, rng=None):
    e = fair_mean(x, rng=rng)
    return po.Estimate(value=e.value, stderr=e.stderr, diagnostics={"rows": np.array([1, None])})


@breaks("to_dict", "differ|describe")
def holds_a_set(x, *, rng=None):
    e = fair_mean(x, rng=rng)
    return po.Estimate(value=e.value, stderr=e.stderr, diagnostics={"seen": frozenset([1])})


@breaks("example", "takes .* s, expected less than 1")
def takes_its_time(x, *, rng=None):
    start = time.process_time()
    while time.process_time() - start < 1.1:
        pass
    return fair_mean(x, rng=rng)
