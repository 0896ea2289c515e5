// SPDX-License-Identifier: MIT
// How a batch is cut into aligned blocks of whole groups.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/device.h"

namespace brink {

/// Consecutive whole groups whose sum is one subtree.
struct Block {
  std::int64_t first_group, groups;
  std::int64_t first_sample, samples;
};

/// How a batch of `samples` is cut.
struct BlockPlan {
  std::int64_t samples = 0, group = 0;
  std::vector<Block> blocks;  ///< in order, covering all groups once
};

/// Cuts into ranges of `chunk` samples (a multiple of the group; `samples` or more: the whole batch in one block) and each
/// range into maximal aligned blocks of 2ʲ groups. join_short: a last group that is short and not alone joins the one before it, and
/// is a block of its own, so that only one block has another group. Throws std::invalid_argument for a chunk that would split a group.
BlockPlan plan_blocks(std::int64_t samples, std::int64_t group, std::int64_t chunk, bool join_short = false);

/// The block size that `chunk = 0` chooses: one group on the CPU; on a CUDA device all samples, or, where their rows are made
/// (made_bytes a sample), what fits into 64 MiB.
std::int64_t choose_chunk(std::int64_t samples, std::int64_t group, Where = Where::cpu, std::int64_t made_bytes = 0);

}  // namespace brink
