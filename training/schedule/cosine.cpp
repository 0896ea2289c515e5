// SPDX-License-Identifier: MIT
// Cosine annealing: half a period of a cosine from η down to a fraction of it.
#include "kernels/functions/elementary.h"
#include "training/schedule/kind.h"

namespace brink::schedules {

ScheduleKind cosine() {
  return {
      .name = "cosine",
      .meaning = "η·(e + (1 − e)·½(1 + cos(π·t/T))) until t = T, then η·e, with e = cosine_end and T = cosine_steps",
      .options = {integer_option("cosine_steps", 0, {.most = 1'000'000'000},
                                 "T, the updates until the end of the cosine; 0: training.steps"),
                  // Above 0, because 2/η would be infinite.
                  real_option("cosine_end", 0.01, {.above = 0, .most = 1}, "e, the part of η that is left")},
      .make = [](const Options& o, double rate, std::int64_t steps) -> std::unique_ptr<Schedule> {
        const std::int64_t chosen = o.integer("cosine_steps"), length = chosen > 0 ? chosen : steps;
        const double end = o.real("cosine_end");
        return rate_function([=](std::int64_t step) {
          if (step >= length) return rate * end;
          const double turns = static_cast<double>(step) / (2 * static_cast<double>(length));
          return rate * (end + (1 - end) * (0.5 * (1 + elementary::cos_turns(turns))));
        });
      }};
}

}  // namespace brink::schedules
