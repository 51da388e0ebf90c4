// Philox4x32-10 (Salmon et al. 2011). Included once for each instruction set, inside pondera::PONDERA_ISA.

struct Words {
  std::uint32_t w[4];
};

inline Words philox(std::uint32_t c0, std::uint32_t c1, std::uint32_t c2, std::uint32_t c3, std::uint32_t k0,
                    std::uint32_t k1) noexcept {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = 0xD2511F53ull * c0;
    const std::uint64_t p1 = 0xCD9E8D57ull * c2;
    c0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
    c1 = static_cast<std::uint32_t>(p1);
    c2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c3 = static_cast<std::uint32_t>(p0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return Words{{c0, c1, c2, c3}};
}

// Open interval (0, 1): 52 bits and a half. With 53 bits the largest value would round to 1.
inline double uniform_from(std::uint32_t lo, std::uint32_t hi) noexcept {
  const std::uint64_t k = (static_cast<std::uint64_t>(hi) << 32) | lo;
  // (k >> 12) as a double by its bits, exactly; + 0.5 is exact too, since the value is below 2^52.
  const double whole = from_bits((k >> 12) | 0x4330000000000000ull) - 0x1p52;
  return (whole + 0.5) * 0x1p-52;
}
