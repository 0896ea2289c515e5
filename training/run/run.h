// SPDX-License-Identifier: MIT
// A run of a config in a folder: its trainer, its records and its checkpoints.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "training/environment.h"
#include "training/loop.h"
#include "training/run/checkpoint.h"
#include "training/run/checkpoint_times.h"
#include "training/run/config.h"
#include "training/run/fit.h"
#include "training/run/folder.h"
#include "training/run/problem.h"
#include "training/run/recorder.h"
#include "training/run/records.h"
#include "training/run/train_options.h"
#include "training/run/watch.h"

namespace brink {

/// What is constructed is ready to train: a new run at step 0, or one that goes on from its newest good checkpoint. As Stateful
/// it is what the command remembers beside the trainer; what else a run has to remember is visited there.
class Run final : public Stateful {
 public:
  /// Checks everything and loads the data before the folder is made. Throws as `train`.
  Run(const Config&, const TrainOptions&, Console&);

  /// Trains to the end, and writes every file.
  ExitCode go();
  void visit(StateVisitor&) override;

 private:
  void say_what_runs();
  void describe();
  void resume();
  void require_own(const std::vector<CheckpointFile>& found) const;
  void say_running();
  /// Whether state and records are now those of this checkpoint; a reason for passing it over is noted.
  bool resume_from(const CheckpointFile&);
  void write_checkpoint(std::int64_t step);
  bool checkpoint_is_due(std::int64_t step) const;
  bool is_stopped(std::int64_t step) const;
  /// Measures, records and updates. Returns whether the loss has diverged.
  bool step(std::int64_t t);
  /// Measures at the steps that are left. Returns the step before which the run was interrupted.
  std::optional<std::int64_t> steps();
  void keep_last_finite(std::int64_t step);
  std::string cannot_go_on(const ProjectionError&, std::int64_t step) const;
  void finish_record();
  ExitCode say_how_it_ended();

  const Config& config_;
  const TrainOptions& options_;
  Console& out_;
  Environment environment_;
  Device device_;
  Watch watch_;
  TrainerOptions wish_;
  bool lacks_start_ = false;  // the file of model.start_file is gone, and a checkpoint has what came of it
  std::unique_ptr<Problem> problem_;
  Fitted fitted_;
  std::unique_ptr<RunFolder> folder_;
  std::unique_ptr<CheckpointStore> store_;
  std::unique_ptr<Recorder> recorder_;
  std::unique_ptr<CheckpointTimes> times_;
  RunRecord record_;
  std::int64_t checkpoint_step_ = 0;  // of the newest one; 0: none, because step 0 can be made again
  std::string stopped_by_;
  bool says_running_ = false;  // run.json
};

}  // namespace brink
