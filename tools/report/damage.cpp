// SPDX-License-Identifier: MIT
#include "tools/report/damage.h"

#include <cmath>

#include "tools/report/text.h"
#include "training/io/utf8.h"

namespace brink::report {

namespace {

/// The first of several defects of one kind.
struct First {
  std::string where;
  std::size_t all = 0;

  void add(const std::string& text) {
    if (all++ == 0) where = text;
  }
  void append_to(std::vector<std::string>& out, const char* consequence) const {
    if (all == 0) return;
    out.push_back(where + consequence + (all == 1 ? "" : ", and " + std::to_string(all - 1) + " more"));
  }
};

std::string found(const std::string& cell) {
  constexpr std::size_t longest = 40;
  if (cell.empty()) return "nothing";
  return "\"" + printable(cell.substr(0, longest)) + (cell.size() > longest ? " …\"" : "\"");
}

}  // namespace

std::vector<std::string> damage_of(const std::filesystem::path& file, const Table& table,
                                   const std::vector<std::string>& numbers) {
  std::vector<std::string> out;
  const auto at_line = [&](std::size_t line) { return file.generic_string() + ": line " + std::to_string(line); };
  First misshapen;
  for (const Table::Misshapen& line : table.misshapen)
    misshapen.add(at_line(line.line) + ": expected " + std::to_string(table.header.size()) + " cells, found " +
                  std::to_string(line.cells));
  misshapen.append_to(out, "; the line is left out");
  for (const std::string& name : numbers) {
    const auto column = table.find(name);
    if (!column) continue;
    const bool key = name == numbers.front(), ascends = name == "step";
    std::optional<double> last;
    First wrong;
    for (std::size_t row = 0; row < table.rows.size(); ++row) {
      const std::string& cell = table.rows[row][*column];
      const auto value = parse_number(cell);
      const bool fits =
          key ? value && std::isfinite(*value) && !(ascends && last && *value <= *last) : value || cell.empty();
      if (fits)
        last = value;
      else
        wrong.add(at_line(table.lines[row]) + ", column " + printable(name) + ": expected a " +
                  (key && ascends ? "step after the one before" : "number") + ", found " + found(cell));
    }
    wrong.append_to(out, key ? "; the line is left out" : "; the cell is left out");
  }
  return out;
}

}  // namespace brink::report
