"""Nearest-neighbour entropy and divergences in JAX, transcribed from the formulas."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import digamma, gammaln

from .neighbors import distances


def log_ball(d, metric):
    if metric == "euclidean":
        return d / 2 * jnp.log(jnp.pi) - gammaln(d / 2 + 1)
    return d * jnp.log(2.0) - (gammaln(d + 1.0) if metric == "cityblock" else 0.0)


def sorted_distances(X, Y, metric):
    """Distances to the other rows of X and to the rows of Y, ascending."""
    inside = np.array(distances(X, X, metric))
    np.fill_diagonal(inside, np.inf)
    return jnp.sort(jnp.asarray(inside), axis=1)[:, :-1], jnp.sort(distances(X, Y, metric), axis=1)


def entropy(X, k, metric="euclidean"):
    n, d = X.shape
    rho = sorted_distances(X, X[:1], metric)[0][:, k - 1]
    return float(digamma(n) - digamma(k) + log_ball(d, metric) + d * jnp.log(rho).mean())


def kl(X, Y, k_x, k_y, metric="euclidean"):
    n, d = X.shape
    rho, nu = sorted_distances(X, Y, metric)
    value = d * jnp.log(nu[:, k_y - 1] / rho[:, k_x - 1]).mean() + jnp.log(len(Y) / (n - 1))
    return float(value + digamma(k_x) - digamma(k_y))


def kl_adaptive(X, Y, metric="euclidean"):
    n, d = X.shape
    rho, nu = sorted_distances(X, Y, metric)
    eps = jnp.maximum(rho[:, 0], nu[:, 0])[:, None]
    l, k = (rho <= eps).sum(1), (nu <= eps).sum(1)
    row = jnp.arange(n)
    ratio = nu[row, k - 1] / rho[row, l - 1]
    return float(d * jnp.log(ratio).mean() + (digamma(l) - digamma(k)).mean() + jnp.log(len(Y) / (n - 1)))


def power_mean(X, Y, alpha, k, metric="euclidean"):
    """Estimate of the integral of p^alpha q^(1 - alpha)."""
    n, d = X.shape
    rho, nu = sorted_distances(X, Y, metric)
    B = jnp.exp(2 * gammaln(k * 1.0) - gammaln(k - alpha + 1) - gammaln(k + alpha - 1))
    ratio = (n - 1) * rho[:, k - 1] ** d / (len(Y) * nu[:, k - 1] ** d)
    return float(B * (ratio ** (1 - alpha)).mean())


def renyi(X, Y, alpha, k, metric="euclidean"):
    return float(jnp.log(power_mean(X, Y, alpha, k, metric)) / (alpha - 1))
