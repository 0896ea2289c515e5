// SPDX-License-Identifier: MIT
// The float64 parts that the elementary functions share: exact sums, the reduced exponential, the Gaussian, the quadrant
// reduction of angles. The interface is elementary.h.
// They have internal linkage, because this is compiled once per instruction set and the linker must not mix the copies.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/hd.h"

namespace brink::elementary {
namespace {

[[gnu::always_inline]] BRINK_HD inline std::uint64_t bits_of(double x) {
  std::uint64_t u;
  std::memcpy(&u, &x, sizeof u);
  return u;
}
[[gnu::always_inline]] BRINK_HD inline double from_bits(std::uint64_t u) {
  double x;
  std::memcpy(&x, &u, sizeof x);
  return x;
}

inline constexpr std::uint64_t sign_bit = 0x8000000000000000;
/// x + integer_shift has the nearest integer (ties to even) of x in its lowest bits, two's complement, for |x| < 2^51.
inline constexpr double integer_shift = 0x1.8p52;
inline constexpr std::uint64_t integer_shift_bits = 0x4338000000000000;

/// The unevaluated sum hi + lo.
struct Pair {
  double hi, lo;
};
/// a + b exactly. Needs |a| ≥ |b| or a = 0.
[[gnu::always_inline]] BRINK_HD inline Pair fast_two_sum(double a, double b) {
  const double s = a + b;
  return {s, b - (s - a)};
}
/// a + b exactly.
[[gnu::always_inline]] BRINK_HD inline Pair two_sum(double a, double b) {
  const double s = a + b, z = s - a;
  return {s, (a - (s - z)) + (b - z)};
}
/// 2^k for a normal 2^k; only the low bits of k are used.
[[gnu::always_inline]] BRINK_HD inline double power_of_two(std::uint64_t k) { return from_bits((k + 1023) << 52); }

/// e^x = 2^k (1 + r + t) with |r| ≤ ln 2 / 2 and t = e^r − 1 − r (plus what r was rounded by), for |x| ≤ 750. k_bits holds k
/// above integer_shift_bits.
struct ReducedExp {
  double r, t;
  std::uint64_t k_bits;
};
[[gnu::always_inline]] BRINK_HD inline ReducedExp reduce_exp(double x) {
  constexpr double log2_e = 0x1.71547652b82fep+0;
  constexpr double ln2_hi = 0x1.62e42fefa38p-1, ln2_lo = 0x1.ef35793c7673p-45;  // hi has 42 bits: k·hi is exact
  const double shifted = std::fma(x, log2_e, integer_shift);
  const double k = shifted - integer_shift;
  const double exact = std::fma(-k, ln2_hi, x);
  const double r = std::fma(-k, ln2_lo, exact);
  const double r_lo = std::fma(-k, ln2_lo, exact - r);
  double p = 0x1.1f83e1ab54e3ep-29;  // (e^r − 1 − r)/r², error·|r| < 2^−61.6
  p = std::fma(p, r, 0x1.af5f37267188dp-26);
  p = std::fma(p, r, 0x1.27e4d14428d45p-22);
  p = std::fma(p, r, 0x1.71ddf808b6ae0p-19);
  p = std::fma(p, r, 0x1.a01a01ab13cadp-16);
  p = std::fma(p, r, 0x1.a01a01b00610cp-13);
  p = std::fma(p, r, 0x1.6c16c16c1577dp-10);
  p = std::fma(p, r, 0x1.111111110f650p-7);
  p = std::fma(p, r, 0x1.5555555555557p-5);
  p = std::fma(p, r, 0x1.5555555555559p-3);
  p = std::fma(p, r, 0.5);
  return {r, std::fma(r * r, p, std::fma(r_lo, r, r_lo)), bits_of(shifted)};
}

/// e^(−a²/2) = 2^k (hi + lo) for 0 ≤ a ≤ 38.7; k_bits as in ReducedExp.
struct Gaussian {
  double hi, lo;
  std::uint64_t k_bits;
};
[[gnu::always_inline]] BRINK_HD inline Gaussian gaussian(double a) {
  const double half = 0.5 * a, square = half * a, square_lo = std::fma(half, a, -square);
  const ReducedExp e = reduce_exp(-square);
  const Pair one = fast_two_sum(1.0, e.r), power = fast_two_sum(one.hi, one.lo + e.t);
  return {power.hi, std::fma(-square_lo, power.hi, power.lo), e.k_bits};
}

/// (1 − Φ(a))·e^(a²/2) as hi + lo for 0 ≤ a ≤ 38.7, Φ the distribution function of the standard normal distribution.
[[gnu::always_inline]] BRINK_HD inline Pair mills_ratio(double a) {
  const Pair d = two_sum(a, 5.5), n = two_sum(a, -5.5);
  const double r = 1.0 / d.hi, r_lo = r * std::fma(-r, d.lo, std::fma(-r, d.hi, 1.0));
  const double t = n.hi * r, t_lo = r * (std::fma(-t, d.hi, n.hi) + std::fma(-t, d.lo, n.lo));
  double slope = 0x1.4d5f65f3913a7p-2;  // p'(t), error/p < 2^−9
  slope = std::fma(slope, t, -0x1.4d53cb0c5cc92p-1);
  slope = std::fma(slope, t, 0x1.b137ac4be0f4cp-1);
  slope = std::fma(slope, t, -0x1.12b67764715d2p+0);
  slope = std::fma(slope, t, 0x1.12a9878e43a6bp+0);
  slope = std::fma(slope, t, -0x1.5f5f23fd3595ap-1);
  double p = 0x1.a1d46936aac2dp-32;  // (a + 5.5)·(1 − Φ(a))·e^(a²/2), relative error 2^−56.6
  p = std::fma(p, t, 0x1.eededdbe54bebp-31);
  p = std::fma(p, t, -0x1.bda6ef7c68dd0p-29);
  p = std::fma(p, t, -0x1.254d4c8f09cc4p-27);
  p = std::fma(p, t, 0x1.8879f71a7d7c5p-26);
  p = std::fma(p, t, 0x1.d2023eebc6bdep-25);
  p = std::fma(p, t, -0x1.7af1764fe0350p-23);
  p = std::fma(p, t, -0x1.22e6f31136010p-22);
  p = std::fma(p, t, 0x1.8dfbda4906f18p-20);
  p = std::fma(p, t, 0x1.e0ee02d380475p-22);
  p = std::fma(p, t, -0x1.969e7de81412bp-17);
  p = std::fma(p, t, 0x1.11cba96db1068p-16);
  p = std::fma(p, t, 0x1.2b88dcb546f2ap-14);
  p = std::fma(p, t, -0x1.54495bc729477p-12);
  p = std::fma(p, t, 0x1.1ab3491487ee3p-12);
  p = std::fma(p, t, 0x1.4034e54500577p-9);
  p = std::fma(p, t, -0x1.c83edf464459bp-7);
  p = std::fma(p, t, 0x1.71707b57744e0p-5);
  p = std::fma(p, t, -0x1.c15806fa42b9fp-4);
  p = std::fma(p, t, 0x1.be33e6ee99105p-3);
  p = std::fma(p, t, -0x1.77dbb5cddaa30p-2);
  p = std::fma(p, t, 0x1.1239b3f8c06ddp-1);
  p = std::fma(p, t, -0x1.5ed05c7e41a2dp-1);
  const double product = p * t;
  const Pair sum = two_sum(0x1.8c2b8893b5c8dp-1, product);
  const double sum_lo = std::fma(slope, t_lo, sum.lo + std::fma(p, t, -product));
  const double hi = sum.hi * r;
  return {hi, std::fma(sum.hi, r_lo, std::fma(sum_lo, r, std::fma(sum.hi, r, -hi)))};
}

/// An angle as quadrant·π/2 + hi + lo, |hi| ≤ π/4. The quadrant's two low bits are those of quadrant_bits.
struct ReducedAngle {
  double hi, lo;
  std::uint64_t quadrant_bits;
};

/// (f.hi + f.lo) quarter turns in radians.
[[gnu::always_inline]] BRINK_HD inline Pair quarter_turns(Pair f) {
  constexpr double half_pi_hi = 0x1.921fb54442d18p+0, half_pi_lo = 0x1.1a62633145c07p-54;
  const double hi = f.hi * half_pi_hi;
  return {hi, std::fma(f.lo, half_pi_hi, std::fma(f.hi, half_pi_lo, std::fma(f.hi, half_pi_hi, -hi)))};
}

/// t minus a multiple of 4, exact, |result| ≤ 2 (nearest and not ⌊⌋: a small negative t must stay as it is).
[[gnu::always_inline]] BRINK_HD inline double mod4(double t) {
  return std::fma(-4.0, std::floor(std::fma(t, 0.25, 0.5)), t);
}

/// Reduction of x ≥ 0 by π/2, for all finite x that are a T (below 2^−27 the result is not accurate). Infinity gives NaN.
/// x·(2/π) is a sum of exact products with 26-bit digits of 2/π; leading digits whose product is a multiple of 4 are skipped,
/// which is a matter of x's exponent alone (Payne and Hanek), so there is no branch.
template <class T>
[[gnu::always_inline]] BRINK_HD inline ReducedAngle reduce_angle(double x) {
  // 2/π = Σ digit[i]·2^(−26(i+1)), |digit| ≤ 2^25 but for the first.
  static constexpr double digit[] = {
      42722830,  -18553791, 21659402,  -11021835, 13858563,  28715354,  -28372764, 4324945,   26128251, -4434405,
      29957007,  -29209133, -8382171,  -17915747, 6588224,   -31593699, -20666723, -1144797,  24988591, -12286742,
      -26099557, -12191772, 5137526,   -29785261, 15192690,  4585660,   -8500721,  -14681960, -34794,   25231091,
      -3906857,  -32871137, 28629499,  15891633,  -26356782, -29399394, 25143478,  -11371604, 33225084, 24853767,
      15195689,  19476135,  -16853012, 18845021,  2185229,   -16486456};
  constexpr bool wide = sizeof(T) == 8;
  // x is an integer times 2^(exponent field − last_bit). No floating-point select here: g++ would turn it into a branch, move
  // table look-ups under it, and no longer vectorise the loop.
  constexpr std::uint64_t last_bit = wide ? 1075 : 1046;
  const std::uint64_t field = bits_of(x) >> 52;
  const std::uint64_t exponent = field > last_bit + 2 ? field : last_bit + 2;
  const double excess = from_bits(0x4330000000000000 | exponent) - (0x1p52 + static_cast<double>(last_bit + 2));
  const double j = std::floor((excess + 0.5) * (1.0 / 26));
  const std::uint64_t first = bits_of(j + integer_shift) & 63;
  const double scaled = x * from_bits(bits_of(std::fma(j, -26.0, integer_shift + 1023)) << 52);
  const double d0 = digit[first] * 0x1p-26, d1 = digit[first + 1] * 0x1p-52, d2 = digit[first + 2] * 0x1p-78;
  const double d3 = digit[first + 3] * 0x1p-104, d4 = digit[first + 4] * 0x1p-130, d5 = digit[first + 5] * 0x1p-156;
  double t0, t1, t2, t3, t4;
  Pair s;
  double e5 = 0, e6 = 0;
  if constexpr (wide) {
    const double d6 = digit[first + 6] * 0x1p-182, d7 = digit[first + 7] * 0x1p-208;
    const double head = from_bits(bits_of(scaled) & ~std::uint64_t{0x7FFFFFF});  // 26 bits
    const double tail = scaled - head;                                           // 27 bits
    t0 = mod4(head * d0);
    t1 = mod4(std::fma(head, d1, tail * d0));
    t2 = mod4(std::fma(head, d2, tail * d1));
    t3 = std::fma(head, d3, tail * d2);
    t4 = std::fma(head, d4, tail * d3);
    const double t5 = std::fma(head, d5, tail * d4), t6 = std::fma(head, d6, tail * d5),
                 t7 = std::fma(head, d7, tail * d6);
    s = two_sum(t6, t7);
    e6 = s.lo;
    s = two_sum(t5, s.hi);
    e5 = s.lo;
    s = two_sum(t4, s.hi);
  } else {
    t0 = mod4(scaled * d0);
    t1 = mod4(scaled * d1);
    t2 = scaled * d2;
    t3 = scaled * d3;
    t4 = scaled * d4;
    s = two_sum(t4, scaled * d5);
  }
  const double e4 = s.lo;
  s = two_sum(t3, s.hi);
  const double e3 = s.lo;
  s = two_sum(t2, s.hi);
  const double e2 = s.lo;
  s = two_sum(t1, s.hi);
  const double e1 = s.lo;
  s = two_sum(t0, s.hi);
  const double shifted = s.hi + integer_shift;
  const Pair top = two_sum(s.hi - (shifted - integer_shift), s.lo);
  const Pair f = two_sum(top.hi, top.lo + (e1 + (e2 + (e3 + (e4 + (e5 + e6))))));
  const Pair r = quarter_turns(f);
  return {r.hi, r.lo, bits_of(shifted)};
}

/// hi + lo with |hi| ≥ |lo|, rounded to T once. For float32 the float64 sum is first rounded to odd, which keeps the side of a
/// midpoint on which the sum lies.
template <class T>
[[gnu::always_inline]] BRINK_HD inline T round_to(double hi, double lo) {
  const Pair s = fast_two_sum(hi, lo);
  if constexpr (sizeof(T) == 8) return s.hi;
  const std::uint64_t u = bits_of(s.hi);
  const std::uint64_t inexact_and_even = static_cast<std::uint64_t>(s.lo != 0) & ~u & 1;
  const std::uint64_t inwards = (u ^ bits_of(s.lo)) >> 63;
  return static_cast<T>(from_bits(u + inexact_and_even - 2 * (inexact_and_even & inwards)));
}

/// sin(quadrant·π/2 + hi + lo), rounded to T; the cosine is the sine one quadrant later.
template <class T>
[[gnu::always_inline]] BRINK_HD inline T sin_reduced(ReducedAngle a) {
  const double z = a.hi * a.hi;
  double p = -0x1.a513850a48725p-41;  // (sin r / r − 1)/r², error·r² < 2^−62.8
  p = std::fma(p, z, 0x1.61140fec19a79p-33);
  p = std::fma(p, z, -0x1.ae643c57ca552p-26);
  p = std::fma(p, z, 0x1.71de3a3f68e4fp-19);
  p = std::fma(p, z, -0x1.a01a01a0065ccp-13);
  p = std::fma(p, z, 0x1.1111111111089p-7);
  p = std::fma(p, z, -0x1.5555555555555p-3);
  const double half_z = 0.5 * z;
  const double sine_lo = std::fma(a.hi * z, p, std::fma(-half_z, a.lo, a.lo));
  double q = -0x1.8fa9952065738p-37;  // (cos r − 1 + r²/2)/r⁴, error·r⁴ < 2^−64
  q = std::fma(q, z, 0x1.1ee9e15f38979p-29);
  q = std::fma(q, z, -0x1.27e4f7f8eae3ap-22);
  q = std::fma(q, z, 0x1.a01a019c97777p-16);
  q = std::fma(q, z, -0x1.6c16c16c1504bp-10);
  q = std::fma(q, z, 0x1.555555555554bp-5);
  const double z_lo = std::fma(a.hi, a.hi, -z);
  const Pair one = fast_two_sum(1.0, -half_z);
  const double cosine_lo = std::fma(z * z, q, std::fma(-a.hi, a.lo, std::fma(-0.5, z_lo, one.lo)));
  const bool odd = (a.quadrant_bits & 1) != 0;
  const std::uint64_t sign = (a.quadrant_bits & 2) << 62;
  const double hi = odd ? one.hi : a.hi, lo = odd ? cosine_lo : sine_lo;
  return round_to<T>(from_bits(bits_of(hi) ^ sign), from_bits(bits_of(lo) ^ sign));
}

}  // namespace
}  // namespace brink::elementary
