// Loops of the resampling schemes. Inside pondera::PONDERA_ISA.

// The integer that adding kRound left in the low bits.
inline Index rounded(double shifted) noexcept {
  return static_cast<Index>(to_bits(shifted)) - static_cast<Index>(to_bits(kRound));
}

// rank[i] = number of positions (k + u) step, k = 0, 1, ..., below c[i]; `inverse` is 1 / step up to rounding.
// The nearest integer m to c / step - u is the answer or one below it, whichever way that rounds: one comparison with
// the position itself decides.
inline void rank_systematic(const double* c, Index n, double u, double step, double inverse, Index* rank) noexcept {
  for (Index i = 0; i < n; ++i) {
    const double shifted = (c[i] * inverse - u) + kRound;
    const double m = shifted - kRound;
    rank[i] = rounded(shifted) + ((m + u) * step < c[i] ? 1 : 0);
  }
}

// out[i] = floor(c[i] * inverse) within [0, most], up to rounding at whole numbers.
inline void floor_scaled(const double* c, Index n, double inverse, Index most, Index* out) noexcept {
  for (Index i = 0; i < n; ++i) {
    const Index m = rounded((c[i] * inverse - 0.5) + kRound);
    out[i] = m < 0 ? 0 : m > most ? most : m;
  }
}

// Uniforms of the given elements.
inline void uniform_at(StreamAddress a, const Index* elements, Index n, double* out) noexcept {
  for (Index i = 0; i < n; ++i) {
    const std::uint64_t e = static_cast<std::uint64_t>(elements[i]);
    const Words r = philox(static_cast<std::uint32_t>(e), static_cast<std::uint32_t>(e >> 32), a.row, a.code, a.k0, a.k1);
    out[i] = uniform_from(r.w[0], r.w[1]);
  }
}

// Both uniforms of each counter: first[i] and second[i] of element start + i.
inline void uniform_pairs(StreamAddress a, std::uint64_t start, Index n, double* first, double* second) noexcept {
  for (Index i = 0; i < n; ++i) {
    const std::uint64_t e = start + static_cast<std::uint64_t>(i);
    const Words r = philox(static_cast<std::uint32_t>(e), static_cast<std::uint32_t>(e >> 32), a.row, a.code, a.k0, a.k1);
    first[i] = uniform_from(r.w[0], r.w[1]);
    second[i] = uniform_from(r.w[2], r.w[3]);
  }
}
