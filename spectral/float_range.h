// SPDX-License-Identifier: MIT
// What the numbers of a vector's type can hold: where the solver's arithmetic leaves their range, and what is lost there.
#pragma once

#include <limits>

#include "kernels/view.h"

namespace brink {

/// The distance from 1 to the next number.
inline double epsilon_of(Dtype d) {
  return d == Dtype::f64 ? std::numeric_limits<double>::epsilon()
                         : static_cast<double>(std::numeric_limits<float>::epsilon());
}

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
