// SPDX-License-Identifier: MIT
// The range of the numbers in a vector: where the solver's arithmetic leaves it, and what is lost there.
#pragma once

#include <limits>

#include "kernels/view.h"

namespace brink {

/// The distance from 1 to the next number.
inline double epsilon_of(Dtype d) {
  return d == Dtype::f64 ? std::numeric_limits<double>::epsilon()
                         : static_cast<double>(std::numeric_limits<float>::epsilon());
}

/// About the smallest relative residual that vectors of this type can have; a smaller tolerance is met by chance only. Hy and
/// θy are rounded by ε/2 each and their sums are float64, which gives ε in float32. In float64 there is no wider type for the sums, so combining
/// the 40 or so vectors of a basis adds further roundings: 10 ε. docs/experiments.md says on which networks this was tried.
inline double least_relative_residual(Dtype d) { return d == Dtype::f64 ? 10 * epsilon_of(d) : epsilon_of(d); }

/// Where squares of a vector's entries or products with its entries can leave the type's range. Below `small` a recurrence is redone
/// with its products multiplied by a power of two, which changes no digit; the largest entry becomes 1, at most `large` later.
struct Limits {
  double small;
  int large, most;  // exponents: of the largest entry, of the factor
};
inline Limits limits_of(Dtype d) { return d == Dtype::f64 ? Limits{0x1p-400, 300, 1000} : Limits{0x1p-90, 60, 149}; }

/// The smallest positive number.
inline double smallest_of(Dtype d) {
  return d == Dtype::f64 ? std::numeric_limits<double>::denorm_min()
                         : static_cast<double>(std::numeric_limits<float>::denorm_min());
}

}  // namespace brink
