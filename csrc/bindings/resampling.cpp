#include "bindings.hpp"
#include "pondera/weights/resample.hpp"
#include "pondera/weights/selection.hpp"

namespace bindings {

using pondera::Parallel;
using pondera::Purpose;
using pondera::Stream;

void bind_resampling(py::module_& m) {
  m.def(
      "resample",
      [](const Array<double>& values, bool logs, Index n, int scheme, int remainder, KeyWords key, double forced,
         bool sort, Array<Index>& out, int workers) {
        Index* to = out.mutable_data();
        released(workers, [&](const Parallel& parallel) {
          pondera::resample(values.data(), values.shape(0), values.shape(1), logs, n,
                            static_cast<pondera::Scheme>(scheme), static_cast<pondera::Scheme>(remainder), key_of(key),
                            0, forced, sort, to, parallel);
        });
      },
      py::arg("values").noconvert(), py::arg("logs"), py::arg("n"), py::arg("scheme"), py::arg("remainder"),
      py::arg("key"), py::arg("forced"), py::arg("sort"), py::arg("out").noconvert(), py::arg("workers"));
  m.def(
      "prefix_sum",
      [](const Array<double>& values, int workers) {
        auto out = make<double>({values.size()});
        double* to = out.mutable_data();
        released(workers, [&](const Parallel& parallel) {
          const pondera::Cumulative sum(values.data(), values.size(), false, parallel);
          pondera::for_blocks(pondera::block_count(sum.size()), parallel,
                              [&](Index b) { sum.block(b, to + b * pondera::kBlock); });
        });
        return out;
      },
      py::arg("values").noconvert(), py::arg("workers") = 1);
  m.def(
      "systematic",
      [](const Array<double>& values, Index n, double u, int workers) {
        auto out = make<Index>({n});
        Index* to = out.mutable_data();
        released(workers, [&](const Parallel& parallel) {
          const pondera::Cumulative sum(values.data(), values.size(), false, parallel);
          pondera::systematic_draws(sum, n, u, to, parallel);
        });
        return out;
      },
      py::arg("values").noconvert(), py::arg("n"), py::arg("u"), py::arg("workers"));
  PYBIND11_NUMPY_DTYPE(pondera::AliasCell, probability, alias);
  m.def(
      "alias_table",
      [](const Array<double>& weights, int workers) {
        auto cells = make<pondera::AliasCell>({weights.size()});
        pondera::AliasCell* to = cells.mutable_data();
        released(workers,
                 [&](const Parallel& parallel) { pondera::alias_table(weights.data(), weights.size(), to, parallel); });
        return cells;
      },
      py::arg("weights").noconvert(), py::arg("workers"));
  m.def(
      "alias_draw",
      [](const Array<pondera::AliasCell>& cells, Index n, KeyWords key, std::uint32_t row, int workers) {
        auto out = make<Index>({n});
        Index* to = out.mutable_data();
        released(workers, [&](const Parallel& parallel) {
          pondera::alias_draw(cells.data(), cells.size(), n, Stream(key_of(key), Purpose::alias, row), to, parallel);
        });
        return out;
      },
      py::arg("cells").noconvert(), py::arg("n"), py::arg("key"), py::arg("row"), py::arg("workers"));
  m.def(
      "gumbel_topk",
      [](const Array<double>& log_weights, Index k, KeyWords key, int workers) {
        const Index rows = log_weights.shape(0), n = log_weights.shape(1);
        auto out = make<Index>({rows, k});
        auto threshold = make<double>({rows});
        Index* to = out.mutable_data();
        double* next = threshold.mutable_data();
        released(workers, [&](const Parallel& parallel) {
          const auto one = [&](Index r) {
            next[r] = pondera::gumbel_topk(log_weights.data() + r * n, n, k,
                                           Stream(key_of(key), Purpose::gumbel, static_cast<std::uint32_t>(r)),
                                           to + r * k, parallel);
          };
          if (rows == 1)
            one(0);
          else
            pondera::for_blocks(rows, parallel, one);
        });
        return std::make_pair(out, threshold);
      },
      py::arg("log_weights").noconvert(), py::arg("k"), py::arg("key"), py::arg("workers"));
  m.def(
      "ancestor_paths",
      [](const Array<Index>& A, const Array<Index>& idx, int workers) {
        const Index T = A.shape(0), N = A.shape(1), n = idx.size();
        auto out = make<Index>({T + 1, n});
        Index* to = out.mutable_data();
        released(workers, [&](const Parallel& parallel) {
          pondera::ancestor_paths(A.data(), T, N, idx.data(), n, to, parallel);
        });
        return out;
      },
      py::arg("A").noconvert(), py::arg("idx").noconvert(), py::arg("workers"));
}

}  // namespace bindings
