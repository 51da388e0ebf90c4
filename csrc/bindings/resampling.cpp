#include "bindings.hpp"

namespace bindings {
void bind_resampling(py::module_&) {}
}  // namespace bindings
