// SPDX-License-Identifier: MIT
// What an update rule is: the vectors it keeps, its step, and the curvature at which it becomes unstable.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
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
  View gradient;             ///< the gradient of UpdateRule::gradients
  View next;                 ///< θ_{t+1}; does not overlap the others
  View batch_gradient = {};  ///< of the minibatch, for a rule that uses both; otherwise empty
};

/// Which gradients at θ_t a rule makes its step of.
enum class Gradients : std::uint8_t {
  any,   ///< `gradient` is that of the minibatch's mean loss; without minibatches ∇L
  full,  ///< `gradient` is ∇L, the mean over all training samples
  both   ///< as `full`, and with minibatches `batch_gradient` is that of the minibatch
};

/// The diagonal P by which the coming update divides each coordinate of its step, from a moving average of squared gradients. Views are
/// vectors of the layout; what is written into the gaps has no meaning. Enqueues only.
class Preconditioner {
 public:
  virtual ~Preconditioner() = default;
  /// The diagonal of P^(−½) of the update that this gradient makes.
  virtual void inverse_root(Device&, View gradient, View out) const = 0;
  /// √ν̂ of the update that this gradient makes, before anything is clipped.
  virtual void root_moment(Device&, View gradient, View out) const = 0;
  /// The √ν̂ from which on a coordinate is clipped.
  virtual double clipped_from() const { return std::numeric_limits<double>::infinity(); }

 protected:
  Preconditioner() = default;
  Preconditioner(const Preconditioner&) = default;
  Preconditioner& operator=(const Preconditioner&) = default;
};

class UpdateRule : public Stateful {
 public:
  /// What `update` needs. The same at every step.
  virtual Gradients gradients() const { return Gradients::any; }
  /// Writes `next` and changes the rule's own vectors. Enqueues only; allocates nothing.
  virtual void update(Device&, const Update&) = 0;
  /// The diagonal P of a rule that divides its step by one; null: P = 1. Threshold and surplus then concern the effective sharpness
  /// λ₁(P^(−½) H P^(−½)).
  virtual const Preconditioner* preconditioner() const { return nullptr; }
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
