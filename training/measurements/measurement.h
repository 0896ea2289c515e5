// SPDX-License-Identifier: MIT
// What a measurement is: columns of metrics.csv, the work that finds their numbers at θ_t, and the numbers once they have arrived.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "autodiff/parameters.h"
#include "kernels/scalars.h"
#include "training/measurements/row.h"
#include "training/observed.h"
#include "training/state.h"

namespace brink {

/// What a measurement sees at θ_t, before update t. Views are vectors of the layout in the device's memory.
struct StepView {
  const Observed& seen;  ///< loss and gradient norm are here only where the spectrum was measured; see Observed
  const ParameterLayout& layout;
  std::span<const View> thetas;  ///< θ_t, θ_{t−1}, θ_{t−2}, θ_{t−3}; zero vectors before the first step
  View gradient;                 ///< ∇L(θ_t)
  View results;                  ///< of the whole pass: the gradient, and behind it the statistics of evaluation mode
  View eigenvectors;  ///< rows of unit vectors, top then bottom, [k, extent]; empty where no spectrum was measured
  std::int64_t step() const { return seen.step; }
};

/// One file each; the list is in training/measurements/meson.build. Nothing here allocates or waits within a step.
class Measurement : public Stateful {
 public:
  virtual std::vector<Column> columns() const = 0;
  /// Float64 numbers that `enqueue` leaves on the device.
  virtual int numbers() const { return 0; }
  /// Starts the work at θ_t. `to`: where the numbers go.
  virtual void enqueue(Device&, const StepView&, Scalar /*to*/) {}
  /// Fills the cells of its columns, which are empty; may follow the update. `numbers`: those that were left.
  virtual void deliver(const Observed&, std::span<const double> numbers, std::span<Cell> cells) = 0;
  /// Milliseconds that the last step's work took, where it is worth a figure.
  virtual double elapsed_ms() { return 0; }
  void visit(StateVisitor&) override {}
};

}  // namespace brink
