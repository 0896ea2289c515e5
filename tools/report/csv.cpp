// SPDX-License-Identifier: MIT
#include "tools/report/csv.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>

namespace brink::report {
namespace {

std::vector<std::string> split_cells(std::string_view line) {
  std::vector<std::string> cells;
  for (std::size_t at = 0; at <= line.size();) {
    const std::size_t comma = std::min(line.find(',', at), line.size());
    cells.emplace_back(line.substr(at, comma - at));
    at = comma + 1;
  }
  return cells;
}

}  // namespace

std::optional<std::size_t> Table::find(std::string_view name) const {
  const auto at = std::find(header.begin(), header.end(), name);
  if (at == header.end()) return std::nullopt;
  return static_cast<std::size_t>(at - header.begin());
}

std::optional<double> parse_number(std::string_view cell) {
  double value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error != std::errc{} || end != cell.data() + cell.size()) return std::nullopt;
  return value;
}

std::optional<Numbers> Table::numbers(std::string_view name) const {
  const auto at = find(name);
  if (!at) return std::nullopt;
  Numbers column;
  column.values.reserve(rows.size());
  for (const auto& row : rows) {
    const auto value = parse_number(row[*at]);
    if (!value && !row[*at].empty()) ++column.unreadable;
    column.values.push_back(value);
  }
  return column;
}

Table parse_csv(std::string_view text) {
  Table table;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t newline = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, newline);
    text.remove_prefix(std::min(newline + 1, text.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (number == 1) {
      table.header = split_cells(line);
    } else if (!line.empty()) {
      auto cells = split_cells(line);
      if (cells.size() == table.header.size()) {
        table.rows.push_back(std::move(cells));
        table.lines.push_back(number);
      } else {
        table.misshapen.push_back({number, cells.size()});
      }
    }
  }
  return table;
}

std::optional<std::string> read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace brink::report
