// SPDX-License-Identifier: MIT
// The state that a trainer takes from another one with other parts.
#pragma once

#include <string>

#include "tests/support/row_text.h"
#include "training/loop.h"

namespace brink::test {

inline std::string digest(const Row& row) { return support::text_of(row["digest"]); }

/// The state of `from` in the parts that `to` has; what only `to` has stays as it is there.
inline SavedState handed_over(Device& device, Trainer& from, Trainer& to) {
  SavedState saved = save_state(device, from), own = save_state(device, to);
  std::erase_if(saved.parts, [&](const auto& part) { return !own.parts.contains(part.first); });
  saved.parts.merge(own.parts);
  return saved;
}

}  // namespace brink::test
