// SPDX-License-Identifier: MIT
#include "tools/report/comparison.h"

#include <algorithm>
#include <set>
#include <vector>

#include "tools/report/describe.h"
#include "tools/report/facts.h"
#include "tools/report/page.h"
#include "tools/report/text.h"

namespace brink::report {
namespace {

constexpr std::size_t most_keys = 6;  // in the table

std::string spread_in_words(std::span<const Run> runs, const std::string& key) {
  std::set<double> numbers;
  std::set<std::string> texts;
  for (const Run& run : runs) {
    texts.insert(run.settings.text(key));
    if (const auto number = run.settings.number(key)) numbers.insert(*number);
  }
  if (texts.size() <= 4) {
    std::string out;
    for (const auto& text : texts) out += (out.empty() ? "" : ", ") + (text.empty() ? std::string("not set") : text);
    return out;
  }
  std::string count = std::to_string(std::max(texts.size(), numbers.size())) + " values";
  if (numbers.size() < 2 || texts.contains("")) return count;
  return concise(*numbers.begin()) + " to " + concise(*numbers.rbegin()) + ", " + count;
}

}  // namespace

std::string difference_sentence(std::span<const Run> runs, std::span<const std::string> differing) {
  const bool known = std::all_of(runs.begin(), runs.end(), [](const Run& run) { return !run.settings.by_key.empty(); });
  if (differing.empty()) return known ? "Their settings do not differ." : "Their settings are not known.";
  std::string out;
  for (std::size_t i = 0; i < std::min(most_keys, differing.size()); ++i)
    out += (i > 0 ? ", " : "") + differing[i] + " (" + spread_in_words(runs, differing[i]) + ")";
  if (differing.size() > most_keys)
    out += " and " + counted(static_cast<std::int64_t>(differing.size() - most_keys), "more setting", "more settings");
  return "They differ in " + out + ".";
}

std::string render_comparison(std::span<const Run> runs, const Colours& colours,
                              std::span<const std::string> differing) {
  std::vector<std::vector<KeyFigure>> figures;
  std::vector<std::string> labels;  // of all runs, in the order in which they first appear
  bool any_uncertified = false;
  for (const Run& run : runs) {
    figures.push_back(key_figures(run));
    for (const KeyFigure& figure : figures.back()) {
      any_uncertified = any_uncertified || !figure.certified;
      if (std::find(labels.begin(), labels.end(), figure.label) == labels.end()) labels.push_back(figure.label);
    }
  }
  const auto shown = differing.first(std::min(most_keys, differing.size()));
  std::string out = "<div class=\"scroll\"><table class=\"compare\"><thead><tr><th scope=\"col\">run</th>";
  for (const std::string& key : shown) out += "<th scope=\"col\">" + escaped(key) + "</th>";
  out += "<th scope=\"col\">threshold</th><th scope=\"col\">ending</th>";
  for (const std::string& label : labels) out += "<th scope=\"col\">" + escaped(label) + "</th>";
  out += "</tr></thead><tbody>";
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const Run& run = runs[i];
    out += "<tr data-run=\"" + std::to_string(i) + "\"><th scope=\"row\" class=\"" + colours.css[i] +
           "\"><i class=\"swatch\"></i><a href=\"#run" + std::to_string(i) + "\">" + run_letter(i) + "</a> <span>" +
           escaped(run.name) + "</span></th>";
    for (const std::string& key : shown) out += cell(run.settings.text(key).empty() ? "–" : run.settings.text(key));
    const auto edge = run.step.empty() ? std::nullopt : run.threshold(0);
    out += cell(edge ? readable(*edge, 4) : "–") + cell(ending(run));
    for (const std::string& label : labels) {
      const auto at = std::find_if(figures[i].begin(), figures[i].end(),
                                   [&](const KeyFigure& figure) { return figure.label == label; });
      out += at == figures[i].end() ? cell("–") : "<td title=\"" + escaped(at->detail) + "\">" + marked(*at) + "</td>";
    }
    out += "</tr>";
  }
  out += "</tbody></table></div>\n";
  std::string said;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const std::string why = why_unmeasured(runs[i], 1);
    if (why.find('(') == std::string::npos) continue;
    said += (said.empty() ? "" : ", ") + run_letter(i);
  }
  if (!said.empty()) out += "<p class=\"remark\">λ₁ was not measured (measure.top = 0): " + said + ".</p>\n";
  std::string sparse;
  for (std::size_t i = 0; i < runs.size(); ++i)
    if (runs[i].every && *runs[i].every > 1 && why_unmeasured(runs[i], 1).empty())
      sparse += (sparse.empty() ? "" : ", ") + run_letter(i) + " " + interval_of(runs[i]);
  if (!sparse.empty()) out += "<p class=\"remark\">λ₁ was not measured at every step: " + sparse + ".</p>\n";
  if (any_uncertified) out += "<p class=\"remark\">○ rests on a value of λ₁ that is not certified.</p>\n";
  return out;
}

}  // namespace brink::report
