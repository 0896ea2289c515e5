// SPDX-License-Identifier: MIT
#include "training/run/row_difference.h"

#include <fmt/format.h>

#include <algorithm>

#include "training/io/text.h"

namespace brink {

namespace {

std::string shown(const std::vector<std::string_view>& line, std::size_t i) {
  return i >= line.size() ? "no cell" : line[i].empty() ? "nothing" : std::string(line[i]);
}

}  // namespace

std::vector<std::string_view> cells_of(std::string_view line) {
  std::vector<std::string_view> out;
  for (std::size_t begin = 0;;) {
    const std::size_t end = line.find(',', begin);
    out.push_back(line.substr(begin, end - begin));
    if (end == std::string_view::npos) return out;
    begin = end + 1;
  }
}

std::vector<CellDifference> differences(std::string_view recorded, std::string_view computed) {
  std::vector<CellDifference> out;
  if (recorded == computed) return out;
  const auto a = cells_of(recorded), b = cells_of(computed);
  for (std::size_t i = 0; i < b.size(); ++i)
    if (i >= a.size() || a[i] != b[i]) out.push_back({i, shown(a, i), shown(b, i)});
  if (a.size() > b.size()) out.push_back({b.size(), shown(a, b.size()), "no cell"});
  return out;
}

std::string in_words(const CellDifference& d, std::span<const std::string_view> names, std::string_view computed) {
  const std::string_view line = computed.substr(0, computed.find(','));
  return fmt::format("{} {}, column {}: recorded {}, computed again {}", names.front(), line,
                     d.column < names.size() ? std::string(names[d.column]) : number_text(d.column + 1), d.recorded,
                     d.computed);
}

}  // namespace brink
