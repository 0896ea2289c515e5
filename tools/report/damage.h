// SPDX-License-Identifier: MIT
// What is damaged in a table of a run folder, for the console: the page says in its notes how much is left out.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tools/report/csv.h"

namespace brink::report {

/// A sentence for lines of another length, and one for each of the columns `numbers` with cells that are no numbers: file, line and
/// column of the first, and how many there are. A line without a number in the first of the columns is left out, and so is one whose
/// step does not ascend. Cells may be empty, but not there.
std::vector<std::string> damage_of(const std::filesystem::path& file, const Table& table,
                                   const std::vector<std::string>& numbers);

}  // namespace brink::report
