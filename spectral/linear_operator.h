// SPDX-License-Identifier: MIT
// A symmetric operator of a given dimension: all that spectral/ knows about curvature.
// It takes one vector at a time and writes the result; nothing is returned or allocated.
#pragma once

#include <cstdint>
#include <functional>

#include "kernels/view.h"

namespace brink {

struct LinearOperator {
  std::int64_t dim = 0;
  Dtype dtype = Dtype::f32;
  std::function<void(View x, View y)> apply;  ///< y = A x; x and y are [dim] of dtype and do not overlap
  std::int64_t parameters = 0;                ///< elements that are not always zero, in vectors and products; 0: all
  std::function<void(View x, View y)> apply_several =
      {};  ///< Y = A X by rows, [k, dim] without gaps; absent: one at a time
};

/// The purpose of a random vector; each has its own stream of numbers.
enum class RandomUse : unsigned char { start, noise };

/// Fills x with standard normal numbers that are a function of (use, step, restart, index) only; restart < 2²⁴.
using FillNormal = std::function<void(View x, RandomUse use, std::uint64_t step, std::uint32_t restart)>;

}  // namespace brink
