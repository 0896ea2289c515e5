// SPDX-License-Identifier: MIT
#include "tools/report/multiples.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "tools/report/describe.h"
#include "tools/report/overlays.h"
#include "tools/report/panel_drawing.h"
#include "tools/report/series.h"
#include "tools/report/text.h"

namespace brink::report {
namespace {

constexpr int height_px = 84;

/// "0.05 · relu", at most three values.
std::string values_of(const Run& run, std::span<const std::string> differing) {
  std::string out;
  for (std::size_t i = 0; i < std::min<std::size_t>(3, differing.size()); ++i) {
    const std::string text = run.settings.text(differing[i]);
    out += (i > 0 ? " · " : "") + (text.empty() ? std::string("–") : text);
  }
  return out.empty() ? run.name : out;
}

/// Two numbers are enough on so small an axis: the threshold and the top, or both ends.
std::string small_ticks(const PanelDrawing& drawing, bool relative) {
  const auto label = [&](double value, const char* dy) {
    return "<text class=\"tick\" text-anchor=\"end\" x=\"-4\" y=\"" + percentage(drawing.down(value)) + "\" dy=\"" +
           dy + "\">" + readable(value, 2) + "</text>";
  };
  const double top = drawing.scale().high;
  if (relative) return label(0, "0") + label(1, ".34em");
  return label(drawing.scale().low, "0") + label(top, ".8em");
}

std::string render_cell(const Run& run, std::size_t index, const Panel& panel, const Axis& axis, bool relative,
                        std::span<const std::string> differing) {
  const PanelDrawing drawing(panel, axis);
  const std::string name = run_letter(index);
  std::string said;
  if (run.diverged_at) said = "diverged at step " + shortest(*run.diverged_at);
  const Certified share = certified_share(run, 1);
  if (share.measured == 0) said += (said.empty() ? "" : ", ") + why_unmeasured(run, 1);
  if (share.uncertified() > 0)
    said += (said.empty() ? "" : ", ") + std::string("○ ") + counted(share.uncertified(), "step", "steps") +
            " not certified";
  return "<a class=\"cell\" data-run=\"" + std::to_string(index) + "\" href=\"#run" + std::to_string(index) +
         "\"><span><b>" + name + "</b> " + escaped(values_of(run, differing)) +
         "</span><svg class=\"panel\" role=\"img\" aria-label=\"λ₁ of run " + name + "\" height=\"" +
         std::to_string(height_px) + "\"><line class=\"frame\" x1=\"0\" x2=\"100%\" y1=\"100%\" y2=\"100%\"/>" +
         small_ticks(drawing, relative) + drawing.lines() + drawing.marks() + "</svg><small>" + escaped(said) +
         "</small></a>";
}

}  // namespace

std::string render_multiples(std::span<const Run> runs, const Colours& colours,
                             std::span<const std::string> differing) {
  const bool relative = std::any_of(runs.begin(), runs.end(),
                                    [](const Run& run) { return !run.step.empty() && run.threshold(0).has_value(); });
  std::vector<Series> lines;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const int index = static_cast<int>(i);
    Series s = relative ? relative_series(runs[i], index, run_letter(i), colours.css[i])
                        : lambda_series(runs[i], index, 1, run_letter(i), colours.css[i]);
    s.lost = was_lost(runs[i]);
    lines.push_back(std::move(s));
  }
  if (std::all_of(lines.begin(), lines.end(), [](const Series& s) { return s.points.empty(); })) return {};
  const Axis axis = common_axis(runs);
  Scale scale = common_scale(lines, ChartScale::linear, true);
  if (relative) scale.high = std::clamp(scale.high, 1.3, 3.0);
  std::string cells;
  Panel everything{"", height_px, ChartScale::linear, true, scale};
  everything.series = lines;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    Panel panel{"", height_px, ChartScale::linear, true, scale};
    panel.most_points = 200;
    panel.series = {lines[i]};
    if (relative) {
      Series one{"", "edge", static_cast<int>(i), "", "", {{axis.low, 1, 0, true}, {axis.high, 1, 0, true}}};
      one.reference = true;
      panel.series.push_back(std::move(one));
    }
    cells += render_cell(runs[i], i, panel, axis, relative, differing);
  }
  std::string names;
  for (std::size_t i = 0; i < std::min<std::size_t>(3, differing.size()); ++i)
    names += (i > 0 ? " · " : "") + differing[i];
  const std::string caption =
      (relative ? "λ₁ divided by " + threshold_name(runs) + ", from 0 to " + readable(scale.high, 2) +
                      "; the dashed line at 1 is the threshold."
                : "λ₁, from " + readable(scale.low, 2) + " to " + readable(scale.high, 2) + ".") +
      " All charts have the same axes, steps " + shortest(axis.low) + " to " + shortest(axis.high) +
      (names.empty() ? "" : "; each is named by " + names) + "." + PanelDrawing(everything, axis).sentences();
  return "<figure id=\"multiples\"><h2>Each run by itself: λ₁</h2>" + colours.key + "<div class=\"multiples\">" +
         cells + "</div><figcaption>" + escaped(caption) + "</figcaption></figure>\n";
}

}  // namespace brink::report
