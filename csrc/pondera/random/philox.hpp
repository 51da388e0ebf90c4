// Counter-based random numbers: draw i of row r for a purpose is a pure function of (key, i, r, purpose, sub-draw),
// so that any split of the work over threads gives the same bits. Philox4x32-10, Salmon et al. 2011.
#pragma once

#include "pondera/isa/loops.hpp"
#include "pondera/random/purposes.hpp"

PONDERA_NAMESPACE_BEGIN

using baseline::exp;
using baseline::expm1;
using baseline::log;
using baseline::log1p;
using baseline::normal_quantile;
using baseline::philox;
using baseline::uniform_from;
using baseline::Words;

struct Key {
  std::uint32_t k0 = 0, k1 = 0;
};

// A stream: one (key, purpose, row). `element` and `sub` (rejection attempt, 24 bits) address the draw.
class Stream {
 public:
  constexpr Stream(Key key, Purpose purpose, std::uint32_t row = 0) noexcept
      : key_(key), row_(row), code_(static_cast<std::uint32_t>(purpose) << 24) {}

  Words words(std::uint64_t element, std::uint32_t sub = 0) const noexcept {
    return philox(static_cast<std::uint32_t>(element), static_cast<std::uint32_t>(element >> 32), row_,
                  code_ | (sub & 0xffffffu), key_.k0, key_.k1);
  }
  std::uint64_t bits(std::uint64_t element, std::uint32_t sub = 0) const noexcept {
    const Words r = words(element, sub);
    return (static_cast<std::uint64_t>(r.w[1]) << 32) | r.w[0];
  }
  double uniform(std::uint64_t element, std::uint32_t sub = 0) const noexcept {
    const Words r = words(element, sub);
    return uniform_from(r.w[0], r.w[1]);
  }
  double exponential(std::uint64_t element) const noexcept { return -log(uniform(element)); }
  double gumbel(std::uint64_t element) const noexcept { return -log(exponential(element)); }
  double normal(std::uint64_t element) const noexcept { return normal_quantile(uniform(element)); }
  // Uniform integer in [0, n), n >= 1: Lemire's multiply-high with rejection on sub-draws 0, 1, 2, ...
  std::uint64_t integer(std::uint64_t element, std::uint64_t n) const noexcept {
    std::uint64_t x = bits(element);
    unsigned __int128 m = static_cast<unsigned __int128>(x) * n;
    std::uint64_t low = static_cast<std::uint64_t>(m);
    if (low < n) {
      const std::uint64_t threshold = (0 - n) % n;
      for (std::uint32_t sub = 1; low < threshold; ++sub) {
        x = bits(element, sub);
        m = static_cast<unsigned __int128>(x) * n;
        low = static_cast<std::uint64_t>(m);
      }
    }
    return static_cast<std::uint64_t>(m >> 64);
  }
  // Failures before the first success of probability p in (0, 1]; capped at 2^63 - 1.
  Index geometric(std::uint64_t element, double p) const noexcept {
    if (p >= 1.0) return 0;
    const double g = log(uniform(element)) / log1p(-p);
    return g >= 9.2e18 ? INT64_MAX : static_cast<Index>(g);
  }
  StreamAddress address(std::uint32_t sub = 0) const noexcept {
    return StreamAddress{key_.k0, key_.k1, row_, code_ | (sub & 0xffffffu)};
  }

 private:
  Key key_;
  std::uint32_t row_;
  std::uint32_t code_;
};

// Child key: one Philox call on two words of data; `kind` keeps integers and strings apart. The purpose byte 0 is
// used nowhere else, so a child key never equals words that a stream of the parent hands out.
inline Key fold_in(Key key, std::uint64_t data, std::uint32_t kind) noexcept {
  const Words r =
      philox(static_cast<std::uint32_t>(data), static_cast<std::uint32_t>(data >> 32), kind, 0u, key.k0, key.k1);
  return Key{r.w[0], r.w[1]};
}

PONDERA_NAMESPACE_END
