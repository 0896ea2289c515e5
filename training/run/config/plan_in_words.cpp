// SPDX-License-Identifier: MIT
#include "training/run/plan_in_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "autodiff/parameters.h"
#include "training/io/readable.h"
#include "training/run/config/values.h"

namespace brink {

namespace {

/// " (momentum = 0.9, …)", or nothing for a kind without keys.
template <class Kind>
std::string options_text(const Chosen<Kind>& chosen) {
  std::string out;
  for (const Option& o : chosen.options.declared())
    out += fmt::format("{}{} = {}", out.empty() ? " (" : ", ", o.name, config::text_of(chosen.options.value(o.name)));
  return out.empty() ? out : out + ")";
}

double threshold_of(const Chosen<RuleKind>& rule, double rate) {
  Device device;
  const ParameterLayout one({Parameter{"x", Shape{1}}});
  return factory(rule)(device, one, Dtype::f64)->threshold(rate);
}

/// η_t with these settings, and the threshold: "0.1 (2/η = 20)".
std::string rate_text(const Config::Training& t, std::int64_t step) {
  const double rate = make_schedule(t.schedule, t.learning_rate, t.warmup, t.steps)->learning_rate(step);
  return fmt::format("{} ({})", readable(rate), threshold_in_words(t.rule, threshold_of(t.rule, rate)));
}

std::string learning_rate_sentence(const Config::Training& t) {
  const std::string updates = counted(t.steps, "update");
  if (t.schedule == schedule_kinds().front() && t.warmup <= 1)
    return fmt::format("{} by {}; the learning rate is {}", updates, t.rule.kind->name, rate_text(t, 0));
  std::string out =
      fmt::format("{} by {}; schedule {}{}: {}, η = {}", updates, t.rule.kind->name, t.schedule.kind->name,
                  options_text(t.schedule), t.schedule.kind->meaning, readable(t.learning_rate));
  if (t.warmup > 1) out += fmt::format(", times min(1, (t + 1)/{}) for the warm-up", t.warmup);
  return out + fmt::format("; the learning rate is {} at step 0 and {} at step {}", rate_text(t, 0),
                           rate_text(t, std::max<std::int64_t>(t.steps - 1, 0)),
                           std::max<std::int64_t>(t.steps - 1, 0));
}

}  // namespace

std::string threshold_in_words(const Chosen<RuleKind>& rule, double threshold) {
  return fmt::format("{} = {}", rule.kind->threshold, readable(threshold));
}

std::string in_words(const Config::Change& c) {
  std::string out;
  const auto add = [&](const std::string& text) { out += (out.empty() ? "" : "; ") + text; };
  const auto sets = [&](std::string_view key) {
    return std::ranges::find(c.set, key, &std::pair<std::string, std::string>::first) != c.set.end();
  };
  const Config::Training& t = c.after;
  if (sets("rule"))
    add(fmt::format("the update rule becomes {}{}, whose vectors start as at step 0", t.rule.kind->name,
                    options_text(t.rule)));
  if (sets("schedule")) add(fmt::format("the schedule becomes {}{}", t.schedule.kind->name, options_text(t.schedule)));
  if (sets("learning_rate"))
    add(fmt::format("the learning rate becomes {}{}", readable(t.learning_rate),
                    t.schedule == schedule_kinds().front() ? "" : " before its schedule"));
  if (sets("batch"))
    add(t.batch == 0 ? std::string("every update uses all training samples")
                     : fmt::format("minibatches of {}, beginning with a new epoch", counted(t.batch, "sample")));
  for (const auto& [key, value] : c.set) {
    if (key == "batch" || key == "rule" || key == "schedule" || key == "learning_rate") continue;
    if ((sets("rule") && t.rule.options.has(key)) || (sets("schedule") && t.schedule.options.has(key))) continue;
    add(fmt::format("training.{} becomes {}", key, value));
  }
  return out;
}

std::vector<std::string> plan_in_words(const Config& config) {
  const Config::Training& t = config.training;
  std::vector<std::string> out{learning_rate_sentence(t)};
  if (t.uncompensated_steps)
    out.push_back(fmt::format("training.compensate: {} × {}/{} = {}", counted(*t.uncompensated_steps, "step"),
                              readable(*t.compensate), readable(t.learning_rate), counted(t.steps, "step")));
  if (t.complete_accuracy)
    out.push_back(fmt::format("complete when the training accuracy is at least {} at {}, and after {} at the latest",
                              readable(*t.complete_accuracy),
                              t.complete_evaluations == 1
                                  ? std::string("one evaluation")
                                  : fmt::format("{} consecutive evaluations", t.complete_evaluations),
                              counted(t.steps, "update")));
  // Between changes of either kind the order is not known, and so which rule and which learning rate meet.
  const auto on_step = [](const auto& change) { return change->at_step.has_value(); };
  const bool ordered = std::ranges::all_of(t.changes, on_step) || std::ranges::none_of(t.changes, on_step);
  for (const auto& change : t.changes) {
    std::string text = change->at_step
                           ? fmt::format("at step {}: ", *change->at_step)
                           : fmt::format("at the step after the first one whose training accuracy exceeds {}: ",
                                         readable(*change->at_accuracy));
    text += in_words(*change);
    const Config::Training& after = change->after;
    const auto schedule = make_schedule(after.schedule, after.learning_rate, after.warmup, after.steps);
    if (ordered && (change->changes_rule || change->changes_rate) && (change->at_step || schedule->is_constant()))
      text += fmt::format(
          " ({})", threshold_in_words(after.rule,
                                      threshold_of(after.rule, schedule->learning_rate(change->at_step.value_or(0)))));
    out.push_back(std::move(text));
  }
  return out;
}

}  // namespace brink
