// SPDX-License-Identifier: MIT
// A constant learning rate: η_t = η.
#include "training/schedule/kind.h"

namespace brink::schedules {

ScheduleKind constant() {
  return {.name = "constant",
          .meaning = "η at every step",
          .make = [](const Options&, double rate, std::int64_t) -> std::unique_ptr<Schedule> {
            return std::make_unique<ConstantRate>(rate);
          }};
}

}  // namespace brink::schedules
