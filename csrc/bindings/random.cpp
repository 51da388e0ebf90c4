// Random numbers by counter, and the elementary functions (for tests and for the Python layer).
#include "bindings.hpp"
#include "pondera/reduce.hpp"

namespace bindings {
namespace {

using ArrayLoop = void (*)(const double*, Index, double*) noexcept;

template <class Pick>
auto elementwise(Pick pick) {
  return [pick](const Array<double>& x, int workers) {
    Array<double> out(std::vector<py::ssize_t>(x.shape(), x.shape() + x.ndim()));
    const double* in = x.data();
    double* to = out.mutable_data();
    const Index n = x.size();
    released(workers, [&](const pondera::Parallel& parallel) {
      pondera::for_ranges(n, pondera::kBlock, parallel,
                          [&](Index begin, Index end) { pick(pondera::loops())(in + begin, end - begin, to + begin); });
    });
    return out;
  };
}

// out[i] = draw(stream, element i) for elements first..first+n or the given ones.
template <class T, class Draw>
Array<T> draws(KeyWords key, std::uint32_t purpose, std::uint32_t row, const Array<std::uint64_t>& elements,
               int workers, Draw draw) {
  Array<T> out(std::vector<py::ssize_t>(elements.shape(), elements.shape() + elements.ndim()));
  const pondera::Stream stream(key_of(key), static_cast<pondera::Purpose>(purpose), row);
  const std::uint64_t* e = elements.data();
  T* to = out.mutable_data();
  const Index n = elements.size();
  released(workers, [&](const pondera::Parallel& parallel) {
    pondera::for_ranges(n, pondera::kBlock, parallel, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) to[i] = draw(stream, e[i]);
    });
  });
  return out;
}

}  // namespace

void bind_random(py::module_& m) {
  m.def(
      "philox",
      [](std::uint32_t c0, std::uint32_t c1, std::uint32_t c2, std::uint32_t c3, std::uint32_t k0, std::uint32_t k1) {
        const pondera::Words r = pondera::philox(c0, c1, c2, c3, k0, k1);
        return py::make_tuple(r.w[0], r.w[1], r.w[2], r.w[3]);
      },
      "Philox4x32-10 of one counter and key.");
  m.def(
      "fold_in",
      [](KeyWords key, std::uint64_t data, std::uint32_t kind) {
        const pondera::Key k = pondera::fold_in(key_of(key), data, kind);
        return KeyWords(k.k0, k.k1);
      },
      py::arg("key"), py::arg("data"), py::arg("kind"));
  m.def(
      "bits",
      [](KeyWords k, std::uint32_t purpose, std::uint32_t row, const Array<std::uint64_t>& e, int workers) {
        return draws<std::uint64_t>(k, purpose, row, e, workers, [](const auto& s, auto i) { return s.bits(i); });
      },
      py::arg("key"), py::arg("purpose"), py::arg("row"), py::arg("elements").noconvert(), py::arg("workers"));
  m.def(
      "uniform",
      [](KeyWords k, std::uint32_t purpose, std::uint32_t row, const Array<std::uint64_t>& e, int workers) {
        return draws<double>(k, purpose, row, e, workers, [](const auto& s, auto i) { return s.uniform(i); });
      },
      py::arg("key"), py::arg("purpose"), py::arg("row"), py::arg("elements").noconvert(), py::arg("workers"));
  m.def(
      "exponential",
      [](KeyWords k, std::uint32_t purpose, std::uint32_t row, const Array<std::uint64_t>& e, int workers) {
        return draws<double>(k, purpose, row, e, workers, [](const auto& s, auto i) { return s.exponential(i); });
      },
      py::arg("key"), py::arg("purpose"), py::arg("row"), py::arg("elements").noconvert(), py::arg("workers"));
  m.def(
      "gumbel",
      [](KeyWords k, std::uint32_t purpose, std::uint32_t row, const Array<std::uint64_t>& e, int workers) {
        return draws<double>(k, purpose, row, e, workers, [](const auto& s, auto i) { return s.gumbel(i); });
      },
      py::arg("key"), py::arg("purpose"), py::arg("row"), py::arg("elements").noconvert(), py::arg("workers"));
  m.def(
      "normal",
      [](KeyWords k, std::uint32_t purpose, std::uint32_t row, const Array<std::uint64_t>& e, int workers) {
        return draws<double>(k, purpose, row, e, workers, [](const auto& s, auto i) { return s.normal(i); });
      },
      py::arg("key"), py::arg("purpose"), py::arg("row"), py::arg("elements").noconvert(), py::arg("workers"));
  m.def(
      "integers",
      [](KeyWords k, std::uint32_t purpose, std::uint32_t row, const Array<std::uint64_t>& e, std::uint64_t n,
         int workers) {
        return draws<std::int64_t>(k, purpose, row, e, workers,
                                   [n](const auto& s, auto i) { return static_cast<std::int64_t>(s.integer(i, n)); });
      },
      py::arg("key"), py::arg("purpose"), py::arg("row"), py::arg("elements").noconvert(), py::arg("n"),
      py::arg("workers"));
  m.def(
      "geometric",
      [](KeyWords k, std::uint32_t purpose, std::uint32_t row, const Array<std::uint64_t>& e, double p, int workers) {
        return draws<std::int64_t>(k, purpose, row, e, workers,
                                   [p](const auto& s, auto i) { return s.geometric(i, p); });
      },
      py::arg("key"), py::arg("purpose"), py::arg("row"), py::arg("elements").noconvert(), py::arg("p"),
      py::arg("workers"));

  m.def("exp", elementwise([](const pondera::Loops& l) { return l.exp_f64; }), py::arg("x").noconvert(),
        py::arg("workers") = 1);
  m.def("log", elementwise([](const pondera::Loops& l) { return l.log_f64; }), py::arg("x").noconvert(),
        py::arg("workers") = 1);
  m.def("log1p", elementwise([](const pondera::Loops& l) { return l.log1p_f64; }), py::arg("x").noconvert(),
        py::arg("workers") = 1);
  m.def("expm1", elementwise([](const pondera::Loops& l) { return l.expm1_f64; }), py::arg("x").noconvert(),
        py::arg("workers") = 1);
  m.def("normal_quantile", elementwise([](const pondera::Loops& l) { return l.normal_quantile_f64; }),
        py::arg("u").noconvert(), py::arg("workers") = 1);
  m.def(
      "sum",
      [](const Array<double>& x, int workers) {
        return released(workers, [&](const pondera::Parallel& parallel) {
          return pondera::block_sum(x.data(), x.size(), parallel);
        });
      },
      py::arg("x").noconvert(), py::arg("workers") = 1, "Blocked sum: the same bits for any number of workers.");
}

}  // namespace bindings
