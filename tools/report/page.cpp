// SPDX-License-Identifier: MIT
#include "tools/report/page.h"

#include <limits>
#include <string>
#include <vector>

#include "tools/report/describe.h"
#include "tools/report/text.h"

namespace brink::report {
namespace {

std::string heading_cells(std::span<const std::string_view> names) {
  std::string out = "<thead><tr>";
  for (const auto name : names) out += "<th scope=\"col\">" + escaped(name) + "</th>";
  return out + "</tr></thead>";
}

}  // namespace

std::string cell(const std::string& text, std::string_view tag) {
  return "<" + std::string(tag) + ">" + escaped(text) + "</" + std::string(tag) + ">";
}

std::string marked(const KeyFigure& figure) {
  return escaped(figure.value) +
         (figure.certified ? ""
                           : " <span class=\"mark\" title=\"not certified\" aria-label=\"not certified\">○</span>");
}

std::string document(std::string_view title, std::string_view body, std::string_view data, int reload_seconds) {
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
      "<meta name=\"color-scheme\" content=\"light dark\"/>\n";
  if (reload_seconds > 0) out += "<meta http-equiv=\"refresh\" content=\"" + std::to_string(reload_seconds) + "\"/>\n";
  out += "<title>" + escaped(title);
  out += "</title>\n<style>\n" + style_sheet() + "</style>\n</head>\n<body>\n";
  out += "<button id=\"theme\" type=\"button\" hidden=\"hidden\">dark</button>\n<main>\n";
  out += body;
  out += "</main>\n<script type=\"application/json\" id=\"data\">";
  out += data;
  out += "</script>\n<script>\n//<![CDATA[\n";
  out += page_script();
  out += "//]]>\n</script>\n</body>\n</html>\n";
  return out;
}

std::string render_key_figures(std::span<const KeyFigure> figures) {
  std::string out = "<dl class=\"key\">";
  for (const auto& figure : figures) {
    out += "<div><dt>" + escaped(figure.label) + "</dt><dd><b>" + marked(figure) + "</b><small>" +
           escaped(figure.detail) + "</small></dd></div>";
  }
  return out + "</dl>\n";
}

std::string render_settings(const Run& run) {
  std::string out = "<dl class=\"facts\">";
  const auto add = [&](const std::string& label, const std::string& value) {
    out += "<div>" + cell(label, "dt") + value + "</div>";
  };
  for (const auto& [label, value] : settings_in_words(run)) add(label, cell(value, "dd"));
  if (!run.final_digest.empty()) add("Final digest", "<dd><code>" + escaped(run.final_digest) + "</code></dd>");
  return out + "</dl>\n";
}

std::string render_instabilities(const Run& run) {
  if (run.instabilities.empty()) return {};
  const bool bounded = run.measured(bound_column(1));
  std::vector<std::string_view> names{"no.", "entry", "resolution", "length", "kind", "peak λ₁"};
  if (bounded) names.emplace_back("no eigenvalue then above");
  std::string out = "<details><summary>Table of instabilities (" + std::to_string(run.instabilities.size()) +
                    ")</summary><div class=\"scroll\"><table>" + heading_cells(names) + "<tbody>";
  for (std::size_t i = 0; i < run.instabilities.size(); ++i) {
    const auto& event = run.instabilities[i];
    const double end = event.resolution.value_or(std::numeric_limits<double>::infinity());
    const auto peak = peak_sharpness(run, event.entry, end);
    out += "<tr>" + cell(std::to_string(i + 1)) + cell(shortest(event.entry)) +
           cell(event.resolution && !event.open ? shortest(*event.resolution) : "open at the end") +
           cell(event.length ? shortest(*event.length) : "–") + cell(event.is_long ? "long" : "short") + "<td>" +
           marked({peak ? readable(peak->value, 4) : "–", "", "", certified_between(run, event.entry, end)}) + "</td>" +
           (bounded ? cell(peak && peak->bound ? readable(*peak->bound, 4) : "–") : "") + "</tr>";
  }
  return out + "</tbody></table></div></details>\n";
}

// Also when nothing is missing: that is a statement too.
std::string render_notes(std::span<const std::string> notes) {
  if (notes.empty())
    return "<p class=\"notes\">Nothing that the run folder should hold was missing or unreadable.</p>\n";
  std::string out = "<div class=\"notes\"><p>Missing, unreadable or left out:</p><ul>";
  for (const auto& note : notes) out += cell(note, "li");
  return out + "</ul></div>\n";
}

}  // namespace brink::report
