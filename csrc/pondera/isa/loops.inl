// The hottest loops over raw pointers: one set for each instruction set. Inside pondera::PONDERA_ISA; no std headers
// beyond <cstdint>, no sorting, no memory. Reductions use kLanes partial results so that every build gives equal bits.

// Largest value of a block; *nan_at gets the position of the first NaN, or n.
template <class T>
inline double max_loop(const T* x, Index n, Index* nan_at) noexcept {
  double lane[kLanes];
  for (Index j = 0; j < kLanes; ++j) lane[j] = -kInf;
  bool any_nan = false;
  Index i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    bool bad = false;
    for (Index j = 0; j < kLanes; ++j) {
      const double v = static_cast<double>(x[i + j]);
      lane[j] = v > lane[j] ? v : lane[j];
      bad |= v != v;
    }
    any_nan |= bad;
  }
  for (Index j = 0; i + j < n; ++j) {
    const double v = static_cast<double>(x[i + j]);
    lane[j] = v > lane[j] ? v : lane[j];
    any_nan |= v != v;
  }
  *nan_at = n;
  if (any_nan)
    for (Index j = n; j-- > 0;)
      if (x[j] != x[j]) *nan_at = j;
  double m = lane[0];
  for (Index j = 1; j < kLanes; ++j) m = lane[j] > m ? lane[j] : m;
  return m;
}

inline double combine_lanes(const double* s) noexcept {
  return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

template <class T>
inline double sum_loop(const T* x, Index n) noexcept {
  double lane[kLanes] = {0, 0, 0, 0, 0, 0, 0, 0};
  Index i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (Index j = 0; j < kLanes; ++j) lane[j] += static_cast<double>(x[i + j]);
  for (Index j = 0; i + j < n; ++j) lane[j] += static_cast<double>(x[i + j]);
  return combine_lanes(lane);
}

// out[i] = exp(x[i] - shift); out may be null. sums[0] gets the sum, sums[1] the sum of squares.
template <class T>
inline void exp_loop(const T* x, Index n, double shift, double* out, double* sums) noexcept {
  double s1[kLanes] = {0, 0, 0, 0, 0, 0, 0, 0};
  double s2[kLanes] = {0, 0, 0, 0, 0, 0, 0, 0};
  double v[kLanes];
  Index i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (Index j = 0; j < kLanes; ++j) v[j] = pondera::PONDERA_ISA::exp(static_cast<double>(x[i + j]) - shift);
    for (Index j = 0; j < kLanes; ++j) s1[j] += v[j];
    for (Index j = 0; j < kLanes; ++j) s2[j] += v[j] * v[j];
    if (out)
      for (Index j = 0; j < kLanes; ++j) out[i + j] = v[j];
  }
  for (Index j = 0; i + j < n; ++j) {
    const double w = pondera::PONDERA_ISA::exp(static_cast<double>(x[i + j]) - shift);
    s1[j] += w;
    s2[j] += w * w;
    if (out) out[i + j] = w;
  }
  sums[0] = combine_lanes(s1);
  sums[1] = combine_lanes(s2);
}

inline void exp_array(const double* x, Index n, double* out) noexcept {
  for (Index i = 0; i < n; ++i) out[i] = pondera::PONDERA_ISA::exp(x[i]);
}
inline void log_array(const double* x, Index n, double* out) noexcept {
  for (Index i = 0; i < n; ++i) out[i] = pondera::PONDERA_ISA::log(x[i]);
}
inline void log1p_array(const double* x, Index n, double* out) noexcept {
  for (Index i = 0; i < n; ++i) out[i] = pondera::PONDERA_ISA::log1p(x[i]);
}
inline void expm1_array(const double* x, Index n, double* out) noexcept {
  for (Index i = 0; i < n; ++i) out[i] = pondera::PONDERA_ISA::expm1(x[i]);
}
inline void normal_quantile_array(const double* x, Index n, double* out) noexcept {
  for (Index i = 0; i < n; ++i) out[i] = normal_quantile(x[i]);
}

// out[i] = uniform of element first + i. The address of a stream is (key, row, purpose << 24 | sub-draw).
inline void uniform_loop(StreamAddress a, std::uint64_t first, Index n, double* out) noexcept {
  for (Index i = 0; i < n; ++i) {
    const std::uint64_t e = first + static_cast<std::uint64_t>(i);
    const Words r = philox(static_cast<std::uint32_t>(e), static_cast<std::uint32_t>(e >> 32), a.row, a.code, a.k0, a.k1);
    out[i] = uniform_from(r.w[0], r.w[1]);
  }
}
inline void gumbel_loop(StreamAddress a, std::uint64_t first, Index n, double* out) noexcept {
  uniform_loop(a, first, n, out);
  for (Index i = 0; i < n; ++i) {
    const double e = -pondera::PONDERA_ISA::log(out[i]);
    out[i] = -pondera::PONDERA_ISA::log(e);
  }
}

inline const Loops& table() noexcept {
  static constexpr Loops loops = {
      &max_loop<double>, &max_loop<float>, &sum_loop<double>, &sum_loop<float>, &exp_loop<double>, &exp_loop<float>,
      &exp_array,        &log_array,       &log1p_array,      &expm1_array,     &normal_quantile_array,
      &uniform_loop,     &gumbel_loop,
      &gram_tile,        &dot_loop,        &blend_loop_64, &blend_loop_32,
  };
  return loops;
}
