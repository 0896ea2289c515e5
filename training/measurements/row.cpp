// SPDX-License-Identifier: MIT
#include "training/measurements/row.h"

#include <algorithm>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace brink {

namespace {

void require_description(const Column& c, std::span<const Column> all) {
  const auto refuse = [&](const std::string& why) { throw std::invalid_argument("column '" + c.name + "': " + why); };
  if (c.name.empty() || c.name.find_first_of(",\"\r\n") != std::string::npos)
    refuse("expected a name without commas, quotation marks and line breaks");
  if (c.name == "step" || std::ranges::count(all, c.name, &Column::name) > 1)
    refuse("there is another column of this name; expected one of its own");
  if (c.meaning.empty()) refuse("its meaning is missing; expected a phrase that says what the numbers are");
  const auto is_there = [&](const std::string& name) {
    return name == "step" || std::ranges::find(all, name, &Column::name) != all.end();
  };
  if (!c.chart.error.empty() && !is_there(c.chart.error))
    refuse("its error bars are those of '" + c.chart.error + "'; expected a column of the same run");
  if (const auto* name = std::get_if<std::string>(&c.chart.reference); name != nullptr && !is_there(*name))
    refuse("its reference line is '" + *name + "'; expected a column of the same run, or a number");
}

}  // namespace

Row::Row(std::vector<Column> columns) : columns_(std::move(columns)), cells_(columns_.size()) {
  for (const Column& c : columns_) require_description(c, columns_);
}

const Cell& Row::operator[](std::string_view column) const {
  const auto it = std::ranges::find(columns_, column, &Column::name);
  if (it == columns_.end()) throw std::out_of_range("row: there is no column '" + std::string(column) + "'");
  return cells_[static_cast<std::size_t>(it - columns_.begin())];
}

std::optional<double> Row::number(std::string_view column) const {
  if (std::ranges::find(columns_, column, &Column::name) == columns_.end()) return {};
  return std::visit(
      []<class T>(const T& x) -> std::optional<double> {
        if constexpr (std::is_arithmetic_v<T>)
          return static_cast<double>(x);
        else
          return std::nullopt;
      },
      (*this)[column]);
}

}  // namespace brink
