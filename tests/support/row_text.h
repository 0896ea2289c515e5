// SPDX-License-Identifier: MIT
// A row of measured numbers as text, so that rows can be compared byte by byte.
#pragma once

#include <cstring>
#include <string>
#include <type_traits>

#include "training/measurements/row.h"

namespace support {

/// A float64 by its bytes.
inline std::string text_of(const brink::Cell& cell) {
  return std::visit(
      []<class T>(const T& x) -> std::string {
        if constexpr (std::is_same_v<T, double>) {
          char bytes[8];
          std::memcpy(bytes, &x, 8);
          return {bytes, 8};
        } else if constexpr (std::is_same_v<T, std::string>) {
          return x;
        } else if constexpr (std::is_same_v<T, std::monostate>) {
          return {};
        } else {
          return std::to_string(x);
        }
      },
      cell);
}

/// The step and every cell.
inline std::string text_of(const brink::Row& row) {
  std::string out = std::to_string(row.step);
  for (const brink::Cell& c : row.cells()) out += ',' + text_of(c);
  return out;
}

}  // namespace support
