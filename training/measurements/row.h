// SPDX-License-Identifier: MIT
// One step's record: a cell for each column, empty where a number was not measured.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "training/measurements/column.h"

namespace brink {

using Cell = std::variant<std::monostate, std::int64_t, double, bool, std::string>;

inline bool is_empty(const Cell& c) { return std::holds_alternative<std::monostate>(c); }

class Row {
 public:
  Row() = default;
  /// Every column says what it is. Throws std::invalid_argument, naming the column, where a name is empty, taken or no
  /// cell of a CSV file, where the meaning is missing, or where the chart names a column that is not there.
  explicit Row(std::vector<Column> columns);

  std::int64_t step = 0;
  /// In the order of metrics.csv, after its first column `step`.
  const std::vector<Column>& columns() const { return columns_; }
  std::span<const Cell> cells() const { return cells_; }
  std::span<Cell> cells() { return cells_; }
  /// Throws std::out_of_range for an unknown column.
  const Cell& operator[](std::string_view column) const;
  /// A number of that column; integers and truth values are converted. Nothing if the cell is empty or there is no such column.
  std::optional<double> number(std::string_view column) const;

 private:
  std::vector<Column> columns_;
  std::vector<Cell> cells_;
};

}  // namespace brink
