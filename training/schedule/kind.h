// SPDX-License-Identifier: MIT
// The list of schedules that training/schedule/meson.build names: the name of each, the keys it owns, and how it is made.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "models/options.h"
#include "training/schedule/schedule.h"

namespace brink {

struct ScheduleKind {
  std::string_view name;
  std::string_view meaning;          ///< the formula of η_t: "η at every step"
  std::vector<Option> options = {};  ///< keys of [training] that this schedule has
  /// rate: η; steps: updates of the whole run. η_t depends on t alone, so a resumed run continues with the same numbers.
  std::unique_ptr<Schedule> (*make)(const Options&, double rate, std::int64_t steps);
};

std::span<const ScheduleKind> schedule_kinds();

/// A schedule with the chosen options. warmup: updates of the linear warm-up; 0 and 1: none.
std::shared_ptr<Schedule> make_schedule(const Chosen<ScheduleKind>&, double rate, std::int64_t warmup,
                                        std::int64_t steps);

}  // namespace brink
