// Metrics as sums over coordinates: what a term is, how the sum becomes a distance, and the order of neighbours.
#pragma once

#include <algorithm>
#include <cmath>

#include "pondera/parallel.hpp"
#include "pondera/random/philox.hpp"
#include "pondera/workspace.hpp"

PONDERA_NAMESPACE_BEGIN

enum class Metric : int { euclidean, sqeuclidean, cityblock, chebyshev, minkowski, inner_product };

struct Measure {
  Metric metric = Metric::euclidean;
  double p = 2.0;       // of minkowski
  bool single = false;  // distances count as rounded to float32, as they are handed out

  int form() const noexcept {
    switch (metric) {
      case Metric::cityblock:
        return baseline::kAbsolutes;
      case Metric::chebyshev:
        return baseline::kMaximum;
      case Metric::minkowski:
        return baseline::kPowers;
      case Metric::inner_product:
        return baseline::kProducts;
      default:
        return baseline::kSquares;
    }
  }
  // The distance of a sum.
  double finish(double sum) const noexcept {
    if (metric == Metric::euclidean) return std::sqrt(sum);
    if (metric == Metric::minkowski) return sum > 0.0 ? exp(log(sum) / p) : 0.0;
    return sum;
  }
  // A sum that no sum with finish(sum) <= distance exceeds, rounding of any order of summation included.
  double ceiling(double distance) const noexcept {
    constexpr double slack = 1e-9, tiny = 1e-300;
    const double widened = distance + std::abs(distance) * slack + tiny;
    if (metric == Metric::euclidean) return widened * widened + tiny;
    if (metric == Metric::minkowski) return exp(p * log(widened)) * (1.0 + slack) + tiny;
    return widened;
  }
  // What a difference in one coordinate adds.
  double term(double difference) const noexcept {
    if (form() == baseline::kSquares) return difference * difference;
    if (metric == Metric::minkowski) return difference > 0.0 ? exp(p * log(difference)) * (1.0 - 1e-12) : 0.0;
    return difference;
  }
};

struct Neighbor {
  double distance;
  Index index;
};
inline bool before(const Neighbor& a, const Neighbor& b) noexcept {
  return a.distance < b.distance || (a.distance == b.distance && a.index < b.index);
}

// The k nearest so far in the order (distance, index), in the caller's memory of capacity(k). Up to 64 they are kept
// sorted; beyond, they are gathered and cut back to k by selection when twice as many have come.
struct Nearest {
  Neighbor* items;
  Index k, size;
  double worst;  // nothing farther is wanted

  static Index capacity(Index k) noexcept { return k <= 64 ? k : 2 * k; }

  void start(Neighbor* memory, Index wanted) noexcept { *this = {memory, wanted, 0, baseline::kInf}; }

  // False if it was not taken.
  bool push(double distance, Index index) noexcept {
    const Neighbor item{distance, index};
    if (distance > worst) return false;
    if (k <= 64) {
      if (size == k) {
        if (!before(item, items[k - 1])) return false;
        --size;
      }
      Index at = size++;
      for (; at > 0 && before(item, items[at - 1]); --at) items[at] = items[at - 1];
      items[at] = item;
      if (size == k) worst = items[k - 1].distance;
      return true;
    }
    items[size++] = item;
    if (size == k || size == 2 * k) cut();
    return true;
  }
  // Sorts what there is, at most k.
  void finish() noexcept {
    if (k > 64) {
      cut();
      std::sort(items, items + size, before);
    }
  }

 private:
  void cut() noexcept {
    if (size < k) return;
    std::nth_element(items, items + (k - 1), items + size, before);
    size = k;
    worst = items[k - 1].distance;
  }
};

// A search: the queries, what each must not return (null: nothing), and where the k nearest go, m by k.
template <class T>
struct Search {
  Measure measure;
  const T* query;
  Index m, d, k;
  const Index* exclude;
  double* distances;
  Index* indices;

  Index excluded(Index row) const noexcept { return exclude ? exclude[row] : -1; }
  void write(Index row, const Nearest& nearest) const noexcept {
    for (Index j = 0; j < k; ++j) {
      distances[row * k + j] = nearest.items[j].distance;
      indices[row * k + j] = nearest.items[j].index;
    }
  }
};

// Points within a radius of each query: how many, and the largest distance among them (-inf if none; may be null).
template <class T>
struct Count {
  Measure measure;
  const T* query;
  Index m, d;
  const double* radii;
  bool strict;
  const Index* exclude;
  Index* counts;
  double* farthest;
};

// Decides single sums: sums up to `sure` are inside, sums above `limit` outside, those between are looked at.
struct Ball {
  Measure measure;
  double radius, sure, limit;
  bool strict;

  Ball(const Measure& m, double r, bool strictly) noexcept : measure(m), radius(r), strict(strictly) {
    // Distances rounded to float32 may move by 6e-8 of themselves.
    const double slack = m.single ? 1e-6 : 1e-8, tiny = m.single ? 1e-40 : 1e-300;
    limit = m.ceiling(r + std::abs(r) * slack + tiny);
    const double inner = r - std::abs(r) * slack - tiny;
    sure = m.metric == Metric::inner_product ? inner : -1.0;
    if (m.metric != Metric::inner_product && inner > 0.0) {
      const double lowered = inner * (1.0 - slack);
      sure = m.metric == Metric::euclidean   ? lowered * lowered
             : m.metric == Metric::minkowski ? exp(m.p * log(lowered)) * (1.0 - slack)
                                             : lowered;
    }
  }
  double distance(double sum) const noexcept {
    const double value = measure.finish(sum);
    return measure.single ? static_cast<double>(static_cast<float>(value)) : value;
  }
  bool inside(double sum) const noexcept {
    const double value = distance(sum);
    return strict ? value < radius : value <= radius;
  }
};

inline double pair(const Measure& m, const double* x, const double* y, Index d) noexcept {
  return loops().pair_f64(m.form(), m.p, x, y, d);
}
inline double pair(const Measure& m, const float* x, const float* y, Index d) noexcept {
  return loops().pair_f32(m.form(), m.p, x, y, d);
}
inline void distances(const Measure& m, const double* q, const double* p, Index stride, Index count, Index d,
                      double* out) noexcept {
  loops().distances_f64(m.form(), m.p, q, p, stride, count, d, out);
}
inline void distances(const Measure& m, const float* q, const float* p, Index stride, Index count, Index d,
                      float* out) noexcept {
  loops().distances_f32(m.form(), m.p, q, p, stride, count, d, out);
}
inline Index below(const double* s, Index n, double limit, std::int32_t* out) noexcept {
  return loops().below_f64(s, n, limit, out);
}
inline Index below(const float* s, Index n, float limit, std::int32_t* out) noexcept {
  return loops().below_f32(s, n, limit, out);
}
inline void panel(const double* q, const double* p, Index strips, Index d, const double* bias, double* out,
                  Index stride) noexcept {
  loops().panel_f64(q, p, strips, d, bias, out, stride);
}
inline void panel(const float* q, const float* p, Index strips, Index d, const float* bias, float* out,
                  Index stride) noexcept {
  loops().panel_f32(q, p, strips, d, bias, out, stride);
}

// Rows divided by their Euclidean norm, in float64; a zero row becomes NaN. Half the squared distance of unit rows is
// one minus their cosine, and exactly 0 for equal rows. O(n d).
template <class T>
void unit_rows(const T* rows, Index n, Index d, double* out, const Parallel& parallel) {
  for_ranges(n, 256, parallel, [&](Index begin, Index end) {
    Buffer<double> origin(d, 0.0);
    for (Index i = begin; i < end; ++i) {
      double top = 0.0;
      for (Index t = 0; t < d; ++t) top = std::max(top, std::abs(static_cast<double>(rows[i * d + t])));
      double* to = out + i * d;
      for (Index t = 0; t < d; ++t) to[t] = static_cast<double>(rows[i * d + t]) / top;  // no overflow
      const double norm = std::sqrt(loops().pair_f64(baseline::kSquares, 2.0, to, origin.data(), d));
      for (Index t = 0; t < d; ++t) to[t] /= norm;
    }
  });
}

// Adds the points of sums s[0, n) that lie in the ball; `skip` is a position to leave out, or -1.
inline void count_inside(const Ball& ball, const double* s, Index n, Index skip, std::int32_t* hits, Index* count,
                         double* farthest) noexcept {
  if (!farthest) {
    const Index sure = loops().count_f64(s, n, ball.sure);
    if (sure == loops().count_f64(s, n, ball.limit)) {
      *count += sure - (skip >= 0 && skip < n && s[skip] <= ball.sure ? 1 : 0);
      return;
    }
  }
  const Index found = below(s, n, ball.limit, hits);
  for (Index i = 0; i < found; ++i) {
    const Index j = hits[i];
    if (j == skip || !(s[j] <= ball.sure || ball.inside(s[j]))) continue;
    ++*count;
    if (farthest) *farthest = std::max(*farthest, ball.distance(s[j]));
  }
}

PONDERA_NAMESPACE_END
