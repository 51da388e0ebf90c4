// Sobol' points in Gray-code order, Owen's scrambling of them, and the sums behind Sobol' indices. Included once for
// each instruction set, inside pondera::PONDERA_ISA. Digits are the 52 binary digits of a point, the highest in bit 51.

inline double combine_lanes(const double* s) noexcept;

// digits * 2^-52 for one = 1, (digits + 1/2) * 2^-52 for one = 1 - 2^-53; both exact.
inline double point_from(std::uint64_t digits, double one) noexcept {
  return from_bits(digits | 0x3ff0000000000000ull) - one;
}

// Rows first, first + 1, ... of the sequence. `directions` is (52, d); `state` holds the digits of row `first` and is
// left at those of row first + n. Four rows at a time where they start at a multiple of four.
inline void sobol_rows(const std::uint64_t* directions, std::uint64_t* __restrict state, std::uint64_t first, Index n,
                       Index d, double one, double* __restrict out) noexcept {
  const std::uint64_t* __restrict v0 = directions;
  const std::uint64_t* __restrict v1 = directions + d;
  for (Index i = 0; i < n;) {
    const std::uint64_t at = first + static_cast<std::uint64_t>(i);
    const bool four = (at & 3) == 0 && i + 4 <= n;
    const std::uint64_t last = four ? at + 3 : at;
    const int low = __builtin_ctzll(~last);  // lowest zero bit; the row after the very last one is never used
    const std::uint64_t* __restrict next = directions + (low < 52 ? low : 51) * d;
    double* __restrict to = out + i * d;
    if (four) {
      for (Index k = 0; k < d; ++k) {
        const std::uint64_t x0 = state[k], x1 = x0 ^ v0[k], x2 = x1 ^ v1[k], x3 = x2 ^ v0[k];
        to[k] = point_from(x0, one);
        to[d + k] = point_from(x1, one);
        to[2 * d + k] = point_from(x2, one);
        to[3 * d + k] = point_from(x3, one);
        state[k] = x3 ^ next[k];
      }
    } else {
      for (Index k = 0; k < d; ++k) {
        to[k] = point_from(state[k], one);
        state[k] ^= next[k];
      }
    }
    i += four ? 4 : 1;
  }
}

// The 128 bits of Philox at elements x[i] >> shift.
inline void philox_at(StreamAddress a, std::uint32_t sub, const std::uint64_t* __restrict x, int shift, Index n,
                      std::uint64_t* __restrict lo, std::uint64_t* __restrict hi) noexcept {
  for (Index i = 0; i < n; ++i) {
    const std::uint64_t e = x[i] >> shift;
    const Words r = philox(static_cast<std::uint32_t>(e), static_cast<std::uint32_t>(e >> 32), a.row, a.code | sub,
                           a.k0, a.k1);
    lo[i] = (static_cast<std::uint64_t>(r.w[1]) << 32) | r.w[0];
    hi[i] = (static_cast<std::uint64_t>(r.w[3]) << 32) | r.w[2];
  }
}

// Flips of seven digits t: that of the r-th is bit 2^r - 1 + (the r digits before it) of the 128 bits.
inline std::uint64_t flips_of(std::uint64_t lo, std::uint64_t hi, std::uint64_t t) noexcept {
  std::uint64_t f = (lo & 1) << 6;
  f |= ((lo >> (1 + (t >> 6))) & 1) << 5;
  f |= ((lo >> (3 + (t >> 5))) & 1) << 4;
  f |= ((lo >> (7 + (t >> 4))) & 1) << 3;
  f |= ((lo >> (15 + (t >> 3))) & 1) << 2;
  f |= ((lo >> (31 + (t >> 2))) & 1) << 1;
  return f | ((((lo >> 63) | (hi << 1)) >> (t >> 1)) & 1);
}

// Owen-scrambled coordinates of n <= 256 points of one dimension, digits base ^ pattern[i]. The address's row is the
// dimension. `top` holds the 128-bit words of level 0 (one) and level 1 (128), `deep` those of level 2 (2^14) or null.
constexpr Index kOwenChunk = 256;
inline void owen_points(StreamAddress a, std::uint64_t base, const std::uint64_t* __restrict pattern, Index n,
                        const std::uint64_t* __restrict top, const std::uint64_t* __restrict deep,
                        double* __restrict out) noexcept {
  std::uint64_t x[kOwenChunk], y[kOwenChunk], lo[kOwenChunk], hi[kOwenChunk];
  for (Index i = 0; i < n; ++i) {
    x[i] = base ^ pattern[i];
    y[i] = x[i] ^ (flips_of(top[0], top[1], x[i] >> 45) << 45);
  }
  for (Index i = 0; i < n; ++i) {
    const std::uint64_t at = 2 + 2 * (x[i] >> 45);
    y[i] ^= flips_of(top[at], top[at + 1], (x[i] >> 38) & 127) << 38;
  }
  if (deep)
    for (Index i = 0; i < n; ++i) {
      const std::uint64_t at = 2 * (x[i] >> 38);
      lo[i] = deep[at], hi[i] = deep[at + 1];
    }
  else
    philox_at(a, 2, x, 38, n, lo, hi);
  for (Index i = 0; i < n; ++i) y[i] ^= flips_of(lo[i], hi[i], (x[i] >> 31) & 127) << 31;
  philox_at(a, 3, x, 31, n, lo, hi);
  for (Index i = 0; i < n; ++i) y[i] ^= flips_of(lo[i], hi[i], (x[i] >> 24) & 127) << 24;
  philox_at(a, 4, x, 24, n, lo, hi);
  for (Index i = 0; i < n; ++i) out[i] = point_from(y[i] ^ (lo[i] & 0xffffff), 1.0 - 0x1p-53);
}

// Weighted sums of c, c^2, a c, b c, b (c - a), a (a - c), (a - c)^2, (b - c)^2: all that first-order and total
// estimators need of one matrix. Differences are summed as such, so that an input without effect gets exactly 0.
inline void sobol_sums(const double* w, const double* a, const double* b, const double* c, Index n,
                       double* out) noexcept {
  double s[8][kLanes] = {};
  Index i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (Index j = 0; j < kLanes; ++j) {
      const double x = a[i + j], y = b[i + j], z = c[i + j], u = w[i + j];
      const double xz = x - z, yz = y - z;
      s[0][j] += u * z;
      s[1][j] += u * (z * z);
      s[2][j] += u * (x * z);
      s[3][j] += u * (y * z);
      s[4][j] -= u * (y * xz);
      s[5][j] += u * (x * xz);
      s[6][j] += u * (xz * xz);
      s[7][j] += u * (yz * yz);
    }
  for (Index j = 0; i + j < n; ++j) {
    const double x = a[i + j], y = b[i + j], z = c[i + j], u = w[i + j];
    const double xz = x - z, yz = y - z;
    s[0][j] += u * z;
    s[1][j] += u * (z * z);
    s[2][j] += u * (x * z);
    s[3][j] += u * (y * z);
    s[4][j] -= u * (y * xz);
    s[5][j] += u * (x * xz);
    s[6][j] += u * (xz * xz);
    s[7][j] += u * (yz * yz);
  }
  for (int k = 0; k < 8; ++k) out[k] = combine_lanes(s[k]);
}

inline double weighted_dot(const double* w, const double* x, const double* z, Index n) noexcept {
  double s[kLanes] = {};
  Index i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (Index j = 0; j < kLanes; ++j) s[j] += w[i + j] * (x[i + j] * z[i + j]);
  for (Index j = 0; i + j < n; ++j) s[j] += w[i + j] * (x[i + j] * z[i + j]);
  return combine_lanes(s);
}
