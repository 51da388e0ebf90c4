// Points of the other samplers, and the rows of a Saltelli design.
#pragma once

#include <algorithm>
#include <limits>

#include "pondera/sensitivity/sobol_sequence.hpp"

PONDERA_NAMESPACE_BEGIN

constexpr double kBelowOne = 1.0 - 0x1p-53;

// Independent uniforms, element = row of the design, row = dimension. O(n d); n a thread.
inline void monte_carlo_points(Index n, Index d, Key key, double* out, const Parallel& parallel) {
  for_blocks(d, parallel, [&](Index k) {
    Buffer<double> u(n);
    loops().uniform(Stream(key, Purpose::monte_carlo_design, static_cast<std::uint32_t>(k)).address(), 0, n, u.data());
    for (Index i = 0; i < n; ++i) out[i * d + k] = u[i];
  });
}

// Latin hypercube: in each dimension one point in each of n strata, uniform inside it. Of the call at (row, dimension)
// the first uniform orders the strata, the second places the point. O(n log n d); 2 n a thread.
inline void latin_hypercube_points(Index n, Index d, Key key, double* out, const Parallel& parallel) {
  for_blocks(d, parallel, [&](Index k) {
    const Stream stream(key, Purpose::latin_hypercube, static_cast<std::uint32_t>(k));
    Buffer<double> order(n);
    Buffer<Index> rows(n);
    for (Index i = 0; i < n; ++i) order[i] = stream.uniform(static_cast<std::uint64_t>(i)), rows[i] = i;
    std::sort(rows.begin(), rows.end(),
              [&](Index i, Index j) { return order[i] < order[j] || (order[i] == order[j] && i < j); });
    for (Index stratum = 0; stratum < n; ++stratum) {
      const Words r = stream.words(static_cast<std::uint64_t>(rows[stratum]));
      const double x = (static_cast<double>(stratum) + baseline::uniform_from(r.w[2], r.w[3])) / static_cast<double>(n);
      out[rows[stratum] * d + k] = x < kBelowOne ? x : kBelowOne;  // the sum may round up to n
    }
  });
}

// Halton points in the bases given (primes); scrambled: each digit, to the last that a double shows, by its own random
// permutation (Owen 2017, arXiv:1706.02808), ordered by the uniforms at element = digit number << 32 | digit. O(n d).
inline void halton_points(Index n, Index d, const Index* bases, bool scrambled, Key key, double* out,
                          const Parallel& parallel) {
  for_blocks(d, parallel, [&](Index k) {
    const Index base = bases[k];
    const Stream stream(key, Purpose::latin_hypercube, static_cast<std::uint32_t>(k));
    int levels = 0;  // digits of 53 bits
    for (Index rest = (Index{1} << 53) - 1; rest > 0; rest /= base) ++levels;
    Buffer<Index> permuted(levels * base);
    Buffer<double> order(base);
    for (int l = 0; l < levels; ++l) {
      Index* digits = permuted.data() + l * base;
      for (Index j = 0; j < base; ++j) {
        digits[j] = j;
        if (scrambled) order[j] = stream.uniform((static_cast<std::uint64_t>(l) << 32) | static_cast<std::uint64_t>(j));
      }
      if (scrambled)
        std::sort(digits, digits + base,
                  [&](Index i, Index j) { return order[i] < order[j] || (order[i] == order[j] && i < j); });
    }
    const double p = static_cast<double>(base);
    for (Index i = 0; i < n; ++i) {
      Index digit[64];
      Index rest = i;
      for (int l = 0; l < levels; ++l) digit[l] = rest % base, rest /= base;
      double x = scrambled ? 0.5 : 0.0;
      for (int l = levels; l-- > 0;) x = (static_cast<double>(permuted[l * base + digit[l]]) + x) / p;
      out[i * d + k] = x < kBelowOne ? x : kBelowOne;
    }
  });
}

// Rows of the design, matrix by matrix: A, B, then A with the columns of group g from B for every g, then, for second
// order, B with those from A. `base` is (n, 2 d): A beside B. `group` gives each column's group. O(n d groups); 0.
inline void saltelli_rows(const double* base, Index n, Index d, const Index* group, Index groups, bool second,
                          double* out, const Parallel& parallel) {
  const Index matrices = 2 + groups * (second ? 2 : 1);
  for_blocks(matrices, parallel, [&](Index matrix) {
    const bool from_b = matrix == 1 || matrix >= 2 + groups;
    const Index swapped = matrix < 2 ? -1 : (matrix - 2) % groups;
    for (Index i = 0; i < n; ++i) {
      const double* row = base + i * 2 * d;
      double* to = out + (matrix * n + i) * d;
      for (Index k = 0; k < d; ++k) to[k] = row[(group[k] == swapped) != from_b ? d + k : k];
    }
  });
}

PONDERA_NAMESPACE_END
