// First-order, total and second-order Sobol' indices from the outputs of a Saltelli design.
// Saltelli et al. 2010, doi:10.1016/j.cpc.2009.09.018; Jansen 1999; Homma and Saltelli 1996; Janon et al. 2014;
// Glen and Isaacs 2012; Martinez 2011. The last two agree: a Pearson correlation.
#pragma once

#include "pondera/reduce.hpp"

PONDERA_NAMESPACE_BEGIN

enum class Estimator : int { saltelli = 0, jansen = 1, homma = 2, janon = 3, glen = 4, martinez = 5 };

constexpr Index index_count(Index groups, bool second) noexcept {
  return 1 + 2 * groups + (second ? groups * (groups - 1) / 2 : 0);
}

// Means over the rows of one design, each row counted `weights` times, outputs centred near 0.
struct SobolMeans {
  double a, b, aa, bb, ab;
  double mean() const noexcept { return 0.5 * (a + b); }
  double variance() const noexcept { return 0.5 * (aa + bb) - mean() * mean(); }
};
// Those of one matrix C; the names are products of A, B, C, and of their differences (b_ca = B (C - A)).
struct MatrixMeans {
  double c, cc, ac, bc, b_ca, a_ac, ac_ac, bc_bc;
};

// First order from (B, C = AB_i), which share column i alone. yA yB stands for the squared mean.
inline double first_order(Estimator estimator, const SobolMeans& s, const MatrixMeans& m) noexcept {
  const double mu = s.mean(), v = s.variance();
  switch (estimator) {
    case Estimator::saltelli:
      return (m.b_ca - mu * (m.c - s.a)) / v;
    case Estimator::jansen:
      return 1.0 - m.bc_bc / (2.0 * v);
    case Estimator::homma:
      return ((m.bc - mu * (s.b + m.c)) - (s.ab - mu * (s.a + s.b))) / v;
    case Estimator::janon: {
      const double u = 0.5 * (s.b + m.c);
      return (m.bc - u * u) / (0.5 * (s.bb + m.cc) - u * u);
    }
    default:
      return (m.bc - s.b * m.c) / __builtin_sqrt((s.bb - s.b * s.b) * (m.cc - m.c * m.c));
  }
}

// Total from (A, C = AB_i), which share all columns but i.
inline double total_order(Estimator estimator, const SobolMeans& s, const MatrixMeans& m) noexcept {
  const double mu = s.mean(), v = s.variance();
  switch (estimator) {
    case Estimator::saltelli:
      return (m.a_ac - mu * (s.a - m.c)) / v;
    case Estimator::jansen:
      return m.ac_ac / (2.0 * v);
    case Estimator::homma:
      return 1.0 - ((m.ac - mu * (s.a + m.c)) - (s.ab - mu * (s.a + s.b))) / v;
    case Estimator::janon: {
      const double u = 0.5 * (s.a + m.c);
      return 1.0 - (m.ac - u * u) / (0.5 * (s.aa + m.cc) - u * u);
    }
    default:
      return 1.0 - (m.ac - s.a * m.c) / __builtin_sqrt((s.aa - s.a * s.a) * (m.cc - m.c * m.c));
  }
}

// The indices of outputs y (2 + groups [+ groups], n): out[0] the variance, then first, total, and the pairs i < j by
// rows. `weights` (n) counts the rows. O(n groups), second order O(n groups^2); n / 4096 times the number of sums.
inline void sobol_estimates(const double* y, Index n, Index groups, bool second, Estimator first, Estimator total,
                            const double* weights, double* out, const Parallel& parallel) {
  const Index pairs = second ? groups * (groups - 1) / 2 : 0;
  const Index sums = 16 + 8 * groups + (second ? groups + pairs : 0);
  const double *a = y, *b = y + n;
  const auto matrix = [&](Index g) { return y + (2 + g) * n; };
  const auto swapped = [&](Index g) { return y + (2 + groups + g) * n; };
  const Index blocks = block_count(n);
  Buffer<double> parts(blocks * sums);
  for_blocks(blocks, parallel, [&](Index block) {
    const Index at = block * kBlock, size = block_size(n, block);
    double* to = parts.data() + block * sums;
    const double* w = weights + at;
    loops().sobol_sums(w, a + at, a + at, b + at, size, to);  // sums over B, and products with A
    loops().sobol_sums(w, b + at, b + at, a + at, size, to + 8);
    to += 16;
    for (Index g = 0; g < groups; ++g, to += 8) loops().sobol_sums(w, a + at, b + at, matrix(g) + at, size, to);
    if (!second) return;
    double unused[8];
    for (Index g = 0; g < groups; ++g) {
      loops().sobol_sums(w, a + at, b + at, swapped(g) + at, size, unused);
      *to++ = unused[0];
    }
    for (Index i = 0; i < groups; ++i)
      for (Index j = i + 1; j < groups; ++j) *to++ = loops().weighted_dot(w, matrix(i) + at, swapped(j) + at, size);
  });
  Buffer<double> means(sums);
  for (Index k = 0; k < sums; ++k) means[k] = tree_sum(parts.data() + k, blocks, sums) / static_cast<double>(n);
  const SobolMeans s = {means[8], means[0], means[9], means[1], means[2]};
  out[0] = s.variance();
  const auto means_of = [&](Index g) {
    const double* m = means.data() + 16 + 8 * g;
    return MatrixMeans{m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7]};
  };
  for (Index g = 0; g < groups; ++g) {
    const MatrixMeans m = means_of(g);
    out[1 + g] = first_order(first, s, m);
    out[1 + groups + g] = total_order(total, s, m);
  }
  if (!second) return;
  // AB_i and BA_j share columns i and j alone.
  const double mu = s.mean();
  const double* shared = means.data() + 16 + 8 * groups;
  const double* product = shared + groups;
  double* pair = out + 1 + 2 * groups;
  for (Index i = 0; i < groups; ++i)
    for (Index j = i + 1; j < groups; ++j) {
      const double closed =
          ((*product++ - mu * (means[16 + 8 * i] + shared[j])) - (s.ab - mu * (s.a + s.b))) / s.variance();
      *pair++ = closed - out[1 + i] - out[1 + j];
    }
}

// The estimates of the outputs themselves, then of n_boot bootstrap samples of their rows: the same rows in every
// matrix. Draw i of sample b is element offset + i, row b. out is (1 + n_boot, index_count). O(n groups n_boot);
// n doubles a thread.
inline void sobol_bootstrap(const double* y, Index n, Index groups, bool second, Estimator first, Estimator total,
                            Index n_boot, Key key, Index offset, double* out, const Parallel& parallel) {
  const Index count = index_count(groups, second);
  for_blocks(1 + n_boot, parallel, [&](Index sample) {
    Buffer<double> weights(n, sample == 0 ? 1.0 : 0.0);
    if (sample > 0) {
      const Stream stream(key, Purpose::bootstrap, static_cast<std::uint32_t>(sample - 1));
      for (Index i = 0; i < n; ++i)
        weights[static_cast<Index>(
            stream.integer(static_cast<std::uint64_t>(offset + i), static_cast<std::uint64_t>(n)))] += 1.0;
    }
    sobol_estimates(y, n, groups, second, first, total, weights.data(), out + sample * count, parallel);
  });
}

PONDERA_NAMESPACE_END
