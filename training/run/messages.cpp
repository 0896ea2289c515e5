// SPDX-License-Identifier: MIT
#include "training/run/messages.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "spectral/two_sided.h"
#include "training/io/readable.h"
#include "training/observed.h"
#include "training/run/progress.h"

namespace brink {

std::string text_of(const MemoryPlan& p, const Fitted& fitted, const Config& config, std::int64_t parameters) {
  std::string text = "plan: ";
  if (!has_data(config)) {
    text += counted(parameters, "parameter") + ", without data";
  } else if (p.sizes.size() == 1) {
    text += counted(p.blocks, "block") + " of " + counted(p.sizes[0].samples, "sample");
  } else {
    text += counted(p.blocks, "block");
    const char* before = ": ";
    for (const auto& [count, samples] : p.sizes) {
      text += fmt::format("{}{} of {}", std::exchange(before, ", "), count, samples);
      if (samples == p.sizes[0].samples) text += " samples";
    }
  }
  if (p.product_seconds) {
    text += fmt::format("; residuals kept for {}", p.kept_blocks == p.blocks ? "all" : std::to_string(p.kept_blocks));
    if (p.kept_blocks < p.blocks) text += fmt::format(", recomputed for {}", p.blocks - p.kept_blocks);
    text += " (" + readable_bytes(p.residual_bytes) + ")";
  }
  text += fmt::format("; {} in all, {} allowed; about {} s a gradient", readable_bytes(p.allocated_bytes),
                      readable_bytes(fitted.limit_bytes), readable(p.gradient_seconds, 2));
  if (p.product_seconds) text += fmt::format(", {} s a product with the Hessian", readable(*p.product_seconds, 2));
  return text;
}

std::optional<std::string> minibatch_note(const Config& config) {
  const auto phase = [&](std::int64_t batch) {
    Config with = config;
    with.training.batch = batch;
    return batch == 0 ? std::string("all training samples in every update")
                      : fmt::format("minibatches of {}, {} an epoch", counted(batch, "sample"),
                                    counted(updates_per_epoch(with), "update"));
  };
  std::string text = "plan: " + phase(config.training.batch);
  bool any = config.training.batch > 0;
  for (const auto& change : config.training.changes) {
    if (!change->changes_batch) continue;
    any = any || change->after.batch > 0;
    text += fmt::format(
        "; from {} on {}",
        change->at_step ? fmt::format("step {}", *change->at_step)
                        : fmt::format("the step after a training accuracy above {}", readable(*change->at_accuracy)),
        phase(change->after.batch));
  }
  if (!any) return {};
  const std::int64_t rows = steps_between_rows(config);
  return text + (rows == 1 ? "; a row at every step" : fmt::format("; a row every {} steps", rows));
}

std::optional<std::string> kept_checkpoints_note(const Config& config) {
  const std::int64_t first = config.fork ? config.fork->at_step : 1, last = config.training.steps;
  std::string early, late;
  for (const std::int64_t step : config.run.keep_checkpoints) {
    std::string& list = step < first ? early : late;
    if (step < first || step > last) list += (list.empty() ? "" : ", ") + std::to_string(step);
  }
  if (early.empty() && late.empty()) return {};
  std::string text = "run.keep_checkpoints: no checkpoint is written";
  const auto named = [](const std::string& list) {
    return (list.find(',') == std::string::npos ? "step " : "steps ") + list;
  };
  if (!early.empty())
    text += fmt::format(" of {}, {}", named(early),
                        config.fork ? fmt::format("because the fork begins at step {}", first)
                                    : std::string("which can be made again"));
  if (!late.empty())
    text +=
        fmt::format("{} of {}, because the run ends at step {}", early.empty() ? "" : ", and none", named(late), last);
  return text;
}

std::optional<std::string> tolerance_warning(const Config& config) {
  const double least = least_relative_residual(config.run.precision);
  if (!measures_spectrum(config) || residual_tolerance(config) >= least) return {};
  const bool single = config.run.precision == Dtype::f32;
  return fmt::format(
      "warning: measure.tolerance = {} is below what {} can give, a relative residual of about {}: eigenvalues are "
      "hardly ever certified, and a step takes up to measure.budget = {} products; expected a larger tolerance{}",
      readable(config.measure.tolerance), single ? "float32" : "float64", readable(least, 2), config.measure.budget,
      single ? " or run.precision = \"float64\"" : "");
}

std::optional<std::string> effective_note(const Config& config) {
  if (!config.training.rule.kind->preconditions || config.measure.top == 0) return {};
  return fmt::format(
      "plan: instabilities under {} are those of λ_eff, the largest eigenvalue of P^(−½) H P^(−½), which is tracked "
      "beside λ₁{}",
      config.training.rule.kind->name,
      std::ranges::any_of(config.measure.more, [](const auto& m) { return m.kind->name == "effective"; })
          ? ""
          : "; with the table [measure.effective] it is recorded");
}

std::optional<std::string> text_of_bounds(const RunRecord& r) {
  if (r.random_starts.value_or(0) == 0) return {};
  return fmt::format(
      "bounds: lambda_1_upper and lambda_min_lower rest on {}; each column holds as a whole except with probability {}",
      counted(*r.random_starts, "random start"),
      readable(static_cast<double>(*r.random_starts) * bound_probability, 2));
}

std::string text_of_instabilities(const Config& config, const RunRecord& r) {
  if (config.measure.top == 0) return "instabilities: not measured, because measure.top = 0 leaves out λ₁";
  const std::string lambda = sharpness_name(config);
  const std::int64_t every = steps_between_measurements(config), steps = *r.lambda_1_steps,
                     certified = *r.lambda_1_certified_steps;
  if (steps == 0) return "instabilities: not known, because " + lambda + " could not be measured at any step";
  std::string text = fmt::format("instabilities: {}", *r.instabilities);
  if (*r.instabilities > 0) text += fmt::format(", {} of them long", *r.long_instabilities);
  text += fmt::format("; {} measured {}", lambda, every == 1 ? "at every step" : fmt::format("every {} steps", every));
  if (certified == steps) return text + ", always certified";
  return text + fmt::format(
                    ", certified at {} of {} measured steps: instabilities may be missing; a larger "
                    "measure.budget or measure.tolerance may certify more",
                    certified, steps);
}

}  // namespace brink
