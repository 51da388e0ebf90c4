"""Shapley values of a callable at equal model rows: shap, shapiq, and what one would write in NumPy.

100 explained rows, 30 features, background 100; one antithetic pair of permutations a row, as shap's permutation
explainer does by default (62 coalitions, 6200 model rows). Kernel methods are compared at equal error instead.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import pondera as po

ROWS, D, B = 100, 30, 100


def medians(*functions: Callable[[], Any], repeats: int = 7) -> list[tuple[float, Any]]:
    """Median seconds and last result of each; they take turns, so that a busy machine slows all alike."""
    times: list[list[float]] = [[] for _ in functions]
    results: list[Any] = [None] * len(functions)
    for _ in range(repeats):
        for i, f in enumerate(functions):
            start = time.perf_counter()
            results[i] = f()
            times[i].append(time.perf_counter() - start)
    return [(sorted(t)[repeats // 2], r) for t, r in zip(times, results)]


def models() -> dict[str, Callable[[Any], Any]]:
    rng = np.random.default_rng(0)
    w = rng.normal(size=D)
    W1, W2, W3 = rng.normal(size=(D, 64)) / 6, rng.normal(size=(64, 64)) / 8, rng.normal(size=64)
    return {
        "linear": lambda X: X @ w,
        "MLP": lambda X: np.tanh(np.tanh(X @ W1) @ W2) @ W3,
    }


def ours(model: Any, X: Any, background: Any, method: str = "permutation", budget: int = 2 * D + 2) -> Any:
    out = np.empty((len(X), D))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", po.ReliabilityWarning)  # one pair has no standard error
        for r, x in enumerate(X):
            game = po.MarginalGame(model, x, background)
            out[r] = po.shapley(game, method=method, budget=budget, rng=r).values
    return out


def by_hand(model: Any, X: Any, background: Any) -> Any:
    """Forth and back along one permutation a row, a row's coalitions in one call of the model."""
    rng = np.random.default_rng(0)
    out = np.empty((len(X), D))
    for r, x in enumerate(X):
        order = rng.permutation(D)
        masks = np.zeros((2 * D, D), dtype=bool)
        for t in range(D):
            masks[t + 1 :, order[t]] = True
        masks[D:] = False
        for t in range(D - 1):
            masks[D + 1 + t :, order[D - 1 - t]] = True
        rows = np.where(masks[:, None, :], x, background).reshape(-1, D)
        v = model(rows).reshape(2 * D, B).mean(axis=1)
        v = np.append(v, model(x[None])[0])  # all features
        forth, back = np.append(v[:D], v[2 * D]), np.append(v[D : 2 * D], v[2 * D])
        out[r, order] = (np.diff(forth) + np.diff(back)[::-1]) / 2
    return out


def rows() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(1)
    X, background = rng.normal(size=(ROWS, D)), rng.normal(size=(B, D))
    for name, model in models().items():
        asked: list[Any] = []

        def recorder(rows: Any, model: Any = model, asked: list[Any] = asked) -> Any:
            asked.append(rows)
            return model(rows)

        ours(recorder, X[:1], background)
        sides: dict[str, Callable[[], Any]] = {
            "ours": lambda m=model: ours(m, X, background),  # type: ignore[misc]
            "NumPy by hand": lambda m=model: by_hand(m, X, background),  # type: ignore[misc]
            "the model alone": lambda m=model, a=asked: [m(rows) for _ in X for rows in a],  # type: ignore[misc]
        }
        explain = shap_permutation(model, X, background)
        if explain:
            sides["shap Permutation"] = explain
        found = dict(zip(sides, medians(*sides.values())))
        # Additivity holds for every permutation, whatever the draw; of the linear model the values are known.
        total = model(X) - model(background).mean()
        for side, (_, values) in found.items():
            if side != "the model alone":
                np.testing.assert_allclose(values.sum(axis=1), total, atol=1e-6)
        if name == "linear":
            np.testing.assert_allclose(found["ours"][1], found["NumPy by hand"][1], atol=1e-9)
        seconds = found.pop("ours")[0]
        floor = found["the model alone"][0]
        targets = {"NumPy by hand": 1.0, "the model alone": 1 / 1.2 if name == "MLP" else None, "shap Permutation": 2.0}
        for side, (peer, _) in found.items():
            yield {
                "name": f"Shapley by permutation, {ROWS} x {D}, background {B}, {name}",
                "peer": side,
                "ours_s": seconds,
                "peer_s": peer,
                "ratio": peer / seconds,
                "target": targets[side],
                "floor_s": floor,
            }
    yield from kernel_rows(models()["MLP"], X[:3], background)


def shap_permutation(model: Any, X: Any, background: Any) -> Callable[[], Any] | None:
    try:
        import shap
    except ImportError:
        return None
    explainer = shap.explainers.Permutation(model, shap.maskers.Independent(background, max_samples=B), seed=0)
    return lambda: explainer(X, max_evals=2 * D + 1, silent=True).values


def kernel_rows(model: Any, X: Any, background: Any) -> Iterator[dict[str, Any]]:
    """Time until the mean error is that of shap's Kernel SHAP with 2108 evaluations."""
    truth = ours(model, X, background, "kernel", 30_000)
    try:
        import shap
    except ImportError:
        return
    explainer = shap.KernelExplainer(model, background)
    start = time.perf_counter()
    theirs = explainer.shap_values(X, nsamples=2 * D + 2048, l1_reg=False, silent=True)
    peer = time.perf_counter() - start
    error = np.sqrt(np.mean((theirs - truth) ** 2))
    for budget in (200, 400, 600, 800, 1000, 1200, 1400, 1600, 2108):
        [(seconds, values)] = medians(lambda b=budget: ours(model, X, background, "kernel", b), repeats=3)  # type: ignore[misc]
        if np.sqrt(np.mean((values - truth) ** 2)) <= error:
            break
    yield {
        "name": f"Shapley values of an MLP, {len(X)} rows, at the error of 2108 evaluations",
        "peer": "shap Kernel",
        "ours_s": seconds,
        "peer_s": peer,
        "ratio": peer / seconds,
        "target": 10.0,
    }
    try:
        import shapiq
    except ImportError:
        return
    imputer = shapiq.MarginalImputer(model=model, data=background, sample_size=B, random_state=0)
    start = time.perf_counter()
    theirs = []
    for x in X:
        imputer.fit(x)
        values = shapiq.KernelSHAP(n=D, random_state=0).approximate(budget=budget, game=imputer)
        theirs.append([values[(i,)] for i in range(D)])
    peer = time.perf_counter() - start
    error = np.sqrt(np.mean((np.array(theirs) - truth) ** 2))
    ours_error = np.sqrt(np.mean((ours(model, X, background, "kernel", budget) - truth) ** 2))
    yield {
        "name": f"the same, {budget} evaluations (error {ours_error:.2g}, theirs {error:.2g})",
        "peer": "shapiq KernelSHAP",
        "ours_s": seconds,
        "peer_s": peer,
        "ratio": peer / seconds,
        "target": 1.0,
    }
