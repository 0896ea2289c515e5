// SPDX-License-Identifier: MIT
#include "tools/report/spectra.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string_view>

#include "tools/report/evenly.h"
#include "tools/report/panel_drawing.h"
#include "tools/report/step_files.h"
#include "tools/report/stepped.h"
#include "tools/report/text.h"
#include "training/errors.h"
#include "training/io/safetensors.h"
#include "training/io/text.h"

namespace brink::report {
namespace {

namespace fs = std::filesystem;

struct Operator {
  std::string_view name, words, css;
};
constexpr std::array<Operator, 3> operators{{{"hessian", "Hessian", "l1"},
                                             {"gauss_newton", "Gauss–Newton matrix", "l3"},
                                             {"difference", "Hessian without its Gauss–Newton part", "bottom"}}};

/// Curves fall to zero beyond the spectrum; what is smaller than this part of the peak is not worth an axis.
constexpr double least_of_peak = 1e-7;

std::optional<double> number_in(const Safetensors& file, const std::string& key) {
  const auto at = file.metadata().find(key);
  return at == file.metadata().end() ? std::nullopt : brink::parse_number<double>(at->second);
}

SpectrumAt read_spectrum(const fs::path& path) {
  const Safetensors file = Safetensors::read(path.string());
  SpectrumAt out;
  const auto step = number_in(file, "step");
  if (!step) throw DataError(path.string() + ": expected the step in the metadata, found none");
  out.step = *step;
  out.threshold = number_in(file, "threshold").value_or(0);
  for (const Operator& o : operators) {
    const std::string prefix = std::string(o.name) + "/";
    if (!file.contains(prefix + "density")) continue;
    const std::vector<double> at = file.load_doubles(prefix + "grid"), density = file.load_doubles(prefix + "density"),
                              error = file.load_doubles(prefix + "density_error");
    if (at.size() != density.size() || at.size() != error.size())
      throw DataError(path.string() + ": expected " + prefix + "grid, density and density_error of equal lengths");
    DensityAt& d = out.densities[std::string(o.name)];
    for (std::size_t i = 0; i < at.size(); ++i)
      if (std::isfinite(at[i])) d.points.push_back({at[i], density[i], std::isfinite(error[i]) ? error[i] : 0, true});
    for (const auto& [key, value] : file.metadata())
      if (key.starts_with(prefix) && key.find('/', prefix.size()) == std::string::npos)
        d.said[key.substr(prefix.size())] = value;
  }
  return out;
}

std::string figure_of(const DensityAt& d, const std::string& key, int digits = 3) {
  const auto at = d.said.find(key);
  const auto value = at == d.said.end() ? std::nullopt : brink::parse_number<double>(at->second);
  return value ? readable(*value, digits) : std::string();
}

/// "trace 310 ± 4, 9 eigenvalues or more above the bulk"
std::string words_on(const DensityAt& d) {
  std::string out = "trace " + figure_of(d, "trace");
  if (const std::string error = figure_of(d, "trace_error", 2); !error.empty()) out += " ± " + error;
  if (const auto count = d.said.find("outliers"); count != d.said.end())
    out += (count->second == "0"
                ? ", no eigenvalue seen"
                : ", at least " + count->second + (count->second == "1" ? " eigenvalue" : " eigenvalues")) +
           " above the bulk";
  return out + ", smoothed by " + figure_of(d, "width");
}

/// The axes of one operator's panel, the same at all steps.
struct Frame {
  Panel panel;
  double low = 0, high = 1;
};

Frame frame_of(const std::vector<SpectrumAt>& spectra, const Operator& o) {
  Frame out;
  double peak = 0;
  bool first = true;
  for (const SpectrumAt& s : spectra) {
    const auto at = s.densities.find(std::string(o.name));
    if (at == s.densities.end()) continue;
    for (const Point& p : at->second.points) {
      out.low = first ? p.x : std::min(out.low, p.x);
      out.high = first ? p.x : std::max(out.high, p.x);
      first = false;
      if (std::isfinite(p.y)) peak = std::max(peak, p.y);
    }
  }
  if (!(out.high > out.low)) out.high = out.low + 1;
  if (!(peak > 0)) peak = 1;
  out.panel.name = o.words;
  out.panel.kind = ChartScale::logarithmic;
  out.panel.labelled = false;
  out.panel.scale = with_room(peak * least_of_peak, peak, ChartScale::logarithmic, false);
  return out;
}

std::string vertical(double share, std::string_view css, const std::string& label) {
  const std::string x = percentage(share);
  return "<line class=\"" + std::string(css) + "\" x1=\"" + x + "\" x2=\"" + x + "\" y1=\"0\" y2=\"100%\"/>" +
         (label.empty() ? ""
                        : "<text class=\"" + std::string(css) + "\" text-anchor=\"" +
                              (share > 0.7 ? "end\" dx=\"-6" : "start\" dx=\"6") + "\" x=\"" + x +
                              "\" y=\"0\" dy=\"1.25em\">" + label + "</text>");
}

/// The curve of one step, inside the panel's axes.
std::string curve(const Frame& frame, const Axis& axis, const SpectrumAt& s, const Operator& o, std::size_t number,
                  std::size_t count) {
  std::string out = "<g" + only_at(number, count) + ">";
  Panel one = frame.panel;
  const auto at = s.densities.find(std::string(o.name));
  if (at != s.densities.end()) {
    Series line{"", std::string(o.css), 0, "", "", {}};
    line.points = at->second.points;
    one.series.push_back(std::move(line));
  }
  const PanelDrawing drawing(one, axis);
  if (s.threshold > axis.low && s.threshold < axis.high)
    out += vertical(drawing.across(s.threshold), "threshold", "threshold " + readable(s.threshold, 4));
  return out + drawing.lines() + "</g>";
}

std::string panel_of(const std::vector<SpectrumAt>& spectra, const Operator& o, const std::string& id) {
  const Frame frame = frame_of(spectra, o);
  const Axis axis{frame.low, frame.high, {}};
  const PanelDrawing empty(frame.panel, axis);
  std::string out = "<svg class=\"panel\" role=\"img\" height=\"" + std::to_string(frame.panel.height_px) +
                    "\" aria-labelledby=\"" + id + "-title\" aria-describedby=\"" + id + "-caption\">" + empty.grid();
  out +=
      "<g class=\"tick\" text-anchor=\"middle\"><text class=\"axis-name\" text-anchor=\"end\" x=\"-8\" y=\"100%\" "
      "dy=\"1.55em\">λ</text>";
  const auto marks = linear_ticks(axis.low, axis.high, 8);
  for (std::size_t i = 0; i < marks.size(); ++i)
    out += "<text" + std::string(i % 2 == 1 && marks.size() > 6 ? " class=\"second\"" : "") + " x=\"" +
           percentage(empty.across(marks[i].value)) + "\" y=\"100%\" dy=\"1.55em\">" + marks[i].label + "</text>";
  out += "</g><line class=\"frame\" x1=\"0\" x2=\"100%\" y1=\"100%\" y2=\"100%\"/>";
  if (axis.low < 0 && axis.high > 0) out += vertical(empty.across(0), "zero", "");
  for (std::size_t i = 0; i < spectra.size(); ++i) out += curve(frame, axis, spectra[i], o, i, spectra.size());
  return out + "<text class=\"panel-name\" x=\"-44\" y=\"-9\">" + escaped(frame.panel.name) + "</text></svg>";
}

std::string facts(const std::vector<SpectrumAt>& spectra) {
  std::string out;
  for (std::size_t i = 0; i < spectra.size(); ++i) {
    out += "<p" + only_at(i, spectra.size()) + "><b>Step " + shortest(spectra[i].step) + "</b>";
    for (const Operator& o : operators) {
      const auto at = spectra[i].densities.find(std::string(o.name));
      if (at != spectra[i].densities.end())
        out += "<br/>" + std::string(o.words) + ": " + escaped(words_on(at->second));
    }
    out += "</p>";
  }
  return out;
}

}  // namespace

std::vector<SpectrumAt> read_spectra(const fs::path& run_folder, std::vector<std::string>& notes) {
  const std::vector<fs::path> all = step_files(run_folder, "spectra"), files = evenly_chosen(all, most_spectra);
  if (files.size() < all.size())
    notes.push_back("spectra: " + std::to_string(files.size()) + " of " + std::to_string(all.size()) +
                    " files are drawn, evenly chosen.");
  std::vector<SpectrumAt> out;
  for (const fs::path& file : files) try {
      SpectrumAt s = read_spectrum(file);
      if (!s.densities.empty()) out.push_back(std::move(s));
    } catch (const DataError& e) {
      const std::string where = run_folder.generic_string() + "/", said = e.what();
      notes.push_back(said.starts_with(where) ? said.substr(where.size()) : said);
    }
  std::ranges::stable_sort(out, {}, &SpectrumAt::step);
  return out;
}

std::string render_spectra(const std::vector<SpectrumAt>& spectra, int index, int heading) {
  if (spectra.empty()) return {};
  const std::string id = "spectra" + std::to_string(index), tag = "h" + std::to_string(heading);
  std::string out = "<figure class=\"" + std::string(stepped_class) + "\" id=\"" + id + "\"><" + tag + " id=\"" + id +
                    "-title\">Density of all eigenvalues</" + tag + ">";
  out += step_slider(spectra.size(), "step of the densities") + facts(spectra) + "<div class=\"plot timeless\">";
  for (const Operator& o : operators)
    if (std::ranges::any_of(spectra, [&](const SpectrumAt& s) { return s.densities.contains(std::string(o.name)); }))
      out += panel_of(spectra, o, id);
  return out + "</div><figcaption id=\"" + id +
         "-caption\">Eigenvalues per unit of λ at one step, smoothed; the area under a curve is the number of "
         "parameters. Bars are "
         "one standard error over the random vectors. An axis is the same at every step. Values below 10⁻⁷ of the peak "
         "are not "
         "drawn.</figcaption></figure>\n";
}

}  // namespace brink::report
