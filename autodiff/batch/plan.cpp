// SPDX-License-Identifier: MIT
#include "autodiff/batch/plan.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace brink {

BlockPlan plan_blocks(std::int64_t samples, std::int64_t group, std::int64_t chunk, bool join_short) {
  if (samples < 1 || group < 1) throw std::invalid_argument("plan_blocks: samples and group must be positive");
  BlockPlan plan{samples, group, {}};
  const bool joins = join_short && samples > group && samples % group != 0;
  const std::int64_t groups = joins ? samples / group : (samples + group - 1) / group;
  const std::int64_t regular = joins ? groups - 1 : groups;  // groups that are cut into chunks
  const auto add = [&](std::int64_t first, std::int64_t count) {
    const std::int64_t begin = first * group, end = first + count == groups ? samples : (first + count) * group;
    plan.blocks.push_back({first, count, begin, end - begin});
  };
  if (chunk >= samples && !joins) {
    add(0, groups);
    return plan;
  }
  if (chunk >= samples) chunk = groups * group;
  if (chunk < group || chunk % group != 0)
    throw std::invalid_argument("chunk " + std::to_string(chunk) + ": expected a multiple of the group of " +
                                std::to_string(group) + " samples");
  const std::int64_t step = chunk / group;
  for (std::int64_t begin = 0; begin < regular; begin += step) {
    const std::int64_t end = std::min(regular, begin + step);
    for (std::int64_t g = begin; g < end;) {
      std::int64_t count = 1;
      while (g % (2 * count) == 0 && g + 2 * count <= end) count *= 2;
      add(g, count);
      g += count;
    }
  }
  if (joins) add(regular, 1);
  return plan;
}

std::int64_t choose_chunk(std::int64_t samples, std::int64_t group, Where where, std::int64_t made_bytes) {
  if (where == Where::cuda) {
    constexpr std::int64_t most_bytes = std::int64_t{64} << 20;
    if (samples * made_bytes <= most_bytes) return samples;
    std::int64_t chunk = group;
    while (2 * chunk * made_bytes <= most_bytes) chunk *= 2;
    return std::min(chunk, samples);
  }
  // One group a block: 2.60 ms a gradient on W1 with 4000 samples against 2.67, 2.66 and 2.65 for 2, 4 and 8 groups (one core),
  // and the most blocks to share among threads.
  return std::min(group, samples);
}

}  // namespace brink
