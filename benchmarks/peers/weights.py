"""Weights and resampling beside particles, NumPy, SciPy, JAX and arviz-stats.

The peers get normalised weights where they do not take logarithms; ours start from log-weights.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

import pondera as po
from benchmarks.peers._timing import compare


def _peer(module: str) -> Any:
    """The module, or None where the peer is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


def numpy_systematic(W: np.ndarray) -> np.ndarray:
    n = len(W)
    counts = np.diff(np.floor(n * np.cumsum(W) + 0.5).astype(np.int64), prepend=0)
    return np.repeat(np.arange(n), np.maximum(counts, 0))


def numpy_without_replacement(W: np.ndarray, k: int) -> np.ndarray:
    keys = np.log(np.random.default_rng(0).random(len(W))) / W
    return np.argpartition(keys, -k)[-k:]


def our_summaries(lw: np.ndarray) -> Any:
    weights = po.Weights(lw)
    return weights.normalized, weights.log_mean, weights.ess


def numpy_summaries(lw: np.ndarray) -> Any:
    top = lw.max()
    v = np.exp(lw - top)
    s = v.sum()
    return v / s, top + np.log(s) - np.log(len(v)), s * s / (v @ v)


def jax_summaries(lw: np.ndarray) -> Any:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    @jax.jit
    def summaries(x: Any) -> Any:
        top = x.max()
        v = jnp.exp(x - top)
        s = v.sum()
        return v / s, top + jnp.log(s) - jnp.log(len(v)), s * s / (v * v).sum()

    given = jnp.asarray(lw)
    return lambda: jax.block_until_ready(summaries(given))


def systematic(particles: Any, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    for n, goal in ((1_000_000, 3.0), (10_000_000, 1.5)):
        lw = rng.normal(size=n)
        W = po.Weights(lw).normalized
        name, ours = f"systematic from log-weights, {n:.0e}", partial(po.resample, lw, rng=0)
        yield compare(name, "NumPy counts", ours, partial(numpy_systematic, W), goal)
        if particles:
            theirs = partial(particles.systematic, W, n)
            yield compare(name, "particles", ours, theirs, goal)
            ours = partial(po.resample, lw, rng=0, out=np.empty(n, dtype=np.int64))
            yield compare(name + ", out=", "particles", ours, theirs, 2.0)


def rows() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(0)
    particles, arviz = _peer("particles.resampling"), _peer("arviz_stats.base")
    yield from systematic(particles, rng)
    lw = rng.normal(0.0, 3.0, 10_000_000)
    W = po.Weights(lw).normalized
    if particles:
        for scheme, goal in (("stratified", 2.0), ("multinomial", 1.3), ("residual", 3.0)):
            theirs = partial(getattr(particles, scheme), W, len(W))
            yield compare(f"{scheme}, 1e7", "particles", partial(po.resample, lw, scheme=scheme, rng=0), theirs, goal)
        many = rng.normal(size=(1000, 1000))
        each = list(po.Weights(many).normalized)
        ours = partial(po.resample, many, rng=0)
        yield compare("systematic, 1000 x 1000", "particles", ours, lambda: [*map(particles.systematic, each)], 4.0)

    name, ours = "normalise, log-sum-exp, ESS, 1e7", partial(our_summaries, lw)
    yield compare(name, "NumPy", ours, partial(numpy_summaries, lw), None, agree=1e-10)
    if _peer("jax"):
        yield compare(name, "JAX jit", ours, jax_summaries(lw), 2.0, agree=1e-10)

    k = 100_000
    ours = partial(po.sample_without_replacement, lw, k, rng=0)
    theirs = partial(numpy_without_replacement, W, k)
    yield compare("1e5 of 1e7 without replacement", "NumPy keys + argpartition", ours, theirs, 4.0)

    from scipy.stats.sampling import DiscreteAliasUrn

    n = 10_000_000
    ours = partial(po.AliasTable(W[:1_000_000]).draw, n, rng=0)
    theirs = partial(DiscreteAliasUrn(W[:1_000_000], random_state=rng).rvs, n)
    yield compare("1e7 categorical draws of 1e6", "SciPy alias", ours, theirs, 2.0)

    if arviz:
        for shape, goal in (((1, 1_000_000), 5.0), ((1000, 4000), 8.0)):
            x = rng.normal(size=shape)
            theirs = partial(arviz.array_stats.psislw, -x, axis=-1)
            name = f"PSIS, {shape[0]} x {shape[1]}"
            yield compare(name, "arviz-stats", partial(po.psis, x), theirs, goal, agree=1e-8)
