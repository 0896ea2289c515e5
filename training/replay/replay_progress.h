// SPDX-License-Identifier: MIT
// What a person sees of steps that are computed again: one redrawn line on a terminal, nothing elsewhere.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "training/io/console.h"

namespace brink {

class ReplayProgress {
 public:
  /// what: "recomputing". steps: how many there are in all.
  ReplayProgress(Console&, std::string what, std::int64_t steps);
  ~ReplayProgress() { finish(); }
  ReplayProgress(const ReplayProgress&) = delete;
  ReplayProgress& operator=(const ReplayProgress&) = delete;

  /// One more step is done. May be called by any thread.
  void count() { done_.fetch_add(1, std::memory_order_relaxed); }
  /// Redraws the line at most ten times a second. Called by one thread.
  void draw();
  void step() { count(), draw(); }
  /// Erases the line.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;

  Console& out_;
  std::string what_;
  std::int64_t steps_;
  bool live_, shown_ = false;
  std::atomic<std::int64_t> done_ = 0;
  Clock::time_point start_, drawn_;
};

}  // namespace brink
