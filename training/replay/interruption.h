// SPDX-License-Identifier: MIT
// Commands that compute recorded steps again end in an orderly way when a signal asks for it.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

#include "training/errors.h"
#include "training/loop.h"
#include "training/run/stop_signals.h"

namespace brink {

/// Leaves the work that `interruptible` has begun, if a signal has asked for the end. To be called between two steps.
inline void stop_if_asked() {
  if (StopSignals::requested()) throw StepAbandoned();
}

/// Returns what `work` returns. SIGTERM, SIGINT and SIGUSR1 are noted meanwhile; when the work then leaves a step or stops between two,
/// throws Error (interrupted) with what is left and what to do, which `outcome` says.
template <class Outcome, class Work>
auto interruptible(Outcome&& outcome, Work&& work) {
  const StopSignals signals;
  try {
    return work();
  } catch (const StepAbandoned&) {}
  throw Error(ExitCode::interrupted, fmt::format("interrupted by {}: {}", StopSignals::name(), outcome()));
}

}  // namespace brink
