// SPDX-License-Identifier: MIT
// What it is: charts as SVG. What it is not: aware of runs or columns; charts.cpp chooses what is drawn.
// Decision: coordinates are whole numbers in a 10000 × 2000 box, written relative to the previous point: a tenth of a
// pixel is enough, and a page of 400 steps stays near 100 kB.
#include "tools/report/svg.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "tools/report/text.h"

namespace brink::report {
namespace {

constexpr double box_width = 10000, box_height = 2000;
constexpr std::size_t most_points = 4000;  // of one line; beyond it, extremes per column

struct Dot {
  std::int64_t x, y;
};

std::string percentage(double share) { return fixed(100 * share, 2) + "%"; }

/// ` name="value"`; the value has to be safe already.
std::string attribute(std::string_view name, std::string_view value) {
  std::string out = " ";
  return out.append(name).append("=\"").append(value).append("\"");
}

class PanelDrawing {
 public:
  PanelDrawing(const Panel& panel, const Axis& axis) : panel_(panel), axis_(axis) {
    std::vector<double> values;
    for (const auto& series : panel.series) {
      for (const auto& point : series.points) {
        if (!panel.farthest || std::fabs(point.y) <= *panel.farthest) values.push_back(point.y);
      }
    }
    scale_ = panel.scale ? *panel.scale : fit_scale(values, panel.logarithmic, panel.with_zero);
  }

  double across(double x) const { return (x - axis_.low) / (axis_.high - axis_.low); }
  double down(double y) const { return 1 - scale_.position(y); }
  bool drawable(const Point& p) const { return std::isfinite(p.y) && (!scale_.logarithmic || p.y > 0); }
  const Scale& scale() const { return scale_; }

  std::string grid() const {
    std::string out = "<g class=\"grid\">";
    std::string labels = "<g class=\"tick\" text-anchor=\"end\">";
    for (const auto& tick : ticks(scale_, std::max(4, panel_.height_px / 46))) {
      const std::string y = percentage(down(tick.value));
      out += "<line x1=\"0\" x2=\"100%\"" + attribute("y1", y) + attribute("y2", y) + "/>";
      labels += "<text x=\"-8\" y=\"" + y + "\" dy=\".34em\">" + tick.label + "</text>";
    }
    return out + "</g>" + labels + "</g>";
  }

  std::string series(const Series& s) const {
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
    std::string out = "<g class=\"" + s.css + "\">";
    if (!bars.empty()) out += "<path class=\"bar\" d=\"" + bars + "\"/>";
    if (!dashed.empty()) out += "<path class=\"line uncertain\" d=\"" + dashed + "\"/>";
    if (!solid.empty())
      out += "<path class=\"line" + std::string(s.reference ? " reference" : "") + "\" d=\"" + solid + "\"/>";
    if (!marks.empty()) out += "<path class=\"ring\" d=\"" + marks + "\"/><path class=\"hole\" d=\"" + marks + "\"/>";
    return out + "</g>";
  }

  /// Labels at the lines' right ends, pushed apart so that none covers another.
  std::string labels() const {
    struct Label {
      double x, y;
      const Series* series;
    };
    std::vector<Label> labels;
    for (const auto& s : panel_.series) {
      const auto last = std::find_if(s.points.rbegin(), s.points.rend(), [&](auto& p) { return drawable(p); });
      if (last == s.points.rend() || s.label.empty()) continue;
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

  /// Triangles at the edge for what lies beyond it.
  std::string arrows() const {
    std::string out;
    for (const auto& s : panel_.series) {
      for (const auto& p : s.points) {
        if (!drawable(p) || (p.y <= scale_.high && p.y >= scale_.low)) continue;
        const bool above = p.y > scale_.high;
        out += "<text class=\"arrow " + s.css + "\" text-anchor=\"middle\" x=\"" + percentage(across(p.x)) + "\" y=\"" +
               (above ? "0\" dy=\".8em\">▲" : "100%\" dy=\"-.1em\">▼") + "</text>";
      }
    }
    return out;
  }

  std::string sentences() const {
    std::string out;
    for (const auto& s : panel_.series) {
      std::int64_t beyond = 0, not_finite = 0, not_positive = 0;
      const Point* farthest = nullptr;
      for (const auto& p : s.points) {
        if (!std::isfinite(p.y)) {
          ++not_finite;
        } else if (!drawable(p)) {
          ++not_positive;
        } else if (p.y > scale_.high || p.y < scale_.low) {
          ++beyond;
          if (!farthest || std::fabs(p.y) > std::fabs(farthest->y)) farthest = &p;
        }
      }
      if (beyond > 0) {
        out += " " + s.label + ": " + counted(beyond, "value lies", "values lie") +
               " beyond the axis (triangles), the farthest " + readable(farthest->y, 3) + " at step " +
               shortest(farthest->x) + ".";
      }
      if (not_finite > 0)
        out += " " + s.label + ": " + counted(not_finite, "value is", "values are") + " not finite and not drawn.";
      if (not_positive > 0) {
        out += " " + s.label + ": " + counted(not_positive, "value is", "values are") +
               " zero or negative and not drawn on the logarithmic axis.";
      }
      if (s.points.size() > most_points) out += " " + s.label + ": drawn as the extremes of neighbouring steps.";
    }
    return out;
  }

 private:
  Dot dot(double x, double y) const {
    const double clamped = std::clamp(y, scale_.low, scale_.high) == y ? down(y) : (y > scale_.high ? -0.5 : 1.5);
    return {std::llround(across(x) * box_width), std::llround(clamped * box_height)};
  }

  static std::string zero_length(Dot at) { return "M" + std::to_string(at.x) + " " + std::to_string(at.y) + "h0"; }

  /// Only bars taller than the line is wide.
  std::string error_bar(const Point& p) const {
    if (!(p.error > 0)) return {};
    const auto limit = [&](double y) {
      return scale_.logarithmic && y <= scale_.low ? 1.0
                                                   : std::clamp(down(std::clamp(y, scale_.low, scale_.high)), 0.0, 1.0);
    };
    const double top = limit(p.y + p.error), bottom = limit(p.y - p.error);
    if ((bottom - top) * panel_.height_px < 1.6) return {};
    return "M" + std::to_string(std::llround(across(p.x) * box_width)) + " " +
           std::to_string(std::llround(top * box_height)) + "v" +
           std::to_string(std::llround((bottom - top) * box_height));
  }

  static std::vector<Dot> thinned(const std::vector<Dot>& dots) {
    if (dots.size() <= most_points) return dots;
    std::vector<Dot> out;
    constexpr std::int64_t column = 10;
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

  static std::string polyline(const std::vector<Dot>& all) {
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

  const Panel& panel_;
  const Axis& axis_;
  Scale scale_;
};

std::string x_ticks(const Axis& axis, const PanelDrawing& drawing, bool top, bool bottom) {
  std::string out;
  const auto axis_labels = [&](const std::vector<Tick>& all, const std::string& y, const std::string& dy,
                               std::string_view name) {
    out += "<g class=\"tick\" text-anchor=\"middle\"><text class=\"axis-name\" text-anchor=\"end\" x=\"-8\" y=\"" + y +
           "\" dy=\"" + dy + "\">" + std::string(name) + "</text>";
    for (std::size_t i = 0; i < all.size(); ++i) {
      const bool dispensable = i % 2 == 1 && all.size() > 6;
      out += "<text" + (dispensable ? attribute("class", "second") : "") +
             attribute("x", percentage(drawing.across(all[i].value))) + attribute("y", y) + attribute("dy", dy) + ">" +
             all[i].label + "</text>";
    }
    out += "</g>";
  };
  const auto steps = linear_ticks(axis.low, axis.high, 8, true);
  if (bottom) axis_labels(steps, "100%", "1.55em", "step");
  if (top && !axis.time.empty()) axis_labels(axis.time, "0", "-.7em", "ηt");
  return out;
}

std::string render_panel(const Figure& figure, std::size_t index, std::string& sentences) {
  const Panel& panel = figure.panels[index];
  const PanelDrawing drawing(panel, figure.axis);
  const bool top = index == 0, bottom = index + 1 == figure.panels.size();
  sentences += drawing.sentences();

  std::string out = "<svg class=\"panel\" role=\"img\" height=\"" + std::to_string(panel.height_px) +
                    "\" aria-labelledby=\"" + figure.id + "-title\" aria-describedby=\"" + figure.id + "-caption\">";
  std::string numbers;
  out += "<g>";
  for (const auto& shade : figure.shades) {
    const double from = drawing.across(shade.from), to = drawing.across(shade.to);
    out += "<rect class=\"shade" + std::string(shade.is_long ? " long" : "") + "\" x=\"" + percentage(from) +
           "\" width=\"" + percentage(std::max(0.0, to - from)) + "\" y=\"0\" height=\"100%\"/>";
    if (top && !shade.number.empty()) {
      numbers +=
          "<text x=\"" + percentage((from + to) / 2) + "\" y=\"0\" dy=\"1.25em\">" + escaped(shade.number) + "</text>";
    }
  }
  out += "</g>" + drawing.grid() + x_ticks(figure.axis, drawing, top, bottom);
  out += "<line class=\"frame\" x1=\"0\" x2=\"100%\" y1=\"100%\" y2=\"100%\"/>";
  out += "<svg class=\"data\" width=\"100%\" height=\"100%\" viewBox=\"0 0 10000 2000\" preserveAspectRatio=\"none\">";
  for (auto s = panel.series.rbegin(); s != panel.series.rend(); ++s) out += drawing.series(*s);
  out += "</svg>";
  if (figure.diverged_at) {
    const double x = drawing.across(*figure.diverged_at);
    out += "<line class=\"diverged\" x1=\"" + percentage(x) + "\" x2=\"" + percentage(x) + "\" y1=\"0\" y2=\"100%\"/>";
    if (top && figure.diverged_label) {
      out += "<text class=\"diverged\" text-anchor=\"" + std::string(x > 0.5 ? "end\" dx=\"-6" : "start\" dx=\"6") +
             "\" x=\"" + percentage(x) + "\" y=\"50%\" dy=\"0\">diverged at step " + shortest(*figure.diverged_at) +
             "</text>";
    }
  }
  if (!numbers.empty()) out += "<g class=\"shade-number\" text-anchor=\"middle\">" + numbers + "</g>";
  out += drawing.arrows() + drawing.labels();
  out += "<text class=\"panel-name\" x=\"-44\" y=\"" + std::string(top && !figure.axis.time.empty() ? "-30" : "-9") +
         "\">" + escaped(panel.name) + "</text>";
  out += "<line class=\"cursor\" x1=\"0\" x2=\"0\" y1=\"0\" y2=\"100%\"/></svg>";
  return out;
}

/// Legend and readout in one: the values of the last step, which the page's script replaces by those under the cursor.
std::string render_legend(const Figure& figure) {
  double last = figure.axis.low;
  for (const auto& panel : figure.panels) {
    for (const auto& s : panel.series) {
      if (!s.points.empty()) last = std::max(last, s.points.back().x);
    }
  }
  std::string out = "<ul class=\"legend\"><li class=\"where\">step <output>" + shortest(last) + "</output></li>";
  for (const auto& panel : figure.panels) {
    for (const auto& s : panel.series) {
      if (s.key.empty()) continue;
      out +=
          "<li class=\"" + s.css + "\" data-run=\"" + std::to_string(s.run) + "\" data-key=\"" + escaped(s.key) + "\"";
      if (s.whole) out += " data-whole=\"\"";
      if (!s.error_key.empty()) out += " data-error=\"" + escaped(s.error_key) + "\"";
      out += "><i class=\"swatch" + std::string(s.reference ? " dash" : "") + "\"></i>" +
             escaped(s.legend.empty() ? s.label : s.legend) + " <output>";
      const bool at_end = !s.points.empty() && s.points.back().x == last;
      if (at_end) {
        const Point& p = s.points.back();
        out += s.whole && std::isfinite(p.y) ? shortest(p.y) : readable(p.y, 4);
        if (p.error > 0 && std::isfinite(p.y)) out += "<small> ±" + readable(p.error, 2) + "</small>";
        if (!p.certified) out += "<small aria-label=\"not certified\"> ○</small>";
      } else {
        out += "–";
      }
      out += "</output></li>";
    }
  }
  return out + "</ul>";
}

}  // namespace

std::string render_figure(const Figure& figure) {
  std::string sentences, panels;
  for (std::size_t i = 0; i < figure.panels.size(); ++i) panels += render_panel(figure, i, sentences);
  const std::string heading = "h" + std::to_string(figure.heading);
  return "<figure id=\"" + figure.id + "\"><" + heading + " id=\"" + figure.id + "-title\">" + escaped(figure.title) +
         "</" + heading + ">" + render_legend(figure) + "<div class=\"plot" +
         std::string(figure.axis.time.empty() ? " timeless" : "") + "\" data-low=\"" + shortest(figure.axis.low) +
         "\" data-high=\"" + shortest(figure.axis.high) + "\">" + panels + "</div><figcaption id=\"" + figure.id +
         "-caption\">" + escaped(figure.caption + sentences) + "</figcaption></figure>\n";
}

}  // namespace brink::report
