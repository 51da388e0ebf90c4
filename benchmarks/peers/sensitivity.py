"""Sobol' points and indices beside SciPy, torch, OpenTURNS, SALib and the NumPy lines that users write."""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import pondera as po

N, D = 2**20, 64


def seconds(f: Callable[[], Any], repeats: int = 5) -> float:
    f()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        f()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def row(name: str, peer: str, ours: float, theirs: float, target: float | None, floor: float | None = None) -> dict:
    return {
        "name": name,
        "peer": peer,
        "ours_s": ours,
        "peer_s": theirs,
        "ratio": theirs / ours,
        "target": target,
        "floor_s": floor,
    }


def peers_of_points() -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """(peer, our scrambling of the same kind, call)"""
    from scipy.stats import qmc

    yield "scipy plain", "plain", lambda: qmc.Sobol(D, scramble=False).random(N)
    yield "scipy scrambled", "lms", lambda: qmc.Sobol(D, seed=0).random(N)
    try:
        import torch

        engine = torch.quasirandom.SobolEngine
        yield "torch plain", "plain", lambda: engine(D).draw(N, dtype=torch.float64).numpy()
        yield "torch scrambled", "lms", lambda: engine(D, scramble=True, seed=0).draw(N, dtype=torch.float64).numpy()
    except ImportError:
        pass
    try:
        import openturns as ot

        yield "openturns plain", "plain", lambda: np.asarray(ot.SobolSequence(D).generate(N))
    except ImportError:
        pass


def points() -> Iterator[dict[str, Any]]:
    out = np.empty((N, D))
    floor = out.nbytes / 28e9  # memory bandwidth of two threads
    kinds = {"plain": None, "lms": "lms", "owen": "owen"}
    ours = {
        kind: seconds(lambda s=scramble: po.sobol_sequence(N, D, scramble=s, rng=0, out=out))
        for kind, scramble in kinds.items()
    }
    fresh = {
        kind: seconds(lambda s=scramble: po.sobol_sequence(N, D, scramble=s, rng=0)) for kind, scramble in kinds.items()
    }
    plain = po.sobol_sequence(N, D, scramble=None)
    size = "Sobol' points 2^20 x 64"
    for peer, kind, call in peers_of_points():
        theirs = call()
        if kind == "plain":
            # torch and OpenTURNS leave out the first point, OpenTURNS in another order of the same points.
            shared = plain[1:] if len(theirs) == N and theirs[0].any() else plain
            same = np.array_equal(np.sort(theirs[: len(shared), :2], axis=0), np.sort(shared[:, :2], axis=0))
            assert same or "openturns" in peer, peer
        else:
            assert (np.sort(np.floor(theirs[:1024, 0] * 1024)) == np.arange(1024)).all(), peer
        del theirs
        peer_s = seconds(call, 3)
        yield row(f"{size}, {kind}, in place", peer, ours[kind], peer_s, 2.5, floor)
        yield row(f"{size}, {kind}, fresh", peer, fresh[kind], peer_s, 1.5)
    yield row(f"{size}, owen against our lms (target 1/6)", "pondera lms", ours["owen"], ours["lms"], 1 / 6, floor)


def ishigami(X: Any) -> Any:
    return np.sin(X[:, 0]) + 7 * np.sin(X[:, 1]) ** 2 + 0.1 * X[:, 2] ** 4 * np.sin(X[:, 0])


def lines(y: Any, n: int, n_boot: int) -> Any:
    """What users write."""
    a, b, *c = y.reshape(5, n)
    c = np.array(c)
    mean = np.concatenate([a, b]).mean()
    a, b, c = a - mean, b - mean, c - mean

    def indices(a: Any, b: Any, c: Any) -> Any:
        v = np.concatenate([a, b]).var()
        return np.stack([(b * (c - a)).mean(1) / v, ((a - c) ** 2).mean(1) / (2 * v)])

    rng = np.random.default_rng(0)
    boot = []
    for _ in range(n_boot):
        rows = rng.integers(0, n, n)
        boot.append(indices(a[rows], b[rows], c[:, rows]))
    return indices(a, b, c), np.std(boot, axis=0, ddof=1)


def indices() -> Iterator[dict[str, Any]]:
    n, n_boot = 2**16, 100
    design = po.saltelli_design(n, dists=[(-np.pi, np.pi)] * 3, rng=0)
    y = ishigami(design.X)

    def ours() -> Any:
        return po.sobol_indices(design, y, n_boot=n_boot, interval="bootstrap", rng=0)

    result = ours()
    ours_s = seconds(ours)
    name = "Sobol' indices, Ishigami 2^16, 100 bootstraps"

    value, stderr = lines(y, n, n_boot)
    np.testing.assert_allclose(value, [result.first, result.total], atol=1e-12)
    np.testing.assert_allclose(stderr, [result.first_stderr, result.total_stderr], rtol=0.5)
    yield row(name, "NumPy lines", ours_s, seconds(lambda: lines(y, n, n_boot), 3), 2.0)
    try:
        from SALib.analyze import sobol

        problem = {"num_vars": 3, "names": ["a", "b", "c"], "bounds": [[-np.pi, np.pi]] * 3}
        a, b, *c = y.reshape(5, n)
        order = np.stack([a, *c, b], axis=1).ravel()
        for label, options in (("SALib", {}), ("SALib parallel", {"parallel": True, "n_processors": 2})):

            def call(options: Any = options) -> Any:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    return sobol.analyze(
                        problem, order, calc_second_order=False, num_resamples=n_boot, seed=0, **options
                    )

            np.testing.assert_allclose(call()["ST"], result.total, atol=1e-12)
            yield row(name, label, ours_s, seconds(call, 3), 10.0 if label == "SALib" else None)
    except ImportError:
        pass
    try:
        import openturns as ot

        a, b, *c = y.reshape(5, n)
        X, Y = design.X, ot.Sample(y[:, None])

        def turns() -> Any:
            algorithm = ot.SaltelliSensitivityAlgorithm(ot.Sample(X), Y, n)
            algorithm.setBootstrapSize(n_boot)
            algorithm.setUseAsymptoticDistribution(False)
            algorithm.getTotalOrderIndicesInterval()
            return np.array(algorithm.getFirstOrderIndices())

        np.testing.assert_allclose(turns(), result.first, atol=0.01)  # another centring
        yield row(name, "openturns", ours_s, seconds(turns, 3), None)
    except ImportError:
        pass


def rows() -> Iterator[dict[str, Any]]:
    yield from points()
    yield from indices()
