// Cumulative weights and their inverse: the base of every resampling scheme.
#pragma once

#include "pondera/reduce.hpp"

PONDERA_NAMESPACE_BEGIN

// C[i] = v_0 + ... + v_i over blocks of 4096: block sums in lanes, offsets serially, local scans from the offsets,
// clamped so that C never falls. From the last item of positive weight of a block on, C is the block's end: a trailing
// item of weight zero gets no rounding-sized share.
struct PrefixSum {
  Buffer<double> cumulative;
  Buffer<double> offsets;  // of each block, and the total
  double total = 0;
  Index last_positive = -1;

  Index size() const noexcept { return cumulative.size(); }
  // First i with C[i] > x, found by bisection; the last positive item where rounding leaves none.
  Index find(double x) const noexcept {
    Index low = 0, high = size();
    while (low < high) {
      const Index middle = low + (high - low) / 2;
      if (cumulative[middle] > x)
        high = middle;
      else
        low = middle + 1;
    }
    return low < size() ? low : last_positive;
  }
};

// Scans values already in `sum.cumulative`. O(N); N/4096 doubles more.
inline void scan_in_place(PrefixSum& sum, const Parallel& parallel) {
  const Index n = sum.cumulative.size(), blocks = block_count(n);
  double* c = sum.cumulative.data();
  Buffer<double> sums(blocks);
  Buffer<Index> last(blocks);
  for_blocks(blocks, parallel, [&](Index b) {
    const Index size = block_size(n, b);
    const double* v = c + b * kBlock;
    sums[b] = lane_sum(v, size);
    Index positive = size;
    while (positive > 0 && !(v[positive - 1] > 0.0)) --positive;
    last[b] = positive - 1;
  });
  sum.offsets = Buffer<double>(blocks + 1);
  sum.offsets[0] = 0.0;
  sum.last_positive = -1;
  for (Index b = 0; b < blocks; ++b) {
    sum.offsets[b + 1] = sum.offsets[b] + sums[b];
    if (last[b] >= 0) sum.last_positive = b * kBlock + last[b];
  }
  sum.total = sum.offsets[blocks];
  for_blocks(blocks, parallel, [&](Index b) {
    const Index size = block_size(n, b);
    double* v = c + b * kBlock;
    const double end = sum.offsets[b + 1];
    double run = sum.offsets[b];
    for (Index i = 0; i < size; ++i) {
      run += v[i];
      v[i] = run < end ? run : end;
    }
    for (Index i = last[b] < 0 ? 0 : last[b]; i < size; ++i) v[i] = end;
  });
}

// Prefix sum of exp(log_weights - max), or of plain weights. `max` must be finite.
inline PrefixSum prefix_sum(const double* values, Index n, bool logs, const Parallel& parallel) {
  PrefixSum sum;
  sum.cumulative = Buffer<double>(n);
  if (logs) {
    Index nan_at;
    const double m = block_max(values, n, &nan_at, parallel);
    block_exp(values, n, m, sum.cumulative.data(), parallel);
  } else {
    for_ranges(n, kBlock, parallel, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) sum.cumulative[i] = values[i];
    });
  }
  scan_in_place(sum, parallel);
  return sum;
}

// Non-decreasing positions x(k), k in [0, n): out[k] = first i with C[i] > x(k). Blocks of items are merged with the
// positions that fall into them. O(N + n).
template <class Position>
void merge_positions(const PrefixSum& sum, Index n, const Position& x, Index* out, const Parallel& parallel) {
  const Index items = sum.size(), blocks = block_count(items);
  const double density = static_cast<double>(n) / sum.total;
  // First k with x(k) >= bound: a guess from the density, then exact steps.
  const auto first_at = [&](double bound) {
    const double guess = bound * density;
    Index k = guess >= static_cast<double>(n) ? n : static_cast<Index>(guess);
    while (k > 0 && x(k - 1) >= bound) --k;
    while (k < n && x(k) < bound) ++k;
    return k;
  };
  for_blocks(blocks, parallel, [&](Index b) {
    const double* c = sum.cumulative.data();
    Index k = b == 0 ? 0 : first_at(sum.offsets[b]);
    const Index stop = b + 1 == blocks ? n : first_at(sum.offsets[b + 1]);
    const Index end = b * kBlock + block_size(items, b);
    Index i = b * kBlock;
    for (; k < stop; ++k) {
      const double position = x(k);
      while (i < end && c[i] <= position) ++i;
      if (i == end) break;
      out[k] = i;
    }
    for (; k < stop; ++k) out[k] = sum.last_positive;  // x(k) reached the total by rounding
  });
}

// The inverse CDF in O(1) expected: guide[j] = first i with C[i] > j S / N, then steps. Equals find() always.
struct GuideTable {
  Buffer<Index> guide;
  double scale = 0;

  GuideTable(const PrefixSum& sum, const Parallel& parallel) : guide(sum.size()) {
    const Index n = sum.size();
    scale = static_cast<double>(n) / sum.total;
    const double step = sum.total / static_cast<double>(n);
    merge_positions(sum, n, [step](Index j) { return static_cast<double>(j) * step; }, guide.data(), parallel);
  }
  Index find(const PrefixSum& sum, double x) const noexcept {
    const Index n = sum.size();
    Index j = static_cast<Index>(x * scale);
    j = j < n ? j : n - 1;
    const double* c = sum.cumulative.data();
    Index i = guide[j];
    while (i > 0 && c[i - 1] > x) --i;
    while (i < n && c[i] <= x) ++i;
    return i < n ? i : sum.last_positive;
  }
};

PONDERA_NAMESPACE_END
