#include "bindings.hpp"
#include "pondera/sensitivity/designs.hpp"
#include "pondera/sensitivity/indices.hpp"

namespace bindings {

using pondera::Parallel;

void bind_sensitivity(py::module_& m) {
  m.def(
      "sobol_directions",
      [](const Array<std::uint32_t>& polynomials, const Array<std::uint32_t>& initial) {
        const Index d = polynomials.size();
        auto out = make<std::uint64_t>({pondera::kSobolBits, d});
        pondera::sobol_directions(polynomials.data(), initial.data(), d, out.mutable_data());
        return out;
      },
      py::arg("polynomials").noconvert(), py::arg("initial").noconvert());
  m.def(
      "sobol_sequence",
      [](const Array<std::uint64_t>& directions, Index n, Index start, int scramble, KeyWords key, Array<double>& out,
         int workers) {
        const Index d = directions.shape(1);
        double* to = out.mutable_data();
        released(workers, [&](const Parallel& parallel) {
          pondera::Buffer<std::uint64_t> own(directions.size());
          std::copy(directions.data(), directions.data() + directions.size(), own.begin());
          pondera::sobol_sequence(own.data(), n, d, start, static_cast<pondera::Scramble>(scramble), key_of(key), to,
                                  parallel);
        });
      },
      py::arg("directions").noconvert(), py::arg("n"), py::arg("start"), py::arg("scramble"), py::arg("key"),
      py::arg("out").noconvert(), py::arg("workers"));
  m.def(
      "monte_carlo",
      [](Index n, Index d, KeyWords key, int workers) {
        auto out = make<double>({n, d});
        double* to = out.mutable_data();
        released(workers,
                 [&](const Parallel& parallel) { pondera::monte_carlo_points(n, d, key_of(key), to, parallel); });
        return out;
      },
      py::arg("n"), py::arg("d"), py::arg("key"), py::arg("workers"));
  m.def(
      "latin_hypercube",
      [](Index n, Index d, KeyWords key, int workers) {
        auto out = make<double>({n, d});
        double* to = out.mutable_data();
        released(workers,
                 [&](const Parallel& parallel) { pondera::latin_hypercube_points(n, d, key_of(key), to, parallel); });
        return out;
      },
      py::arg("n"), py::arg("d"), py::arg("key"), py::arg("workers"));
  m.def(
      "halton",
      [](Index n, const Array<Index>& bases, bool scrambled, KeyWords key, int workers) {
        const Index d = bases.size();
        auto out = make<double>({n, d});
        double* to = out.mutable_data();
        released(workers, [&](const Parallel& parallel) {
          pondera::halton_points(n, d, bases.data(), scrambled, key_of(key), to, parallel);
        });
        return out;
      },
      py::arg("n"), py::arg("bases").noconvert(), py::arg("scrambled"), py::arg("key"), py::arg("workers"));
  m.def(
      "saltelli_rows",
      [](const Array<double>& base, const Array<Index>& group, Index groups, bool second, Array<double>& out,
         int workers) {
        double* to = out.mutable_data();
        released(workers, [&](const Parallel& parallel) {
          pondera::saltelli_rows(base.data(), base.shape(0), group.size(), group.data(), groups, second, to, parallel);
        });
      },
      py::arg("base").noconvert(), py::arg("group").noconvert(), py::arg("groups"), py::arg("second"),
      py::arg("out").noconvert(), py::arg("workers"));
  m.def(
      "sobol_estimates",
      [](const Array<double>& y, Index groups, bool second, int first, int total, Index n_boot, KeyWords key,
         int workers) {
        const Index outputs = y.shape(0), replicates = y.shape(1), matrices = y.shape(2), n = y.shape(3);
        const Index count = pondera::index_count(groups, second);
        auto out = make<double>({outputs, replicates, 1 + n_boot, count});
        double* to = out.mutable_data();
        const double* from = y.data();
        released(workers, [&](const Parallel& parallel) {
          pondera::for_blocks(outputs * replicates, parallel, [&](Index u) {
            pondera::sobol_bootstrap(from + u * matrices * n, n, groups, second, static_cast<pondera::Estimator>(first),
                                     static_cast<pondera::Estimator>(total), n_boot, key_of(key), u % replicates * n,
                                     to + u * (1 + n_boot) * count, parallel);
          });
        });
        return out;
      },
      py::arg("y").noconvert(), py::arg("groups"), py::arg("second"), py::arg("first"), py::arg("total"),
      py::arg("n_boot"), py::arg("key"), py::arg("workers"));
}

}  // namespace bindings
