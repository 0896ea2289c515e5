// SPDX-License-Identifier: MIT
// The numbers behind the charts as JSON, from which the page's script reads the values under the cursor.
#pragma once

#include <span>
#include <string>

#include "tools/report/run.h"

namespace brink::report {

/// One object keyed by run index; at most 2000 rows of each run, fewer of many.
std::string chart_data(std::span<const Run> runs);

}  // namespace brink::report
