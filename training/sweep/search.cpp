// SPDX-License-Identifier: MIT
#include "training/sweep/search.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "training/sweep/geometric.h"

namespace brink::sweep {

Bracket bracket_of(std::span<const Tried> tried) {
  Bracket out;
  for (const Tried& t : tried) {
    if (t.diverged)
      out.diverged = std::min(t.value, out.diverged.value_or(t.value));
    else
      out.stable = std::max(t.value, out.stable.value_or(t.value));
  }
  return out;
}

std::optional<double> next_value(const Search& s, std::span<const Tried> tried) {
  const auto first = std::ranges::find(tried, true, &Tried::diverged);
  const auto multiplied = first - tried.begin();
  if (first == tried.end()) {
    auto values = geometric_by_factor(s.from, s.to.value_or(std::numeric_limits<double>::max()), s.factor,
                                      Search::most_multiplications);
    if (s.integers) {
      for (double& value : values) value = std::round(value);
      values.erase(std::unique(values.begin(), values.end()), values.end());
    }
    if (multiplied >= std::ssize(values)) return {};
    return values[static_cast<std::size_t>(multiplied)];
  }
  const Bracket b = bracket_of(tried);
  const std::int64_t bisections = std::ssize(tried) - multiplied - 1;
  if (!b.stable || bisections >= s.refine) return {};
  double middle = geometric_mean(*b.stable, *b.diverged);
  if (s.integers) middle = std::round(middle);
  if (middle <= *b.stable || middle >= *b.diverged) return {};
  return middle;
}

}  // namespace brink::sweep
