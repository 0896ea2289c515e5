// SPDX-License-Identifier: MIT
// What it is: a batch cut into aligned blocks of groups, each run by one thread, and the tree that joins their sums.
// What it is not: a scheduler with an influence on results: blocks, threads and chunks never reach a bit.
// Decision: threads work on different blocks, not inside one kernel. A block of one or two groups keeps its activations in
// L2 and reads its samples from memory once for all passes, and there is one parallel region a gradient instead of one per
// operation (figures in ARCHITECTURE.md).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "autodiff/parameters.h"
#include "kernels/device.h"
#include "kernels/memory.h"

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
/// range into maximal aligned blocks of 2ʲ groups. Throws std::invalid_argument for a chunk that would split a group.
BlockPlan plan_blocks(std::int64_t samples, std::int64_t group, std::int64_t chunk);

/// Sums vectors of a layout and float64 scalars over the blocks of a plan.
class BlockSum {
 public:
  /// Memory for the waiting subtrees of each worker is allocated here.
  BlockSum(const Device&, BlockPlan, const ParameterLayout&, Dtype, int scalars);

  /// Where a block's run writes: a vector of the layout (its gaps are zero already) and the scalars.
  struct Slot {
    View vector;
    std::span<double> scalars;
  };
  /// body(worker, index of the block, slot) is called once for each block, from several threads. The totals are divided by
  /// the number of samples ("finished sums are divided once by the global N") and stored; either may be empty.
  void run(Device&, const std::function<void(int worker, std::size_t block, const Slot&)>& body, View vector,
           std::span<double> scalars, std::span<const char> divide_scalar);

  const BlockPlan& plan() const { return plan_; }
  int workers() const { return static_cast<int>(stacks_.size()); }
  static std::int64_t bytes(const BlockPlan&, const ParameterLayout&, Dtype, int workers);

 private:
  struct Subtree {
    std::int64_t first_group, groups;
    int slot;
  };
  struct Stack {
    std::vector<Array> vectors;
    std::vector<std::vector<double>> scalars;
    std::vector<Subtree> waiting;
    std::vector<int> unused;
  };
  void push(Stack&, Subtree);
  void join(Stack& lower_of, int lower, Stack& upper_of, int upper);

  BlockPlan plan_;
  Dtype dtype_;
  std::int64_t extent_;
  int scalar_count_;
  std::vector<Stack> stacks_;
  std::vector<std::pair<int, Subtree>> rest_;  // worker and subtree, while the workers' leftovers are joined
};

}  // namespace brink
