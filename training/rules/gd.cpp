// SPDX-License-Identifier: MIT
// Gradient descent with decoupled weight decay: θ ← (1 − ηw)θ − ηg.
#include "kernels/map/map.h"
#include "training/rules/kind.h"
#include "training/rules/weight_decay.h"

namespace brink::rules {

namespace {

class Gd final : public UpdateRule {
 public:
  explicit Gd(double weight_decay) : weight_decay_(weight_decay) {}
  void update(Device& device, const Update& u) override {
    if (weight_decay_ == 0)
      map<Descend>(device, u.next, {u.theta, u.gradient}, u.learning_rate);
    else
      map<DecayedDescent>(device, u.next, {u.theta, u.gradient}, u.learning_rate, u.learning_rate * weight_decay_);
  }
  double threshold(double learning_rate) const override { return 2 / learning_rate - weight_decay_; }
  double surplus(double learning_rate, double lambda) const override {
    return learning_rate * (lambda + weight_decay_) - 2;
  }

 private:
  double weight_decay_;
};

}  // namespace

RuleKind gd() {
  return {.name = "gd",
          .meaning = "gradient descent: θ ← θ − η∇L",
          .threshold = "2/η",
          .options = {weight_decay_option()},
          .make = [](const Options& o, Device&, const ParameterLayout&, Dtype) -> std::unique_ptr<UpdateRule> {
            return std::make_unique<Gd>(o.real("weight_decay"));
          }};
}

}  // namespace brink::rules
