// Pixels in the order of their scores, and the composites of deletion and insertion curves.
#pragma once

#include <algorithm>

#include "pondera/parallel.hpp"
#include "pondera/random/philox.hpp"
#include "pondera/workspace.hpp"

PONDERA_NAMESPACE_BEGIN

// ranks[i] = number of items before item i in decreasing score; ties by a uniform of the stream (then by index), or by
// index alone without one. Returns the number of items that share their score. O(n log n); 3 n.
inline Index rank_descending(const double* scores, Index n, const Stream* stream, Index* ranks) {
  Buffer<Index> order(n);
  Buffer<double> tie(stream ? n : 0);
  if (stream) loops().uniform(stream->address(), 0, n, tie.data());
  for (Index i = 0; i < n; ++i) order[i] = i;
  const double* u = tie.data();
  std::sort(order.begin(), order.end(), [=](Index a, Index b) {
    if (scores[a] != scores[b]) return scores[a] > scores[b];
    if (u && u[a] != u[b]) return u[a] < u[b];
    return a < b;
  });
  Index tied = 0;
  for (Index k = 0; k < n; ++k) {
    ranks[order[k]] = k;
    tied +=
        (k > 0 && scores[order[k - 1]] == scores[order[k]]) || (k + 1 < n && scores[order[k + 1]] == scores[order[k]]);
  }
  return tied;
}

// out[b] = `top` at the pixels of rank below counts[b], `rest` elsewhere. Arrays are (outer, pixels, inner): channels
// before or after the pixels. O(m outer pixels inner).
template <class T>
void compose(const T* top, const T* rest, const Index* ranks, Index outer, Index pixels, Index inner,
             const Index* counts, Index m, T* out, const Parallel& parallel) {
  for_blocks(m, parallel, [&](Index b) {
    const Index count = counts[b];
    for (Index o = 0; o < outer; ++o) {
      const Index base = o * pixels * inner;
      T* to = out + b * outer * pixels * inner + base;
      for (Index i = 0; i < pixels; ++i) {
        const T* from = (ranks[i] < count ? top : rest) + base + i * inner;
        for (Index k = 0; k < inner; ++k) to[i * inner + k] = from[k];
      }
    }
  });
}

PONDERA_NAMESPACE_END
