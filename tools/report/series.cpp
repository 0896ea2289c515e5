// SPDX-License-Identifier: MIT
#include "tools/report/series.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace brink::report {

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

void add_bounds(const Run& run, const std::string& column, Series& line) {
  if (!run.measured(column)) return;
  line.bound_key = column;
  for (Point& p : line.points) {
    const auto row = static_cast<std::size_t>(std::ranges::lower_bound(run.step, p.x) - run.step.begin());
    if (const auto bound = run.at(column, row); bound && std::isfinite(*bound)) p.bound = bound;
  }
}

Series relative_series(const Run& run, int index, std::string label, std::string css) {
  Series s{std::move(label), std::move(css), index, "relative_sharpness", "", {}};
  for (std::size_t row = 0; row < run.step.size(); ++row) {
    const auto v = run.eigenvalue(1, row);
    const auto edge = run.threshold(row);
    if (v && edge && *edge > 0)
      s.points.push_back({run.step[row], v->value / *edge, v->residual / *edge, v->certified});
  }
  return s;
}

Series threshold_series(const Run& run, int index, std::string label, std::string css) {
  Series s{std::move(label), std::move(css), index, "threshold", "", {}};
  s.reference = true;
  for (std::size_t row = 0; row < run.step.size(); ++row)
    if (const auto edge = run.threshold(row)) s.points.push_back({run.step[row], *edge, 0, true});
  return s;
}

std::optional<double> relative_residual(const Run& run, std::size_t row) {
  const auto v = run.eigenvalue(1, row);
  if (!v) return std::nullopt;
  return v->largest > 0 ? v->residual / v->largest : std::numeric_limits<double>::quiet_NaN();
}

bool has_points(const Panel& panel) {
  return std::any_of(panel.series.begin(), panel.series.end(),
                     [](const Series& s) { return !s.reference && !s.points.empty(); }) ||
         std::any_of(panel.rows.begin(), panel.rows.end(), [](const HeatRow& r) { return !r.points.empty(); });
}

}  // namespace brink::report
