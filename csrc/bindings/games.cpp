#include "bindings.hpp"

namespace bindings {
void bind_games(py::module_&) {}
}  // namespace bindings
