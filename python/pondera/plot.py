"""Pictures of results. Every function draws on the given Axes, with error bars, and returns it; nothing is shown."""

from __future__ import annotations

from typing import Any

import numpy as np

from .results import Attribution, Curve, Ranking, SobolIndices


def _kind(kind: str | None, known: tuple[str, ...]) -> str:
    if kind is None:
        return known[0]
    if kind not in known:
        raise ValueError(f"kind: expected one of {', '.join(known)}, received {kind!r}")
    return kind


def plot_attribution(result: Attribution, kind: str | None, *, ax: Any) -> Any:
    values = np.asarray(result.values)
    if values.ndim == 1:
        _kind(kind, ("bar",))
        ranking = Ranking(scores=np.abs(values), names=result.names)
        order = ranking.order[::-1][-30:] if ranking.order is not None else np.arange(len(values))
        stderr = np.broadcast_to(result.stderr, values.shape)[order]
        ax.barh(np.arange(len(order)), values[order], xerr=np.where(np.isfinite(stderr), stderr, 0.0))
        ax.set_yticks(np.arange(len(order)), [ranking.names[i] for i in order])
        ax.set_xlabel("value")
        return ax
    if values.ndim == 2 and len(result.names) == values.shape[1]:
        return plot_ranking(result.ranking(), kind, ax=ax)
    if values.ndim == 2:
        _kind(kind, ("map",))
        limit = float(np.abs(values).max()) or 1.0
        ax.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit)
        ax.set_axis_off()
        return ax
    raise ValueError("plot: choose one row or output first")


def plot_ranking(result: Ranking, kind: str | None, *, ax: Any) -> Any:
    _kind(kind, ("bar",))
    assert result.order is not None
    order = result.order[:30][::-1]
    stderr = np.broadcast_to(result.stderr, np.shape(result.scores))[order]
    ax.barh(np.arange(len(order)), result.scores[order], xerr=np.where(np.isfinite(stderr), stderr, 0.0))
    ax.set_yticks(np.arange(len(order)), [result.names[i] for i in order])
    ax.set_xlabel("score")
    return ax


def plot_curve(result: Curve, kind: str | None, *, ax: Any) -> Any:
    _kind(kind, ("line",))
    stderr = np.broadcast_to(result.stderr, np.shape(result.y))
    (line,) = ax.plot(result.x, result.y)
    if np.isfinite(stderr).all():
        ax.fill_between(result.x, result.y - stderr, result.y + stderr, alpha=0.2, color=line.get_color())
    return ax


def plot_sobol(result: SobolIndices, kind: str | None, *, ax: Any) -> Any:
    _kind(kind, ("bar",))
    position = np.arange(len(result.first))
    for shift, name in ((-0.2, "first"), (0.2, "total")):
        value = getattr(result, name)
        bounds = getattr(result, f"{name}_interval")
        error = None
        if bounds is not None:
            error = np.clip(np.stack([value - bounds.lower, bounds.upper - value]), 0, None)
        ax.bar(position + shift, value, width=0.4, yerr=error, label=name)
    ax.set_xticks(position, result.names or [f"x{i}" for i in position], rotation=45, ha="right")
    ax.legend()
    return ax
