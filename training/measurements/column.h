// SPDX-License-Identifier: MIT
// What a column of metrics.csv is and how it is drawn.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

namespace brink {

enum class ChartScale { linear, logarithmic, symmetric_logarithmic };

/// How a column is drawn over the steps.
struct Chart {
  std::string panel = {};  // columns of one panel share its axes; empty: not drawn
  ChartScale scale = ChartScale::linear;
  std::variant<std::monostate, double, std::string> reference =
      {};                           // a line to compare with: a value, or a column's name
  std::string reference_name = {};  // what that line is called, such as "2/η"; empty: the value or the column's name
  std::string error = {};           // the column that holds the half-width of this one's error bars; empty: none
  std::string heat_map = {};        // the map of its panel in which this column is a row; empty: it is a line
  std::string label = {};           // of that row or line; empty: made from the column's name
};

struct Column {
  std::string name = {}, unit = {}, meaning = {};  // unit: empty for a pure number, "text" if the cells are not numbers
  Chart chart = {};
};

}  // namespace brink
