// SPDX-License-Identifier: MIT
// What it is: how long parts of the work took where it was done: by the host's clock on the CPU, by events in the stream on a CUDA
// device, where the host only enqueues. What it is not: a tracer (tracer.h). Decision: a time is no reason to end a run, so where
// the device gives none it is NaN; the run meets the device's errors itself.
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
  /// An interval begins and ends: enqueued. Before the next one the device should have come to the end of this one; else it is
  /// waited for.
  void start();
  void stop();
  /// Milliseconds since reset, of intervals that are over and come to: see start.
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
