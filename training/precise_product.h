// SPDX-License-Identifier: MIT
// The Hessian's product in float64 at the θ of a run in float32: how far rounding takes the run's own product from it.
#pragma once

#include <cstdint>

#include "autodiff/batch/linearized.h"
#include "kernels/scalars.h"
#include "spectral/linear_operator.h"

namespace brink {

class PreciseProduct {
 public:
  /// objective: the one whose Hessian the run takes. Residuals are computed anew in each product. Allocates all memory. Throws OutOfMemory;
  /// std::invalid_argument where the objective is not known in float64. One that is in float64 already is compared with itself.
  PreciseProduct(Device&, const Objective&, const Batch&, const BatchOptions&, std::uint64_t seed);

  /// θ in the run's precision. Enqueued.
  void linearize_at(View theta);
  /// Leaves ‖Av − Hv‖, H the Hessian in float64 at the θ of linearize_at, A the run's operator there, v a vector in that of the run. Enqueues two products.
  void leave_error(const LinearOperator& a, View v, Scalar to);
  /// The same for a random unit vector, a function of seed and step.
  void leave_error_along_random(const LinearOperator& a, std::int64_t step, Scalar to);

 private:
  Device device_;
  Hvp hvp_;
  FillNormal probes_;
  Array random_, rough_, wide_, product_, gradient_;
  Scalars length_;
};

}  // namespace brink
