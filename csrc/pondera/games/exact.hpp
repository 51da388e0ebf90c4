// Games given by a table of 2^n values (bit i of the row index: player i): Moebius coefficients, and every cardinal
// interaction index as sums of them over supersets.
#pragma once

#include "pondera/games/coalitions.hpp"

PONDERA_NAMESPACE_BEGIN

// Moebius coefficients m(S) = sum over T in S of (-1)^(#S - #T) v(T) in place, or back (zeta). n 2^(n-1) additions;
// no memory. The lowest 12 bits are done inside blocks that stay in the cache, the others between rows of blocks.
inline void subset_transform(double* v, Index n, bool inverse, const Parallel& parallel) {
  const double sign = inverse ? 1.0 : -1.0;
  const Index low = n < 12 ? n : 12, size = Index{1} << low, blocks = Index{1} << (n - low);
  for_blocks(blocks, parallel, [&](Index block) {
    double* t = v + block * size;
    for (Index i = 0; i < low; ++i) {
      const Index stride = Index{1} << i;
      for (Index base = 0; base < size; base += 2 * stride)
        for (Index j = 0; j < stride; ++j) t[base + stride + j] += sign * t[base + j];
    }
  });
  for (Index i = low; i < n; ++i) {
    const Index bit = Index{1} << (i - low);
    for_blocks(blocks / 2, parallel, [&](Index half) {
      const Index without = ((half & ~(bit - 1)) << 1) | (half & (bit - 1));
      const double* from = v + without * size;
      double* to = v + (without | bit) * size;
      for (Index j = 0; j < size; ++j) to[j] += sign * from[j];
    });
  }
}

// out[q] = sum over T containing subsets[q] of coefficients[#T] m(T). Supersets in ascending order, in blocks of 4096
// that the tree sums. O(2^(n - s)) for a subset of size s; 2^n / 4096 doubles a thread.
inline void superset_sums(const double* moebius, Index n, const Word* subsets, Index count, const double* coefficients,
                          Index stride, double* out, const Parallel& parallel) {
  for_blocks(count, parallel, [&](Index q) {
    const Word s = subsets[q], rest = full_word(n, 0) & ~s;
    const Index size = __builtin_popcountll(s), supersets = Index{1} << (n - size);
    const double* c = coefficients + size * stride;
    Buffer<double> sums(block_count(supersets));
    Word t = 0;  // runs through the subsets of the rest
    for (Index block = 0; block < sums.size(); ++block) {
      double sum = 0.0;
      for (Index i = block_size(supersets, block); i > 0; --i) {
        sum += c[size + __builtin_popcountll(t)] * moebius[s | t];
        t = (t - rest) & rest;
      }
      sums[block] = sum;
    }
    out[q] = tree_sum(sums.data(), sums.size());
  });
}

PONDERA_NAMESPACE_END
