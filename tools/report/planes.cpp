// SPDX-License-Identifier: MIT
#include "tools/report/planes.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tools/report/colours.h"
#include "tools/report/evenly.h"
#include "tools/report/heat_map.h"
#include "tools/report/panel_drawing.h"
#include "tools/report/stepped.h"
#include "tools/report/text.h"

namespace brink::report {
namespace {

constexpr std::size_t most_cells = 200'000;  // of all planes together, so that the page stays small

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -low;
};

Range range_of(const Slice& s) {
  Range out;
  for (const double loss : s.plane_loss)
    if (std::isfinite(loss)) out = {std::min(out.low, loss), std::max(out.high, loss)};
  return out;
}

/// Logarithmic where the loss differs by as much as a factor of 8.
Scale scale_of(const Range& range) {
  if (!(range.low <= range.high)) return {};
  if (range.low > 0 && range.high >= 8 * range.low) return {range.low, range.high, ChartScale::logarithmic};
  return {range.low, range.high > range.low ? range.high : range.low + 1, ChartScale::linear};
}

/// The axis of a or b; cells lie around their points.
Axis axis_of(const Slice& s) {
  const double low = s.plane_offset.front(), high = s.plane_offset.back(),
               half = (high - low) / (2 * static_cast<double>(s.plane_offset.size() - 1));
  return {.low = low - half, .high = high + half, .time = {}, .name = "a"};
}

/// From the largest b, on top, to the smallest one.
std::vector<HeatRow> rows_of(const Slice& s) {
  const std::size_t n = s.plane_offset.size();
  const double half = s.plane_offset.front() - axis_of(s).low;
  std::vector<HeatRow> out(n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      out[n - 1 - j].points.push_back({s.plane_offset[i] - half, s.plane_loss[i * n + j], 0, true});
  return out;
}

std::string ticks_of(const Axis& axis) {
  std::string below = "<g class=\"tick\" text-anchor=\"middle\">", left = "<g class=\"tick\" text-anchor=\"end\">";
  for (const Tick& tick : linear_ticks(axis.low, axis.high, 4)) {
    const double share = (tick.value - axis.low) / (axis.high - axis.low);
    below += "<text x=\"" + percentage(share) + "\" y=\"100%\" dy=\"1.55em\">" + tick.label + "</text>";
    left += "<text x=\"-8\" y=\"" + percentage(1 - share) + "\" dy=\".34em\">" + tick.label + "</text>";
  }
  return below + "</g>" + left + "</g>";
}

std::string facts_of(const Slice& s) {
  const Range range = range_of(s);
  const auto left_out = std::ranges::count_if(s.plane_loss, [](double x) { return !std::isfinite(x); });
  std::string out = "<b>Step " + shortest(s.step) + "</b>: ";
  out += range.low <= range.high
             ? "the loss is " + readable(range.low) + " to " + readable(range.high) + " in the plane"
             : "the loss is not finite in the plane";
  // The middle of an odd number of points is θ itself.
  const std::size_t n = s.plane_offset.size();
  if (n % 2 == 1) out += " and " + readable(s.plane_loss[n / 2 * n + n / 2]) + " at θ";
  if (left_out > 0) out += "; " + counted(left_out, "value is", "values are") + " not finite and not drawn";
  return out;
}

std::vector<const Slice*> drawn(const std::vector<Slice>& slices) {
  std::vector<const Slice*> all;
  std::size_t largest = 1;
  for (const Slice& s : slices)
    if (s.plane_offset.size() > 1) all.push_back(&s), largest = std::max(largest, s.plane_loss.size());
  return evenly_chosen(all, std::max<std::size_t>(1, most_cells / largest));
}

}  // namespace

std::string render_planes(const std::vector<Slice>& slices, int index, int heading) {
  const std::vector<const Slice*> planes = drawn(slices);
  if (planes.empty()) return {};
  const std::string id = "planes" + std::to_string(index), tag = "h" + std::to_string(heading);
  std::string said, cells;
  for (std::size_t i = 0; i < planes.size(); ++i) {
    const Slice& s = *planes[i];
    const Scale scale = scale_of(range_of(s));
    const std::string here = only_at(i, planes.size());
    said += "<div" + here + "><p>" + facts_of(s) + "</p>" +
            colour_bar(scale.logarithmic() ? "loss, logarithmic" : "loss", scale) + "</div>";
    const Axis axis = axis_of(s);
    cells += "<g" + here + ">" + heat_svg(rows_of(s), axis, scale, {.y = "0", .height = "100%", .gaps = false}) +
             ticks_of(axis) + "</g>";
  }
  return "<figure class=\"" + std::string(stepped_class) + "\" id=\"" + id + "\"><" + tag + " id=\"" + id +
         "-title\">Loss in the plane of u₁ and u₂</" + tag + ">" + step_slider(planes.size(), "step of the planes") +
         said + "<div class=\"plot timeless square\"><svg class=\"panel\" role=\"img\" aria-labelledby=\"" + id +
         "-title\" aria-describedby=\"" + id + "-caption\">" + cells +
         "<circle class=\"theta\" cx=\"50%\" cy=\"50%\" r=\"5\"/>"
         "<text class=\"panel-name\" x=\"-44\" y=\"-9\">b, along u₂</text>"
         "<text class=\"panel-name end\" text-anchor=\"end\" x=\"100%\" y=\"100%\" dy=\"3em\">a, along u₁</text>"
         "</svg></div><figcaption id=\"" +
         id +
         "-caption\">L(θ + au₁ + bu₂) at one step; the circle is θ itself. u₁ and u₂ are the eigenvectors of the two "
         "largest eigenvalues. Colours and axes are those of the step.</figcaption></figure>\n";
}

}  // namespace brink::report
