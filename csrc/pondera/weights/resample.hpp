// Resampling: indices of n offspring whose expected counts are n W_i. One row; rows are independent.
// Counter use: element = draw number (multinomial, stratified, residual), 0 (systematic), item (killing test; SSP: the
// item that enters), items + item (killing replacement). Nothing depends on how many draws came before.
#pragma once

#include <algorithm>

#include "pondera/weights/prefix_sum.hpp"

PONDERA_NAMESPACE_BEGIN

enum class Scheme : int { multinomial = 1, stratified = 2, systematic = 3, residual = 4, ssp = 5, killing = 6 };

// Independent draws by the guide table. O(N + n); 1.5 N (a guide of 32 bits where it can).
template <class Integer>
void guided_draws(const Cumulative& sum, Index n, const Stream& stream, Index* out, const Parallel& parallel) {
  const GuideTable<Integer> guide(sum, parallel);
  constexpr Index kBatch = 256;  // reads that the cache is asked for ahead
  for_ranges(n, kBlock, parallel, [&](Index begin, Index end) {
    double u[kBatch];
    for (Index first = begin; first < end; first += kBatch) {
      const Index size = end - first < kBatch ? end - first : kBatch;
      loops().uniform(stream.address(), static_cast<std::uint64_t>(first), size, u);
      for (Index k = 0; k < size; ++k) out[first + k] = guide.start(u[k]);
      for (Index k = 0; k < size; ++k) out[first + k] = guide.find(u[k], out[first + k]);
    }
  });
}

inline void multinomial_draws(const Cumulative& sum, Index n, const Stream& stream, Index* out,
                              const Parallel& parallel) {
  if (sum.size() < INT32_MAX)
    guided_draws<std::int32_t>(sum, n, stream, out, parallel);
  else
    guided_draws<Index>(sum, n, stream, out, parallel);
}

inline void systematic_draws(const Cumulative& sum, Index n, double u, Index* out, const Parallel& parallel) {
  invert_positions(sum, n, SystematicRank(sum.total(), n, u), out, parallel);
}

inline void stratified_draws(const Cumulative& sum, Index n, const Stream& stream, Index* out,
                             const Parallel& parallel) {
  invert_positions(sum, n, StratifiedRank(sum.total(), n, stream), out, parallel);
}

// x_i = n v_i / S split into whole copies and a fraction in [0, 1); rounding never makes more than n copies.
struct Copies {
  Buffer<Index> whole;
  Buffer<double> fraction;
  Index missing = 0;  // n minus the whole copies
};

inline Copies split_copies(const double* v, Index items, Index n, double total, const Parallel& parallel) {
  Copies copies;
  copies.whole = Buffer<Index>(items);
  copies.fraction = Buffer<double>(items);
  Buffer<Index> sums(block_count(items));
  const double count = static_cast<double>(n);
  for_blocks(block_count(items), parallel, [&](Index b) {
    Index made = 0;
    for (Index i = b * kBlock, end = i + block_size(items, b); i < end; ++i) {
      const double x = count * v[i] / total;
      const double whole = __builtin_floor(x + 8 * 0x1p-52 * (x > 1.0 ? x : 1.0));
      const double rest = x - whole;
      copies.whole[i] = v[i] > 0.0 ? static_cast<Index>(whole) : 0;
      copies.fraction[i] = v[i] > 0.0 && rest > 0.0 ? rest : 0.0;
      made += copies.whole[i];
    }
    sums[b] = made;
  });
  Index made = 0;
  for (const Index s : sums) made += s;
  // Rounding only: take from the item that was rounded up most.
  for (; made > n; --made) {
    Index worst = -1;
    double least = 0;
    for (Index i = 0; i < items; ++i) {
      if (copies.whole[i] == 0) continue;
      const double excess = count * v[i] / total - static_cast<double>(copies.whole[i]);
      if (worst < 0 || excess < least) worst = i, least = excess;
    }
    --copies.whole[worst];
  }
  copies.missing = n - made;
  return copies;
}

// Srinivasan sampling of one pair of open items: one of the fractions reaches 0 or 1.
// u < P(raise i) raises i. Returns the item that stays open, or -1 if both closed.
inline Index ssp_pair(Index i, Index j, double u, Index* whole, double* fraction) {
  const double fi = fraction[i], fj = fraction[j];
  const double di = fj < 1.0 - fi ? fj : 1.0 - fi;  // raise i, lower j
  const double dj = fi < 1.0 - fj ? fi : 1.0 - fj;  // raise j, lower i
  if (!(di + dj > 0.0)) return fi > 0.0 ? i : j;
  const bool raise_i = u < dj / (di + dj);
  const Index up = raise_i ? i : j, down = raise_i ? j : i;
  const double fu = raise_i ? fi : fj, fd = raise_i ? fj : fi;
  if (fd < 1.0 - fu) {  // down reaches 0
    fraction[up] = fu + fd;
    fraction[down] = 0.0;
    return up;
  }
  ++whole[up];  // up reaches 1
  fraction[down] = fd - (1.0 - fu);
  fraction[up] = 0.0;
  return down;
}

// Rounds the fractions to copies: inside blocks of 4096 items, then over the blocks' leftovers. The result depends on N
// alone, not on threads. Uniform of item j when j enters; of a block's first item when its leftover enters.
inline Index ssp_round(Copies& copies, Index n, const Stream& stream, const Parallel& parallel) {
  const Index items = copies.whole.size(), blocks = block_count(items);
  Buffer<Index> leftovers(blocks);
  Index* whole = copies.whole.data();
  double* fraction = copies.fraction.data();
  for_blocks(blocks, parallel, [&](Index b) {
    Index open = -1;
    for (Index i = b * kBlock, end = i + block_size(items, b); i < end; ++i) {
      if (fraction[i] <= 0.0) continue;
      open = open < 0 ? i : ssp_pair(open, i, stream.uniform(static_cast<std::uint64_t>(i)), whole, fraction);
      if (open >= 0 && fraction[open] <= 0.0) open = -1;
    }
    leftovers[b] = open;
  });
  Index open = -1;
  for (Index b = 0; b < blocks; ++b) {
    const Index i = leftovers[b];
    if (i < 0) continue;
    open = open < 0 ? i : ssp_pair(open, i, stream.uniform(static_cast<std::uint64_t>(b * kBlock)), whole, fraction);
    if (open >= 0 && fraction[open] <= 0.0) open = -1;
  }
  Buffer<Index> sums(blocks);
  for_blocks(blocks, parallel, [&](Index b) {
    Index s = 0;
    for (Index i = b * kBlock, end = i + block_size(items, b); i < end; ++i) s += whole[i];
    sums[b] = s;
  });
  Index made = 0;
  for (const Index s : sums) made += s;
  // At most one item is still open, and its fraction is 0 or 1 up to rounding: it closes to make n copies.
  if (open >= 0 && made < n) {
    ++whole[open];
    ++made;
  }
  return n - made;  // other than 0 only by rounding
}

inline void expand_copies(const Index* counts, Index items, Index* out) {
  for (Index i = 0; i < items; ++i)
    for (Index c = counts[i]; c > 0; --c) *out++ = i;
}

// How the residual scheme draws what the whole copies leave.
inline void draw_rest(const Cumulative& sum, Index n, Scheme scheme, const Stream& stream, Index* out,
                      const Parallel& parallel) {
  if (scheme == Scheme::stratified)
    stratified_draws(sum, n, stream, out, parallel);
  else if (scheme == Scheme::systematic)
    systematic_draws(sum, n, stream.uniform(0), out, parallel);
  else
    multinomial_draws(sum, n, stream, out, parallel);
}

// Draws n indices of one row with validated weights (at least one positive). v holds exp(lw - max) or weights.
inline void resample_row(const double* values, Index items, bool logs, Index n, Scheme scheme, Scheme remainder,
                         Key key, std::uint32_t row, double forced, Index* out, const Parallel& parallel) {
  const Stream stream(key, static_cast<Purpose>(scheme), row);
  if (n == 0) return;
  if (scheme == Scheme::systematic || scheme == Scheme::stratified || scheme == Scheme::multinomial) {
    const Cumulative sum(values, items, logs, parallel);
    if (scheme == Scheme::systematic)
      systematic_draws(sum, n, forced >= 0.0 ? forced : stream.uniform(0), out, parallel);
    else if (scheme == Scheme::stratified)
      stratified_draws(sum, n, stream, out, parallel);
    else
      multinomial_draws(sum, n, stream, out, parallel);
    return;
  }
  // The other schemes need the weights themselves beside their sum.
  Buffer<double> v(items);
  Index nan_at;
  const double m = block_max(values, items, &nan_at, parallel);
  if (logs)
    block_exp(values, items, m, v.data(), parallel);
  else
    for (Index i = 0; i < items; ++i) v[i] = values[i];
  if (scheme == Scheme::killing) {
    const GuideTable<Index> guide(Cumulative(v.data(), items, false, parallel), parallel);
    const double top = logs ? 1.0 : m;
    for_ranges(items, kBlock, parallel, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const bool keep = stream.uniform(static_cast<std::uint64_t>(i)) < v[i] / top;
        out[i] = keep ? i : guide.find(stream.uniform(static_cast<std::uint64_t>(items + i)));
      }
    });
    return;
  }
  const double total = block_sum(v.data(), items, parallel);
  Copies copies = split_copies(v.data(), items, n, total, parallel);
  if (scheme == Scheme::ssp || remainder == Scheme::ssp) {
    Index short_by = ssp_round(copies, n, stream, parallel);
    for (; short_by != 0; short_by += short_by > 0 ? -1 : 1) {  // to or from the item that is furthest off
      Index best = -1;
      double furthest = 0;
      for (Index i = 0; i < items; ++i) {
        const double gap = static_cast<double>(n) * v[i] / total - static_cast<double>(copies.whole[i]);
        const double distance = short_by > 0 ? gap : -gap;
        const bool allowed = short_by > 0 ? v[i] > 0.0 : copies.whole[i] > 0;
        if (allowed && (best < 0 || distance > furthest)) best = i, furthest = distance;
      }
      copies.whole[best] += short_by > 0 ? 1 : -1;
    }
    expand_copies(copies.whole.data(), items, out);
    return;
  }
  expand_copies(copies.whole.data(), items, out);
  if (copies.missing > 0) {
    const Cumulative rest(copies.fraction.data(), items, false, parallel);
    Index* tail = out + (n - copies.missing);
    if (rest.last_positive() >= 0) {
      draw_rest(rest, copies.missing, remainder, stream, tail, parallel);
    } else {  // every fraction vanished by rounding: the heaviest item
      Index heaviest = 0;
      for (Index i = 1; i < items; ++i) heaviest = v[i] > v[heaviest] ? i : heaviest;
      for (Index k = 0; k < copies.missing; ++k) tail[k] = heaviest;
    }
  }
}

// Rows in parallel, or one row's blocks in parallel; the bits are the same either way.
inline void resample(const double* values, Index rows, Index items, bool logs, Index n, Scheme scheme, Scheme remainder,
                     Key key, std::uint32_t first_row, double forced, bool sort, Index* out, const Parallel& parallel) {
  const auto one = [&](Index r) {
    resample_row(values + r * items, items, logs, n, scheme, remainder, key, first_row + static_cast<std::uint32_t>(r),
                 forced, out + r * n, parallel);
    if (sort) std::sort(out + r * n, out + (r + 1) * n);
  };
  if (rows == 1)
    one(0);
  else
    for_blocks(rows, parallel, one);
}

PONDERA_NAMESPACE_END
