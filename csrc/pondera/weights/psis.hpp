// Pareto smoothing of the largest weights. Vehtari, Simpson, Gelman, Yao, Gabry (2024), arXiv:1507.02646; the fit is
// that of Zhang and Stephens (2009), doi:10.1198/tech.2009.08017.
#pragma once

#include <algorithm>

#include "pondera/reduce.hpp"

PONDERA_NAMESPACE_BEGIN

struct ParetoFit {
  double k, sigma;
};

// Generalised Pareto fit to ascending excesses y[0..n); {nan, nan} where a quarter of them is zero (ties at the cut).
// O(n sqrt n); n.
inline ParetoFit fit_pareto(const double* y, Index n) {
  const double nan = __builtin_nan("");
  const Index candidates = 30 + static_cast<Index>(__builtin_sqrt(static_cast<double>(n)));
  const double quartile = y[(n + 2) / 4 - 1];
  if (!(quartile > 0.0)) return {nan, nan};
  const double count = static_cast<double>(n), largest = y[n - 1];
  Buffer<double> b(candidates), profile(candidates), scratch(n);
  const auto mean_log1p = [&](double slope) {
    for (Index i = 0; i < n; ++i) scratch[i] = -slope * y[i];
    loops().log1p_f64(scratch.data(), n, scratch.data());
    return block_sum(scratch.data(), n, Parallel{}) / count;
  };
  double best = -baseline::kInf;
  for (Index j = 0; j < candidates; ++j) {
    const double root = __builtin_sqrt(static_cast<double>(candidates) / (static_cast<double>(j) + 0.5));
    b[j] = 1.0 / largest + (1.0 - root) / (3.0 * quartile);
    const double k = mean_log1p(b[j]);
    profile[j] = count * (log(-(b[j] / k)) - k - 1.0);
    best = profile[j] > best ? profile[j] : best;
  }
  double total = 0;
  for (Index j = 0; j < candidates; ++j) total += profile[j] = exp(profile[j] - best);
  double kept = 0, slope = 0;
  for (Index j = 0; j < candidates; ++j) {
    const double w = profile[j] / total;
    if (w >= 10 * 0x1p-52) kept += w, slope += w * b[j];
  }
  slope /= kept;
  double k = mean_log1p(slope);
  const double sigma = -k / slope;
  k = (count * k + 10.0 * 0.5) / (count + 10.0);
  return {k == k ? k : baseline::kInf, sigma};
}

inline Index tail_length(Index n, double r_eff) noexcept {
  const double s = static_cast<double>(n);
  return s * r_eff > 225.0 ? static_cast<Index>(3.0 * __builtin_sqrt(s / r_eff)) : n / 5;
}

// The `tail` largest of x in ascending order, ties by index; *below gets the largest value outside. O(n); n.
inline void largest(const double* x, Index n, Index tail, Index* indices, double* below) {
  Buffer<double> copy(n);
  for (Index i = 0; i < n; ++i) copy[i] = x[i];
  std::nth_element(copy.begin(), copy.begin() + (n - tail), copy.end());
  const double cut = copy[n - tail];
  *below = *std::max_element(copy.begin(), copy.begin() + (n - tail));
  Index at = tail;
  Index above = 0;
  for (Index i = 0; i < n; ++i) above += x[i] > cut;
  Index equal = tail - above;
  for (Index i = n; i-- > 0;) {  // of those equal to the cut, a stable sort puts the last ones into the tail
    if (x[i] > cut || (x[i] == cut && equal-- > 0)) indices[--at] = i;
  }
  std::sort(indices, indices + tail, [x](Index a, Index b) { return x[a] < x[b] || (x[a] == x[b] && a < b); });
}

// One row: smoothed normalised log-weights into out, k-hat returned. The row has a finite maximum.
inline double psis_row(const double* log_weights, Index n, double r_eff, double* out) {
  const Parallel serial{};
  Index nan_at;
  const double m = block_max(log_weights, n, &nan_at, serial);
  for (Index i = 0; i < n; ++i) out[i] = log_weights[i] - m;
  double k = __builtin_nan("");
  const Index tail = tail_length(n, r_eff);
  if (tail >= 5 && tail < n) {
    Buffer<Index> indices(tail);
    Buffer<double> y(tail);
    double below;
    largest(out, n, tail, indices.data(), &below);
    if (out[indices[0]] == out[indices[tail - 1]]) {
      k = -baseline::kInf;  // a constant tail: the best case
    } else {
      const double cut = exp(below);
      for (Index j = 0; j < tail; ++j) y[j] = exp(out[indices[j]]) - cut;
      const ParetoFit fit = fit_pareto(y.data(), tail);
      k = fit.k;
      if (k - k == 0.0) {
        for (Index j = 0; j < tail; ++j) {
          const double p = (static_cast<double>(j) + 0.5) / static_cast<double>(tail);
          const double l = log1p(-p);
          const double q = k == 0.0 ? cut - fit.sigma * l : cut + fit.sigma * expm1(-k * l) / k;
          const double smooth = log(q);
          out[indices[j]] = smooth < 0.0 ? smooth : 0.0;
        }
      }
    }
  }
  Index unused;
  const double top = block_max(out, n, &unused, serial);
  const double lse = top + log(block_exp(out, n, top, nullptr, serial).sum);
  for (Index i = 0; i < n; ++i) out[i] -= lse;
  return k;
}

PONDERA_NAMESPACE_END
