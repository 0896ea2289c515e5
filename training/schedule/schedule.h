// SPDX-License-Identifier: MIT
// The learning rate as a function of the step, and whatever a schedule remembers for it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "training/state.h"

namespace brink {

class Schedule : public Stateful {
 public:
  /// η_t, positive and finite. Requested once for each step, in order, before anything is measured at it.
  virtual double learning_rate(std::int64_t step) = 0;
  void visit(StateVisitor&) override {}
};

class ConstantRate final : public Schedule {
 public:
  explicit ConstantRate(double rate) : rate_(rate) {}
  double learning_rate(std::int64_t) override { return rate_; }

 private:
  double rate_;
};

}  // namespace brink
