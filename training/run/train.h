// SPDX-License-Identifier: MIT
// A whole training run, from a config to a finished run folder.
#pragma once

#include "training/exit_codes.h"
#include "training/io/console.h"
#include "training/run/config.h"
#include "training/run/train_options.h"

namespace brink {

/// Checks the config, loads the data, makes the folder, trains, and writes metrics.csv, timing.csv, events.csv, config.toml,
/// run.json and checkpoints. Headers and rows are in their files before the next step begins, so a killed run keeps them.
/// Observation changes no number. With `resume` a run goes on from its newest good checkpoint. Returns done, diverged or
/// interrupted; throws UsageError, DataError, IoError, InUseError, OutOfMemory, Error (check_failed: recorded rows differ from
/// those that are computed again).
ExitCode train(const Config&, const TrainOptions&, Console& out);

}  // namespace brink
