// Sums of w_j M_j^q over masks, q = 1..degree: the moments from which weighted maps and their standard errors follow.
// Either over masks that lie in memory, or over random grid masks that are never made.
#pragma once

#include "pondera/masks/grid_masks.hpp"

PONDERA_NAMESPACE_BEGIN

inline void mask_moments(const float* masks, Index stride, Index n, const double* w, Index pixels, int degree,
                         double* sums, Index step) noexcept {
  loops().moments_f32(masks, stride, n, w, pixels, degree, sums, step);
}
inline void mask_moments(const double* masks, Index stride, Index n, const double* w, Index pixels, int degree,
                         double* sums, Index step) noexcept {
  loops().moments_f64(masks, stride, n, w, pixels, degree, sums, step);
}

// sums[q - 1][i] += sum_j weights[j] masks[j][i]^q. Masks are added one by one in their order: chunks do not matter.
// O(n pixels degree).
template <class T>
void accumulate(const T* masks, Index n, Index pixels, const double* weights, int degree, double* sums,
                const Parallel& parallel) {
  for_ranges(pixels, 512, parallel, [&](Index begin, Index end) {
    mask_moments(masks + begin, pixels, n, weights, end - begin, degree, sums + begin, pixels);
  });
}

// Inside a window of 2 x 2 cells a bilinear mask is M = a + b t + c x + d t x in the fractions t (down) and x (right).
// Row `pattern` of the table holds the coefficients of M^q, q = 1..degree, each (q + 1) x (q + 1), for the cells
// (bit 0, bit 1; bit 2, bit 3).
constexpr int kMaxDegree = 4;
constexpr Index moment_terms(int degree) noexcept {  // sum of (q + 1)^2
  Index terms = 0;
  for (Index q = 1; q <= degree; ++q) terms += (q + 1) * (q + 1);
  return terms;
}
constexpr Index moment_rows(int degree) noexcept {  // sum of (q + 1)
  return Index{degree} * (degree + 3) / 2;
}

inline void pattern_powers(int pattern, int degree, double* out) noexcept {
  const double c00 = pattern & 1, c01 = pattern >> 1 & 1, c10 = pattern >> 2 & 1, c11 = pattern >> 3 & 1;
  const double first[2][2] = {{c00, c01 - c00}, {c10 - c00, c00 - c01 - c10 + c11}};
  double power[kMaxDegree + 1][kMaxDegree + 1] = {{1.0}};
  for (int q = 1; q <= degree; ++q) {
    double next[kMaxDegree + 1][kMaxDegree + 1] = {{0.0}};
    for (int i = 0; i < q; ++i)
      for (int m = 0; m < q; ++m)
        for (int a = 0; a < 2; ++a)
          for (int b = 0; b < 2; ++b) next[i + a][m + b] += power[i][m] * first[a][b];
    for (int i = 0; i <= q; ++i)
      for (int m = 0; m <= q; ++m) power[i][m] = *out++ = next[i][m];
  }
}

// The random part of the masks first..first+n: cells, and the masks by offset, in their own order within one.
// O(n gh gw); n (gh gw + 8) bytes.
struct GridDraws {
  Index n;
  Buffer<std::uint8_t> cells;  // (n, gh gw)
  Buffer<Index> order, start;  // order[start[s]..start[s + 1]] are the masks of offset s = y shifts_x + x

  GridDraws(const GridMasks& plan, std::uint64_t first, Index n_, const Parallel& parallel)
      : n(n_), cells(n_ * plan.gh * plan.gw), order(n_), start(plan.shifts_y * plan.shifts_x + 1, 0) {
    const Index size = plan.gh * plan.gw, shifts = plan.shifts_y * plan.shifts_x;
    Buffer<Index> offset(n), next(shifts);
    for_ranges(n, 64, parallel, [&](Index begin, Index end) {
      plan.cells(first + static_cast<std::uint64_t>(begin), end - begin, cells.data() + begin * size);
      for (Index j = begin; j < end; ++j) {
        const std::uint64_t number = first + static_cast<std::uint64_t>(j);
        offset[j] = plan.offset_y(number) * plan.shifts_x + plan.offset_x(number);
      }
    });
    for (Index j = 0; j < n; ++j) ++start[offset[j] + 1];
    for (Index s = 0; s < shifts; ++s) {
      next[s] = start[s];
      start[s + 1] += start[s];
    }
    for (Index j = 0; j < n; ++j) order[next[offset[j]]++] = j;
  }
};

// sums[q - 1] (H, W) += sum_j weights[j] M_j^q for drawn masks of a plan, q = 1..degree. Masks of one offset are summed
// as small grids; the columns are then expanded for each vertical offset, and the rows last. With S_y S_x offsets,
// O(n gh gw + S_y W (S_x gh + H)) for a degree; about 8 MB. The order of the sums is fixed.
inline void grid_moments(const GridMasks& plan, const GridDraws& drawn, const double* weights, int degree, double* sums,
                         const Parallel& parallel) {
  const Index gh = plan.gh, gw = plan.gw, width = plan.width, height = plan.height;
  const Index down = plan.nearest || gh == 1 ? gh : gh - 1, across = plan.nearest || gw == 1 ? gw : gw - 1;
  const Index terms = moment_terms(degree), rows = moment_rows(degree);
  const Buffer<Index>& start = drawn.start;
  Buffer<double> table(16 * terms);
  for (int pattern = 0; pattern < 16; ++pattern) pattern_powers(pattern, degree, table.data() + pattern * terms);

  const Index slab = rows * down * width;  // column-expanded sums of one vertical offset: (row term, window row, x)
  Index group = (Index{1} << 20) / slab;
  group = group < 1 ? 1 : group > plan.shifts_y ? plan.shifts_y : group;
  Buffer<double> expanded(group * slab);
  for (Index y0 = 0; y0 < plan.shifts_y; y0 += group) {
    const Index count = plan.shifts_y - y0 < group ? plan.shifts_y - y0 : group;
    for_blocks(count, parallel, [&](Index g) {
      double* to = expanded.data() + g * slab;
      for (Index i = 0; i < slab; ++i) to[i] = 0.0;
      Buffer<double> grid(down * across * terms);
      for (Index dx = 0; dx < plan.shifts_x; ++dx) {
        const Index begin = start[(y0 + g) * plan.shifts_x + dx], end = start[(y0 + g) * plan.shifts_x + dx + 1];
        if (begin == end) continue;
        for (double& value : grid) value = 0.0;
        for (Index k = begin; k < end; ++k) {
          const std::uint8_t* c = drawn.cells.data() + drawn.order[k] * gh * gw;
          const double weight = weights[drawn.order[k]];
          for (Index r = 0; r < down; ++r)
            for (Index s = 0; s < across; ++s) {
              const Index r1 = !plan.nearest && r + 1 < gh ? r + 1 : r, s1 = !plan.nearest && s + 1 < gw ? s + 1 : s;
              const int pattern = c[r * gw + s] | c[r * gw + s1] << 1 | c[r1 * gw + s] << 2 | c[r1 * gw + s1] << 3;
              if (pattern == 0) continue;
              const double* power = table.data() + pattern * terms;
              double* cell = grid.data() + (r * across + s) * terms;
              for (Index i = 0; i < terms; ++i) cell[i] += weight * power[i];
            }
        }
        const Index* cell = plan.column_cell.data() + dx;
        const double* x = plan.column_t.data() + dx;
        for (Index left = 0, right; left < width; left = right) {  // pixels between the same two cells
          for (right = left + 1; right < width && cell[right] == cell[left];) ++right;
          for (Index r = 0; r < down; ++r) {
            const double* power = grid.data() + (r * across + cell[left]) * terms;
            Index row = 0;
            for (int q = 1; q <= degree; ++q)
              for (int i = 0; i <= q; ++i, ++row, power += q + 1)
                loops().add_polynomial(x + left, right - left, power, q, to + (row * down + r) * width + left);
          }
        }
      }
    });
    for_blocks(height, parallel, [&](Index y) {
      for (Index g = 0; g < count; ++g) {
        if (start[(y0 + g) * plan.shifts_x] == start[(y0 + g + 1) * plan.shifts_x]) continue;
        const Index r = plan.row_cell[y0 + g + y];
        const double* from = expanded.data() + g * slab + r * width;
        for (int q = 1; q <= degree; ++q) {
          loops().add_rows(from, down * width, width, plan.row_t[y0 + g + y], q, sums + ((q - 1) * height + y) * width);
          from += (q + 1) * down * width;
        }
      }
    });
  }
}

PONDERA_NAMESPACE_END
