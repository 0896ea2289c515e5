// SPDX-License-Identifier: MIT
#include "training/run/stop_signals.h"

#include <time.h>

#include <atomic>
#include <cstdint>
#include <utility>

#include "training/io/file.h"

namespace brink {

namespace {

bool installed = false, kept = false;
std::atomic<int> received{0};
std::atomic<std::int64_t> received_ns{0};
static_assert(std::atomic<std::int64_t>::is_always_lock_free);

std::int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

/// Uses only calls that are allowed in a signal handler.
void note(int signal) {
  if (int none = 0; received.compare_exchange_strong(none, signal)) {
    received_ns = now_ns();
    return;
  }
  remove_unfinished_files();
  std::signal(signal, SIG_DFL);
  raise(signal);
}

}  // namespace

StopSignals::StopSignals() : outermost_(!std::exchange(installed, true)) {
  if (!outermost_) return;
  received = 0;
  received_ns = 0;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    sigaction(numbers[i], nullptr, &before_[i]);
    if (before_[i].sa_handler == SIG_IGN) continue;
    struct sigaction action {};
    action.sa_handler = note;
    action.sa_flags = SA_RESTART;
    sigaction(numbers[i], &action, nullptr);
  }
}

StopSignals::~StopSignals() {
  if (!outermost_ || kept) return;
  installed = false;
  for (std::size_t i = 0; i < numbers.size(); ++i) sigaction(numbers[i], &before_[i], nullptr);
}

void StopSignals::keep_until_exit() { kept = true; }

bool StopSignals::requested() { return received != 0; }

double StopSignals::seconds_since() { return received_ns == 0 ? 0 : static_cast<double>(now_ns() - received_ns) / 1e9; }

std::string StopSignals::name() {
  switch (received) {
    case SIGTERM: return "SIGTERM";
    case SIGINT: return "SIGINT";
    case SIGUSR1: return "SIGUSR1";
    default: return {};
  }
}

}  // namespace brink
