// SPDX-License-Identifier: MIT
#include "tools/report/svg.h"

#include <algorithm>
#include <cmath>

#include "tools/report/heat_map.h"
#include "tools/report/panel_drawing.h"
#include "tools/report/text.h"

namespace brink::report {
namespace {

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
  const auto steps = linear_ticks(axis.low, axis.high, 8, axis.of_steps());
  if (bottom) axis_labels(steps, "100%", "1.55em", axis.name);
  if (top && !axis.time.empty()) axis_labels(axis.time, "0", "-.7em", "ηt");
  return out;
}

std::string render_panel(const Figure& figure, std::size_t index, std::string& sentences) {
  const Panel& panel = figure.panels[index];
  const PanelDrawing drawing(panel, figure.axis);
  const bool top = index == 0, bottom = index + 1 == figure.panels.size(), heat = !panel.rows.empty();
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
  out += "</g>" + (heat ? std::string() : drawing.grid()) + x_ticks(figure.axis, drawing, top, bottom);
  out += "<line class=\"frame\" x1=\"0\" x2=\"100%\" y1=\"100%\" y2=\"100%\"/>";
  out += heat ? heat_cells(panel, figure.axis, heat_scale(figure.panels)) : drawing.lines();
  for (const double step : figure.forks) {
    const double x = drawing.across(step);
    out += "<line class=\"fork\" x1=\"" + percentage(x) + "\" x2=\"" + percentage(x) + "\" y1=\"0\" y2=\"100%\"/>";
    out += "<text class=\"fork\" text-anchor=\"" + std::string(x > 0.8 ? "end\" dx=\"-6" : "start\" dx=\"6") +
           "\" x=\"" + percentage(x) + "\" y=\"0\" dy=\"1.25em\">fork at step " + shortest(step) + "</text>";
  }
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
  out += drawing.marks() + drawing.labels();
  out += "<text class=\"panel-name\" x=\"-44\" y=\"" + std::string(top && !figure.axis.time.empty() ? "-30" : "-9") +
         "\">" + escaped(panel.name) + "</text>";
  out += "<line class=\"cursor\" x1=\"0\" x2=\"0\" y1=\"0\" y2=\"100%\"/></svg>";
  return out;
}

/// The names of the first panel's lines; nothing is read out.
std::string render_names(const Figure& figure) {
  std::string out = "<ul class=\"legend\">";
  for (const auto& s : figure.panels[0].series)
    if (!s.reference)
      out += "<li class=\"" + s.css + "\"><i class=\"swatch\"></i>" + escaped(s.legend.empty() ? s.label : s.legend) +
             "</li>";
  return out + "</ul>";
}

struct LegendEntry {
  std::string css, key, error_key, text;
  int run = 0;
  const Point* last = nullptr;
  bool whole = false, reference = false, swatch = true;
  std::string bound_key = {};
};

/// "≤ 21.4" or "≥ −3.2": what the bound says.
std::string bound_text(const Point& p) { return (*p.bound >= p.y ? "≤ " : "≥ ") + readable(*p.bound, 4); }

/// The lines that have a key. Of heat maps with many rows only the first row of each.
std::vector<LegendEntry> legend_entries(const Figure& figure) {
  constexpr std::size_t most_rows = 12;
  std::vector<LegendEntry> out;
  std::size_t rows = 0;
  for (const Panel& panel : figure.panels) rows += panel.rows.size();
  for (const Panel& panel : figure.panels) {
    for (const Series& s : panel.series)
      if (!s.key.empty())
        out.push_back({s.css, s.key, s.error_key, s.legend.empty() ? s.label : s.legend, s.run,
                       s.points.empty() ? nullptr : &s.points.back(), s.whole, s.reference, true, s.bound_key});
    for (const HeatRow& r : panel.rows) {
      if (rows > most_rows && &r != panel.rows.data()) break;
      out.push_back({"", r.key, "", r.label + " " + panel.name, r.run, r.points.empty() ? nullptr : &r.points.back(),
                     false, false, false});
    }
  }
  return out;
}

/// What band and dash mean, for each line that has them.
std::string bound_entries(const Figure& figure) {
  std::string out;
  for (const Panel& panel : figure.panels)
    for (const Series& s : panel.series) {
      const auto has = [&](bool near) {
        return std::ranges::any_of(s.points, [&](const Point& p) { return p.bound && is_near(p) == near; });
      };
      const auto entry = [&](const char* swatch, const std::string& text) {
        out += "<li class=\"" + s.css + "\"><i class=\"swatch " + swatch + "\"></i>" + escaped(text) + "</li>";
      };
      if (has(true)) entry("band", "from " + s.label + " to its bound");
      if (has(false)) entry("mark", "bound more than 10 % away");
    }
  return out;
}

/// Legend and readout in one: the values of the last step, which the page's script replaces by those under the cursor.
std::string render_legend(const Figure& figure) {
  double last = figure.axis.low;
  for (const auto& panel : figure.panels) {
    for (const auto& s : panel.series)
      if (!s.points.empty() && !s.reference) last = std::max(last, s.points.back().x);
    for (const auto& r : panel.rows)
      if (!r.points.empty()) last = std::max(last, r.points.back().x);
  }
  std::string out = "<ul class=\"legend\"><li class=\"where\">step <output>" + shortest(last) + "</output></li>";
  for (const LegendEntry& e : legend_entries(figure)) {
    out += "<li" + (e.css.empty() ? std::string() : " class=\"" + e.css + "\"") + " data-run=\"" +
           std::to_string(e.run) + "\" data-key=\"" + escaped(e.key) + "\"";
    if (e.whole) out += " data-whole=\"\"";
    if (!e.error_key.empty()) out += " data-error=\"" + escaped(e.error_key) + "\"";
    if (!e.bound_key.empty()) out += " data-bound=\"" + escaped(e.bound_key) + "\"";
    out += ">";
    if (e.swatch) out += "<i class=\"swatch" + std::string(e.reference ? " dash" : "") + "\"></i>";
    out += escaped(e.text) + " <output>";
    if (e.last && e.last->x == last) {
      const Point& p = *e.last;
      out += e.whole && std::isfinite(p.y) ? shortest(p.y) : readable(p.y, 4);
      if (p.error > 0 && std::isfinite(p.y)) out += "<small> ±" + readable(p.error, 2) + "</small>";
      if (p.bound && std::isfinite(p.y)) out += "<small> " + bound_text(p) + "</small>";
      if (!p.certified) out += "<small aria-label=\"not certified\"> ○</small>";
    } else {
      out += "–";
    }
    out += "</output></li>";
  }
  return out + bound_entries(figure) + "</ul>";
}

}  // namespace

std::string render_figure(const Figure& figure) {
  std::string sentences, panels;
  for (std::size_t i = 0; i < figure.panels.size(); ++i) panels += render_panel(figure, i, sentences);
  const std::string heading = "h" + std::to_string(figure.heading);
  const bool heat =
      std::any_of(figure.panels.begin(), figure.panels.end(), [](const Panel& p) { return !p.rows.empty(); });
  const std::string key = heat ? heat_key(heat_scale(figure.panels)) : std::string();
  return "<figure id=\"" + figure.id + "\"><" + heading + " id=\"" + figure.id + "-title\">" + escaped(figure.title) +
         "</" + heading + ">" +
         (!figure.colour_key.empty() ? figure.colour_key
          : figure.axis.of_steps()   ? render_legend(figure)
                                     : render_names(figure)) +
         key + "<div class=\"plot" + std::string(figure.axis.time.empty() ? " timeless" : "") +
         // Only a chart over steps follows the page's crosshair.
         (figure.axis.of_steps()
              ? "\" data-low=\"" + shortest(figure.axis.low) + "\" data-high=\"" + shortest(figure.axis.high) + "\">"
              : std::string(" still\">")) +
         panels + "</div><figcaption id=\"" + figure.id + "-caption\">" + escaped(figure.caption + sentences) +
         "</figcaption></figure>\n";
}

}  // namespace brink::report
