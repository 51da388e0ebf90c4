// Distances from one query to many points, products of tiles, and the filter over them. The sum over coordinates has
// one arithmetic everywhere (search, tree, counts): coordinate t belongs to lane t % 8, lanes combine as in
// combine_lanes. Products of tiles only select candidates: they may use FMA and their bits are no promise.

enum DistanceForm : int { kSquares = 0, kAbsolutes = 1, kMaximum = 2, kPowers = 3, kProducts = 4 };

#if defined(__AVX512F__)
constexpr Index kVectorBytes = 64, kPanelQueriesAtOnce = 8;
#elif defined(__AVX2__)
constexpr Index kVectorBytes = 32, kPanelQueriesAtOnce = 4;
#else
constexpr Index kVectorBytes = 16, kPanelQueriesAtOnce = 4;
#endif

template <class T>
struct Vector {
  typedef T Type __attribute__((vector_size(kVectorBytes), aligned(sizeof(T)), may_alias));
  static constexpr Index size = kVectorBytes / static_cast<Index>(sizeof(T));
};

template <int Form, class V>
inline void add_term(V& lane, const V& difference) noexcept {
  if constexpr (Form == kSquares) {
    lane += difference * difference;
  } else {
    const V size = difference < 0 ? -difference : difference;
    if constexpr (Form == kAbsolutes)
      lane += size;
    else
      lane = size > lane ? size : lane;
  }
}

// out[j] = sum over t of the terms of q[t] and p[t * stride + j]. D is d where it is known, else 0. `count` is a
// multiple of a vector of 64 bytes.
template <class T, int Form, int D>
inline void direct_loop(const T* q, const T* p, Index stride, Index count, Index d, T* out) noexcept {
  using V = typename Vector<T>::Type;
  const Index dimensions = D ? D : d;
  for (Index j = 0; j < count; j += Vector<T>::size) {
    V lane[kLanes] = {};
    if constexpr (D != 0) {
#pragma GCC unroll 16
      for (int t = 0; t < D; ++t) {
        const V x = *reinterpret_cast<const V*>(p + t * stride + j);
        if constexpr (Form == kProducts)
          lane[t % kLanes] += q[t] * x;
        else
          add_term<Form>(lane[t % kLanes], q[t] - x);
      }
    } else {
      for (Index t = 0; t < dimensions; t += kLanes) {
        if (dimensions - t >= kLanes) {
#pragma GCC unroll 8
          for (Index l = 0; l < kLanes; ++l) {
            const V x = *reinterpret_cast<const V*>(p + (t + l) * stride + j);
            if constexpr (Form == kProducts)
              lane[l] += q[t + l] * x;
            else
              add_term<Form>(lane[l], q[t + l] - x);
          }
        } else {
          for (Index l = 0; l < dimensions - t; ++l) {
            const V x = *reinterpret_cast<const V*>(p + (t + l) * stride + j);
            if constexpr (Form == kProducts)
              lane[l] += q[t + l] * x;
            else
              add_term<Form>(lane[l], q[t + l] - x);
          }
        }
      }
    }
    V sum;
    if constexpr (Form == kMaximum) {
      sum = lane[0];
#pragma GCC unroll 8
      for (Index l = 1; l < kLanes; ++l) sum = lane[l] > sum ? lane[l] : sum;
    } else {
      sum = ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
      if constexpr (Form == kProducts) sum = V{} - sum;
    }
    *reinterpret_cast<V*>(out + j) = sum;
  }
}

// |x|^p for eight numbers: repeated products where p is a small integer, so that integers stay exact.
inline void power_lanes(double* x, double p) noexcept {
  if (p <= 64.0 && p == static_cast<double>(static_cast<int>(p))) {
    double r[kLanes];
    for (Index j = 0; j < kLanes; ++j) r[j] = 1.0;
    for (int e = static_cast<int>(p); e > 0; e >>= 1) {
      if (e & 1)
        for (Index j = 0; j < kLanes; ++j) r[j] *= x[j];
      for (Index j = 0; j < kLanes; ++j) x[j] *= x[j];
    }
    for (Index j = 0; j < kLanes; ++j) x[j] = r[j];
  } else {
    for (Index j = 0; j < kLanes; ++j) x[j] = pondera::PONDERA_ISA::exp(p * pondera::PONDERA_ISA::log(x[j]));
  }
}

inline void direct_powers(const double* q, const double* p, Index stride, Index count, Index d, double power,
                          double* out) noexcept {
  for (Index j = 0; j < count; j += kLanes) {
    double lane[kLanes][kLanes] = {};
    for (Index t = 0; t < d; ++t) {
      double x[kLanes];
      for (Index i = 0; i < kLanes; ++i) {
        const double difference = q[t] - p[t * stride + j + i];
        x[i] = difference < 0 ? -difference : difference;
      }
      power_lanes(x, power);
      for (Index i = 0; i < kLanes; ++i) lane[t % kLanes][i] += x[i];
    }
    for (Index i = 0; i < kLanes; ++i)
      out[j + i] = ((lane[0][i] + lane[1][i]) + (lane[2][i] + lane[3][i])) +
                   ((lane[4][i] + lane[5][i]) + (lane[6][i] + lane[7][i]));
  }
}

template <class T, int Form>
inline void direct_by_dimension(const T* q, const T* p, Index stride, Index count, Index d, T* out) noexcept {
  switch (d) {
    case 1: return direct_loop<T, Form, 1>(q, p, stride, count, d, out);
    case 2: return direct_loop<T, Form, 2>(q, p, stride, count, d, out);
    case 3: return direct_loop<T, Form, 3>(q, p, stride, count, d, out);
    case 4: return direct_loop<T, Form, 4>(q, p, stride, count, d, out);
    case 5: return direct_loop<T, Form, 5>(q, p, stride, count, d, out);
    case 6: return direct_loop<T, Form, 6>(q, p, stride, count, d, out);
    case 7: return direct_loop<T, Form, 7>(q, p, stride, count, d, out);
    case 8: return direct_loop<T, Form, 8>(q, p, stride, count, d, out);
    case 10: return direct_loop<T, Form, 10>(q, p, stride, count, d, out);
    case 12: return direct_loop<T, Form, 12>(q, p, stride, count, d, out);
    case 16: return direct_loop<T, Form, 16>(q, p, stride, count, d, out);
    default: return direct_loop<T, Form, 0>(q, p, stride, count, d, out);
  }
}

template <class T>
inline void direct_distances(int form, double power, const T* q, const T* p, Index stride, Index count, Index d,
                             T* out) noexcept {
  if (form == kSquares) return direct_by_dimension<T, kSquares>(q, p, stride, count, d, out);
  if (form == kAbsolutes) return direct_by_dimension<T, kAbsolutes>(q, p, stride, count, d, out);
  if (form == kMaximum) return direct_by_dimension<T, kMaximum>(q, p, stride, count, d, out);
  if (form == kProducts) return direct_by_dimension<T, kProducts>(q, p, stride, count, d, out);
  if constexpr (sizeof(T) == sizeof(double)) direct_powers(q, p, stride, count, d, power, out);
}

// The same sum for two rows, in float64 whatever their type.
template <class T, int Form>
inline double pair_loop(double power, const T* x, const T* y, Index d) noexcept {
  double lane[kLanes] = {0, 0, 0, 0, 0, 0, 0, 0};
  const auto add = [&](Index t, Index count) {
    double a[kLanes] = {0, 0, 0, 0, 0, 0, 0, 0};
    if constexpr (Form == kProducts) {
      for (Index j = 0; j < count; ++j) a[j] = static_cast<double>(x[t + j]) * static_cast<double>(y[t + j]);
    } else {
      for (Index j = 0; j < count; ++j) a[j] = static_cast<double>(x[t + j]) - static_cast<double>(y[t + j]);
      if constexpr (Form == kSquares)
        for (Index j = 0; j < kLanes; ++j) a[j] *= a[j];
      else
        for (Index j = 0; j < kLanes; ++j) a[j] = a[j] < 0 ? -a[j] : a[j];
      if constexpr (Form == kPowers) power_lanes(a, power);
    }
    for (Index j = 0; j < kLanes; ++j) {
      if constexpr (Form == kMaximum)
        lane[j] = a[j] > lane[j] ? a[j] : lane[j];
      else
        lane[j] += a[j];
    }
  };
  Index t = 0;
  for (; t + kLanes <= d; t += kLanes) add(t, kLanes);
  if (t < d) add(t, d - t);
  if constexpr (Form == kMaximum) {
    double top = lane[0];
    for (Index j = 1; j < kLanes; ++j) top = lane[j] > top ? lane[j] : top;
    return top;
  }
  const double sum = combine_lanes(lane);
  return Form == kProducts ? 0.0 - sum : sum;
}
template <class T>
inline double pair_distance(int form, double power, const T* x, const T* y, Index d) noexcept {
  switch (form) {
    case kSquares: return pair_loop<T, kSquares>(power, x, y, d);
    case kAbsolutes: return pair_loop<T, kAbsolutes>(power, x, y, d);
    case kMaximum: return pair_loop<T, kMaximum>(power, x, y, d);
    case kPowers: return pair_loop<T, kPowers>(power, x, y, d);
    default: return pair_loop<T, kProducts>(power, x, y, d);
  }
}

// Positions of the values <= limit, in order; returns how many. Hits are rare: groups without one are skipped.
template <class T>
inline Index below_loop(const T* s, Index n, T limit, std::int32_t* out) noexcept {
  constexpr Index group = 32;
  Index found = 0;
  Index i = 0;
  for (; i + group <= n; i += group) {
    std::int32_t hits = 0;
    for (Index j = 0; j < group; ++j) hits += s[i + j] <= limit ? 1 : 0;
    if (hits == 0) continue;
    for (Index j = 0; j < group; ++j) {
      out[found] = static_cast<std::int32_t>(i + j);
      found += s[i + j] <= limit ? 1 : 0;
    }
  }
  for (; i < n; ++i) {
    out[found] = static_cast<std::int32_t>(i);
    found += s[i] <= limit ? 1 : 0;
  }
  return found;
}

inline Index count_loop(const double* s, Index n, double limit) noexcept {
  std::int64_t hits = 0;
  for (Index j = 0; j < n; ++j) hits += s[j] <= limit ? 1 : 0;
  return hits;
}

// Contraction is off for all of csrc; here alone it is allowed.
#if defined(__clang__)
#define PONDERA_CONTRACT
#elif defined(__GNUC__)
#define PONDERA_CONTRACT __attribute__((optimize("fp-contract=fast")))
#endif

// out[r * out_stride + j] = bias[j] - sum over t of q[t * kPanelQueries + r] p[j], p in strips of 128 bytes: strip i
// holds d rows of kStrip<T> points. For kPanelQueries queries.
constexpr Index kPanelQueries = 8;
template <class T>
constexpr Index kStrip = 128 / static_cast<Index>(sizeof(T));

template <class T>
PONDERA_CONTRACT inline void panel_loop(const T* q, const T* p, Index strips, Index d, const T* bias, T* out, Index out_stride) noexcept {
  using V = typename Vector<T>::Type;
  constexpr Index rows = kPanelQueriesAtOnce, width = 2 * Vector<T>::size;
  for (Index strip = 0; strip < strips; ++strip) {
    for (Index column = 0; column < kStrip<T>; column += width) {
      const T* points = p + strip * d * kStrip<T> + column;
      const Index at = strip * kStrip<T> + column;
      for (Index r = 0; r < kPanelQueries; r += rows) {
        V sum[rows][2] = {};
        const T* x = q + r;
        const T* y = points;
        for (Index t = 0; t < d; ++t, x += kPanelQueries, y += kStrip<T>) {
          const V a = *reinterpret_cast<const V*>(y);
          const V b = *reinterpret_cast<const V*>(y + Vector<T>::size);
#pragma GCC unroll 8
          for (Index i = 0; i < rows; ++i) {
            sum[i][0] += x[i] * a;
            sum[i][1] += x[i] * b;
          }
        }
        const V u = *reinterpret_cast<const V*>(bias + at);
        const V v = *reinterpret_cast<const V*>(bias + at + Vector<T>::size);
#pragma GCC unroll 8
        for (Index i = 0; i < rows; ++i) {
          T* to = out + (r + i) * out_stride + at;
          *reinterpret_cast<V*>(to) = u - sum[i][0];
          *reinterpret_cast<V*>(to + Vector<T>::size) = v - sum[i][1];
        }
      }
    }
  }
}
