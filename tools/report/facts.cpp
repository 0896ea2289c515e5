// SPDX-License-Identifier: MIT
// What it is: counting over a run's rows. What it is not: a second definition of an instability.
// Decision: a raw recrossing is a step with positive surplus whose last measured predecessor was not positive, the
// first such step (the first crossing) not counted: it is chatter of the period-2 cycle, and events.csv holds the
// merged ones.
#include "tools/report/facts.h"

#include <cmath>
#include <limits>

#include "tools/report/text.h"

namespace brink::report {
namespace {

struct Crossings {
  std::optional<double> first;
  std::int64_t recrossings = 0;
};

Crossings crossings(const Run& run) {
  Crossings out;
  bool above = false;
  for (std::size_t row = 0; row < run.step.size(); ++row) {
    const auto surplus = run.at("surplus", row);
    if (!surplus) continue;
    if (*surplus > 0 && !above) {
      if (out.first) {
        ++out.recrossings;
      } else {
        out.first = run.step[row];
      }
    }
    above = *surplus > 0;
  }
  return out;
}

KeyFigure last_value(const Run& run, const std::string& column, const std::string& label, int digits, bool as_percent) {
  for (std::size_t row = run.step.size(); row-- > 0;) {
    const auto value = run.at(column, row);
    if (!value) continue;
    const std::string text =
        as_percent && std::isfinite(*value) ? fixed(100 * *value, 1) + " %" : readable(*value, digits);
    return {text, label, "at step " + shortest(run.step[row])};
  }
  return {"–", label, "not recorded"};
}

}  // namespace

Certified certified_share(const Run& run, int index) {
  Certified out;
  for (std::size_t row = 0; row < run.step.size(); ++row) {
    if (const auto lambda = run.eigenvalue(index, row)) {
      ++out.measured;
      out.certified += lambda->certified;
    }
  }
  return out;
}

std::optional<Peak> peak_sharpness(const Run& run, double from, double to) {
  std::optional<Peak> peak;
  for (std::size_t row = 0; row < run.step.size(); ++row) {
    if (run.step[row] < from || run.step[row] > to) continue;
    const auto lambda = run.eigenvalue(1, row);
    if (!lambda || !std::isfinite(lambda->value)) continue;
    if (!peak || lambda->value > peak->value) peak = Peak{lambda->value, run.step[row], lambda->certified};
  }
  return peak;
}

std::string ending(const Run& run) {
  if (run.step.empty()) return "no step recorded";
  const std::string last = shortest(run.step.back());
  if (run.diverged_at) return "diverged at step " + shortest(*run.diverged_at) + "; last recorded step " + last;
  if (run.planned_steps && run.step.back() < *run.planned_steps) {
    return "ends at step " + last + " of " + shortest(*run.planned_steps);
  }
  return last + " steps";
}

std::vector<KeyFigure> key_figures(const Run& run) {
  std::vector<KeyFigure> out;
  const double infinity = std::numeric_limits<double>::infinity();
  const Crossings crossed = crossings(run);
  const bool has_surplus = run.measured("surplus");
  out.push_back({crossed.first ? "step " + shortest(*crossed.first) : "–", "first above 2/η",
                 !has_surplus    ? "not recorded"
                 : crossed.first ? "first step with ηλ₁ > 2"
                                 : "never within the run"});
  out.push_back({has_surplus ? std::to_string(crossed.recrossings) : "–", "raw recrossings",
                 has_surplus ? "back above 2/η, unmerged" : "not recorded"});
  if (run.has_events) {
    std::int64_t open = 0, is_long = 0;
    for (const auto& event : run.instabilities) open += event.open, is_long += event.is_long;
    out.push_back(
        {std::to_string(run.instabilities.size()), "instabilities",
         std::to_string(is_long) + " long" + (open > 0 ? ", " + std::to_string(open) + " open at the end" : "")});
  } else {
    out.push_back({"–", "instabilities", "no events recorded"});
  }
  if (const auto peak = peak_sharpness(run, -infinity, infinity)) {
    out.push_back({readable(peak->value, 4), "peak λ₁",
                   "at step " + shortest(peak->step) + (peak->certified ? "" : ", uncertified")});
  } else {
    out.push_back({"–", "peak λ₁", "not recorded"});
  }
  out.push_back(last_value(run, "lambda_1", "final λ₁", 4, false));
  out.push_back(last_value(run, "loss", "final loss", 3, false));
  out.push_back(last_value(run, "train_accuracy", "training accuracy", 3, true));
  out.push_back(last_value(run, "test_accuracy", "test accuracy", 3, true));
  const Certified share = certified_share(run, 1);
  out.push_back(
      {share.measured > 0 ? percent(static_cast<double>(share.certified), static_cast<double>(share.measured)) : "–",
       "steps with λ₁ certified",
       share.measured > 0 ? std::to_string(share.certified) + " of " + std::to_string(share.measured) + ", to " +
                                readable(run.tolerance, 2) + " relative"
                          : "λ₁ not measured"});
  double products = 0;
  std::int64_t measured = 0;
  for (std::size_t row = 0; row < run.step.size(); ++row) {
    if (const auto count = run.at("products", row); count && std::isfinite(*count)) products += *count, ++measured;
  }
  out.push_back({measured > 0 ? fixed(products / static_cast<double>(measured), 1) : "–", "Hessian products a step",
                 measured > 0 ? "mean of " + counted(measured, "step", "steps") : "not recorded"});
  if (run.evaluation_hessian)
    for (KeyFigure& figure : out)
      if (figure.value != "–" && (figure.label.ends_with(" λ₁") || figure.label.ends_with("2/η")))
        figure.detail += ", in evaluation mode";
  return out;
}

}  // namespace brink::report
