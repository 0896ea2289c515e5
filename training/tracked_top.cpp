// SPDX-License-Identifier: MIT
#include "training/tracked_top.h"

#include <algorithm>

namespace brink {

std::size_t leading_above(const Observed& seen, const UpdateRule& rule, double surplus) {
  std::size_t count = 0;
  for (const Eigenvalue& e : seen.spectrum.top) {
    if (!(rule.surplus(seen.learning_rate, e.value) > surplus)) break;
    ++count;
  }
  return count;
}

bool TrackedTop::grow(const Observed& seen, const UpdateRule& rule) {
  const std::size_t measured = seen.spectrum.top.size();
  if (!seen.measured || measured < static_cast<std::size_t>(count_) || count_ >= most_ ||
      leading_above(seen, rule, surplus_) < measured)
    return false;
  ++count_;
  return true;
}

UnstableCount TrackedTop::found(const Observed& seen, const UpdateRule& rule, double tolerance) const {
  const std::vector<Eigenvalue>& top = seen.spectrum.top;
  const std::size_t above = leading_above(seen, rule, surplus_);
  // The first one that is not above the limit decides that there are no more.
  const auto certified = [&](const Eigenvalue& e) { return is_certified(e.residual, seen.spectrum.scale, tolerance); };
  return {static_cast<std::int64_t>(leading_above(seen, rule, 0)),
          seen.spectrum.symmetric && above < top.size() &&
              std::all_of(top.begin(), top.begin() + static_cast<std::ptrdiff_t>(above) + 1, certified)};
}

void TrackedTop::settle(const Observed& seen, const UpdateRule& rule) {
  if (!seen.measured) return;
  const auto above = static_cast<std::int64_t>(leading_above(seen, rule, surplus_));
  count_ = std::max(least_, std::min(above + 1, most_));
  began_with_ = count_;
}

void TrackedTop::visit(StateVisitor& v) {
  v.number("tracked", count_);
  if (v.reads()) began_with_ = count_ = std::max(count_, least_);
}

}  // namespace brink
