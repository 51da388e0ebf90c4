"""Intervals and multiple tests in JAX, each from its definition rather than from a formula for its solution."""

from __future__ import annotations

import itertools

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import betainc, gammaincc
from jax.scipy.stats import norm


def _bisect(below, n=200):
    """The point of [0, 1] where `below` turns from true to false."""
    low, high = 0.0, 1.0
    for _ in range(n):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if below(middle) else (low, middle)
    return 0.5 * (low + high)


def tail(k, n, p):
    """P(X >= k) for X ~ Bin(n, p)."""
    return 1.0 if k == 0 else float(betainc(float(k), float(n - k + 1), p))


def clopper_pearson(k, n, alpha):
    """The proportions that neither one-sided exact test at alpha / 2 rejects."""
    lower = 0.0 if k == 0 else _bisect(lambda p: tail(k, n, p) < alpha / 2)
    upper = 1.0 if k == n else _bisect(lambda p: 1 - tail(k + 1, n, p) > alpha / 2)
    return lower, upper


def wilson(k, n, alpha):
    """The proportions that the score test does not reject."""
    z = float(norm.ppf(1 - alpha / 2))

    def rejected(p):
        return abs(k / n - p) > z * np.sqrt(p * (1 - p) / n)

    lower = _bisect(lambda q: rejected(q * k / n)) * k / n
    upper = 1 - _bisect(lambda q: rejected(1 - q * (1 - k / n))) * (1 - k / n)
    return lower, upper


def holm(p_values):
    """Closed testing: a hypothesis falls if every intersection that holds it falls by Bonferroni's test."""
    m = len(p_values)
    adjusted = np.zeros(m)
    for size in range(1, m + 1):
        for subset in itertools.combinations(range(m), size):
            chosen = list(subset)
            adjusted[chosen] = np.maximum(adjusted[chosen], min(1.0, size * min(p_values[i] for i in subset)))
    return adjusted


def simes(p_values):
    p = jnp.sort(jnp.asarray(p_values))
    return float(jnp.min(p * len(p) / jnp.arange(1, len(p) + 1)))


def fisher_combine(p_values):
    statistic = -2 * jnp.log(jnp.asarray(p_values)).sum()
    return float(statistic), float(gammaincc(len(p_values), statistic / 2))


def e_bh(e_values, alpha):
    """The largest set R in which every e-value is at least m / (alpha |R|)."""
    m = len(e_values)
    for size in range(m, 0, -1):
        for subset in itertools.combinations(range(m), size):
            if min(e_values[i] for i in subset) >= m / (alpha * size):
                return np.isin(np.arange(m), subset)
    return np.zeros(m, dtype=bool)
