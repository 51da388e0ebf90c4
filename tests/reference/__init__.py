"""References in JAX (float64), written from the formulas and independently of the C++ core."""

import jax

jax.config.update("jax_enable_x64", True)
