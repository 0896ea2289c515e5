// SPDX-License-Identifier: MIT
// Helpers of dense: exact scaling by powers of two, and a hypotenuse.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace brink::dense {

/// A power of two p with p ≤ x < 2p, for finite x > 0; the smallest normal number below that range, 1 for x = 0.
inline double power_of_two(double x) {
  if (x == 0) return 1;
  const std::uint64_t exponent = std::bit_cast<std::uint64_t>(x) & 0x7FF0000000000000ULL;
  return exponent == 0 ? 0x1p-1022 : std::bit_cast<double>(exponent);
}

/// √(a² + b²) for |a|, |b| below 1e150; neither is lost to underflow.
inline double hypotenuse(double a, double b) {
  const double square = a * a + b * b;
  if (square > 1e-280) return std::sqrt(square);
  const double x = std::fabs(a), y = std::fabs(b), most = x > y ? x : y;
  if (most == 0) return 0;
  const double u = x / most, v = y / most;
  return most * std::sqrt(u * u + v * v);
}

}  // namespace brink::dense
