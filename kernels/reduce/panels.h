// SPDX-License-Identifier: MIT
// How a sum over the pixels of a group's samples is cut into panels, for convolutions, their biases and normalisation. In a
// dense layer the panel is the whole group.
// Panels depend on sample positions and the network alone, so neither tiles nor chunks affect a result. 256 rows keep a panel's
// chain long and its operands in the first two caches.
#pragma once

#include <cstdint>

#include "kernels/hd.h"

namespace brink {

/// The panels of one group: whole samples while they fit in 256 rows, otherwise 256 consecutive rows of one sample. A row is
/// one pixel of one sample, in the order (n, p, q). Each panel is one chain; the panels of a group join by T, then groups join
/// by T (tree.h).
struct Panels {
  static constexpr std::int64_t most_rows = 256;
  std::int64_t samples;  ///< of this group, at least 1
  std::int64_t pixels;   ///< P·Q of one sample, at least 1

  struct Rows {
    std::int64_t begin, end;  ///< within the group
  };

  [[gnu::always_inline]] BRINK_HD std::int64_t samples_a_panel() const {
    return pixels < most_rows ? most_rows / pixels : 1;
  }
  [[gnu::always_inline]] BRINK_HD std::int64_t panels_a_sample() const { return (pixels + most_rows - 1) / most_rows; }
  [[gnu::always_inline]] BRINK_HD std::int64_t count() const {
    return pixels < most_rows ? (samples + samples_a_panel() - 1) / samples_a_panel() : samples * panels_a_sample();
  }
  [[gnu::always_inline]] BRINK_HD Rows rows(std::int64_t panel) const {
    if (pixels < most_rows) {
      const std::int64_t width = samples_a_panel() * pixels, begin = panel * width, all = samples * pixels;
      return {begin, begin + width < all ? begin + width : all};
    }
    const std::int64_t sample = panel / panels_a_sample(), first = sample * pixels,
                       begin = first + panel % panels_a_sample() * most_rows;
    return {begin, begin + most_rows < first + pixels ? begin + most_rows : first + pixels};
  }
};

/// The panels of a whole batch: groups of `group` samples, the last may be shorter, each cut into panels. With no pixels (0) a
/// group is one panel of its samples, which is what a dense layer has.
struct GroupedPanels {
  std::int64_t samples, group, pixels;

  [[gnu::always_inline]] BRINK_HD std::int64_t groups() const { return (samples + group - 1) / group; }
  [[gnu::always_inline]] BRINK_HD Panels of_group(std::int64_t g) const {
    return {samples - g * group < group ? samples - g * group : group, pixels};
  }
  [[gnu::always_inline]] BRINK_HD std::int64_t count(std::int64_t g) const {
    return pixels == 0 ? 1 : of_group(g).count();
  }
  /// Rows numbered within the batch.
  [[gnu::always_inline]] BRINK_HD Panels::Rows rows(std::int64_t g, std::int64_t panel) const {
    if (pixels == 0) return {g * group, g * group + of_group(g).samples};
    const Panels::Rows r = of_group(g).rows(panel);
    return {g * group * pixels + r.begin, g * group * pixels + r.end};
  }
};

}  // namespace brink
