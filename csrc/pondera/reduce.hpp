// Reductions whose bits do not depend on the number of threads: blocks of 4096, eight lanes inside a block
// (isa/loops.inl), one tree of fixed shape over the block results.
#pragma once

#include "pondera/parallel.hpp"
#include "pondera/random/philox.hpp"
#include "pondera/workspace.hpp"

PONDERA_NAMESPACE_BEGIN

constexpr Index block_count(Index n) noexcept { return (n + kBlock - 1) / kBlock; }
constexpr Index block_size(Index n, Index block) noexcept {
  return n - block * kBlock < kBlock ? n - block * kBlock : kBlock;
}

// Sum of n values by a binary tree whose left half is the largest power of two below n. O(n), depth log2 n.
inline double tree_sum(const double* x, Index n, Index stride = 1) noexcept {
  if (n <= 0) return 0.0;
  if (n == 1) return x[0];
  Index half = 1;
  while (half * 2 < n) half *= 2;
  return tree_sum(x, half, stride) + tree_sum(x + half * stride, n - half, stride);
}

inline double max_of(const double* x, Index n, Index* nan_at) noexcept { return loops().max_f64(x, n, nan_at); }
inline double max_of(const float* x, Index n, Index* nan_at) noexcept { return loops().max_f32(x, n, nan_at); }
inline double lane_sum(const double* x, Index n) noexcept { return loops().sum_f64(x, n); }
inline double lane_sum(const float* x, Index n) noexcept { return loops().sum_f32(x, n); }
inline void exp_sum(const double* x, Index n, double shift, double* out, double* sums) noexcept {
  loops().exp_sum_f64(x, n, shift, out, sums);
}
inline void exp_sum(const float* x, Index n, double shift, double* out, double* sums) noexcept {
  loops().exp_sum_f32(x, n, shift, out, sums);
}

// Largest value; *nan_at gets the position of the first NaN or n. O(n).
template <class T>
double block_max(const T* x, Index n, Index* nan_at, const Parallel& parallel) {
  const Index blocks = block_count(n);
  Buffer<double> maxima(blocks);
  Buffer<Index> nans(blocks);
  for_blocks(blocks, parallel, [&](Index b) {
    Index at;
    maxima[b] = max_of(x + b * kBlock, block_size(n, b), &at);
    nans[b] = at == block_size(n, b) ? n : b * kBlock + at;
  });
  double m = -baseline::kInf;
  *nan_at = n;
  for (Index b = blocks; b-- > 0;) {
    m = maxima[b] > m ? maxima[b] : m;
    if (nans[b] < n) *nan_at = nans[b];
  }
  return m;
}

// Sum of n values. O(n); n / 4096 doubles.
template <class T>
double block_sum(const T* x, Index n, const Parallel& parallel) {
  const Index blocks = block_count(n);
  Buffer<double> sums(blocks);
  for_blocks(blocks, parallel, [&](Index b) { sums[b] = lane_sum(x + b * kBlock, block_size(n, b)); });
  return tree_sum(sums.data(), blocks);
}

// exp(x - shift) into out (may be null), and its sum and sum of squares. O(n); n / 2048 doubles.
struct ExpSums {
  double sum, squares;
};
template <class T>
ExpSums block_exp(const T* x, Index n, double shift, double* out, const Parallel& parallel) {
  const Index blocks = block_count(n);
  Buffer<double> sums(2 * blocks);
  for_blocks(blocks, parallel, [&](Index b) {
    exp_sum(x + b * kBlock, block_size(n, b), shift, out ? out + b * kBlock : nullptr, sums.data() + 2 * b);
  });
  return {tree_sum(sums.data(), blocks, 2), tree_sum(sums.data() + 1, blocks, 2)};
}

// out = exp(x - shift) / divisor. O(n).
template <class T>
void block_exp_divided(const T* x, Index n, double shift, double divisor, double* out, const Parallel& parallel) {
  for_ranges(n, kBlock, parallel, [&](Index begin, Index end) {
    double sums[2];
    exp_sum(x + begin, end - begin, shift, out + begin, sums);
    for (Index i = begin; i < end; ++i) out[i] /= divisor;
  });
}

PONDERA_NAMESPACE_END
