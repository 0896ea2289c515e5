// SPDX-License-Identifier: MIT
// Derivatives of the mean loss along given directions, to order 4, from forward passes alone: no residual is kept, and no gradient is
// computed.
#pragma once

#include <span>

#include "autodiff/batch/objective.h"

namespace brink {

/// Lₖ = dᵏ/dtᵏ L(θ + tv) at t = 0 for k = 0 … order, exact (Taylor mode; piecewise for ReLU and max pools).
class DirectionalDerivatives {
 public:
  /// Throws std::invalid_argument for an order that is not 1 … 4.
  DirectionalDerivatives(Device&, const Objective&, const Batch&, int order, const BatchOptions& = {});

  int count() const { return order_ + 1; }  ///< of the numbers
  /// Leaves count() numbers in `totals`, which `finish` makes L₀, L₁, …. Enqueues only; allocates nothing.
  void enqueue(View theta, View v, Scalar totals);
  /// Makes derivatives of the totals of `enqueue`, in place.
  void finish(std::span<double> totals) const;
  /// Both. Waits for the device.
  void run(View theta, View v, std::span<double> derivatives);

  std::int64_t flops() const { return sum_.flops(); }

 private:
  int order_;
  SampleSum sum_;
};

/// ∇³L[u, u, w], exact: the tangent along w of the second Taylor coefficient along u. Three passes of Taylor mode, by polarisation, would
/// take 1.6 times the operations and lose digits in their differences.
class MixedThirdDerivative {
 public:
  MixedThirdDerivative(Device&, const Objective&, const Batch&, const BatchOptions& = {});

  /// Leaves one number in `total`, which `finish` makes the derivative. Enqueues only; allocates nothing.
  void enqueue(View theta, View u, View w, Scalar total);
  double finish(double total) const;
  /// Both. Waits for the device.
  double run(View theta, View u, View w);

  std::int64_t flops() const { return sum_.flops(); }

 private:
  SampleSum sum_;
};

}  // namespace brink
