// What every binding file shares: array types that never convert silently, the poll for Ctrl-C, and the released GIL.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <stdexcept>
#include <string>
#include <utility>

#include "pondera/parallel.hpp"
#include "pondera/random/philox.hpp"
#include "pondera/workspace.hpp"

namespace py = pybind11;

namespace bindings {

using pondera::Index;

// C-contiguous arrays of exactly this type: python/pondera/arrays.py has converted them; arguments are .noconvert().
template <class T>
using Array = py::array_t<T, py::array::c_style>;

// A fresh array; its memory is NumPy's.
template <class T>
Array<T> make(std::initializer_list<Index> shape) {
  return Array<T>(std::vector<py::ssize_t>(shape.begin(), shape.end()));
}

inline bool poll_signals(void*) {
  const py::gil_scoped_acquire gil;
  return PyErr_CheckSignals() != 0;
}

// Runs f(parallel) without the GIL. Ctrl-C raises KeyboardInterrupt (or whatever the handler raised).
template <class F>
decltype(auto) released(int workers, F&& f) {
  pondera::Parallel parallel;
  parallel.workers = workers;
  parallel.poll = &poll_signals;
  try {
    const py::gil_scoped_release release;
    return std::forward<F>(f)(static_cast<const pondera::Parallel&>(parallel));
  } catch (const pondera::Interrupted&) {
    throw py::error_already_set();  // the handler's exception is set
  }
}

inline pondera::Key key_of(std::pair<std::uint32_t, std::uint32_t> words) { return {words.first, words.second}; }
using KeyWords = std::pair<std::uint32_t, std::uint32_t>;

void bind_random(py::module_& m);
void bind_weights(py::module_& m);
void bind_resampling(py::module_& m);
void bind_neighbors(py::module_& m);
void bind_games(py::module_& m);
void bind_sensitivity(py::module_& m);
void bind_masks(py::module_& m);

}  // namespace bindings
