// SPDX-License-Identifier: MIT
// Computes recorded steps of a run again, in memory, and compares every row with the recorded one.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "training/replay/prepared_trainer.h"
#include "training/replay/recorded_run.h"
#include "training/replay/replay_progress.h"

namespace brink {

/// Compares rows with those of metrics.csv, column by column and by name, so that rows of an older brink with fewer columns can be
/// compared too. Cells are compared as text.
class RowCheck {
 public:
  /// included: which columns; empty: all. Throws DataError if digest is not among them, because then nothing is proved.
  RowCheck(const RecordedRun&, const Row& columns, const std::function<bool(std::string_view)>& included = {});
  /// Throws Error (check_failed) naming step and column. A step without a recorded row is not compared.
  void operator()(const Row&);

 private:
  struct Pair {
    std::size_t recorded, computed;
  };
  const RecordedRun& run_;
  std::vector<Pair> pairs_;
  std::vector<std::string> names_;
  std::string text_;
};

/// The settings of a trainer that begins from a checkpoint, or from step 0 (null): those of the config, without a model.start_file that
/// is gone and that a checkpoint makes superfluous.
Config config_from(Config, const CheckpointFile*);

/// Whether the state at step 0 is out of reach, because model.start_file is gone.
bool lacks_start(const RecordedRun&);

/// Gives a trainer that has made no step yet the state of a checkpoint; null: of step 0. Throws DataError, also for step 0 of a fork,
/// which only its parent has.
void begin_from(PreparedTrainer&, const RecordedRun&, const CheckpointFile*);

/// Computes the steps up to `step`, which is then the next to be measured. To be called inside `interruptible`.
void go_to(PreparedTrainer&, RowCheck&, std::int64_t step, ReplayProgress&);

/// Throws UsageError or DataError, with what to do, unless the state at `step` can be computed from what the run has recorded.
/// option: for messages, "--at".
void require_recorded(const RecordedRun&, std::int64_t step, std::string_view option);

}  // namespace brink
