"""One result and more of every class, with hostile names, missing numbers and nested diagnostics."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import pondera as po

HOSTILE = "</td><script>window.pwn=1</script>"


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Counted(po.Estimate):
    """A plugin's own class goes through files like the core's."""

    counts: Any = field(default_factory=lambda: np.zeros(0))


def interval(n: int) -> po.Interval:
    return po.Interval(np.arange(n) - 1.0, np.arange(n) + 2.0)


NAMES = ("plain", HOSTILE, "a$b$", "\u2028x")
ALL = {
    "estimate": po.Estimate(value=1.5, stderr=0.1, n=20, df=19),
    "estimate_of_several": po.Estimate(
        value=np.array([1.0, -0.0, np.nan, np.inf]), stderr=np.array([0.1, 0.0, np.nan, 1.0]), n=20
    ),
    "estimate_with_bounds": po.Estimate(value=1.0, stderr=0.1, interval=po.Interval(0.7, 1.1), level=0.9),
    "counted": Counted(value=2.0, counts=np.array([1, 2], dtype=np.uint8)),
    "attribution": po.Attribution(
        values=np.array([1.0, -2.0, 0.5, 0.0], dtype=np.float32),
        stderr=np.array([0.1, 0.2, np.nan, 0.0]),
        base_value=0.25,
        names=NAMES,
        data=np.arange(4.0),
        df=7.0,
        diagnostics={"converged": True, "evaluations": 128, "note": HOSTILE, "nothing": None},
    ),
    "attribution_of_rows": po.Attribution(values=np.arange(8.0).reshape(2, 4), names=NAMES, base_value=np.zeros(2)),
    "attribution_map": po.Attribution(values=np.arange(6.0).reshape(2, 3) - 2.5),
    "ranking": po.Ranking(scores=np.array([0.5, 2.0, 2.0, np.nan]), names=NAMES, stderr=np.full(4, 0.1)),
    "selection": po.Selection(
        indices=np.array([2, 0, 2]), n_items=4, scores=np.array([3.0, 2.0, 1.0]), weights=np.ones(3) / 3
    ),
    "curve": po.Curve(
        x=np.arange(3.0), y=np.array([1.0, 0.5, 0.2]), stderr=np.full(3, 0.1), area=po.Estimate(value=0.5, stderr=0.0)
    ),
    "sobol": po.SobolIndices(
        first=np.array([0.3, 0.2]), total=np.array([0.5, 0.4]), second=np.array([[np.nan, 0.1], [np.nan, np.nan]]),
        first_stderr=np.full(2, 0.01), first_interval=interval(2), variance=13.8, names=("x0", HOSTILE),
    ),
    "interactions": po.InteractionValues(
        values={(0,): 1.0, (1,): 2.0, (0, 1): -0.5}, stderr={(0, 1): 0.1}, index="SII", n_players=2, names=("a", "b")
    ),
    "table": po.Table(columns={"name": np.array(NAMES), "p": np.array([0.1, 0.2, 0.3, np.nan])}),
    "weights": po.Weights([0.0, -1.0, -math.inf]),
    "weights_of_rows": po.Weights(np.zeros((2, 3))),
    "nested": po.Table(
        columns={"n": np.arange(2)},
        diagnostics={
            "deep": {"list": [1, (2.0, "x")], "array": np.arange(3), "bounds": po.Interval(0.0, 1.0)},
            "tuples": {(0, 1): np.zeros(2), (2,): math.inf},
            "by_estimate": {"a": po.Estimate(value=np.ones(2), stderr=np.zeros(2))},
            "empty": {},
            # Names that would fall together if arrays were filed under their paths.
            "a.b": np.zeros(1), "a": {"b": np.ones(1)}, "x.npy": np.zeros(2), "x": np.ones(2), "p/../q": np.ones(3),
        },
    ),
}  # fmt: skip
