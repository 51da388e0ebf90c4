// pondera._core: one submodule for each folder of csrc/pondera.
#include "bindings.hpp"

namespace {
// For plugins with kernels of their own: they share this module's pool.
struct CApi {
  int version;
  pondera::RunJob run_job;
};
const CApi c_api = {1, &pondera::run_job};

#define PONDERA_TEXT_OF(x) #x
#define PONDERA_TEXT(x) PONDERA_TEXT_OF(x)
#ifdef __clang__
constexpr const char* kCompiler = "clang " __clang_version__;
#elif defined(__GNUC__)
constexpr const char* kCompiler = "gcc " __VERSION__;
#else
constexpr const char* kCompiler = "unknown";
#endif
#ifdef NDEBUG
constexpr bool kAsserts = false;
#else
constexpr bool kAsserts = true;
#endif
}  // namespace

PYBIND11_MODULE(_core, m, py::mod_gil_not_used()) {
  using namespace bindings;
  m.doc() = "Compiled kernels of pondera; private. The public functions stand in the modules above it.";
  m.attr("__version__") = PONDERA_VERSION;
  m.attr("_C_API") = py::capsule(&c_api, "pondera._core._C_API");
  m.def(
      "build_info",
      [] {
        return py::dict(py::arg("compiler") = kCompiler, py::arg("type") = PONDERA_BUILD_TYPE,
                        py::arg("flags") = PONDERA_BUILD_FLAGS, py::arg("asserts") = kAsserts,
                        py::arg("headers") = PONDERA_TEXT(PONDERA_VERSION_NAMESPACE));
      },
      "How this module was built; `pondera doctor` shows it.");
  m.def("isa_name", [] { return std::string(pondera::isa_name()); }, "Instruction set of the hot loops in use.");
  m.def("pool_threads", [] { return pondera::Pool::instance().threads(); }, "Threads of the pool now alive.");
  m.def("memory_live", [] { return pondera::memory_meter().live.load(); }, "Bytes of scratch memory now held.");
  m.def(
      "memory_peak",
      [](bool reset) {
        auto& meter = pondera::memory_meter();
        const Index peak = meter.peak.load();
        if (reset) meter.peak = meter.live.load();
        return peak;
      },
      py::arg("reset") = false, "Most bytes of scratch memory held at once since the last reset.");
  m.def(
      "memory_fail_after", [](Index bytes) { pondera::memory_meter().fail_after = bytes; }, py::arg("bytes"),
      "Tests: allocations beyond this many live bytes fail.");
  py::module_ random = m.def_submodule("random");
  bind_random(random);
  py::module_ weights = m.def_submodule("weights");
  bind_weights(weights);
  py::module_ resampling = m.def_submodule("resampling");
  bind_resampling(resampling);
  py::module_ neighbors = m.def_submodule("neighbors");
  bind_neighbors(neighbors);
  py::module_ games = m.def_submodule("games");
  bind_games(games);
  py::module_ sensitivity = m.def_submodule("sensitivity");
  bind_sensitivity(sensitivity);
  py::module_ masks = m.def_submodule("masks");
  bind_masks(masks);
}
