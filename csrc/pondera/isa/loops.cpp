// Compiled once for each instruction set with PONDERA_ISA naming the namespace.
#include "pondera/isa/loops.hpp"

PONDERA_NAMESPACE_BEGIN
namespace PONDERA_ISA {
const Loops& exported_table() noexcept;
const Loops& exported_table() noexcept { return table(); }
}  // namespace PONDERA_ISA
PONDERA_NAMESPACE_END
