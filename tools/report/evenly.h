// SPDX-License-Identifier: MIT
// A few of many, for charts that would be unreadable with all.
#pragma once

#include <cstddef>
#include <vector>

namespace brink::report {

/// At most `count` ≥ 1 of `all`, evenly from the first to the last; the last one if only one is taken.
template <class T>
std::vector<T> evenly_chosen(const std::vector<T>& all, std::size_t count) {
  if (all.size() <= count) return all;
  if (count == 1) return {all.back()};
  std::vector<T> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(all[i * (all.size() - 1) / (count - 1)]);
  return out;
}

}  // namespace brink::report
