// SPDX-License-Identifier: MIT
// When a run is complete: a training accuracy that was reached at several evaluations in a row.
#pragma once

#include <cstdint>

#include "training/state.h"

namespace brink {

class Completion final : public Stateful {
 public:
  /// evaluations ≥ 1: how many in a row must reach the accuracy.
  Completion(double accuracy, std::int64_t evaluations) : accuracy_(accuracy), evaluations_(evaluations) {}
  void see(double accuracy) { in_a_row_ = accuracy >= accuracy_ ? in_a_row_ + 1 : 0; }
  bool reached() const { return in_a_row_ >= evaluations_; }
  void visit(StateVisitor& v) override { v.number("in_a_row", in_a_row_); }

 private:
  double accuracy_;
  std::int64_t evaluations_, in_a_row_ = 0;
};

}  // namespace brink
