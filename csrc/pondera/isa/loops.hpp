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
  // weights.inl
  void (*uniform_at)(StreamAddress, const Index* elements, Index, double*) noexcept;
  void (*rank_systematic)(const double*, Index, double u, double step, double inverse, Index*) noexcept;
  void (*floor_scaled)(const double*, Index, double inverse, Index most, Index*) noexcept;
  void (*uniform_pairs)(StreamAddress, std::uint64_t start, Index, double* first, double* second) noexcept;
  // neighbors.inl
  void (*distances_f64)(int form, double power, const double* q, const double* p, Index stride, Index count, Index d,
                        double* out) noexcept;
  void (*distances_f32)(int form, double power, const float* q, const float* p, Index stride, Index count, Index d,
                        float* out) noexcept;
  double (*pair_f64)(int form, double power, const double* x, const double* y, Index d) noexcept;
  double (*pair_f32)(int form, double power, const float* x, const float* y, Index d) noexcept;
  Index (*below_f64)(const double* s, Index n, double limit, std::int32_t* out) noexcept;
  Index (*below_f32)(const float* s, Index n, float limit, std::int32_t* out) noexcept;
  Index (*count_f64)(const double* s, Index n, double limit) noexcept;
  void (*panel_f64)(const double* q, const double* p, Index strips, Index d, const double* bias, double* out,
                    Index out_stride) noexcept;
  void (*panel_f32)(const float* q, const float* p, Index strips, Index d, const float* bias, float* out,
                    Index out_stride) noexcept;
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
#include "pondera/isa/weights.inl"
#include "pondera/isa/loops.inl"
#include "pondera/isa/neighbors.inl"
#include "pondera/isa/table.inl"
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
