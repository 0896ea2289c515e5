// SPDX-License-Identifier: MIT
#include "tools/report/charts.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "tools/report/column_panels.h"
#include "tools/report/describe.h"
#include "tools/report/facts.h"
#include "tools/report/series.h"
#include "tools/report/slices.h"
#include "tools/report/text.h"

namespace brink::report {
namespace {

constexpr int most_lambdas = 5;  // drawn

std::string certificate_sentences(const Run& run, int first, int last) {
  std::string uncertified, worst;
  std::int64_t total = 0;
  double largest = -1;
  for (int i = first; i <= last; ++i) {
    const Certified share = certified_share(run, i);
    total += share.measured;
    if (share.uncertified() > 0) {
      uncertified +=
          (uncertified.empty() ? "" : ", ") + lambda_name(i) + " at " + counted(share.uncertified(), "step", "steps");
    }
    for (std::size_t row = 0; row < run.step.size(); ++row) {
      const auto v = run.eigenvalue(i, row);
      if (!v || !(v->residual > largest) || !std::isfinite(v->residual)) continue;
      largest = v->residual;
      worst = readable(largest, 2) + " for " + lambda_name(i) + " at step " + shortest(run.step[row]);
    }
  }
  std::string out = largest < 0 ? " No residuals are recorded."
                                : " Error bars are ± the residual ‖Hy−θy‖ (at most " + worst +
                                      "), drawn where they are taller than the line is thick.";
  if (total == 0) return out;
  if (run.every && *run.every > 1) out += " Measured " + interval_of(run) + "; the lines only join the values.";
  if (uncertified.empty())
    return out + " Every value is certified: residual ≤ " + readable(run.tolerance, 2) + "·max|λ|.";
  return out + " Rings and dashes: not certified (residual above " + readable(run.tolerance, 2) +
         "·max|λ|, or none): " + uncertified + ".";
}

/// What the bounds of the largest (index 1) or smallest eigenvalue (0) say, and how they are drawn.
std::string bound_sentences(const Series& line, int index) {
  std::int64_t near = 0, far = 0, none = 0;
  for (const Point& p : line.points) (!p.bound ? none : is_near(p) ? near : far) += 1;
  if (line.bound_key.empty() || near + far == 0) return {};
  const std::string name = lambda_name(index), side = index == 0 ? "below" : "above";
  std::string out = " " + line.bound_key + " is a bound of " + name + ": no eigenvalue lies " + side +
                    " it, except with probability 10⁻⁹ for each random start.";
  if (near > 0)
    out += " A band from " + name + " to the bound is drawn where the bound is within 10 % of " + name + ", at " +
           counted(near, "step", "steps") + ".";
  if (far > 0)
    out += " A short dash marks the bound at " +
           counted(far, near > 0 ? "other step" : "step", near > 0 ? "other steps" : "steps") +
           ", as far as the axis reaches.";
  if (none > 0) out += " At " + counted(none, "step", "steps") + " there is no bound.";
  return out;
}

std::vector<Shade> shades_of(const Run& run, const Axis& axis) {
  std::vector<Shade> out;
  for (std::size_t i = 0; i < run.instabilities.size(); ++i) {
    const auto& event = run.instabilities[i];
    const double from = std::clamp(event.entry, axis.low, axis.high);
    const double to = std::clamp(event.open || !event.resolution ? axis.high : *event.resolution, from, axis.high);
    out.push_back({from, to, event.is_long, event.is_long ? std::to_string(i + 1) : ""});
  }
  return out;
}

std::string instability_sentence(const Run& run) {
  if (!run.has_events) return " No events are recorded.";
  if (!knows_instabilities(run)) return {};
  if (run.instabilities.empty()) {
    const auto uncertified = certified_share(run, 1).uncertified();
    if (uncertified > 0)
      return " No instability was found, but λ₁ is not certified at " + counted(uncertified, "step", "steps") + ".";
    return run.every && *run.every > 1 ? " No instability was seen " + interval_of(run) + "."
                                       : " There was no instability.";
  }
  return std::string(
             " Shaded in every chart: instabilities, the long ones darker. Their numbers are those of the table "
             "below.") +
         (run.preconditioned ? " They are those of the effective sharpness λ_eff, not of λ₁." : "");
}

/// λ far beyond the threshold, and beyond its own start, belongs to a run that is being lost: it must not flatten what came before.
std::optional<double> far_beyond_threshold(const Run& run) {
  double threshold_at_most = 0;
  for (const auto& point : threshold_series(run, 0, "", "").points)
    threshold_at_most = std::max(threshold_at_most, point.y);
  if (!(threshold_at_most > 0)) return std::nullopt;
  const auto start = run.step.empty() ? std::nullopt : run.at("lambda_1", 0);
  return std::max(25 * threshold_at_most, start && std::isfinite(*start) ? 2 * *start : 0);
}

Figure titled(std::string title, std::string caption, std::vector<Panel> panels) {
  Figure figure;
  figure.title = std::move(title);
  figure.caption = std::move(caption);
  figure.panels = std::move(panels);
  return figure;
}

std::string eigenvalue_axis(const Run& run) {
  return std::string("eigenvalue of the Hessian") + (run.evaluation_hessian ? " in evaluation mode" : "");
}

/// What fits beside a line's right end.
std::string short_name(const std::string& name) { return name == "the threshold" || name.size() > 6 ? "limit" : name; }

std::string hessian_sentence(const Run& run) {
  return run.hessian_of.empty() ? "" : " The Hessian is that of " + run.hessian_of + ".";
}

Figure sharpness_figure(const Run& run, int index) {
  const int drawn = std::min(run.top, most_lambdas);
  Panel panel{eigenvalue_axis(run), 340, ChartScale::linear, true};
  for (int i = 1; i <= drawn; ++i) {
    if (auto s = lambda_series(run, index, i, lambda_name(i), "l" + std::to_string(i)); !s.points.empty()) {
      if (i == 1) add_bounds(run, bound_column(i), s);
      panel.series.push_back(std::move(s));
    }
  }
  const std::string bounds = panel.series.empty() ? "" : bound_sentences(panel.series[0], 1);
  const std::string edge = run.threshold_name();
  panel.series.push_back(threshold_series(run, index, short_name(edge), "edge"));
  panel.series.back().legend = edge;
  const bool has_edge = !panel.series.back().points.empty();
  panel.farthest = far_beyond_threshold(run);
  std::string caption;
  if (has_edge)
    caption = "Dashed line: " + (edge == "the threshold" ? "" : edge + ", ") +
              "the threshold of stability under the rule " + run.rule + ".";
  caption += hessian_sentence(run) + instability_sentence(run) + certificate_sentences(run, 1, drawn) + bounds;
  if (run.top > drawn)
    caption += " Measured but not drawn: λ₆" + (run.top > drawn + 1 ? " to " + lambda_name(run.top) : "") + ".";
  return titled("Sharpness: λ₁" + (drawn > 1 ? " … " + lambda_name(drawn) : "") + (has_edge ? " against " + edge : ""),
                std::move(caption), {panel});
}

Figure bottom_figure(const Run& run, int index) {
  Panel panel{eigenvalue_axis(run), 180, ChartScale::linear, true};
  panel.series.push_back(lambda_series(run, index, 0, "λₙ", "bottom"));
  add_bounds(run, bound_column(0), panel.series[0]);
  panel.farthest = far_beyond_threshold(run);
  return titled("Most negative curvature: λₙ",
                "The smallest eigenvalue of the Hessian." + hessian_sentence(run) + certificate_sentences(run, 0, 0) +
                    bound_sentences(panel.series[0], 0),
                {panel});
}

Figure certificate_figure(const Run& run, int index) {
  Series residual{"λ₁", "l1", index, "relative_residual", "", {}};
  Series tolerance{"tol.", "edge", index, "", "", {}};
  tolerance.reference = true;
  for (std::size_t row = 0; row < run.step.size(); ++row) {
    const auto ratio = relative_residual(run, row);
    if (!ratio) continue;
    residual.points.push_back({run.step[row], *ratio, 0, run.eigenvalue(1, row)->certified});
    tolerance.points.push_back({run.step[row], run.tolerance, 0, true});
  }
  Panel quality{"relative residual of λ₁, logarithmic", 150, ChartScale::logarithmic};
  quality.series = {residual, tolerance};
  return titled("Certificates of λ₁",
                "Relative residual of λ₁, ‖Hy−θy‖ / max|λ|: at most the tolerance (dashed) where λ₁ is certified." +
                    hessian_sentence(run),
                {quality});
}

/// Panels whose chart says more than its columns do.
using Special = Figure (*)(const Run&, int);
const std::map<std::string, Special> specials{{"largest eigenvalues", sharpness_figure},
                                              {"smallest eigenvalue", bottom_figure}};

/// All figures in the page's order, also those that turn out to have nothing to show.
std::vector<Figure> all_figures(const Run& run, int index, std::string& constant) {
  std::vector<Figure> out{sharpness_figure(run, index)};
  for (const std::string& panel : panels_of(run)) {
    const auto special = specials.find(panel);
    if (special != specials.end()) {
      if (special->second != sharpness_figure) out.push_back(special->second(run, index));
    } else if (const std::string same = constant_columns(run, panel); !same.empty()) {
      constant += (constant.empty() ? "" : ", ") + same;
    } else {
      out.push_back(column_figure(run, index, panel));
    }
  }
  out.push_back(certificate_figure(run, index));
  return out;
}

std::string why_left_out(const Run& run) {
  std::string out;
  for (const int i : {1, 0})
    if (const auto why = why_unmeasured(run, i); why.find('(') != std::string::npos) out += " " + why + ".";
  return out;
}

}  // namespace

Charts run_charts(const Run& run, int index) {
  Charts out;
  if (run.step.empty()) {
    out.notes.push_back("metrics.csv has no rows: there is nothing to draw.");
    return out;
  }
  const Axis axis = axis_of(run);
  if (axis.time.empty())
    out.notes.push_back("The axis of time ηt is left out: η is not known at every step, or there is one row only.");
  std::string left_out;
  for (Figure& figure : all_figures(run, index, out.constant)) {
    std::erase_if(figure.panels, [](const Panel& panel) { return !has_points(panel); });
    if (figure.panels.empty()) {
      left_out += (left_out.empty() ? "“" : ", “") + figure.title + "”";
      continue;
    }
    figure.id = "run" + std::to_string(index) + "-chart" + std::to_string(out.figures.size() + 1);
    figure.axis = axis;
    figure.shades = shades_of(run, axis);
    if (!out.figures.empty())
      for (auto& shade : figure.shades) shade.number.clear();  // once is enough
    figure.diverged_at = run.diverged_at;
    figure.diverged_label = out.figures.empty();
    out.figures.push_back(std::move(figure));
  }
  if (Figure slices = slices_figure(run); !slices.panels.empty()) {
    slices.id = "run" + std::to_string(index) + "-slices";
    out.figures.push_back(std::move(slices));
  }
  if (!left_out.empty())
    out.notes.push_back("Not drawn, because nothing was measured: " + left_out + "." + why_left_out(run));
  return out;
}

}  // namespace brink::report
