// SPDX-License-Identifier: MIT
#include "training/measurements/row.h"

#include <algorithm>
#include <stdexcept>
#include <type_traits>

namespace brink {

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
