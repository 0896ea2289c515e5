// SPDX-License-Identifier: MIT
// When a run writes a checkpoint. The decision changes no number.
#pragma once

#include <chrono>
#include <cstdint>

namespace brink {

/// Checkpoints by steps, or by time, so that they cost at most 0.5 % of it.
class CheckpointTimes {
 public:
  /// every: steps; 0: never by itself; negative: by time. bytes: of a checkpoint, from which its first cost is estimated.
  CheckpointTimes(std::int64_t every, std::int64_t bytes);

  /// Whether one is to be written before `step`.
  bool due(std::int64_t step) const;
  /// One has just been written, which took `seconds`.
  void written(double seconds);

 private:
  using Clock = std::chrono::steady_clock;
  std::int64_t every_;
  double cost_seconds_;
  Clock::time_point last_;
};

}  // namespace brink
