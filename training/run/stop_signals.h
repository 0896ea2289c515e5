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

  static bool requested();
  /// Seconds since the first signal; 0 if there was none.
  static double seconds_since();
  /// "SIGTERM"; empty if there was none.
  static std::string name();

  static constexpr std::array numbers{SIGTERM, SIGINT, SIGUSR1};

 private:
  bool outermost_;
  std::array<struct sigaction, numbers.size()> before_;
};

}  // namespace brink
