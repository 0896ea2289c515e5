// SPDX-License-Identifier: MIT
// The chart of the loss and its curvature on lines along u₁, at several steps.
#pragma once

#include <filesystem>

#include "tools/report/figure.h"
#include "tools/report/run.h"

namespace brink::report {

/// Reads the files of the folder's slices/, evenly chosen if they are many; one that cannot be read is named in the notes.
void read_slices(Run& run, const std::filesystem::path& folder);
/// Without panels if the run has no such files.
Figure slices_figure(const Run& run);

}  // namespace brink::report
