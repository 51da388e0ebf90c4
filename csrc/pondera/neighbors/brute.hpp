// Brute force over tiles of points packed by coordinate. The answer is always that of the exact float64 sums over the
// original rows (metric.hpp); tiles only decide who is looked at:
//
//   Euclidean and inner product beyond 16 columns   float32 products of centred rows, |y|^2 - 2 x.y
//   other norms, and up to 16 columns               float32 sums of differences
//   Minkowski, inner product up to 16 columns       the exact sums themselves
//
// A float32 tile selects k + 8 candidates, which are ranked by exact sums. Tile values are lower bounds up to a known
// error, so the largest one kept tells whether a point left out could belong to the answer. Queries for which it could
// go on to float64 tiles of the same kind, and what these cannot decide either is answered by exact sums over all
// points.
#pragma once

#include "pondera/neighbors/metric.hpp"

PONDERA_NAMESPACE_BEGIN

constexpr Index kTile = 512;    // points a tile, at most
constexpr Index kQueries = 64;  // queries a block of work
constexpr Index kMargin = 8;    // candidates beyond k
constexpr Index kDirect = 16;   // coordinates up to which differences beat products

// How rows enter a tile: V((x - centre) * scale), the scale a power of two that brings all values near 1.
template <class V>
struct Packing {
  Buffer<double> centre;  // d; empty: zero
  double scale = 1.0;
  double error = 0.0;  // of a tile value, relative to what its bound is built from
  bool panel = false, exact = false;
  bool rounded = false;               // coordinates lose digits on their way into a tile of differences
  Index tile = kTile, strip = kTile;  // points a tile, points a strip within

  template <class T>
  V value(const T* row, Index t) const noexcept {
    const double x = static_cast<double>(row[t]);
    return static_cast<V>((centre.size() ? x - centre[t] : x) * scale);
  }
};

template <class V>
constexpr double unit_roundoff() noexcept {
  return sizeof(V) == 4 ? 0x1p-24 : 0x1p-53;
}

// Largest |x - centre| over the rows. O(n d).
template <class T>
double largest_entry(const T* rows, Index n, Index d, const Buffer<double>& centre, const Parallel& parallel) {
  constexpr Index block = 1024;
  const Index blocks = (n + block - 1) / block;
  Buffer<double> largest(blocks, 0.0);
  for_ranges(n, block, parallel, [&](Index begin, Index end) {
    double lane[kLanes] = {};
    const auto look = [&](double x, double& top) {
      const double size = x < 0 ? -x : x;
      top = size > top ? size : top;
    };
    if (centre.size() == 0) {
      for (Index i = begin * d; i < end * d; ++i) look(static_cast<double>(rows[i]), lane[i % kLanes]);
    } else {
      for (Index i = begin; i < end; ++i) {
        const T* row = rows + i * d;
        Index t = 0;
        for (; t + kLanes <= d; t += kLanes)
          for (Index j = 0; j < kLanes; ++j) look(static_cast<double>(row[t + j]) - centre[t + j], lane[j]);
        for (; t < d; ++t) look(static_cast<double>(row[t]) - centre[t], lane[0]);
      }
    }
    largest[begin / block] = *std::max_element(lane, lane + kLanes);
  });
  return *std::max_element(largest.begin(), largest.end());
}

template <class T, class V>
Packing<V> choose_packing(const Search<T>& search, const T* points, Index n, const Parallel& parallel) {
  const Index d = search.d;
  const Metric metric = search.measure.metric;
  const bool euclidean = metric == Metric::euclidean || metric == Metric::sqeuclidean;
  Packing<V> packing;
  packing.panel = d > kDirect && (euclidean || metric == Metric::inner_product);
  packing.exact = !packing.panel && sizeof(V) == sizeof(double);
  if (packing.exact) return packing;
  packing.rounded = sizeof(T) != sizeof(V);
  if (packing.panel) {
    packing.strip = baseline::kStrip<V>;
    const Index fit = (Index{1} << 18) / (d * static_cast<Index>(sizeof(V)));
    packing.tile = std::clamp<Index>(fit / packing.strip * packing.strip, packing.strip, kTile);
  }
  if (metric != Metric::inner_product && (packing.panel || packing.rounded)) {
    packing.centre = Buffer<double>(d, 0.0);  // any centre is right; the mean of some rows is good
    const Index some = std::min<Index>(n, 1024), step = n / some;
    for (Index i = 0; i < some; ++i)
      for (Index t = 0; t < d; ++t)
        packing.centre[t] += static_cast<double>(points[i * step * d + t]) / static_cast<double>(some);
  }
  const double top = std::max(largest_entry(points, n, d, packing.centre, parallel),
                              largest_entry(search.query, search.m, d, packing.centre, parallel));
  int exponent = 0;
  if (top > 0.0 && top < baseline::kInf) std::frexp(top, &exponent);
  packing.scale = std::ldexp(1.0, std::clamp(-exponent, -1000, 1000));
  // Rounding of the coordinates, of d products and sums, of the norms; the float64 sums that are compared with the
  // bound round as well.
  packing.error = 2.5 * static_cast<double>(d + 12) * unit_roundoff<V>();
  return packing;
}

// Points [first, last) in tiles of strips: strip s of a tile holds its points by coordinate. Panels carry a bias.
template <class T, class V>
void pack_points(const Search<T>& search, const T* points, Index first, Index last, const Packing<V>& packing,
                 V* values, V* bias, const Parallel& parallel) {
  const Index d = search.d, tile = packing.tile, strip = packing.strip;
  for_ranges(last - first, tile, parallel, [&](Index begin, Index) {
    Buffer<double> norms(strip);
    for (Index s = begin; s < begin + tile; s += strip) {
      const Index count = std::clamp<Index>(last - first - s, 0, strip);
      std::fill(norms.begin(), norms.end(), 0.0);
      for (Index from = 0; from < d; from += 16)  // a few coordinates at a time: their lines stay in the cache
        for (Index i = 0; i < strip; ++i)
          for (Index t = from; t < std::min(d, from + 16); ++t) {
            const V v = i < count ? packing.value(points + (first + s + i) * d, t) : V{0};
            values[s * d + t * strip + i] = v;
            norms[i] += static_cast<double>(v) * static_cast<double>(v);
          }
      if (!packing.panel) continue;
      for (Index i = 0; i < strip; ++i)
        bias[s + i] =
            static_cast<V>(search.measure.metric == Metric::inner_product ? -packing.error * std::sqrt(norms[i])
                                                                          : (1.0 - packing.error) * norms[i]);
    }
  });
}

// From the keys of a panel to sums: a true sum is at least key * factor + shift.
struct PanelBound {
  double factor = 1.0, shift = 0.0;
};

// Queries [begin, end) of a panel, eight side by side by coordinate: 2 (x - centre), or x / |x| for products.
template <class T, class V>
void pack_queries(const Search<T>& search, Index begin, Index end, const Packing<V>& packing, V* values,
                  PanelBound* bounds) noexcept {
  constexpr Index group = baseline::kPanelQueries;
  const Index d = search.d;
  const bool products = search.measure.metric == Metric::inner_product;
  const double inverse = 1.0 / (packing.scale * packing.scale);
  for (Index i = 0; i < kQueries; ++i) {
    V* to = values + (i / group) * group * d + i % group;
    const T* row = search.query + (begin + i) * d;
    if (begin + i >= end) {
      for (Index t = 0; t < d; ++t) to[t * group] = 0;
      continue;
    }
    double norm = 0.0;
    for (Index t = 0; t < d; ++t) {
      const V v = packing.value(row, t);
      to[t * group] = 2 * v;
      norm += static_cast<double>(v) * static_cast<double>(v);
    }
    bounds[i] = {inverse, (1.0 - packing.error) * norm * inverse};
    if (!products) continue;
    norm = std::sqrt(norm);
    const double unit = norm > 0.0 ? packing.scale / norm : 0.0;
    for (Index t = 0; t < d; ++t) to[t * group] = static_cast<V>(static_cast<double>(row[t]) * unit);
    bounds[i] = {norm * inverse, 0.0};
  }
}

// A lower bound of the sums of all points whose key is at least `key`.
template <class T, class V>
double least_sum(const Search<T>& search, Index row, double key, const Packing<V>& packing,
                 const PanelBound& bound) noexcept {
  const double tiny = static_cast<double>(search.d) * (sizeof(V) == 4 ? 0x1p-120 : 0x1p-1000);  // underflow
  if (packing.panel) {
    const double sum = (key - tiny) * bound.factor + bound.shift;
    return sum - std::abs(sum) * 1e-12;
  }
  const int form = search.measure.form();
  const bool squares = form == baseline::kSquares;
  double distance = std::max(key - tiny, 0.0);
  distance = (squares ? std::sqrt(distance) : distance) * (1.0 - packing.error);
  if (packing.rounded) {
    // The rounded x and y lie within u |x| and u |y| of their own, and |y| <= |x| + |x - y|.
    double norm = 0.0;
    for (Index t = 0; t < search.d; ++t) {
      const double x = std::abs(static_cast<double>(packing.value(search.query + row * search.d, t)));
      norm = squares ? norm + x * x : form == baseline::kMaximum ? std::max(norm, x) : norm + x;
    }
    distance -= 2.1 * unit_roundoff<V>() * (squares ? std::sqrt(norm) : norm);
    distance *= 1.0 - 2.0 * unit_roundoff<V>();
  }
  distance = std::max(distance, 0.0) / packing.scale;
  return squares ? distance * distance : distance;
}

// Ranks the candidates of a query by their exact sums; false if a point that is no candidate might belong to the k.
template <class T, class V>
bool rank_candidates(const Search<T>& search, const T* points, Index n, Index row, const Packing<V>& packing,
                     const PanelBound& bound, Nearest& nearest) noexcept {
  nearest.finish();
  const Index d = search.d, candidates = nearest.size;
  const bool complete = candidates == n - (search.excluded(row) >= 0 ? 1 : 0);
  if (!complete && candidates < nearest.k) return false;  // NaN keys (an overflow) are never kept
  const double last_key = nearest.items[candidates - 1].distance;
  for (Index j = 0; j < candidates; ++j)
    nearest.items[j].distance = pair(search.measure, search.query + row * d, points + nearest.items[j].index * d, d);
  std::sort(nearest.items, nearest.items + candidates, before);
  const double kth = nearest.items[search.k - 1].distance;
  const double rounding = static_cast<double>(d + 12) * 0x1p-50;
  if (!complete && !(least_sum(search, row, last_key, packing, bound) > kth + std::abs(kth) * rounding)) return false;
  for (Index j = 0; j < candidates; ++j) nearest.items[j].distance = search.measure.finish(nearest.items[j].distance);
  std::sort(nearest.items, nearest.items + candidates, before);
  search.write(row, nearest);
  return true;
}

// O(m n d). Answers what tiles of V can decide; undecided[row] says which queries are left. Memory: packed points, at
// most half of `max_memory`; candidates of a chunk of queries, the other half.
template <class T, class V>
void knn_tiles(const Search<T>& search, const T* points, Index n, Index max_memory, bool* undecided,
               const Parallel& parallel) {
  const Index d = search.d, m = search.m;
  const Packing<V> packing = choose_packing<T, V>(search, points, n, parallel);
  const Index keep = packing.exact ? search.k : std::min(search.k + kMargin, n);
  const Index capacity = Nearest::capacity(keep);
  const auto floor_to = [](Index x, Index unit) { return std::max(unit, x / unit * unit); };
  const Index chunk =
      std::min(floor_to(max_memory / 2 / (capacity * Index{sizeof(Neighbor)}), kQueries), Index{64} * kQueries);
  const Index all_tiles = (n + packing.tile - 1) / packing.tile * packing.tile;
  const Index span = std::min(floor_to(max_memory / 2 / (d * static_cast<Index>(sizeof(V))), packing.tile), all_tiles);
  Buffer<V> values(span * d), bias(packing.panel ? span : 0);
  Buffer<Neighbor> memory(std::min(chunk, m) * capacity);
  Buffer<Nearest> state(std::min(chunk, m));
  bool packed = false;
  for (Index from = 0; from < m; from += chunk) {
    const Index rows = std::min(chunk, m - from);
    for (Index i = 0; i < rows; ++i) state[i].start(memory.data() + i * capacity, keep);
    for (Index first = 0; first < n; first += span) {
      const Index last = std::min(first + span, n);
      if (!packed) pack_points(search, points, first, last, packing, values.data(), bias.data(), parallel);
      packed = span >= n;
      for_ranges(rows, kQueries, parallel, [&](Index begin, Index end) {
        constexpr Index group = baseline::kPanelQueries;
        const Index lines = packing.panel ? group : 1;
        Buffer<V> queries(packing.panel ? kQueries * d : d), sums(lines * packing.tile);
        Buffer<std::int32_t> hits(packing.tile + 1);
        Buffer<PanelBound> bounds(kQueries);
        const auto collect = [&](Index i, const V* line, Index at) {
          Nearest& nearest = state[i];
          const Index count = std::min(packing.tile, last - at), excluded = search.excluded(from + i);
          const double worst = nearest.worst;
          const double limit = packing.exact ? search.measure.ceiling(worst) : worst;
          const Index found = below(line, count, static_cast<V>(limit), hits.data());
          for (Index h = 0; h < found; ++h) {
            const Index index = at + hits[h];
            if (index == excluded) continue;
            const double key = static_cast<double>(line[hits[h]]);
            nearest.push(packing.exact ? search.measure.finish(key) : key, index);
          }
        };
        if (packing.panel) pack_queries(search, from + begin, from + end, packing, queries.data(), bounds.data());
        for (Index at = first; at < last; at += packing.tile) {
          const V* tile = values.data() + (at - first) * d;
          if (packing.panel) {
            for (Index i = begin; i < end; i += group) {
              panel(queries.data() + (i - begin) * d, tile, packing.tile / packing.strip, d, bias.data() + (at - first),
                    sums.data(), packing.tile);
              for (Index r = 0; r < std::min(group, end - i); ++r) collect(i + r, sums.data() + r * packing.tile, at);
            }
          } else {
            for (Index i = begin; i < end; ++i) {
              for (Index t = 0; t < d; ++t) queries[t] = packing.value(search.query + (from + i) * d, t);
              distances(search.measure, queries.data(), tile, packing.tile, packing.tile, d, sums.data());
              collect(i, sums.data(), at);
            }
          }
        }
        if (last < n) return;
        for (Index i = begin; i < end; ++i) {
          undecided[from + i] = false;
          if (packing.exact) {
            state[i].finish();
            search.write(from + i, state[i]);
          } else {
            undecided[from + i] = !rank_candidates(search, points, n, from + i, packing, bounds[i - begin], state[i]);
          }
        }
      });
    }
    // Where one chunk fails by more than half, so will the others.
    if (std::count(undecided + from, undecided + from + rows, true) > rows / 2) {
      std::fill(undecided + from + rows, undecided + m, true);
      return;
    }
  }
}

// Some queries of a search, with room for their results.
template <class T>
struct Subset {
  Buffer<Index> rows, exclude, indices;
  Buffer<T> query;
  Buffer<double> distances;
  Search<T> search;

  Subset(const Search<T>& all, const bool* wanted)
      : rows(std::count(wanted, wanted + all.m, true)),
        exclude(rows.size()),
        indices(rows.size() * all.k),
        query(rows.size() * all.d),
        distances(rows.size() * all.k),
        search(all) {
    Index at = 0;
    for (Index row = 0; row < all.m; ++row) {
      if (!wanted[row]) continue;
      std::copy_n(all.query + row * all.d, all.d, query.data() + at * all.d);
      exclude[at] = all.excluded(row);
      rows[at++] = row;
    }
    search.m = at;
    search.query = query.data();
    search.exclude = exclude.data();
    search.distances = distances.data();
    search.indices = indices.data();
  }
  void give_back(const Search<T>& all) const noexcept {
    for (Index i = 0; i < search.m; ++i) {
      std::copy_n(distances.data() + i * all.k, all.k, all.distances + rows[i] * all.k);
      std::copy_n(indices.data() + i * all.k, all.k, all.indices + rows[i] * all.k);
    }
  }
};

// All points by exact sums, one query after the other. O(m n d).
template <class T>
void knn_exact(const Search<T>& search, const T* points, Index n, const Parallel& parallel) {
  for_blocks(search.m, parallel, [&](Index row) {
    Buffer<Neighbor> memory(Nearest::capacity(search.k));
    Nearest nearest;
    nearest.start(memory.data(), search.k);
    const Index excluded = search.excluded(row);
    const T* query = search.query + row * search.d;
    for (Index i = 0; i < n; ++i)
      if (i != excluded)
        nearest.push(search.measure.finish(pair(search.measure, query, points + i * search.d, search.d)), i);
    nearest.finish();
    search.write(row, nearest);
  });
}

// Float32 tiles, then float64 tiles, then exact sums, each for what the one before left undecided. A few queries are
// not worth packing.
template <class T>
void knn_brute(const Search<T>& search, const T* points, Index n, Index max_memory, const Parallel& parallel) {
  constexpr Index few = 4;
  if (search.m < few) return knn_exact(search, points, n, parallel);
  const Metric metric = search.measure.metric;
  const bool single = metric != Metric::minkowski && !(metric == Metric::inner_product && search.d <= kDirect);
  Buffer<bool> undecided(search.m);
  if (single)
    knn_tiles<T, float>(search, points, n, max_memory, undecided.data(), parallel);
  else
    knn_tiles<T, double>(search, points, n, max_memory, undecided.data(), parallel);
  const Subset<T> second(search, undecided.data());
  if (second.search.m == 0) return;
  if (second.search.m < few) {
    knn_exact(second.search, points, n, parallel);
  } else {
    knn_tiles<T, double>(second.search, points, n, max_memory, undecided.data(), parallel);
    const Subset<T> third(second.search, undecided.data());
    knn_exact(third.search, points, n, parallel);
    third.give_back(second.search);
  }
  second.give_back(search);
}

// O(m n d); tiles of exact sums.
template <class T>
void count_brute(const Count<T>& search, const T* points, Index n, const Parallel& parallel) {
  const Index d = search.d;
  const Packing<double> packing;
  const Search<T> shape{search.measure, search.query, search.m, d, 1, nullptr, nullptr, nullptr};
  for_ranges(search.m, 4 * kQueries, parallel, [&](Index begin, Index end) {
    Buffer<double> tile(kTile * d), query(d), sums(kTile);
    Buffer<std::int32_t> hits(kTile + 1);
    for (Index row = begin; row < end; ++row) {
      search.counts[row] = 0;
      if (search.farthest) search.farthest[row] = -baseline::kInf;
    }
    for (Index at = 0; at < n; at += kTile) {
      const Index count = std::min(kTile, n - at);
      pack_points<T, double>(shape, points, at, at + count, packing, tile.data(), nullptr, Parallel{});
      for (Index row = begin; row < end; ++row) {
        for (Index t = 0; t < d; ++t) query[t] = static_cast<double>(search.query[row * d + t]);
        distances(search.measure, query.data(), tile.data(), kTile, kTile, d, sums.data());
        const Index excluded = search.exclude ? search.exclude[row] : -1;
        count_inside(Ball(search.measure, search.radii[row], search.strict), sums.data(), count,
                     excluded < 0 ? -1 : excluded - at, hits.data(), search.counts + row,
                     search.farthest ? search.farthest + row : nullptr);
      }
    }
  });
}

PONDERA_NAMESPACE_END
