#include "bindings.hpp"
#include "pondera/weights/psis.hpp"

namespace bindings {
namespace {

using pondera::Parallel;

// Rows in parallel, or the blocks of one row.
template <class F>
void for_rows(Index rows, const Parallel& parallel, F&& f) {
  if (rows == 1)
    f(Index{0});
  else
    pondera::for_blocks(rows, parallel, f);
}

}  // namespace

void bind_weights(py::module_& m) {
  m.def(
      "summaries",
      [](const Array<double>& x, int workers) {
        const Index rows = x.shape(0), n = x.shape(1);
        auto out = make<double>({3, rows});
        const double* in = x.data();
        double* to = out.mutable_data();
        released(workers, [&](const Parallel& parallel) {
          for_rows(rows, parallel, [&](Index r) {
            Index nan_at;
            const double top = pondera::block_max(in + r * n, n, &nan_at, parallel);
            to[r] = top;
            const bool finite = top - top == 0.0;
            const pondera::ExpSums sums =
                finite ? pondera::block_exp(in + r * n, n, top, nullptr, parallel) : pondera::ExpSums{0.0, 0.0};
            to[rows + r] = sums.sum;
            to[2 * rows + r] = sums.squares;
          });
        });
        return out;
      },
      py::arg("log_weights").noconvert(), py::arg("workers"),
      "Per row: maximum, sum of exp(x - max), sum of its squares.");
  m.def(
      "exp_divided",
      [](const Array<double>& x, const Array<double>& shift, const Array<double>& divisor, int workers) {
        const Index rows = x.shape(0), n = x.shape(1);
        auto out = make<double>({rows, n});
        const double* in = x.data();
        const double* by = shift.data();
        const double* over = divisor.data();
        double* to = out.mutable_data();
        released(workers, [&](const Parallel& parallel) {
          for_rows(rows, parallel,
                   [&](Index r) { pondera::block_exp_divided(in + r * n, n, by[r], over[r], to + r * n, parallel); });
        });
        return out;
      },
      py::arg("log_weights").noconvert(), py::arg("shift").noconvert(), py::arg("divisor").noconvert(),
      py::arg("workers"), "Per row: exp(x - shift) / divisor.");
  m.def(
      "first_bad",
      [](const Array<double>& x, int workers) {
        Index nan_at = 0;
        double top = 0;
        released(workers,
                 [&](const Parallel& parallel) { top = pondera::block_max(x.data(), x.size(), &nan_at, parallel); });
        return std::make_pair(top, nan_at);
      },
      py::arg("x").noconvert(), py::arg("workers"), "Largest value, and flat position of the first NaN (or the size).");
  m.def(
      "psis",
      [](const Array<double>& x, double r_eff, int workers) {
        const Index rows = x.shape(0), n = x.shape(1);
        auto out = make<double>({rows, n});
        auto k = make<double>({rows});
        const double* in = x.data();
        double* to = out.mutable_data();
        double* ks = k.mutable_data();
        released(workers, [&](const Parallel& parallel) {
          for_rows(rows, parallel, [&](Index r) { ks[r] = pondera::psis_row(in + r * n, n, r_eff, to + r * n); });
        });
        return std::make_pair(out, k);
      },
      py::arg("log_weights").noconvert(), py::arg("r_eff"), py::arg("workers"));
  m.def(
      "fit_pareto",
      [](const Array<double>& y) {
        const pondera::ParetoFit fit = pondera::fit_pareto(y.data(), y.size());
        return std::make_pair(fit.k, fit.sigma);
      },
      py::arg("excesses").noconvert(), "Generalised Pareto fit to ascending excesses: (k, sigma).");
}

}  // namespace bindings
