// SPDX-License-Identifier: MIT
// Noise-scaled gradient descent: gradient descent along g + ε(g_b − g), with the gradient g_b of a minibatch
// (docs/method.md, "Update rules").
#include "kernels/map/map.h"
#include "training/rules/gradient_descent.h"

namespace brink::rules {

namespace {

class NoiseScaled final : public UpdateRule {
 public:
  NoiseScaled(double scale, double weight_decay, std::unique_ptr<UpdateRule> gd)
      : scale_(scale), weight_decay_(weight_decay), gd_(std::move(gd)) {}
  Gradients gradients() const override { return scale_ == 0 ? Gradients::full : Gradients::both; }
  void update(Device& device, const Update& u) override {
    if (u.batch_gradient.data)
      map<NoiseScaledDescent>(device, u.next, {u.theta, u.gradient, u.batch_gradient}, u.learning_rate,
                              u.learning_rate * weight_decay_, scale_);
    else
      gd_->update(device, u);
  }
  double threshold(double learning_rate) const override { return gd_->threshold(learning_rate); }
  double surplus(double learning_rate, double lambda) const override { return gd_->surplus(learning_rate, lambda); }
  void visit(StateVisitor& v) override { gd_->visit(v); }

 private:
  double scale_, weight_decay_;
  std::unique_ptr<UpdateRule> gd_;
};

}  // namespace

RuleKind noise_scaled() {
  RuleKind out = gd();
  out.name = "noise_scaled";
  out.meaning = "noise-scaled gradient descent: θ ← θ − η(g + ε(g_b − g)), with the gradient g_b of a minibatch";
  out.options.push_back(
      real_option("noise_scale", 1, {.least = 0}, "ε, the factor of the minibatch's noise; 0: gradient descent"));
  out.needs_minibatches = true;
  out.make = [](const Options& o, Device& device, const ParameterLayout& layout,
                Dtype dtype) -> std::unique_ptr<UpdateRule> {
    return std::make_unique<NoiseScaled>(o.real("noise_scale"), o.real("weight_decay"),
                                         gd().make(o, device, layout, dtype));
  };
  return out;
}

}  // namespace brink::rules
