// SPDX-License-Identifier: MIT
#include "training/replay/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "training/errors.h"
#include "training/replay/interruption.h"
#include "training/run/records.h"
#include "training/run/row_difference.h"

namespace brink {

RowCheck::RowCheck(const RecordedRun& run, const Row& columns, const std::function<bool(std::string_view)>& included)
    : run_(run) {
  const auto recorded = cells_of(run.header);
  const std::vector<Column> computed = metrics_columns(columns);
  bool digest = false;
  for (std::size_t i = 0; i < recorded.size(); ++i) {
    const auto at = std::ranges::find(computed, recorded[i], &Column::name);
    if (at == computed.end() || (included && !included(recorded[i]))) continue;
    digest = digest || recorded[i] == "digest";
    pairs_.push_back({i, static_cast<std::size_t>(at - computed.begin())});
    names_.push_back(std::string(recorded[i]));
  }
  if (!digest)
    throw DataError(run.folder +
                    "/metrics.csv: expected a column digest, by which steps that are computed again are "
                    "compared; found none");
}

void RowCheck::operator()(const Row& row) {
  const std::size_t at = run_.row_before(row.step);
  if (at >= run_.rows.size() || run_.steps[at] != row.step) return;
  text_.clear();
  append_row(text_, row);
  const auto computed = cells_of(std::string_view(text_).substr(0, text_.size() - 1)),
             recorded = cells_of(run_.rows[at]);
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    const std::string_view a = pairs_[i].recorded < recorded.size() ? recorded[pairs_[i].recorded] : "",
                           b = computed[pairs_[i].computed];
    if (a == b) continue;
    throw Error(ExitCode::check_failed,
                fmt::format("{}/metrics.csv: step {}, column {}: recorded {}, computed again {}: the file was changed, "
                            "or this is not the program that recorded it; `brink verify {}` lists all differences",
                            run_.folder, row.step, names_[i], a.empty() ? "nothing" : a, b.empty() ? "nothing" : b,
                            run_.folder));
  }
}

bool lacks_start(const RecordedRun& run) {
  std::error_code ignored;
  return !run.config.start_file.empty() && !std::filesystem::exists(run.config.start_file, ignored);
}

Config config_from(Config config, const CheckpointFile* file) {
  std::error_code ignored;
  if (file && !std::filesystem::exists(config.start_file, ignored)) config.start_file.clear();
  return config;
}

void begin_from(PreparedTrainer& prepared, const RecordedRun& run, const CheckpointFile* file) {
  if (file) {
    const Checkpoint from = read_checkpoint(*file);
    restore(prepared.device(), prepared.trainer(), from.trainer, file->path);
  } else if (run.config.fork) {
    throw DataError(
        fmt::format("{}: its first checkpoint, of step {}, is missing or damaged, and a fork cannot begin "
                    "without it; fork {} again with --at {}",
                    run.folder, run.config.fork->at_step, run.config.fork->parent, run.config.fork->at_step));
  }
}

void go_to(PreparedTrainer& prepared, RowCheck& check, std::int64_t step, ReplayProgress& progress) {
  Trainer& trainer = prepared.trainer();
  while (trainer.steps_done() < step) {
    stop_if_asked();
    if (const Row& row = trainer.step(); trainer.has_row()) check(row);
    progress.step();
  }
  progress.finish();
}

void require_recorded(const RecordedRun& run, std::int64_t step, std::string_view option) {
  const std::int64_t first = run.first_step(), last = run.last_step();
  if (run.rows.empty())
    throw DataError(fmt::format("{}: the run has recorded no step; `brink train --resume --out {}` continues it",
                                run.folder, run.folder));
  if (step >= first && step <= last) return;
  std::string why = fmt::format("{} {}: expected a step from {} to {}, ", option, step, first, last);
  if (step < first && !run.config.fork)
    why += fmt::format("the first and the last one of {}", run.folder);
  else if (step < first)
    why += fmt::format("because {} is a fork that begins at step {}; its parent is {}", run.folder, first,
                       run.config.fork->parent);
  else if (run.diverged_at)
    why += fmt::format("because {} diverged at step {}", run.folder, *run.diverged_at);
  else if (run.status == "finished")
    why += fmt::format("the last one of {}; a fork at step {} with --set training.steps=… goes on beyond it",
                       run.folder, last);
  else
    why += fmt::format("the last one that {} has recorded; `brink train --resume --out {}` continues it", run.folder,
                       run.folder);
  throw UsageError(why);
}

}  // namespace brink
