// SPDX-License-Identifier: MIT
// Steps: the learning rate is multiplied by a factor again and again, after equal numbers of updates.
#include "training/schedule/kind.h"

namespace brink::schedules {

ScheduleKind step() {
  return {.name = "step",
          .meaning = "η·f^⌊t/k⌋, with f = drop_factor and k = drop_every",
          .options = {integer_option("drop_every", 100, {.least = 1, .most = 1'000'000'000},
                                     "updates after which the learning rate is multiplied by drop_factor"),
                      real_option("drop_factor", 0.5, {.above = 0}, "what it is multiplied by")},
          .make = [](const Options& o, double rate, std::int64_t) -> std::unique_ptr<Schedule> {
            const std::int64_t every = o.integer("drop_every");
            const double factor = o.real("drop_factor");
            return rate_function([=](std::int64_t step) {
              // Binary powers in a fixed order, because libm's pow differs between versions.
              double power = 1, square = factor;
              for (std::int64_t k = step / every; k > 0; k /= 2, square *= square)
                if (k % 2 == 1) power *= square;
              return rate * power;
            });
          }};
}

}  // namespace brink::schedules
