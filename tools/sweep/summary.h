// SPDX-License-Identifier: MIT
// summary.csv and report.html of a sweep, a function of its list and of the folders of its runs alone.
#pragma once

#include <string>
#include <vector>

#include "training/sweep/plan.h"

namespace brink::sweep {

/// A header, and a row for each run in the order of the list. Cells with a comma or a quotation mark are quoted as in RFC 4180.
/// Of a run that is not over only its status is given: unfinished, failed or not_run.
std::string summary_csv(const Plan&, const std::string& folder);

/// The most runs that one page shows.
constexpr std::size_t most_on_page = 100;

struct SweepPage {
  std::string html;  ///< empty if no run has anything to show
  std::size_t shown = 0, runs = 0;
};
/// The comparison of the runs that have rows. Of more than most_on_page it shows that many, at equal distances in the list.
SweepPage sweep_page(const Plan&, const std::string& folder);

/// Writes both into `folder`; of processes that do so at the same time, the last one has the complete view. Returns lines for the
/// user. Throws IoError.
std::vector<std::string> write_results(const Plan&, const std::string& folder);

}  // namespace brink::sweep
