// SPDX-License-Identifier: MIT
#include "tools/report/panel_drawing.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tools/report/text.h"

namespace brink::report {
namespace {

constexpr double box_width = 10000, box_height = 2000;

/// What is left out of one line, or of its axis.
struct Omissions {
  std::string label;
  std::int64_t beyond = 0, not_finite = 0, not_positive = 0;
  const Point* farthest = nullptr;
  bool thinned = false;
};

std::string sentences_on(const Omissions& o) {
  std::string out;
  if (o.beyond > 0) {
    out += " " + o.label + ": " + counted(o.beyond, "value lies", "values lie") +
           " beyond the axis (triangles), the farthest " + readable(o.farthest->y, 3) + " at step " +
           shortest(o.farthest->x) + ".";
  }
  if (o.not_finite > 0)
    out += " " + o.label + ": " + counted(o.not_finite, "value is", "values are") + " not finite and not drawn.";
  if (o.not_positive > 0) {
    out += " " + o.label + ": " + counted(o.not_positive, "value is", "values are") +
           " zero or negative and not drawn on the logarithmic axis.";
  }
  if (o.thinned) out += " " + o.label + ": drawn as the extremes of neighbouring steps.";
  return out;
}

/// One sentence a kind of omission for many lines: which of them, by their labels, and the worst.
std::string summary_of(const std::vector<Omissions>& all) {
  const auto who = [&](auto&& has) {
    std::string names;
    std::int64_t count = 0;
    for (const Omissions& o : all) {
      if (!has(o)) continue;
      if (++count <= 12) names += (names.empty() ? "" : ", ") + o.label;
    }
    return count > 12 ? names + " and " + std::to_string(count - 12) + " more" : names;
  };
  std::string out;
  const auto worst = std::max_element(all.begin(), all.end(), [](const Omissions& a, const Omissions& b) {
    return (a.farthest ? std::fabs(a.farthest->y) : -1) < (b.farthest ? std::fabs(b.farthest->y) : -1);
  });
  if (worst != all.end() && worst->farthest)
    out += " Values beyond the axis (triangles) are cut off: " + who([](auto& o) { return o.beyond > 0; }) +
           "; the farthest is " + readable(worst->farthest->y, 3) + " at step " + shortest(worst->farthest->x) +
           " of " + worst->label + ".";
  if (const auto names = who([](auto& o) { return o.not_finite > 0; }); !names.empty())
    out += " Values that are not finite are not drawn: " + names + ".";
  if (const auto names = who([](auto& o) { return o.not_positive > 0; }); !names.empty())
    out += " Values that are zero or negative are not drawn on the logarithmic axis: " + names + ".";
  if (const auto names = who([](auto& o) { return o.thinned; }); !names.empty())
    out += " Drawn as the extremes of neighbouring steps: " + names + ".";
  return out;
}

}  // namespace

std::string percentage(double share) { return fixed(100 * share, 2) + "%"; }

std::string attribute(std::string_view name, std::string_view value) {
  std::string out = " ";
  return out.append(name).append("=\"").append(value).append("\"");
}

namespace {

/// Widened, so that error bars which are no longer than the axis do not leave it.
Scale with_error_bars(const Panel& panel, Scale scale) {
  const double span = scale.high - scale.low;
  double low = scale.low, high = scale.high;
  for (const Series& s : panel.series)
    for (const Point& p : s.points) {
      if (s.reference || !(p.error > 0) || !(p.y >= scale.low && p.y <= scale.high)) continue;
      const double above = p.y + p.error, below = p.y - p.error;
      if (scale.logarithmic() ? above < 10 * scale.high : p.error < span / 2) high = std::max(high, above);
      if (scale.logarithmic() ? below > scale.low / 10 : p.error < span / 2) low = std::min(low, below);
    }
  scale.low = low, scale.high = high;
  return scale;
}

/// Fitted to what was measured, and then wide enough for the lines to compare with.
Scale fitted(const Panel& panel) {
  std::vector<double> values, references;
  for (const auto& series : panel.series) {
    for (const auto& point : series.points) {
      if (series.reference && std::isfinite(point.y)) references.push_back(point.y);
      if (series.reference || (panel.farthest && std::fabs(point.y) > *panel.farthest)) continue;
      values.push_back(point.y);
      if (is_near(point)) values.push_back(*point.bound);
    }
  }
  if (values.empty()) return fit_scale(references, panel.kind, panel.with_zero);
  const Scale out = fit_scale(values, panel.kind, panel.with_zero);
  if (panel.kind == ChartScale::logarithmic) std::erase_if(references, [](double y) { return !(y > 0); });
  const auto is_inside = [&](double y) { return y >= out.low && y <= out.high; };
  if (std::ranges::all_of(references, is_inside)) return out;
  for (const double y : values)
    if (is_inside(y)) references.push_back(y);
  const auto [low, high] = std::ranges::minmax(references);
  Scale wider = with_room(low, high, panel.kind, panel.with_zero);
  wider.linear_up_to = out.linear_up_to;
  return wider;
}

}  // namespace

PanelDrawing::PanelDrawing(const Panel& panel, const Axis& axis) : panel_(panel), axis_(axis) {
  scale_ = panel.scale ? *panel.scale : with_error_bars(panel, fitted(panel));
}

bool PanelDrawing::drawable(const Point& p) const { return std::isfinite(p.y) && (!scale_.logarithmic() || p.y > 0); }

const Point* PanelDrawing::last_drawable(const Series& s) const {
  const auto last = std::find_if(s.points.rbegin(), s.points.rend(), [&](const Point& p) { return drawable(p); });
  return last == s.points.rend() ? nullptr : &*last;
}

std::string PanelDrawing::grid() const {
  std::string out = "<g class=\"grid\">";
  std::string labels = "<g class=\"tick\" text-anchor=\"end\">";
  const bool counts = std::ranges::all_of(panel_.series, [](const Series& s) { return s.whole || s.reference; }) &&
                      std::ranges::any_of(panel_.series, &Series::whole) && scale_.kind == ChartScale::linear;
  const int target = std::max(4, panel_.height_px / 46);
  for (const auto& tick : counts ? linear_ticks(scale_.low, scale_.high, target, true) : ticks(scale_, target)) {
    const std::string y = percentage(down(tick.value));
    out += "<line x1=\"0\" x2=\"100%\"" + attribute("y1", y) + attribute("y2", y) + "/>";
    labels += "<text x=\"-8\" y=\"" + y + "\" dy=\".34em\">" + tick.label + "</text>";
  }
  return out + "</g>" + labels + "</g>";
}

std::string PanelDrawing::lines() const {
  std::string out =
      "<svg class=\"data\" width=\"100%\" height=\"100%\" viewBox=\"0 0 10000 2000\" preserveAspectRatio=\"none\">";
  for (auto s = panel_.series.rbegin(); s != panel_.series.rend(); ++s) out += line(*s);
  return out + "</svg>";
}

namespace {

/// The largest distance of two neighbouring points that a line still joins: of a measurement that is made at some stretches only, the
/// others stay empty.
double longest_joined(const Series& s) {
  constexpr double usual = 3;
  if (s.reference || s.points.size() < 3) return std::numeric_limits<double>::infinity();
  std::vector<double> distances;
  for (std::size_t i = 1; i < s.points.size(); ++i) distances.push_back(s.points[i].x - s.points[i - 1].x);
  return usual * quantile(std::move(distances), 0.5);
}

}  // namespace

std::string PanelDrawing::line(const Series& s) const {
  const double joined = longest_joined(s);
  std::string solid, dashed, bars, marks;
  std::vector<Dot> stretch;
  bool stretch_certified = true;
  const Point* before = nullptr;
  const auto finish = [&] {
    (stretch_certified ? solid : dashed) += polyline(stretch);
    stretch.clear();
  };
  for (const auto& p : s.points) {
    if (!drawable(p)) {
      finish();
      before = nullptr;
      continue;
    }
    if (before && p.x - before->x > joined) {
      finish();
      before = nullptr;
    }
    if (before) {
      const bool certified = before->certified && p.certified;
      if (certified != stretch_certified && stretch.size() > 1) {
        const Dot joint = stretch.back();
        finish();
        stretch.push_back(joint);
      }
      stretch_certified = certified;
    } else {
      stretch_certified = p.certified;
    }
    stretch.push_back(dot(p.x, p.y));
    if (!p.certified) marks += zero_length(dot(p.x, p.y));
    bars += error_bar(p);
    before = &p;
  }
  finish();
  std::string out = bounds(s) + "<g class=\"" + s.css + "\" data-run=\"" + std::to_string(s.run) + "\">";
  if (!s.legend.empty()) out += "<title>" + escaped(s.legend) + "</title>";
  if (!bars.empty()) out += "<path class=\"bar\" d=\"" + bars + "\"/>";
  if (!dashed.empty()) out += "<path class=\"line uncertain\" d=\"" + dashed + "\"/>";
  if (!solid.empty())
    out += "<path class=\"line" + std::string(s.reference ? " reference" : "") + "\" d=\"" + solid + "\"/>";
  if (!marks.empty()) out += "<path class=\"ring\" d=\"" + marks + "\"/><path class=\"hole\" d=\"" + marks + "\"/>";
  return out + "</g>";
}

std::string PanelDrawing::labels() const {
  if (!panel_.labelled) return {};
  struct Label {
    double x, y;
    const Series* series;
  };
  std::vector<Label> labels;
  for (const auto& s : panel_.series) {
    const Point* last = last_drawable(s);
    if (!last || s.label.empty()) continue;
    const double x = across(last->x);
    labels.push_back({x > 0.94 ? 1 : x, std::clamp(down(last->y), 0.0, 1.0) * panel_.height_px, &s});
  }
  std::stable_sort(labels.begin(), labels.end(), [](auto& a, auto& b) { return a.y < b.y; });
  constexpr double line_px = 15;
  double floor = panel_.height_px - 6;
  for (std::size_t i = 1; i < labels.size(); ++i) labels[i].y = std::max(labels[i].y, labels[i - 1].y + line_px);
  for (std::size_t i = labels.size(); i-- > 0; floor = labels[i].y - line_px)
    labels[i].y = std::min(labels[i].y, floor);
  std::string out = "<g class=\"label\">";
  for (const auto& label : labels) {
    out += "<text class=\"" + label.series->css + "\" x=\"" + percentage(label.x) + "\" dx=\"7\" y=\"" +
           fixed(label.y, 1) + "\" dy=\".34em\">" + escaped(label.series->label) + "</text>";
  }
  return out + "</g>";
}

std::string PanelDrawing::marks() const {
  std::string out;
  for (const auto& s : panel_.series) {
    double above_at = -1, below_at = -1;  // where the last triangle stands: one a hundredth of the width is enough
    for (const auto& p : s.points) {
      if (!drawable(p) || !beyond(p)) continue;
      const bool above = p.y > scale_.high;
      double& before = above ? above_at : below_at;
      const double x = across(p.x);
      if (before >= 0 && x - before < 0.01) continue;
      before = x;
      out += "<text class=\"arrow " + s.css + "\" text-anchor=\"middle\" x=\"" + percentage(x) + "\" y=\"" +
             (above ? "0\" dy=\".8em\">▲" : "100%\" dy=\"-.1em\">▼") + "</text>";
    }
    const Point* last = s.lost ? last_drawable(s) : nullptr;
    if (last && !beyond(*last))
      out += "<text class=\"cross " + s.css + "\" text-anchor=\"middle\" x=\"" + percentage(across(last->x)) +
             "\" y=\"" + percentage(down(last->y)) + "\" dy=\".34em\">✕</text>";
  }
  return out;
}

std::string PanelDrawing::sentences() const {
  std::vector<Omissions> all;
  std::size_t measured = 0;
  for (const auto& s : panel_.series) {
    Omissions o{s.label.empty() ? s.key : s.label};
    for (const auto& p : s.points) {
      if (!std::isfinite(p.y)) {
        ++o.not_finite;
      } else if (!drawable(p)) {
        ++o.not_positive;
      } else if (beyond(p)) {
        ++o.beyond;
        if (!o.farthest || std::fabs(p.y) > std::fabs(o.farthest->y)) o.farthest = &p;
      }
    }
    o.thinned = s.points.size() > panel_.most_points;
    measured += s.reference ? 0 : 1;
    all.push_back(std::move(o));
  }
  if (measured > 8) return summary_of(all);
  std::string out;
  for (const Omissions& o : all) out += sentences_on(o);
  return out;
}

PanelDrawing::Dot PanelDrawing::dot(double x, double y) const {
  const double clamped = std::clamp(y, scale_.low, scale_.high) == y ? down(y) : (y > scale_.high ? -0.5 : 1.5);
  return {std::llround(across(x) * box_width), std::llround(clamped * box_height)};
}

std::string PanelDrawing::zero_length(Dot at) { return "M" + std::to_string(at.x) + " " + std::to_string(at.y) + "h0"; }

/// A band where the bounds are near, a short dash at each bound elsewhere.
std::string PanelDrawing::bounds(const Series& s) const {
  if (s.bound_key.empty()) return {};
  constexpr std::int64_t dash = 50, apart = 20;  // of the box: at most one dash in `apart`
  std::string bands, dashes;
  std::int64_t dash_at = -apart;
  for (std::size_t i = 0; i < s.points.size();) {
    const Point& p = s.points[i];
    std::size_t end = i;
    while (end < s.points.size() && drawable(s.points[end]) && is_near(s.points[end])) ++end;
    if (end > i) {
      bands += band(std::span(s.points).subspan(i, end - i));
      i = end;
      continue;
    }
    ++i;
    if (!p.bound || !drawable(p) || *p.bound > scale_.high || *p.bound < scale_.low) continue;
    if (scale_.logarithmic() && !(*p.bound > 0)) continue;
    const Dot at = dot(p.x, *p.bound);
    if (at.x - dash_at < apart) continue;
    dash_at = at.x;
    dashes += "M" + std::to_string(std::max<std::int64_t>(at.x - dash / 2, 0)) + " " + std::to_string(at.y) + "h" +
              std::to_string(dash);
  }
  std::string out = "<g class=\"" + s.css + "\"><title>bound of " + escaped(s.label) + "</title>";
  if (!bands.empty()) out += "<path class=\"band\" d=\"" + bands + "\"/>";
  if (!dashes.empty()) out += "<path class=\"dash\" d=\"" + dashes + "\"/>";
  return out + "</g>";
}

/// From each value to its bound. A single one is a vertical line; of more points than fit, neighbours are joined to what covers them all.
std::string PanelDrawing::band(std::span<const Point> stretch) const {
  struct Span {
    std::int64_t x, top, bottom;
  };
  std::vector<Span> spans;
  const std::int64_t column = 40000 / static_cast<std::int64_t>(panel_.most_points);
  const bool many = stretch.size() > panel_.most_points;
  for (const Point& p : stretch) {
    const double low = std::min(p.y, *p.bound), high = std::max(p.y, *p.bound);
    const Dot top = dot(p.x, std::min(high, scale_.high)), bottom = dot(p.x, std::max(low, scale_.low));
    if (many && !spans.empty() && spans.back().x / column == top.x / column)
      spans.back() = {spans.back().x, std::min(spans.back().top, top.y), std::max(spans.back().bottom, bottom.y)};
    else
      spans.push_back({top.x, top.y, bottom.y});
  }
  std::string out = "M" + std::to_string(spans[0].x) + " " + std::to_string(spans[0].top);
  if (spans.size() == 1) return out + "v" + std::to_string(spans[0].bottom - spans[0].top);
  out += "l";
  std::int64_t x = spans[0].x, y = spans[0].top;
  const auto to = [&](std::int64_t next_x, std::int64_t next_y) {
    if (out.back() != 'l') out += ' ';
    out += std::to_string(next_x - x) + " " + std::to_string(next_y - y);
    x = next_x, y = next_y;
  };
  for (std::size_t i = 1; i < spans.size(); ++i) to(spans[i].x, spans[i].top);
  for (std::size_t i = spans.size(); i-- > 0;) to(spans[i].x, spans[i].bottom);
  return out;
}

/// Only bars taller than the line is wide.
std::string PanelDrawing::error_bar(const Point& p) const {
  if (!(p.error > 0)) return {};
  const auto limit = [&](double y) {
    return scale_.logarithmic() && y <= scale_.low ? 1.0
                                                   : std::clamp(down(std::clamp(y, scale_.low, scale_.high)), 0.0, 1.0);
  };
  const double top = limit(p.y + p.error), bottom = limit(p.y - p.error);
  if ((bottom - top) * panel_.height_px < 1.6) return {};
  return "M" + std::to_string(std::llround(across(p.x) * box_width)) + " " +
         std::to_string(std::llround(top * box_height)) + "v" +
         std::to_string(std::llround((bottom - top) * box_height));
}

std::vector<PanelDrawing::Dot> PanelDrawing::thinned(const std::vector<Dot>& dots) const {
  if (dots.size() <= panel_.most_points) return dots;
  std::vector<Dot> out;
  const std::int64_t column = 40000 / static_cast<std::int64_t>(panel_.most_points);  // four points each
  for (std::size_t begin = 0, end = 0; begin < dots.size(); begin = end) {
    while (end < dots.size() && dots[end].x / column == dots[begin].x / column) ++end;
    const auto [low, high] =
        std::minmax_element(dots.begin() + static_cast<std::ptrdiff_t>(begin),
                            dots.begin() + static_cast<std::ptrdiff_t>(end), [](Dot a, Dot b) { return a.y < b.y; });
    out.push_back(dots[begin]);
    out.push_back(low < high ? *low : *high);
    out.push_back(low < high ? *high : *low);
    out.push_back(dots[end - 1]);
  }
  return out;
}

std::string PanelDrawing::polyline(const std::vector<Dot>& all) const {
  const auto dots = thinned(all);
  if (dots.empty()) return {};
  if (dots.size() == 1) return zero_length(dots[0]);
  std::string out = "M" + std::to_string(dots[0].x) + " " + std::to_string(dots[0].y) + "l";
  Dot pen = dots[0];
  for (std::size_t i = 1; i < dots.size(); ++i) {
    if (i + 1 < dots.size() && dots[i].y == pen.y && dots[i + 1].y == pen.y) continue;  // along a horizontal
    if (out.back() != 'l') out += ' ';
    out += std::to_string(dots[i].x - pen.x) + " " + std::to_string(dots[i].y - pen.y);
    pen = dots[i];
  }
  return out;
}

}  // namespace brink::report
