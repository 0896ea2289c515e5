// SPDX-License-Identifier: MIT
// What a person sees of a running sweep: a line for each run that ends, and on a terminal one redrawn line below them.
#pragma once

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "training/io/console.h"

namespace brink::sweep {

/// What is counted. Of a search, the runs that will be needed are not known, so tasks are counted: single runs and searches.
struct Counts {
  std::int64_t tasks = 0, done = 0,
               failed = 0;     ///< done: over, whether finished or diverged; of all in this process's share
  std::int64_t elsewhere = 0;  ///< runs that another process has taken
};

class SweepProgress {
 public:
  explicit SweepProgress(Console&);

  /// A line that stays.
  void line(std::string_view text);
  /// What a run has printed, as a line that stays. Other runs that print the same do not repeat it.
  void once(const std::string& run, const std::string& text);
  /// Redraws, at most five times a second. `running`: the runs in progress, in short.
  void show(const Counts&, const std::vector<std::string>& running, int jobs);
  /// Erases the redrawn line.
  void finish();
  /// Text such as "12/60 done, 1 failed".
  static std::string text_of(const Counts&);

 private:
  using Clock = std::chrono::steady_clock;

  Console& out_;
  bool live_, drawn_line_ = false;
  Clock::time_point start_, drawn_;
  std::int64_t done_before_ = -1;
  std::set<std::string> said_;
};

}  // namespace brink::sweep
