// SPDX-License-Identifier: MIT
// A whole training run, from a config to a finished run folder.
#pragma once

#include <string>

#include "training/exit_codes.h"
#include "training/io/console.h"
#include "training/run/config.h"

namespace brink {

/// NVTX ranges for a profiler: of the phases of a step, or also of every node of a graph (tracer.h).
enum class Ranges : unsigned char { none, phases, nodes };

struct TrainOptions {
  std::string folder;
  bool resume = false;
  std::string trace =
      {};  ///< file for a trace of the run (trace.h); empty: none. A run that ends with an error leaves it empty
  Ranges ranges = Ranges::none;
};

/// Checks the config, loads the data, makes the folder, trains, and writes metrics.csv, timing.csv, events.csv, config.toml and
/// run.json. Headers and rows are in their files before the next step begins, so a killed run keeps them. Observation changes
/// no number. Returns done or diverged; throws UsageError, DataError, IoError, InUseError, OutOfMemory.
ExitCode train(const Config&, const TrainOptions&, Console& out);

}  // namespace brink
