"""NNR: the ensemble against single numbers of neighbours, the published weights and a k-NN Renyi estimator.

The paper's experiment on a laptop: truncated normals N(0.5, 0.3) and N(0.7, 0.3) on the unit cube in 1, 2 and 3
dimensions, Renyi divergence of order 1/2, mean squared error against the number of rows. The truth is a quadrature.
Run ``python benchmarks/claims/information/nnr.py [--quick]``.
"""

from __future__ import annotations

import argparse
import math
import time
from typing import Any

import numpy as np
from pondera_information.nnr import ensemble_nnr_divergence, ensemble_weights, nnr_divergence
from scipy.integrate import quad
from scipy.special import ndtr, ndtri

import pondera as po

TITLE = "Direct Estimation of Information Divergence Using Nearest Neighbor Ratios"
SOURCE = "arXiv:1702.05222"

MEANS, SCALE, ALPHA = (0.5, 0.7), 0.3, 0.5
OURS = "ensemble"
SINGLE = {f"single k = {c} sqrt N": c for c in (1, 2, 3)}
WEIGHTS = {"ensemble, published weights": "published", "ensemble, with l^(2/d)": "inverse-k+2"}
OTHERS = (*SINGLE, *WEIGHTS, "plain average of the members", "k-NN Renyi, k = 5")


def truncated_normals(mean: float, n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    low, high = ndtr((0 - mean) / SCALE), ndtr((1 - mean) / SCALE)
    return mean + SCALE * ndtri(rng.uniform(low, high, size=(n, d)))


def truth_per_dimension() -> float:
    """log(integral of p^alpha q^(1 - alpha)) / (alpha - 1) of one column; columns add."""

    def density(x: float, mean: float) -> float:
        mass = ndtr((1 - mean) / SCALE) - ndtr((0 - mean) / SCALE)
        return math.exp(-0.5 * ((x - mean) / SCALE) ** 2) / (SCALE * math.sqrt(2 * math.pi) * mass)

    integral, _ = quad(
        lambda x: density(x, MEANS[0]) ** ALPHA * density(x, MEANS[1]) ** (1 - ALPHA), 0, 1, epsabs=1e-12
    )
    return math.log(integral) / (ALPHA - 1)


def estimates(n: int, d: int, seed: int) -> dict[str, float]:
    rng = np.random.default_rng([seed, n, d])
    X, Y = (truncated_normals(mean, n, d, rng) for mean in MEANS)
    ours = ensemble_nnr_divergence(X, Y, alpha=ALPHA, n_blocks=0, rng=seed)
    members, l = ours.diagnostics["member_values"], ours.diagnostics["k"] / math.sqrt(n)
    found = {OURS: ours.value, "plain average of the members": members.mean()}
    for name, constraint in WEIGHTS.items():  # the same members: `constraint` only changes the weights
        found[name] = ensemble_weights(l, d, constraint=constraint) @ members
    for name, c in SINGLE.items():
        found[name] = nnr_divergence(X, Y, alpha=ALPHA, k=int(c * math.sqrt(n)), n_blocks=0, rng=seed).value
    found["k-NN Renyi, k = 5"] = po.renyi_divergence(X, Y, ALPHA, 5, n_blocks=0, rng=seed).value
    return {name: float(value) for name, value in found.items()}


def run(*, quick: bool = False, progress: Any = lambda done, total: None) -> dict[str, Any]:
    """Mean squared errors over seeds; ``quick`` is few seeds, rows and dimensions."""
    start = time.perf_counter()
    seeds, rows, dimensions = (6, (250, 500, 1000), (1, 2)) if quick else (30, (500, 1000, 2000, 4000), (1, 2, 3))
    unit = truth_per_dimension()
    squares: dict[tuple[str, int, int], np.ndarray] = {}
    done, total = 0, len(dimensions) * len(rows) * seeds
    for d in dimensions:
        for n in rows:
            found = []
            for seed in range(seeds):
                found.append(estimates(n, d, seed))
                done += 1
                progress(done, total)
            for name in found[0]:
                squares[name, n, d] = (np.array([f[name] for f in found]) - d * unit) ** 2
    most = rows[-1]
    missed = [f"slope in d = {d}" for d in (1, 2) if slope(squares, OURS, rows, d)[0] > -0.85]
    missed += [
        f"RMSE below {name} in d = {d}"
        for d in dimensions
        for name in SINGLE
        if not squares[OURS, most, d].mean() < squares[name, most, d].mean()
    ]
    published = ", ".join(rmse(squares, "ensemble, published weights", most, d) for d in dimensions)
    faster = [f"d = {d}" for d in dimensions if all(_faster(squares, name, rows, d) for name in SINGLE)]
    reason = (
        f"Truncated normals, {seeds} seeds, N = M up to {most}; truth {unit:.4f} a dimension. "
        + (f"Missed: {'; '.join(missed)}. " if missed else "Every criterion holds. ")
        + "These are our default weights, which cancel the 1/k bias; the paper's do not, and multiply it: "
        + f"their RMSE in d = {dimensions[0]} to {dimensions[-1]} is {published}. "
        + f"A slope steeper than those of all single k by two standard errors: {', '.join(faster) or 'no dimension'}."
    )
    return {
        "plugin": "information",
        "system": "nnr",
        "title": TITLE,
        "source": SOURCE,
        "reproduced": not missed,
        "reason": reason,
        "seeds": seeds,
        "rows": [row for d in dimensions for row in _rows(squares, rows, d)],
        "seconds": round(time.perf_counter() - start, 1),
    }


def slope(squares: Any, name: str, rows: tuple[int, ...], d: int) -> tuple[float, float]:
    """Least squares slope of log MSE against log N, and its standard error from the scatter over seeds."""
    x = np.log(rows)
    x -= x.mean()
    weights = x / (x @ x)
    errors = [squares[name, n, d] for n in rows]
    log_mse = np.log([e.mean() for e in errors])
    scatter = np.array([e.std(ddof=1) / math.sqrt(len(e)) / e.mean() for e in errors])  # of log MSE
    return float(weights @ log_mse), float(np.sqrt((weights * scatter) @ (weights * scatter)))


def _faster(squares: Any, single: str, rows: tuple[int, ...], d: int) -> bool:
    (ours, error), (other, other_error) = slope(squares, OURS, rows, d), slope(squares, single, rows, d)
    return ours < other - 2 * math.hypot(error, other_error)


def rmse(squares: Any, name: str, n: int, d: int) -> str:
    e = squares[name, n, d]
    root = math.sqrt(e.mean())
    return f"{root:.4f} ± {e.std(ddof=1) / math.sqrt(len(e)) / (2 * root):.4f}"


def _rows(squares: Any, rows: tuple[int, ...], d: int) -> list[dict[str, str]]:
    def slopes(*names: str) -> str:
        return ", ".join("{:.2f} ± {:.2f}".format(*slope(squares, name, rows, d)) for name in names)

    most = rows[-1]
    return [
        {
            "name": f"d = {d}: slope of log MSE against log N; against single k = 1, 2, 3 sqrt N",
            "ours": slopes(OURS),
            "baseline": slopes(*SINGLE),
            "paper": f"-1; single -2g/(g + {d}) (theorems)",
        },
        *(
            {
                "name": f"d = {d}: RMSE at N = {most}; against {other}",
                "ours": rmse(squares, OURS, most, d),
                "baseline": rmse(squares, other, most, d),
                "paper": "no number; ensemble best (figure)",
            }
            for other in OTHERS
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    result = run(quick=parser.parse_args().quick)
    print(f"{TITLE}\n{'reproduced' if result['reproduced'] else 'not reproduced'}: {result['reason']}\n")
    print(f"{'measured':80} {'ours':>16} {'baseline':>44}  paper")
    for row in result["rows"]:
        print(f"{row['name']:80} {row['ours']:>16} {row['baseline']:>44}  {row['paper']}")
    print(f"\n{result['seeds']} seed(s), {result['seconds']} s")


if __name__ == "__main__":
    main()
