// SPDX-License-Identifier: MIT
// A whole training run, from a config to a finished run folder.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>

#include "training/exit_codes.h"
#include "training/io/console.h"
#include "training/io/system.h"
#include "training/run/config.h"

namespace brink {

class Trainer;
struct Device;

/// NVTX ranges for a profiler: of the phases of a step, or also of every node of a graph (tracer.h).
enum class Ranges : unsigned char { none, phases, nodes };

struct TrainOptions {
  std::string folder;
  bool resume = false;
  std::string trace =
      {};  ///< file for a trace of the run (trace.h); empty: none. A run that ends with an error leaves it empty
  Ranges ranges = Ranges::none;
  std::int64_t stop_before =
      std::numeric_limits<std::int64_t>::max();  ///< the run is interrupted before this step, as by a signal
  bool checkpoints = true;                       ///< false: none is written
  System* system = nullptr;                      ///< for the files of the run; null: the operating system
  /// Gives the trainer of a new run its first state, of which a checkpoint is written at once; empty: the run begins at step 0.
  std::function<void(Device&, Trainer&)> begin = {};
};

/// Checks the config, loads the data, makes the folder, trains, and writes metrics.csv, timing.csv, events.csv, config.toml,
/// run.json and checkpoints. Headers and rows are in their files before the next step begins, so a killed run keeps them.
/// Observation changes no number. With `resume` a run goes on from its newest good checkpoint. Returns done, diverged or
/// interrupted; throws UsageError, DataError, IoError, InUseError, OutOfMemory, Error (check_failed: recorded rows differ from
/// those that are computed again).
ExitCode train(const Config&, const TrainOptions&, Console& out);

}  // namespace brink
