// The table of hot loops and its baseline build. With PONDERA_DISPATCH the extension also carries AVX2 and AVX-512
// builds and loops() picks one at run time; a user of the headers alone gets the baseline. All give equal bits.
#pragma once

#include "pondera/config.hpp"

PONDERA_NAMESPACE_BEGIN

struct StreamAddress {
  std::uint32_t k0, k1;  // key
  std::uint32_t row;
  std::uint32_t code;  // purpose << 24 | sub-draw
};

constexpr Index kGramTile = 4;  // rows of a Gram matrix that one call of gram_tile fills at most

struct Loops {
  double (*max_f64)(const double*, Index, Index*) noexcept;
  double (*max_f32)(const float*, Index, Index*) noexcept;
  double (*sum_f64)(const double*, Index) noexcept;
  double (*sum_f32)(const float*, Index) noexcept;
  void (*exp_sum_f64)(const double*, Index, double shift, double* out, double* sums) noexcept;
  void (*exp_sum_f32)(const float*, Index, double shift, double* out, double* sums) noexcept;
  void (*exp_f64)(const double*, Index, double*) noexcept;
  void (*log_f64)(const double*, Index, double*) noexcept;
  void (*log1p_f64)(const double*, Index, double*) noexcept;
  void (*expm1_f64)(const double*, Index, double*) noexcept;
  void (*normal_quantile_f64)(const double*, Index, double*) noexcept;
  void (*uniform)(StreamAddress, std::uint64_t first, Index, double*) noexcept;
  void (*gumbel)(StreamAddress, std::uint64_t first, Index, double*) noexcept;
  void (*gram_tile)(const double* z, const double* w, Index rows, Index n, Index begin, Index end, double*) noexcept;
  double (*dot_f64)(const double*, const double*, Index) noexcept;
  void (*blend_rows_64)(const std::uint64_t*, const std::uint64_t*, const std::uint64_t*, Index, Index,
                        std::uint64_t*) noexcept;
  void (*blend_rows_32)(const std::uint32_t*, const std::uint32_t*, const std::uint32_t*, Index, Index,
                        std::uint32_t*) noexcept;
};

PONDERA_NAMESPACE_END

#ifndef PONDERA_ISA
#define PONDERA_ISA baseline
#define PONDERA_ISA_DEFINED_HERE
#endif
PONDERA_NAMESPACE_BEGIN
namespace PONDERA_ISA {
// clang-format off: each needs the one before
#include "pondera/isa/math.inl"
#include "pondera/isa/philox.inl"
#include "pondera/isa/games.inl"
#include "pondera/isa/loops.inl"
// clang-format on
}  // namespace PONDERA_ISA
PONDERA_NAMESPACE_END
#ifdef PONDERA_ISA_DEFINED_HERE
#undef PONDERA_ISA
#undef PONDERA_ISA_DEFINED_HERE
#endif

PONDERA_NAMESPACE_BEGIN
#ifdef PONDERA_DISPATCH
const Loops& loops() noexcept;  // dispatch.cpp
const char* isa_name() noexcept;
#else
inline const Loops& loops() noexcept { return baseline::table(); }
inline const char* isa_name() noexcept { return "baseline"; }
#endif
PONDERA_NAMESPACE_END
