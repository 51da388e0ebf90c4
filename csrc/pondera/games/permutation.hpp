// Permutation sampling of Shapley values: coalitions of random orders, marginal contributions from their values, and
// running moments that do not depend on how the samples came in batches.
#pragma once

#include <algorithm>

#include "pondera/games/coalitions.hpp"

PONDERA_NAMESPACE_BEGIN

// How one sample asks for coalitions.
enum class Walk {
  single = 0,    // prefixes of the order: n - 1 coalitions
  paired = 1,    // and of its reverse, which are their complements: 2 (n - 1)
  balanced = 2,  // all arcs of the order laid in a circle: the prefixes of its n cyclic shifts, n (n - 1); the
                 // reverses of the shifts are arcs too
};

constexpr Index walk_coalitions(Index n, Walk walk) noexcept {
  return walk == Walk::single ? n - 1 : walk == Walk::paired ? 2 * (n - 1) : n * (n - 1);
}

// Order number `sample`: players sorted by their uniform, ties by index. O(n log n); n.
inline void sample_order(Key key, Index sample, Index n, Word* scratch, Index* order) {
  const Stream stream(key, Purpose::game_permutations, static_cast<std::uint32_t>(sample));
  for (Index i = 0; i < n; ++i) scratch[i] = stream.bits(static_cast<std::uint64_t>(i)) >> 12;
  for (Index i = 0; i < n; ++i) order[i] = i;
  std::sort(order, order + n,
            [scratch](Index a, Index b) { return scratch[a] < scratch[b] || (scratch[a] == scratch[b] && a < b); });
}

// Orders of the samples first, first + 1, ... and the coalitions they ask for:
//   single    prefix of length l at l - 1
//   paired    then the suffix of length l at n - 1 + l - 1
//   balanced  the arc of length l that starts at p at p (n - 1) + l - 1
// O(count n^2 / 64), balanced n times that; n words a thread.
inline void walk_orders(Key key, Index first, Index count, Index n, Walk walk, Index* orders, Word* coalitions,
                        const Parallel& parallel) {
  const Index words = word_count(n), each = walk_coalitions(n, walk);
  for_ranges(count, 16, parallel, [&](Index begin, Index end) {
    Buffer<Word> scratch(n > words ? n : words);
    for (Index r = begin; r < end; ++r) {
      Index* order = orders + r * n;
      sample_order(key, first + r, n, scratch.data(), order);
      Word* out = coalitions + r * each * words;
      const auto run = [&](Index start, Index step) {  // growing sets from `start` on
        Word* grown = scratch.data();
        std::fill(grown, grown + words, Word{0});
        for (Index l = 1; l < n; ++l, out += words) {
          add_player(grown, order[(start + step * (l - 1) + n) % n]);
          std::copy(grown, grown + words, out);
        }
      };
      if (walk == Walk::balanced)
        for (Index p = 0; p < n; ++p) run(p, 1);
      else
        run(0, 1);
      if (walk == Walk::paired) run(n - 1, -1);
    }
  });
}

// Each player's mean marginal contribution in each sample, (count, n, k), from the coalitions' values
// (count, coalitions, k) and those of the empty and the full one. O(values); 0.
inline void walk_marginals(const Index* orders, const double* values, Index count, Index n, Index k, Walk walk,
                           const double* empty, const double* full, double* out, const Parallel& parallel) {
  const Index each = walk_coalitions(n, walk);
  for_ranges(count, 16, parallel, [&](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) {
      const Index* order = orders + r * n;
      const double* v = values + r * each * k;
      double* to = out + r * n * k;
      // Value of the run that begins at coalition number `run` of the sample, after l players.
      const auto at = [&](Index run, Index l, Index j) {
        return l == 0 ? empty[j] : l == n ? full[j] : v[(run + l - 1) * k + j];
      };
      for (Index t = 0; t < n; ++t)
        for (Index j = 0; j < k; ++j) {
          double m;
          if (walk == Walk::single) {
            m = at(0, t + 1, j) - at(0, t, j);
          } else if (walk == Walk::paired) {
            const Index l = n - 1 - t;  // players after t, before whom the reverse walk has gone
            m = 0.5 * ((at(0, t + 1, j) - at(0, t, j)) + (at(n - 1, l + 1, j) - at(n - 1, l, j)));
          } else {
            m = 0.0;
            for (Index l = 0; l < n; ++l) {
              const Index before = ((t - l + n) % n) * (n - 1), own = t * (n - 1), after = ((t + 1) % n) * (n - 1);
              m += (at(before, l + 1, j) - at(before, l, j)) + (at(own, l + 1, j) - at(after, l, j));
            }
            m /= 2.0 * static_cast<double>(n);
          }
          to[order[t] * k + j] = m;
        }
    }
  });
}

// Mean and variance of vectors that arrive one after the other, from their differences to the first one (which keeps
// the digits when all are large and alike). Sums over blocks of 256 samples, blocks in order. 5 p doubles.
class Moments {
 public:
  explicit Moments(Index p) : p_(p), first_(p, 0.0), block_(2 * p, 0.0), total_(2 * p, 0.0) {}

  Index count() const noexcept { return count_; }
  Index width() const noexcept { return p_; }
  void add(const double* x, Index samples, const Parallel& parallel) {
    if (count_ == 0 && samples > 0) std::copy(x, x + p_, first_.data());
    for_ranges(p_, 1024, parallel, [&](Index begin, Index end) {
      for (Index r = 0; r < samples; ++r) {
        for (Index i = begin; i < end; ++i) {
          const double d = x[r * p_ + i] - first_[i];
          block_[i] += d;
          block_[p_ + i] += d * d;
        }
        if ((count_ + r + 1) % kGameBlock == 0)
          for (const Index part : {Index{0}, p_})
            for (Index i = begin; i < end; ++i) total_[part + i] += block_[part + i], block_[part + i] = 0.0;
      }
    });
    count_ += samples;
  }
  // Mean and its standard error (NaN below two samples).
  void summary(double* mean, double* stderr_of_mean) const {
    const double n = static_cast<double>(count_);
    for (Index i = 0; i < p_; ++i) {
      const double sum = total_[i] + block_[i], squares = total_[p_ + i] + block_[p_ + i];
      const double spread = squares - sum * (sum / n);
      mean[i] = first_[i] + sum / n;
      stderr_of_mean[i] =
          count_ < 2 ? __builtin_nan("") : __builtin_sqrt((spread > 0.0 ? spread : 0.0) / (n - 1.0) / n);
    }
  }

 private:
  Index p_, count_ = 0;
  Buffer<double> first_, block_, total_;
};

PONDERA_NAMESPACE_END
