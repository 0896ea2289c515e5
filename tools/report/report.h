// SPDX-License-Identifier: MIT
// Makes one self-contained HTML page from run folders. It reads the folders' files and computes nothing again.
// No time, machine or path enters the page except the folders' names as given, so the same folders give the same bytes.
// The page loads nothing from anywhere and is complete without JavaScript.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "kernels/function_ref.h"
#include "tools/report/error.h"

namespace brink {

/// The page for one run, or for several: an overlay first, then each run's section in the order given.
/// Errors: ReportError if a folder has no readable metrics.csv with a `step` column, or if `runs` is empty.
/// reload_seconds > 0: the page reloads itself after as many seconds.
std::string render_report(std::span<const std::filesystem::path> runs, int reload_seconds = 0);

/// Writes the page to `out_path` whenever a run has new rows, until none of the runs is being written any more; then once more,
/// without reloading. `written` is called after each time. Returns the damage that the last page leaves out. Errors: those of
/// write_report.
std::vector<std::string> watch_report(std::span<const std::filesystem::path> runs,
                                      const std::filesystem::path& out_path, int seconds, FunctionRef<void()> written);

/// Where the page goes by default: RUN/report.html for one run, report.html in the current folder for several.
std::filesystem::path default_report_path(std::span<const std::filesystem::path> runs);

/// Renders and writes `out_path` whole or not at all. Returns a sentence for each kind of damage in the tables, which the page leaves
/// out (damage.h). Errors: those of render_report; IoError if it cannot be written.
std::vector<std::string> write_report(std::span<const std::filesystem::path> runs,
                                      const std::filesystem::path& out_path);

}  // namespace brink
