// SPDX-License-Identifier: MIT
#include "training/run/checkpoint_times.h"

#include <algorithm>

namespace brink {

namespace {
constexpr double least_seconds = 10, cost_share = 0.005, slow_bytes_a_second = 200e6;
}

CheckpointTimes::CheckpointTimes(std::int64_t every, std::int64_t bytes)
    : every_(every), cost_seconds_(static_cast<double>(bytes) / slow_bytes_a_second), last_(Clock::now()) {}

bool CheckpointTimes::due(std::int64_t step) const {
  if (every_ >= 0) return every_ > 0 && step % every_ == 0;
  return std::chrono::duration<double>(Clock::now() - last_).count() >=
         std::max(least_seconds, cost_seconds_ / cost_share);
}

void CheckpointTimes::written(double seconds) {
  cost_seconds_ = seconds;
  last_ = Clock::now();
}

}  // namespace brink
