// SPDX-License-Identifier: MIT
#include "training/replay/recorded_run.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "training/errors.h"
#include "training/io/json.h"
#include "training/io/text.h"
#include "training/run/folder.h"
#include "training/run/summary.h"

namespace brink {

namespace {

std::string text_of(const std::string& path) {
  constexpr std::size_t largest_bytes = std::size_t{64} << 30;
  const std::vector<std::byte> bytes = read_file(path, largest_bytes);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A process that is killed, or a loss of power, may leave part of a line, or zeros.
void drop_incomplete_line(std::string& text) {
  const std::size_t end = text.rfind('\n');
  text.resize(end == std::string::npos ? 0 : end + 1);
}

Config config_of(const std::string& folder, const std::vector<std::string>& sets,
                 const std::vector<std::pair<std::string, std::string>>& flags) {
  const std::string path = folder + "/config.toml";
  (void)text_of(path);  // throws what is said of a file of the run, not of a config that was given
  Config recorded;
  try {
    recorded = load_config({path, {}, {}});
  } catch (const UsageError& e) { throw DataError(e.what()); }
  if (sets.empty() && flags.empty()) return recorded;
  Config out = load_config({path, sets, flags});
  if (config_hash(out) != config_hash(recorded))
    throw UsageError(
        "--set: a run is recomputed under its own settings; only data.directory and run.* that change no number may "
        "differ");
  return out;
}

void require_folder(const std::string& folder) {
  std::error_code ignored;
  const bool there = std::filesystem::exists(folder, ignored);
  if (!there || !std::filesystem::is_directory(folder, ignored))
    throw DataError(folder + ": expected the folder of a run, found " + (there ? "a file" : "nothing") +
                    "; check the path");
  if (!std::filesystem::exists(folder + "/config.toml", ignored))
    throw DataError(folder + ": expected the folder of a run, found one without config.toml");
}

void read_record(RecordedRun& out) {
  const std::string path = out.folder + "/run.json";
  try {
    const nlohmann::json said = parse_json(path, text_of(path));
    if (!said.is_object() || !said.contains("status") || !said["status"].is_string())
      throw DataError(path + ": expected the record of a run, found no status");
    out.status = said.at("status").get<std::string>();
    out.hessian_of = said.value("hessian_of", "");
    if (const auto at = said.find("diverged_at"); at != said.end() && at->is_number_integer())
      out.diverged_at = at->get<std::int64_t>();
  } catch (const DataError& e) {
    throw DataError(std::string(e.what()) + "; `brink train --resume --out " + out.folder + "` writes it again");
  } catch (const nlohmann::json::exception&) {
    throw DataError(path + ": expected the record of a run, found another type of \"hessian_of\"");
  }
}

void read_metrics(RecordedRun& out) {
  const std::string path = out.folder + "/metrics.csv";
  out.metrics = text_of(path);
  if (!out.is_over()) drop_incomplete_line(out.metrics);
  std::string_view text = out.metrics;
  const auto line = [&] {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view out_line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return out_line;
  };
  if (text.empty()) throw DataError(path + ": expected a header, found nothing");
  out.header = line();
  std::vector<std::optional<std::int64_t>> written;
  while (!text.empty()) {
    out.rows.push_back(line());
    written.push_back(parse_number<std::int64_t>(out.rows.back().substr(0, out.rows.back().find(','))));
  }
  // Rows ascend, so a damaged number does not hide where the others are.
  for (std::size_t i = 0; i < written.size(); ++i) {
    const std::int64_t next = out.last_step() + 1;
    const bool fits = written[i] && *written[i] >= next &&
                      (i + 1 == written.size() || !written[i + 1] || *written[i] < *written[i + 1]);
    out.steps.push_back(fits ? *written[i] : next);
  }
}

/// The run removes all but its newest checkpoints and those that a user has named while they are read here.
void hold_checkpoints(RecordedRun& run) {
  const std::vector<std::int64_t>& named = run.config.run.keep_checkpoints;
  std::vector<CheckpointFile> there;
  for (CheckpointFile& file : run.checkpoints) {
    if (std::ranges::find(named, file.step) == named.end() && !(run.config.fork && file.step == run.first_step())) try {
        file.held = std::make_shared<HeldCheckpoint>(file.path);
      } catch (const DataError&) {
        run.passed_over.push_back(file.path + ": the run, which goes on, has removed it meanwhile");
        continue;
      }
    there.push_back(std::move(file));
  }
  run.checkpoints = std::move(there);
}

}  // namespace

std::size_t RecordedRun::row_before(std::int64_t step) const {
  return static_cast<std::size_t>(std::ranges::lower_bound(steps, step) - steps.begin());
}

const CheckpointFile* RecordedRun::checkpoint_before(std::int64_t step) const {
  const auto after = std::ranges::upper_bound(checkpoints, step, {}, &CheckpointFile::step);
  return after == checkpoints.begin() ? nullptr : &*std::prev(after);
}

void read_recorded_run(RecordedRun& out, const std::string& folder, const std::vector<std::string>& sets,
                       const std::vector<std::pair<std::string, std::string>>& flags) {
  out.folder = folder;
  while (out.folder.size() > 1 && out.folder.back() == '/') out.folder.pop_back();
  require_folder(out.folder);
  out.config = config_of(out.folder, sets, flags);
  read_record(out);
  if (const std::string other = other_settings(read_summary(out.folder), out.config); !other.empty())
    throw DataError(out.folder + "/config.toml: expected the settings with which the run began, found others: " +
                    other + "; restore the file");
  read_metrics(out);
  out.events = text_of(out.folder + "/events.csv");
  if (!out.is_over()) drop_incomplete_line(out.events);
  if (out.config.measure.track_above) {
    out.spectra = text_of(out.folder + "/spectra.csv");
    if (!out.is_over()) drop_incomplete_line(out.spectra);
  }
  CheckpointList list = list_checkpoints(out.folder);
  out.passed_over = std::move(list.bad);
  const std::string hash = config_hash(out.config);
  for (CheckpointFile& file : list.good) {
    if (file.config_hash == hash)
      out.checkpoints.push_back(std::move(file));
    else
      out.passed_over.push_back(file.path + ": it belongs to a run with other settings");
  }
  if (RunFolder::is_in_use(out.folder)) hold_checkpoints(out);
}

}  // namespace brink
