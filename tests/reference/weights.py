"""Weight summaries and Pareto smoothing in JAX."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np


def logsumexp(x):
    return float(jax.scipy.special.logsumexp(jnp.asarray(x, dtype=jnp.float64)))


def summaries(log_weights):
    lw = jnp.asarray(np.asarray(log_weights, dtype=np.float64))
    W = jax.nn.softmax(lw, axis=-1)
    n = lw.shape[-1]
    ess = 1 / (W**2).sum(-1)
    return {
        "normalized": W,
        "ess": ess,
        "chi2": n / ess - 1,
        "ess_perplexity": jnp.exp(-(W * jax.nn.log_softmax(lw, axis=-1)).sum(-1)),
        "ess_max": 1 / W.max(-1),
        "log_mean": jax.scipy.special.logsumexp(lw, axis=-1) - jnp.log(n),
    }


def fit(y):
    """Zhang and Stephens (2009) with the weak prior of Vehtari et al.; y ascending excesses."""
    n = len(y)
    m = 30 + int(np.sqrt(n))
    j = jnp.arange(1, m + 1)
    b = 1 / y[-1] + (1 - jnp.sqrt(m / (j - 0.5))) / (3 * y[int(n / 4 + 0.5) - 1])
    k = jnp.log1p(-b[:, None] * y).mean(1)
    weight = jax.nn.softmax(n * (jnp.log(-b / k) - k - 1))
    weight = jnp.where(weight >= 10 * jnp.finfo(jnp.float64).eps, weight, 0)
    slope = (b * weight).sum() / weight.sum()
    k = jnp.log1p(-slope * y).mean()
    return (n * k + 5) / (n + 10), -k / slope


def psis(log_weights):
    lw = jnp.asarray(log_weights) - jnp.max(jnp.asarray(log_weights))
    n = len(lw)
    m = int(3 * np.sqrt(n)) if n > 225 else n // 5
    order = jnp.argsort(lw, stable=True)
    tail, cut = order[-m:], jnp.exp(lw[order[-m - 1]])
    k, sigma = fit(jnp.exp(lw[tail]) - cut)
    p = (jnp.arange(m) + 0.5) / m
    quantile = cut + sigma * jnp.expm1(-k * jnp.log1p(-p)) / k
    lw = lw.at[tail].set(jnp.minimum(jnp.log(quantile), 0.0))
    return lw - jax.scipy.special.logsumexp(lw), k
