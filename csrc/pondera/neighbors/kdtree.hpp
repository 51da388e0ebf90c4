// A k-d tree of implicit shape: node j of level l holds the points order[(j n) >> l, ((j + 1) n) >> l), leaves hold at
// most 32, packed by coordinate. Median split on the widest dimension by (coordinate, index); a node whose points
// coincide is a leaf. Bounds follow Arya and Mount (1993): each step changes one coordinate's share.
#pragma once

#include "pondera/neighbors/metric.hpp"

PONDERA_NAMESPACE_BEGIN

constexpr Index kLeaf = 32;
constexpr Index kTreeDimensions = 64;  // the bound's shares stand on the stack

// Arrays of a tree; the caller owns them. `padded` is the room of a leaf, a multiple of 8.
struct Tree {
  Index n, d;
  int levels;
  Index padded;
  double* packed;       // (2^levels) d padded
  Index* order;         // n
  std::int32_t* split;  // 2^levels - 1: dimension, or -1 where the points coincide
  double* low;          // largest coordinate of the left half
  double* high;         // smallest of the right half
  double* box;          // 2 d: smallest and largest coordinates of all points

  static int levels_for(Index n) noexcept {
    int levels = 0;
    while ((n + (Index{1} << levels) - 1) >> levels > kLeaf) ++levels;
    return levels;
  }
  static Index padded_for(Index n) noexcept {
    const int levels = levels_for(n);
    return (((n + (Index{1} << levels) - 1) >> levels) + 7) / 8 * 8;
  }
  Index begin(int level, Index j) const noexcept { return static_cast<Index>((static_cast<__int128>(j) * n) >> level); }
  static Index node(int level, Index j) noexcept { return (Index{1} << level) - 1 + j; }
};

// O(n d log n); n keys more. Levels in turn, the nodes of a level in parallel.
template <class T>
void build_tree(const T* points, const Tree& tree, const Parallel& parallel) {
  struct Keyed {
    double key;
    Index index;
  };
  const Index n = tree.n, d = tree.d;
  Buffer<Keyed> keyed(n);
  for (Index i = 0; i < n; ++i) tree.order[i] = i;
  for (int level = 0; level < tree.levels; ++level) {
    const Index nodes = Index{1} << level;
    const Index group = std::max<Index>(1, nodes / 64);
    for_ranges(nodes, group, parallel, [&](Index first, Index last) {
      for (Index j = first; j < last; ++j) {
        const Index begin = tree.begin(level, j), end = tree.begin(level, j + 1);
        const Index node = Tree::node(level, j);
        const bool coincide = level > 0 && tree.split[Tree::node(level - 1, j / 2)] < 0;
        double widest = 0.0;
        Index dim = -1;
        for (Index t = 0; t < d && !coincide; ++t) {
          double least = baseline::kInf, most = -baseline::kInf;
          for (Index i = begin; i < end; ++i) {
            const double x = static_cast<double>(points[tree.order[i] * d + t]);
            least = x < least ? x : least;
            most = x > most ? x : most;
          }
          if (most - least > widest) widest = most - least, dim = t;
          if (level == 0) tree.box[t] = least, tree.box[d + t] = most;
        }
        tree.split[node] = static_cast<std::int32_t>(dim);
        tree.low[node] = tree.high[node] = 0.0;
        if (dim < 0) continue;
        for (Index i = begin; i < end; ++i)
          keyed[i] = {static_cast<double>(points[tree.order[i] * d + dim]), tree.order[i]};
        const Index middle = tree.begin(level + 1, 2 * j + 1);
        std::nth_element(
            keyed.begin() + begin, keyed.begin() + middle, keyed.begin() + end,
            [](const Keyed& a, const Keyed& b) { return a.key < b.key || (a.key == b.key && a.index < b.index); });
        double low = -baseline::kInf;
        for (Index i = begin; i < end; ++i) {
          tree.order[i] = keyed[i].index;
          if (i < middle) low = keyed[i].key > low ? keyed[i].key : low;
        }
        tree.low[node] = low;
        tree.high[node] = keyed[middle].key;
      }
    });
  }
  if (tree.levels == 0)
    for (Index t = 0; t < d; ++t) {
      double least = baseline::kInf, most = -baseline::kInf;
      for (Index i = 0; i < n; ++i) {
        const double x = static_cast<double>(points[i * d + t]);
        least = x < least ? x : least;
        most = x > most ? x : most;
      }
      tree.box[t] = least, tree.box[d + t] = most;
    }
  for_ranges(Index{1} << tree.levels, 64, parallel, [&](Index first, Index last) {
    for (Index leaf = first; leaf < last; ++leaf) {
      const Index begin = tree.begin(tree.levels, leaf), end = tree.begin(tree.levels, leaf + 1);
      double* to = tree.packed + leaf * d * tree.padded;
      for (Index t = 0; t < d; ++t)
        for (Index i = 0; i < tree.padded; ++i)
          to[t * tree.padded + i] = begin + i < end ? static_cast<double>(points[tree.order[begin + i] * d + t]) : 0.0;
    }
  });
}

// Visits the leaves that a query may need, nearest side first. `limit` is read at every node; scan(leaf) may lower it.
template <class Scan>
class Descent {
 public:
  Descent(const Tree& tree, const Measure& measure, const double* query, const double& limit, Scan& scan) noexcept
      : tree_(tree), measure_(measure), query_(query), limit_(limit), scan_(scan) {}

  void run() noexcept {
    double bound = 0.0;
    for (Index t = 0; t < tree_.d; ++t) {
      const double outside = std::max(std::max(tree_.box[t] - query_[t], query_[t] - tree_.box[tree_.d + t]), 0.0);
      share_[t] = measure_.term(outside);
      bound = measure_.metric == Metric::chebyshev ? std::max(bound, share_[t]) : bound + share_[t];
    }
    if (bound <= limit_) visit(0, 0, bound);
  }

 private:
  void visit(int level, Index j, double bound) noexcept {
    const Index node = Tree::node(level, j);
    if (level == tree_.levels || tree_.split[node] < 0) {
      const int below = tree_.levels - level;
      for (Index leaf = j << below; leaf < (j + 1) << below; ++leaf) scan_(leaf);
      return;
    }
    const std::int32_t dim = tree_.split[node];
    const double from_low = query_[dim] - tree_.low[node], from_high = tree_.high[node] - query_[dim];
    const bool right = from_low > from_high;
    visit(level + 1, 2 * j + (right ? 1 : 0), bound);
    const double before = share_[dim];
    const double share = std::max(measure_.term(right ? from_low : from_high), before);
    // A node whose bound equals the limit is visited: it may hold a tie of lower index.
    const double far = measure_.metric == Metric::chebyshev ? std::max(bound, share) : (bound - before) + share;
    if (!(far <= limit_)) return;
    share_[dim] = share;
    visit(level + 1, 2 * j + (right ? 0 : 1), far);
    share_[dim] = before;
  }

  const Tree& tree_;
  const Measure measure_;
  const double* query_;
  const double& limit_;
  Scan& scan_;
  double share_[kTreeDimensions];
};

// About O(log n) a query at low intrinsic dimension; the k nearest a thread.
template <class T>
void knn_tree(const Tree& tree, const Search<T>& search, const Parallel& parallel) {
  const Measure& measure = search.measure;
  for_ranges(search.m, 64, parallel, [&](Index begin, Index end) {
    Buffer<Neighbor> memory(Nearest::capacity(search.k));
    Buffer<double> sums(tree.padded), query(tree.d);
    for (Index row = begin; row < end; ++row) {
      for (Index t = 0; t < tree.d; ++t) query[t] = static_cast<double>(search.query[row * tree.d + t]);
      const Index excluded = search.excluded(row);
      Nearest nearest;
      nearest.start(memory.data(), search.k);
      double limit = baseline::kInf;
      auto scan = [&](Index leaf) {
        const Index first = tree.begin(tree.levels, leaf), count = tree.begin(tree.levels, leaf + 1) - first;
        distances(measure, query.data(), tree.packed + leaf * tree.d * tree.padded, tree.padded, tree.padded, tree.d,
                  sums.data());
        bool lower = false;
        for (Index i = 0; i < count; ++i) {
          if (!(sums[i] <= limit)) continue;
          const Index index = tree.order[first + i];
          if (index != excluded) lower |= nearest.push(measure.finish(sums[i]), index);
        }
        if (lower) limit = measure.ceiling(nearest.worst);
      };
      Descent<decltype(scan)>(tree, measure, query.data(), limit, scan).run();
      nearest.finish();
      search.write(row, nearest);
    }
  });
}

template <class T>
void count_tree(const Tree& tree, const Count<T>& search, const Parallel& parallel) {
  for_ranges(search.m, 64, parallel, [&](Index begin, Index end) {
    Buffer<double> sums(tree.padded), query(tree.d);
    Buffer<std::int32_t> hits(tree.padded);
    for (Index row = begin; row < end; ++row) {
      for (Index t = 0; t < tree.d; ++t) query[t] = static_cast<double>(search.query[row * tree.d + t]);
      const Ball ball(search.measure, search.radii[row], search.strict);
      const Index excluded = search.exclude ? search.exclude[row] : -1;
      Index total = 0;
      double farthest = -baseline::kInf;
      auto scan = [&](Index leaf) {
        const Index first = tree.begin(tree.levels, leaf), count = tree.begin(tree.levels, leaf + 1) - first;
        distances(search.measure, query.data(), tree.packed + leaf * tree.d * tree.padded, tree.padded, tree.padded,
                  tree.d, sums.data());
        Index skip = -1;
        if (excluded >= 0)
          for (Index i = 0; i < count; ++i) skip = tree.order[first + i] == excluded ? i : skip;
        count_inside(ball, sums.data(), count, skip, hits.data(), &total, search.farthest ? &farthest : nullptr);
      };
      Descent<decltype(scan)>(tree, search.measure, query.data(), ball.limit, scan).run();
      search.counts[row] = total;
      if (search.farthest) search.farthest[row] = farthest;
    }
  });
}

PONDERA_NAMESPACE_END
