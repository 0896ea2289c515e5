// SPDX-License-Identifier: MIT
// The kind `optimizers`: full-batch runs of RMSProp, Adam and Clipped-Ada, step by step.
#include <cmath>
#include <stdexcept>

#include "tools/verify/dense_hessian.h"
#include "tools/verify/kinds.h"
#include "training/loop.h"
#include "training/replay/interruption.h"
#include "training/rules/kind.h"

namespace brink::verify {

namespace {

constexpr double tolerance = 1e-9;

/// The rule with the settings of one run; without a clip it is Adam, or RMSProp where no average of gradients is kept.
Chosen<RuleKind> rule_of(const Case& run) {
  const double beta1 = run.number("beta1"), clip = run.number("clip");
  const bool clips = !std::isnan(clip);
  Chosen<RuleKind> rule = *find_kind(rule_kinds(), clips ? "clipped_ada" : beta1 == 0 ? "rmsprop" : "adam");
  const auto set = [&](const char* key, OptionValue value) {
    try {
      rule.options.set(key, std::move(value));
    } catch (const std::invalid_argument& e) { run.fail(key, e.what()); }
  };
  if (rule.options.has("beta1")) set("beta1", beta1);
  set("beta2", run.number("beta2"));
  set("epsilon", run.number("epsilon"));
  set("bias_correction", run.flag("bias_correction"));
  if (clips) set("clip", clip);
  if (clips && run.has("clip_on")) set("clip_on", run.text("clip_on"));
  if (run.has("weight_decay")) set("weight_decay", run.number("weight_decay"));
  return rule;
}

}  // namespace

void check_optimizers(Device& device, const Case& c, Table& table) {
  const ReferenceModel m = read_model(c);
  if (!m.not_built.empty()) return table.skip(c.name(), m.not_built + " is not built in this version");
  const ReferenceData data = read_samples(c, m);
  const Objective objective = make_objective(m.model, m.loss, Dtype::f64);
  const Placed on_device(device, data.views());
  const Array theta0 = c.vector("parameter", m.model.layout);
  const std::int64_t steps = c.integer("steps");
  for (const std::string& name : c.parts("runs")) {
    const Case run = c.part("runs", name);
    const double rate = run.number("learning_rate");
    if (!(rate > 0)) run.fail("learning_rate", "expected a positive number");
    const std::vector<double> reference = c.doubles(name + "/loss", {steps});
    const Array final_parameter = c.vector(name + "/final_parameter", m.model.layout);
    TrainerOptions options;
    options.rule = factory(rule_of(run));
    options.schedule = std::make_shared<ConstantRate>(rate);
    Trainer trainer(device, objective, on_device.views(), {}, options, theta0.view());
    std::vector<double> loss;
    for (std::int64_t t = 0; t < steps; ++t) {
      stop_if_asked();
      trainer.measure(false);
      trainer.complete();
      loss.push_back(trainer.seen().loss);
      trainer.update();
    }
    table.add({c.name(), name + " loss", error_of(loss, reference), tolerance, {}});
    const VectorError e = vector_error(m.model.layout, trainer.theta_on_host(), final_parameter, tolerance);
    table.add({c.name(), name + " final_parameter", e.error, tolerance, e.note()});
  }
}

}  // namespace brink::verify
