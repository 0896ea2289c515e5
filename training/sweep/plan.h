// SPDX-License-Identifier: MIT
// The runs of a sweep in order, each with its checked config and the hash that names its folder. A searched run depends on how
// the ones before it ended, so a list is made with the outcomes that are known.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "training/run/config.h"
#include "training/sweep/fork_points.h"
#include "training/sweep/grid.h"
#include "training/sweep/search.h"
#include "training/sweep/state.h"

namespace brink::sweep {

struct PlannedRun {
  std::vector<PlacedSetting> settings;  ///< in the order of Plan::keys
  Config config;
  std::string hash;
};

/// "i/n": one of n processes that share a sweep.
struct Shard {
  std::int64_t index = 1, count = 1;
  bool has(std::size_t task) const { return static_cast<std::int64_t>(task) % count == index - 1; }
};

class Plan {
 public:
  /// Reads the file and checks all configs, those of a search too. `sets` hold for every run. Throws UsageError, and DataError for
  /// the parent of a fork.
  Plan(const std::string& file, const std::vector<std::string>& sets);

  /// The keys that vary, of the origin of a fork too, in the order of the table in summary.csv.
  const std::vector<std::string>& keys() const { return grid_.keys; }
  /// Single runs, or searches, each of which is a sequence of runs.
  std::size_t tasks() const { return firsts_.size(); }
  bool searches() const { return grid_.searched.has_value(); }
  /// The first run of a task.
  const PlannedRun& first(std::size_t task) const { return firsts_[task]; }
  /// The run after those that ended so; nothing when the task is over.
  std::optional<PlannedRun> next(std::size_t task, std::span<const State> ended) const;
  /// What a search found out.
  Bracket found(std::size_t task, std::span<const State> ended) const;
  /// Lines for the user: runs that were left out because another one has the same settings.
  const std::vector<std::string>& notes() const { return notes_; }
  /// The resolved list, for sweep.json.
  std::string json() const;

 private:
  PlannedRun run_of(std::vector<PlacedSetting> settings) const;
  Config config_of(const std::vector<PlacedSetting>& settings) const;
  void resolve_factors(std::vector<PlacedSetting>& settings) const;
  void multiply_by_forks();
  PlannedRun with_value(std::size_t task, double value) const;
  std::vector<Tried> tried(std::size_t task, std::span<const State> ended) const;
  void check_search(std::size_t task);

  std::string file_;
  std::vector<std::string> sets_;
  Grid grid_;
  std::optional<ForkPoints> forks_;
  std::vector<PlannedRun> firsts_;
  std::vector<std::string> notes_;
};

/// The settings in short: "learning_rate=0.05, seed=1".
std::string text_of(const PlannedRun&);

struct Listed {
  std::size_t task = 0;
  PlannedRun run;
  State state = State::absent;
};
/// All runs that are known, in order: of a search, those up to the first that is not over. `state`: of the run with a hash.
std::vector<Listed> list_runs(const Plan&, const std::function<State(const std::string&)>& state);

}  // namespace brink::sweep
