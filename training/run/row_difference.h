// SPDX-License-Identifier: MIT
// Where a recorded line of a CSV file and one that was computed again differ.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace brink {

/// Cells of one line; a line "a," has two.
std::vector<std::string_view> cells_of(std::string_view line);

/// A cell that differs, in words.
struct CellDifference {
  std::size_t column = 0;
  std::string recorded, computed;  ///< "nothing" if the cell is empty, "no cell" if the line is too short
};
/// All cells that differ. Cells beyond the computed ones count as one.
std::vector<CellDifference> differences(std::string_view recorded, std::string_view computed);

/// "step 7, column loss: recorded 0.5, computed again 0.25". names: of the columns, the first of which names the line.
std::string in_words(const CellDifference&, std::span<const std::string_view> names, std::string_view computed);

}  // namespace brink
