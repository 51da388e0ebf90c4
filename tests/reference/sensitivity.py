"""Sobol' indices in JAX, and the digits of Sobol' sequences and their scramblings one by one, from the definitions."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

BITS = 52


def directions(polynomial, initial):
    """Direction integers of 52 bits of one dimension: m_k = 2 a_1 m_{k-1} ^ ... ^ 2^s m_{k-s} ^ m_{k-s}."""
    s = polynomial.bit_length() - 1
    m = list(initial[:s]) if s else [1] * BITS
    a = [polynomial >> (s - i) & 1 for i in range(s + 1)]
    for k in range(len(m), BITS):
        value = m[k - s]
        for i in range(1, s + 1):
            value ^= a[i] * 2**i * m[k - i]
        m.append(value)
    return [m[k] << (BITS - 1 - k) for k in range(BITS)]


def digits(v, index):
    """Digits of one coordinate of point `index` in Gray-code order."""
    gray, x = index ^ (index >> 1), 0
    for k in range(BITS):
        x ^= v[k] if gray >> k & 1 else 0
    return x


def owen(philox, key, x, dimension):
    """Digits after nested scrambling, level by level. `philox` is the generator of four words."""

    def word(element, level):
        w = philox(element % 2**32, element >> 32, dimension, 26 << 24 | level, *key.words)
        return sum(int(part) << (32 * i) for i, part in enumerate(w))

    out = 0
    for level in range(28):
        j, r = divmod(level, 7)
        within = x >> (BITS - level) & (2**r - 1)  # the r digits before this one
        flip = word(x >> (BITS - 7 * j), j) >> (2**r - 1 + within) & 1
        out |= ((x >> (BITS - 1 - level) & 1) ^ flip) << (BITS - 1 - level)
    low = 2**24 - 1
    return out | (x & low) ^ (word(x >> 24, 4) & low)


def lms(bits, x):
    """Digits after a lower-triangular matrix and a shift; `bits` are the stream's 64-bit words 0..52."""
    out = 0
    for level in range(BITS):
        row = int(bits[level]) >> 12
        total = x >> (BITS - 1 - level) & 1
        for higher in range(level):
            total ^= (row >> (BITS - 1 - higher) & 1) & (x >> (BITS - 1 - higher) & 1)
        out |= total << (BITS - 1 - level)
    return out ^ (int(bits[BITS]) >> 12)


def indices(yA, yB, yAB, first, total):
    """The two tables of estimators; yAB has one row an input."""
    a, b, c = (jnp.asarray(x, dtype=jnp.float64) for x in (yA, yB, yAB))
    mean = jnp.concatenate([a, b]).mean()
    a, b, c = a - mean, b - mean, c - mean
    V = jnp.concatenate([a, b]).var()
    f0 = (a * b).mean()

    def pearson(x, y):
        x, y = x - x.mean(-1, keepdims=True), y - y.mean(-1, keepdims=True)
        return (x * y).sum(-1) / jnp.sqrt((x**2).sum(-1) * (y**2).sum(-1))

    def janon(x, y):
        u = ((x + y) / 2).mean(-1)
        return ((x * y).mean(-1) - u**2) / (((x**2 + y**2) / 2).mean(-1) - u**2)

    S = {
        "saltelli": lambda: (b * (c - a)).mean(-1) / V,
        "jansen": lambda: 1 - ((b - c) ** 2).mean(-1) / (2 * V),
        "homma": lambda: ((b * c).mean(-1) - f0) / V,
        "janon": lambda: janon(b, c),
        "glen": lambda: pearson(b, c),
        "martinez": lambda: pearson(b, c),
    }
    ST = {
        "saltelli": lambda: (a * (a - c)).mean(-1) / V,
        "jansen": lambda: ((a - c) ** 2).mean(-1) / (2 * V),
        "homma": lambda: 1 - ((a * c).mean(-1) - f0) / V,
        "janon": lambda: 1 - janon(a, c),
        "glen": lambda: 1 - pearson(a, c),
        "martinez": lambda: 1 - pearson(a, c),
    }
    return np.asarray(S[first]()), np.asarray(ST[total]())


def second_order(yA, yB, yAB, yBA, first):
    mean = np.concatenate([yA, yB]).mean()
    a, b, ab, ba = (jnp.asarray(x - mean) for x in (yA, yB, yAB, yBA))
    V = jnp.concatenate([a, b]).var()
    closed = (ab @ ba.T / len(a) - (a * b).mean()) / V
    return np.asarray(closed - first[:, None] - first[None, :])


def ranks(x, y):
    """First-order index by ranks, no ties."""
    s = jnp.asarray(y)[jnp.argsort(jnp.asarray(x))]
    return float(((s * jnp.roll(s, -1)).mean() - s.mean() ** 2) / s.var())
