#include "bindings.hpp"
#include "pondera/masks/accumulate.hpp"
#include "pondera/masks/staged.hpp"

namespace bindings {
namespace {

using pondera::GridMasks;
using pondera::Parallel;
using Pair = std::pair<Index, Index>;

GridMasks plan(KeyWords key, double p, Pair image, Pair grid, bool nearest, bool shift) {
  return GridMasks(key_of(key), p, image.first, image.second, grid.first, grid.second, nearest, shift);
}

template <class T>
Array<T> upsample(const Array<T>& values, Pair image, int mode, int workers) {
  auto out = make<T>({values.shape(0), image.first, image.second});
  T* to = out.mutable_data();
  released(workers, [&](const Parallel& parallel) {
    pondera::upsample(values.data(), values.shape(0), values.shape(1), values.shape(2), image.first, image.second,
                      static_cast<pondera::Interpolation>(mode), to, parallel);
  });
  return out;
}

template <class T>
void accumulate(const Array<T>& masks, const Array<double>& weights, Array<double>& sums, int workers) {
  double* to = sums.mutable_data();
  released(workers, [&](const Parallel& parallel) {
    pondera::accumulate(masks.data(), masks.shape(0), masks.shape(1), weights.data(), static_cast<int>(sums.shape(0)),
                        to, parallel);
  });
}

template <class T>
Array<T> compose(const Array<T>& top, const Array<T>& rest, const Array<Index>& ranks, const Array<Index>& counts,
                 int workers) {
  const Index outer = top.shape(0), pixels = top.shape(1), inner = top.shape(2), m = counts.size();
  auto out = make<T>({m, outer, pixels, inner});
  T* to = out.mutable_data();
  released(workers, [&](const Parallel& parallel) {
    pondera::compose(top.data(), rest.data(), ranks.data(), outer, pixels, inner, counts.data(), m, to, parallel);
  });
  return out;
}

}  // namespace

void bind_masks(py::module_& m) {
  m.def(
      "grid_masks",
      [](KeyWords key, std::uint64_t first, double p, Pair grid, bool nearest, bool shift, Array<float>& out,
         int workers) {
        float* to = out.mutable_data();
        released(workers, [&](const Parallel& parallel) {
          pondera::grid_masks(plan(key, p, {out.shape(1), out.shape(2)}, grid, nearest, shift), first, out.shape(0), to,
                              parallel);
        });
      },
      py::arg("key"), py::arg("first"), py::arg("p"), py::arg("grid"), py::arg("nearest"), py::arg("shift"),
      py::arg("out").noconvert(), py::arg("workers"));
  m.def(
      "grid_cells",
      [](KeyWords key, std::uint64_t first, Index n, double p, Pair image, Pair grid, bool shift) {
        auto cells = make<std::uint8_t>({n, grid.first, grid.second});
        auto offsets = make<Index>({n, 2});
        const GridMasks masks = plan(key, p, image, grid, false, shift);
        masks.cells(first, n, cells.mutable_data());
        for (Index j = 0; j < n; ++j) {
          const std::uint64_t number = first + static_cast<std::uint64_t>(j);
          offsets.mutable_at(j, 0) = masks.offset_y(number);
          offsets.mutable_at(j, 1) = masks.offset_x(number);
        }
        return std::make_pair(cells, offsets);
      },
      py::arg("key"), py::arg("first"), py::arg("n"), py::arg("p"), py::arg("image"), py::arg("grid"), py::arg("shift"),
      "Tests: cells and offsets of the masks first..first+n.");
  m.def("upsample", &upsample<float>, py::arg("values").noconvert(), py::arg("image"), py::arg("mode"),
        py::arg("workers"));
  m.def("upsample", &upsample<double>, py::arg("values").noconvert(), py::arg("image"), py::arg("mode"),
        py::arg("workers"));
  m.def("accumulate", &accumulate<float>, py::arg("masks").noconvert(), py::arg("weights").noconvert(),
        py::arg("sums").noconvert(), py::arg("workers"));
  m.def("accumulate", &accumulate<double>, py::arg("masks").noconvert(), py::arg("weights").noconvert(),
        py::arg("sums").noconvert(), py::arg("workers"));
  m.def(
      "grid_moments",
      [](KeyWords key, std::uint64_t first, double p, Pair grid, bool nearest, bool shift,
         const std::vector<Array<double>>& weights, std::vector<Array<double>>& sums, int workers) {
        std::vector<double*> to;
        to.reserve(sums.size());
        for (Array<double>& maps : sums) to.push_back(maps.mutable_data());
        released(workers, [&](const Parallel& parallel) {
          const GridMasks masks = plan(key, p, {sums[0].shape(1), sums[0].shape(2)}, grid, nearest, shift);
          const pondera::GridDraws drawn(masks, first, weights[0].size(), parallel);
          for (std::size_t i = 0; i < to.size(); ++i)
            pondera::grid_moments(masks, drawn, weights[i].data(), static_cast<int>(sums[i].shape(0)), to[i], parallel);
        });
      },
      py::arg("key"), py::arg("first"), py::arg("p"), py::arg("grid"), py::arg("nearest"), py::arg("shift"),
      py::arg("weights").noconvert(), py::arg("sums").noconvert(), py::arg("workers"));
  m.def(
      "rank_descending",
      [](const Array<double>& scores, bool random, KeyWords key, std::uint32_t row) {
        auto ranks = make<Index>({scores.size()});
        Index* to = ranks.mutable_data();
        const Index tied = released(1, [&](const Parallel&) {
          const pondera::Stream stream(key_of(key), pondera::Purpose::random_ties, row);
          return pondera::rank_descending(scores.data(), scores.size(), random ? &stream : nullptr, to);
        });
        return std::make_pair(ranks, tied);
      },
      py::arg("scores").noconvert(), py::arg("random"), py::arg("key"), py::arg("row"));
  m.def("compose", &compose<float>, py::arg("top").noconvert(), py::arg("rest").noconvert(),
        py::arg("ranks").noconvert(), py::arg("counts").noconvert(), py::arg("workers"));
  m.def("compose", &compose<double>, py::arg("top").noconvert(), py::arg("rest").noconvert(),
        py::arg("ranks").noconvert(), py::arg("counts").noconvert(), py::arg("workers"));
}

}  // namespace bindings
