// SPDX-License-Identifier: MIT
// The search for the value of a key at which runs begin to diverge: multiplies, then bisects. It knows no process and no file.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace brink::sweep {

struct Search {
  double from = 0, factor = 2;    ///< from > 0, factor > 1
  std::optional<double> to = {};  ///< no larger value is tried
  std::int64_t refine = 0;        ///< bisections, at equal ratios, after the first divergence
  bool integers = false;          ///< the key accepts integers only

  /// Multiplications without `to`.
  static constexpr std::int64_t most_multiplications = 40;
};

/// A value that was tried.
struct Tried {
  double value = 0;
  bool diverged = false;
};

/// The largest value that did not diverge and the smallest that did, as far as they are known.
struct Bracket {
  std::optional<double> stable, diverged;
};
Bracket bracket_of(std::span<const Tried>);

/// The value to try next, a function of those tried so far; nothing when the search is over.
std::optional<double> next_value(const Search&, std::span<const Tried>);

}  // namespace brink::sweep
