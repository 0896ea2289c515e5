// SPDX-License-Identifier: MIT
// `brink report`: writes the page that tools/report makes.
#include "tools/report/report.h"

#include <filesystem>

#include "tools/brink/command.h"
#include "training/errors.h"
#include "training/io/console.h"
#include "training/io/file.h"
#include "training/io/utf8.h"

namespace brink {

void add_report(CLI::App& app, ExitCode&) {
  struct Arguments {
    std::vector<std::string> folders;
    std::string out;
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
  sub->callback([o] {
    for (const std::string& folder : o->folders) require_utf8("DIR", folder);
    const std::vector<std::filesystem::path> runs(o->folders.begin(), o->folders.end());
    std::string page;
    try {
      page = render_report(runs);
    } catch (const ReportError& e) { throw DataError(e.what()); }
    const std::string path = o->out.empty() ? default_report_path(runs).string() : o->out;
    write_file(path, page);
    standard_output().line(path);
  });
}

}  // namespace brink
