// SPDX-License-Identifier: MIT
// The parts of one panel as SVG: grid, lines, labels, marks for what lies beyond the axis, and the sentences about it.
// Coordinates are whole numbers in a 10000 × 2000 box, relative to the previous point: a tenth of a pixel is enough.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/report/figure.h"

namespace brink::report {

/// A share as "12.34%".
std::string percentage(double share);
/// ` name="value"`; the value has to be safe already.
std::string attribute(std::string_view name, std::string_view value);

/// Keeps references to both of its arguments.
class PanelDrawing {
 public:
  PanelDrawing(const Panel& panel, const Axis& axis);

  double across(double x) const { return (x - axis_.low) / (axis_.high - axis_.low); }
  double down(double y) const { return 1 - scale_.position(y); }
  const Scale& scale() const { return scale_; }

  std::string grid() const;
  /// The inner <svg> with all lines.
  std::string lines() const;
  /// At the lines' right ends, pushed apart so that none covers another.
  std::string labels() const;
  /// Triangles at the edge for what lies beyond it, crosses at the ends of runs that diverged.
  std::string marks() const;
  /// Sentences about everything that is not drawn as it is in the data, each after a space.
  std::string sentences() const;

 private:
  struct Dot {
    std::int64_t x, y;
  };
  bool drawable(const Point& p) const;
  bool beyond(const Point& p) const { return p.y > scale_.high || p.y < scale_.low; }
  const Point* last_drawable(const Series& s) const;
  Dot dot(double x, double y) const;
  std::string line(const Series& s) const;
  std::string error_bar(const Point& p) const;
  std::string bounds(const Series& s) const;
  std::string band(std::span<const Point> stretch) const;
  std::vector<Dot> thinned(const std::vector<Dot>& dots) const;
  std::string polyline(const std::vector<Dot>& all) const;
  static std::string zero_length(Dot at);

  const Panel& panel_;
  const Axis& axis_;
  Scale scale_;
};

}  // namespace brink::report
