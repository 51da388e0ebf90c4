// Coalitions as bit sets: player i is bit i % 64 of word i / 64, unused bits are zero. Packing, the table that numbers
// distinct coalitions, the model rows of a coalition, and the means over the background.
#pragma once

#include <cstring>

#include "pondera/reduce.hpp"

PONDERA_NAMESPACE_BEGIN

using Word = std::uint64_t;

// Accumulation over samples runs in blocks of this many, whatever the number of threads or the batches.
constexpr Index kGameBlock = 256;

constexpr Index word_count(Index players) noexcept { return (players + 63) / 64; }
inline bool has_player(const Word* s, Index i) noexcept { return (s[i / 64] >> (i % 64)) & 1u; }
inline void add_player(Word* s, Index i) noexcept { s[i / 64] |= Word{1} << (i % 64); }
inline Index coalition_size(const Word* s, Index words) noexcept {
  Index size = 0;
  for (Index w = 0; w < words; ++w) size += __builtin_popcountll(s[w]);
  return size;
}
// All players of word w.
inline Word full_word(Index players, Index w) noexcept {
  const Index left = players - 64 * w;
  return left >= 64 ? ~Word{0} : left > 0 ? (Word{1} << left) - 1 : Word{0};
}
inline void complement(const Word* s, Index players, Word* out) noexcept {
  for (Index w = 0; w < word_count(players); ++w) out[w] = ~s[w] & full_word(players, w);
}

// Rows of booleans to bit sets and back. O(m n).
inline void pack_coalitions(const bool* in, Index m, Index n, Word* out, const Parallel& parallel) {
  const Index words = word_count(n);
  for_ranges(m, kBlock, parallel, [&](Index begin, Index end) {
    for (Index r = begin; r < end; ++r)
      for (Index w = 0; w < words; ++w) {
        const Index left = n - 64 * w < 64 ? n - 64 * w : 64;
        const bool* from = in + r * n + 64 * w;
        Word word = 0;
        for (Index i = 0; i < left; ++i) word |= static_cast<Word>(from[i]) << i;
        out[r * words + w] = word;
      }
  });
}
inline void unpack_coalitions(const Word* in, Index m, Index n, bool* out, const Parallel& parallel) {
  const Index words = word_count(n);
  for_ranges(m, kBlock, parallel, [&](Index begin, Index end) {
    for (Index r = begin; r < end; ++r)
      for (Index i = 0; i < n; ++i) out[r * n + i] = has_player(in + r * words, i);
  });
}

// Numbers distinct coalitions 0, 1, 2, ... in the order in which they are first seen. Open addressing, half full at
// most; O(words) a look-up; 16 to 32 bytes and the words of each coalition.
class CoalitionTable {
 public:
  explicit CoalitionTable(Index words) : words_(words) { clear(); }

  Index size() const noexcept { return size_; }
  void clear() {
    size_ = 0;
    slots_ = Buffer<Index>(128, -1);
    keys_ = Buffer<Word>(64 * words_);
  }
  // ids[r] = number of coalition r. Rows whose number is new are listed in `fresh`; returns how many.
  Index number(const Word* coalitions, Index m, Index* ids, Index* fresh) {
    Index found = 0;
    for (Index r = 0; r < m; ++r) {
      if (2 * (size_ + 1) > slots_.size()) grow();
      const Word* s = coalitions + r * words_;
      const Index slot = find(s);
      if (slots_[slot] < 0) {
        std::memcpy(keys_.data() + size_ * words_, s, static_cast<std::size_t>(words_) * sizeof(Word));
        slots_[slot] = size_++;
        fresh[found++] = r;
      }
      ids[r] = slots_[slot];
    }
    return found;
  }

 private:
  Index find(const Word* s) const noexcept {
    Word h = 0x9E3779B97F4A7C15ull;
    for (Index w = 0; w < words_; ++w) {  // splitmix64's finaliser: only speed depends on it
      h ^= s[w];
      h = (h ^ (h >> 30)) * 0xBF58476D1CE4E5B9ull;
      h = (h ^ (h >> 27)) * 0x94D049BB133111EBull;
      h ^= h >> 31;
    }
    const Index mask = slots_.size() - 1;
    Index slot = static_cast<Index>(h) & mask;
    while (slots_[slot] >= 0 &&
           std::memcmp(keys_.data() + slots_[slot] * words_, s, static_cast<std::size_t>(words_) * sizeof(Word)) != 0)
      slot = (slot + 1) & mask;
    return slot;
  }
  void grow() {
    Buffer<Word> keys(2 * keys_.size());
    std::memcpy(keys.data(), keys_.data(), static_cast<std::size_t>(size_ * words_) * sizeof(Word));
    slots_ = Buffer<Index>(2 * slots_.size(), -1);
    keys_ = std::move(keys);
    for (Index i = 0; i < size_; ++i) slots_[find(keys_.data() + i * words_)] = i;
  }

  Index words_;
  Index size_ = 0;
  Buffer<Index> slots_;
  Buffer<Word> keys_;
};

inline void blend_rows(const std::uint64_t* x, const std::uint64_t* keep, const std::uint64_t* own, Index B, Index d,
                       std::uint64_t* out) noexcept {
  loops().blend_rows_64(x, keep, own, B, d, out);
}
inline void blend_rows(const std::uint32_t* x, const std::uint32_t* keep, const std::uint32_t* own, Index B, Index d,
                       std::uint32_t* out) noexcept {
  loops().blend_rows_32(x, keep, own, B, d, out);
}

// Model rows, coalition-major: row (c, b) holds x where the column's player is in coalition c, else background row b.
// T is an unsigned integer of the values' size: bits are copied. Memory-bound: O(m B d), d words a thread.
template <class T>
void fill_rows(const T* x, const T* background, Index B, Index d, const Index* player, const Word* coalitions, Index m,
               Index words, T* out, const Parallel& parallel) {
  const Index step = 1 + 16 * kBlock / (B * d + 1);  // coalitions a block, some 20 us of work
  for_ranges(m, step, parallel, [&](Index begin, Index end) {
    Buffer<T> shown(d), keep(d);
    for (Index c = begin; c < end; ++c) {
      for (Index j = 0; j < d; ++j) {
        const bool in = has_player(coalitions + c * words, player[j]);
        keep[j] = in ? T{0} : static_cast<T>(~T{0});
        shown[j] = in ? x[j] : T{0};
      }
      blend_rows(background, keep.data(), shown.data(), B, d, out + c * B * d);
    }
  });
}

// out[c, k] = sum over b of weights[b] y[c, b, k]; null weights: the plain mean. A block's sum in eight lanes over b,
// blocks of 4096 by the tree: the same bits for any batch of predictions. O(m B k).
inline void background_means(const double* y, Index m, Index B, Index k, const double* weights, double* out,
                             const Parallel& parallel) {
  const Index blocks = block_count(B);
  const Index step = 1 + kBlock / (B * k + 1);
  for_ranges(m, step, parallel, [&](Index begin, Index end) {
    Buffer<double> sums(blocks), terms(kBlock);
    for (Index c = begin; c < end; ++c)
      for (Index j = 0; j < k; ++j) {
        for (Index block = 0; block < blocks; ++block) {
          const Index first = block * kBlock, size = block_size(B, block);
          const double* from = y + (c * B + first) * k + j;
          for (Index b = 0; b < size; ++b) terms[b] = weights ? from[b * k] * weights[first + b] : from[b * k];
          sums[block] = lane_sum(terms.data(), size);
        }
        const double total = tree_sum(sums.data(), blocks);
        out[c * k + j] = weights ? total : total / static_cast<double>(B);
      }
  });
}

PONDERA_NAMESPACE_END
