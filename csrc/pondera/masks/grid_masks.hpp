// Random masks of RISE (Petsiuk, Das and Saenko 2018, arXiv:1806.07421): cells of a small binary grid, each 1 with
// probability p, stretched to one cell more than the image on both axes and cropped at a uniform offset.
// Mask number j is a function of (key, j): any split of the masks over calls, threads and machines gives the same.
#pragma once

#include "pondera/masks/upsample.hpp"
#include "pondera/random/philox.hpp"

PONDERA_NAMESPACE_BEGIN

struct GridMasks {
  Key key;
  double p;
  Index height, width, gh, gw;
  bool nearest;
  Index shifts_y, shifts_x;             // number of offsets, the cell's size; 1 without shifts
  Buffer<Index> row_cell, column_cell;  // by offset + pixel: the offset only moves the window of the table
  Buffer<double> row_t, column_t;

  GridMasks(Key key_, double p_, Index height_, Index width_, Index gh_, Index gw_, bool nearest_, bool shift)
      : key(key_), p(p_), height(height_), width(width_), gh(gh_), gw(gw_), nearest(nearest_) {
    shifts_y = shift ? (height + gh - 1) / gh : 1;
    shifts_x = shift ? (width + gw - 1) / gw : 1;
    fill(gh, shift ? (gh + 1) * shifts_y : height, height + shifts_y - 1, row_cell, row_t);
    fill(gw, shift ? (gw + 1) * shifts_x : width, width + shifts_x - 1, column_cell, column_t);
  }
  Index offset_y(std::uint64_t j) const noexcept { return offset(j, 0, shifts_y); }
  Index offset_x(std::uint64_t j) const noexcept { return offset(j, 1, shifts_x); }

  // Cells of the masks first..first+n, (n, gh gw). O(n gh gw).
  void cells(std::uint64_t first, Index n, std::uint8_t* out) const noexcept {
    constexpr Index kChunk = 64;
    double u[kChunk];
    for (Index begin = 0; begin < n; begin += kChunk) {
      const Index size = n - begin < kChunk ? n - begin : kChunk;
      for (Index c = 0; c < gh * gw; ++c) {
        const Stream stream(key, Purpose::mask_cells, static_cast<std::uint32_t>(c));
        loops().uniform(stream.address(), first + static_cast<std::uint64_t>(begin), size, u);
        for (Index j = 0; j < size; ++j) out[(begin + j) * gh * gw + c] = u[j] < p;
      }
    }
  }

 private:
  Index offset(std::uint64_t j, std::uint32_t axis, Index shifts) const noexcept {
    if (shifts == 1) return 0;
    return static_cast<Index>(Stream(key, Purpose::mask_offsets, axis).integer(j, static_cast<std::uint64_t>(shifts)));
  }
  void fill(Index cells_, Index length, Index n, Buffer<Index>& cell, Buffer<double>& t) const {
    cell = Buffer<Index>(n);
    t = Buffer<double>(n);
    for (Index u = 0; u < n; ++u) {
      const Position at = grid_position(u, cells_, length, nearest);
      cell[u] = at.cell;
      t[u] = at.t;
    }
  }
};

// Masks first..first+n into out (n, H, W). O(n H W); gh W floats a thread.
inline void grid_masks(const GridMasks& plan, std::uint64_t first, Index n, float* out, const Parallel& parallel) {
  const Index gh = plan.gh, gw = plan.gw, width = plan.width;
  constexpr Index kMasks = 8;
  for_ranges(n, kMasks, parallel, [&](Index begin, Index end) {
    Buffer<std::uint8_t> cells((end - begin) * gh * gw);
    Buffer<float> wide(gh * width), row(gw + 1), t(width);
    plan.cells(first + static_cast<std::uint64_t>(begin), end - begin, cells.data());
    for (Index j = begin; j < end; ++j) {
      const std::uint64_t number = first + static_cast<std::uint64_t>(j);
      const Index dy = plan.offset_y(number), dx = plan.offset_x(number);
      const Index* cell = plan.column_cell.data() + dx;
      for (Index x = 0; x < width; ++x) t[x] = static_cast<float>(plan.column_t[dx + x]);
      for (Index r = 0; r < gh; ++r) {
        const std::uint8_t* grid = cells.data() + ((j - begin) * gh + r) * gw;
        for (Index s = 0; s < gw; ++s) row[s] = grid[s];
        row[gw] = row[gw - 1];
        float* to = wide.data() + r * width;
        for (Index x = 0; x < width; ++x) {
          const float low = row[cell[x]], high = row[cell[x] + 1];
          to[x] = low + t[x] * (high - low);
        }
      }
      for (Index y = 0; y < plan.height; ++y) {
        const Index r = plan.row_cell[dy + y], next = r + 1 < gh ? r + 1 : r;
        loops().lerp_f32(wide.data() + r * width, wide.data() + next * width, static_cast<float>(plan.row_t[dy + y]),
                         width, out + (j * plan.height + y) * width);
      }
    }
  });
}

PONDERA_NAMESPACE_END
