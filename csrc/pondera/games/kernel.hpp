// Kernel SHAP: the coalitions (whole sizes, then random complementary pairs), the normal equations of the projected
// regression, and the second moments behind its standard errors. One row stands for a complementary pair: the
// projected indicator of the complement is the negative, so a pair is one equation for half the difference.
#pragma once

#include "pondera/games/coalitions.hpp"

PONDERA_NAMESPACE_BEGIN

// All complementary pairs of sizes s and n - s, each by its member of size s <= n / 2 (of two halves the one with
// player 0), in lexicographic order; out holds `count` of them. O(count n).
inline void enumerate_pairs(Index n, Index s, Index count, Word* out) {
  const Index words = word_count(n);
  Buffer<Index> members(s);
  for (Index i = 0; i < s; ++i) members[i] = i;
  for (Index r = 0; r < count; ++r, out += words) {
    for (Index w = 0; w < words; ++w) out[w] = 0;
    for (Index i = 0; i < s; ++i) add_player(out, members[i]);
    Index i = s - 1;  // the next combination; halves come first while they hold player 0
    while (i > 0 && members[i] == n - s + i) --i;
    ++members[i];
    for (Index j = i + 1; j < s; ++j) members[j] = members[j - 1] + 1;
  }
}

// Random pairs number first, first + 1, ...: a size by its cumulative probability, then a uniform coalition of that
// size by Floyd's method. O(count (sizes + s)).
inline void sample_pairs(Key key, Index first, Index count, Index n, const Index* sizes, const double* cumulative,
                         Index choices, Word* out, const Parallel& parallel) {
  const Index words = word_count(n);
  const Stream size_stream(key, Purpose::game_sizes);
  for_ranges(count, kGameBlock, parallel, [&](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) {
      const Index pair = first + r;
      const double u = size_stream.uniform(static_cast<std::uint64_t>(pair)) * cumulative[choices - 1];
      Index c = 0;
      while (c < choices - 1 && u >= cumulative[c]) ++c;
      const Stream members(key, Purpose::game_members, static_cast<std::uint32_t>(pair));
      Word* set = out + r * words;
      for (Index w = 0; w < words; ++w) set[w] = 0;
      for (Index j = n - sizes[c]; j < n; ++j) {
        const Index t =
            static_cast<Index>(members.integer(static_cast<std::uint64_t>(j), static_cast<std::uint64_t>(j + 1)));
        add_player(set, has_player(set, t) ? j : t);
      }
      if (2 * sizes[c] == n && !has_player(set, 0)) complement(set, n, set);  // the two members of a pair are one
    }
  });
}

// Row of the projected design: indicator minus size / n.
inline void projected_row(const Word* s, Index n, double* out) noexcept {
  const double shift = static_cast<double>(coalition_size(s, word_count(n))) / static_cast<double>(n);
  for (Index i = 0; i < n; ++i) out[i] = (has_player(s, i) ? 1.0 : 0.0) - shift;
}

// Adds sum_r w_r z_r z_r' to the upper triangle of gram (n, n) and sum_r w_r z_r h_r to moment (n, k). Blocks of 256
// rows; threads share out the rows of the result. O(m n^2 / 2 + m n k); 256 n doubles.
inline void normal_equations(const Word* pairs, const double* weights, const double* half_difference, Index m, Index n,
                             Index k, double* gram, double* moment, const Parallel& parallel) {
  const Index words = word_count(n), tile = kGramTile;
  Parallel serial = parallel;
  serial.workers = 1;
  const Parallel& inner = n >= 128 ? parallel : serial;  // below, starting threads costs more than the block
  Buffer<double> z(kGameBlock * n);
  for (Index begin = 0; begin < m; begin += kGameBlock) {
    const Index size = m - begin < kGameBlock ? m - begin : kGameBlock;
    for_ranges(size, 32, inner, [&](Index b, Index e) {
      for (Index r = b; r < e; ++r) projected_row(pairs + (begin + r) * words, n, z.data() + r * n);
    });
    for_ranges(n, tile, inner, [&](Index i, Index end) {
      loops().gram_tile(z.data(), weights + begin, size, n, i, end, gram);
      for (; i < end; ++i)
        for (Index j = 0; j < k; ++j) {
          double sum = 0.0;
          for (Index r = 0; r < size; ++r)
            sum += weights[begin + r] * z[r * n + i] * half_difference[(begin + r) * k + j];
          moment[i * k + j] += sum;
        }
    });
  }
}

// Inverse on the space of vectors that sum to zero: (gram + c 11'/n)^-1 - 11'/(n c), c the mean of its eigenvalues, by
// Cholesky. Returns the smallest pivot over the largest; below 1e-8 the inverse is not filled in. O(n^3); n^2.
inline double projected_inverse(const double* gram, Index n, double* inverse) {
  Buffer<double> u(n * n);
  double trace = 0.0;
  for (Index i = 0; i < n; ++i) trace += gram[i * n + i];
  const double c = trace / static_cast<double>(n - 1), lift = c / static_cast<double>(n);
  for (Index i = 0; i < n; ++i)
    for (Index j = i; j < n; ++j) u[i * n + j] = gram[i * n + j] + lift;
  double low = baseline::kInf, high = 0.0;
  for (Index p = 0; p < n; ++p) {  // u'u, row by row
    double* row = u.data() + p * n;
    const double pivot = row[p];
    low = pivot < low ? pivot : low;
    high = pivot > high ? pivot : high;
    if (!(pivot > 1e-8 * high)) return high > 0.0 ? (pivot > 0.0 ? pivot : 0.0) / high : 0.0;
    const double root = __builtin_sqrt(pivot);
    for (Index j = p; j < n; ++j) row[j] /= root;
    for (Index i = p + 1; i < n; ++i) {
      const double f = row[i];
      double* to = u.data() + i * n;
      for (Index j = i; j < n; ++j) to[j] -= f * row[j];
    }
  }
  // Rows of the inverse of u (upper), then inverse = v v'.
  Buffer<double> v(n * n, 0.0);
  for (Index i = n; i-- > 0;) {
    double* row = v.data() + i * n;
    row[i] = 1.0;
    for (Index q = i + 1; q < n; ++q) {
      const double f = u[i * n + q];
      const double* from = v.data() + q * n;
      for (Index j = q; j < n; ++j) row[j] -= f * from[j];
    }
    const double diagonal = u[i * n + i];
    for (Index j = i; j < n; ++j) row[j] /= diagonal;
  }
  const double drop = 1.0 / (static_cast<double>(n) * c);
  for (Index i = 0; i < n; ++i)
    for (Index j = i; j < n; ++j) {
      const double dot = loops().dot_f64(v.data() + i * n + j, v.data() + j * n + j, n - j);
      inverse[i * n + j] = inverse[j * n + i] = dot - drop;
    }
  return low / high;
}

// inverse (n, n) times moment (n, k). O(n^2 k); n.
inline void apply_inverse(const double* inverse, const double* moment, Index n, Index k, double* out) {
  Buffer<double> column(n);
  for (Index j = 0; j < k; ++j) {
    for (Index i = 0; i < n; ++i) column[i] = moment[i * k + j];
    for (Index i = 0; i < n; ++i) out[i * k + j] = loops().dot_f64(inverse + i * n, column.data(), n);
  }
}

// Sums over pairs of counts_r g and counts_r g^2, g = (inverse z_r) scores_r, for each player and output: (2, n, k).
// Blocks of 256 pairs in parallel, their sums in order. O(m n^2 + m n k); 2 n k doubles a block.
inline void score_moments(const Word* pairs, const double* inverse, const double* scores, const double* counts, Index m,
                          Index n, Index k, double* out, const Parallel& parallel) {
  const Index words = word_count(n), blocks = (m + kGameBlock - 1) / kGameBlock, p = n * k;
  for (Index i = 0; i < 2 * p; ++i) out[i] = 0.0;
  const Index wave = 64;  // blocks whose sums are held at once
  Buffer<double> sums((blocks < wave ? blocks : wave) * 2 * p);
  for (Index first = 0; first < blocks; first += wave) {
    const Index here = blocks - first < wave ? blocks - first : wave;
    for_blocks(here, parallel, [&](Index b) {
      double* s = sums.data() + b * 2 * p;
      for (Index i = 0; i < 2 * p; ++i) s[i] = 0.0;
      Buffer<double> z(n), e(n);
      const Index begin = (first + b) * kGameBlock, end = begin + kGameBlock < m ? begin + kGameBlock : m;
      for (Index r = begin; r < end; ++r) {
        projected_row(pairs + r * words, n, z.data());
        for (Index i = 0; i < n; ++i) e[i] = 0.0;
        for (Index i = 0; i < n; ++i) {
          const double f = z[i];
          const double* row = inverse + i * n;
          for (Index j = 0; j < n; ++j) e[j] += f * row[j];
        }
        for (Index i = 0; i < n; ++i)
          for (Index j = 0; j < k; ++j) {
            const double g = e[i] * scores[r * k + j];
            s[i * k + j] += counts[r] * g;
            s[p + i * k + j] += counts[r] * (g * g);
          }
      }
    });
    for (Index b = 0; b < here; ++b)
      for (Index i = 0; i < 2 * p; ++i) out[i] += sums[b * 2 * p + i];
  }
}

// Residuals h - z'phi of the pairs, (m, k). O(m n k).
inline void pair_residuals(const Word* pairs, const double* phi, const double* half_difference, Index m, Index n,
                           Index k, double* out, const Parallel& parallel) {
  const Index words = word_count(n);
  for_ranges(m, kGameBlock, parallel, [&](Index begin, Index end) {
    Buffer<double> z(n);
    for (Index r = begin; r < end; ++r) {
      projected_row(pairs + r * words, n, z.data());
      for (Index j = 0; j < k; ++j) {
        double fit = 0.0;
        for (Index i = 0; i < n; ++i) fit += z[i] * phi[i * k + j];
        out[r * k + j] = half_difference[r * k + j] - fit;
      }
    }
  });
}

PONDERA_NAMESPACE_END
