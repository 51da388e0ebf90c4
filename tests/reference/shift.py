"""Density ratios in JAX: penalised logistic regression by Newton's method, folds given; AUC by all pairs."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np


def newton(features, labels, C=1.0, steps=50):
    """Coefficients and intercept (last) of scikit-learn's objective: C sum log-loss + |coef|^2 / 2."""
    A = jnp.concatenate([features, jnp.ones((len(features), 1))], axis=1)
    sign = jnp.where(labels, 1.0, -1.0)

    def objective(beta):
        return C * jax.nn.softplus(-sign * (A @ beta)).sum() + 0.5 * (beta[:-1] ** 2).sum()

    gradient, hessian = jax.jit(jax.grad(objective)), jax.jit(jax.hessian(objective))
    beta = jnp.zeros(A.shape[1])
    for _ in range(steps):
        beta = beta - jnp.linalg.solve(hessian(beta), gradient(beta))
    return beta


def log_ratio_source(source, target, fold_source, fold_target, cv):
    """Out-of-fold log-ratios of the source rows by logistic regression on standardised features and squares."""
    pooled = jnp.concatenate([jnp.asarray(source, dtype=jnp.float64), jnp.asarray(target, dtype=jnp.float64)])
    Z = (pooled - pooled.mean(0)) / pooled.std(0)
    F = jnp.concatenate([Z, Z**2], axis=1)
    is_target = np.arange(len(pooled)) >= len(source)
    fold = np.concatenate([fold_source, fold_target])
    out = np.zeros(len(pooled))
    for f in range(cv):
        train = fold != f
        beta = newton(F[train], is_target[train])
        prior = np.log((train & ~is_target).sum() / (train & is_target).sum())
        out[~train] = F[~train] @ beta[:-1] + beta[-1] + prior
    return out[: len(source)]


def auc(positive, negative):
    """By all pairs, with DeLong's variance from the definition of the structural components."""
    wins = (positive[:, None] > negative[None, :]) + 0.5 * (positive[:, None] == negative[None, :])
    v10, v01 = wins.mean(1), wins.mean(0)
    return wins.mean(), np.sqrt(v10.var(ddof=1) / len(v10) + v01.var(ddof=1) / len(v01))
