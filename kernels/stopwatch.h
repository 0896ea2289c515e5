// SPDX-License-Identifier: MIT
// How long parts of the work took, by the host's clock on the CPU, and by events in the stream on a CUDA device.
// Where the device gives no time it is NaN: a clock must not end a run, and the run meets the device's errors itself.
#pragma once

#include <chrono>

#include "kernels/device.h"

namespace brink {

/// The sum of intervals, one after the other.
class Stopwatch {
 public:
  explicit Stopwatch(const Device&);
  ~Stopwatch();
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

  void reset();
  /// Begins and ends an interval: enqueued. `start` waits for the end of the interval before.
  void start();
  void stop();
  /// Milliseconds since reset, of the intervals that have ended on the device.
  double ms();

 private:
  using Clock = std::chrono::steady_clock;
  void collect();

  Gpu* gpu_ = nullptr;
  void *from_ = nullptr, *to_ = nullptr;
  bool open_ = false;  // an interval whose events have not been read
  Clock::time_point since_;
  double ms_ = 0;
};

}  // namespace brink
