// Small grids stretched over images: where each output pixel looks in the grid, and separable upsampling.
//
// Output position u of a stretched axis of `length` pixels has the grid coordinate (u + 1/2) cells / length - 1/2,
// reflected about the first and last cell centre (what skimage.transform.resize calls mode="reflect").
#pragma once

#include "pondera/parallel.hpp"
#include "pondera/workspace.hpp"

PONDERA_NAMESPACE_BEGIN

enum class Interpolation : int { nearest = 0, bilinear = 1, bicubic = 2 };

// Between which cells an output position lies: `cell` and its right neighbour, `t` in [0, 1] of the way.
struct Position {
  Index cell;
  double t;
};

inline Position grid_position(Index u, Index cells, Index length, bool nearest) noexcept {
  if (nearest) return {(2 * u + 1) * cells / (2 * length), 0.0};
  if (cells == 1) return {0, 0.0};
  const double last = static_cast<double>(cells - 1);
  double x = (static_cast<double>(u) + 0.5) * static_cast<double>(cells) / static_cast<double>(length) - 0.5;
  x = x < 0.0 ? -x : x;
  x = x > last ? 2.0 * last - x : x;
  Index cell = static_cast<Index>(x);
  cell = cell > cells - 2 ? cells - 2 : cell;
  return {cell, x - static_cast<double>(cell)};
}

// The taps of every output position of one axis.
struct Axis {
  Index taps;
  Buffer<Index> cell;     // (n, taps)
  Buffer<double> weight;  // (n, taps), sums to one
};

inline Index mirrored(Index cell, Index cells) noexcept {
  if (cells == 1) return 0;
  const Index period = 2 * (cells - 1);
  cell = ((cell % period) + period) % period;
  return cell < cells ? cell : period - cell;
}

// Keys (1981), a = -1/2: exact for quadratics. doi:10.1109/TASSP.1981.1163711
inline double keys_cubic(double x) noexcept {
  x = x < 0.0 ? -x : x;
  if (x < 1.0) return (1.5 * x - 2.5) * x * x + 1.0;
  if (x < 2.0) return ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0;
  return 0.0;
}

inline Axis make_axis(Index cells, Index n, Interpolation mode) {
  const Index taps = mode == Interpolation::nearest ? 1 : mode == Interpolation::bilinear ? 2 : 4;
  Axis axis{taps, Buffer<Index>(n * taps), Buffer<double>(n * taps)};
  for (Index u = 0; u < n; ++u) {
    Index* cell = axis.cell.data() + u * taps;
    double* weight = axis.weight.data() + u * taps;
    if (mode == Interpolation::bicubic) {
      const double x = (static_cast<double>(u) + 0.5) * static_cast<double>(cells) / static_cast<double>(n) - 0.5;
      const double below = __builtin_floor(x);
      for (Index k = 0; k < 4; ++k) {
        cell[k] = mirrored(static_cast<Index>(below) + k - 1, cells);
        weight[k] = keys_cubic(x - below - static_cast<double>(k - 1));
      }
      continue;
    }
    const Position at = grid_position(u, cells, n, mode == Interpolation::nearest);
    cell[0] = at.cell;
    weight[0] = 1.0 - at.t;
    if (taps == 2) {
      cell[1] = at.cell + 1 < cells ? at.cell + 1 : at.cell;
      weight[1] = at.t;
    }
  }
  return axis;
}

// out (m, rows, columns) from values (m, gh, gw). O(m H W taps); gh W doubles a thread.
template <class T>
void upsample(const T* values, Index m, Index gh, Index gw, Index height, Index width, Interpolation mode, T* out,
              const Parallel& parallel) {
  const Axis rows = make_axis(gh, height, mode), columns = make_axis(gw, width, mode);
  for_blocks(m, parallel, [&](Index j) {
    const T* grid = values + j * gh * gw;
    Buffer<double> wide(gh * width);
    for (Index r = 0; r < gh; ++r)
      for (Index x = 0; x < width; ++x) {
        double sum = 0.0;
        for (Index k = 0; k < columns.taps; ++k)
          sum += columns.weight[x * columns.taps + k] *
                 static_cast<double>(grid[r * gw + columns.cell[x * columns.taps + k]]);
        wide[r * width + x] = sum;
      }
    for (Index y = 0; y < height; ++y) {
      T* to = out + (j * height + y) * width;
      const Index* cell = rows.cell.data() + y * rows.taps;
      const double* weight = rows.weight.data() + y * rows.taps;
      for (Index x = 0; x < width; ++x) {
        double sum = 0.0;
        for (Index k = 0; k < rows.taps; ++k) sum += weight[k] * wide[cell[k] * width + x];
        to[x] = static_cast<T>(sum);
      }
    }
  });
}

PONDERA_NAMESPACE_END
