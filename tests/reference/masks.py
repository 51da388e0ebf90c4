"""Random masks, weighted maps with their standard errors, bicubic upsampling and ranks in JAX, from the formulas."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np


def stretched(cells, image_size, offset=None):
    """A binary grid stretched over one cell more than the image and cropped at `offset`; or just over the image."""
    gh, gw = cells.shape
    H, W = image_size
    if offset is None:
        lengths, offset = (H, W), (0, 0)
    else:
        lengths = ((gh + 1) * -(-H // gh), (gw + 1) * -(-W // gw))
    y = (jnp.arange(H) + offset[0] + 0.5) * gh / lengths[0] - 0.5
    x = (jnp.arange(W) + offset[1] + 0.5) * gw / lengths[1] - 0.5
    grid = jnp.meshgrid(y, x, indexing="ij")
    return jax.scipy.ndimage.map_coordinates(jnp.asarray(cells, dtype=jnp.float64), grid, order=1, mode="mirror")


def weighted_map(masks, scores, normalize, p):
    """Map and standard error of one score; `masks` (n, H, W) in memory, every sum written out."""
    M, y = jnp.asarray(masks, dtype=jnp.float64), jnp.asarray(scores, dtype=jnp.float64)[:, None, None]
    n = len(M)
    if normalize == "expected":
        terms = y * M / p
        return terms.mean(0), terms.std(0, ddof=1) / jnp.sqrt(n)
    if normalize == "empirical":
        value = (y * M).sum(0) / M.sum(0)
        residual = M * (y - value)
        return value, jnp.sqrt((residual**2).sum(0) * n / (n - 1)) / M.sum(0)
    u, z = M - M.mean(0), y - y.mean()
    if normalize == "correlation":
        u, z = u / u.std(0), z / z.std()
        value = (u * z).mean(0)
        influence = u * z - value * (u**2 + z**2) / 2
        return value, jnp.sqrt((influence**2).sum(0) / n / (n - 2))
    value = (u * z).sum(0) / (u**2).sum(0)
    residual = u * (z - value * u)
    return value, jnp.sqrt((residual**2).sum(0) * n / (n - 2)) / (u**2).sum(0)


def bicubic_matrix(cells, n):
    """Keys' kernel with a = -1/2 as an (n, cells) matrix, borders mirrored about the outer centres."""
    x = (np.arange(n) + 0.5) * cells / n - 0.5
    out = np.zeros((n, cells))
    for i, at in enumerate(x):
        for j in range(-2, cells + 2):
            d = abs(at - j)
            if d < 1:
                w = 1.5 * d**3 - 2.5 * d**2 + 1
            elif d < 2:
                w = -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
            else:
                continue
            mirrored = abs(j) if j < cells else 2 * (cells - 1) - j
            out[i, mirrored if cells > 1 else 0] += w
    return jnp.asarray(out)


def ranks(scores, key, row=0):
    """Position of every item in decreasing score; ties by the uniform of purpose 20."""
    s = jnp.asarray(scores, dtype=jnp.float64).ravel()
    u = jnp.asarray(key.stream(20, row).uniform(np.arange(s.size)))
    order = jnp.lexsort((u, -s))
    return np.argsort(np.asarray(order))
