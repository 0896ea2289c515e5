// SPDX-License-Identifier: MIT
// Cosine annealing: half a period of a cosine from η down to a fraction of it.
#include "kernels/functions/elementary.h"
#include "training/schedule/kind.h"

namespace brink::schedules {

namespace {

class Cosine final : public Schedule {
 public:
  Cosine(double rate, std::int64_t length, double end) : rate_(rate), length_(length), end_(end) {}
  double learning_rate(std::int64_t step) override {
    if (step >= length_) return rate_ * end_;
    const double turns = static_cast<double>(step) / (2 * static_cast<double>(length_));
    return rate_ * (end_ + (1 - end_) * (0.5 * (1 + elementary::cos_turns(turns))));
  }

 private:
  double rate_;
  std::int64_t length_;
  double end_;
};

}  // namespace

ScheduleKind cosine() {
  return {
      .name = "cosine",
      .meaning = "η·(e + (1 − e)·½(1 + cos(π·t/T))) until t = T, then η·e, with e = cosine_end and T = cosine_steps",
      .options = {integer_option("cosine_steps", 0, {.most = 1'000'000'000},
                                 "T, the updates until the end of the cosine; 0: training.steps"),
                  // Above 0, because 2/η would be infinite.
                  real_option("cosine_end", 0.01, {.above = 0, .most = 1}, "e, the part of η that is left")},
      .make = [](const Options& o, double rate, std::int64_t steps) -> std::unique_ptr<Schedule> {
        const std::int64_t length = o.integer("cosine_steps");
        return std::make_unique<Cosine>(rate, length > 0 ? length : steps, o.real("cosine_end"));
      }};
}

}  // namespace brink::schedules
