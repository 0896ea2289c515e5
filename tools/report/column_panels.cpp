// SPDX-License-Identifier: MIT
#include "tools/report/column_panels.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>
#include <utility>

#include "tools/report/heat_map.h"
#include "tools/report/series.h"
#include "tools/report/text.h"

namespace brink::report {
namespace {

using Columns = std::vector<const brink::Column*>;

Columns columns_of(const Run& run, const std::string& panel) {
  Columns out;
  for (const brink::Column& column : run.schema)
    if (column.chart.panel == panel && run.measured(column.name)) out.push_back(&column);
  return out;
}

/// "train" and "test" of train_accuracy and test_accuracy: what is common to the ends goes.
std::vector<std::string> short_labels(const Columns& columns) {
  std::vector<std::string> out;
  for (const auto* column : columns) out.push_back(column->chart.label.empty() ? column->name : column->chart.label);
  if (out.size() < 2) return out;
  const auto underscore = out[0].rfind('_');
  if (underscore == std::string::npos || underscore == 0) return out;
  const std::string ending = out[0].substr(underscore);
  const bool shared = std::all_of(out.begin(), out.end(), [&](const std::string& name) {
    return name.ends_with(ending) && name.size() > ending.size();
  });
  if (shared)
    for (auto& name : out) name.resize(name.size() - ending.size());
  return out;
}

/// A heat map for each name of one in the panel, in the order of the columns.
std::vector<Panel> heat_panels(const Run& run, int index, const Columns& columns) {
  std::vector<Panel> out;
  for (const brink::Column* column : columns) {
    const std::string& name = column->chart.heat_map;
    auto panel = std::find_if(out.begin(), out.end(), [&](const Panel& p) { return p.name == name; });
    if (panel == out.end()) panel = out.insert(out.end(), Panel{name});
    panel->rows.push_back({column->chart.label.empty() ? column->name : column->chart.label, index, column->name,
                           column_series(run, index, column->name, "", "").points});
    panel->height_px = heat_height_px(panel->rows.size());
  }
  return out;
}

Series series_of(const Run& run, int index, const brink::Column& column, std::string label, std::string css) {
  Series s = column_series(run, index, column.name, std::move(label), std::move(css));
  s.legend = column.name;
  s.whole = column.unit == "count";
  if (column.chart.error.empty()) return s;
  s.error_key = column.chart.error;
  for (Point& point : s.points) {
    const auto row =
        static_cast<std::size_t>(std::lower_bound(run.step.begin(), run.step.end(), point.x) - run.step.begin());
    point.error = run.at(column.chart.error, row).value_or(0);
  }
  return s;
}

/// The line that a column refers to; without points if it refers to none.
Series reference_of(const Run& run, int index, const brink::Column& column, std::string& said) {
  Series s{"", "edge", index, "", "", {}};
  if (const auto* name = std::get_if<std::string>(&column.chart.reference)) {
    s = column_series(run, index, *name, "", "edge");
    if (!s.points.empty()) said = *name;
  } else if (const auto* value = std::get_if<double>(&column.chart.reference); value && !run.step.empty()) {
    s.points = {{run.step.front(), *value, 0, true}, {run.step.back(), *value, 0, true}};
    said = concise(*value);
  }
  if (!s.points.empty() && !column.chart.reference_name.empty()) said = column.chart.reference_name;
  s.key.clear();
  s.reference = true;
  return s;
}

std::string capitalised(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

std::string with_unit(const brink::Column& column) {
  return column.name + (column.unit.empty() ? "" : " (" + column.unit + ")");
}

/// The meaning without numbers, which is common to columns that differ by a number only.
std::string without_numbers(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] >= '0' && text[i] <= '9') continue;
    if (text.compare(i, 2, "\xE2\x82") == 0 && i + 2 < text.size() && static_cast<unsigned char>(text[i + 2]) < 0x8A) {
      i += 2;  // ₀ to ₉
      continue;
    }
    out += text[i];
  }
  return out;
}

/// "a_1: the first thing; a_2, a_3 likewise. b: another thing."
std::string meanings_of(const Columns& columns) {
  std::string out;
  std::vector<const brink::Column*> rest(columns.begin(), columns.end());
  while (!rest.empty()) {
    const brink::Column& first = *rest.front();
    std::string others;
    std::vector<const brink::Column*> next;
    for (const auto* c : std::span(rest).subspan(1)) {
      const bool alike = !first.meaning.empty() && c->unit == first.unit &&
                         without_numbers(c->meaning) == without_numbers(first.meaning) &&
                         without_numbers(c->name) == without_numbers(first.name);
      if (!alike)
        next.push_back(c);
      else
        others += (others.empty() ? "" : ", ") + c->name;
    }
    out += (out.empty() ? "" : " ") + with_unit(first) + (first.meaning.empty() ? "" : ": " + first.meaning) +
           (others.empty() ? "" : "; " + others + " likewise") + ".";
    rest = std::move(next);
  }
  return out;
}

std::string scale_in_words(ChartScale scale) {
  switch (scale) {
    case ChartScale::logarithmic: return "logarithmic";
    case ChartScale::symmetric_logarithmic: return "logarithmic on both sides of 0";
    case ChartScale::linear: break;
  }
  return {};
}

/// Name, unit and scale; without the name, which is that of the figure, where that would be too long for a narrow page.
std::string axis_name(const Columns& columns) {
  constexpr std::size_t longest = 44;  // bytes
  std::string out = columns.size() == 1 ? columns[0]->name : columns[0]->chart.panel;
  const bool one_unit =
      std::all_of(columns.begin(), columns.end(), [&](const auto* c) { return c->unit == columns[0]->unit; });
  if (one_unit && !columns[0]->unit.empty()) out += ", " + columns[0]->unit;
  const std::string scale = scale_in_words(columns[0]->chart.scale);
  if (scale.empty()) return out;
  return out.size() + scale.size() > longest ? scale : out + ", " + scale;
}

}  // namespace

std::vector<std::string> panels_of(const Run& run) {
  std::vector<std::string> out;
  for (const brink::Column& column : run.schema) {
    if (!column.chart.panel.empty() && std::find(out.begin(), out.end(), column.chart.panel) == out.end())
      out.push_back(column.chart.panel);
  }
  return out;
}

Figure column_figure(const Run& run, int index, const std::string& panel) {
  Figure figure;
  figure.title = capitalised(panel);
  const Columns columns = columns_of(run, panel);
  if (columns.empty()) return figure;
  if (!columns[0]->chart.heat_map.empty()) {
    figure.panels = heat_panels(run, index, columns);
    figure.caption = columns[0]->name + ": " + columns[0]->meaning + "; and so on, one column for each row.";
    return figure;
  }
  Panel drawn{axis_name(columns), 200, columns[0]->chart.scale};
  const auto labels = short_labels(columns);
  drawn.labelled = columns.size() > 1 && std::all_of(labels.begin(), labels.end(),
                                                     [](const std::string& label) { return label.size() <= 5; });
  std::vector<Series> references;
  std::vector<std::string> dashed;  // what the references are, each once
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const brink::Column& column = *columns[i];
    drawn.series.push_back(series_of(run, index, column, labels[i], "c" + std::to_string(i % 8)));
    std::string said;
    Series line = reference_of(run, index, column, said);
    if (line.points.empty() || std::ranges::find(dashed, said) != dashed.end()) continue;
    dashed.push_back(said);
    references.push_back(std::move(line));
  }
  figure.caption = meanings_of(columns);
  for (std::size_t i = 0; i < dashed.size(); ++i) figure.caption += (i == 0 ? " Dashed: " : ", ") + dashed[i];
  if (!dashed.empty()) figure.caption += ".";
  // What a run looks like while it is being lost must not flatten what came before.
  if (const auto& points = drawn.series[0].points; run.diverged_at && !points.empty() && points[0].y > 0)
    drawn.farthest = 1e4 * points[0].y;
  drawn.series.insert(drawn.series.end(), references.begin(), references.end());
  figure.panels.push_back(std::move(drawn));
  return figure;
}

std::string constant_columns(const Run& run, const std::string& panel) {
  std::string out;
  for (const auto* column : columns_of(run, panel)) {
    const auto points = column_series(run, 0, column->name, "", "").points;
    const bool constant = points.size() > 1 &&
                          std::all_of(points.begin(), points.end(), [&](const Point& p) { return p.y == points[0].y; });
    if (!constant) return {};
    out += (out.empty() ? "" : ", ") + column->name + " = " + concise(points[0].y);
  }
  return out;
}

}  // namespace brink::report
