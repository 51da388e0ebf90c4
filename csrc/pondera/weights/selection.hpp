// Alias tables, sampling without replacement by Gumbel keys, and ancestry.
#pragma once

#include <algorithm>
#include <atomic>

#include "pondera/weights/prefix_sum.hpp"

PONDERA_NAMESPACE_BEGIN

// A cell of an alias table: the probability to stay, else the item to go to. One cache line serves a draw.
struct AliasCell {
  double probability;
  Index alias;
};

// Vose's alias table of plain weights. O(N) serial; 2 N. Items of weight zero get probability 0 exactly and are
// nobody's alias.
inline void alias_table(const double* v, Index n, AliasCell* cells, const Parallel& parallel) {
  const double scale = static_cast<double>(n) / block_sum(v, n, parallel);
  Buffer<Index> small(n), large(n);
  Index smalls = 0, larges = 0, heaviest = 0;
  for (Index i = 0; i < n; ++i) {
    cells[i] = {v[i] * scale, i};
    heaviest = v[i] > v[heaviest] ? i : heaviest;
    if (cells[i].probability < 1.0)
      small[smalls++] = i;
    else
      large[larges++] = i;
  }
  while (smalls > 0 && larges > 0) {
    const Index s = small[--smalls], l = large[larges - 1];
    cells[s].alias = l;
    cells[l].probability = (cells[l].probability + cells[s].probability) - 1.0;
    if (cells[l].probability < 1.0) {
      --larges;
      small[smalls++] = l;
    }
  }
  while (larges > 0) cells[large[--larges]].probability = 1.0;
  while (smalls > 0) {  // rounding: these should hold 1, unless their weight is zero
    const Index s = small[--smalls];
    if (v[s] > 0.0)
      cells[s].probability = 1.0;
    else
      cells[s] = {0.0, heaviest};
  }
}

// Both uniforms of a draw come from one counter. O(n).
inline void alias_draw(const AliasCell* cells, Index items, Index n, const Stream& stream, Index* out,
                       const Parallel& parallel) {
  const double count = static_cast<double>(items);
  constexpr Index kBatch = 256;  // cells that the cache is asked for ahead
  for_ranges(n, kBlock, parallel, [&](Index begin, Index end) {
    double where[kBatch], stay[kBatch];
    for (Index first = begin; first < end; first += kBatch) {
      const Index size = end - first < kBatch ? end - first : kBatch;
      loops().uniform_pairs(stream.address(), static_cast<std::uint64_t>(first), size, where, stay);
      for (Index k = 0; k < size; ++k) {
        const Index cell = static_cast<Index>(where[k] * count);
        out[first + k] = cell < items ? cell : items - 1;
        __builtin_prefetch(cells + out[first + k]);
      }
      for (Index k = 0; k < size; ++k) {
        const Index i = out[first + k];
        const Index alias = cells[i].alias;
        out[first + k] = stay[k] < cells[i].probability ? i : alias;
      }
    }
  });
}

// Items with keys log_weights + Gumbel of at least `threshold` in any order, at most `room`; returns how many there
// are. Of the others few need a logarithm: a Gumbel variable of the uniform u is below -log(1 - u). O(N).
inline Index keys_above(const double* log_weights, Index n, double threshold, const Stream& stream, Index room,
                        Index* items, double* keys, const Parallel& parallel) {
  std::atomic<Index> found{0};
  for_blocks(block_count(n), parallel, [&](Index b) {
    double u[kBlock], bound[kBlock], sums[2];
    Index near[kBlock];
    const Index size = block_size(n, b), first = b * kBlock;
    const double* lw = log_weights + first;
    loops().uniform(stream.address(), static_cast<std::uint64_t>(first), size, u);
    Index count = 0;
    if (threshold > -baseline::kInf) {
      exp_sum(lw, size, threshold, bound, sums);
      for (Index i = 0; i < size; ++i) {  // the margin covers the rounding of both sides
        near[count] = i;
        count += bound[i] * (1.0 + 1e-12) + 1e-300 >= 1.0 - u[i];
      }
    } else {
      for (Index i = 0; i < size; ++i) {
        near[count] = i;
        count += lw[i] > -baseline::kInf;
      }
    }
    for (Index j = 0; j < count; ++j) bound[j] = u[near[j]];
    loops().log_f64(bound, count, bound);
    for (Index j = 0; j < count; ++j) bound[j] = -bound[j];
    loops().log_f64(bound, count, bound);
    Index kept = 0;
    for (Index j = 0; j < count; ++j) {
      const double key = lw[near[j]] + -bound[j];
      near[kept] = near[j];
      bound[kept] = key;
      kept += key >= threshold && key > -baseline::kInf;
    }
    const Index at = found.fetch_add(kept, std::memory_order_relaxed);
    for (Index j = 0; j < kept && at + j < room; ++j) items[at + j] = first + near[j], keys[at + j] = bound[j];
  });
  return found.load();
}

// The k largest of keys log_weights + Gumbel in order of selection, ties by index, and the (k+1)-th largest key (-inf
// if there is none). Candidates are those above a threshold that the keys of a fixed sample of items suggest; if it was
// too high, or they are too many, all positive items are. Order of arrival does not show: keys and indices are sorted.
// O(N + k log k); 3 k, at worst 3 N.
inline double gumbel_topk(const double* log_weights, Index n, Index k, const Stream& stream, Index* out,
                          const Parallel& parallel) {
  const double none = -baseline::kInf;
  double threshold = none;
  Index room = n;
  constexpr Index kSample = 1 << 14;
  if (n > 8 * kSample && k < n / 8) {
    Buffer<Index> element(kSample);
    Buffer<double> some(kSample);
    for (Index j = 0; j < kSample; ++j) element[j] = static_cast<Index>((static_cast<__int128>(j) * n) / kSample);
    loops().uniform_at(stream.address(), element.data(), kSample, some.data());
    for (Index j = 0; j < kSample; ++j) some[j] = log_weights[element[j]] - log(-log(some[j]));
    // About 1.3 k candidates, and slack for the sample's own error.
    const double share = (1.3 * static_cast<double>(k) + 64.0) / static_cast<double>(n);
    const Index rank = static_cast<Index>(share * static_cast<double>(kSample)) + 8;
    std::nth_element(some.begin(), some.begin() + rank, some.end(), [](double a, double b) { return a > b; });
    threshold = some[rank];
    room = 2 * k + n / 256;
  }
  Buffer<Index> items(room);
  Buffer<double> keys(room);
  Index found = keys_above(log_weights, n, threshold, stream, room, items.data(), keys.data(), parallel);
  if (threshold > none && (found < k + 1 || found > room)) {
    items = Buffer<Index>(n), keys = Buffer<double>(n);
    found = keys_above(log_weights, n, none, stream, n, items.data(), keys.data(), parallel);
  }
  Buffer<Index> order(found);
  for (Index i = 0; i < found; ++i) order[i] = i;
  const auto before = [&](Index a, Index b) {
    return keys[a] > keys[b] || (keys[a] == keys[b] && items[a] < items[b]);
  };
  double next = none;
  if (found > k) {
    std::nth_element(order.begin(), order.begin() + k, order.end(), before);
    next = keys[order[k]];
  }
  std::sort(order.begin(), order.begin() + k, before);
  for (Index i = 0; i < k; ++i) out[i] = items[order[i]];
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
