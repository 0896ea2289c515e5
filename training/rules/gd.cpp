// SPDX-License-Identifier: MIT
// Gradient descent: θ ← θ − ηg.
#include "kernels/map/map.h"
#include "training/rules/kind.h"

namespace brink::rules {

namespace {

class Gd final : public UpdateRule {
 public:
  void update(Device& device, const Update& u) override {
    map<Descend>(device, u.next, {u.theta, u.gradient}, u.learning_rate);
  }
  double surplus(double learning_rate, double lambda) const override { return learning_rate * lambda - 2; }
};

}  // namespace

RuleKind gd() {
  return {.name = "gd",
          .meaning = "gradient descent: θ ← θ − η∇L",
          .threshold = "2/η",
          .make = [](const Options&, Device&, const ParameterLayout&, Dtype) -> std::unique_ptr<UpdateRule> {
            return std::make_unique<Gd>();
          }};
}

}  // namespace brink::rules
