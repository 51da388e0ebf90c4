#include "bindings.hpp"

namespace bindings {
void bind_neighbors(py::module_&) {}
}  // namespace bindings
