// SPDX-License-Identifier: MIT
// What a chart is, before it is drawn: lines over steps, or over something else, in panels that share one x axis.
#pragma once

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "tools/report/ticks.h"

namespace brink::report {

struct Point {
  double x = 0, y = 0;  // y may be NaN or infinite: the line breaks there, and the caption counts it
  double error = 0;     // half-length of the error bar; NaN if unknown
  bool certified = true;
  std::optional<double> bound = {};  // beyond which the true value does not lie, as far as is known; finite
};

struct Series {
  std::string label;           // at the right end of the line and in the legend
  std::string css;             // class that sets the colour --c
  int run = 0;                 // with the keys: where the page's script finds the values
  std::string key, error_key;  // columns; empty: not in the legend
  std::vector<Point> points;   // ascending x
  bool whole = false;          // counts: shown with all digits
  std::string legend = {};     // a longer name than the label
  bool reference = false;      // dashed: a line to compare with, not a measurement
  bool lost = false;           // ends with a cross: the run diverged
  std::string bound_key = {};  // the column of the points' bounds; empty: they have none
};

/// Whether a bound is so near to the value that the distance is drawn as a band, and not as a mark.
inline bool is_near(const Point& p) { return p.bound && std::fabs(*p.bound - p.y) <= 0.1 * std::fabs(p.y); }

/// A line of a heat map.
struct HeatRow {
  std::string label;
  int run = 0;
  std::string key;  // the column, for the page's script; empty: not in the legend
  std::vector<Point> points;
};

struct Panel {
  std::string name;  // above the axis
  int height_px = 200;
  ChartScale kind = ChartScale::linear;
  bool with_zero = false;
  std::optional<Scale> scale = {};      // fitted to the data if empty
  std::vector<Series> series = {};      // drawn in reverse: the first is on top
  std::vector<HeatRow> rows = {};       // of a heat map, in place of lines
  std::optional<double> farthest = {};  // |y| beyond this never widens the axis
  bool labelled = true;                 // labels at the lines' right ends
  std::size_t most_points = 4000;       // of one line; beyond it, extremes of neighbouring steps
};

struct Shade {
  double from = 0, to = 0;
  bool is_long = false;
  std::string number;  // on top of the first panel
};

struct Axis {
  double low = 0, high = 1;
  std::vector<Tick> time;     // Tick::value is a step here, the label is η·t
  std::string name = "step";  // of what it counts
  bool of_steps() const { return name == "step"; }
};

struct Figure {
  std::string id, title, caption;  // plain text, escaped here
  Axis axis;
  std::vector<Panel> panels;
  std::vector<Shade> shades;
  std::optional<double> diverged_at;
  bool diverged_label = false;  // in words beside the line
  std::vector<double> forks;    // steps at which forks begin
  int heading = 2;              // <h2> or <h3>
  std::string colour_key = {};  // markup that explains the colours; in place of the legend if not empty
};

}  // namespace brink::report
