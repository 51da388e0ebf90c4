// Loops of the mask kernels. Inside pondera::PONDERA_ISA, as loops.inl.

// out = a + t (b - a).
inline void lerp_loop(const float* a, const float* b, float t, Index n, float* __restrict out) noexcept {
  for (Index i = 0; i < n; ++i) out[i] = a[i] + t * (b[i] - a[i]);
}

// sums[q - 1][i] += sum_j w[j] masks[j][i]^q. Eight masks at a time stay in registers and in the first cache.
template <class T, int Degree>
static inline void moments_of(const T* masks, Index stride, Index n, const double* w, Index pixels, double* sums,
                       Index step) noexcept {
  constexpr Index kMasks = 8;
  for (Index begin = 0; begin < n; begin += kMasks) {
    const Index end = begin + kMasks < n ? begin + kMasks : n;
    Index i = 0;
    for (; i + kLanes <= pixels; i += kLanes) {
      double sum[Degree][kLanes];
      for (int q = 0; q < Degree; ++q)
        for (Index l = 0; l < kLanes; ++l) sum[q][l] = sums[q * step + i + l];
      for (Index j = begin; j < end; ++j) {
        double value[kLanes], power[kLanes];
        for (Index l = 0; l < kLanes; ++l) value[l] = static_cast<double>(masks[j * stride + i + l]);
        for (Index l = 0; l < kLanes; ++l) power[l] = w[j] * value[l];
        for (Index l = 0; l < kLanes; ++l) sum[0][l] += power[l];
        for (int q = 1; q < Degree; ++q) {
          for (Index l = 0; l < kLanes; ++l) power[l] *= value[l];
          for (Index l = 0; l < kLanes; ++l) sum[q][l] += power[l];
        }
      }
      for (int q = 0; q < Degree; ++q)
        for (Index l = 0; l < kLanes; ++l) sums[q * step + i + l] = sum[q][l];
    }
    for (; i < pixels; ++i)
      for (Index j = begin; j < end; ++j) {
        const double value = static_cast<double>(masks[j * stride + i]);
        double power = w[j];
        for (int q = 0; q < Degree; ++q) {
          power *= value;
          sums[q * step + i] += power;
        }
      }
  }
}
template <class T>
inline void moments_loop(const T* masks, Index stride, Index n, const double* w, Index pixels, int degree, double* sums,
                         Index step) noexcept {
  if (degree == 1) return moments_of<T, 1>(masks, stride, n, w, pixels, sums, step);
  if (degree == 2) return moments_of<T, 2>(masks, stride, n, w, pixels, sums, step);
  if (degree == 3) return moments_of<T, 3>(masks, stride, n, w, pixels, sums, step);
  moments_of<T, 4>(masks, stride, n, w, pixels, sums, step);
}

// out[i] += c[0] + c[1] x + ... + c[degree] x^degree, degree <= 4.
template <int Degree>
inline void polynomial_of(const double* x, Index n, const double* c, double* __restrict out) noexcept {
  for (Index i = 0; i < n; ++i) {
    double value = c[Degree];
    for (int k = Degree - 1; k >= 0; --k) value = value * x[i] + c[k];
    out[i] += value;
  }
}
inline void polynomial_loop(const double* x, Index n, const double* c, int degree, double* out) noexcept {
  if (degree == 1) return polynomial_of<1>(x, n, c, out);
  if (degree == 2) return polynomial_of<2>(x, n, c, out);
  if (degree == 3) return polynomial_of<3>(x, n, c, out);
  polynomial_of<4>(x, n, c, out);
}

// out[i] += rows[0][i] + rows[1][i] t + ... + rows[degree][i] t^degree, degree <= 4.
template <int Degree>
inline void rows_of(const double* rows, Index stride, Index n, double t, double* __restrict out) noexcept {
  for (Index i = 0; i < n; ++i) {
    double value = rows[Degree * stride + i];
    for (int k = Degree - 1; k >= 0; --k) value = value * t + rows[k * stride + i];
    out[i] += value;
  }
}
inline void rows_loop(const double* rows, Index stride, Index n, double t, int degree, double* out) noexcept {
  if (degree == 1) return rows_of<1>(rows, stride, n, t, out);
  if (degree == 2) return rows_of<2>(rows, stride, n, t, out);
  if (degree == 3) return rows_of<3>(rows, stride, n, t, out);
  rows_of<4>(rows, stride, n, t, out);
}
