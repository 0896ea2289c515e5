// SPDX-License-Identifier: MIT
// The parts that update rules have in common, in plain arithmetic: every product, sum and difference is rounded, and minima and roots are the
// library's.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

namespace brink::reference {

/// βa + (1 − β)b.
template <class T>
T moving_average(T a, T b, double beta) {
  const T kept = static_cast<T>(beta) * a, added = static_cast<T>(1 - beta) * b;
  return kept + added;
}
/// θ − dθ, d the weight decay times the learning rate.
template <class T>
T decayed(T theta, double d) {
  if (d == 0) return theta;
  const T decay = static_cast<T>(d) * theta;
  return theta - decay;
}
/// (θ − dθ) − η·direction.
template <class T>
T stepped(T theta, T direction, double rate, double d = 0) {
  const T step = static_cast<T>(rate) * direction;
  return decayed(theta, d) - step;
}
/// The denominator of an adaptive step: min(√min(ν, clip_moment), clip_root) + ϵ.
struct Denominator {
  double epsilon;
  double clip_moment = std::numeric_limits<double>::infinity(), clip_root = std::numeric_limits<double>::infinity();
  template <class T>
  T operator()(T moment) const {
    const T clipped = std::min(moment, static_cast<T>(clip_moment));
    return std::min(static_cast<T>(std::sqrt(clipped)), static_cast<T>(clip_root)) + static_cast<T>(epsilon);
  }
};

}  // namespace brink::reference
