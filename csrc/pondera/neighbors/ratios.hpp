// What the block jackknife of nearest-neighbour estimators needs: k-th distances without a block of the points.
#pragma once

#include "pondera/neighbors/metric.hpp"

PONDERA_NAMESPACE_BEGIN

// Row i has `listed` neighbours, nearest first. Leaving out block g changes its k-th distance only if g is met among
// the first k: groups[i, j] is the block of neighbour j < k where it is met for the first time, else -1, and without[i,
// j] the k-th distance over the neighbours outside it, NaN if the list is too short. Rows of block g itself leave with
// it (own[i]; null: rows never leave). O(n k listed).
inline void without_blocks(const double* distances, const Index* indices, Index n, Index listed, Index k,
                           const std::int32_t* block, const std::int32_t* own, std::int32_t* groups, double* without,
                           const Parallel& parallel) {
  for_ranges(n, 1024, parallel, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i)
      for (Index j = 0; j < k; ++j) {
        const Index* row = indices + i * listed;
        const std::int32_t g = block[row[j]];
        bool first = !own || own[i] != g;
        for (Index earlier = 0; earlier < j && first; ++earlier) first = block[row[earlier]] != g;
        groups[i * k + j] = first ? g : -1;
        without[i * k + j] = __builtin_nan("");
        if (!first) continue;
        Index kept = j;  // those before the first of the block
        for (Index at = j; at < listed && kept < k; ++at) {
          if (block[row[at]] == g) continue;
          if (++kept == k) without[i * k + j] = distances[i * listed + at];
        }
      }
  });
}

PONDERA_NAMESPACE_END
