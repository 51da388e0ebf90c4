#include "bindings.hpp"

namespace bindings {
void bind_masks(py::module_&) {}
}  // namespace bindings
