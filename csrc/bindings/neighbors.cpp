#include "bindings.hpp"

#include "pondera/neighbors/brute.hpp"
#include "pondera/neighbors/kdtree.hpp"
#include "pondera/neighbors/line.hpp"
#include "pondera/neighbors/ratios.hpp"

namespace bindings {
namespace {

using pondera::Measure;
using pondera::Parallel;
using pondera::Tree;
using Rows = std::optional<Array<Index>>;
// packed, order, split, low, high, box
using TreeArrays =
    std::tuple<Array<double>, Array<Index>, Array<std::int32_t>, Array<double>, Array<double>, Array<double>>;

Measure measure_of(int metric, double p, bool single) { return {static_cast<pondera::Metric>(metric), p, single}; }
const Index* pointer(const Rows& rows) { return rows ? rows->data() : nullptr; }

Tree view(const TreeArrays& arrays) {
  const auto& [packed, order, split, low, high, box] = arrays;
  const Index n = order.size();
  // Searches only read.
  return {n,
          box.size() / 2,
          Tree::levels_for(n),
          Tree::padded_for(n),
          const_cast<double*>(packed.data()),
          const_cast<Index*>(order.data()),
          const_cast<std::int32_t*>(split.data()),
          const_cast<double*>(low.data()),
          const_cast<double*>(high.data()),
          const_cast<double*>(box.data())};
}

template <class T, class Run>
py::tuple knn(const Array<T>& query, Index k, Measure measure, const Rows& exclude, int workers, Run&& run) {
  const Index m = query.shape(0);
  auto distances = make<double>({m, k});
  auto indices = make<Index>({m, k});
  const pondera::Search<T> search{
      measure, query.data(), m, query.shape(1), k, pointer(exclude), distances.mutable_data(), indices.mutable_data()};
  released(workers, [&](const Parallel& parallel) { run(search, parallel); });
  return py::make_tuple(distances, indices);
}

template <class T, class Run>
py::tuple count(const Array<T>& query, const Array<double>& radii, bool strict, Measure measure, const Rows& exclude,
                bool farthest, int workers, Run&& run) {
  const Index m = query.shape(0);
  auto counts = make<Index>({m});
  auto far = make<double>({farthest ? m : 0});
  const pondera::Count<T> search{measure,          query.data(),          m,
                                 query.shape(1),   radii.data(),          strict,
                                 pointer(exclude), counts.mutable_data(), farthest ? far.mutable_data() : nullptr};
  released(workers, [&](const Parallel& parallel) { run(search, parallel); });
  return py::make_tuple(counts, far);
}

template <class T>
void bind_type(py::module_& m) {
  m.def(
      "knn_brute",
      [](const Array<T>& query, const Array<T>& points, Index k, int metric, double p, const Rows& exclude,
         Index max_memory, int workers) {
        return knn(query, k, measure_of(metric, p, sizeof(T) == 4), exclude, workers,
                   [&](const auto& search, const Parallel& parallel) {
                     pondera::knn_brute(search, points.data(), points.shape(0), max_memory, parallel);
                   });
      },
      py::arg("query").noconvert(), py::arg("points").noconvert(), py::arg("k"), py::arg("metric"), py::arg("p"),
      py::arg("exclude"), py::arg("max_memory"), py::arg("workers"), "Distances in float64, and indices.");
  m.def(
      "build_tree",
      [](const Array<T>& points, int workers) {
        const Index n = points.shape(0), d = points.shape(1);
        const int levels = Tree::levels_for(n);
        const Index padded = Tree::padded_for(n), leaves = Index{1} << levels;
        TreeArrays arrays{make<double>({leaves * d * padded}), make<Index>({n}),
                          make<std::int32_t>({leaves - 1}),    make<double>({leaves - 1}),
                          make<double>({leaves - 1}),          make<double>({2 * d})};
        const Tree tree = view(arrays);
        released(workers, [&](const Parallel& parallel) { pondera::build_tree(points.data(), tree, parallel); });
        return arrays;
      },
      py::arg("points").noconvert(), py::arg("workers"));
  m.def(
      "knn_tree",
      [](const Array<T>& query, const TreeArrays& tree, Index k, int metric, double p, const Rows& exclude,
         int workers) {
        return knn(
            query, k, measure_of(metric, p, sizeof(T) == 4), exclude, workers,
            [&](const auto& search, const Parallel& parallel) { pondera::knn_tree(view(tree), search, parallel); });
      },
      py::arg("query").noconvert(), py::arg("tree"), py::arg("k"), py::arg("metric"), py::arg("p"), py::arg("exclude"),
      py::arg("workers"));
  m.def(
      "count_brute",
      [](const Array<T>& query, const Array<T>& points, const Array<double>& radii, bool strict, int metric, double p,
         bool single, const Rows& exclude, bool farthest, int workers) {
        return count(query, radii, strict, measure_of(metric, p, single), exclude, farthest, workers,
                     [&](const auto& search, const Parallel& parallel) {
                       pondera::count_brute(search, points.data(), points.shape(0), parallel);
                     });
      },
      py::arg("query").noconvert(), py::arg("points").noconvert(), py::arg("radii").noconvert(), py::arg("strict"),
      py::arg("metric"), py::arg("p"), py::arg("single"), py::arg("exclude"), py::arg("farthest"), py::arg("workers"),
      "Counts, and the largest distances counted if asked for.");
  m.def(
      "count_tree",
      [](const Array<T>& query, const TreeArrays& tree, const Array<double>& radii, bool strict, int metric, double p,
         bool single, const Rows& exclude, bool farthest, int workers) {
        return count(
            query, radii, strict, measure_of(metric, p, single), exclude, farthest, workers,
            [&](const auto& search, const Parallel& parallel) { pondera::count_tree(view(tree), search, parallel); });
      },
      py::arg("query").noconvert(), py::arg("tree"), py::arg("radii").noconvert(), py::arg("strict"), py::arg("metric"),
      py::arg("p"), py::arg("single"), py::arg("exclude"), py::arg("farthest"), py::arg("workers"));
  m.def(
      "count_line",
      [](const Array<T>& query, const Array<double>& sorted, const Array<T>& points, const Array<double>& radii,
         bool strict, int metric, bool single, const Rows& exclude, int workers) {
        return count(query, radii, strict, measure_of(metric, 2.0, single), exclude, false, workers,
                     [&](const auto& search, const Parallel& parallel) {
                       pondera::count_line(search, sorted.data(), points.data(), sorted.size(), parallel);
                     });
      },
      py::arg("query").noconvert(), py::arg("sorted").noconvert(), py::arg("points").noconvert(),
      py::arg("radii").noconvert(), py::arg("strict"), py::arg("metric"), py::arg("single"), py::arg("exclude"),
      py::arg("workers"));
  m.def(
      "unit_rows",
      [](const Array<T>& rows, int workers) {
        const Index n = rows.shape(0), d = rows.shape(1);
        auto out = make<double>({n, d});
        double* to = out.mutable_data();
        released(workers, [&](const Parallel& parallel) { pondera::unit_rows(rows.data(), n, d, to, parallel); });
        return out;
      },
      py::arg("rows").noconvert(), py::arg("workers"), "Rows of Euclidean norm 1; zero rows become NaN.");
}

}  // namespace

void bind_neighbors(py::module_& m) {
  bind_type<double>(m);
  bind_type<float>(m);
  m.def(
      "without_blocks",
      [](const Array<double>& distances, const Array<Index>& indices, Index k, const Array<std::int32_t>& block,
         const std::optional<Array<std::int32_t>>& own, int workers) {
        const Index n = distances.shape(0), listed = distances.shape(1);
        auto groups = make<std::int32_t>({n, k});
        auto without = make<double>({n, k});
        std::int32_t* g = groups.mutable_data();
        double* w = without.mutable_data();
        released(workers, [&](const Parallel& parallel) {
          pondera::without_blocks(distances.data(), indices.data(), n, listed, k, block.data(),
                                  own ? own->data() : nullptr, g, w, parallel);
        });
        return std::make_pair(groups, without);
      },
      py::arg("distances").noconvert(), py::arg("indices").noconvert(), py::arg("k"), py::arg("block").noconvert(),
      py::arg("own"), py::arg("workers"));
}

}  // namespace bindings
