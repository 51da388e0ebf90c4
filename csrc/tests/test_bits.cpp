// The bits: Philox, keys, elementary functions, lanes, the floating-point control word, the pool (poll, fork,
// exceptions, nesting), scratch memory. `pondera_bits golden.txt` compares hashes of outputs with the file, which is
// the same for every instruction set, compiler and architecture; `pondera_bits --write` prints the file.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "pondera/reduce.hpp"

using pondera::Buffer;
using pondera::Index;
using pondera::Parallel;

namespace {

std::atomic<int> failures{0}, checks{0};

void check(bool good, const char* text, int line) {
  ++checks;
  if (good) return;
  ++failures;
  std::printf("FAILED line %d: %s\n", line, text);
}
#define CHECK(...) check((__VA_ARGS__), #__VA_ARGS__, __LINE__)

Parallel with(int workers) {
  Parallel parallel;
  parallel.workers = workers;
  return parallel;
}

std::uint64_t hash(const void* data, std::size_t bytes) {
  const unsigned char* p = static_cast<const unsigned char*>(data);
  std::uint64_t h = 1469598103934665603ull;
  for (std::size_t i = 0; i < bytes; ++i) h = (h ^ p[i]) * 1099511628211ull;
  return h;
}
template <class T>
std::uint64_t hash(const std::vector<T>& v) {
  return hash(v.data(), v.size() * sizeof(T));
}

// ---- Philox and keys

void philox_gives_the_published_answers() {
  const auto is = [](pondera::Words r, std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
    return r.w[0] == a && r.w[1] == b && r.w[2] == c && r.w[3] == d;
  };
  const std::uint32_t f = 0xffffffffu;
  CHECK(is(pondera::philox(0, 0, 0, 0, 0, 0), 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u));
  CHECK(is(pondera::philox(f, f, f, f, f, f), 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu));
  CHECK(is(pondera::philox(0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0xa4093822u, 0x299f31d0u), 0xd16cfe09u,
           0x94fdccebu, 0x5001e420u, 0x24126ea1u));
}

void uniforms_stay_inside_the_open_interval() {
  CHECK(pondera::uniform_from(0, 0) == 0x1p-53);
  CHECK(pondera::uniform_from(0xffffffffu, 0xffffffffu) == 1.0 - 0x1p-53);
}

void bounded_integers_are_exact_at_the_edges() {
  const pondera::Stream stream({1, 2}, pondera::Purpose::integers);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    CHECK(stream.integer(i, 1) == 0);
    CHECK(stream.integer(i, 7) < 7);
    CHECK(stream.integer(i, 1ull << 63) < (1ull << 63));
  }
  // Rejection: with n just above 2^63 almost half of the first tries are refused.
  std::uint64_t largest = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const std::uint64_t v = stream.integer(i, (1ull << 63) + 1);
    largest = v > largest ? v : largest;
  }
  CHECK(largest <= (1ull << 63));
}

// ---- elementary functions

void exp_and_log_are_exact_where_they_must_be() {
  const double inf = pondera::baseline::kInf;
  const double nan = __builtin_nan("");
  CHECK(pondera::exp(0.0) == 1.0);
  CHECK(pondera::exp(-inf) == 0.0);
  CHECK(pondera::exp(inf) == inf);
  CHECK(pondera::exp(nan) != pondera::exp(nan));
  CHECK(pondera::log(1.0) == 0.0);
  CHECK(pondera::log(0.0) == -inf);
  CHECK(pondera::log(inf) == inf);
  CHECK(pondera::log(-1.0) != pondera::log(-1.0));
  CHECK(pondera::log1p(0.0) == 0.0);
  CHECK(pondera::expm1(0.0) == 0.0);
  CHECK(pondera::expm1(-inf) == -1.0);
  CHECK(pondera::normal_quantile(0.5) == 0.0);
}

void log_is_monotone() {
  // Neighbours around powers of two, around sqrt(1/2) where the reduction jumps, and around 1.
  const double centres[] = {1.0, 0.5, 2.0, 0.70710678118654757, 1.4142135623730951, 1e-300, 1e300, 0x1p-1022, 3.0};
  for (const double centre : centres) {
    std::uint64_t bits = pondera::baseline::to_bits(centre) - 5000;
    double before = pondera::log(pondera::baseline::from_bits(bits));
    for (int i = 0; i < 10000; ++i) {
      const double now = pondera::log(pondera::baseline::from_bits(++bits));
      if (!(now >= before)) CHECK(now >= before);
      before = now;
    }
  }
}

// ---- the control word

void a_region_runs_with_the_default_control_word_and_gives_the_callers_back() {
#if defined(__x86_64__)
  const unsigned saved = _mm_getcsr();
  for (const int workers : {1, 3}) {
    _mm_setcsr(saved | 0x8040u);  // flush to zero, denormals are zero
    std::vector<unsigned> seen(64);
    pondera::for_blocks(64, with(workers), [&](Index b) { seen[static_cast<std::size_t>(b)] = _mm_getcsr(); });
    CHECK((_mm_getcsr() & 0x8040u) == 0x8040u);
    bool clean = true;
    for (const unsigned s : seen) clean = clean && (s & 0xffc0u) == 0x1f80u;
    CHECK(clean);
  }
  _mm_setcsr(saved);
#endif
}

// ---- the pool

void every_block_runs_exactly_once() {
  for (const int workers : {1, 2, 5, 40}) {
    for (const Index n : {Index{0}, Index{1}, Index{3}, Index{10007}}) {
      std::vector<int> count(static_cast<std::size_t>(n));
      pondera::for_blocks(n, with(workers), [&](Index b) { ++count[static_cast<std::size_t>(b)]; });
      bool once = true;
      for (const int c : count) once = once && c == 1;
      CHECK(once);
    }
  }
}

void an_exception_crosses_threads() {
  for (const int workers : {1, 4}) {
    std::string text;
    try {
      pondera::for_blocks(1000, with(workers), [](Index b) {
        if (b == 17) throw std::runtime_error("block 17");
      });
    } catch (const std::runtime_error& error) {
      text = error.what();
    }
    CHECK(text == "block 17");
    // The pool works on afterwards.
    std::atomic<Index> sum{0};
    pondera::for_blocks(100, with(workers), [&](Index b) { sum += b; });
    CHECK(sum == 4950);
  }
}

void the_lowest_of_several_exceptions_wins_when_all_are_thrown() {
  for (int repeat = 0; repeat < 50; ++repeat) {
    std::string text;
    try {
      pondera::for_blocks(2, with(2), [](Index b) { throw std::runtime_error(b == 0 ? "first" : "second"); });
    } catch (const std::runtime_error& error) {
      text = error.what();
    }
    CHECK(text == "first" || text == "second");
  }
}

void nested_loops_run_serially_and_finish() {
  std::atomic<Index> sum{0};
  pondera::for_blocks(20, with(4), [&](Index) {
    const std::thread::id outer = std::this_thread::get_id();
    pondera::for_blocks(10, with(4), [&](Index b) {
      CHECK(std::this_thread::get_id() == outer);
      sum += b;
    });
  });
  CHECK(sum == 20 * 45);
}

void only_the_calling_thread_polls_and_a_poll_stops_the_loop() {
  struct Context {
    std::thread::id caller = std::this_thread::get_id();
    int calls = 0;
    bool foreign = false;
  };
  for (const int workers : {1, 3}) {
    Context context;
    Parallel parallel = with(workers);
    parallel.poll_context = &context;
    parallel.poll = [](void* p) {
      Context& c = *static_cast<Context*>(p);
      c.foreign = c.foreign || std::this_thread::get_id() != c.caller;
      return ++c.calls >= 3;
    };
    const auto start = std::chrono::steady_clock::now();
    bool stopped = false;
    try {
      pondera::for_blocks(100000, parallel, [](Index) { std::this_thread::sleep_for(std::chrono::milliseconds(1)); });
    } catch (const pondera::Interrupted&) {
      stopped = true;
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    CHECK(stopped);
    CHECK(!context.foreign);
    CHECK(context.calls == 3);
    CHECK(seconds < 5.0);  // three polls of 20 ms, on however busy a machine
  }
}

void many_callers_share_the_pool() {
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 8; ++t)
    callers.emplace_back([&wrong] {
      for (int repeat = 0; repeat < 50; ++repeat) {
        std::atomic<Index> sum{0};
        pondera::for_blocks(100, with(3), [&](Index b) { sum += b; });
        if (sum != 4950) ++wrong;
      }
    });
  for (std::thread& t : callers) t.join();
  CHECK(wrong == 0);
}

void a_forked_child_starts_its_own_pool() {
  if (std::getenv("PONDERA_TEST_NO_FORK")) {  // qemu-user 7 and the thread sanitizer cannot fork a threaded program
    std::puts("skipped: fork");
    return;
  }
  std::atomic<Index> before{0};
  pondera::for_blocks(100, with(4), [&](Index b) { before += b; });
  const pid_t child = fork();
  if (child == 0) {
    std::atomic<Index> sum{0};
    pondera::for_blocks(100, with(4), [&](Index b) { sum += b; });
    _exit(sum == 4950 ? 0 : 1);
  }
  int status = -1;
  for (int i = 0; i < 1000 && waitpid(child, &status, WNOHANG) == 0; ++i) usleep(10000);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

void idle_threads_retire() {
  pondera::for_blocks(100, with(4), [](Index) {});
  CHECK(pondera::Pool::instance().threads() > 0);
  for (int i = 0; i < 100 && pondera::Pool::instance().threads() > 0; ++i) usleep(100000);
  CHECK(pondera::Pool::instance().threads() == 0);
}

// ---- memory

void scratch_memory_is_counted_and_can_fail() {
  auto& meter = pondera::memory_meter();
  const Index live = meter.live;
  {
    const Buffer<double> buffer(1000);
    CHECK(meter.live == live + 8000);
    CHECK(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64 == 0);
  }
  CHECK(meter.live == live);
  meter.fail_after = live + 100;
  bool failed = false;
  try {
    const Buffer<double> buffer(1000);
  } catch (const std::bad_alloc&) {
    failed = true;
  }
  meter.fail_after = INT64_MAX;
  CHECK(failed);
  CHECK(meter.live == live);
}

// ---- golden lines: the same bytes on every machine, for any number of threads

std::map<std::string, std::uint64_t> golden() {
  std::map<std::string, std::uint64_t> out;
  const Index n = 100003;
  const auto size = static_cast<std::size_t>(n);
  const pondera::Stream stream({0x12345678u, 0x9abcdef0u}, pondera::Purpose::uniform, 7);
  const auto& loops = pondera::loops();
  std::vector<double> u(size), x(size), y(size);
  loops.uniform(stream.address(), 1ull << 33, n, u.data());
  out["uniform"] = hash(u);
  loops.gumbel(stream.address(3), 0, n, x.data());
  out["gumbel"] = hash(x);
  for (std::size_t i = 0; i < size; ++i) x[i] = (u[i] - 0.5) * 1500.0;
  loops.exp_f64(x.data(), n, y.data());
  out["exp"] = hash(y);
  for (std::size_t i = 0; i < size; ++i) x[i] = (u[i] - 0.5) * 100.0;
  loops.expm1_f64(x.data(), n, y.data());
  out["expm1"] = hash(y);
  loops.exp_f64(x.data(), n, y.data());
  loops.log_f64(y.data(), n, x.data());
  out["log"] = hash(x);
  for (std::size_t i = 0; i < size; ++i) x[i] = u[i] * 4.0 - 0.999;
  loops.log1p_f64(x.data(), n, y.data());
  out["log1p"] = hash(y);
  loops.normal_quantile_f64(u.data(), n, y.data());
  out["normal"] = hash(y);
  std::vector<float> f(size);
  for (std::size_t i = 0; i < size; ++i) f[i] = static_cast<float>(y[i]);
  std::vector<double> sums;
  for (const int workers : {1, 2, 5}) {
    Index nan_at = 0;
    const Parallel parallel = with(workers);
    std::vector<double> s = {pondera::block_max(y.data(), n, &nan_at, parallel),
                             pondera::block_sum(y.data(), n, parallel), pondera::block_sum(f.data(), n, parallel)};
    const auto e = pondera::block_exp(y.data(), n, 4.0, x.data(), parallel);
    const auto g = pondera::block_exp(f.data(), n, 4.0, nullptr, parallel);
    s.insert(s.end(), {e.sum, e.squares, g.sum, g.squares});
    CHECK(nan_at == n);
    if (!sums.empty()) CHECK(std::memcmp(s.data(), sums.data(), sizeof(double) * s.size()) == 0);
    sums = s;
  }
  out["reductions"] = hash(sums);
  std::vector<std::uint64_t> integers;
  for (std::uint64_t i = 0; i < 10000; ++i) integers.push_back(stream.integer(i, i * i * 977 + 1));
  out["integers"] = hash(integers);
  std::vector<Index> geometric;
  for (std::uint64_t i = 0; i < 10000; ++i)
    geometric.push_back(stream.geometric(i, 1e-6 + static_cast<double>(i) * 9e-5));
  out["geometric"] = hash(geometric);
  const pondera::Key child = pondera::fold_in({1, 2}, 0x0123456789abcdefull, 2);
  out["fold_in"] = (static_cast<std::uint64_t>(child.k1) << 32) | child.k0;
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const auto lines = golden();
  if (argc > 1 && std::strcmp(argv[1], "--write") == 0) {
    for (const auto& [name, value] : lines)
      std::printf("%s %016llx\n", name.c_str(), static_cast<unsigned long long>(value));
    return failures != 0;
  }
  if (argc > 1) {
    std::ifstream file(argv[1]);
    std::string name, value;
    std::size_t read = 0;
    while (file >> name >> value) {
      ++read;
      const auto found = lines.find(name);
      const bool good = found != lines.end() && found->second == std::stoull(value, nullptr, 16);
      if (!good) std::printf("golden line %s differs\n", name.c_str());
      CHECK(good);
    }
    CHECK(read == lines.size());
  }
  philox_gives_the_published_answers();
  uniforms_stay_inside_the_open_interval();
  bounded_integers_are_exact_at_the_edges();
  exp_and_log_are_exact_where_they_must_be();
  log_is_monotone();
  a_region_runs_with_the_default_control_word_and_gives_the_callers_back();
  every_block_runs_exactly_once();
  an_exception_crosses_threads();
  the_lowest_of_several_exceptions_wins_when_all_are_thrown();
  nested_loops_run_serially_and_finish();
  only_the_calling_thread_polls_and_a_poll_stops_the_loop();
  many_callers_share_the_pool();
  a_forked_child_starts_its_own_pool();
  scratch_memory_is_counted_and_can_fail();
  idle_threads_retire();
  std::printf("%s: %d checks, %d failed\n", pondera::isa_name(), checks.load(), failures.load());
  return failures != 0;
}
