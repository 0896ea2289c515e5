// SPDX-License-Identifier: MIT
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

// A raw recrossing is a step with positive surplus whose last measured predecessor was not positive; the first crossing is
// not counted. It is chatter of the period-2 cycle; events.csv holds the merged ones.
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

/// The last value in a column; an accuracy as a percentage.
KeyFigure last_value(const Run& run, const std::string& column, const std::string& label, int digits, bool as_share) {
  for (std::size_t row = run.step.size(); row-- > 0;) {
    const auto value = run.at(column, row);
    if (!value) continue;
    return {as_share ? share_text(*value) : readable(*value, digits), label, "at step " + shortest(run.step[row])};
  }
  return {"–", label, "not recorded"};
}

std::optional<double> upper_bound(const Run& run, std::size_t row) {
  const auto bound = run.at(bound_column(1), row);
  return bound && std::isfinite(*bound) ? bound : std::nullopt;
}

/// "at step 12; no eigenvalue above 31.6"
std::string at_step_with_bound(double step, const std::optional<double>& bound) {
  const std::string words = bound_in_words(bound);
  return "at step " + shortest(step) + (words.empty() ? "" : "; " + words);
}

KeyFigure last_sharpness(const Run& run, const std::string& why_not) {
  for (std::size_t row = run.step.size(); row-- > 0;) {
    if (const auto lambda = run.eigenvalue(1, row))
      return {readable(lambda->value, 4), "final λ₁", at_step_with_bound(run.step[row], upper_bound(run, row)),
              lambda->certified};
  }
  return {"–", "final λ₁", why_not};
}

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Whether what decides about instabilities is certified up to that step, wherever it is recorded.
bool sharpness_certified(const Run& run, double to) {
  for (std::size_t row = 0; row < run.step.size() && run.step[row] <= to; ++row)
    if (const auto sharpness = run.sharpness(row); sharpness && !sharpness->certified) return false;
  return true;
}

/// Figures that rest on the threshold: nothing is said of them where λ₁ was not measured.
void add_crossings(const Run& run, const std::string& why_not, std::vector<KeyFigure>& out) {
  const Crossings crossed = crossings(run);
  const bool known = why_not.empty() && run.measured("surplus"), sure = sharpness_certified(run, infinity);
  const std::string unknown = why_not.empty() ? "not recorded" : why_not;
  const bool sparse = run.every && *run.every > 1;
  if (!known) {
    out.push_back({"–", "first above the threshold", unknown});
    out.push_back({"–", "raw recrossings", unknown});
  } else {
    const std::string among = sparse ? "of those measured, " + interval_of(run) : "";
    out.push_back({crossed.first ? "step " + shortest(*crossed.first) : "–", "first above the threshold",
                   (crossed.first ? "first step with " + run.sharpness_name() + " > " + run.threshold_name()
                                  : "never within the run") +
                       (sparse ? ", " + among : std::string()),
                   sharpness_certified(run, crossed.first.value_or(infinity))});
    out.push_back({std::to_string(crossed.recrossings), "raw recrossings",
                   "back above " + run.threshold_name() + ", unmerged" + (sparse ? ", " + among : std::string()),
                   sure});
  }
  if (!knows_instabilities(run)) {
    out.push_back({"–", "instabilities", why_not.empty() ? "no events recorded" : why_not});
    return;
  }
  std::int64_t open = 0, is_long = 0;
  for (const auto& event : run.instabilities) open += event.open, is_long += event.is_long;
  out.push_back({std::to_string(run.instabilities.size()), "instabilities",
                 std::to_string(is_long) + " long" +
                     (open > 0 ? ", " + std::to_string(open) + " open at the end" : "") +
                     (sparse ? ", measured " + interval_of(run) : ""),
                 sure});
}

KeyFigure mean_products(const Run& run) {
  double products = 0;
  std::int64_t measured = 0;
  for (std::size_t row = 0; row < run.step.size(); ++row) {
    if (const auto count = run.at("products", row); count && std::isfinite(*count)) products += *count, ++measured;
  }
  if (measured == 0) return {"–", "Hessian products a step", "not recorded"};
  const double mean = products / static_cast<double>(measured);
  return {std::fabs(mean) < 1000 ? fixed(mean, 1) : readable(mean, 4), "Hessian products a step",
          "mean of " + counted(measured, "step", "steps")};
}

}  // namespace

std::string bound_in_words(const std::optional<double>& bound) {
  return bound ? "no eigenvalue above " + readable(*bound, 4) : std::string();
}

std::optional<Peak> peak_sharpness(const Run& run, double from, double to) {
  std::optional<Peak> peak;
  for (std::size_t row = 0; row < run.step.size(); ++row) {
    if (run.step[row] < from || run.step[row] > to) continue;
    const auto lambda = run.eigenvalue(1, row);
    if (!lambda || !std::isfinite(lambda->value)) continue;
    if (!peak || lambda->value > peak->value)
      peak = Peak{lambda->value, run.step[row], lambda->certified, upper_bound(run, row)};
  }
  return peak;
}

std::string ending(const Run& run) {
  if (run.step.empty()) return "no step recorded";
  const std::string last = shortest(run.step.back());
  if (run.diverged_at) return "diverged at step " + shortest(*run.diverged_at) + "; last recorded step " + last;
  if (run.account.completed_at) return "complete at step " + shortest(*run.account.completed_at);
  if (run.planned_steps && run.step.back() < *run.planned_steps) {
    return "ends at step " + last + " of " + shortest(*run.planned_steps);
  }
  return last + " steps";
}

bool certified_between(const Run& run, double from, double to) {
  for (std::size_t row = 0; row < run.step.size(); ++row) {
    const auto lambda = run.eigenvalue(1, row);
    if (lambda && !lambda->certified && run.step[row] >= from && run.step[row] <= to) return false;
  }
  return true;
}

bool knows_instabilities(const Run& run) {
  return run.has_events && (certified_share(run, 1).measured > 0 || !run.instabilities.empty());
}

std::vector<KeyFigure> key_figures(const Run& run) {
  std::vector<KeyFigure> out;
  const std::string why_not = why_unmeasured(run, 1);
  add_crossings(run, why_not, out);
  if (const auto peak = peak_sharpness(run, -infinity, infinity)) {
    out.push_back({readable(peak->value, 4), "peak λ₁", at_step_with_bound(peak->step, peak->bound), peak->certified});
  } else {
    out.push_back({"–", "peak λ₁", why_not.empty() ? "never finite" : why_not});
  }
  out.push_back(last_sharpness(run, why_not));
  out.push_back(last_value(run, "loss", "final loss", 3, false));
  if (run.has_data_set) {
    out.push_back(last_value(run, "train_accuracy", "training accuracy", 3, true));
    out.push_back(last_value(run, "test_accuracy", "test accuracy", 3, true));
  }
  if (const auto& early = run.account.early_stopping; early.contains("step") && early.contains("test_loss")) {
    std::string detail = "at step " + shortest(early.at("step"));
    if (early.contains("test_accuracy")) detail += ", with test accuracy " + share_text(early.at("test_accuracy"));
    out.push_back({readable(early.at("test_loss"), 3), "least test loss", detail});
  }
  const Certified share = certified_share(run, 1);
  out.push_back(
      {share.measured > 0 ? percent(static_cast<double>(share.certified), static_cast<double>(share.measured)) : "–",
       "steps with λ₁ certified",
       share.measured > 0 ? std::to_string(share.certified) + " of " + std::to_string(share.measured) + ", to " +
                                readable(run.tolerance, 2) + " relative"
                          : why_not});
  out.push_back(mean_products(run));
  for (KeyFigure& figure : out) {
    if (!figure.certified) figure.detail += ", not certified";
    if (run.evaluation_hessian && figure.value != "–" &&
        (figure.label.ends_with(" λ₁") || figure.label.ends_with("the threshold")))
      figure.detail += ", in evaluation mode";
  }
  return out;
}

}  // namespace brink::report
