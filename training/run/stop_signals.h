// SPDX-License-Identifier: MIT
// SIGTERM, SIGINT and SIGUSR1 as requests to end a run in an orderly way, as people and batch schedulers send them.
#pragma once

#include <array>
#include <csignal>
#include <string>

namespace brink {

/// While this lives, the first of the signals is only noted, and a second one ends the process at once, as it would have without
/// this object. A signal that is ignored (nohup, a background job) stays ignored. An object inside another's life does nothing.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// From now on an outermost object leaves its handlers when it ends: a first signal that comes after the work of a program, and
  /// before its exit, changes nothing any more. For programs whose only work this is; may be called before any object lives.
  static void keep_until_exit();

  static bool requested();
  /// Seconds since the first signal; 0 if there was none.
  static double seconds_since();
  /// Whether a signal came so long ago that a step is left between two products. A step that ends by itself soon is not.
  static bool leaves_step() { return requested() && seconds_since() > patience_seconds; }
  /// "SIGTERM"; empty if there was none.
  static std::string name();

  static constexpr std::array numbers{SIGTERM, SIGINT, SIGUSR1};

 private:
  static constexpr double patience_seconds = 2;
  bool outermost_;
  std::array<struct sigaction, numbers.size()> before_;
};

}  // namespace brink
