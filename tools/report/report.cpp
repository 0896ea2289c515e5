// SPDX-License-Identifier: MIT
#include "tools/report/report.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "tools/report/chart_data.h"
#include "tools/report/charts.h"
#include "tools/report/comparison.h"
#include "tools/report/measured.h"
#include "tools/report/multiples.h"
#include "tools/report/overlays.h"
#include "tools/report/page.h"
#include "tools/report/planes.h"
#include "tools/report/slices.h"
#include "tools/report/svg.h"
#include "tools/report/text.h"
#include "training/io/file.h"
#include "training/run/folder.h"

namespace brink {
namespace {

using namespace report;

std::string lead(const Run& run) {
  std::string out = "<p class=\"lead\">Run <b>" + escaped(run.name) + "</b>, " + escaped(ending(run)) + "</p>\n";
  if (run.step.empty()) return out;
  const bool certified = certified_between(run, run.step.front(), run.step.back());
  return out + "<p class=\"" + (certified ? "lead measured" : "banner doubt") + "\">" +
         escaped(measurement_sentence(run)) + "</p>\n";
}

std::string run_body(const Run& run, int index, int heading_level) {
  Charts charts = run_charts(run, index);
  std::vector<std::string> notes = run.notes;
  notes.insert(notes.end(), charts.notes.begin(), charts.notes.end());
  std::string out = lead(run);
  if (run.diverged_at) {
    out += "<p class=\"banner\">This run diverged at step " + escaped(shortest(*run.diverged_at)) +
           ": its loss was not finite or above the limit. What is drawn ends there.</p>\n";
  }
  if (run.unfinished) {
    out += std::string("<p class=\"banner\">This run is not finished: ") +
           (run.account.status == "running" ? std::string("it was running when this was written.")
            : !run.account.interrupted_because.empty()
                ? "it cannot go on under its settings. " + escaped(run.account.interrupted_because)
                : "it was interrupted. <code>brink train --resume</code> with its folder as --out continues it.") +
           "</p>\n";
  }
  out += render_key_figures(key_figures(run)) + render_settings(run);
  for (auto& figure : charts.figures) {
    figure.heading = heading_level;
    out += render_figure(figure);
  }
  out += render_planes(run.slices, index, heading_level) + render_spectra(run.spectra, index, heading_level);
  if (!charts.constant.empty())
    out += "<p class=\"notes\">The same in every row, and therefore not drawn: " + escaped(charts.constant) + ".</p>\n";
  for (const std::string& table : run.added)
    out += "<p class=\"notes\">Added by <code>brink measure</code>: " + escaped(table) + "</p>\n";
  return out + render_instabilities(run) + render_notes(notes);
}

std::string section(const Run& run, std::size_t index, bool folded) {
  const std::string title = run_letter(index) + " · " + escaped(heading_of(run));
  const std::string body = run_body(run, static_cast<int>(index), 3);
  return "<section id=\"run" + std::to_string(index) + "\">" +
         (folded ? "<details class=\"run\"><summary><h2>" + title + "</h2></summary>\n" + body + "</details>"
                 : "<h2>" + title + "</h2>\n" + body) +
         "</section>\n";
}

std::string comparison_page(const std::vector<Run>& runs, int reload_seconds) {
  std::vector<const Settings*> settings;
  for (const Run& run : runs) settings.push_back(&run.settings);
  const std::vector<std::string> differing = differing_keys(settings);
  const Colours colours = colours_of(runs, differing);
  const bool many = runs.size() > most_single_colours;
  const std::string title = std::to_string(runs.size()) + " runs compared";
  std::string body =
      "<h1>" + title + "</h1>\n<p class=\"lead\">" + escaped(difference_sentence(runs, differing)) + "</p>\n";
  const std::string table = render_comparison(runs, colours, differing);
  if (!many) body += table;
  for (const auto& figure : overlay_figures(runs, colours)) body += render_figure(figure);
  if (many) body += render_multiples(runs, colours, differing) + "<h2 class=\"table\">All runs</h2>\n" + table;
  for (std::size_t i = 0; i < runs.size(); ++i) body += section(runs[i], i, many);
  return document(title, body, chart_data(runs), reload_seconds);
}

struct Drawn {
  std::string page;
  std::vector<std::string> damage;
};

Drawn draw(std::span<const std::filesystem::path> folders, int reload_seconds) {
  if (folders.empty()) throw ReportError("report: no run folder was given; expected at least one");
  Drawn out;
  std::vector<Run> runs;
  for (const auto& folder : folders) {
    runs.push_back(read_run(folder));
    add_measured(runs.back(), folder);
    read_slices(runs.back(), folder);
    out.damage.insert(out.damage.end(), runs.back().damage.begin(), runs.back().damage.end());
  }
  const std::string heading = heading_of(runs[0]);
  out.page = runs.size() > 1 ? comparison_page(runs, reload_seconds)
                             : document(heading, "<h1>" + escaped(heading) + "</h1>\n" + run_body(runs[0], 0, 2),
                                        chart_data(runs), reload_seconds);
  return out;
}

}  // namespace

std::string render_report(std::span<const std::filesystem::path> folders, int reload_seconds) {
  return draw(folders, reload_seconds).page;
}

std::filesystem::path default_report_path(std::span<const std::filesystem::path> runs) {
  return runs.size() == 1 ? runs[0] / "report.html" : std::filesystem::path("report.html");
}

std::vector<std::string> write_report(std::span<const std::filesystem::path> runs,
                                      const std::filesystem::path& out_path) {
  Drawn drawn = draw(runs, 0);
  write_file(out_path.string(), drawn.page);
  return std::move(drawn.damage);
}

std::vector<std::string> watch_report(std::span<const std::filesystem::path> runs,
                                      const std::filesystem::path& out_path, int seconds, FunctionRef<void()> written) {
  std::vector<std::uintmax_t> seen;
  std::vector<std::string> damage;
  for (bool going = true; going;) {
    going = std::ranges::any_of(runs, [](const auto& run) { return RunFolder::is_in_use(run.string()); });
    std::vector<std::uintmax_t> sizes;
    std::error_code unreadable;  // which the page's maker reports
    for (const auto& run : runs) sizes.push_back(std::filesystem::file_size(run / "metrics.csv", unreadable));
    if (sizes != seen || !going) {
      Drawn drawn = draw(runs, going ? seconds : 0);
      write_file(out_path.string(), drawn.page);
      damage = std::move(drawn.damage);
      written();
      seen = std::move(sizes);
    }
    if (going) std::this_thread::sleep_for(std::chrono::seconds(seconds));
  }
  return damage;
}

}  // namespace brink
