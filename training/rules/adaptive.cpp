// SPDX-License-Identifier: MIT
#include "training/rules/adaptive.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "kernels/map/map.h"
#include "training/rules/weight_decay.h"

namespace brink::rules {

namespace {

class AdaptiveRule final : public UpdateRule, public Preconditioner {
 public:
  AdaptiveRule(const AdaptiveSettings& s, Device& device, const ParameterLayout& layout, Dtype dtype)
      : settings_(s), second_(layout.make_vector(dtype, device)) {
    if (s.beta1 != 0) first_ = layout.make_vector(dtype, device);
  }

  void update(Device& device, const Update& u) override {
    const AdaptiveSettings& s = settings_;
    const double decay = u.learning_rate * s.weight_decay;
    const View moment = second_.view();
    if (first_)
      map<Adaptive>(device, {u.next, first_->view(), moment}, {u.theta, first_->view(), moment, u.gradient},
                    u.learning_rate, s.beta1, s.beta2, bias(s.beta1, beta1_power_), bias(s.beta2, beta2_power_),
                    s.clip_moment, s.clip_root, s.epsilon, decay);
    else
      map<RootMeanSquare>(device, {u.next, moment}, {u.theta, moment, u.gradient}, u.learning_rate, s.beta2,
                          bias(s.beta2, beta2_power_), s.clip_moment, s.clip_root, s.epsilon, decay);
    beta1_power_ *= s.beta1;
    beta2_power_ *= s.beta2;
  }

  const Preconditioner* preconditioner() const override { return this; }
  void inverse_root(Device& device, View gradient, View out) const override {
    const AdaptiveSettings& s = settings_;
    map<InverseRoot>(device, out, {second_.view(), gradient}, s.beta2, bias(s.beta1, beta1_power_),
                     bias(s.beta2, beta2_power_), s.clip_moment, s.clip_root, s.epsilon);
  }
  void root_moment(Device& device, View gradient, View out) const override {
    map<RootMoment>(device, out, {second_.view(), gradient}, settings_.beta2, bias(settings_.beta2, beta2_power_));
  }
  double clipped_from() const override { return std::min(std::sqrt(settings_.clip_moment), settings_.clip_root); }

  double threshold(double learning_rate) const override { return stability(learning_rate).threshold(); }
  double surplus(double learning_rate, double lambda) const override {
    return stability(learning_rate).surplus(lambda);
  }

  void visit(StateVisitor& v) override {
    if (first_) v.tensor("first_moment", first_->view());
    v.tensor("second_moment", second_.view());
    v.number("beta1_power", beta1_power_);
    v.number("beta2_power", beta2_power_);
  }

 private:
  DecayedThreshold stability(double learning_rate) const {
    const double momentum = (1 + settings_.beta1) / (1 - settings_.beta1);
    return {2 / learning_rate * momentum, momentum * settings_.weight_decay};
  }
  /// 1 − βᵗ⁺¹ of the coming update, from βᵗ.
  double bias(double beta, double power) const { return settings_.bias_correction ? 1 - power * beta : 1; }

  AdaptiveSettings settings_;
  std::optional<Array> first_;
  Array second_;
  double beta1_power_ = 1, beta2_power_ = 1;  // βᵗ, t updates done
};

}  // namespace

std::unique_ptr<UpdateRule> make_adaptive(const AdaptiveSettings& s, Device& device, const ParameterLayout& layout,
                                          Dtype dtype) {
  return std::make_unique<AdaptiveRule>(s, device, layout, dtype);
}

Option beta1_option(double standard) {
  return real_option("beta1", standard, {.least = 0, .below = 1}, "β₁ of the moving average of gradients");
}
Option beta2_option() {
  return real_option("beta2", 0.999, {.least = 0, .below = 1}, "β₂ of the moving average of squared gradients");
}
Option epsilon_option() {
  return real_option("epsilon", 1e-8, {.above = 0}, "ϵ, added to the root of the second moment");
}
Option bias_correction_option() {
  return flag_option("bias_correction", true, "whether the averages are divided by 1 − βᵗ");
}

}  // namespace brink::rules
