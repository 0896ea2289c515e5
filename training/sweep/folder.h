// SPDX-License-Identifier: MIT
// Whether a folder is that of a sweep. The list, sweep.json, is the first file that a sweep writes; before it there are only empty folders.
#pragma once

#include <string>

namespace brink::sweep {

constexpr const char *list_name = "sweep.json", *results_lock_name = ".results.lock";

/// For a sweep that is begun or continued in `folder`. Throws UsageError if that is a file or below one, and InUseError unless it is
/// absent, empty, or of a sweep, however early that was interrupted and whatever other processes are making in it.
void require_sweep_or_new(const std::string& folder);

}  // namespace brink::sweep
