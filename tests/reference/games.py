"""Games in JAX: every index by its definition (sums of discrete derivatives, least squares), Kernel SHAP by eliminating
the last player, its standard error by the dense sandwich, permutation walks player by player."""

from __future__ import annotations

import itertools
import math

import jax.numpy as jnp
import numpy as np


def _bit(members):
    return sum(1 << i for i in members)


def derivative(v, S, T):
    """D_S(T) = sum over L in S of (-1)^(s - #L) v(T u L)."""
    return sum(
        (-1) ** (len(S) - size) * v[_bit(T) | _bit(L)]
        for size in range(len(S) + 1)
        for L in itertools.combinations(S, size)
    )


def subsets(players):
    return [T for size in range(len(players) + 1) for T in itertools.combinations(players, size)]


def by_definition(values, index, order):
    """{S: value} for the sets of at most `order` players, from the middle column of the table of indices."""
    v = jnp.asarray(values, dtype=jnp.float64)
    n = int(math.log2(len(v)))
    out = {}
    if index in ("FSII", "FBII"):
        return faithful(v, n, index, order)
    for s in range(1, order + 1):
        for S in itertools.combinations(range(n), s):
            rest = [i for i in range(n) if i not in S]
            total = 0.0
            if index == "STII" and s < order:
                out[S] = derivative(v, S, ())
                continue
            for T in subsets(rest):
                t = len(T)
                if index in ("SV", "SII"):
                    w = math.factorial(n - t - s) * math.factorial(t) / math.factorial(n - s + 1)
                elif index in ("BV", "BII"):
                    w = 2.0 ** -(n - s)
                else:
                    w = order / n / math.comb(n - 1, t)
                total = total + w * derivative(v, S, T)
            out[S] = total
    return out


def faithful(v, n, index, order):
    """The least-squares fit of a polynomial of degree `order`: Shapley kernel with exact ends, or uniform weights."""
    S_all = subsets(range(n))
    monomials = [M for M in S_all if len(M) <= order]
    X = np.array([[float(set(M) <= set(S)) for M in monomials] for S in S_all])
    y = np.array([float(v[_bit(S)]) for S in S_all])
    if index == "FBII":
        beta = jnp.linalg.lstsq(jnp.asarray(X), jnp.asarray(y))[0]
    else:
        inner = [i for i, S in enumerate(S_all) if 0 < len(S) < n]
        size = [len(S_all[i]) for i in inner]
        w = np.sqrt([(n - 1) / (math.comb(n, s) * s * (n - s)) for s in size])
        ends = X[[0, len(S_all) - 1]]
        # Equality constraints by the KKT system.
        A = X[inner] * w[:, None]
        K = np.block([[A.T @ A, ends.T], [ends, np.zeros((2, 2))]])
        right = np.concatenate([A.T @ (y[inner] * w), y[[0, len(S_all) - 1]]])
        beta = jnp.linalg.solve(jnp.asarray(K), jnp.asarray(right))[: len(monomials)]
    return {M: beta[i] for i, M in enumerate(monomials)}


def kernel_shap(masks, weights, values, empty, full):
    """argmin sum w (v - v0 - z'phi)^2 subject to sum phi = v1 - v0, the last player eliminated."""
    Z, w, y = jnp.asarray(masks, dtype=jnp.float64), jnp.asarray(weights), jnp.asarray(values) - empty
    delta = full - empty
    A = Z[:, :-1] - Z[:, -1:]
    b = y - Z[:, -1] * delta
    phi = jnp.linalg.solve(A.T @ (w[:, None] * A), A.T @ (w * b))
    return jnp.append(phi, delta - phi.sum())


def kernel_shap_stderr(masks, weights, values, empty, full, cluster, sampled):
    """Sandwich over clusters of coalitions (-1: enumerated), scores of the sampled clusters centred."""
    Z, w, y = np.asarray(masks, dtype=float), np.asarray(weights), np.asarray(values)
    n = Z.shape[1]
    delta = full - empty
    P = np.eye(n) - 1 / n
    Zp = Z @ P
    target = y - empty - Z.sum(axis=1) / n * delta
    M = jnp.linalg.pinv(jnp.asarray(Zp.T @ (w[:, None] * Zp)), rtol=1e-10)
    phi = M @ (Zp.T @ (w * target))
    r = target - Zp @ np.asarray(phi)
    u = np.zeros((sampled, n))
    for c, row in zip(cluster, (w * r)[:, None] * Zp):
        if c >= 0:
            u[c] += row
    u = u - u.mean(axis=0)
    cov = M @ (u.T @ u) @ M * sampled / (sampled - (n - 1) / 2)
    return jnp.sqrt(jnp.diag(cov))


def permutation_marginals(v, key, n, pairs, paired):
    """(pairs, n): each player's mean marginal along order number j and, if paired, its reverse."""
    out = np.zeros((pairs, n))
    for j in range(pairs):
        order = key.stream(22, j).permutation(n)
        for walk in [order, order[::-1]] if paired else [order]:
            S = 0
            for i in walk:
                out[j, i] += v[S | 1 << int(i)] - v[S]
                S |= 1 << int(i)
    return out / (2 if paired else 1)


def moebius(values):
    """m(S) by inclusion and exclusion, one subset at a time."""
    v = np.asarray(values, dtype=float)
    n = int(math.log2(len(v)))
    out = np.zeros_like(v)
    for S in range(2**n):
        T = S
        while True:
            out[S] += (-1) ** (S.bit_count() - T.bit_count()) * v[T]
            if T == 0:
                break
            T = (T - 1) & S
    return out
