// SPDX-License-Identifier: MIT
// What it is: a whole training run from a config to a finished run folder. What it is not: the steps (descent.h).
#pragma once

#include <string>

#include "training/config.h"
#include "training/exit_codes.h"
#include "training/io/console.h"

namespace brink {

struct TrainOptions {
  std::string folder;
  bool resume = false;
};

/// Loads the data, makes the folder, trains, and writes metrics.csv, timing.csv, events.csv, config.toml and run.json.
/// Returns done or diverged; throws UsageError, DataError, IoError, InUseError, OutOfMemory. The config is checked and the
/// data are read before the folder is made.
ExitCode train(const Config&, const TrainOptions&, Console& out);

}  // namespace brink
