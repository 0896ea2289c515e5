// SPDX-License-Identifier: MIT
// Columns over steps as rows of a heat map: one colour for each value, on the scale that the figure's key shows.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tools/report/figure.h"

namespace brink::report {

/// The range of colours of all heat maps of a figure: 0 to 1 where all values lie in it, otherwise from the smallest to the largest.
Scale heat_scale(std::span<const Panel> panels);
/// Where the cells stand in the panel, as values of SVG attributes.
struct HeatPlace {
  std::string y, height;
  bool gaps = true;  // between the rows
};
/// The coloured cells of the rows, from top to bottom. Neighbouring cells of one colour are one line; of more steps than
/// the page has pixels, each cell shows the first of several.
std::string heat_svg(std::span<const HeatRow> rows, const Axis& axis, const Scale& scale, const HeatPlace& place);
/// The height of a heat map of so many rows.
int heat_height_px(std::size_t rows);
/// The cells of a panel with rows, and the rows' labels.
std::string heat_cells(const Panel& panel, const Axis& axis, const Scale& scale);
/// Markup that explains the colours.
std::string heat_key(const Scale& scale);

}  // namespace brink::report
