// SPDX-License-Identifier: MIT
#include "training/run/recorder.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "training/errors.h"
#include "training/io/readable.h"
#include "training/io/text.h"
#include "training/run/plan_in_words.h"
#include "training/run/row_difference.h"

namespace brink {

namespace {

/// Where two rows of a file differ first. The first column names the row.
std::string difference(const std::string& path, std::string_view header, const RecordDiffers& d) {
  const std::string_view first_line = header.substr(0, header.find('\n'));
  const CellDifference cell = differences(d.recorded, d.computed).front();
  const std::string where = d.computed == first_line ? fmt::format("header, column {}: recorded {}, computed again {}",
                                                                   cell.column + 1, cell.recorded, cell.computed)
                                                     : in_words(cell, cells_of(first_line), d.computed);
  return fmt::format(
      "{}: {}: the file was changed, or this is not the program or the machine that recorded it; no row was changed; "
      "to "
      "record the rows again, move {} out of the folder first",
      path, where, path);
}

}  // namespace

Recorder::Recorder(const RunFolder& folder, const Config& config, const Row& columns, std::int64_t last_step,
                   Console& out)
    : folder_(folder),
      evaluation_hessian_(has_evaluation_hessian(config)),
      metrics_header_(metrics_header(columns)),
      events_header_(events_header(evaluation_hessian_)),
      metrics_(folder.folder(), "metrics.csv"),
      timing_(folder.folder(), "timing.csv"),
      events_(folder.folder(), "events.csv"),
      start_(std::chrono::steady_clock::now()),
      progress_(out, config, last_step),
      rule_(config.training.rule) {
  if (config.measure.track_above) spectra_.emplace(folder.folder(), "spectra.csv");
  const std::string last = timing_.go_to_end();
  if (timing_.position() == 0) timing_.append(timing_header());
  timed_step_ = parse_number<std::int64_t>(std::string_view(last).substr(0, last.find(','))).value_or(-1);
}

void Recorder::begin() {
  elapsed_before_ms_ = 0;
  metrics_.go_to_start();
  events_.go_to_start();
  append(metrics_, "metrics.csv", metrics_header_, metrics_header_);
  append(events_, "events.csv", events_header_, events_header_);
  if (!spectra_) return;
  spectra_->go_to_start();
  append(*spectra_, "spectra.csv", spectra_header(), spectra_header());
}

/// The files whose rows are compared as they are computed again.
std::vector<std::pair<RecordFile*, const char*>> Recorder::compared() {
  std::vector<std::pair<RecordFile*, const char*>> out{{&metrics_, "metrics.csv"}, {&events_, "events.csv"}};
  if (spectra_) out.emplace_back(&*spectra_, "spectra.csv");
  return out;
}

bool Recorder::continues() {
  return metrics_.go_to(metrics_place_.bytes, metrics_place_.hash) &&
         events_.go_to(events_place_.bytes, events_place_.hash) &&
         (!spectra_ || spectra_->go_to(spectra_place_.bytes, spectra_place_.hash));
}

double Recorder::elapsed_ms() const {
  return elapsed_before_ms_ +
         std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_).count();
}

void Recorder::append(RecordFile& file, const char* name, const std::string& header, const std::string& row) {
  try {
    file.append(row);
  } catch (const RecordDiffers& d) {
    progress_.finish();
    throw Error(ExitCode::check_failed, difference(folder_.folder().path_of(name), header, d));
  }
}

void Recorder::row(const Row& row, const Observed& seen) {
  folder_.require_in_place();
  text_.clear();
  append_row(text_, row);
  append(metrics_, "metrics.csv", metrics_header_, text_);
  if (spectra_ && seen.measured) {
    text_.clear();
    append_spectrum(text_, seen);
    if (!text_.empty()) append(*spectra_, "spectra.csv", spectra_header(), text_);
  }
  if (row.step > timed_step_) {
    text_.clear();
    append_row(text_,
               {row.step, elapsed_ms(), seen.gradient_ms, seen.spectrum_ms, seen.products_ms, seen.evaluation_ms});
    timing_.append(text_);
  }
  progress_.row(row, seen.threshold, seen.effective);
}

void Recorder::event(const Instability& i) {
  append(events_, "events.csv", events_header_, events_row(i, evaluation_hessian_));
  progress_.event(i);
}

void Recorder::disagreements(const Observed& seen) {
  if (!seen.measured && seen.products > 0)
    progress_.note(fmt::format("step {}: product {} with the Hessian is not finite, so no eigenvalue is recorded",
                               seen.step, seen.products));
  const auto asymmetric = [&](const char* of, double asymmetry) {
    progress_.note(
        fmt::format("step {}: the products with the {} are not those of a symmetric operator: |uᵀHv − vᵀHu| "
                    "is {}, more than rounding explains, so no eigenvalue counts as certified",
                    seen.step, of, readable(asymmetry)));
  };
  if (!seen.spectrum.symmetric)
    asymmetric("Hessian", seen.spectrum.asymmetry);
  else if (seen.effective && !seen.effective->symmetric)
    asymmetric("preconditioned Hessian", seen.effective->asymmetry);
  if (seen.spectrum.disagreement) progress_.disagreement(seen.step, *seen.spectrum.disagreement);
  if (seen.effective && seen.effective->disagreement)
    progress_.disagreement(seen.step, *seen.effective->disagreement, true);
}

void Recorder::remarks(const std::vector<std::string>& sentences) {
  for (const std::string& sentence : sentences) progress_.note(sentence);
}

void Recorder::name_threshold(std::int64_t from) {
  progress_.name_threshold(rule_.kind->threshold, rule_.kind->preconditions, from);
}

void Recorder::changes(const Config& config, const Trainer& trainer) {
  const Observed& seen = trainer.seen();
  for (std::size_t i = 0; i < trainer.changes().size(); ++i) {
    if (trainer.changes().applied_at(i) != seen.step) continue;
    const Config::Change& change = *config.training.changes[i];
    if (change.changes_rule) {
      rule_ = change.after.rule;
      name_threshold(seen.step);
    }
    progress_.note(
        fmt::format("step {}: {} ({})", seen.step, in_words(change), threshold_in_words(rule_, seen.threshold)));
  }
}

void Recorder::resumed(const Config& config, const Trainer& trainer) {
  for (std::size_t i = 0; i < trainer.changes().size(); ++i) {
    const std::optional<std::int64_t> at = trainer.changes().applied_at(i);
    if (!at || !config.training.changes[i]->changes_rule) continue;
    rule_ = config.training.changes[i]->after.rule;
    name_threshold(*at);
  }
}

void Recorder::sync() {
  for (const auto& [file, name] : compared()) file->sync();
  timing_.sync();
  // The files' names, once: they are as new as the files.
  if (!synced_) folder_.folder().sync();
  synced_ = true;
}

void Recorder::close(bool whole) {
  progress_.finish();
  for (const auto& [file, name] : compared()) {
    if (file->repaired() > 0)
      progress_.note(fmt::format("{}: {} bytes that a loss of power had left as zeros were written again", name,
                                 file->repaired()));
    if (whole && file->left() > 0)
      throw Error(ExitCode::check_failed,
                  fmt::format("{0}: {1} bytes are recorded beyond the end of the run: the file was changed, or this is "
                              "not the program or the machine that recorded it; no row was changed; to record the rows "
                              "again, move {0} out of the folder first",
                              folder_.folder().path_of(name), file->left()));
  }
  for (const auto& [file, name] : compared()) file->close();
  timing_.close();
}

std::vector<RecordedFile> Recorder::files() {
  std::vector<RecordedFile> out;
  for (const auto& [file, name] : compared()) out.push_back({name, file->position(), file->hash()});
  return out;
}

bool Recorder::compares() {
  return std::ranges::any_of(compared(), [](const auto& file) { return file.first->left() > 0; });
}

void Recorder::visit(StateVisitor& v) {
  if (!v.reads()) {
    metrics_place_ = {metrics_.position(), metrics_.hash()};
    events_place_ = {events_.position(), events_.hash()};
    if (spectra_) spectra_place_ = {spectra_->position(), spectra_->hash()};
  }
  double elapsed = elapsed_ms();
  v.number("elapsed_ms", elapsed);
  if (v.reads()) {
    elapsed_before_ms_ = elapsed;
    start_ = std::chrono::steady_clock::now();
  }
  for (const auto& [name, place] :
       {std::pair("metrics", &metrics_place_), {"events", &events_place_}, {"spectra", &spectra_place_}}) {
    if (place == &spectra_place_ && !spectra_) continue;
    const StateVisitor::Part inside(v, name);
    v.number("bytes", place->bytes);
    v.text("hash", place->hash);
  }
}

}  // namespace brink
