// Cumulative weights and their inverse: the base of every resampling scheme.
//
// C[i] = v_0 + ... + v_i over blocks of 4096 items: block sums in lanes, offsets serially, local scans from the
// offsets, clamped so that C never falls. From the last item of positive weight of a block on, C is the block's end: a
// trailing item of weight zero gets no rounding-sized share.
#pragma once

#include "pondera/reduce.hpp"

PONDERA_NAMESPACE_BEGIN

// C without its array: the weights v, the offsets of the blocks, and the C of any block on demand. v is exp(values -
// max), or the values themselves, which must outlive this. O(N); N for logarithms, else N/4096.
class Cumulative {
 public:
  Cumulative(const double* values, Index n, bool logs, const Parallel& parallel)
      : exps_(logs ? n : 0), v_(logs ? exps_.data() : values), n_(n), offsets_(block_count(n) + 1) {
    Index nan_at;
    const double shift = logs ? block_max(values, n, &nan_at, parallel) : 0.0;
    const Index blocks = block_count(n);
    for_blocks(blocks, parallel, [&](Index b) {
      const double* x = values + b * kBlock;
      double sums[2];
      if (logs)
        exp_sum(x, block_size(n, b), shift, exps_.data() + b * kBlock, sums);
      else
        sums[0] = lane_sum(x, block_size(n, b));
      offsets_[b + 1] = sums[0];
    });
    offsets_[0] = 0.0;
    Index last = -1;
    for (Index b = 0; b < blocks; ++b) {
      if (offsets_[b + 1] > 0.0) last = b;
      offsets_[b + 1] = offsets_[b] + offsets_[b + 1];
    }
    if (last >= 0) last_positive_ = last * kBlock + last_positive_of(last);
  }

  Index size() const noexcept { return n_; }
  double total() const noexcept { return offsets_[offsets_.size() - 1]; }
  double offset(Index block) const noexcept { return offsets_[block]; }
  Index last_positive() const noexcept { return last_positive_; }

  // C of the items of block b.
  void block(Index b, double* c) const noexcept {
    const Index size = block_size(n_, b), last = last_positive_of(b);
    const double* v = v_ + b * kBlock;
    const double end = offsets_[b + 1];
    double run = offsets_[b];
    for (Index i = 0; i < size; ++i) {
      run += v[i];
      c[i] = run < end ? run : end;
    }
    for (Index i = last < 0 ? 0 : last; i < size; ++i) c[i] = end;
  }

 private:
  // Position in block b of its last item of positive weight, or -1.
  Index last_positive_of(Index b) const noexcept {
    Index i = block_size(n_, b);
    while (i > 0 && !(v_[b * kBlock + i - 1] > 0.0)) --i;
    return i - 1;
  }

  Buffer<double> exps_;
  const double* v_;
  Index n_;
  Buffer<double> offsets_;
  Index last_positive_ = -1;
};

// C as an array. N doubles.
inline Buffer<double> prefix_sum(const Cumulative& sum, const Parallel& parallel) {
  Buffer<double> c(sum.size());
  for_blocks(block_count(sum.size()), parallel, [&](Index b) { sum.block(b, c.data() + b * kBlock); });
  return c;
}

// out[k] = first i with C[i] > x(k) for n non-decreasing positions; the last positive item where rounding leaves none.
// rank(c, count, r) gives r[i] = number of positions below c[i], exactly: then item i is wanted r[i] - r[i-1] times,
// and no branch depends on the weights. O(N + n); a block a thread.
template <class Rank, class Integer>
void invert_positions(const Cumulative& sum, Index n, const Rank& rank, Integer* out, const Parallel& parallel) {
  const Index blocks = block_count(sum.size());
  for_blocks(blocks, parallel, [&](Index b) {
    double c[kBlock];
    Index stop[kBlock];
    const Index size = block_size(sum.size(), b);
    sum.block(b, c);
    rank(c, size, stop);
    const double start = sum.offset(b);
    Index k = 0;
    if (b > 0) rank(&start, 1, &k);
    const Index limit = stop[size - 1] - 4;
    for (Index i = 0; i < size; ++i) {
      const Integer item = static_cast<Integer>(b * kBlock + i);
      if (k <= limit && stop[i] - k <= 4) {  // four stores at once; the next item overwrites what is too much
        out[k] = out[k + 1] = out[k + 2] = out[k + 3] = item;
        k = stop[i];
      } else {
        for (; k < stop[i]; ++k) out[k] = item;
      }
    }
    if (b + 1 == blocks)
      for (; k < n; ++k) out[k] = static_cast<Integer>(sum.last_positive());
  });
}

// Positions x(k) = (k + u) step, k = 0..n-1, step = S / n.
struct SystematicRank {
  double u, step, inverse;
  Index n;
  SystematicRank(double total, Index count, double shift) noexcept
      : u(shift), step(total / static_cast<double>(count)), inverse(static_cast<double>(count) / total), n(count) {}
  void operator()(const double* c, Index count, Index* rank) const noexcept {
    loops().rank_systematic(c, count, u, step, inverse, rank);
    for (Index i = 0; i < count; ++i) rank[i] = rank[i] < n ? rank[i] : n;
  }
};

// Positions x(k) = (k + u_k) step with u_k of the stream.
struct StratifiedRank {
  Stream stream;
  double step, inverse;
  Index n;
  StratifiedRank(double total, Index count, const Stream& uniforms) noexcept
      : stream(uniforms),
        step(total / static_cast<double>(count)),
        inverse(static_cast<double>(count) / total),
        n(count) {}
  void operator()(const double* c, Index count, Index* rank) const noexcept {
    double u[kBlock];
    loops().floor_scaled(c, count, inverse, n - 1, rank);
    loops().uniform_at(stream.address(), rank, count, u);
    for (Index i = 0; i < count; ++i) {
      const double m = static_cast<double>(rank[i]), rest = c[i] * inverse - m;
      // Next to a whole number rounding may have chosen the neighbour, whose uniform is another one.
      const double unsure = 1e-6 + 1e-15 * m;
      if (rest > unsure && rest < 1.0 - unsure)
        rank[i] += (m + u[i]) * step < c[i] ? 1 : 0;
      else
        rank[i] = exact(c[i], rank[i]);
    }
  }

 private:
  Index exact(double c, Index near) const noexcept {
    Index k = near > 0 ? near - 1 : 0;
    while (k < n && (static_cast<double>(k) + stream.uniform(static_cast<std::uint64_t>(k))) * step < c) ++k;
    return k;
  }
};

// The inverse CDF in O(1) expected: guide[j] = first i with C[i] > j S / N, then steps. Equals a bisection always.
template <class Integer>
class GuideTable {
 public:
  GuideTable(const Cumulative& sum, const Parallel& parallel)
      : c_(prefix_sum(sum, parallel)),
        guide_(sum.size()),
        total_(sum.total()),
        scale_(static_cast<double>(sum.size()) / sum.total()),
        last_positive_(sum.last_positive()) {
    invert_positions(sum, sum.size(), SystematicRank(total_, sum.size(), 0.0), guide_.data(), parallel);
  }

  // Where the search for u S begins. Asks the cache for it.
  Index start(double u) const noexcept {
    const Index j = static_cast<Index>(u * total_ * scale_);
    const Index i = guide_[j < guide_.size() ? j : guide_.size() - 1];
    __builtin_prefetch(c_.data() + i);
    return i;
  }
  Index find(double u, Index i) const noexcept {
    const double x = u * total_;
    const Index n = c_.size();
    while (i > 0 && c_[i - 1] > x) --i;
    while (i < n && c_[i] <= x) ++i;
    return i < n ? i : last_positive_;
  }
  Index find(double u) const noexcept { return find(u, start(u)); }

 private:
  Buffer<double> c_;
  Buffer<Integer> guide_;
  double total_, scale_;
  Index last_positive_;
};

PONDERA_NAMESPACE_END
