// Sobol' sequences with 52 digits, plain, linearly scrambled, or with Owen's nested uniform scrambling.
// Sobol' 1967; direction numbers of Joe and Kuo 2008, doi:10.1137/070709359; Owen 1995; Matousek 1998 (linear).
#pragma once

#include "pondera/parallel.hpp"
#include "pondera/random/philox.hpp"
#include "pondera/workspace.hpp"

PONDERA_NAMESPACE_BEGIN

constexpr int kSobolBits = 52;
constexpr double kMiddle = 1.0 - 0x1p-53;  // points in the middle of their cells: the open interval
enum class Scramble : int { none = 0, lms = 1, owen = 2 };

// Direction integers v_k = m_k 2^(52-k) as (52, d). `polynomials` are the primitive polynomials with all their bits,
// `initial` (18, d) the numbers m_1..m_s. O(52^2 d).
inline void sobol_directions(const std::uint32_t* polynomials, const std::uint32_t* initial, Index d,
                             std::uint64_t* out) noexcept {
  for (Index k = 0; k < d; ++k) {
    const std::uint32_t polynomial = polynomials[k];
    int degree = 0;
    while (polynomial >> (degree + 1)) ++degree;
    std::uint64_t m[kSobolBits];
    for (int j = 0; j < kSobolBits; ++j) {
      if (degree == 0) {
        m[j] = 1;  // the first dimension, van der Corput, has no numbers in the table
      } else if (j < degree) {
        m[j] = initial[j * d + k];
      } else {
        m[j] = m[j - degree];
        for (int i = 1; i <= degree; ++i)
          if ((polynomial >> (degree - i)) & 1) m[j] ^= m[j - i] << i;
      }
      out[j * d + k] = m[j] << (kSobolBits - 1 - j);
    }
  }
}

// Multiplies the directions of one dimension by a random lower-triangular matrix of unit diagonal and returns the
// digital shift. Element l is row l of the matrix, element 52 the shift. O(52^2).
inline std::uint64_t lms_scramble(const Stream& stream, std::uint64_t* directions, Index d) noexcept {
  std::uint64_t row[kSobolBits];
  for (int l = 0; l < kSobolBits; ++l) {
    const std::uint64_t diagonal = 1ull << (kSobolBits - 1 - l);
    row[l] = ((stream.bits(static_cast<std::uint64_t>(l)) >> 12) & ~(2 * diagonal - 1)) | diagonal;
  }
  for (int j = 0; j < kSobolBits; ++j) {
    std::uint64_t v = 0;
    for (int l = 0; l < kSobolBits; ++l)
      v |= static_cast<std::uint64_t>(__builtin_parityll(row[l] & directions[j * d])) << (kSobolBits - 1 - l);
    directions[j * d] = v;
  }
  return stream.bits(kSobolBits) >> 12;
}

// Digits of point `index` of the dimension whose directions stand d apart.
inline std::uint64_t sobol_digits(const std::uint64_t* directions, Index d, std::uint64_t index) noexcept {
  std::uint64_t x = 0;
  for (std::uint64_t gray = index ^ (index >> 1); gray; gray &= gray - 1) x ^= directions[__builtin_ctzll(gray) * d];
  return x;
}

// Owen's scrambling: digit l is flipped by a bit that the l higher digits address. With l = 7 j + r and j < 4 it is bit
// 2^r - 1 + (the r digits after the first 7 j) of Philox at element = the first 7 j digits, row = dimension, sub-draw
// j. The digits from 28 on share one call, sub-draw 4 at element = the first 28 digits. Points of an aligned run of up
// to 2^28 differ in their first 28 digits, so for them this is nested uniform scrambling to the last digit; beyond,
// points of one cell of width 2^-28 share a digital shift of the digits below. Levels 0 and 1 come from a table of 129
// calls, which leaves three a coordinate. (A table of level 2, 256 kB a dimension, is no faster than its calls.)
// O(n d); 400 words a dimension.
inline void owen_points(const std::uint64_t* directions, Index n, Index d, std::uint64_t start, Key key, double* out,
                        const Parallel& parallel) {
  constexpr Index kTop = 258, kSlab = 64, kGroup = 8, kChunk = baseline::kOwenChunk, kRun = 8;
  const std::uint64_t begin = start / kChunk, end = (start + static_cast<std::uint64_t>(n) + kChunk - 1) / kChunk;
  const Index chunks = static_cast<Index>(end - begin), runs = (chunks + kRun - 1) / kRun;
  const Index slabs = (d + kSlab - 1) / kSlab;
  Buffer<std::uint64_t> tops(d * kTop), patterns(d * kChunk);
  for_blocks(d, parallel, [&](Index k) {
    const Stream stream(key, Purpose::owen, static_cast<std::uint32_t>(k));
    for (Index e = 0; e < kTop / 2; ++e) {
      const Words r = e == 0 ? stream.words(0, 0) : stream.words(static_cast<std::uint64_t>(e - 1), 1);
      tops[k * kTop + 2 * e] = (static_cast<std::uint64_t>(r.w[1]) << 32) | r.w[0];
      tops[k * kTop + 2 * e + 1] = (static_cast<std::uint64_t>(r.w[3]) << 32) | r.w[2];
    }
    for (Index i = 0; i < kChunk; ++i)
      patterns[k * kChunk + i] = sobol_digits(directions + k, d, static_cast<std::uint64_t>(i));
  });
  for_blocks(runs * slabs, parallel, [&](Index block) {
    const Index slab = block % slabs * kSlab, from = block / slabs * kRun;
    const Index slab_end = d - slab < kSlab ? d : slab + kSlab;
    double columns[kGroup * kChunk];
    for (Index c = from; c < chunks && c < from + kRun; ++c) {
      const std::uint64_t at = (begin + static_cast<std::uint64_t>(c)) * kChunk;
      const Index low = at < start ? static_cast<Index>(start - at) : 0;
      const Index row = static_cast<Index>(at + static_cast<std::uint64_t>(low) - start);
      const Index count = n - row < kChunk - low ? n - row : kChunk - low;
      for (Index first = slab; first < slab_end; first += kGroup) {  // eight dimensions fill a cache line of a row
        const Index group = slab_end - first < kGroup ? slab_end - first : kGroup;
        for (Index g = 0; g < group; ++g) {
          const Index k = first + g;
          // The digits of point kChunk c + i are those of point kChunk c, xor those of point i.
          loops().owen_points(Stream(key, Purpose::owen, static_cast<std::uint32_t>(k)).address(),
                              sobol_digits(directions + k, d, at), patterns.data() + k * kChunk, tops.data() + k * kTop,
                              columns + g * kChunk);
        }
        for (Index i = 0; i < count; ++i)
          for (Index g = 0; g < group; ++g) out[(row + i) * d + first + g] = columns[g * kChunk + low + i];
      }
    }
  });
}

// Points start..start+n of the sequence into out (n, d). `directions` (52, d) are overwritten when scrambled linearly.
// O(n d); d words a thread.
inline void sobol_sequence(std::uint64_t* directions, Index n, Index d, Index start, Scramble scramble, Key key,
                           double* out, const Parallel& parallel) {
  const std::uint64_t first = static_cast<std::uint64_t>(start);
  if (scramble == Scramble::owen) return owen_points(directions, n, d, first, key, out, parallel);
  Buffer<std::uint64_t> shift(d, 0);
  if (scramble == Scramble::lms)
    for_ranges(d, 64, parallel, [&](Index from, Index to) {
      for (Index k = from; k < to; ++k)
        shift[k] = lms_scramble(Stream(key, Purpose::lms, static_cast<std::uint32_t>(k)), directions + k, d);
    });
  const Index rows = d < (1 << 14) ? (1 << 16) / d / 4 * 4 : 4;  // 512 kB of points a block
  for_ranges(n, rows, parallel, [&](Index from, Index to) {
    Buffer<std::uint64_t> state(d);
    const std::uint64_t at = first + static_cast<std::uint64_t>(from);
    for (Index k = 0; k < d; ++k) state[k] = shift[k] ^ sobol_digits(directions + k, d, at);
    loops().sobol_rows(directions, state.data(), at, to - from, d, scramble == Scramble::none ? 1.0 : kMiddle,
                       out + from * d);
  });
}

PONDERA_NAMESPACE_END
