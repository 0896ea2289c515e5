// SPDX-License-Identifier: MIT
// `brink report`: writes the page that tools/report makes.
#include "tools/report/report.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "tools/brink/command.h"
#include "training/errors.h"
#include "training/io/console.h"
#include "training/io/utf8.h"

namespace brink {

void add_report(CLI::App& app, ExitCode&) {
  struct Arguments {
    std::vector<std::string> folders;
    std::string out;
    bool watch = false;
  };
  auto o = std::make_shared<Arguments>();
  CLI::App* sub =
      app.add_subcommand("report", "Write one self-contained HTML page about one run, or a comparison of several");
  sub->add_option("DIR", o->folders, "Run folders; with more than one the page starts with a comparison")
      ->required()
      ->check(not_empty);
  sub->add_option("--out", o->out,
                  "Where to write the page (default: DIR/report.html for one run, report.html in the current folder "
                  "for several)")
      ->check(not_empty);
  sub->add_flag("--watch", o->watch,
                "Write the page again whenever a run has new rows, until all runs have ended; the page reloads itself");
  sub->footer(
      "Damaged cells and lines of the runs' tables leave a gap in the page; a warning names the first of each kind.");
  sub->callback([o] {
    for (const std::string& folder : o->folders) require_utf8("DIR", folder);
    const std::vector<std::filesystem::path> runs(o->folders.begin(), o->folders.end());
    const std::string path = o->out.empty() ? default_report_path(runs).string() : o->out;
    constexpr int seconds = 5;
    std::vector<std::string> damage;
    try {
      if (o->watch) {
        bool first = true;
        damage = watch_report(runs, path, seconds, [&] {
          if (std::exchange(first, false))
            standard_output().line(
                fmt::format("{}: open it in a browser; it is written again every {} s while a run has "
                            "new rows (Ctrl-C ends this, not the run)",
                            path, seconds));
        });
        standard_output().line("no run is going on; the page is complete");
      } else {
        damage = write_report(runs, path);
        standard_output().line(path);
      }
    } catch (const ReportError& e) { throw DataError(e.what()); }
    for (const std::string& text : damage) standard_error().line("warning: " + text);
  });
}

}  // namespace brink
