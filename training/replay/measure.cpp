// SPDX-License-Identifier: MIT
#include "training/replay/measure.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "training/build_info.h"
#include "training/errors.h"
#include "training/io/readable.h"
#include "training/io/record_file.h"
#include "training/io/text.h"
#include "training/replay/adopted_state.h"
#include "training/replay/interruption.h"
#include "training/replay/replay.h"
#include "training/run/columns_json.h"
#include "training/run/records.h"
#include "training/run/row_difference.h"
#include "training/run/tensor_files.h"

namespace brink {

namespace {

bool same_spectrum(const Config::Measure& a, const Config::Measure& b) {
  return a.top == b.top && a.bottom == b.bottom && a.tolerance == b.tolerance && a.accuracy == b.accuracy &&
         a.certify == b.certify && a.track_above == b.track_above && a.top_most == b.top_most && a.every == b.every &&
         a.row_every == b.row_every && a.cold_check == b.cold_check && a.budget == b.budget;
}

/// Throws UsageError where updates depend on what is measured, and that is to change.
void require_same_updates(const Config& config, const Config& recorded) {
  if (widest_projection(recorded).projects() && !same_spectrum(config.measure, recorded.measure))
    throw UsageError(
        "--set: training.project makes the run's updates from its eigenvectors, so the settings of the spectrum are "
        "those of the run; other measurements can be added, such as measure.update_cosine.every=1");
  if (config.measure.row_every != recorded.measure.row_every &&
      std::ranges::any_of(recorded.training.changes,
                          [](const auto& change) { return change->at_accuracy.has_value(); }))
    throw UsageError(
        "--set measure.row_every: the run has a change at an accuracy, which is evaluated at its rows, so "
        "measure.row_every is that of the run");
}

/// The config with the changed measurements.
Config measured_config(const RecordedRun& run, const MeasureOptions& options) {
  for (const std::string& set : options.sets)
    if (!set.starts_with("measure.") && !set.starts_with("run.") && !set.starts_with("data.directory"))
      throw UsageError(fmt::format(
          "--set {}: expected a key of [measure], such as measure.top=2 or measure.update_cosine.every=1; all other "
          "settings are those of the run, and `brink fork` changes them",
          set));
  ConfigSources sources{{}, options.sets, options.flags};
  sources.base = &run.config;
  Config out = load_config(sources), others = out;
  others.measure = run.config.measure;
  if (config_hash(others) != config_hash(run.config))
    throw UsageError("--set: run.precision and run.arithmetic decide numbers, so they are those of the run");
  if (config_hash(out) == config_hash(run.config))
    throw UsageError("--set: expected a key of [measure] whose value is not that of the run, such as measure.top=2");
  require_same_updates(out, run.config);
  return out;
}

/// The columns that have a number at a step at which no spectrum is measured. The trainer is at such a step, and does not go on.
std::set<std::string, std::less<>> columns_without_spectrum(Trainer& trainer) {
  trainer.measure(false);
  const Row& row = trainer.complete();
  std::set<std::string, std::less<>> out{"step"};
  for (std::size_t i = 0; i < row.columns().size(); ++i)
    if (!is_empty(row.cells()[i])) out.insert(row.columns()[i].name);
  return out;
}

/// The columns of the measurements whose settings are not those of the run. At other rows than those of the run, so is each one that
/// is not made at every row.
std::set<std::string, std::less<>> changed_columns(const Config& config, const Config& recorded,
                                                   const Trainer& trainer) {
  std::set<std::string, std::less<>> out;
  const bool same_rows = config.measure.row_every == recorded.measure.row_every;
  for (std::size_t i = 0; i < config.measure.more.size(); ++i) {
    const Chosen<MeasurementKind>& m = config.measure.more[i];
    const auto there = std::ranges::find(recorded.measure.more, m.kind, &Chosen<MeasurementKind>::kind);
    if (there != recorded.measure.more.end() && there->options == m.options &&
        (same_rows || m.options.integer("every") == 1))
      continue;
    for (const Column& c : trainer.measurement_columns(i)) out.insert(c.name);
  }
  return out;
}

using IsCompared = std::function<bool(std::string_view)>;

/// The columns of the new table: "step" and what metrics.csv does not have in the same form.
class Selection {
 public:
  Selection(const Row& row, std::span<const std::string_view> recorded, const IsCompared& is_compared) {
    const std::vector<Column> all = metrics_columns(row);
    for (std::size_t i = 0; i < all.size(); ++i) {
      const bool there = std::ranges::find(recorded, all[i].name) != recorded.end() && is_compared(all[i].name);
      if (i > 0 && there) continue;
      indices_.push_back(i);
      columns_.push_back(all[i]);
    }
    // A line to compare with that is a column of metrics.csv is not in this table.
    for (Column& c : columns_) {
      const auto has = [&](const std::string& name) {
        return std::ranges::find(columns_, name, &Column::name) != columns_.end();
      };
      if (const auto* name = std::get_if<std::string>(&c.chart.reference); name && !has(*name)) c.chart.reference = {};
      if (!c.chart.error.empty() && !has(c.chart.error)) c.chart.error.clear();
    }
  }
  const std::vector<Column>& columns() const { return columns_; }
  std::string header() const {
    std::string out;
    for (const Column& c : columns_) out += (out.empty() ? "" : ",") + c.name;
    return out + "\n";
  }
  std::string row(const Row& row) const {
    std::string text, out;
    append_row(text, row);
    text.pop_back();
    const auto cells = cells_of(text);
    for (const std::size_t i : indices_) out.append(out.empty() && i == 0 ? "" : ",").append(cells[i]);
    return out + "\n";
  }

 private:
  std::vector<std::size_t> indices_;
  std::vector<Column> columns_;
};

/// The table and its description.
class MeasuredFile {
 public:
  MeasuredFile(const RecordedRun& run, const Config& config, const StepRange& steps, const Selection& columns)
      : run_(run.folder), folder_(run_.inside(measured_folder)) {
    nlohmann::ordered_json about{{"run", config_hash(run.config)},
                                 {"steps", {{"first", steps.first}, {"last", steps.last}, {"every", steps.every}}},
                                 {"settings", differing_settings(config, run.config)}};
    const std::string text = about.dump();
    name_ = hex_text(XXH3_64bits(text.data(), text.size()));
    about["version"] = build_info().version;
    about["columns"] = columns_to_json(columns.columns());
    about_ = about.dump(2) + "\n";
    table_.emplace(folder_, name_ + ".csv");
    table_->go_to_start();
  }
  std::string path() const { return folder_.path_of(name_ + ".csv"); }
  void append(const std::string& text) {
    try {
      table_->append(text);
    } catch (const RecordDiffers& d) {
      throw Error(ExitCode::check_failed,
                  fmt::format("{}: recorded {}, computed again {}: the file was changed, or another version of brink "
                              "wrote it; remove it and measure again",
                              path(), d.recorded, d.computed));
    }
  }
  /// Where a measurement that has tensors keeps them.
  const Folder& tensors() {
    if (!tensors_) tensors_.emplace(folder_.inside(name_));
    return *tensors_;
  }
  void close() {
    table_->close();
    folder_.write_file(name_ + ".json", about_);
  }

 private:
  Folder run_, folder_;
  std::string name_, about_;
  std::optional<RecordFile> table_;
  std::optional<Folder> tensors_;
};

}  // namespace

StepRange parse_steps(std::string_view text) {
  const auto fail = [&] {
    throw UsageError(
        fmt::format("--steps {}: expected FIRST:LAST or FIRST:LAST:EVERY, such as 100:200 or 0:400:10", text));
  };
  std::vector<std::int64_t> numbers;
  for (std::string_view rest = text;;) {
    const std::size_t colon = rest.find(':');
    const auto x = parse_number<std::int64_t>(rest.substr(0, colon));
    if (!x || *x < 0) fail();
    numbers.push_back(*x);
    if (colon == std::string_view::npos) break;
    rest.remove_prefix(colon + 1);
  }
  if (numbers.size() < 2 || numbers.size() > 3) fail();
  const StepRange out{numbers[0], numbers[1], numbers.size() == 3 ? numbers[2] : 1};
  if (out.first > out.last || out.every < 1) fail();
  return out;
}

namespace {

/// table: of the rows that are written, from the first one on.
std::string measure(const MeasureOptions& options, Console& out, std::string& table) {
  RecordedRun run;
  read_recorded_run(run, options.run);
  const Config config = measured_config(run, options);
  require_recorded(run, options.steps.first, "--steps, first step");
  require_recorded(run, options.steps.last, "--steps, last step");
  run.config.data.directory = config.data.directory;
  run.config.run = config.run;
  for (const std::string& text : run.passed_over) out.note("passed over " + text);

  const CheckpointFile* const from = run.checkpoint_before(options.steps.first);
  const std::int64_t first = from ? from->step : run.first_step(), total = options.steps.last + 1 - first;
  out.line(fmt::format("measuring steps {} to {} of {}: {} computed again, from {}", options.steps.first,
                       options.steps.last, run.folder, counted(total, "step"),
                       from ? "the checkpoint of step " + std::to_string(first) : "the start"));
  ReplayProgress progress(out, "measuring", total);
  SavedState state;
  std::shared_ptr<DataPair> data;
  const bool same = same_spectrum(config.measure, run.config.measure);
  std::optional<std::set<std::string, std::less<>>> unchanged;
  {
    PreparedTrainer as_recorded(config_from(run.config, from));
    as_recorded.require_inputs_of(run.folder);
    RowCheck check(run, as_recorded.trainer().row());
    begin_from(as_recorded, run, from);
    go_to(as_recorded, check, options.steps.first, progress);
    state = save_state(as_recorded.device(), as_recorded.trainer());
    data = as_recorded.data();
    if (!same) unchanged = columns_without_spectrum(as_recorded.trainer());
  }
  PreparedTrainer prepared(config_from(config, from), 0, data,
                           [&](std::int64_t t) { return options.steps.contains(t); });
  Trainer& trainer = prepared.trainer();
  AdoptedState adopted = adopt_state(save_state(prepared.device(), trainer), config, std::move(state), run.config);
  restore_state(prepared.device(), trainer, adopted.state);

  const auto changed = changed_columns(config, run.config, trainer);
  const IsCompared is_compared = [&](std::string_view name) {
    return !changed.contains(name) && (!unchanged || unchanged->contains(name));
  };
  RowCheck check(run, trainer.row(), is_compared);
  const Selection columns(trainer.row(), cells_of(run.header), is_compared);
  const bool adds_columns = columns.columns().size() > 1;  // the first one is the step
  if (!adds_columns && differing_settings(config, run.config).empty())
    throw UsageError("--set: expected a setting that differs from the run's");
  std::vector<std::string> remarks;
  std::optional<MeasuredFile> file;  // begun with its first row, so that a call that fails before leaves none
  while (trainer.steps_done() <= options.steps.last) {
    const std::int64_t t = trainer.steps_done();
    stop_if_asked();
    if (!trainer.row_is_due(t) && t < config.training.steps) {
      (void)trainer.step();
      progress.step();
      continue;
    }
    // What the run measured itself is measured again, because its next step starts from it.
    trainer.measure(trainer.spectrum_is_due(t) && (same || options.steps.contains(t)));
    // The row of the run's last step is the one without an update, which a column may tell of.
    const bool updates = t < config.training.steps;
    if (updates) trainer.update();
    const Row& row = trainer.complete();
    check(row);
    if (options.steps.contains(t) && (adds_columns || !trainer.tensors().empty())) {
      if (!file) {
        file.emplace(run, config, options.steps, columns);
        table = file->path();
        file->append(columns.header());
      }
      file->append(columns.row(row));
      if (!trainer.tensors().empty()) write_tensor_files(prepared.device(), file->tensors(), trainer);
    }
    if (options.steps.contains(t))
      for (std::string& remark : trainer.take_remarks()) remarks.push_back(std::move(remark));
    progress.step();
    if (!updates) break;
  }
  progress.finish();
  for (const std::string& remark : remarks) out.line(remark);
  if (!file && !adds_columns)
    throw UsageError("--set: expected a setting that adds a column or a file at one of these steps");
  if (!file)
    throw UsageError(
        fmt::format("--steps: no step from {} to {} has a row; choose others, or a smaller "
                    "measure.row_every",
                    options.steps.first, options.steps.last));
  file->close();
  return file->path();
}

}  // namespace

std::string measure_run(const MeasureOptions& options, Console& out) {
  std::string table;
  const auto left = [&] {
    return table.empty() ? std::string("nothing was written; the same command begins again")
                         : fmt::format("{} has the rows up to here; the same command goes on", table);
  };
  return interruptible(left, [&] { return measure(options, out, table); });
}

}  // namespace brink
