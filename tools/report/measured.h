// SPDX-License-Identifier: MIT
// What `brink measure` has added to a run, as further columns of it.
#pragma once

#include <filesystem>

#include "tools/report/run.h"

namespace brink::report {

/// Adds the tables of the folder's measured/ to `run`. A new column is one of the run from then on; where the run has a column of
/// that name, its empty cells are filled. A column with other values than the run's at the same step has a panel of its own. Says
/// in `added` what that is, and in `notes` what could not be read.
void add_measured(Run& run, const std::filesystem::path& folder);

}  // namespace brink::report
