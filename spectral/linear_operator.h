// SPDX-License-Identifier: MIT
// What it is: the only thing spectra know of curvature: a symmetric operator of a dimension. What it is not: a matrix, a
// network or a graph. Decision: one vector at a time; the result is written, nothing is returned or allocated.
#pragma once

#include <cstdint>
#include <functional>

#include "kernels/view.h"

namespace brink {

struct LinearOperator {
  std::int64_t dim = 0;
  Dtype dtype = Dtype::f32;
  std::function<void(View x, View y)> apply;  ///< y = A x; x and y are [dim] of dtype and do not overlap
};

/// What a random vector is for; each use has its own stream of numbers.
enum class RandomUse : unsigned char { start, noise };

/// Fills x with standard normals that are a function of (use, step, restart, index) only; restart < 2²⁴.
using FillNormal = std::function<void(View x, RandomUse use, std::uint64_t step, std::uint32_t restart)>;

}  // namespace brink
