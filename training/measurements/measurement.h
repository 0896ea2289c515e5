// SPDX-License-Identifier: MIT
// What a measurement is: columns of metrics.csv, the work that computes their numbers at θ_t, and the delivery of these
// numbers.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "autodiff/parameters.h"
#include "kernels/scalars.h"
#include "training/measurements/row.h"
#include "training/named_view.h"
#include "training/observed.h"
#include "training/state.h"

namespace brink {

class UpdateRule;

/// What a measurement sees at θ_t, before update t. Views are vectors of the layout in the device's memory.
struct StepView {
  const UpdateRule& rule;  ///< which makes update t
  const Observed& seen;    ///< has loss and gradient norm only if the spectrum was measured; see Observed
  const ParameterLayout& layout;
  std::span<const View> thetas;  ///< θ_t, θ_{t−1}, θ_{t−2}, θ_{t−3}; zero vectors before the first step
  View gradient;                 ///< ∇L(θ_t)
  View results;                  ///< results of the pass: the gradient, then the statistics of evaluation mode
  View eigenvectors;  ///< rows of unit vectors, top then bottom, [k, extent]; empty if no spectrum was measured
  View
      rule_gradient;  ///< of which the coming update makes its step: ∇L, or the minibatch's; empty unless the rule preconditions
  std::int64_t step() const { return seen.step; }
};

/// Tensors that a measurement has for a file of their own.
struct TensorSet {
  std::string kind;                ///< what they are, "parameters": the name of the folder of such files
  std::vector<NamedView> tensors;  ///< in the device's memory, valid until the next measure
  std::vector<std::pair<std::string, std::string>> metadata;
};

/// Each measurement is one file; the list is in training/measurements/meson.build. Within a step nothing here allocates or
/// waits.
class Measurement : public Stateful {
 public:
  virtual std::vector<Column> columns() const = 0;
  /// How many float64 numbers `enqueue` leaves on the device.
  virtual int numbers() const { return 0; }
  /// Starts the work at θ_t. `to`: where the numbers are left.
  virtual void enqueue(Device&, const StepView&, Scalar /*to*/) {}
  /// Called after the update of each step that was measured, also where this measurement was not due. thetas[0] is θ_{t+1} and
  /// thetas[1] θ_t by then; everything else in `at` is of step t. May wait for the device.
  virtual void updated(Device&, const StepView& /*at*/) {}
  /// Fills the cells of its columns, which are empty; may run after the update. `numbers`: what `enqueue` left.
  virtual void deliver(const Observed&, std::span<const double> numbers, std::span<Cell> cells) = 0;
  /// Called at θ_t after the `enqueue` of all measurements, where the tensors of the step will be asked for: the place of work that only they
  /// need. May allocate and wait for the device.
  virtual void prepare_tensors(Device&, const StepView& /*at*/) {}
  /// Tensors of this step for a file of their own; asked after `deliver`, and only where somebody keeps them. θ_{t−3} is not in
  /// `at.thetas` if θ_{t+1} is there already. May allocate; nothing else may change.
  virtual std::optional<TensorSet> tensors(const StepView& /*at*/) { return {}; }
  /// A sentence for the console about the last row, once; empty: there is none. Asked after `deliver`.
  virtual std::string take_remark() { return {}; }
  void visit(StateVisitor&) override {}
};

}  // namespace brink
