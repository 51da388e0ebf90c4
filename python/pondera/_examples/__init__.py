"""Examples of the core's methods for the conformance kit: small, fixed, made here or shipped with NumPy."""
