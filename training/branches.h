// SPDX-License-Identifier: MIT
// Follows eigenvectors from one measured step to the next, also where their eigenvalues cross: each keeps its branch, a number.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/device.h"
#include "kernels/memory.h"
#include "training/state.h"

namespace brink {

/// The pairs (new, old) of largest overlap, each vector in one pair at most, in the order of falling overlap; pairs below `least` are
/// left out. overlaps: |⟨new i, old j⟩| at i·old + j. out[i] = the old one's place, or −1.
void match_by_overlap(const std::vector<double>& overlaps, int fresh, int old, double least, std::vector<int>& out);

class Branches final : public Stateful {
 public:
  /// most: vectors of a step. Allocates all memory. Throws OutOfMemory.
  Branches(Device&, std::int64_t dim, int most);

  /// The branches of `count` vectors, rows of `vectors`, whose predecessors are the rows of `older`. A vector whose overlap with every free predecessor
  /// is below 1/√2 begins a new branch. Valid until the next call; a second call for the same step starts again.
  const std::vector<std::int64_t>& follow(View vectors, View older, int count, std::int64_t step);
  /// Forgets what was found at this step, before it is measured again.
  void abandon(std::int64_t step);
  void visit(StateVisitor&) override;

 private:
  Device device_;
  std::vector<std::int64_t> ids_, before_;  // before_: as the step began
  std::int64_t next_ = 1, next_before_ = 1, step_ = -1;
  std::vector<double> overlaps_;
  std::vector<int> matched_;
  Buffer scratch_;
};

}  // namespace brink
