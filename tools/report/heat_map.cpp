// SPDX-License-Identifier: MIT
#include "tools/report/heat_map.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "tools/report/colours.h"
#include "tools/report/panel_drawing.h"
#include "tools/report/text.h"

namespace brink::report {
namespace {

constexpr int row_px = 18, strip_px = 8;  // strip_px: above the rows, where the instabilities are seen
constexpr std::size_t most_cells = 1000;  // of a row
constexpr std::int64_t box_width = 10000, box_row = 100, line_width = 92;

int level_of(double value, const Scale& scale) {
  return std::clamp(static_cast<int>(scale.position(value) * sequence_steps), 0, sequence_steps - 1);
}

/// Appends the row's cells to the paths of their colours.
void draw_row(const HeatRow& row, std::size_t index, const Axis& axis, const Scale& scale,
              std::array<std::string, sequence_steps>& paths) {
  const std::size_t stride = (row.points.size() + most_cells - 1) / most_cells;
  const auto across = [&](double step) -> std::int64_t {
    return std::llround((step - axis.low) / (axis.high - axis.low) * static_cast<double>(box_width));
  };
  const std::int64_t middle = static_cast<std::int64_t>(index) * box_row + box_row / 2;
  std::int64_t from = 0, end = 0;
  int level = -1;
  const auto finish = [&] {
    if (level < 0) return;
    paths[static_cast<std::size_t>(level)] += "M" + std::to_string(from) + " " + std::to_string(middle) + "h" +
                                              std::to_string(std::max<std::int64_t>(end - from, 1));
    level = -1;
  };
  // A cell reaches to the next measured step, and no further than the shortest distance between two of them.
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = stride; i < row.points.size(); i += stride)
    least = std::min(least, row.points[i].x - row.points[i - stride].x);
  if (!std::isfinite(least)) least = 1;
  for (std::size_t i = 0; i < row.points.size(); i += stride) {
    const Point& p = row.points[i];
    const std::int64_t x = across(p.x);
    const int next = std::isfinite(p.y) ? level_of(p.y, scale) : -1;
    if (next != level || x > end) {
      finish();
      from = x;
      level = next;
    }
    end = std::min(across(p.x + least), box_width);
  }
  finish();
}

}  // namespace

Scale heat_scale(std::span<const Panel> panels) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const Panel& panel : panels)
    for (const HeatRow& row : panel.rows)
      for (const Point& p : row.points)
        if (std::isfinite(p.y)) low = std::min(low, p.y), high = std::max(high, p.y);
  if (!(low <= high) || (low >= 0 && high <= 1)) return {0, 1, ChartScale::linear};
  return {low, high > low ? high : low + 1, ChartScale::linear};
}

int heat_height_px(std::size_t rows) { return strip_px + row_px * static_cast<int>(rows); }

std::string heat_svg(std::span<const HeatRow> rows, const Axis& axis, const Scale& scale, const HeatPlace& place) {
  std::array<std::string, sequence_steps> paths;
  for (std::size_t i = 0; i < rows.size(); ++i) draw_row(rows[i], i, axis, scale, paths);
  std::string out =
      "<svg class=\"heat\" width=\"100%\" y=\"" + place.y + "\" height=\"" + place.height + "\" viewBox=\"0 0 " +
      std::to_string(box_width) + " " + std::to_string(static_cast<std::int64_t>(rows.size()) * box_row) +
      "\" preserveAspectRatio=\"none\" stroke-width=\"" + std::to_string(place.gaps ? line_width : box_row) + "\">";
  for (int level = 0; level < sequence_steps; ++level)
    if (const std::string& path = paths[static_cast<std::size_t>(level)]; !path.empty())
      out += "<path class=\"q" + std::to_string(level) + "\" d=\"" + path + "\"/>";
  return out + "</svg>";
}

std::string heat_cells(const Panel& panel, const Axis& axis, const Scale& scale) {
  std::string labels;
  for (std::size_t i = 0; i < panel.rows.size(); ++i)
    labels += "<text x=\"-8\" y=\"" + std::to_string(strip_px + row_px * static_cast<int>(i) + row_px / 2) +
              "\" dy=\".34em\">" + escaped(panel.rows[i].label) + "</text>";
  const HeatPlace below_strip{std::to_string(strip_px), std::to_string(row_px * static_cast<int>(panel.rows.size()))};
  return heat_svg(panel.rows, axis, scale, below_strip) + "<g class=\"tick\" text-anchor=\"end\">" + labels + "</g>";
}

std::string heat_key(const Scale& scale) { return colour_bar("value", scale); }

}  // namespace brink::report
