// SPDX-License-Identifier: MIT
// A process of the same program that a sweep starts and waits for.
// It has a process group of its own, so that Ctrl-C in a terminal reaches the sweep alone, which passes it on once; and the kernel
// sends it SIGTERM when the sweep's process ends in whatever way.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace brink::sweep {

class Child {
 public:
  /// Starts this program with other arguments. To be called by the main thread, whose end is the end of the process. Throws
  /// IoError where the system has no process left.
  explicit Child(const std::vector<std::string>& arguments);
  /// Tells it to end (SIGTERM) if it is still there, and does not wait.
  ~Child();
  Child(Child&&) noexcept;
  Child& operator=(Child&&) noexcept;

  void send(int signal) const;
  /// Its status, as waitpid gives it, once it has ended; does not wait.
  std::optional<int> ended();
  /// The last lines that it printed, without the newline at the end.
  std::string said() const;

 private:
  pid_t process_ = -1;
  int output_ = -1;
};

/// While this lives, the signals that tell a process to end, and those of its children, wait until they are asked for.
class HeldSignals {
 public:
  HeldSignals();
  ~HeldSignals();
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

  /// The next one; 0 after `milliseconds` without any.
  static int wait(int milliseconds);

 private:
  sigset_t before_;
};

}  // namespace brink::sweep
