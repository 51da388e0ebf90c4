#include "bindings.hpp"

namespace bindings {
void bind_weights(py::module_&) {}
}  // namespace bindings
