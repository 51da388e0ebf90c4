// Elementary functions with the same bits on every machine: no libm, no FMA, no table, no branch that stops the
// vectoriser. Included once for each instruction set, inside pondera::PONDERA_ISA; hence no include guard.
//
//   exp    Cody-Waite reduction by ln 2 in two parts, Taylor polynomial of degree 13 on |r| <= ln2/2; < 0.9 ulp
//   log    atanh series in s = f/(2+f) on m in [sqrt(1/2), sqrt 2], correction terms kept apart; < 0.9 ulp
//   log1p  the same with the rounding error of 1+x carried along
//   expm1  the same polynomial without its constant, recombined so that no digits cancel
//
// Errors in ulp were measured against 50 digits; tests/test_math.py measures them again.

inline double from_bits(std::uint64_t bits) noexcept {
  double x;
  __builtin_memcpy(&x, &bits, sizeof x);
  return x;
}
inline std::uint64_t to_bits(double x) noexcept {
  std::uint64_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return bits;
}

constexpr double kLn2Hi = 0x1.62e42fee00000p-1;   // 33 bits: k * kLn2Hi is exact for |k| < 2^20
constexpr double kLn2Lo = 0x1.a39ef35793c76p-33;  // ln 2 - kLn2Hi
constexpr double kInvLn2 = 0x1.71547652b82fep+0;
constexpr double kRound = 0x1.8p52;  // adding and subtracting rounds to the nearest integer
constexpr double kInf = __builtin_inf();

// exp(r) - 1 - r for |r| <= ln2/2, by the Taylor series to degree 13 (next term: 4e-18 relative to r^2/2).
inline double exp_tail(double r) noexcept {
  double p = 1.0 / 6227020800.0;
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  const double half_square = 0.5 * (r * r);  // kept apart: its rounding is what counts in expm1
  return half_square + (half_square * r) * (p + p);
}

// 2^k for integer-valued k in [-1022, 1023].
inline double pow2i(double k) noexcept {
  return from_bits((to_bits(k + (kRound + 1023.0))) << 52);
}

inline double exp(double x) noexcept {
  // Clamping keeps the arithmetic finite; NaN passes through both comparisons.
  double c = x > 710.0 ? 710.0 : x;
  c = c < -746.0 ? -746.0 : c;
  const double k = (c * kInvLn2 + kRound) - kRound;
  const double hi = c - k * kLn2Hi;
  const double lo = k * kLn2Lo;
  const double r = hi - lo;
  const double e = (hi - r) - lo;  // what r lost
  const double y = 1.0 + (r + (exp_tail(r) + (e + e * r)));
  // Two factors, so that results down to the subnormals round once.
  const double k1 = ((k * 0.5 + kRound) - kRound);
  double out = (y * pow2i(k1)) * pow2i(k - k1);
  out = x > 709.782712893384 ? kInf : out;
  return x < -745.1332191019412 ? 0.0 : out;
}

inline double expm1(double x) noexcept {
  double c = x > 710.0 ? 710.0 : x;
  c = c < -60.0 ? -60.0 : c;
  const double k = (c * kInvLn2 + kRound) - kRound;
  const double hi = c - k * kLn2Hi;
  const double lo = k * kLn2Lo;
  const double r = hi - lo;
  const double e = (hi - r) - lo;
  const double q = exp_tail(r) + (e + e * r);  // exp(r) - 1 = r + q
  // 2^k (1 + r + q) - 1 = (2^k - 1) + 2^k r + 2^k q, largest first with the error of each sum carried.
  const double k1 = ((k * 0.5 + kRound) - kRound);
  const double s1 = pow2i(k1), s2 = pow2i(k - k1);
  const double scale = s1 * s2;  // infinite for k = 1024 only; then the last form below is taken
  const double t = scale - 1.0;
  const double t_err = (scale - t) - 1.0;  // what rounding took from 2^k - 1 for k > 52
  const double a = (r * s1) * s2, b = (q * s1) * s2;
  const bool big = t * t > a * a;
  const double larger = big ? t : a, smaller = big ? a : t;
  const double sum = larger + smaller;
  const double err = smaller - (sum - larger);
  double out = sum + ((err + t_err) + b);
  out = (k > 60.0) ? ((1.0 + (r + q)) * s1) * s2 : out;
  out = (k == 0.0) ? r + q : out;
  const double ax = x < 0 ? -x : x;
  out = ax < 0x1p-54 ? x : out;
  out = x > 709.782712893384 ? kInf : out;
  return x < -60.0 ? -1.0 : out;
}

// log(2^k (1 + f)) with |f| small and `c` a correction to 1 + f, relative to it.
inline double log_core(double f, double k, double c) noexcept {
  const double s = f / (2.0 + f);
  const double z = s * s;
  double p = 2.0 / 23.0;
  p = p * z + 2.0 / 21.0;
  p = p * z + 2.0 / 19.0;
  p = p * z + 2.0 / 17.0;
  p = p * z + 2.0 / 15.0;
  p = p * z + 2.0 / 13.0;
  p = p * z + 2.0 / 11.0;
  p = p * z + 2.0 / 9.0;
  p = p * z + 2.0 / 7.0;
  p = p * z + 2.0 / 5.0;
  p = p * z + 2.0 / 3.0;
  const double half_square = 0.5 * f * f;
  return k * kLn2Hi - ((half_square - (s * (half_square + z * p) + (k * kLn2Lo + c))) - f);
}

inline double log(double x) noexcept {
  const bool subnormal = x < 0x1p-1022;
  const double scaled = subnormal ? x * 0x1p54 : x;
  const std::uint64_t bits = to_bits(scaled);
  // Add so that the exponent rolls over at sqrt(1/2).
  const std::uint64_t shifted = bits + (0x3ff0000000000000ull - 0x3fe6a09e667f3bcdull);
  // Small non-negative integers become doubles by their bits: int64 to double has no SSE2 or AVX2 instruction.
  double k = from_bits((shifted >> 52) | 0x4330000000000000ull) - (0x1p52 + 1023.0);
  k = subnormal ? k - 54.0 : k;
  const double m = from_bits((shifted & 0x000fffffffffffffull) + 0x3fe6a09e667f3bcdull);
  double out = log_core(m - 1.0, k, 0.0);
  out = x == kInf ? kInf : out;
  out = x == 0.0 ? -kInf : out;
  return (x < 0.0 || x != x) ? __builtin_nan("") : out;
}

inline double log1p(double x) noexcept {
  const double u = 1.0 + x;
  const double safe = (u > 0.0 && u < kInf) ? u : 1.0;
  const std::uint64_t shifted = to_bits(safe) + (0x3ff0000000000000ull - 0x3fe6a09e667f3bcdull);
  double k = from_bits((shifted >> 52) | 0x4330000000000000ull) - (0x1p52 + 1023.0);
  double f = from_bits((shifted & 0x000fffffffffffffull) + 0x3fe6a09e667f3bcdull) - 1.0;
  // What 1 + x rounded away, relative to u.
  const double big = u - x, small = x - (u - 1.0);
  double c = (x > 1.0 ? 1.0 - big : small) / safe;
  const bool direct = k == 0.0;  // then x itself is the exact f
  f = direct ? x : f;
  c = direct ? 0.0 : c;
  double out = log_core(f, k, c);
  const double ax = x < 0 ? -x : x;
  out = ax < 0x1p-54 ? x : out;
  out = u == kInf ? kInf : out;
  out = x == -1.0 ? -kInf : out;
  return (x < -1.0 || x != x) ? __builtin_nan("") : out;
}

// Normal quantile of u in (0, 1): Wichura (1988), algorithm AS 241, PPND16; relative error about 1e-16.
inline double normal_quantile(double u) noexcept {
  const double q = u - 0.5;
  const double aq = q < 0 ? -q : q;
  if (aq <= 0.425) {
    const double r = 0.180625 - q * q;
    const double num = (((((((2.5090809287301226727e+3 * r + 3.3430575583588128105e+4) * r + 6.7265770927008700853e+4) * r +
                            4.5921953931549871457e+4) * r + 1.3731693765509461125e+4) * r + 1.9715909503065514427e+3) * r +
                         1.3314166789178437745e+2) * r + 3.3871328727963666080e+0);
    const double den = (((((((5.2264952788528545610e+3 * r + 2.8729085735721942674e+4) * r + 3.9307895800092710610e+4) * r +
                            2.1213794301586595867e+4) * r + 5.3941960214247511077e+3) * r + 6.8718700749205790830e+2) * r +
                         4.2313330701600911252e+1) * r + 1.0);
    return q * num / den;
  }
  const double tail = q < 0 ? u : 1.0 - u;
  double r = __builtin_sqrt(-log(tail));
  double value;
  if (r <= 5.0) {
    r -= 1.6;
    const double num = (((((((7.74545014278341407640e-4 * r + 2.27238449892691845833e-2) * r + 2.41780725177450611770e-1) * r +
                            1.27045825245236838258e+0) * r + 3.64784832476320460504e+0) * r + 5.76949722146069140550e+0) * r +
                         4.63033784615654529590e+0) * r + 1.42343711074968357734e+0);
    const double den = (((((((1.05075007164441684324e-9 * r + 5.47593808499534494600e-4) * r + 1.51986665636164571966e-2) * r +
                            1.48103976427480074590e-1) * r + 6.89767334985100004550e-1) * r + 1.67638483018380384940e+0) * r +
                         2.05319162663775882187e+0) * r + 1.0);
    value = num / den;
  } else {
    r -= 5.0;
    const double num = (((((((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r + 1.24266094738807843860e-3) * r +
                            2.65321895265761230930e-2) * r + 2.96560571828504891230e-1) * r + 1.78482653991729133580e+0) * r +
                         5.46378491116411436990e+0) * r + 6.65790464350110377720e+0);
    const double den = (((((((2.04426310338993978564e-15 * r + 1.42151175831644588870e-7) * r + 1.84631831751005468180e-5) * r +
                            7.86869131145613259100e-4) * r + 1.48753612908506148525e-2) * r + 1.36929880922735805310e-1) * r +
                         5.99832206555887937690e-1) * r + 1.0);
    value = num / den;
  }
  return q < 0 ? -value : value;
}
