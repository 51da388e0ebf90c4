// Chooses the build of the hot loops once, from the CPU. PONDERA_ISA=baseline|avx2|avx512 in the environment lowers
// the choice (tests use it); a value that the CPU cannot run is ignored.
#include <cstdlib>
#include <cstring>

#include "pondera/isa/loops.hpp"

PONDERA_NAMESPACE_BEGIN
namespace baseline {
const Loops& exported_table() noexcept;
}
#ifdef PONDERA_X86_ISAS
namespace avx2 {
const Loops& exported_table() noexcept;
}
namespace avx512 {
const Loops& exported_table() noexcept;
}
#endif

namespace {
struct Choice {
  const Loops* loops;
  const char* name;
};

Choice choose() noexcept {
  const char* wish = std::getenv("PONDERA_ISA");
#ifdef PONDERA_FORCE_ISA
  wish = PONDERA_FORCE_ISA;
#endif
#ifdef PONDERA_X86_ISAS
  __builtin_cpu_init();
  const bool has512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
  const bool has2 = __builtin_cpu_supports("avx2");
  const bool want_baseline = wish && std::strcmp(wish, "baseline") == 0;
  const bool want2 = wish && std::strcmp(wish, "avx2") == 0;
  if (has512 && !want_baseline && !want2) return {&avx512::exported_table(), "avx512"};
  if (has2 && !want_baseline) return {&avx2::exported_table(), "avx2"};
#else
  static_cast<void>(wish);
#endif
  return {&baseline::exported_table(), "baseline"};
}

const Choice& choice() noexcept {
  static const Choice chosen = choose();
  return chosen;
}
}  // namespace

const Loops& loops() noexcept { return *choice().loops; }
const char* isa_name() noexcept { return choice().name; }
PONDERA_NAMESPACE_END
