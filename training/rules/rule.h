// SPDX-License-Identifier: MIT
// What an update rule is: the vectors it keeps, its step, and the curvature at which it becomes unstable.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "autodiff/parameters.h"
#include "kernels/device.h"
#include "training/state.h"

namespace brink {

/// One update, θ_t to θ_{t+1}. The views are vectors of the layout in the device's memory.
struct Update {
  std::int64_t step = 0;     ///< t
  double learning_rate = 0;  ///< η_t
  View theta;                ///< θ_t
  View gradient;             ///< ∇L(θ_t)
  View next;                 ///< θ_{t+1}; does not overlap the others
};

class UpdateRule : public Stateful {
 public:
  /// Writes `next` and changes the rule's own vectors. Enqueues only; allocates nothing.
  virtual void update(Device&, const Update&) = 0;
  /// Whether the step is divided by a diagonal P, so that the effective sharpness λ₁(P^(−½) H P^(−½)) decides about stability, and
  /// threshold and surplus concern that.
  virtual bool preconditions() const { return false; }
  /// Writes the diagonal of P^(−½) of the update that follows from θ_t and this gradient; only where it preconditions. Enqueues only.
  virtual void inverse_root(Device&, View /*gradient*/, View /*out*/) const {}
  /// The sharpness above which a quadratic is unstable under this rule; 2/η for gradient descent.
  virtual double threshold(double learning_rate) const { return 2 / learning_rate; }
  /// The surplus of the sharpness λ over the threshold: 2(λ/threshold − 1), computed for gradient descent as ηλ − 2. Positive:
  /// unstable.
  virtual double surplus(double learning_rate, double lambda) const {
    return 2 * (lambda / threshold(learning_rate) - 1);
  }
  /// The rule's vectors and counters; none by default.
  void visit(StateVisitor&) override {}
};

/// Makes a rule for vectors of a layout. Allocates all memory. Throws OutOfMemory.
using RuleFactory = std::function<std::unique_ptr<UpdateRule>(Device&, const ParameterLayout&, Dtype)>;

}  // namespace brink
