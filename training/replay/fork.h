// SPDX-License-Identifier: MIT
// A fork: a run that has another run's state at one of its steps, and settings of its own from there on.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "training/exit_codes.h"
#include "training/io/console.h"
#include "training/replay/recorded_run.h"
#include "training/run/config.h"
#include "training/run/train_options.h"

namespace brink {

struct ForkOptions {
  std::string parent;   ///< run folder
  std::int64_t at = 0;  ///< the first step under the fork's settings
  std::vector<std::string> sets;
  std::vector<std::pair<std::string, std::string>> flags;
  std::string folder;  ///< of the fork; empty: default_folder
  /// In place of `at`: so many steps before the resolution of this instability of the parent, of which 1 is the first; 0: not given.
  std::int64_t before_resolution = 0, instability = 0;
  /// Settings in a file and from a sweep, which `sets` and `flags` override (ConfigSources).
  std::string file = {}, other_table = {};
  std::vector<PlacedSetting> placed = {};
};

struct Forked {
  ExitCode code;  ///< of train
  std::string folder;
};

/// The settings of the fork, without its table [fork]. Throws UsageError, naming the key and the reason, for one that a fork cannot
/// change: θ and the data are the parent's.
Config fork_config(const RecordedRun& parent, const ForkOptions&);

/// Computes the parent's steps up to `at` again, from its newest good checkpoint before that or from step 0, and trains from there
/// on in a folder that no longer needs the parent. Nothing is written before all that can be wrong is known, and nothing into the
/// parent's folder. Throws as `train`, and Error: check_failed if the parent's rows cannot be reproduced, interrupted by a signal before
/// the fork begins.
Forked fork_run(const ForkOptions&, Console& out);

/// So many steps before the resolution of an instability of the parent, of which 1 is the first. Throws UsageError.
std::int64_t step_before_resolution(const RecordedRun& parent, std::int64_t steps, std::int64_t instability);

/// `train` for a config with a table [fork]. If the folder holds no state from which the run could go on, the fork begins with the
/// state of its parent, which must be there with the settings and the bits that the table names. Throws as fork_run.
ExitCode train_fork(const Config&, const TrainOptions&, Console& out);

}  // namespace brink
