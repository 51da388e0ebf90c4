// Counts in one dimension: a sorted array and two searches. The test of a point is the same subtraction as elsewhere;
// it is monotone on either side of the query, so that the borders are exact.
#pragma once

#include "pondera/neighbors/metric.hpp"

PONDERA_NAMESPACE_BEGIN

// `sorted` holds the n points in ascending order. O(log n) a query.
template <class T>
void count_line(const Count<T>& search, const double* sorted, const T* points, Index n, const Parallel& parallel) {
  for_ranges(search.m, 256, parallel, [&](Index begin, Index end) {
    for (Index row = begin; row < end; ++row) {
      const double x = static_cast<double>(search.query[row]);
      const Ball ball(search.measure, search.radii[row], search.strict);
      const auto inside = [&](double y) { return ball.inside(pair(search.measure, &x, &y, 1)); };
      const auto first_where = [](Index low, Index high, auto&& test) {
        while (low < high) {
          const Index middle = low + (high - low) / 2;
          if (test(middle))
            high = middle;
          else
            low = middle + 1;
        }
        return low;
      };
      const Index right = first_where(0, n, [&](Index i) { return sorted[i] >= x; });
      const Index lower = first_where(0, right, [&](Index i) { return inside(sorted[i]); });
      const Index upper = first_where(right, n, [&](Index i) { return !inside(sorted[i]); });
      Index total = upper - lower;
      const Index excluded = search.exclude ? search.exclude[row] : -1;
      if (excluded >= 0 && inside(static_cast<double>(points[excluded]))) --total;
      search.counts[row] = total;
    }
  });
}

PONDERA_NAMESPACE_END
