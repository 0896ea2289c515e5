// SPDX-License-Identifier: MIT
// Reads the comma-separated files of a run folder by header name; what cannot be read is counted, never repaired.
// Quotation marks are not supported, because no file of a run folder has any.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace brink::report {

/// One numeric column. An empty cell is "not measured"; NaN and infinities are values.
struct Numbers {
  std::vector<std::optional<double>> values;  // [rows]
  std::int64_t unreadable = 0;                // cells that are neither empty nor a number
};

struct Table {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  // each as long as the header
  std::vector<std::size_t> lines;              // [rows] where each is in the text, from 1
  /// A line with another number of cells, which is left out of `rows`.
  struct Misshapen {
    std::size_t line, cells;
  };
  std::vector<Misshapen> misshapen;

  std::optional<std::size_t> find(std::string_view name) const;
  /// Empty if there is no such column.
  std::optional<Numbers> numbers(std::string_view name) const;
};

Table parse_csv(std::string_view text);
/// Empty if the file cannot be opened.
std::optional<std::string> read_file(const std::filesystem::path& path);
/// A whole cell as a number: decimal, "nan", "inf".
std::optional<double> parse_number(std::string_view cell);

}  // namespace brink::report
