// SPDX-License-Identifier: MIT
// Steps: the learning rate is multiplied by a factor again and again, after equal numbers of updates.
#include "training/schedule/kind.h"

namespace brink::schedules {

namespace {

class Steps final : public Schedule {
 public:
  Steps(double rate, std::int64_t every, double factor) : rate_(rate), every_(every), factor_(factor) {}
  double learning_rate(std::int64_t step) override {
    double power = 1, square = factor_;  // binary powers in a fixed order, because libm's pow differs between versions
    for (std::int64_t k = step / every_; k > 0; k /= 2, square *= square)
      if (k % 2 == 1) power *= square;
    return rate_ * power;
  }

 private:
  double rate_;
  std::int64_t every_;
  double factor_;
};

}  // namespace

ScheduleKind step() {
  return {.name = "step",
          .meaning = "η·f^⌊t/k⌋, with f = drop_factor and k = drop_every",
          .options = {integer_option("drop_every", 100, {.least = 1, .most = 1'000'000'000},
                                     "updates after which the learning rate is multiplied by drop_factor"),
                      real_option("drop_factor", 0.5, {.above = 0}, "what it is multiplied by")},
          .make = [](const Options& o, double rate, std::int64_t) -> std::unique_ptr<Schedule> {
            return std::make_unique<Steps>(rate, o.integer("drop_every"), o.real("drop_factor"));
          }};
}

}  // namespace brink::schedules
