"""Examples of the core's methods for the conformance kit: small, fixed, on data that ships with NumPy or is made here."""
