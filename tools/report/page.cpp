// SPDX-License-Identifier: MIT
// What it is: markup of everything but the charts. What it is not: styled here; style.cpp is.
// Decision: what is missing has its own section even when it is empty: "nothing is missing" is a statement too.
#include "tools/report/page.h"

#include <limits>
#include <vector>

#include "tools/report/charts.h"
#include "tools/report/text.h"

namespace brink::report {
namespace {

std::string cell(const std::string& text, std::string_view tag = "td") {
  return "<" + std::string(tag) + ">" + escaped(text) + "</" + std::string(tag) + ">";
}

std::string heading_cells(std::initializer_list<std::string_view> names) {
  std::string out = "<thead><tr>";
  for (const auto name : names) out += "<th scope=\"col\">" + escaped(name) + "</th>";
  return out + "</tr></thead>";
}

}  // namespace

std::string document(std::string_view title, std::string_view body, std::string_view data) {
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
      "<meta name=\"color-scheme\" content=\"light dark\"/>\n<title>";
  out += escaped(title);
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
    out += "<div><dt>" + escaped(figure.label) + "</dt><dd><b>" + escaped(figure.value) + "</b><small>" +
           escaped(figure.detail) + "</small></dd></div>";
  }
  return out + "</dl>\n";
}

std::string render_facts(const Run& run) {
  std::string out = "<dl class=\"facts\">";
  const auto add = [&](const std::string& label, const std::string& value) {
    out += "<div>" + cell(label, "dt") + value + "</div>";
  };
  for (const auto& [label, value] : run.facts) add(label, cell(value, "dd"));
  if (!run.final_digest.empty()) add("Final digest", "<dd><code>" + escaped(run.final_digest) + "</code></dd>");
  return out + "</dl>\n";
}

std::string render_instabilities(const Run& run) {
  if (run.instabilities.empty()) return {};
  std::string out = "<details><summary>Table of instabilities (" + std::to_string(run.instabilities.size()) +
                    ")</summary><div class=\"scroll\"><table>" +
                    heading_cells({"no.", "entry", "resolution", "length", "kind", "peak λ₁"}) + "<tbody>";
  for (std::size_t i = 0; i < run.instabilities.size(); ++i) {
    const auto& event = run.instabilities[i];
    const double end = event.resolution.value_or(std::numeric_limits<double>::infinity());
    const auto peak = peak_sharpness(run, event.entry, end);
    out += "<tr>" + cell(std::to_string(i + 1)) + cell(shortest(event.entry)) +
           cell(event.resolution && !event.open ? shortest(*event.resolution) : "open at the end") +
           cell(event.length ? shortest(*event.length) : "–") + cell(event.is_long ? "long" : "short") +
           cell(peak ? readable(peak->value, 4) + (peak->certified ? "" : " (uncertified)") : "–") + "</tr>";
  }
  return out + "</tbody></table></div></details>\n";
}

std::string render_notes(std::span<const std::string> notes) {
  if (notes.empty())
    return "<p class=\"notes\">Nothing that the run folder should hold was missing or unreadable.</p>\n";
  std::string out = "<div class=\"notes\"><p>Missing, unreadable or left out:</p><ul>";
  for (const auto& note : notes) out += cell(note, "li");
  return out + "</ul></div>\n";
}

std::string render_comparison(std::span<const Run> runs) {
  std::string out = "<div class=\"scroll\"><table class=\"compare\"><thead><tr><td></td>";
  std::vector<std::vector<KeyFigure>> figures;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    out += "<th scope=\"col\" class=\"" + run_colour(i) + "\"><a href=\"#run" + std::to_string(i) + "\">" +
           run_letter(i) + "</a> " + escaped(runs[i].name) + "</th>";
    figures.push_back(key_figures(runs[i]));
  }
  out += "</tr></thead><tbody>";
  const auto row = [&](const std::string& label, auto&& value) {
    out += "<tr><th scope=\"row\">" + escaped(label) + "</th>";
    for (std::size_t i = 0; i < runs.size(); ++i) out += cell(value(i));
    out += "</tr>";
  };
  row("what", [&](std::size_t i) { return runs[i].title; });
  row("η", [&](std::size_t i) { return runs[i].learning_rate ? shortest(*runs[i].learning_rate) : "–"; });
  row("2/η", [&](std::size_t i) {
    const auto eta = runs[i].learning_rate;
    return eta && *eta > 0 ? readable(2 / *eta, 4) : "–";
  });
  row("ending", [&](std::size_t i) { return ending(runs[i]); });
  for (std::size_t k = 0; k < figures[0].size(); ++k) {
    row(figures[0][k].label, [&](std::size_t i) { return figures[i][k].value; });
  }
  return out + "</tbody></table></div>\n";
}

}  // namespace brink::report
