// SPDX-License-Identifier: MIT
// Heavy-ball momentum: v ← βv + g, θ ← θ − ηv (docs/method.md, "Update rules").
#include "kernels/map/map.h"
#include "training/rules/kind.h"
#include "training/rules/weight_decay.h"

namespace brink::rules {

namespace {

class HeavyBall final : public UpdateRule {
 public:
  HeavyBall(double beta, double weight_decay, Array velocity)
      : beta_(beta), weight_decay_(weight_decay), velocity_(std::move(velocity)) {}
  void update(Device& device, const Update& u) override {
    map<brink::Momentum>(device, {u.next, velocity_.view()}, {u.theta, velocity_.view(), u.gradient}, u.learning_rate,
                         beta_, u.learning_rate * weight_decay_);
  }
  double threshold(double learning_rate) const override { return stability(learning_rate).threshold(); }
  double surplus(double learning_rate, double lambda) const override {
    return stability(learning_rate).surplus(lambda);
  }
  void visit(StateVisitor& v) override { v.tensor("velocity", velocity_.view()); }

 private:
  DecayedThreshold stability(double learning_rate) const {
    return {2 * (1 + beta_) / learning_rate, (1 + beta_) * weight_decay_};
  }

  double beta_, weight_decay_;
  Array velocity_;
};

}  // namespace

RuleKind momentum() {
  return {
      .name = "momentum",
      .meaning = "heavy-ball momentum: v ← βv + ∇L, θ ← θ − ηv",
      .threshold = "2(1 + β)/η",
      .options = {real_option("momentum", 0.9, {.least = 0, .below = 1}, "β, the share of the velocity that is kept"),
                  weight_decay_option()},
      .make = [](const Options& o, Device& device, const ParameterLayout& layout,
                 Dtype dtype) -> std::unique_ptr<UpdateRule> {
        return std::make_unique<HeavyBall>(o.real("momentum"), o.real("weight_decay"),
                                           layout.make_vector(dtype, device));
      }};
}

}  // namespace brink::rules
