// Sobol' points in Gray-code order, Owen's scrambling of them, and the sums behind Sobol' indices. Included once for
// each instruction set, inside pondera::PONDERA_ISA. Digits are the 52 binary digits of a point, the highest in bit 51.

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

// 64-bit lanes whose low halves are multiplied. GCC has no other way to say vpmuludq than its builtin, and without it
// takes 2.4 times as long for Philox on AVX-512 and AVX2, 1.3 times on SSE2; elsewhere the lane is a plain integer.
// What calls it is not noexcept: GCC thinks that the builtin throws, and would add a weak symbol to every build.
#if defined(__GNUC__) && !defined(__clang__) && defined(__AVX512F__)
typedef std::uint64_t Wide __attribute__((vector_size(64)));
typedef int WideHalves __attribute__((vector_size(64)));
inline Wide multiply_low(Wide a, Wide m) {
  typedef long long Longs __attribute__((vector_size(64)));
  return (Wide)__builtin_ia32_pmuludq512_mask((WideHalves)a, (WideHalves)m, Longs{}, static_cast<unsigned char>(-1));
}
#elif defined(__GNUC__) && !defined(__clang__) && defined(__AVX2__)
typedef std::uint64_t Wide __attribute__((vector_size(32)));
typedef int WideHalves __attribute__((vector_size(32)));
inline Wide multiply_low(Wide a, Wide m) {
  return (Wide)__builtin_ia32_pmuludq256((WideHalves)a, (WideHalves)m);
}
#elif defined(__GNUC__) && !defined(__clang__) && defined(__SSE2__)
typedef std::uint64_t Wide __attribute__((vector_size(16)));
typedef int WideHalves __attribute__((vector_size(16)));
inline Wide multiply_low(Wide a, Wide m) {
  return (Wide)__builtin_ia32_pmuludq128((WideHalves)a, (WideHalves)m);
}
#else
typedef std::uint64_t Wide;
inline Wide multiply_low(Wide a, Wide m) { return (a & 0xffffffffu) * m; }
#endif

constexpr Index kOwenChunk = 128;

// The 128 bits of Philox at elements x[i] >> shift, for kOwenChunk of them. The words live in the low halves of the
// lanes; what the high halves hold does not matter until the end.
inline void philox_at(StreamAddress a, std::uint32_t sub, const std::uint64_t* __restrict x, int shift,
                      std::uint64_t* __restrict lo, std::uint64_t* __restrict hi) {
  const Wide m0 = Wide{} + 0xD2511F53u, m1 = Wide{} + 0xCD9E8D57u, low = Wide{} + 0xffffffffu;
  for (Index i = 0; i < kOwenChunk; i += static_cast<Index>(sizeof(Wide) / 8)) {
    Wide c0;
    __builtin_memcpy(&c0, x + i, sizeof c0);
    c0 >>= shift;
    Wide c1 = c0 >> 32, c2 = Wide{} + a.row, c3 = Wide{} + (a.code | sub);
    std::uint32_t k0 = a.k0, k1 = a.k1;
    for (int round = 0; round < 10; ++round) {
      const Wide p0 = multiply_low(c0, m0), p1 = multiply_low(c2, m1);
      c0 = (p1 >> 32) ^ c1 ^ k0;
      c1 = p1;
      c2 = (p0 >> 32) ^ c3 ^ k1;
      c3 = p0;
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    const Wide first = (c1 << 32) | (c0 & low), second = (c3 << 32) | (c2 & low);
    __builtin_memcpy(lo + i, &first, sizeof first);
    __builtin_memcpy(hi + i, &second, sizeof second);
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

// Owen-scrambled coordinates of kOwenChunk points of one dimension, digits base ^ pattern[i]. The address's row is the
// dimension. `top` holds the 128-bit words of level 0 (one) and level 1 (128).
inline void owen_points(StreamAddress a, std::uint64_t base, const std::uint64_t* __restrict pattern,
                        const std::uint64_t* __restrict top, double* __restrict out) {
  std::uint64_t x[kOwenChunk], y[kOwenChunk], lo[kOwenChunk], hi[kOwenChunk];
  for (Index i = 0; i < kOwenChunk; ++i) {
    x[i] = base ^ pattern[i];
    y[i] = x[i] ^ (flips_of(top[0], top[1], x[i] >> 45) << 45);
  }
  for (Index i = 0; i < kOwenChunk; ++i) {
    const std::uint64_t at = 2 + 2 * (x[i] >> 45);
    y[i] ^= flips_of(top[at], top[at + 1], (x[i] >> 38) & 127) << 38;
  }
  philox_at(a, 2, x, 38, lo, hi);
  for (Index i = 0; i < kOwenChunk; ++i) y[i] ^= flips_of(lo[i], hi[i], (x[i] >> 31) & 127) << 31;
  philox_at(a, 3, x, 31, lo, hi);
  for (Index i = 0; i < kOwenChunk; ++i) y[i] ^= flips_of(lo[i], hi[i], (x[i] >> 24) & 127) << 24;
  philox_at(a, 4, x, 24, lo, hi);
  for (Index i = 0; i < kOwenChunk; ++i) out[i] = point_from(y[i] ^ (lo[i] & 0xffffff), 1.0 - 0x1p-53);
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
