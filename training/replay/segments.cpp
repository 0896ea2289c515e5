// SPDX-License-Identifier: MIT
#include "training/replay/segments.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "training/errors.h"
#include "training/events.h"
#include "training/io/readable.h"
#include "training/io/record_file.h"
#include "training/io/text.h"
#include "training/replay/checkpoint_comparison.h"
#include "training/replay/interruption.h"
#include "training/replay/prepared_trainer.h"
#include "training/replay/replay.h"
#include "training/replay/replay_progress.h"
#include "training/run/records.h"
#include "training/run/row_difference.h"
#include "training/run/tensor_files.h"

namespace brink {

namespace {

struct Segment {
  std::int64_t first = 0, end = 0;  ///< steps first … end − 1 have rows
  const CheckpointFile *from = nullptr, *to = nullptr;
};

/// What a segment found.
struct Found {
  std::vector<ColumnDifferences> columns;
  std::string first_row, events, spectra;
  std::int64_t rows = 0;              ///< how many were computed
  std::optional<std::int64_t> ended;  ///< the step at which the loss diverged, or the run was complete
  std::optional<CheckpointDifferences> checkpoint;
  std::string rows_text;  ///< the computed rows
  std::vector<TensorDifferences> tensors;
  SavedState remembered;  ///< by the command, in that checkpoint
};

/// Throws DataError if nothing can be computed.
std::vector<Segment> segments_of(const RecordedRun& run) {
  std::vector<Segment> out;
  // A run that came to its end has a row for each step; of another one, only what it recorded is computed.
  const std::int64_t most = run.config.training.steps + 1,
                     end = run.is_over() ? most : std::min(run.last_step() + 1, most);
  bool begun = !lacks_start(run);
  if (!begun && (run.checkpoints.empty() || run.checkpoints.front().step >= end))
    throw DataError(
        fmt::format("{}: expected the file that model.start_file names, found none, and {} has no checkpoint before "
                    "its last row from "
                    "which steps could be computed: restore the file",
                    run.config.start_file, run.folder));
  Segment next{run.first_step(), end, nullptr, nullptr};
  for (const CheckpointFile& file : run.checkpoints) {
    if (file.step > end) continue;  // beyond what is recorded
    if (std::exchange(begun, true) && file.step > next.first) {
      next.end = file.step;
      next.to = &file;
      out.push_back(next);
    }
    next = {file.step, end, &file, nullptr};
  }
  if (next.end > next.first || out.empty()) out.push_back(next);
  return out;
}

void add(std::vector<TensorDifferences>& to, const TensorDifferences& more) {
  auto at = std::ranges::find(to, more.kind, &TensorDifferences::kind);
  if (at == to.end()) at = to.insert(to.end(), {more.kind, 0, {}});
  if (at->files == 0) at->first = more.first;
  at->files += more.files;
}

/// Computes segments until none is left.
class Worker {
 public:
  Worker(const RecordedRun& run, PreparedTrainer& prepared, ReplayProgress& progress)
      : run_(run), prepared_(prepared), progress_(progress), names_(cells_of(run.header)) {}

  Found compute(const Segment& segment) {
    Found out;
    out.columns.resize(names_.size());
    begin_from(prepared_, run_, segment.from);
    Trainer& trainer = prepared_.trainer();
    for (std::int64_t t = segment.first; t < segment.end && !out.ended; ++t) {
      stop_if_asked();
      // As the run did: each row but that of the last step was recorded after the update, which a column may tell of.
      const Row& row = t < run_.config.training.steps ? trainer.step() : trainer.observe();
      if (trainer.has_row()) {
        compare(row, out);
        compare_tensors(out);
      }
      if (trainer.has_row() && run_.config.measure.track_above && trainer.seen().measured)
        append_spectrum(out.spectra, trainer.seen());
      if (trainer.ended()) out.events += events_row(*trainer.ended(), has_evaluation_hessian(run_.config));
      if (trainer.diverged() || trainer.completed() || trainer.at_rest()) out.ended = t;
      progress_.count();
    }
    if (segment.to && trainer.steps_done() == segment.to->step)
      out.checkpoint = brink::compare(*segment.to, prepared_, out.remembered);
    else if (segment.to)
      out.checkpoint = {segment.to->step, segment.to->path, 1,
                        fmt::format("computed again, the run ends at step {}", *out.ended)};
    else if (run_.is_over())
      if (const auto open = trainer.finish_events())
        out.events += events_row(*open, has_evaluation_hessian(run_.config));
    return out;
  }

 private:
  /// The files of the last recorded step may be missing, because a process was killed between its row and them.
  void compare_tensors(Found& out) {
    const bool last = !run_.is_over() && prepared_.trainer().seen().step == run_.last_step();
    for (const TensorFileCheck& one : check_tensor_files(prepared_.device(), run_.folder, prepared_.trainer())) {
      const std::string what = one.missing && !last ? one.path + ": expected the file, found none" : one.difference;
      add(out.tensors, {one.kind, what.empty() ? 0 : 1, what});
    }
  }
  void compare(const Row& row, Found& out) {
    const std::size_t at = run_.row_before(row.step), before = out.rows_text.size();
    ++out.rows;
    append_row(out.rows_text, row);
    if (at >= run_.rows.size() || run_.steps[at] != row.step) {
      if (out.first_row.empty()) out.first_row = fmt::format("step {}: not recorded", row.step);
      return;
    }
    const std::string_view computed = std::string_view(out.rows_text).substr(before, out.rows_text.size() - before - 1);
    for (const CellDifference& d : differences(run_.rows[at], computed)) {
      const std::string where = in_words(d, names_, computed);
      if (out.first_row.empty()) out.first_row = where;
      if (d.column >= out.columns.size()) continue;
      if (out.columns[d.column].rows++ == 0) out.columns[d.column].first = where;
    }
  }

  const RecordedRun& run_;
  PreparedTrainer& prepared_;
  ReplayProgress& progress_;
  std::vector<std::string_view> names_;
};

/// Workers that claim segments in order, each with a trainer of its own.
class Workers {
 public:
  Workers(const RecordedRun& run, std::vector<Segment> segments, ReplayProgress& progress)
      : run_(run), segments_(std::move(segments)), found_(segments_.size()), progress_(progress) {}

  /// `first`: a trainer that is made already. Others are made while memory suffices.
  void run(PreparedTrainer& first, int workers, int threads) {
    std::vector<std::thread> all;
    running_ = workers;
    for (int i = 0; i < workers; ++i) all.emplace_back([&, own = i > 0] { thread(first, own ? threads : 0); });
    {
      std::unique_lock lock(mutex_);
      while (!over_.wait_for(lock, std::chrono::milliseconds(100), [&] { return running_ == 0; })) progress_.draw();
    }
    for (std::thread& t : all) t.join();
    if (failure_) std::rethrow_exception(failure_);
  }
  std::vector<Found>& found() { return found_; }
  std::int64_t used() const { return used_; }

 private:
  void thread(PreparedTrainer& first, int threads_of_its_own) {
    try {
      if (threads_of_its_own == 0)
        work(first);
      else if (const auto own = make(threads_of_its_own, first.data()))
        work(*own);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      next_ = segments_.size();
    }
    const std::lock_guard lock(mutex_);
    if (--running_ == 0) over_.notify_all();
  }
  void work(PreparedTrainer& prepared) {
    Worker worker(run_, prepared, progress_);
    bool any = false;
    for (std::size_t i = next_.fetch_add(1); i < segments_.size(); i = next_.fetch_add(1)) {
      if (!std::exchange(any, true)) ++used_;
      found_[i] = worker.compute(segments_[i]);
    }
  }
  /// Nothing if there is no work left, or no memory for one more: the others compute its share.
  std::unique_ptr<PreparedTrainer> make(int threads, const std::shared_ptr<DataPair>& data) {
    const std::lock_guard lock(making_);  // so that each one sees the memory that the others have taken
    if (next_ >= segments_.size()) return {};
    try {
      return std::make_unique<PreparedTrainer>(config_from(run_.config, segments_.front().from), threads, data);
    } catch (const DeviceError&) { return {}; }
  }

  const RecordedRun& run_;
  std::vector<Segment> segments_;
  std::vector<Found> found_;
  ReplayProgress& progress_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<std::int64_t> used_ = 0;
  std::mutex mutex_, making_;
  std::condition_variable over_;
  int running_ = 0;
  std::exception_ptr failure_;
};

/// How two headers differ.
std::string header_difference(std::string_view recorded, std::string_view computed) {
  const auto all = differences(recorded, computed);
  if (all.empty()) return {};
  return fmt::format("column {}: recorded {}, recomputed {}", all[0].column + 1, all[0].recorded, all[0].computed);
}

/// Adds the recorded rows up to those that a checkpoint remembers, which nothing computes.
void add_recorded(const SavedState& remembered, const std::string& file, const std::string& recorded, Written& written,
                  std::string& rows) {
  const auto part = remembered.parts.find("records/" + file + "/bytes");
  const auto* bytes = part == remembered.parts.end() ? nullptr : std::get_if<std::int64_t>(&part->second);
  if (!bytes || *bytes <= written.bytes || *bytes > std::ssize(recorded)) return;
  const std::string_view before =
      std::string_view(recorded).substr(rows.size(), static_cast<std::size_t>(*bytes) - rows.size());
  written.add(before);
  rows += before;
}

/// What the first segment's own checkpoint remembers: nothing computes the rows before it, so they are compared as they are recorded.
void compare_first(const RecordedRun& run, const CheckpointFile& file, WrittenFiles& written, Recomputed& out) {
  for (std::size_t i = 0; i < run.row_before(file.step); ++i) {
    written.metrics.add(run.rows[i]);
    written.metrics.add("\n");
  }
  const SavedState remembered = read_checkpoint(file).run;
  add_recorded(remembered, "events", run.events, written.events, out.events);
  if (written.spectra) add_recorded(remembered, "spectra", run.spectra, *written.spectra, out.spectra);
  out.checkpoints.push_back({file.step, file.path, 0, {}});
  compare_remembered(out.checkpoints.back(), remembered, written);
}

Recomputed compute(const RecordedRun& run, Console& out) {
  Recomputed result;
  const std::vector<Segment> segments = segments_of(run);
  result.segments = std::ssize(segments);
  for (const Segment& s : segments) result.steps += s.end - s.first;

  // Memory that a user has limited is one run's, and one GPU has one trainer.
  const bool alone = run.config.run.device != Where::cpu || run.config.run.memory_bytes > 0;
  const int all_threads = run.config.run.threads > 0 ? static_cast<int>(run.config.run.threads) : available_threads();
  const int workers = alone ? 1 : static_cast<int>(std::min<std::int64_t>(result.segments, all_threads));
  const int threads = std::max(1, all_threads / workers);
  PreparedTrainer first(config_from(run.config, segments.front().from), threads);
  first.require_inputs_of(run.folder);
  std::string header = metrics_header(first.trainer().row());
  header.pop_back();
  result.header = header_difference(run.header, header);
  result.events = events_header(has_evaluation_hessian(run.config));
  if (!result.header.empty() || run.rows.empty()) return result;

  ReplayProgress progress(out, "recomputing", result.steps);
  WrittenFiles written;
  written.metrics.add(std::string(run.header) + "\n");
  written.events.add(result.events);
  if (run.config.measure.track_above) {
    result.spectra = spectra_header();
    written.spectra.emplace().add(result.spectra);
  }
  if (const CheckpointFile* const from = segments.front().from) {
    compare_first(run, *from, written, result);
    if (!run.config.fork) {
      result.left_out = fmt::format("steps 0 to {}", from->step - 1);
      result.why_left_out =
          fmt::format("not recomputed, because the file that model.start_file names, {}, is not there; restore it",
                      run.config.start_file);
    }
  }
  Workers all(run, segments, progress);
  all.run(first, workers, threads);
  progress.finish();
  result.at_once = all.used();
  const auto names = cells_of(run.header);
  for (const std::string_view name : names) result.columns.push_back({std::string(name), 0, {}});
  auto rows = static_cast<std::int64_t>(run.row_before(segments.front().first));
  for (Found& found : all.found()) {
    rows += found.rows;
    for (std::size_t i = 0; i < names.size(); ++i) {
      ColumnDifferences& column = result.columns[i];
      if (column.rows == 0) column.first = found.columns[i].first;
      column.rows += found.columns[i].rows;
    }
    if (result.first_row.empty()) result.first_row = found.first_row;
    for (const TensorDifferences& of_kind : found.tensors) add(result.tensors, of_kind);
    result.events += found.events;
    result.spectra += found.spectra;
    written.metrics.add(found.rows_text);
    written.events.add(found.events);
    if (written.spectra) written.spectra->add(found.spectra);
    if (found.checkpoint) {
      if (!found.remembered.parts.empty()) compare_remembered(*found.checkpoint, found.remembered, written);
      result.checkpoints.push_back(std::move(*found.checkpoint));
    }
    if (found.ended) break;
  }
  if (result.first_row.empty() && rows < std::ssize(run.rows))
    result.first_row = fmt::format("step {}: not recomputed", cells_of(run.rows[static_cast<std::size_t>(rows)])[0]);
  return result;
}

}  // namespace

Recomputed recompute(const RecordedRun& run, Console& out) {
  return interruptible([] { return "nothing was written; the same command begins again"; },
                       [&] { return compute(run, out); });
}

}  // namespace brink
