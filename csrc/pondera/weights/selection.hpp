// Alias tables, sampling without replacement by Gumbel keys, and ancestry.
#pragma once

#include <algorithm>

#include "pondera/weights/prefix_sum.hpp"

PONDERA_NAMESPACE_BEGIN

// Vose's alias table of plain weights: probability[i] to stay at i, else alias[i]. O(N) serial; 2 N.
// Items of weight zero get probability 0 exactly and are nobody's alias.
inline void alias_table(const double* v, Index n, double* probability, Index* alias, const Parallel& parallel) {
  const double scale = static_cast<double>(n) / block_sum(v, n, parallel);
  Buffer<Index> small(n), large(n);
  Index smalls = 0, larges = 0, heaviest = 0;
  for (Index i = 0; i < n; ++i) {
    probability[i] = v[i] * scale;
    alias[i] = i;
    heaviest = v[i] > v[heaviest] ? i : heaviest;
    if (probability[i] < 1.0)
      small[smalls++] = i;
    else
      large[larges++] = i;
  }
  while (smalls > 0 && larges > 0) {
    const Index s = small[--smalls], l = large[larges - 1];
    alias[s] = l;
    probability[l] = (probability[l] + probability[s]) - 1.0;
    if (probability[l] < 1.0) {
      --larges;
      small[smalls++] = l;
    }
  }
  while (larges > 0) probability[large[--larges]] = 1.0;
  while (smalls > 0) {  // rounding: these should hold 1, unless their weight is zero
    const Index s = small[--smalls];
    if (v[s] > 0.0)
      probability[s] = 1.0;
    else
      probability[s] = 0.0, alias[s] = heaviest;
  }
}

// Both uniforms of a draw come from one counter. O(n).
inline void alias_draw(const double* probability, const Index* alias, Index items, Index n, const Stream& stream,
                       Index* out, const Parallel& parallel) {
  const double count = static_cast<double>(items);
  for_ranges(n, kBlock, parallel, [&](Index begin, Index end) {
    for (Index k = begin; k < end; ++k) {
      const Words r = stream.words(static_cast<std::uint64_t>(k));
      const Index cell = static_cast<Index>(uniform_from(r.w[0], r.w[1]) * count);
      const Index i = cell < items ? cell : items - 1;
      out[k] = uniform_from(r.w[2], r.w[3]) < probability[i] ? i : alias[i];
    }
  });
}

// The k largest of keys log_weights + Gumbel in order of selection, ties by index, and the (k+1)-th largest key (-inf
// if there is none). Candidates are those above a threshold that a fixed sample of the keys suggests; if it was too
// high, all positive items are. O(N + k log k); N.
inline double gumbel_topk(const double* log_weights, Index n, Index k, const Stream& stream, Index* out,
                          const Parallel& parallel) {
  const double none = -baseline::kInf;
  Buffer<double> keys(n);
  for_ranges(n, kBlock, parallel, [&](Index begin, Index end) {
    loops().gumbel(stream.address(), static_cast<std::uint64_t>(begin), end - begin, keys.data() + begin);
    for (Index i = begin; i < end; ++i) keys[i] = log_weights[i] + keys[i];
  });
  double threshold = none;
  const Index sample = 1 << 14;
  if (n > 8 * sample && k < n / 8) {
    Buffer<double> some(sample);
    for (Index j = 0; j < sample; ++j) some[j] = keys[static_cast<Index>((static_cast<__int128>(j) * n) / sample)];
    // Expect about 1.3 k + slack candidates.
    const double share = (1.3 * static_cast<double>(k) + 64.0) / static_cast<double>(n);
    Index rank = static_cast<Index>(share * static_cast<double>(sample)) + 8;
    rank = rank < sample ? rank : sample - 1;
    std::nth_element(some.begin(), some.begin() + rank, some.end(), [](double a, double b) { return a > b; });
    threshold = some[rank];
  }
  const Index blocks = block_count(n);
  Buffer<Index> counts(blocks + 1);
  const auto count = [&] {
    for_blocks(blocks, parallel, [&](Index b) {
      Index c = 0;
      for (Index i = b * kBlock, end = i + block_size(n, b); i < end; ++i) c += keys[i] > none && keys[i] >= threshold;
      counts[b + 1] = c;
    });
    counts[0] = 0;
    for (Index b = 0; b < blocks; ++b) counts[b + 1] += counts[b];
    return counts[blocks];
  };
  Index found = count();
  if (found < k + 1 && threshold > none) {
    threshold = none;
    found = count();
  }
  Buffer<Index> candidates(found);
  for_blocks(blocks, parallel, [&](Index b) {
    Index at = counts[b];
    for (Index i = b * kBlock, end = i + block_size(n, b); i < end; ++i)
      if (keys[i] > none && keys[i] >= threshold) candidates[at++] = i;
  });
  const auto before = [&keys](Index a, Index b) { return keys[a] > keys[b] || (keys[a] == keys[b] && a < b); };
  double next = none;
  if (found > k) {
    std::nth_element(candidates.begin(), candidates.begin() + k, candidates.end(), before);
    next = keys[candidates[k]];
  }
  std::sort(candidates.begin(), candidates.begin() + k, before);
  for (Index i = 0; i < k; ++i) out[i] = candidates[i];
  return next;
}

// paths[t] = index at time t of the line that ends in idx; A[t, i] is the parent at time t of particle i at time t + 1.
// Every index was checked. O(T n).
inline void ancestor_paths(const Index* A, Index T, Index N, const Index* idx, Index n, Index* paths,
                           const Parallel& parallel) {
  for_ranges(n, 256, parallel, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) paths[T * n + i] = idx[i];
    for (Index t = T; t-- > 0;)
      for (Index i = begin; i < end; ++i) paths[t * n + i] = A[t * N + paths[(t + 1) * n + i]];
  });
}

PONDERA_NAMESPACE_END
