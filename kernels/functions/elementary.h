// SPDX-License-Identifier: MIT
// brink's own exp, log, tanh, sin, cos, normal distribution and density for float and double; log1p, sine and cosine of 2πu for
// double. libm is not used, because its bits differ between versions and between host and device.
// A float32 function is its float64 polynomial rounded once, without branches and with no table but the digits of 2/π. So one
// source vectorises for every instruction set, compiles for the device, and gives the same bits everywhere.
//
// Shapes       scalars
// Arithmetic   + − × ÷ and std::fma as written, none of them contracted.
//              float32: correctly rounded (to nearest, ties to even) for all 2^32 inputs, subnormal results included.
//              float64, worst error in ulp: exp 0.6 (0.8 where the result is subnormal: rounded twice), log 0.65,
//              tanh 0.75, sin, cos and log1p 0.75, normal_cdf 1.5, normal_density 0.8; sin_turns, cos_turns 0.75 for |u| ≤ 2^40.
//              Measured against MPFR on 10^8 samples of each (tests/kernels/functions_reference_test.cpp).
//              NaN gives NaN; exp: +inf → +inf, −inf → +0; log: ±0 → −inf, negative → NaN, +inf → +inf; log1p: −1 → −inf,
//              below → NaN, +inf → +inf; tanh: ±inf → ±1; sin, cos: ±inf → NaN; odd functions and log1p keep the sign of zero.
// Errors       none
// Cost         about 1 ns an element for float32 with AVX-512, 3 ns for sin and cos; docs/experiments.md has figures.
// Source       Payne, Hanek, Radian reduction for trigonometric functions, 1983; the log of fdlibm; coefficients.py
#pragma once

#include <limits>

#include "kernels/functions/elementary_parts.h"

namespace brink::elementary {
namespace {

inline constexpr double infinity = std::numeric_limits<double>::infinity();
inline constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

template <class T>
[[gnu::always_inline]] BRINK_HD inline T exp_of(T x_in) {
  double x = x_in;
  x = x > 710.0 ? 710.0 : x;  // beyond: +inf, and 0; a NaN fails both tests
  x = x < -746.0 ? -746.0 : x;
  const ReducedExp e = reduce_exp(x);
  const double one = 1.0 + e.r;
  const double y = one + (((1.0 - one) + e.r) + e.t);
  // 2^k in two factors, each of them normal.
  const std::uint64_t k = e.k_bits - integer_shift_bits + 2048, k1 = k >> 1;
  return static_cast<T>(y * power_of_two(k1 - 1024) * power_of_two(k - k1 - 1024));
}

/// log x as an unevaluated sum whose first part is the larger one or 0. x = 2^(offset − 1024)·scaled > 0, and `scaled` is normal.
[[gnu::always_inline]] BRINK_HD inline Pair log_parts(double scaled, std::uint64_t offset) {
  // scaled = 2^k m, m in [√½, √2)
  constexpr std::uint64_t sqrt_half_bits = 0x3fe6a09e667f3bcd;
  const std::uint64_t u = bits_of(scaled);
  const std::uint64_t exponent = (u - sqrt_half_bits + (std::uint64_t{1024} << 52)) >> 52;
  const double m = from_bits(u - ((exponent - 1024) << 52));
  const double k = from_bits(0x4330000000000000 + exponent + offset) - (0x1p52 + 2048);
  // log m = f − f²/2 + s(f²/2 + R), f = m − 1, s = f/(m + 1), R = 2 atanh(s)/s − 2
  const double f = m - 1.0;
  const double s = f / (m + 1.0);
  const double z = s * s;
  double p = 0x1.0f05040883d52p-3;  // R/s², error·s² < 2^−65.5
  p = std::fma(p, z, 0x1.0f68463bb8667p-3);
  p = std::fma(p, z, 0x1.3b2018a521d73p-3);
  p = std::fma(p, z, 0x1.745ce20ffd0bcp-3);
  p = std::fma(p, z, 0x1.c71c724a82c6fp-3);
  p = std::fma(p, z, 0x1.249249243a361p-2);
  p = std::fma(p, z, 0x1.9999999999d0ap-2);
  p = std::fma(p, z, 0x1.5555555555555p-1);
  constexpr double ln2_hi = 0x1.62e42fefa38p-1, ln2_lo = 0x1.ef35793c7673p-45;
  const double half_f = 0.5 * f;
  const double half_square = half_f * f;
  const double half_square_lo = std::fma(half_f, f, -half_square);
  const Pair a = fast_two_sum(k * ln2_hi, f);
  const Pair b = fast_two_sum(a.hi, -half_square);
  const double rest = std::fma(k, ln2_lo, (b.lo + a.lo) - half_square_lo);
  return {b.hi, std::fma(s, std::fma(z, p, half_square), rest)};
}

template <class T>
[[gnu::always_inline]] BRINK_HD inline T log_of(T x_in) {
  const double x = x_in;
  double scaled = x;
  std::uint64_t offset = 1024;
  if constexpr (sizeof(T) == 8) {
    const bool tiny = x < 0x1p-1022;
    scaled = tiny ? x * 0x1p54 : x;
    offset = tiny ? 1024 - 54 : 1024;
  }
  const Pair parts = log_parts(scaled, offset);
  T y = round_to<T>(parts.hi, parts.lo);
  y = x_in > 0 ? y : static_cast<T>(x_in == 0 ? -infinity : not_a_number);
  return x_in < static_cast<T>(infinity) ? y : x_in;
}

template <class T>
[[gnu::always_inline]] BRINK_HD inline T tanh_of(T x_in) {
  const double x = x_in;
  double a = std::fabs(x);
  a = a > 22.0 ? 22.0 : a;
  // tanh a = n/(n + 2), n = e^(2a) − 1 = (2^k − 1) + 2^k (r + t)
  const ReducedExp e = reduce_exp(2.0 * a);
  const Pair q = fast_two_sum(e.r, e.t);
  const double two_k = power_of_two(e.k_bits);
  const Pair sum = fast_two_sum(two_k - 1.0, two_k * q.hi);
  const double n = sum.hi, n_lo = std::fma(two_k, q.lo, sum.lo);
  const Pair d = two_sum(n, 2.0);
  const double inverse = 1.0 / d.hi;
  const double quotient = n * inverse;
  const double remainder = std::fma(-quotient, d.lo + n_lo, std::fma(-quotient, d.hi, n) + n_lo);
  const double y = std::fma(remainder, inverse, quotient);
  return static_cast<T>(from_bits(bits_of(y) | (bits_of(x) & sign_bit)));
}

/// 2^k y without a subnormal factor, k_bits as in ReducedExp.
[[gnu::always_inline]] BRINK_HD inline double scaled(double y, std::uint64_t k_bits) {
  const std::uint64_t k = k_bits - integer_shift_bits + 2048, k1 = k >> 1;
  return y * power_of_two(k1 - 1024) * power_of_two(k - k1 - 1024);
}

template <class T>
[[gnu::always_inline]] BRINK_HD inline T normal_cdf_of(T x_in) {
  const double x = x_in;
  double a = std::fabs(x);
  a = a > 38.7 ? 38.7 : a;
  const Gaussian e = gaussian(a);
  const Pair m = mills_ratio(a);
  // 1 − Φ(a) = 2^k (q + q_lo)
  const double q = e.hi * m.hi;
  const double q_lo = std::fma(e.hi, m.hi, -q) + std::fma(e.hi, m.lo, e.lo * m.hi);
  const double tail = scaled(q + q_lo, e.k_bits), tail_lo = scaled(q_lo - ((q + q_lo) - q), e.k_bits);
  const bool upper = x > 0, small = a < 0x1p-11;
  const Pair s = fast_two_sum(upper ? 1.0 : 0.0, upper ? -tail : tail);
  // Φ(x) = ½ + φ(0)(x − x³/6) to 2^−61 where x is small, and the polynomial's last roundings would decide.
  constexpr double density = 0x1.9884533d43651p-2;
  const double near_half = density * std::fma(x * x, x * (-1.0 / 6), x);
  return round_to<T>(small ? 0.5 : s.hi, small ? near_half : s.lo + (upper ? -tail_lo : tail_lo));
}

template <class T>
[[gnu::always_inline]] BRINK_HD inline T normal_density_of(T x_in) {
  double a = std::fabs(static_cast<double>(x_in));
  a = a > 38.7 ? 38.7 : a;
  const Gaussian e = gaussian(a);
  constexpr double c = 0x1.9884533d43651p-2, c_lo = -0x1.cbc0d30ebfd15p-56;  // 1/√(2π)
  const double y = e.hi * c;
  return static_cast<T>(scaled(y + (std::fma(e.hi, c, -y) + std::fma(e.hi, c_lo, e.lo * c)), e.k_bits));
}

/// x where it is at least 2^−27, else 0, without a branch: below, sin x = x and cos x = 1, and the reduction's products of a
/// float64 could underflow.
[[gnu::always_inline]] BRINK_HD inline double without_tiny(double x) {
  return from_bits(bits_of(x) & (0 - static_cast<std::uint64_t>((bits_of(x) >> 52) >= 1023 - 27)));
}

template <class T>
[[gnu::always_inline]] BRINK_HD inline T sin_of(T x_in) {
  const double x = x_in;
  const double a = std::fabs(x), reducible = without_tiny(a);
  const double y = sin_reduced<T>(reduce_angle<T>(reducible)) + (a - reducible);
  return static_cast<T>(from_bits(bits_of(y) ^ (bits_of(x) & sign_bit)));
}

template <class T>
[[gnu::always_inline]] BRINK_HD inline T cos_of(T x_in) {
  ReducedAngle r = reduce_angle<T>(without_tiny(std::fabs(static_cast<double>(x_in))));
  r.quadrant_bits += 1;
  return sin_reduced<T>(r);
}

/// Angle of `turns` turns, |turns| ≤ 2^40.
[[gnu::always_inline]] BRINK_HD inline ReducedAngle reduce_turns(double turns) {
  const double quarters = 4.0 * turns;
  const double shifted = quarters + integer_shift;
  const Pair r = quarter_turns({quarters - (shifted - integer_shift), 0.0});
  return {r.hi, r.lo, bits_of(shifted)};
}

[[gnu::always_inline]] BRINK_HD inline float exp(float x) { return exp_of(x); }
[[gnu::always_inline]] BRINK_HD inline double exp(double x) { return exp_of(x); }
[[gnu::always_inline]] BRINK_HD inline float log(float x) { return log_of(x); }
[[gnu::always_inline]] BRINK_HD inline double log(double x) { return log_of(x); }
/// log(1 + x): 1 + x = u + v exactly, and log(u + v) = log u + v/u to the last bit, because |v| ≤ 2^−53 u.
[[gnu::always_inline]] BRINK_HD inline double log1p(double x) {
  const Pair sum = two_sum(1.0, x);
  const Pair parts = log_parts(sum.hi, 1024);
  double y = parts.hi + (parts.lo + sum.lo / sum.hi);
  y = x == 0 ? x : y;
  y = sum.hi > 0 ? y : sum.hi == 0 ? -infinity : not_a_number;
  return x < infinity ? y : x;
}
[[gnu::always_inline]] BRINK_HD inline float tanh(float x) { return tanh_of(x); }
[[gnu::always_inline]] BRINK_HD inline double tanh(double x) { return tanh_of(x); }
[[gnu::always_inline]] BRINK_HD inline float sin(float x) { return sin_of(x); }
[[gnu::always_inline]] BRINK_HD inline double sin(double x) { return sin_of(x); }
[[gnu::always_inline]] BRINK_HD inline float cos(float x) { return cos_of(x); }
[[gnu::always_inline]] BRINK_HD inline double cos(double x) { return cos_of(x); }
/// Φ(x), the distribution function of the standard normal distribution: ½ erfc(−x/√2).
[[gnu::always_inline]] BRINK_HD inline float normal_cdf(float x) { return normal_cdf_of(x); }
[[gnu::always_inline]] BRINK_HD inline double normal_cdf(double x) { return normal_cdf_of(x); }
/// φ(x) = Φ′(x) = e^(−x²/2)/√(2π)
[[gnu::always_inline]] BRINK_HD inline float normal_density(float x) { return normal_density_of(x); }
[[gnu::always_inline]] BRINK_HD inline double normal_density(double x) { return normal_density_of(x); }
/// sin(2πu)
[[gnu::always_inline]] BRINK_HD inline double sin_turns(double u) { return sin_reduced<double>(reduce_turns(u)); }
/// cos(2πu)
[[gnu::always_inline]] BRINK_HD inline double cos_turns(double u) {
  ReducedAngle r = reduce_turns(u);
  r.quadrant_bits += 1;
  return sin_reduced<double>(r);
}

}  // namespace
}  // namespace brink::elementary
