// SPDX-License-Identifier: MIT
#include "training/run/plan_in_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "autodiff/parameters.h"
#include "training/io/readable.h"
#include "training/run/config/values.h"
#include "training/run/messages.h"

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

/// What comes next that decides about the learning rate or its threshold.
struct NextChange {
  std::optional<std::int64_t> at_step;  ///< the first one with a step
  bool at_accuracy = false;             ///< whether one may come at any time
};

/// From this change of the list on.
NextChange next_of_rate(const Config::Training& t, std::size_t from) {
  NextChange out;
  for (std::size_t i = from; i < t.changes.size(); ++i) {
    if (!t.changes[i]->changes_rate && !t.changes[i]->changes_rule) continue;
    if (!out.at_step) out.at_step = t.changes[i]->at_step;
    out.at_accuracy = out.at_accuracy || t.changes[i]->at_accuracy;
  }
  return out;
}

/// "the learning rate is 0.1 (2/η = 20) at step 0 and 0.001 (2/η = 2000) at step 399", from a step on until the next change of the rate
/// or the rule, or until the end.
std::string rates_text(const Config::Training& t, std::int64_t first, const NextChange& next) {
  const std::int64_t last = std::max(first, next.at_step.value_or(t.steps) - 1), warm = t.warmup - 1;
  std::string out = fmt::format("the learning rate is {} at step {}", rate_text(t, first), first);
  if (warm > first && warm < last) out += fmt::format(", {} at step {}", rate_text(t, warm), warm);
  if (last > first) out += fmt::format(" and {} at step {}", rate_text(t, last), last);
  if (next.at_step) out += fmt::format(", the last one before the change at step {}", *next.at_step);
  return out + (next.at_accuracy ? ", unless a change at an accuracy comes before" : "");
}

/// Whether η_t is one number from this step on.
bool is_constant_from(const Config::Training& t, std::int64_t first) {
  return t.schedule == schedule_kinds().front() && t.warmup <= first + 1;
}

std::string learning_rate_sentence(const Config::Training& t) {
  const std::string updates = counted(t.steps, "update");
  if (is_constant_from(t, 0))
    return fmt::format("{} by {}; the learning rate is {}", updates, t.rule.kind->name, rate_text(t, 0));
  std::string out =
      fmt::format("{} by {}; schedule {}{}: {}, η = {}", updates, t.rule.kind->name, t.schedule.kind->name,
                  options_text(t.schedule), t.schedule.kind->meaning, readable(t.learning_rate));
  if (t.warmup > 1)
    out += fmt::format("; warm-up: during the first {} this is multiplied by (t + 1)/{}", counted(t.warmup, "update"),
                       t.warmup);
  return out + "; " + rates_text(t, 0, next_of_rate(t, 0));
}

std::string in_words(ProjectionMode mode) {
  switch (mode) {
    case ProjectionMode::remove: return "the part of the gradient along unstable eigenvectors is removed";
    case ProjectionMode::keep:
      return "from the first unstable eigenvector on, only the part of the gradient along unstable eigenvectors is "
             "kept";
    default: return "updates are no longer projected";
  }
}

}  // namespace

std::string threshold_in_words(const Chosen<RuleKind>& rule, double threshold) {
  return fmt::format("{} = {}", rule.kind->threshold, readable(threshold));
}

std::string in_words(const Config::Change& c) {
  constexpr std::array<std::string_view, 5> told{"batch", "rule", "schedule", "learning_rate", "project"};
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
  if (sets("project")) add(in_words(t.project));
  for (const auto& [key, value] : c.set) {
    if (std::ranges::find(told, key) != told.end()) continue;
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
  if (t.project != ProjectionMode::off)
    out.push_back(fmt::format("{} (training.project_most = {})", in_words(t.project), t.project_most));
  // Between changes of either kind the order is not known, and so which rule and which learning rate meet.
  const auto on_step = [](const auto& change) { return change->at_step.has_value(); };
  const bool ordered = std::ranges::all_of(t.changes, on_step) || std::ranges::none_of(t.changes, on_step);
  for (std::size_t i = 0; i < t.changes.size(); ++i) {
    const auto& change = t.changes[i];
    std::string text = change->at_step
                           ? fmt::format("at step {}: ", *change->at_step)
                           : fmt::format("at the step after the first one whose training accuracy exceeds {}: ",
                                         readable(*change->at_accuracy));
    text += in_words(*change);
    const Config::Training& after = change->after;
    const std::int64_t from = change->at_step.value_or(0);
    if (ordered && (change->changes_rule || change->changes_rate)) {
      if (is_constant_from(after, from))
        text += fmt::format(" ({})", threshold_in_words(after.rule, threshold_of(after.rule, after.learning_rate)));
      else if (change->at_step)
        text += "; " + rates_text(after, from, next_of_rate(t, i + 1));
    }
    out.push_back(std::move(text));
  }
  if (t.complete_accuracy)
    out.push_back(fmt::format("complete when the training accuracy is at least {} at {}, and after {} at the latest",
                              readable(*t.complete_accuracy),
                              t.complete_evaluations == 1
                                  ? std::string("one evaluation")
                                  : fmt::format("{} consecutive evaluations", t.complete_evaluations),
                              counted(t.steps, "update")));
  if (const auto note = kept_checkpoints_note(config)) out.push_back(*note);
  return out;
}

}  // namespace brink
