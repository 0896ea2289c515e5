// SPDX-License-Identifier: MIT
// A whole training run, from a config to a finished run folder.
#pragma once

#include <string>

#include "training/exit_codes.h"
#include "training/io/console.h"
#include "training/run/config.h"

namespace brink {

/// NVTX ranges for a profiler: of a step's phases, or of every node of a graph too (tracer.h).
enum class Ranges : unsigned char { none, phases, nodes };

struct TrainOptions {
  std::string folder;
  bool resume = false;
  std::string trace =
      {};  ///< file for a trace of the run (trace.h); empty: none. A run that ends by an error leaves it empty
  Ranges ranges = Ranges::none;
};

/// Loads the data, makes the folder, trains, and writes metrics.csv, timing.csv, events.csv, config.toml and run.json. Headers,
/// and each row as soon as it is decided, are in their files before the next step: what a killed run had found out is there.
/// Being watched changes no number. Returns done or diverged; throws UsageError, DataError, IoError, InUseError, OutOfMemory. The config is checked and the
/// data are read before the folder is made.
ExitCode train(const Config&, const TrainOptions&, Console& out);

}  // namespace brink
