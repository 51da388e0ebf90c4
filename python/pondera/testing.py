"""The conformance kit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Example"]


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Example:
    """A call of a method that takes less than a second: what `check_method` runs, casts and spoils.

    Parameters
    ----------
    args, kwargs
        The call. A method that draws gets its ``rng=`` from the kit.
    data : tuple of str
        Names of the parameters that hold arrays: the kit casts them to float32, reverses their strides, freezes them and
        puts NaN into them.
    truth : callable, optional
        Called with the result; raises AssertionError if it is wrong.
    replicate : callable, optional
        ``replicate(seed) -> (args, kwargs)``: a fresh data set, for the coverage of an estimate's standard error.
    true_value : float, optional
        What the replicates estimate.
    coverage : mapping, optional
        Stored figures where coverage is not nominal or too dear to measure: ``{"level", "coverage", "runs", "reason"}``.
    """

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    data: tuple[str, ...] = ()
    truth: Callable[[Any], None] | None = None
    replicate: Callable[[int], tuple[tuple[Any, ...], Mapping[str, Any]]] | None = None
    true_value: float | None = None
    coverage: Mapping[str, Any] | None = None
