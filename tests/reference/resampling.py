"""Inverse-CDF resampling in JAX: positions by the table of schemes, indices by a search in the cumulative sum."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

PURPOSE = {"multinomial": 1, "stratified": 2, "systematic": 3}


def inverse_cdf(cumulative, n, scheme, key):
    C = jnp.asarray(cumulative)
    k = np.arange(n)
    stream = key.stream(PURPOSE[scheme])
    if scheme == "multinomial":
        x = jnp.asarray(stream.uniform(k)) * C[-1]
    else:
        u = stream.uniform(k) if scheme == "stratified" else stream.uniform(np.zeros(n, dtype=np.int64))
        x = (k + jnp.asarray(u)) * (C[-1] / n)
    index = jnp.searchsorted(C, x, side="right")
    last_positive = int(np.searchsorted(np.asarray(C), float(C[-1]), side="left"))
    return np.minimum(np.asarray(index), last_positive)
