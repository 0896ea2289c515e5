// SPDX-License-Identifier: MIT
// The learning rate as a function of the step, and whatever a schedule remembers for it.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "training/state.h"

namespace brink {

class Schedule : public Stateful {
 public:
  /// η_t, positive and finite. Requested once for each step, in order, before anything is measured at that step.
  virtual double learning_rate(std::int64_t step) = 0;
  /// Whether η_t is the same at every step, so that the rule's threshold is one number.
  virtual bool is_constant() const { return false; }
  void visit(StateVisitor&) override {}
};

class ConstantRate final : public Schedule {
 public:
  explicit ConstantRate(double rate) : rate_(rate) {}
  double learning_rate(std::int64_t) override { return rate_; }
  bool is_constant() const override { return true; }

 private:
  double rate_;
};

/// η_t as a function of t alone.
template <class Rate>
class RateFunction final : public Schedule {
 public:
  explicit RateFunction(Rate rate) : rate_(std::move(rate)) {}
  double learning_rate(std::int64_t step) override { return rate_(step); }

 private:
  Rate rate_;
};
/// rate: called with a step, returns η_t.
template <class Rate>
std::unique_ptr<Schedule> rate_function(Rate rate) {
  return std::make_unique<RateFunction<Rate>>(std::move(rate));
}

/// Linear warm-up: the rate of another schedule times min(1, (t + 1)/W).
class Warmup final : public Schedule {
 public:
  /// updates: W ≥ 1.
  Warmup(std::unique_ptr<Schedule> of, std::int64_t updates) : of_(std::move(of)), updates_(updates) {}
  double learning_rate(std::int64_t step) override {
    const double rate = of_->learning_rate(step);
    if (step + 1 >= updates_) return rate;
    return rate * (static_cast<double>(step + 1) / static_cast<double>(updates_));
  }
  void visit(StateVisitor& v) override { of_->visit(v); }

 private:
  std::unique_ptr<Schedule> of_;
  std::int64_t updates_;
};

}  // namespace brink
