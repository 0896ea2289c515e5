// SPDX-License-Identifier: MIT
// The growing files of a run: metrics.csv, events.csv, timing.csv and perhaps spectra.csv, and what is shown of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "training/events.h"
#include "training/io/record_file.h"
#include "training/loop.h"
#include "training/run/config.h"
#include "training/run/folder.h"
#include "training/run/progress.h"
#include "training/run/records.h"

namespace brink {

/// Rows that an earlier process recorded are compared as they are computed again: `row` and `event` throw Error
/// (ExitCode::check_failed) naming file, step and column if they differ, and change nothing then. Rows of timing.csv are kept as
/// they are, and only later steps are added. All functions throw IoError.
class Recorder final : public Stateful {
 public:
  /// `folder` outlives this object. last_step: for the progress line.
  Recorder(const RunFolder& folder, const Config&, const Row& columns, std::int64_t last_step, Console&);

  /// Begins at step 0, with the headers.
  void begin();
  /// Continues where `visit` has read that the files stood. Returns false if metrics.csv or events.csv lacks rows from before
  /// that, or has others: call it for an earlier state then, or `begin`.
  bool continues();

  void row(const Row&, const Observed&);
  void event(const Instability&);
  /// Shows where warm and cold Lanczos disagreed at this step.
  void disagreements(const Observed&);
  /// Shows what measurements have to say.
  void remarks(const std::vector<std::string>& sentences);
  /// Shows the changes that applied at the trainer's last step.
  void changes(const Config&, const Trainer&);
  /// After a state was read: names the threshold of the rule that is in force.
  void resumed(const Config&, const Trainer&);
  void note(const std::string& text) { progress_.note(text); }
  /// Makes the rows safe from a loss of power.
  void sync();
  /// Ends the progress line, syncs and closes. `whole`: the run has reached its end, so nothing may be recorded beyond it.
  void close(bool whole);
  /// The files whose rows are promised, up to where they are written.
  std::vector<RecordedFile> files();
  /// Whether rows of an earlier process are still to be compared.
  bool compares();
  void visit(StateVisitor&) override;

 private:
  struct Place {
    std::int64_t bytes = 0;
    std::string hash;
  };
  std::vector<std::pair<RecordFile*, const char*>> compared();
  void append(RecordFile&, const char* name, const std::string& header, const std::string& row);
  void name_threshold(std::int64_t from);
  double elapsed_ms() const;

  const RunFolder& folder_;
  bool evaluation_hessian_, synced_ = false;
  std::string metrics_header_, events_header_, text_;
  RecordFile metrics_, timing_, events_;
  std::optional<RecordFile> spectra_;  // only with measure.track_above
  Place metrics_place_, events_place_, spectra_place_;
  std::int64_t timed_step_ = -1;  // the last one in timing.csv
  double elapsed_before_ms_ = 0;  // in earlier processes
  std::chrono::steady_clock::time_point start_;
  Progress progress_;
  Chosen<RuleKind> rule_;  // in force
};

}  // namespace brink
