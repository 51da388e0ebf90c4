// Scratch memory of the kernels: aligned, counted, and able to fail on demand in tests. All csrc memory comes from
// here.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <type_traits>

#include "pondera/config.hpp"
#ifdef __linux__
#include <sys/mman.h>
#endif

PONDERA_NAMESPACE_BEGIN

struct MemoryMeter {
  std::atomic<Index> live{0};                // bytes now
  std::atomic<Index> peak{0};                // most bytes at once since the last reset
  std::atomic<Index> fail_after{INT64_MAX};  // tests: the allocation that would pass this many bytes throws
};

inline MemoryMeter& memory_meter() noexcept {
  static MemoryMeter meter;
  return meter;
}

// A fixed-size array of trivial values; contents start undefined. Throws std::bad_alloc.
template <class T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>, "raw memory only");

 public:
  Buffer() noexcept = default;
  explicit Buffer(Index n) { allocate(n); }
  Buffer(Index n, T value) {
    allocate(n);
    for (Index i = 0; i < n; ++i) data_[i] = value;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  Buffer(Buffer&& other) noexcept : data_(other.data_), size_(other.size_) { other.data_ = nullptr, other.size_ = 0; }
  Buffer& operator=(Buffer&& other) noexcept {
    if (this != &other) {
      release();
      data_ = other.data_, size_ = other.size_;
      other.data_ = nullptr, other.size_ = 0;
    }
    return *this;
  }
  ~Buffer() { release(); }

  T* data() noexcept { return data_; }
  const T* data() const noexcept { return data_; }
  Index size() const noexcept { return size_; }
  T& operator[](Index i) noexcept { return data_[i]; }
  const T& operator[](Index i) const noexcept { return data_[i]; }
  T* begin() noexcept { return data_; }
  T* end() noexcept { return data_ + size_; }
  const T* begin() const noexcept { return data_; }
  const T* end() const noexcept { return data_ + size_; }

 private:
  static constexpr std::size_t kAlign = 64;
  static constexpr std::size_t kHugePage = std::size_t{1} << 21;
  static constexpr Index kHuge = Index{1} << 22;  // large buffers ask for huge pages

  void allocate(Index n) {
    if (n < 0 || n > INT64_MAX / static_cast<Index>(sizeof(T)) - 64) throw std::bad_alloc();
    if (n == 0) return;
    const Index bytes = n * static_cast<Index>(sizeof(T));
    MemoryMeter& meter = memory_meter();
    const Index live = meter.live.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    const std::size_t align = bytes >= kHuge ? kHugePage : kAlign;
    const std::size_t rounded = (static_cast<std::size_t>(bytes) + align - 1) / align * align;
    void* memory =
        live > meter.fail_after.load(std::memory_order_relaxed) ? nullptr : std::aligned_alloc(align, rounded);
    if (!memory) {
      meter.live.fetch_sub(bytes, std::memory_order_relaxed);
      throw std::bad_alloc();
    }
#ifdef __linux__
    // First touch of small pages costs more than most kernels do per byte: 80 MB take 16 ms by 4 KiB, 2 ms by 2 MiB.
    if (align == kHugePage) madvise(memory, rounded, MADV_HUGEPAGE);
#endif
    Index peak = meter.peak.load(std::memory_order_relaxed);
    while (live > peak && !meter.peak.compare_exchange_weak(peak, live, std::memory_order_relaxed)) {
    }
    data_ = static_cast<T*>(memory);
    size_ = n;
  }
  void release() noexcept {
    if (!data_) return;
    memory_meter().live.fetch_sub(size_ * static_cast<Index>(sizeof(T)), std::memory_order_relaxed);
    std::free(data_);
    data_ = nullptr, size_ = 0;
  }

  T* data_ = nullptr;
  Index size_ = 0;
};

PONDERA_NAMESPACE_END
