#include "bindings.hpp"

namespace bindings {
void bind_sensitivity(py::module_&) {}
}  // namespace bindings
