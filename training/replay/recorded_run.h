// SPDX-License-Identifier: MIT
// A run folder as it was recorded, read in order to compute steps of it again. Nothing in the folder is changed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "training/run/checkpoint.h"
#include "training/run/config.h"

namespace brink {

struct RecordedRun {
  std::string folder;
  Config config;       ///< of the run, with the settings that change no number as the caller wants them
  std::string status;  ///< of run.json: "finished", "diverged", "interrupted", "running"
  std::string hessian_of;
  std::optional<std::int64_t> diverged_at;
  std::string metrics, events;              ///< the whole files, without an incomplete last line
  std::string spectra;                      ///< the same of spectra.csv; empty without measure.track_above
  std::string_view header;                  ///< of metrics.csv
  std::vector<std::string_view> rows;       ///< of metrics.csv, without newlines
  std::vector<std::int64_t> steps;          ///< of each row
  std::vector<CheckpointFile> checkpoints;  ///< good ones of this run, by ascending step
  std::vector<std::string> passed_over;     ///< for each other file: its path and the reason

  RecordedRun() = default;
  RecordedRun(const RecordedRun&) = delete;
  RecordedRun& operator=(const RecordedRun&) = delete;
  RecordedRun(RecordedRun&&) = delete;
  RecordedRun& operator=(RecordedRun&&) = delete;

  /// Whether the run came to its own end.
  bool is_over() const { return status == "finished" || status == "diverged"; }
  /// 0, or the step at which a fork begins.
  std::int64_t first_step() const { return config.fork ? config.fork->at_step : 0; }
  /// The last one with a row; one less than the first if there is none.
  std::int64_t last_step() const { return steps.empty() ? first_step() - 1 : steps.back(); }
  /// The number of rows before a step.
  std::size_t row_before(std::int64_t step) const;
  /// The newest good checkpoint at or before a step.
  const CheckpointFile* checkpoint_before(std::int64_t step) const;
};

/// sets, flags: as of load_config; only settings that change no number may differ (UsageError). Throws DataError naming the file
/// that is missing or damaged.
void read_recorded_run(RecordedRun& out, const std::string& folder, const std::vector<std::string>& sets = {},
                       const std::vector<std::pair<std::string, std::string>>& flags = {});

}  // namespace brink
