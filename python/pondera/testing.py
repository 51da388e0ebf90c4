"""The conformance kit, and toy problems whose answers are known.

`check_method` is to a method what scikit-learn's ``check_estimator`` is to an estimator: it runs the method's `Example`
and proves that the method keeps what pondera promises. Every check is a short function below; what one cannot test it
skips with the reason. ``pytest --pondera-plugin NAME`` runs all of them for every method of a plugin.
"""

from __future__ import annotations

import concurrent.futures
import copy
import doctest
import functools
import inspect
import json
import math
import os
import pickle
import re
import subprocess
import sys
import tempfile
import time
import types
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import random, registry
from ._problems import (
    ToyGame,
    airport,
    g_function,
    g_function_indices,
    ishigami,
    ishigami_indices,
    security_council,
    six_mp,
    unanimity,
)
from ._workers import threads
from .registry import Method
from .results import (
    Attribution,
    Estimate,
    InteractionValues,
    Ranking,
    Result,
    Selection,
    SobolIndices,
    load,
)

__all__ = [
    "CHECKS",
    "Check",
    "Example",
    "ToyGame",
    "airport",
    "check_method",
    "g_function",
    "g_function_indices",
    "ishigami",
    "ishigami_indices",
    "security_council",
    "six_mp",
    "unanimity",
]


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Example:
    """A call of a method that takes less than a second: what `check_method` runs, casts and spoils.

    Parameters
    ----------
    args, kwargs
        The call. Arguments keep no state between calls. A method that draws gets its ``rng=`` from the kit.
    data : tuple of str
        Names of the parameters that hold NumPy arrays (or tuples of them): the kit casts them to float32, reverses
        their strides, freezes them and puts NaN into them.
    truth : callable, optional
        Called with the result; raises AssertionError if it is wrong.
    replicate : callable, optional
        ``replicate(seed) -> (args, kwargs)``: a fresh data set, for the coverage of an estimate's standard error.
    true_value : float, optional
        What the replicates estimate.
    coverage : mapping, optional
        Stored figures where coverage is not nominal or too dear to measure: `level`, `coverage`, `runs`, `reason`.
    allowed : mapping, optional
        Spoiled input that has a meaning here, with the reason: ``{"log_weights:ndim": "leading axes are rows"}``. The
        word after the colon is ``nan``, ``inf``, ``empty``, ``scalar``, ``ndim`` or ``text``.

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> po.testing.Example(args=(np.zeros(3),), data=("log_weights",)).data
    ('log_weights',)
    """

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    data: tuple[str, ...] = ()
    truth: Callable[[Any], None] | None = None
    replicate: Callable[[int], tuple[tuple[Any, ...], Mapping[str, Any]]] | None = None
    true_value: float | None = None
    coverage: Mapping[str, Any] | None = None
    allowed: Mapping[str, str] = field(default_factory=dict)


class Check(NamedTuple):
    """One line of the kit's report: the check, ``"passed"``, ``"failed"`` or ``"skipped"``, and what was seen."""

    name: str
    outcome: str
    detail: str


def check_method(
    method: Method | str,
    *,
    checks: Iterable[str] | None = None,
    example: Example | None = None,
    seed: int = 7,
    budget_s: float = 10.0,
    raises: bool = True,
) -> tuple[Check, ...]:
    """Run the conformance kit on a method. Skipped checks are printed with their reason.

    Parameters
    ----------
    method : Method or str
        A method, or the name of one.
    checks : iterable of str, optional
        Names from `CHECKS`; default all.
    example : Example, optional
        In place of the one that the method declares.
    seed : int
        The ``rng=`` of methods that draw.
    budget_s : float
        Seconds of processor time for the replicates of the coverage check.
    raises : bool
        Raise if a check fails; otherwise only report.

    Returns
    -------
    tuple of Check
        One for each check: name, outcome, detail.

    Raises
    ------
    AssertionError
        If a check fails; the message lists all failures.
    LookupError
        For an unknown name of a method.
    ValueError
        For an unknown check.
    ImportError
        If the method needs a package that is missing.

    Notes
    -----
    Some fifty calls of the example, and up to 400 of its replicates.

    Examples
    --------
    >>> import pondera as po
    >>> po.testing.check_method("core.psis", checks=["docstring"])[0].outcome
    'passed'
    """
    if not __debug__:
        raise RuntimeError("python -O removes assertions, and with them the conformance kit")
    if isinstance(method, str):
        method = registry.method(method)
    names = tuple(CHECKS) if checks is None else tuple(checks)
    for name in names:
        if name not in CHECKS:
            raise ValueError(f"checks: expected names among {', '.join(CHECKS)}, received {name!r}")
    subject = _Subject(method, example, seed, budget_s)
    report = [_run(name, subject) for name in names]
    for check in report:
        if check.outcome == "skipped":
            print(f"{method.full_name}: {check.name} skipped: {check.detail}")
    failed = [check for check in report if check.outcome == "failed"]
    if failed and raises:
        lines = "\n".join(f"  {check.name}: {check.detail}" for check in failed)
        raise AssertionError(f"{method.full_name} fails {len(failed)} of {len(report)} checks:\n{lines}")
    return tuple(report)


class _Skip(Exception):
    """The check does not apply; the message says why."""


def _run(name: str, subject: _Subject) -> Check:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return Check(name, "passed", CHECKS[name](subject) or "")
        except _Skip as reason:
            return Check(name, "skipped", str(reason))
        except AssertionError as error:
            return Check(name, "failed", str(error) or "assertion failed")
        except Exception as error:  # a method that breaks in another way fails this check, and the others still run
            return Check(name, "failed", f"{type(error).__name__}: {error}")


class _Subject:
    """The method, its example, and calls of it with some arguments changed."""

    def __init__(self, method: Method, example: Example | None, seed: int, budget_s: float) -> None:
        self.method, self.seed, self.budget_s = method, seed, budget_s
        self.function: Callable[..., Any] = method.load()
        self.signature = inspect.signature(self.function)
        self._example = example

    @functools.cached_property
    def example(self) -> Example:
        example = self._example if self._example is not None else self.method.load_example()
        assert isinstance(example, Example), f"the example is a {type(example).__name__}, expected a testing.Example"
        return example

    @functools.cached_property
    def arguments(self) -> dict[str, Any]:
        return dict(self.signature.bind(*self.example.args, **self.example.kwargs).arguments)

    @property
    def data(self) -> dict[str, Any]:
        return {name: self.arguments[name] for name in self.example.data}

    def takes(self, name: str) -> bool:
        return name in self.signature.parameters

    def call(self, changes: Mapping[str, Any] | None = None, **more: Any) -> Any:
        """The example's call with these arguments in place of its own; its data copied, ``rng=`` from the kit."""
        data = {name: _map(value, np.copy) for name, value in self.data.items()}
        seed = {"rng": self.seed} if self.takes("rng") else {}
        given = {**self.arguments, **data, **seed, **(changes or {}), **more}
        ordered = {name: given[name] for name in self.signature.parameters if name in given}
        bound = inspect.BoundArguments(self.signature, ordered)
        return self.function(*bound.args, **bound.kwargs)

    @functools.cached_property
    def result(self) -> Any:
        return self.call()

    def unless(self, *flags: str) -> None:
        """Skip where the method declares one of `flags`."""
        for flag in flags:
            if flag in self.method.flags:
                raise _Skip(f"{flag}: {self.method.flags[flag]}")

    def unless_unseeded(self) -> None:
        """Skip comparisons of bits where the method draws noise that no seed fixes, and says so."""
        if "no_seed" in self.method.flags and _difference(self.result, self.call()):
            raise _Skip(f"no_seed: {self.method.flags['no_seed']}")


# -- what two results differ in


def _leaves(value: Any, path: str = "result", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """The arrays, numbers and strings inside a result, each with its path."""
    items: Iterable[tuple[str, Any]]
    if isinstance(value, Result):
        items = ((f".{name}", item) for name, item in value._fields().items())
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        items = ((f".{name}", getattr(value, name)) for name in value._fields)
    elif isinstance(value, Mapping):
        items = ((f"[{key!r}]", item) for key, item in value.items())
    elif isinstance(value, (list, tuple)):
        items = ((f"[{i}]", item) for i, item in enumerate(value))
    elif value is None or isinstance(value, (str, bytes, bool, int, float, complex, np.generic, np.ndarray)):
        yield path, value
        return
    elif isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType)):
        yield path, getattr(value, "__qualname__", repr(value))
        return
    elif hasattr(value, "__dlpack__") or hasattr(value, "__array__"):
        value = value.detach().cpu() if hasattr(value, "detach") else value
        yield path, np.asarray(value)
        return
    elif hasattr(value, "__dict__") and depth < 12:
        state = value.__getstate__()  # what a class keeps; caches are no part of it
        items = ((f".{name}", item) for name, item in (state if isinstance(state, dict) else vars(value)).items())
    else:
        yield path, pickle.dumps(value)
        return
    for step, item in items:
        yield from _leaves(item, path + step, depth + 1)


def _difference(a: Any, b: Any) -> str:
    """Where two results first differ by a bit; empty if they are equal."""
    left, right = list(_leaves(a)), list(_leaves(b))
    if [path for path, _ in left] != [path for path, _ in right]:
        return f"{len(left)} parts against {len(right)}"
    for (path, x), (_, y) in zip(left, right):
        if isinstance(x, (float, complex, np.generic, np.ndarray)) or isinstance(y, np.ndarray):
            x, y = np.asarray(x), np.asarray(y)
            if x.dtype != y.dtype or x.shape != y.shape:
                return f"{path} is {x.dtype}{x.shape} against {y.dtype}{y.shape}"
            x, y = (_bits(x), _bits(y))
        if x != y:
            return f"{path} differs"
    return ""


def _bits(array: NDArray[Any]) -> Any:
    """Bytes to compare by; one NaN is as good as another, since files and JSON do not keep its sign."""
    if array.dtype == object:
        return array.tolist()
    return (np.where(np.isnan(array), np.nan, array) if array.dtype.kind in "fc" else array).tobytes()


def _map(value: Any, change: Callable[[NDArray[Any]], Any]) -> Any:
    """`change` of an array, or of every array of a tuple or list."""
    if isinstance(value, (tuple, list)):
        return type(value)(_map(item, change) for item in value)
    return change(value)


def _arrays(value: Any) -> list[NDArray[Any]]:
    return [leaf for _, leaf in _leaves(value) if isinstance(leaf, np.ndarray)]


# -- the checks, in the order in which they run; each returns a remark or nothing


def _check_lazy(subject: _Subject) -> str:
    """Listing the methods imports neither the target's module nor what the method needs."""
    modules, listed = _listing(tuple(sys.path))
    method = subject.method
    if method.full_name not in listed:
        raise _Skip("the method is not listed under an entry point of this environment")
    for name in (method.target.partition(":")[0], *method.requires):
        assert name not in modules, f"listing the methods imports {name}; the plugin must name its target as a string"
    return ""


@functools.cache
def _listing(path: tuple[str, ...]) -> tuple[frozenset[str], frozenset[str]]:
    """Modules loaded, and methods known, in a fresh process that lists the methods."""
    code = (
        "import sys, json, pondera as po; names = [m.full_name for m in po.methods()]; "
        "json.dump([list(sys.modules), names], sys.stdout)"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in path if p)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, f"listing the methods failed: {done.stderr.strip()[-300:]}"
    modules, names = json.loads(done.stdout)
    return frozenset(modules), frozenset(names)


_REFERENCE = re.compile(r"arXiv:|doi:|https?://|\((?:[^()]* )?(?:1[89]|20)\d\d\)|\b(?:1[89]|20)\d\d\b")


def _check_docstring(subject: _Subject) -> str:
    """numpydoc: summary, every parameter, returns, raises, examples; and a source."""
    doc = inspect.getdoc(subject.function) or ""
    assert doc.strip(), "there is no docstring"
    sections = _sections(doc)
    assert "".join(sections[""][:1]).strip(), "the docstring does not open with a summary line"
    wanted = ["Parameters", "Raises", "Examples"]
    if not isinstance(subject.function, type):
        wanted += ["Returns"] if "Yields" not in sections else []
    missing = [name for name in wanted if name not in sections]
    assert not missing, f"the docstring lacks {', '.join(missing)}"
    documented = {
        name.strip().lstrip("*")
        for line in sections["Parameters"]
        if line and not line[0].isspace()
        for name in line.partition(" :")[0].split(",")
    }
    undocumented = [name for name in subject.signature.parameters if name not in documented]
    assert not undocumented, f"the docstring does not name the parameter(s) {', '.join(undocumented)}"
    unknown = sorted(documented - set(subject.signature.parameters))
    assert not unknown, f"the docstring names {', '.join(unknown)}, which the signature lacks"
    assert any(line.lstrip().startswith(">>>") for line in sections["Examples"]), "the Examples hold no >>> line"
    assert subject.method.source or _REFERENCE.search(doc), "neither the method's source nor the docstring cites one"
    return ""


def _sections(doc: str) -> dict[str, list[str]]:
    """numpydoc sections by name; what stands before the first under the empty name."""
    lines = doc.splitlines()
    out: dict[str, list[str]] = {"": []}
    current = ""
    for i, line in enumerate(lines):
        below = lines[i + 1] if i + 1 < len(lines) else ""
        if line.strip() and re.fullmatch(r"-{3,}", below.strip()):
            current = line.strip()
            out[current] = []
        elif not re.fullmatch(r"-{3,}", line.strip()):
            out[current].append(line)
    return out


def _check_doctest(subject: _Subject) -> str:
    """The docstring's examples run and print what they say."""
    module = sys.modules[subject.function.__module__]
    name = subject.function.__qualname__
    finder, runner = doctest.DocTestFinder(recurse=False), doctest.DocTestRunner(verbose=False)
    output: list[str] = []
    for test in finder.find(subject.function, name, module=False, globs=dict(vars(module))):
        runner.run(test, out=output.append)
    summary = " ".join("".join(output).split())
    assert runner.failures == 0, f"{runner.failures} of {runner.tries} examples fail: {summary[-400:]}"
    return f"{runner.tries} examples"


def _check_example(subject: _Subject) -> str:
    """The example is an Example of arrays, always the same, and takes less than a second."""
    for name in subject.example.data:
        assert subject.takes(name), f"data names {name!r}, which is no parameter"
        assert name in subject.arguments, f"data names {name!r}, which the example does not pass"
        for _, array in _leaves(subject.arguments[name]):
            kind = type(array).__name__
            assert isinstance(array, np.ndarray), f"{name}: expected NumPy arrays in the example, received {kind}"
    for label in subject.example.allowed:
        assert label.partition(":")[0] in subject.example.data, f"allowed names {label!r}, which is not among data"
        assert label.partition(":")[2] in _SPOILERS, f"allowed: expected one of {', '.join(_SPOILERS)} in {label!r}"
    if subject._example is None:
        again = subject.method.load_example()
        for name, value in subject.data.items():
            other = subject.signature.bind(*again.args, **again.kwargs).arguments[name]
            assert not _difference(value, other), f"two examples differ in {name}; fix their seed"
    subject.unless("slow")
    seconds = math.inf
    for _ in range(2):  # the first call may import something
        wall, cpu = time.perf_counter(), time.process_time()
        subject.call()
        seconds = min(seconds, time.perf_counter() - wall, time.process_time() - cpu)
    assert seconds < 1.0, f"the example takes {seconds:.1f} s, expected less than 1"
    return f"{seconds:.3f} s"


def _check_truth(subject: _Subject) -> str:
    """The result is what the example says it must be."""
    if subject.example.truth is None:
        raise _Skip("the example states no truth")
    subject.example.truth(subject.result)
    return ""


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) or hasattr(value, "__dlpack__")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def _is_named(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def _holds_weights(value: Any) -> bool:
    return any(hasattr(value, name) for name in ("log_weights", "weights"))


def _holds_estimate(value: Any) -> bool:
    parts = value.values() if isinstance(value, Mapping) else value if _is_named(value) else (value,)
    return any(hasattr(part, "confidence_interval") for part in parts)


_RESULTS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "estimate": (_holds_estimate, "an Estimate, or several by name"),
    "weight": (lambda r: _is_array(r) or _holds_weights(r), "an array, or something with log_weights or weights"),
    "attribution": (
        lambda r: isinstance(r, (Attribution, SobolIndices, InteractionValues)),
        "an Attribution, SobolIndices or InteractionValues",
    ),
    "ranking": (lambda r: isinstance(r, Ranking), "a Ranking"),
    "selection": (lambda r: isinstance(r, Selection), "a Selection"),
    "objective": (lambda r: r is not None, "a number, an array or a callable"),
    "model": (lambda r: r is not None, "a model"),
    "evaluation": (
        lambda r: _is_number(r) or _is_array(r) or _is_named(r) or isinstance(r, (Result, Mapping)),
        "a number, an array, a NamedTuple, a Result or estimates by name",
    ),
    "transform": (lambda r: r is not None, "an array or an object"),
    "sampler": (
        lambda r: _is_array(r) or _is_named(r) or isinstance(r, Result),
        "an array, a NamedTuple or a Result",
    ),
}


def _check_result(subject: _Subject) -> str:
    """The type that the method's kind promises; frozen, NumPy inside, fresh arrays, readable."""
    result, kind = subject.result, subject.method.kind
    fits, expected = _RESULTS[kind]
    received = type(result).__name__
    unnamed = isinstance(result, list) or (isinstance(result, tuple) and not _is_named(result))
    assert not unnamed, f"expected a NamedTuple or a result class for several values, received a {received}"
    assert fits(result), f"kind {kind}: expected {expected}, received a {received}"
    if isinstance(result, Mapping):
        good = all(isinstance(k, str) and isinstance(v, Estimate) for k, v in result.items())
        assert good, "expected dict[str, Estimate] for named numbers"
    for part in (result, *(result if _is_named(result) else ())):
        if isinstance(part, Estimate):
            stderr = np.asarray(part.stderr, dtype=np.float64)
            shapes = f"{stderr.shape} for values {np.shape(part.value)}"
            assert stderr.shape == np.shape(part.value), f"Estimate.stderr has shape {shapes}"
            assert not (stderr < 0).any(), "Estimate.stderr is negative"
    if isinstance(result, Result):
        _check_result_class(result)
    elif (_is_array(result) or _is_named(result)) and "in_place" not in subject.method.flags:
        given = {**subject.arguments, **{name: _map(value, np.copy) for name, value in subject.data.items()}}
        fresh = subject.call(given)
        for array in (part for part in (fresh if _is_named(fresh) else (fresh,)) if isinstance(part, np.ndarray)):
            assert array.flags.writeable or array.ndim == 0, "the returned array cannot be written to"
            shared = any(np.may_share_memory(array, other) for _, other in _named_arrays(given))
            assert not shared, "the returned array shares memory with an argument"
    assert repr(result), "repr is empty"
    return received


def _check_result_class(result: Result) -> None:
    name = next(iter(result._fields()))
    try:
        setattr(result, name, getattr(result, name))
    except (AttributeError, TypeError):
        pass
    else:
        raise AssertionError(f"{type(result).__name__} is not frozen")
    for field_name, value in result._fields().items():
        foreign = _is_array(value) and not isinstance(value, (np.ndarray, np.generic))
        assert not foreign, f"{field_name} is a {type(value).__name__}; result classes hold NumPy"
    assert "<" in result._repr_html_(), "_repr_html_ holds no HTML"


def _check_rng(subject: _Subject) -> str:
    """An int repeats, a Generator advances by one draw, a Key is used as it is, other seeds give other bits."""
    subject.unless("no_seed")
    assert subject.takes("rng"), "the method takes no rng; declare no_seed with the reason if it draws nothing"
    rng = inspect.signature(subject.function).parameters["rng"]
    assert rng.kind is rng.KEYWORD_ONLY, "rng must be keyword-only"
    seed = subject.seed
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    first = subject.call(rng=seed)
    assert not (where := _difference(first, subject.call(rng=seed))), f"two calls with rng={seed} differ: {where}"
    generator, ruler = np.random.default_rng(seed), np.random.default_rng(seed)
    drawn = subject.call(rng=generator)
    assert not (where := _difference(first, drawn)), f"rng={seed} and default_rng({seed}) differ: {where}"
    ruler.integers(0, 2**64, dtype=np.uint64)
    moved = generator.bit_generator.state == ruler.bit_generator.state
    assert moved, "a Generator must advance by exactly one 64-bit integer, whatever the size of the call"
    key = random.key(seed)
    assert not (where := _difference(first, subject.call(rng=key))), f"rng=Key differs from its seed: {where}"
    assert not _difference(first, subject.call(rng=key)), "two calls with the same Key differ"
    after = np.random.get_state(legacy=False)  # noqa: NPY002
    assert not _difference(before, after), "the method draws from NumPy's global generator"
    refused = _error_of(lambda: subject.call(rng=np.random.RandomState(0)))
    named = isinstance(refused, TypeError) and "rng" in str(refused)
    assert named, f"rng=RandomState must be a TypeError that names rng, received {refused!r}"
    if "exact" not in subject.method.flags:
        # Samples of few outcomes may agree by chance; eight seeds in a row do not.
        others = any(_difference(first, subject.call(rng=seed + i)) for i in range(1, 9))
        assert others, "nine seeds give the same bits: rng is ignored (declare exact if nothing was drawn)"
    return ""


def _check_workers(subject: _Subject) -> str:
    """1, 2 and 5 threads give the same bytes; none at all are refused."""
    subject.unless("no_threads")
    if subject.takes("workers"):
        refused = _error_of(lambda: subject.call(workers=0))
        named = isinstance(refused, ValueError) and "workers" in str(refused)
        assert named, f"workers=0 must be a ValueError that names workers, received {refused!r}"
    subject.unless_unseeded()
    by_argument = subject.takes("workers")
    results = []
    for n in (1, 2, 5):
        with threads(n):
            results.append(subject.call(workers=n) if by_argument else subject.call())
    for n, result in zip((2, 5), results[1:]):
        assert not (where := _difference(results[0], result)), f"1 and {n} workers differ: {where}"
    return "workers=" if by_argument else "po.threads"


class _Recorder(concurrent.futures.ThreadPoolExecutor):
    """An executor that pickles what it is given, as one on other machines would, and remembers it."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers)
        self.calls: list[bytes] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[Any]:
        self.calls.append(pickle.dumps((fn, args, kwargs)))
        fn, args, kwargs = pickle.loads(self.calls[-1])
        return super().submit(fn, *args, **kwargs)


def _check_executor(subject: _Subject) -> str:
    """Work given to an executor is picklable, gives the same bits, and no two chunks of random work are equal calls."""
    if not subject.takes("executor"):
        raise _Skip("the method takes no executor")
    subject.unless_unseeded()
    calls: list[bytes] = []
    for workers in (1, 3):
        with _Recorder(workers) as executor:
            fresh = {name: copy.deepcopy(value) for name, value in subject.arguments.items()}  # nothing remembered
            result = subject.call(fresh, executor=executor)
            calls = executor.calls
        assert not (where := _difference(subject.result, result)), f"an executor of {workers} changes bits: {where}"
    assert calls, "the executor was given no work"
    if subject.takes("rng"):
        # Dask takes equal calls for one call: a chunk of random work carries its counter block in its arguments.
        assert len(set(calls)) == len(calls), "two chunks of random work are equal calls"
    return f"{len(calls)} chunks"


def _check_untouched(subject: _Subject) -> str:
    """The caller's arrays, those named in `data` and all others, keep their bytes."""
    subject.unless("in_place")
    arguments = {
        name: _map(value, np.copy) if name in subject.data else value for name, value in subject.arguments.items()
    }
    before = [(path, array.tobytes()) for path, array in _named_arrays(arguments)]
    subject.call(arguments)
    for (path, bytes_), (_, array) in zip(before, _named_arrays(arguments)):
        assert array.tobytes() == bytes_, f"the call writes to {path}"
    return ""


def _named_arrays(arguments: Mapping[str, Any]) -> list[tuple[str, NDArray[Any]]]:
    return [
        (path, leaf)
        for name, value in arguments.items()
        for path, leaf in _leaves(value, name)
        if isinstance(leaf, np.ndarray)
    ]


def _needs_data(subject: _Subject) -> dict[str, Any]:
    if not subject.data:
        raise _Skip("the example names no data")
    return subject.data


def _check_read_only(subject: _Subject) -> str:
    """Read-only arrays are accepted and give the same bits."""
    data = _needs_data(subject)
    subject.unless("in_place")
    subject.unless_unseeded()

    def freeze(array: NDArray[Any]) -> NDArray[Any]:
        frozen = array.copy()
        frozen.flags.writeable = False
        return frozen

    result = subject.call({name: _map(value, freeze) for name, value in data.items()})
    assert not (where := _difference(subject.result, result)), f"read-only arrays change the result: {where}"
    return ""


def _backwards(array: NDArray[Any]) -> NDArray[Any]:
    """The same values with every stride negative and not contiguous."""
    if array.ndim == 0:
        return array
    room = np.zeros([2 * n for n in array.shape], dtype=array.dtype)
    view = room[tuple(slice(None, None, -2) for _ in array.shape)]
    view[...] = array
    return view


def _check_strides(subject: _Subject) -> str:
    """Reversed, gapped and Fortran-ordered arrays give the same bits."""
    data = _needs_data(subject)
    subject.unless("in_place")
    subject.unless_unseeded()
    for label, change in (("reversed", _backwards), ("Fortran-ordered", np.asfortranarray)):
        result = subject.call({name: _map(value, change) for name, value in data.items()})
        assert not (where := _difference(subject.result, result)), f"{label} arrays change the result: {where}"
    return ""


def _check_float32(subject: _Subject) -> str:
    """float32 data gives what the same values give as float64.

    Sums accumulate in float64, so a number may differ by its own rounding to float32 (half an eps) and by that of what
    went into it (weights, predictions: half an eps each of the largest). Four eps of the largest number beside it
    covers that; a thousand terms summed in float32 are off by tens.
    """
    data = _needs_data(subject)
    subject.unless("float64_only")
    subject.unless_unseeded()
    if not any(array.dtype.kind == "f" for value in data.values() for array in _arrays(value)):
        raise _Skip("no floating-point array among the data")

    def cast(dtype: Any) -> Any:
        return lambda array: array.astype(np.float32).astype(dtype) if array.dtype.kind == "f" else array

    single = subject.call({name: _map(value, cast(np.float32)) for name, value in data.items()})
    double = subject.call({name: _map(value, cast(np.float64)) for name, value in data.items()})
    left, right = list(_leaves(single)), list(_leaves(double))
    assert len(left) == len(right), f"float32 gives {len(left)} parts, float64 {len(right)}"
    eps = float(np.finfo(np.float32).eps)
    for (path, a), (_, b) in zip(left, right):
        if isinstance(a, (bool, str, bytes)) or a is None:
            assert a == b, f"{path}: {a!r} from float32, {b!r} from float64"
            continue
        x, y = np.asarray(a), np.asarray(b)
        assert x.shape == y.shape, f"{path}: shape {x.shape} from float32, {y.shape} from float64"
        if x.dtype.kind != "f":
            assert np.array_equal(x, y), f"{path}: float32 and float64 differ"
            continue
        x, y = x.astype(np.float64), y.astype(np.float64)
        finite = np.isfinite(y)
        assert np.array_equal(x[~finite], y[~finite], equal_nan=True), (
            f"{path}: NaN or infinite with one precision only"
        )
        scale = float(np.abs(y[finite]).max(initial=0.0))
        worst = float(np.abs(x - y)[finite].max(initial=0.0))
        assert worst <= 4 * eps * scale, (
            f"{path}: float32 and float64 differ by {worst:.3g}, the largest is {scale:.3g}"
        )
    return ""


def _put(value: float) -> Callable[[NDArray[Any]], Any]:
    def spoil(array: NDArray[Any]) -> Any:
        if array.dtype.kind != "f" or array.size == 0:
            return None
        bad = array.copy()
        bad.flat[bad.size // 2] = value
        return bad

    return spoil


_SPOILERS: dict[str, Callable[[NDArray[Any]], Any]] = {
    "nan": _put(math.nan),
    "inf": _put(math.inf),
    "empty": lambda array: array[:0] if array.ndim else None,
    "scalar": lambda array: array.ravel()[0] if array.ndim and array.size else None,
    "ndim": lambda array: array[None, None, None],
    "text": lambda array: np.full(array.shape, "seven"),
}


def _check_refusals(subject: _Subject) -> str:
    """NaN, infinite, empty, scalar, deeper and textual data: ValueError or TypeError that names the argument."""
    data = _needs_data(subject)
    wrong, allowed = [], []
    for name, value in data.items():
        for label, spoil in _SPOILERS.items():
            reason = subject.example.allowed.get(f"{name}:{label}")
            if reason:
                allowed.append(f"{name} may be {label}: {reason}")
                continue
            bad = spoil(value) if isinstance(value, np.ndarray) else _spoil_first(value, spoil)
            if bad is not None:
                wrong += _refusal(subject, name, label, bad)
    assert not wrong, "; ".join(wrong)
    return "; ".join(allowed)


def _spoil_first(value: Any, spoil: Callable[[NDArray[Any]], Any]) -> Any:
    first = spoil(value[0])
    return None if first is None else type(value)((first, *value[1:]))


def _refusal(subject: _Subject, name: str, label: str, bad: Any) -> list[str]:
    error = _error_of(lambda: subject.call({name: bad}))
    if error is None:
        return [f"{name} ({label}) is accepted"]
    if not isinstance(error, (ValueError, TypeError)):
        return [f"{name} ({label}) gives {type(error).__name__}, expected ValueError or TypeError: {error}"]
    if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", str(error)):
        return [f"{name} ({label}) is refused without its name: {error}"]
    return []


def _error_of(call: Callable[[], Any]) -> Exception | None:
    try:
        call()
    except Exception as error:
        return error
    return None


def _check_coverage(subject: _Subject) -> str:
    """Intervals cover the truth as often as they say: a binomial z-score over replicates, at most 4 in size.

    The seeds are fixed, so the outcome is too; 4 standard errors would be passed by chance once in 16,000 methods.
    """
    subject.unless("exact")
    example, stored = subject.example, subject.example.coverage
    if stored is not None:
        missing = [name for name in ("level", "coverage", "runs", "reason") if name not in stored]
        assert not missing, f"the stored coverage lacks {', '.join(missing)}"
    if example.replicate is None or example.true_value is None:
        if stored is not None:
            figures = f"{stored['coverage']} at level {stored['level']} in {stored['runs']} runs"
            return f"stored: {figures}; {stored['reason']}"
        if subject.method.kind != "estimate":
            raise _Skip(f"kind {subject.method.kind}, and the example gives neither replicates nor stored figures")
        raise AssertionError("an estimate needs replicate and true_value in its example, or stored coverage figures")
    level = float(stored["level"]) if stored else 0.95
    expected = float(stored["coverage"]) if stored else level
    hits: list[float] = []
    start = time.process_time()
    while len(hits) < 400 and time.process_time() - start < subject.budget_s:
        args, kwargs = example.replicate(len(hits))
        seed = {"rng": len(hits)} if subject.takes("rng") else {}
        estimate = subject.function(*args, **{**kwargs, **seed})
        bounds = estimate.confidence_interval(level)
        inside = (np.asarray(bounds.lower) <= example.true_value) & (example.true_value <= np.asarray(bounds.upper))
        hits.append(float(np.mean(inside)))
    runs = len(hits)
    assert runs >= 50, f"only {runs} replicates in {subject.budget_s:g} s; store the figures in the example's coverage"
    p = min(max(expected, 0.5 / runs), 1 - 0.5 / runs)
    z = (float(np.mean(hits)) - expected) / math.sqrt(p * (1 - p) / runs)
    figures = f"{np.mean(hits):.3f} of {runs} intervals of level {level:g} hold the truth, expected {expected:g}"
    assert abs(z) <= 4, f"{figures} (z = {z:.1f})"
    return f"{figures} (z = {z:.1f})"


def _check_pickle(subject: _Subject) -> str:
    """Pickling brings the same result back; the method itself is picklable."""
    pickle.loads(pickle.dumps(subject.method))
    again = pickle.loads(pickle.dumps(subject.result))
    assert type(again) is type(subject.result), f"pickling gives back a {type(again).__name__}"
    assert not (where := _difference(subject.result, again)), f"pickling changes the result: {where}"
    return ""


def _result_of(subject: _Subject) -> Result:
    if not isinstance(subject.result, Result):
        raise _Skip(f"the result is a {type(subject.result).__name__}, not a Result")
    return subject.result


def _check_save(subject: _Subject) -> str:
    """``save`` and `pondera.load` bring the same result back, without pickle."""
    result = _result_of(subject)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.npz"
        result.save(path)
        again = load(path)
    assert type(again) is type(result), f"load gives back a {type(again).__name__}"
    assert not (where := _difference(result, again)), f"save and load change the result: {where}"
    return ""


def _check_to_dict(subject: _Subject) -> str:
    """``to_dict`` is JSON, and ``from_dict`` brings the same result back."""
    result = _result_of(subject)
    text = json.dumps(result.to_dict(), allow_nan=False)
    again = type(result).from_dict(json.loads(text))
    assert not (where := _difference(result, again)), f"to_dict and from_dict change the result: {where}"
    return ""


CHECKS: dict[str, Callable[[_Subject], str]] = {
    "lazy": _check_lazy,
    "docstring": _check_docstring,
    "doctest": _check_doctest,
    "example": _check_example,
    "truth": _check_truth,
    "result": _check_result,
    "rng": _check_rng,
    "workers": _check_workers,
    "executor": _check_executor,
    "untouched": _check_untouched,
    "read_only": _check_read_only,
    "strides": _check_strides,
    "float32": _check_float32,
    "refusals": _check_refusals,
    "coverage": _check_coverage,
    "pickle": _check_pickle,
    "save": _check_save,
    "to_dict": _check_to_dict,
}
