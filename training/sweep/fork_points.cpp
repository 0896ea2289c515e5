// SPDX-License-Identifier: MIT
#include "training/sweep/fork_points.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "training/errors.h"
#include "training/io/text.h"
#include "training/replay/replay.h"
#include "training/run/folder.h"
#include "training/run/row_difference.h"

namespace brink::sweep {

namespace {

namespace fs = std::filesystem;

constexpr const char* parent_key = "fork.parent";
constexpr const char* step_key = "fork.at_step";

/// Runs an action, and adds the place in the sweep's file to its errors.
template <class Action>
auto placed(const std::string& place, Action&& action) {
  try {
    return action();
  } catch (const DataError& e) { throw DataError(place + ": " + e.what()); } catch (const UsageError& e) {
    throw UsageError(place + ": " + e.what());
  }
}

/// The digest in the row of a step, which a fork's hash contains. Throws UsageError where there is no such row.
std::string digest_at(const RecordedRun& run, std::int64_t step) {
  const std::size_t row = run.row_before(step);
  if (row >= run.rows.size() || run.steps[row] != step)
    throw UsageError(
        fmt::format("{} {}: {} has no row of this step, because of measure.row_every; choose a step that "
                    "has one, such as {}",
                    step_key, step, run.folder, row > 0 ? run.steps[row - 1] : run.steps.at(row)));
  const auto names = cells_of(run.header), cells = cells_of(run.rows[row]);
  const auto at = static_cast<std::size_t>(std::ranges::find(names, "digest") - names.begin());
  if (at >= names.size() || at >= cells.size())
    throw DataError(
        fmt::format("{}/metrics.csv: expected a digest in the row of step {}, found none; `brink verify {}` "
                    "says whether the run is whole",
                    run.folder, step, run.folder));
  return std::string(cells[at]);
}

}  // namespace

ForkPoints::ForkPoints(const std::string& path, const ForkTable& table) : several_(table.parents.size() > 1) {
  for (const PlacedSetting& parent : table.parents) {
    read(path, parent);
    append_points(parents_.back(), table);
  }
}

void ForkPoints::read(const std::string& path, const PlacedSetting& parent) {
  Parent out{cell_of(parent), std::make_unique<RecordedRun>(), {}};
  const std::string folder = (fs::absolute(path).parent_path() / out.text).lexically_normal().string();
  placed(parent.value_place + ": " + parent_key, [&] {
    std::error_code ignored;
    if (!fs::exists(folder + "/metrics.csv", ignored))
      throw DataError(folder + " is not the folder of a run; a relative path begins at the folder of " + path);
    if (RunFolder::is_in_use(folder))
      throw DataError(folder + " is in use by another process; wait until the run has ended, or stop it");
    read_recorded_run(*out.run, folder);
  });
  out.hash = config_hash(out.run->config);
  // Threads and memory are shared out between the jobs, unless the sweep's file sets them.
  out.run->config.run.threads = 0;
  out.run->config.run.memory_bytes = 0;
  parents_.push_back(std::move(out));
}

void ForkPoints::append_points(const Parent& parent, const ForkTable& table) {
  const auto append = [&](const PlacedSetting& at, std::int64_t step) {
    placed(at.value_place, [&] {
      require_recorded(*parent.run, step, step_key);
      (void)digest_at(*parent.run, step);
    });
    std::vector<PlacedSetting> point;
    if (several_) point.push_back(table.parents.at(parents_.size() - 1));
    point.push_back({step_key, number_text(step), at.key_place, at.value_place});
    points_.push_back(std::move(point));
  };
  for (const PlacedSetting& at : table.steps) append(at, *parse_number<std::int64_t>(at.value));
  if (const auto& before = table.before)
    append(before->at, placed(before->at.value_place + ": before_resolution",
                              [&] { return step_before_resolution(*parent.run, before->steps, before->instability); }));
}

std::vector<std::string> ForkPoints::keys() const {
  return several_ ? std::vector<std::string>{parent_key, step_key} : std::vector<std::string>{step_key};
}

bool ForkPoints::is_origin(const PlacedSetting& s) { return s.path == parent_key || s.path == step_key; }

Config ForkPoints::config_of(const std::string& file, const std::vector<std::string>& sets,
                             std::span<const PlacedSetting> settings) const {
  const auto given = std::ranges::find(settings, parent_key, &PlacedSetting::path);
  const Parent& parent =
      given == settings.end() ? parents_.front() : *std::ranges::find(parents_, cell_of(*given), &Parent::text);
  const auto at = std::ranges::find(settings, step_key, &PlacedSetting::path);
  ForkOptions options;
  options.parent = parent.run->folder;
  options.at = *parse_number<std::int64_t>(at->value);
  options.sets = sets;
  options.file = file;
  options.other_table = table_name;
  std::ranges::copy_if(settings, std::back_inserter(options.placed), [](const auto& s) { return !is_origin(s); });
  Config out = fork_config(*parent.run, options);
  out.fork = {parent.run->folder, parent.hash, digest_at(*parent.run, options.at), options.at};
  return out;
}

}  // namespace brink::sweep
