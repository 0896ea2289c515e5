// SPDX-License-Identifier: MIT
// How many of the largest eigenvalues are measured: as many as it takes until one is not above a multiple of the threshold.
#pragma once

#include <cstddef>
#include <cstdint>

#include "training/observed.h"
#include "training/rules/rule.h"
#include "training/state.h"

namespace brink {

/// The leading eigenvalues whose surplus exceeds `surplus`; they come first, because eigenvalues descend.
std::size_t leading_above(const Observed&, const UpdateRule&, double surplus);

class TrackedTop final : public Stateful {
 public:
  /// least: eigenvalues that are measured at every step.
  explicit TrackedTop(int least) : least_(least), most_(least), count_(least), began_with_(least) {}

  /// From now on: the multiple of the threshold, infinite for none, and the most eigenvalues that it leads to.
  void limit(double above, int most) {
    surplus_ = 2 * (above - 1);
    most_ = most;
  }
  /// The next step begins with the least number.
  void restart() { count_ = began_with_ = least_; }

  /// The largest eigenvalues that are to be measured.
  int count() const { return static_cast<int>(count_); }
  /// Whether all measured ones are above the limit, so that one more has to be measured; `count` includes it already.
  bool grow(const Observed&, const UpdateRule&);
  /// What the step has found: the eigenvalues above the threshold, and whether every one above the limit is among those measured. `tolerance`: that
  /// of residuals.
  UnstableCount found(const Observed&, const UpdateRule&, double tolerance) const;
  /// The next step begins with one more than are above the limit.
  void settle(const Observed&, const UpdateRule&);
  /// Forgets what the present step has grown to, before that step is measured again.
  void abandon() { count_ = began_with_; }
  void visit(StateVisitor&) override;

 private:
  std::int64_t least_, most_, count_, began_with_;  // began_with_: count_ at the beginning of the step
  double surplus_ = 0;                              // of the limit
};

}  // namespace brink
