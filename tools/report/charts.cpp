// SPDX-License-Identifier: MIT
// What it is: from columns to figures. What it is not: drawing.
// Decision: jump and loss are on logarithmic axes because they fall over orders of magnitude; λ on linear ones because
// the distance to 2/η is what matters.
#include "tools/report/charts.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "tools/report/facts.h"
#include "tools/report/text.h"

namespace brink::report {
namespace {

constexpr std::size_t most_rows = 2000;  // of a run in chart_data
const double nan = std::numeric_limits<double>::quiet_NaN();

std::string subscript(int i) {
  static constexpr std::array<std::string_view, 10> digits{"₀", "₁", "₂", "₃", "₄", "₅", "₆", "₇", "₈", "₉"};
  std::string out;
  for (char c : std::to_string(i)) out += digits[static_cast<std::size_t>(c - '0')];
  return out;
}

std::string lambda_name(int index) { return index == 0 ? "λₙ" : "λ" + subscript(index); }
std::string column_suffix(int index) { return index == 0 ? "min" : std::to_string(index); }

Axis axis_of(const Run& run) {
  Axis axis{run.step.front(), run.step.back(), {}};
  if (run.diverged_at) axis.high = std::max(axis.high, *run.diverged_at);
  if (!(axis.high > axis.low)) axis = {axis.low - 0.5, axis.high + 0.5, {}};
  if (run.time.size() < 2 || !(run.time.back() > 0)) return axis;
  for (const auto& tick : linear_ticks(0, run.time.back(), 6)) {
    const auto after = std::upper_bound(run.time.begin(), run.time.end(), tick.value * (1 + 1e-12));
    const auto row = static_cast<std::size_t>(std::max<std::ptrdiff_t>(after - run.time.begin() - 1, 0));
    double step = run.step[row];
    if (after != run.time.end()) {
      step += (tick.value - run.time[row]) / (*after - run.time[row]) * (run.step[row + 1] - run.step[row]);
    }
    axis.time.push_back({step, tick.label});
  }
  return axis;
}

Series column_series(const Run& run, int index, const std::string& column, std::string label, std::string css) {
  Series s{std::move(label), std::move(css), index, column, "", {}};
  for (std::size_t row = 0; row < run.step.size(); ++row) {
    if (const auto y = run.at(column, row)) s.points.push_back({run.step[row], *y, 0, true});
  }
  return s;
}

Series lambda_series(const Run& run, int index, int lambda, std::string label, std::string css) {
  Series s{std::move(label),
           std::move(css),
           index,
           "lambda_" + column_suffix(lambda),
           "residual_" + column_suffix(lambda),
           {}};
  for (std::size_t row = 0; row < run.step.size(); ++row) {
    if (const auto v = run.eigenvalue(lambda, row))
      s.points.push_back({run.step[row], v->value, v->residual, v->certified});
  }
  return s;
}

/// 2/η_t; with the run's constant η if there is no column.
Series threshold(const Run& run, int index, std::string label, std::string css) {
  Series s{std::move(label), std::move(css), index, "threshold", "", {}};
  s.reference = true;
  for (std::size_t row = 0; row < run.step.size(); ++row) {
    const auto eta = run.columns.contains("learning_rate") ? run.at("learning_rate", row) : run.learning_rate;
    if (eta && *eta > 0) s.points.push_back({run.step[row], 2 / *eta, 0, true});
  }
  return s;
}

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
  if (uncertified.empty())
    return out + " Every value is certified: residual ≤ " + readable(run.tolerance, 2) + "·max|λ|.";
  return out + " Rings and dashes: not certified (residual above " + readable(run.tolerance, 2) +
         "·max|λ|, or none): " + uncertified + ".";
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

std::string shade_sentence(const Run& run) {
  if (!run.has_events) return " No events are recorded.";
  if (run.instabilities.empty()) return " There was no instability.";
  return " Shaded: instabilities, the long ones darker.";
}

std::optional<double> relative_residual(const Run& run, std::size_t row) {
  const auto v = run.eigenvalue(1, row);
  if (!v) return std::nullopt;
  return v->largest > 0 ? v->residual / v->largest : nan;
}

/// λ far beyond the threshold belongs to a run that is being lost: it must not flatten what came before.
std::optional<double> far_beyond_threshold(const Run& run) {
  double threshold_at_most = 0;
  for (const auto& point : threshold(run, 0, "", "").points) threshold_at_most = std::max(threshold_at_most, point.y);
  return threshold_at_most > 0 ? std::optional(25 * threshold_at_most) : std::nullopt;
}

bool any(const Panel& panel) {
  return std::any_of(panel.series.begin(), panel.series.end(),
                     [](auto& s) { return !s.reference && !s.points.empty(); });
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

std::string hessian_sentence(const Run& run) {
  return run.hessian_of.empty() ? "" : " The Hessian is that of " + run.hessian_of + ".";
}

Figure sharpness_figure(const Run& run, int index) {
  const int drawn = std::min(run.top, 5);
  Panel panel{eigenvalue_axis(run), 340, false, true, {}, {}};
  for (int i = 1; i <= drawn; ++i) {
    if (auto s = lambda_series(run, index, i, lambda_name(i), "l" + std::to_string(i)); !s.points.empty()) {
      panel.series.push_back(std::move(s));
    }
  }
  panel.series.push_back(threshold(run, index, "2/η", "edge"));
  panel.farthest = far_beyond_threshold(run);
  std::string caption = "Dashed line: the stability threshold 2/η.";
  if (run.rule != "gd") caption += " It is that of plain gradient descent; this run's rule is " + run.rule + ".";
  caption += hessian_sentence(run);
  caption += shade_sentence(run);
  if (!run.instabilities.empty()) caption += " Their numbers are those of the table below.";
  caption += certificate_sentences(run, 1, drawn);
  if (run.top > drawn) caption += " Measured but not drawn: λ₆ to " + lambda_name(run.top) + ".";
  return titled(drawn > 1 ? "Sharpness: λ₁ … " + lambda_name(drawn) + " against 2/η" : "Sharpness: λ₁ against 2/η",
                caption, {panel});
}

Figure learning_figure(const Run& run, int index) {
  Panel loss{"training loss, logarithmic", 220, true, false, {}, {column_series(run, index, "loss", "loss", "loss")}};
  if (const auto& points = loss.series[0].points; !points.empty() && points[0].y > 0) loss.farthest = 1e4 * points[0].y;
  Panel accuracy{"accuracy", 150, false, false, {}, {}};
  accuracy.series.push_back(column_series(run, index, "train_accuracy", "train", "train"));
  accuracy.series.push_back(column_series(run, index, "test_accuracy", "test", "test"));
  Figure figure = titled("Loss and accuracy",
                         "Full training loss; accuracy on training and test samples." + shade_sentence(run), {});
  if (any(loss)) figure.panels.push_back(loss);
  if (any(accuracy)) figure.panels.push_back(accuracy);
  return figure;
}

Figure bottom_figure(const Run& run, int index) {
  Panel panel{eigenvalue_axis(run), 180, false, true, {}, {lambda_series(run, index, 0, "λₙ", "bottom")}};
  panel.farthest = far_beyond_threshold(run);
  return titled("Most negative curvature: λₙ",
                "The smallest eigenvalue of the Hessian." + hessian_sentence(run) + shade_sentence(run) +
                    certificate_sentences(run, 0, 0),
                {panel});
}

Figure motion_figure(const Run& run, int index) {
  Panel panel{"distance in parameter space, logarithmic", 220, true, false, {}, {}};
  panel.series.push_back(column_series(run, index, "jump", "jump", "jump"));
  panel.series.push_back(column_series(run, index, "period2_distance", "drift", "drift"));
  return titled(
      "Oscillation and drift: jump and period-2 distance",
      "With the midpoint m of two successive parameter vectors θ: jump is the distance from θ to m; the period-2 "
      "distance "
      "(drift) is how far m moves in two steps." +
          shade_sentence(run),
      {panel});
}

Figure certificate_figure(const Run& run, int index) {
  Figure figure =
      titled("Certificates and their cost",
             "Relative residual of λ₁, ‖Hy−θy‖ / max|λ|, under the tolerance (dashed) where it is certified; and "
             "Hessian–vector products spent at each step on all eigenvalues measured." +
                 hessian_sentence(run) + shade_sentence(run),
             {});
  Series residual{"λ₁", "l1", index, "relative_residual", "", {}};
  Series tolerance{"tol.", "edge", index, "", "", {}};
  tolerance.reference = true;
  for (std::size_t row = 0; row < run.step.size(); ++row) {
    const auto ratio = relative_residual(run, row);
    if (!ratio) continue;
    residual.points.push_back({run.step[row], *ratio, 0, run.eigenvalue(1, row)->certified});
    tolerance.points.push_back({run.step[row], run.tolerance, 0, true});
  }
  Panel quality{"relative residual of λ₁, logarithmic", 150, true, false, {}, {residual, tolerance}};
  Panel cost{"Hessian products", 120, false, true, {}, {column_series(run, index, "products", "", "cost")}};
  cost.series[0].label = "prod.";
  cost.series[0].whole = true;
  if (any(quality)) figure.panels.push_back(quality);
  if (any(cost)) figure.panels.push_back(cost);
  return figure;
}

}  // namespace

std::string run_letter(std::size_t index) {
  std::string out;
  for (++index; index > 0; index = (index - 1) / 26) out.insert(out.begin(), static_cast<char>('A' + (index - 1) % 26));
  return out;
}

std::string run_colour(std::size_t index) { return "run" + std::to_string(index % 8); }

std::vector<Figure> run_figures(const Run& run, int index, std::vector<std::string>& notes) {
  std::vector<Figure> out;
  if (run.step.empty()) {
    notes.push_back("metrics.csv has no rows: there is nothing to draw.");
    return out;
  }
  const Axis axis = axis_of(run);
  if (axis.time.empty())
    notes.push_back("The axis of time ηt is left out: η is not known at every step, or there is one row only.");
  std::string left_out;
  for (Figure& figure :
       std::vector<Figure>{sharpness_figure(run, index), learning_figure(run, index), bottom_figure(run, index),
                           motion_figure(run, index), certificate_figure(run, index)}) {
    if (!std::any_of(figure.panels.begin(), figure.panels.end(), any)) {
      left_out += (left_out.empty() ? "“" : ", “") + figure.title + "”";
      continue;
    }
    figure.id = "run" + std::to_string(index) + "-chart" + std::to_string(out.size() + 1);
    figure.axis = axis;
    figure.shades = shades_of(run, axis);
    if (!out.empty())
      for (auto& shade : figure.shades) shade.number.clear();  // once is enough
    figure.diverged_at = run.diverged_at;
    figure.diverged_label = out.empty();
    out.push_back(std::move(figure));
  }
  if (!left_out.empty()) notes.push_back("Not drawn, because nothing was measured: " + left_out + ".");
  return out;
}

namespace {
std::string evaluation_sentence(std::span<const Run> runs) {
  std::string letters;
  for (std::size_t i = 0; i < runs.size(); ++i)
    if (runs[i].evaluation_hessian) letters += (letters.empty() ? "" : ", ") + run_letter(i);
  return letters.empty()
             ? ""
             : " Of the loss in evaluation mode, which is not the function that is descended: " + letters + ".";
}
}  // namespace

std::vector<Figure> overlay_figures(std::span<const Run> runs) {
  Axis axis{std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(), {}};
  Panel sharpness{"largest eigenvalue of the Hessian", 340, false, true, {}, {}},
      loss{"training loss, logarithmic", 260, true, false, {}, {}};
  std::vector<Series> edges;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const Run& run = runs[i];
    if (run.step.empty()) continue;
    axis.low = std::min(axis.low, run.step.front()), axis.high = std::max(axis.high, run.step.back());
    const int index = static_cast<int>(i);
    sharpness.series.push_back(lambda_series(run, index, 1, run_letter(i), run_colour(i)));
    loss.series.push_back(column_series(run, index, "loss", run_letter(i), run_colour(i)));
    sharpness.series.back().legend = loss.series.back().legend = run_letter(i) + " " + run.name;
    Series edge = threshold(run, index, "2/η", run_colour(i));
    edge.key.clear();
    const bool same = std::any_of(edges.begin(), edges.end(), [&](const Series& other) {
      return !other.points.empty() && !edge.points.empty() && other.points.front().y == edge.points.front().y &&
             other.points.back().y == edge.points.back().y && other.points.size() >= edge.points.size();
    });
    if (!same) edges.push_back(std::move(edge));
  }
  if (std::all_of(runs.begin(), runs.end(),
                  [&](const Run& run) { return run.learning_rate == runs[0].learning_rate; })) {
    const auto longest = std::max_element(runs.begin(), runs.end(),
                                          [](const Run& a, const Run& b) { return a.step.size() < b.step.size(); });
    if (!longest->step.empty() && edges.size() == 1 && longest->step.back() == axis.high)
      axis.time = axis_of(*longest).time;
  }
  if (edges.size() == 1) edges[0].css = "edge";
  if (!(axis.high > axis.low)) axis = {axis.low - 0.5, axis.high + 0.5, {}};
  for (const Run& run : runs) {
    if (const auto far = far_beyond_threshold(run)) sharpness.farthest = std::max(sharpness.farthest.value_or(0), *far);
  }
  for (const Series& line : loss.series) {
    if (!line.points.empty() && line.points[0].y > 0) {
      loss.farthest = std::max(loss.farthest.value_or(0), 1e4 * line.points[0].y);
    }
  }
  const bool one_edge = edges.size() == 1;
  sharpness.series.insert(sharpness.series.end(), edges.begin(), edges.end());
  std::vector<Figure> out;
  const auto add = [&](Panel& panel, std::string title, std::string caption) {
    std::erase_if(panel.series, [](const Series& s) { return s.points.empty(); });
    if (!any(panel)) return;
    Figure figure = titled(std::move(title), std::move(caption), {panel});
    figure.id = "overlay" + std::to_string(out.size() + 1);
    figure.axis = axis;
    out.push_back(std::move(figure));
  };
  add(sharpness, "λ₁ of all runs",
      std::string(one_edge ? "Dashed line: 2/η."
                           : "Dashed lines: the values of 2/η, each in the colour of the first run that has it.") +
          " Rings and dashes: not certified." + evaluation_sentence(runs));
  add(loss, "Training loss of all runs", "Full training loss.");
  return out;
}

std::string chart_data(std::span<const Run> runs) {
  std::string out = "{";
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const Run& run = runs[i];
    const std::size_t stride = std::max<std::size_t>(1, (run.step.size() + most_rows - 1) / most_rows);
    out += std::string(i > 0 ? ",\n" : "\n") + "\"" + std::to_string(i) + "\":{";
    const auto list = [&](const std::string& name, auto&& cell, bool first = false) {
      out += std::string(first ? "" : ",") + "\n\"" + name + "\":[";
      for (std::size_t row = 0; row < run.step.size(); row += stride) out += (row > 0 ? "," : "") + cell(row);
      out += "]";
    };
    const auto number = [](std::optional<double> v, int digits) {
      return !v ? std::string("null") : std::isfinite(*v) ? rounded(*v, digits) : "\"not finite\"";
    };
    list(
        "step", [&](std::size_t row) { return shortest(run.step[row]); }, true);
    if (!run.time.empty()) list("time", [&](std::size_t row) { return rounded(run.time[row], 5); });
    for (const char* name : {"loss", "train_accuracy", "test_accuracy", "jump", "period2_distance", "products"}) {
      if (run.measured(name)) list(name, [&](std::size_t row) { return number(run.at(name, row), 4); });
    }
    const auto varies = [&](const std::vector<Point>& p) {
      return std::any_of(p.begin(), p.end(), [&](const Point& q) { return q.y != p.front().y; });
    };
    if (run.columns.contains("learning_rate") && varies(threshold(run, 0, "", "").points)) {
      list("threshold", [&](std::size_t row) {
        const auto eta = run.at("learning_rate", row);
        return eta && *eta > 0 ? number(2 / *eta, 5) : "null";
      });
    }
    if (run.measured("lambda_1")) {
      list("relative_residual", [&](std::size_t row) { return number(relative_residual(run, row), 2); });
    }
    for (int k = 0; k <= std::min(run.top, 5); ++k) {
      const std::string suffix = column_suffix(k);
      if (!run.measured("lambda_" + suffix)) continue;
      list("lambda_" + suffix, [&](std::size_t row) { return number(run.at("lambda_" + suffix, row), 5); });
      list("residual_" + suffix, [&](std::size_t row) {
        const auto v = run.eigenvalue(k, row);
        // Not certified: a negative sign, or false if there is no finite residual to put it on.
        if (!v) return std::string("null");
        if (v->certified) return number(v->residual, 2);
        return v->residual > 0 && std::isfinite(v->residual) ? "-" + number(v->residual, 2) : std::string("false");
      });
    }
    out += "}";
  }
  return out + "\n}";
}

}  // namespace brink::report
