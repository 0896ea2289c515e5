// SPDX-License-Identifier: MIT
#include "tools/report/overlays.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "tools/report/describe.h"
#include "tools/report/series.h"
#include "tools/report/text.h"

namespace brink::report {
namespace {

constexpr std::size_t few = most_single_colours;  // lines that have a label each

/// Evaluation mode is named once for all runs that measured it.
std::string evaluation_sentence(std::span<const Run> runs) {
  std::string letters;
  for (std::size_t i = 0; i < runs.size(); ++i)
    if (runs[i].evaluation_hessian) letters += (letters.empty() ? "" : ", ") + run_letter(i);
  return letters.empty()
             ? ""
             : " Of the loss in evaluation mode, which is not the function that is descended: " + letters + ".";
}

std::string certificate_sentence(std::span<const Series> lines) {
  std::string letters;
  std::size_t count = 0;
  for (const Series& s : lines) {
    if (std::all_of(s.points.begin(), s.points.end(), [](const Point& p) { return p.certified; })) continue;
    if (++count <= 12) letters += (letters.empty() ? "" : ", ") + s.label;
  }
  if (count == 0) return " Every value is certified.";
  if (count > 12) letters += " and " + std::to_string(count - 12) + " more";
  return " Rings and dashes: not certified (" + letters + ").";
}

std::string lost_sentence(std::span<const Series> lines) {
  const bool any = std::any_of(lines.begin(), lines.end(), [](const Series& s) { return s.lost; });
  return any ? " A cross or a triangle at the end of a line: the run diverged." : "";
}

template <class Make>
std::vector<Series> lines_of(std::span<const Run> runs, const Colours& colours, Make&& make) {
  std::vector<Series> out;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (runs[i].step.empty()) continue;
    Series s = make(runs[i], static_cast<int>(i), run_letter(i), colours.css[i]);
    if (s.points.empty()) continue;
    s.legend = run_letter(i) + " " + runs[i].name;
    s.lost = was_lost(runs[i]);
    out.push_back(std::move(s));
  }
  return out;
}

/// The different thresholds, each once; in the colour of the first run that has it unless there is but one.
std::vector<Series> thresholds(std::span<const Run> runs, const Colours& colours) {
  std::vector<Series> out;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    Series edge = threshold_series(runs[i], static_cast<int>(i), "", colours.css[i]);
    edge.key.clear();
    const bool known = std::any_of(out.begin(), out.end(), [&](const Series& other) {
      return !edge.points.empty() && other.points.front().y == edge.points.front().y &&
             other.points.back().y == edge.points.back().y && other.points.size() >= edge.points.size();
    });
    if (!edge.points.empty() && !known) out.push_back(std::move(edge));
  }
  if (out.size() == 1) out[0].css = "edge";
  return out;
}

double spread_of(std::span<const Series> lines) {
  double low = std::numeric_limits<double>::infinity(), high = 0;
  for (const Series& s : lines) {
    std::vector<double> values;
    for (const Point& p : s.points)
      if (p.y > 0 && std::isfinite(p.y)) values.push_back(p.y);
    if (values.empty() || s.lost) continue;
    low = std::min(low, quantile(values, 0.9)), high = std::max(high, quantile(values, 0.9));
  }
  return high > 0 ? high / low : 1;
}

struct Drawing {
  std::string title, caption, axis_name;
  int height_px = 300;
  ChartScale kind = ChartScale::linear;
  bool with_zero = true;
  std::optional<double> highest = {};  // the axis ends there at most
  std::vector<Series> lines = {}, references = {};
};

Figure figure_of(Drawing drawing, const Axis& axis, const Colours& colours, std::size_t number) {
  Panel panel{std::move(drawing.axis_name), drawing.height_px, drawing.kind, drawing.with_zero};
  const bool many = drawing.lines.size() > few;
  // The thresholds of few runs belong to the picture; those of many would fill it.
  if (drawing.references.size() > few) drawing.references.clear();
  std::vector<Series> all = drawing.lines;
  all.insert(all.end(), drawing.references.begin(), drawing.references.end());
  panel.scale = common_scale(all, drawing.kind, drawing.with_zero);
  if (drawing.highest) panel.scale->high = std::min(panel.scale->high, *drawing.highest);
  panel.labelled = !many;
  panel.most_points = many ? 800 : 4000;
  Figure figure;
  figure.id = "overlay" + std::to_string(number);
  figure.title = std::move(drawing.title);
  figure.caption = drawing.caption + lost_sentence(drawing.lines);
  figure.axis = axis;
  if (many) figure.colour_key = colours.key;
  if (many) figure.caption += " Point at a line, or at a row of the table, for the run's name.";
  panel.series = std::move(all);
  figure.panels.push_back(std::move(panel));
  return figure;
}

}  // namespace

bool was_lost(const Run& run) {
  if (run.diverged_at) return true;
  std::optional<double> first, last;
  for (std::size_t row = 0; row < run.step.size(); ++row) {
    const auto loss = run.at("loss", row);
    if (loss && !first) first = loss;
    if (loss) last = loss;
  }
  if (last && (!std::isfinite(*last) || (*first > 0 && *last > 100 * *first))) return true;
  for (std::size_t row = run.step.size(); row-- > 0;) {
    const auto value = run.at("lambda_1", row), edge = run.threshold(row);
    if (value && edge) return !std::isfinite(*value) || *value > 25 * *edge;
  }
  return false;
}

bool thresholds_differ(std::span<const Run> runs) {
  std::set<double> seen;
  for (const Run& run : runs)
    for (std::size_t row = 0; row < run.step.size(); ++row)
      if (const auto edge = run.threshold(row)) seen.insert(*edge);
  return seen.size() > 1;
}

Axis common_axis(std::span<const Run> runs) {
  Axis axis{std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(), {}};
  for (const Run& run : runs) {
    if (run.step.empty()) continue;
    axis.low = std::min(axis.low, run.step.front()), axis.high = std::max(axis.high, run.step.back());
  }
  if (!(axis.high > axis.low)) {
    const double middle = std::isfinite(axis.low) ? axis.low : 0;
    axis.low = middle - 0.5, axis.high = middle + 0.5;
  }
  if (thresholds_differ(runs)) return axis;
  const auto longest = std::max_element(runs.begin(), runs.end(),
                                        [](const Run& a, const Run& b) { return a.step.size() < b.step.size(); });
  if (longest != runs.end() && !longest->step.empty() && longest->step.back() == axis.high)
    axis.time = axis_of(*longest).time;
  return axis;
}

Scale common_scale(std::span<const Series> lines, ChartScale kind, bool with_zero) {
  const bool logarithmic = kind == ChartScale::logarithmic;
  const double peak = lines.size() <= few ? 4 : 2;
  std::vector<double> lows, highs, lost_lows, lost_highs;  // of each line
  for (const Series& s : lines) {
    std::vector<double> values;
    for (const Point& p : s.points)
      if (std::fabs(p.y) < 1e100 && (!logarithmic || p.y > 1e-100)) values.push_back(p.y);
    if (values.empty()) continue;
    const double low = quantile(values, 0.05), high = quantile(values, 0.95);
    const double bottom = quantile(values, 0), top = quantile(values, 1);
    if (s.lost) {
      lost_highs.push_back(quantile(values, 0.5));
      lost_lows.push_back(std::min(low, lost_highs.back()));
    } else if (logarithmic) {
      highs.push_back(std::min(top, high * 10));
      lows.push_back(std::max(bottom, low / 10));
    } else {
      highs.push_back(high > 0 ? std::min(top, peak * high) : top);
      lows.push_back(low < 0 ? std::max(bottom, peak * low) : bottom);
    }
  }
  if (highs.empty()) highs = lost_highs, lows = lost_lows;
  if (highs.empty()) return fit_scale({}, kind, with_zero);
  // No line reaches the axis's end alone if it lies far beyond the others.
  const double far = logarithmic ? 1e4 : 8, middle_high = quantile(highs, 0.5), middle_low = quantile(lows, 0.5);
  double low = middle_low, high = middle_high;
  for (const double x : highs)
    if (middle_high <= 0 || x <= far * middle_high) high = std::max(high, x);
  for (const double x : lows)
    if (logarithmic ? x >= middle_low / (far * far) : middle_low >= 0 || x >= far * middle_low) low = std::min(low, x);
  return with_room(low, high, kind, with_zero);
}

namespace {

/// The steps at which the runs were forked, each once; none if they are too many to be told apart.
std::vector<double> forks_of(std::span<const Run> runs) {
  std::set<double> steps;
  for (const Run& run : runs)
    if (run.forked_at) steps.insert(*run.forked_at);
  return steps.size() > few ? std::vector<double>() : std::vector<double>(steps.begin(), steps.end());
}

}  // namespace

std::vector<Figure> overlay_figures(std::span<const Run> runs, const Colours& colours) {
  const Axis axis = common_axis(runs);
  const std::string name = threshold_name(runs);
  std::vector<Figure> out;
  const auto add = [&](Drawing drawing) {
    if (drawing.lines.empty()) return;
    out.push_back(figure_of(std::move(drawing), axis, colours, out.size() + 1));
    out.back().forks = forks_of(runs);
  };
  const auto sharpness = lines_of(runs, colours, [](const Run& run, int index, std::string label, std::string css) {
    return lambda_series(run, index, 1, std::move(label), std::move(css));
  });
  if (thresholds_differ(runs)) {
    Drawing relative{"λ₁ relative to the stability threshold",
                     "λ₁ divided by " + name + ": the dashed line at 1 is the threshold of every run." +
                         certificate_sentence(sharpness) + evaluation_sentence(runs),
                     "λ₁ / threshold"};
    relative.lines = lines_of(runs, colours, relative_series);
    Series one{"1", "edge", 0, "", "", {{axis.low, 1, 0, true}, {axis.high, 1, 0, true}}};
    one.reference = true;
    relative.references = {one};
    relative.highest = 4.15;
    add(std::move(relative));
  }
  Drawing absolute{"λ₁ of all runs", "", "largest eigenvalue of the Hessian"};
  absolute.lines = sharpness;
  absolute.references = thresholds(runs, colours);
  const std::string values = name == "the threshold" ? "the thresholds" : "the values of " + name;
  if (absolute.references.size() == 1) {
    absolute.caption = "Dashed line: " + name + ".";
  } else if (absolute.references.size() <= few) {
    absolute.caption = absolute.references.empty()
                           ? "No run says what the stability threshold is."
                           : "Dashed lines: " + values + ", each in the colour of the first run that has it.";
  } else {
    absolute.caption = "Not drawn here, because they differ from run to run: " + values + ".";
  }
  if (spread_of(sharpness) > 10) {
    absolute.kind = ChartScale::logarithmic;
    absolute.with_zero = false;
    absolute.axis_name += ", logarithmic";
  }
  absolute.caption += certificate_sentence(sharpness) + evaluation_sentence(runs);
  add(std::move(absolute));
  Drawing loss{"Training loss of all runs",  "The loss on all training samples.",
               "training loss, logarithmic", 260,
               ChartScale::logarithmic,      false};
  loss.lines = lines_of(runs, colours, [](const Run& run, int index, std::string label, std::string css) {
    return column_series(run, index, "loss", std::move(label), std::move(css));
  });
  add(std::move(loss));
  return out;
}

}  // namespace brink::report
