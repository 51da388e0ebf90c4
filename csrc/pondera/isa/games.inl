// Loops of the game kernels. Inside pondera::PONDERA_ISA; raw pointers, no std headers, no memory.

// Adds sum_r w_r z[r, i] z[r, j] to gram[i, j] for i in [begin, end) (at most kGramTile rows), j >= begin. Columns run
// in the lanes and rows r one after the other, so the order of the additions is the same in every build.
inline void gram_tile(const double* z, const double* w, Index rows, Index n, Index begin, Index end,
                      double* gram) noexcept {
  double sum[kGramTile][kLanes], a[kGramTile];
  const Index height = end - begin;
  for (Index j = begin; j < n; j += kLanes) {
    const Index width = n - j < kLanes ? n - j : kLanes;
    for (Index i = 0; i < kGramTile; ++i)
      for (Index l = 0; l < kLanes; ++l) sum[i][l] = 0.0;
    if (height == kGramTile && width == kLanes) {
      for (Index r = 0; r < rows; ++r) {
        const double* row = z + r * n;
        for (Index i = 0; i < kGramTile; ++i) a[i] = w[r] * row[begin + i];
        for (Index i = 0; i < kGramTile; ++i)
          for (Index l = 0; l < kLanes; ++l) sum[i][l] += a[i] * row[j + l];
      }
    } else {
      for (Index r = 0; r < rows; ++r) {
        const double* row = z + r * n;
        for (Index i = 0; i < height; ++i)
          for (Index l = 0; l < width; ++l) sum[i][l] += w[r] * row[begin + i] * row[j + l];
      }
    }
    for (Index i = 0; i < height; ++i)
      for (Index l = 0; l < width; ++l) gram[(begin + i) * n + j + l] += sum[i][l];
  }
}

// Inner product in kLanes partial sums.
inline double dot_loop(const double* x, const double* y, Index n) noexcept {
  double lane[kLanes];
  for (Index l = 0; l < kLanes; ++l) lane[l] = 0.0;
  Index i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (Index l = 0; l < kLanes; ++l) lane[l] += x[i + l] * y[i + l];
  for (Index l = 0; i + l < n; ++l) lane[l] += x[i + l] * y[i + l];
  return combine_lanes(lane);
}

// out[b, j] = (x[b, j] & keep[j]) | own[j].
inline void blend_loop_64(const std::uint64_t* x, const std::uint64_t* keep, const std::uint64_t* own, Index rows,
                          Index d, std::uint64_t* out) noexcept {
  for (Index b = 0; b < rows; ++b, x += d, out += d)
    for (Index j = 0; j < d; ++j) out[j] = (x[j] & keep[j]) | own[j];
}
inline void blend_loop_32(const std::uint32_t* x, const std::uint32_t* keep, const std::uint32_t* own, Index rows,
                          Index d, std::uint32_t* out) noexcept {
  for (Index b = 0; b < rows; ++b, x += d, out += d)
    for (Index j = 0; j < d; ++j) out[j] = (x[j] & keep[j]) | own[j];
}
