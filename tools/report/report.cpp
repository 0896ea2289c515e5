// SPDX-License-Identifier: MIT
// What it is: the order of the page. What it is not: any of its parts.
// Decision: a single run is its own page with its title on top; several runs start with what they have in common.
#include "tools/report/report.h"

#include <vector>

#include "tools/report/charts.h"
#include "tools/report/page.h"
#include "tools/report/text.h"
#include "training/io/file.h"

namespace brink {
namespace {

using namespace report;

std::string heading(const Run& run) {
  return run.title + (run.learning_rate ? " at η = " + shortest(*run.learning_rate) : "");
}

std::string lead(const Run& run) {
  return "<p class=\"lead\">Run <b>" + escaped(run.name) + "</b>, " + escaped(ending(run)) + "</p>\n";
}

std::string run_body(Run& run, int index, int heading_level) {
  std::vector<std::string> notes = run.notes;
  auto figures = run_figures(run, index, notes);
  std::string out = lead(run);
  if (run.diverged_at) {
    out += "<p class=\"banner\">This run diverged at step " + escaped(shortest(*run.diverged_at)) +
           ": its loss was not finite or above the limit. What is drawn ends there.</p>\n";
  }
  if (run.unfinished) {
    out +=
        "<p class=\"banner\">This run is not finished: it was running, or had been interrupted, when this was "
        "written.</p>\n";
  }
  out += render_key_figures(key_figures(run)) + render_facts(run);
  for (auto& figure : figures) {
    figure.heading = heading_level;
    out += render_figure(figure);
  }
  return out + render_instabilities(run) + render_notes(notes);
}

}  // namespace

std::string render_report(std::span<const std::filesystem::path> folders) {
  if (folders.empty()) throw ReportError("report: no run folder given");
  std::vector<Run> runs;
  for (const auto& folder : folders) runs.push_back(read_run(folder));
  if (runs.size() == 1) {
    return document(heading(runs[0]), "<h1>" + escaped(heading(runs[0])) + "</h1>\n" + run_body(runs[0], 0, 2),
                    chart_data(runs));
  }
  const std::string title = std::to_string(runs.size()) + " runs compared";
  std::string body = "<h1>" + title + "</h1>\n" + render_comparison(runs);
  for (const auto& figure : overlay_figures(runs)) body += render_figure(figure);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    body += "<section id=\"run" + std::to_string(i) + "\"><h2>" + run_letter(i) + " · " + escaped(heading(runs[i])) +
            "</h2>\n" + run_body(runs[i], static_cast<int>(i), 3) + "</section>\n";
  }
  return document(title, body, chart_data(runs));
}

std::filesystem::path default_report_path(std::span<const std::filesystem::path> runs) {
  return runs.size() == 1 ? runs[0] / "report.html" : std::filesystem::path("report.html");
}

void write_report(std::span<const std::filesystem::path> runs, const std::filesystem::path& out_path) {
  write_file(out_path.string(), render_report(runs));
}

}  // namespace brink
