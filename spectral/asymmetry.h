// SPDX-License-Identifier: MIT
// Whether the products of an operator are those of a symmetric one: for two unit vectors, uᵀ(Av) and vᵀ(Au) may differ by rounding only.
// Every solver takes the two numbers from products that it has made anyway.
#pragma once

#include <cmath>

#include "kernels/reduce/reduce.h"
#include "kernels/scalars.h"
#include "spectral/float_range.h"

namespace brink {

/// |uᵀAv − vᵀAu| beside the largest eigenvalue in magnitude, for unit vectors u and v, that the rounding of a symmetric operator's products
/// explains. The products of the networks that were tried stay below a hundredth of it.
inline double largest_asymmetry(Dtype d) { return 100 * least_relative_residual(d); }

/// The largest |uᵀ(Av) − vᵀ(Au)| of the pairs that were seen.
class Asymmetry {
 public:
  /// A number that is not finite is explained by nothing.
  void see(double u_av, double v_au) {
    const double apart = std::fabs(u_av - v_au);
    if (!(apart <= largest_) && !std::isnan(largest_)) largest_ = apart;
  }
  double largest() const { return largest_; }
  /// Whether rounding explains it. scale: the largest Ritz value in magnitude; more: what the smallest number of the type leaves uncertain.
  bool is_rounding(Dtype d, double scale, double more = 0) const {
    return largest_ <= largest_asymmetry(d) * scale + more;
  }

 private:
  double largest_ = 0;
};

/// Leaves uᵀ(Av) and vᵀ(Au) in two numbers of the device.
inline void leave_cross_products(Device& device, View u, View au, View v, View av, Scalar to) {
  dot(device, u, av, to);
  dot(device, v, au, to + 1);
}

}  // namespace brink
