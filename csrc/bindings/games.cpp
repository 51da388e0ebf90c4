#include <algorithm>
#include <optional>

#include "bindings.hpp"
#include "pondera/games/exact.hpp"
#include "pondera/games/kernel.hpp"
#include "pondera/games/permutation.hpp"

namespace bindings {
namespace {

using pondera::Buffer;
using pondera::CoalitionTable;
using pondera::Moments;
using pondera::Parallel;
using pondera::Walk;
using pondera::Word;
using pondera::word_count;

template <class T>
void bind_fill_rows(py::module_& m, const char* name) {
  m.def(
      name,
      [](const Array<T>& x, const Array<T>& background, const Array<Index>& player, const Array<Word>& coalitions,
         Array<T>& out, int workers) {
        T* to = out.mutable_data();
        released(workers, [&](const Parallel& parallel) {
          pondera::fill_rows(x.data(), background.data(), background.shape(0), background.shape(1), player.data(),
                             coalitions.data(), coalitions.shape(0), coalitions.shape(1), to, parallel);
        });
      },
      py::arg("x").noconvert(), py::arg("background").noconvert(), py::arg("player").noconvert(),
      py::arg("coalitions").noconvert(), py::arg("out").noconvert(), py::arg("workers"),
      "Rows of x where the column's player is in the coalition, else of the background, as unsigned integers.");
}

}  // namespace

void bind_games(py::module_& m) {
  m.def(
      "pack",
      [](const Array<bool>& coalitions, int workers) {
        const Index rows = coalitions.shape(0), n = coalitions.shape(1);
        auto out = make<Word>({rows, word_count(n)});
        Word* to = out.mutable_data();
        released(workers,
                 [&](const Parallel& parallel) { pondera::pack_coalitions(coalitions.data(), rows, n, to, parallel); });
        return out;
      },
      py::arg("coalitions").noconvert(), py::arg("workers"));
  m.def(
      "unpack",
      [](const Array<Word>& coalitions, Index n, int workers) {
        const Index rows = coalitions.shape(0);
        auto out = make<bool>({rows, n});
        bool* to = out.mutable_data();
        released(workers, [&](const Parallel& parallel) {
          pondera::unpack_coalitions(coalitions.data(), rows, n, to, parallel);
        });
        return out;
      },
      py::arg("coalitions").noconvert(), py::arg("n"), py::arg("workers"));
  py::class_<CoalitionTable>(m, "CoalitionTable", "Numbers distinct coalitions in the order of their arrival.")
      .def(py::init<Index>(), py::arg("words"))
      .def("__len__", &CoalitionTable::size)
      .def("clear", &CoalitionTable::clear)
      .def(
          "number",
          [](CoalitionTable& table, const Array<Word>& coalitions) {
            const Index rows = coalitions.shape(0);
            auto ids = make<Index>({rows});
            Buffer<Index> fresh(rows);
            const Index found = table.number(coalitions.data(), rows, ids.mutable_data(), fresh.data());
            auto out = make<Index>({found});
            std::copy(fresh.data(), fresh.data() + found, out.mutable_data());
            return std::make_pair(ids, out);
          },
          py::arg("coalitions").noconvert(), "The coalitions' numbers, and the rows whose number is new.");
  bind_fill_rows<std::uint32_t>(m, "fill_rows_32");
  bind_fill_rows<std::uint64_t>(m, "fill_rows_64");
  m.def(
      "background_means",
      [](const Array<double>& y, const std::optional<Array<double>>& weights, int workers) {
        const Index rows = y.shape(0), B = y.shape(1), k = y.shape(2);
        auto out = make<double>({rows, k});
        double* to = out.mutable_data();
        const double* w = weights ? weights->data() : nullptr;
        released(workers,
                 [&](const Parallel& parallel) { pondera::background_means(y.data(), rows, B, k, w, to, parallel); });
        return out;
      },
      py::arg("y").noconvert(), py::arg("weights").noconvert(), py::arg("workers"));
  m.def(
      "subset_transform",
      [](Array<double>& tables, Index n, bool inverse, int workers) {
        const Index count = tables.shape(0);
        double* v = tables.mutable_data();
        released(workers, [&](const Parallel& parallel) {
          for (Index i = 0; i < count; ++i) pondera::subset_transform(v + (i << n), n, inverse, parallel);
        });
      },
      py::arg("tables").noconvert(), py::arg("n"), py::arg("inverse"), py::arg("workers"),
      "Tables (outputs, 2^n) to Moebius coefficients in place, or back.");
  m.def(
      "superset_sums",
      [](const Array<double>& moebius, Index n, const Array<Word>& subsets, const Array<double>& coefficients,
         int workers) {
        const Index outputs = moebius.shape(0), count = subsets.size();
        auto out = make<double>({outputs, count});
        double* to = out.mutable_data();
        released(workers, [&](const Parallel& parallel) {
          for (Index i = 0; i < outputs; ++i)
            pondera::superset_sums(moebius.data() + (i << n), n, subsets.data(), count, coefficients.data(),
                                   coefficients.shape(1), to + i * count, parallel);
        });
        return out;
      },
      py::arg("moebius").noconvert(), py::arg("n"), py::arg("subsets").noconvert(), py::arg("coefficients").noconvert(),
      py::arg("workers"));
  m.def(
      "walk_orders",
      [](KeyWords key, Index first, Index count, Index n, int walk, int workers) {
        const Walk how = static_cast<Walk>(walk);
        auto orders = make<Index>({count, n});
        auto coalitions = make<Word>({count * pondera::walk_coalitions(n, how), word_count(n)});
        Index* order = orders.mutable_data();
        Word* to = coalitions.mutable_data();
        released(workers, [&](const Parallel& parallel) {
          pondera::walk_orders(key_of(key), first, count, n, how, order, to, parallel);
        });
        return std::make_pair(orders, coalitions);
      },
      py::arg("key"), py::arg("first"), py::arg("count"), py::arg("n"), py::arg("walk"), py::arg("workers"));
  m.def(
      "walk_marginals",
      [](const Array<Index>& orders, const Array<double>& values, const Array<double>& empty, const Array<double>& full,
         int walk, int workers) {
        const Index count = orders.shape(0), n = orders.shape(1), k = empty.size();
        auto out = make<double>({count, n, k});
        double* to = out.mutable_data();
        released(workers, [&](const Parallel& parallel) {
          pondera::walk_marginals(orders.data(), values.data(), count, n, k, static_cast<Walk>(walk), empty.data(),
                                  full.data(), to, parallel);
        });
        return out;
      },
      py::arg("orders").noconvert(), py::arg("values").noconvert(), py::arg("empty").noconvert(),
      py::arg("full").noconvert(), py::arg("walk"), py::arg("workers"));
  py::class_<Moments>(m, "Moments", "Running mean and standard error of vectors.")
      .def(py::init<Index>(), py::arg("p"))
      .def("__len__", &Moments::count)
      .def(
          "add",
          [](Moments& moments, const Array<double>& samples, int workers) {
            released(workers,
                     [&](const Parallel& parallel) { moments.add(samples.data(), samples.shape(0), parallel); });
          },
          py::arg("samples").noconvert(), py::arg("workers"))
      .def("summary", [](const Moments& moments) {
        auto mean = make<double>({moments.width()}), error = make<double>({moments.width()});
        moments.summary(mean.mutable_data(), error.mutable_data());
        return std::make_pair(mean, error);
      });
  m.def(
      "enumerate_pairs",
      [](Index n, Index s, Index count) {
        auto out = make<Word>({count, word_count(n)});
        pondera::enumerate_pairs(n, s, count, out.mutable_data());
        return out;
      },
      py::arg("n"), py::arg("s"), py::arg("count"));
  m.def(
      "sample_pairs",
      [](KeyWords key, Index first, Index count, Index n, const Array<Index>& sizes, const Array<double>& cumulative,
         int workers) {
        auto out = make<Word>({count, word_count(n)});
        Word* to = out.mutable_data();
        released(workers, [&](const Parallel& parallel) {
          pondera::sample_pairs(key_of(key), first, count, n, sizes.data(), cumulative.data(), sizes.size(), to,
                                parallel);
        });
        return out;
      },
      py::arg("key"), py::arg("first"), py::arg("count"), py::arg("n"), py::arg("sizes").noconvert(),
      py::arg("cumulative").noconvert(), py::arg("workers"));
  m.def(
      "complements",
      [](const Array<Word>& coalitions, Index n) {
        const Index rows = coalitions.shape(0), words = coalitions.shape(1);
        auto out = make<Word>({rows, words});
        Word* to = out.mutable_data();
        for (Index r = 0; r < rows; ++r) pondera::complement(coalitions.data() + r * words, n, to + r * words);
        return out;
      },
      py::arg("coalitions").noconvert(), py::arg("n"));
  m.def(
      "sizes",
      [](const Array<Word>& coalitions) {
        const Index rows = coalitions.shape(0), words = coalitions.shape(1);
        auto out = make<Index>({rows});
        Index* to = out.mutable_data();
        for (Index r = 0; r < rows; ++r) to[r] = pondera::coalition_size(coalitions.data() + r * words, words);
        return out;
      },
      py::arg("coalitions").noconvert());
  m.def(
      "normal_equations",
      [](const Array<Word>& pairs, const Array<double>& weights, const Array<double>& half_difference,
         Array<double>& gram, Array<double>& moment, int workers) {
        double* to_gram = gram.mutable_data();
        double* to_moment = moment.mutable_data();
        released(workers, [&](const Parallel& parallel) {
          pondera::normal_equations(pairs.data(), weights.data(), half_difference.data(), pairs.shape(0), gram.shape(0),
                                    moment.shape(1), to_gram, to_moment, parallel);
        });
      },
      py::arg("pairs").noconvert(), py::arg("weights").noconvert(), py::arg("half_difference").noconvert(),
      py::arg("gram").noconvert(), py::arg("moment").noconvert(), py::arg("workers"));
  m.def(
      "projected_inverse",
      [](const Array<double>& gram) {
        const Index n = gram.shape(0);
        auto out = make<double>({n, n});
        double* to = out.mutable_data();
        const double ratio =
            released(1, [&](const Parallel&) { return pondera::projected_inverse(gram.data(), n, to); });
        return std::make_pair(out, ratio);
      },
      py::arg("gram").noconvert());
  m.def(
      "pair_residuals",
      [](const Array<Word>& pairs, const Array<double>& phi, const Array<double>& half_difference, int workers) {
        const Index rows = pairs.shape(0), n = phi.shape(0), k = phi.shape(1);
        auto out = make<double>({rows, k});
        double* to = out.mutable_data();
        released(workers, [&](const Parallel& parallel) {
          pondera::pair_residuals(pairs.data(), phi.data(), half_difference.data(), rows, n, k, to, parallel);
        });
        return out;
      },
      py::arg("pairs").noconvert(), py::arg("phi").noconvert(), py::arg("half_difference").noconvert(),
      py::arg("workers"));
  m.def(
      "score_moments",
      [](const Array<Word>& pairs, const Array<double>& inverse, const Array<double>& scores,
         const Array<double>& counts, int workers) {
        const Index n = inverse.shape(0), k = scores.shape(1);
        auto out = make<double>({2, n, k});
        double* to = out.mutable_data();
        released(workers, [&](const Parallel& parallel) {
          pondera::score_moments(pairs.data(), inverse.data(), scores.data(), counts.data(), pairs.shape(0), n, k, to,
                                 parallel);
        });
        return out;
      },
      py::arg("pairs").noconvert(), py::arg("inverse").noconvert(), py::arg("scores").noconvert(),
      py::arg("counts").noconvert(), py::arg("workers"));
  m.def(
      "apply_inverse",
      [](const Array<double>& inverse, const Array<double>& moment) {
        const Index n = moment.shape(0), k = moment.shape(1);
        auto out = make<double>({n, k});
        pondera::apply_inverse(inverse.data(), moment.data(), n, k, out.mutable_data());
        return out;
      },
      py::arg("inverse").noconvert(), py::arg("moment").noconvert());
}

}  // namespace bindings
