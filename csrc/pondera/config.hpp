// What every header needs: the versioned namespace, the index type, and a refusal of flags that break promises.
#pragma once

#include <cstdint>

#ifdef __FAST_MATH__
#error "pondera promises the same bits everywhere and tests for NaN: it cannot be built with -ffast-math"
#endif

#define PONDERA_VERSION_NAMESPACE v0_1
#define PONDERA_NAMESPACE_BEGIN \
  namespace pondera {           \
  inline namespace PONDERA_VERSION_NAMESPACE {
#define PONDERA_NAMESPACE_END \
  }                           \
  }

PONDERA_NAMESPACE_BEGIN
using Index = std::int64_t;

// Sums run over blocks of this many elements, whatever the number of threads.
constexpr Index kBlock = 4096;
// Element i of a block belongs to lane i % kLanes; lanes combine in one fixed order.
constexpr Index kLanes = 8;
PONDERA_NAMESPACE_END
