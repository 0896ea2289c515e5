// SPDX-License-Identifier: MIT
// Sums over the blocks of a batch, which threads compute and the tree joins; blocks, threads and chunks never change a bit.
// Threads work on different blocks, not inside one kernel (figures in ARCHITECTURE.md).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "autodiff/batch/plan.h"
#include "autodiff/parameters.h"
#include "kernels/device.h"
#include "kernels/memory.h"
#include "kernels/scalars.h"

namespace brink {

/// Sums vectors of a layout and float64 scalars over the blocks of a plan. Threads claim units, runs of blocks that make one
/// subtree, so a thread that the machine holds up delays one unit and not half of the batch.
class BlockSum {
 public:
  /// Memory for a value of each unit and for the waiting subtrees of each worker is allocated here.
  BlockSum(const Device&, BlockPlan, const ParameterLayout&, Dtype, int scalars);

  /// Where a block's run writes: a vector of the layout (its gaps are zero already) and the scalars.
  struct Slot {
    View vector;
    View scalars;  ///< float64
  };
  using Body = FunctionRef<void(int worker, std::size_t block, const Slot&)>;
  /// body is called once for each block, from several threads, a worker being one thread at a time. The vector's total is
  /// divided by the number of samples ("finished sums are divided once by the global N") and stored; of the layout's vectors only
  /// as many elements are summed as `vector` has, none where it is empty. Enqueues only.
  void run(Device&, Body body, View vector);
  /// The totals of the scalars of the last run, undivided, in the device's memory.
  View totals() const { return values_[0].scalars.view(); }
  /// Enqueues a copy of them.
  void leave_totals(Device&, Scalar to) const;
  /// Divides those of the totals that are means by the number of samples.
  void divide(std::span<double> totals, std::span<const char> is_mean) const;

  /// Seconds that all blocks would take, told from one run of the first block; its sums are dropped. Waits for the device.
  double expected_seconds(Device&, Body body);

  const BlockPlan& plan() const { return plan_; }
  int workers() const { return static_cast<int>(stacks_.size()); }

 private:
  struct Value {
    Array vector, scalars;
  };
  struct Subtree {
    std::int64_t first_group, groups;
    int slot;
  };
  struct Stack {
    std::vector<Value> slots;
    std::vector<Subtree> waiting;
    std::vector<int> unused;
  };
  struct Unit {
    std::size_t first_block, end_block;
  };
  void run_unit(const Device&, int worker, std::size_t unit, const Body&, std::int64_t elements);
  /// The one place where the units' sums meet. A unit is an aligned subtree, whoever has computed it, so ranks that compute whole
  /// units are to hand in theirs before this.
  void join_units(Device&, View vector);

  BlockPlan plan_;
  Dtype dtype_;
  std::vector<Unit> units_;
  std::vector<Value> values_;  // of the units
  std::vector<Stack> stacks_;  // of the workers
};

}  // namespace brink
