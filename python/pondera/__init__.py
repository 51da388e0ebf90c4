"""pondera: what matters, by how much, and how sure are we?

Importance of samples, features, tokens, parameters, layers, experts and data points, with error bars. The functions of
the core stand at this level; `methods` lists them together with those of the installed plugins.
"""

from __future__ import annotations

import importlib
from typing import Any

from . import arrays, random, registry
from ._core import __version__
from ._workers import threads
from .registry import Method, Plugin, method, methods
from .results import (
    KNN,
    Attribution,
    ConvergenceWarning,
    Curve,
    Estimate,
    InteractionValues,
    Interval,
    PonderaDeprecationWarning,
    Ranking,
    ReliabilityWarning,
    Result,
    Selection,
    SobolIndices,
    Table,
    WeakPrivacyWarning,
    WeightWarning,
    load,
)

# Where each public function lives; imported on first use, so that `import pondera` stays light.
_HOMES: dict[str, str] = {
    **dict.fromkeys(
        (
            "Weights",
            "psis",
            "pareto_khat",
            "khat_threshold",
            "min_sample_size",
            "truncate",
            "clip_top",
            "temper",
            "logsumexp",
        ),
        ".weights",
    ),
    **dict.fromkeys(
        (
            "resample",
            "offspring",
            "inplace_ancestors",
            "AliasTable",
            "sample_without_replacement",
            "WeightedReservoir",
            "sample_pps",
            "inclusion_probabilities",
            "ancestor_paths",
            "path_diversity",
            "weighted_quantile",
            "bootstrap",
            "jackknife_blocks",
            "batch_means",
        ),
        ".resampling",
    ),
    **dict.fromkeys(
        (
            "knn",
            "radius_count",
            "NeighborIndex",
        ),
        ".neighbors",
    ),
    **dict.fromkeys(
        (
            "entropy_knn",
            "kl_divergence",
            "renyi_divergence",
        ),
        ".divergence",
    ),
    **dict.fromkeys(
        (
            "MarginalGame",
            "TableGame",
            "exact_values",
            "shapley",
        ),
        ".games",
    ),
    **dict.fromkeys(
        (
            "Design",
            "sobol_sequence",
            "saltelli_design",
            "sobol_indices",
            "sobol",
        ),
        ".sensitivity",
    ),
    **dict.fromkeys(
        (
            "grid_masks",
            "accumulate",
            "MaskAccumulator",
            "upsample_grid",
            "staged_masks",
        ),
        ".masks",
    ),
    **dict.fromkeys(
        (
            "ClassifierRatio",
            "density_ratio",
        ),
        ".shift",
    ),
    **dict.fromkeys(
        (
            "Report",
            "report",
        ),
        ".reporting",
    ),
}
_MODULES = ("metrics", "models", "plot", "stats", "testing")

__all__ = [
    "KNN",
    "Attribution",
    "ConvergenceWarning",
    "Curve",
    "Estimate",
    "InteractionValues",
    "Interval",
    "Method",
    "Plugin",
    "PonderaDeprecationWarning",
    "Ranking",
    "ReliabilityWarning",
    "Result",
    "Selection",
    "SobolIndices",
    "Table",
    "WeakPrivacyWarning",
    "WeightWarning",
    "__version__",
    "arrays",
    "get_include",
    "load",
    "method",
    "methods",
    "random",
    "registry",
    "threads",
    *_HOMES,
    *_MODULES,
]


def get_include() -> str:
    """Directory of the C++ headers, for plugins with kernels of their own.

    Returns
    -------
    str

    Examples
    --------
    >>> import pondera as po
    >>> po.get_include().endswith("include")
    True
    """
    from pathlib import Path

    return str(Path(__file__).parent / "include")


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name], __name__), name)
    elif name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    else:
        raise AttributeError(f"module 'pondera' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
