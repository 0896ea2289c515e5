// SPDX-License-Identifier: MIT
#include "training/replay/fork.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <string_view>

#include "training/digest.h"
#include "training/errors.h"
#include "training/events.h"
#include "training/io/readable.h"
#include "training/replay/adopted_state.h"
#include "training/replay/interruption.h"
#include "training/replay/replay.h"
#include "training/run/config/toml_file.h"
#include "training/run/folder.h"
#include "training/run/train.h"

namespace brink {

namespace {

/// What a fork cannot change, and why. A path that ends with a point is a table.
struct Fixed {
  std::string_view path, reason;
};
constexpr Fixed fixed_keys[] = {
    {"data.", "a fork has its parent's data, because its state belongs to them"},
    {"model.", "a fork has its parent's network, because its parameters belong to it"},
    {"run.precision", "a fork has its parent's precision, because its parameters are stored in it"},
    {"fork.", "brink fork writes this table itself"},
};

std::string_view path_of(std::string_view set) {
  set = set.substr(0, set.find('='));
  return set.substr(0, set.find_last_not_of(" \t") + 1);
}

/// A setting of the fork, and how a message names it.
struct Given {
  std::string path, named;
};

/// The keys of a file down to the second level, which is as deep as `fixed_keys` and [[training.change]] are.
void append_keys_of(std::vector<Given>& out, const std::string& path, const std::string& other_table) {
  for (const auto& [name, node] : config::read_toml_file(path)) {
    const toml::table* table = node.as_table();
    if (!table || name.str() == other_table) continue;
    for (const auto& [key, value] : *table) {
      std::string full = std::string(name.str()) + "." + std::string(key.str());
      std::string named = config::place_text(path, key.source()) + ": " + full;
      out.push_back({std::move(full), std::move(named)});
    }
  }
}

std::vector<Given> given_by(const ForkOptions& options) {
  std::vector<Given> out;
  if (!options.file.empty()) append_keys_of(out, options.file, options.other_table);
  for (const PlacedSetting& placed : options.placed)
    out.push_back({placed.path, placed.key_place + ": " + placed.path});
  for (const std::string& set : options.sets) out.push_back({std::string(path_of(set)), "--set " + set});
  for (const auto& [name, value] : options.flags) out.push_back({"run." + name, "--" + name + " " + value});
  return out;
}

void require_changeable(const Given& given) {
  if (given.path == "data.directory") return;
  for (const Fixed& fixed : fixed_keys)
    if (fixed.path.ends_with('.') ? given.path.starts_with(fixed.path) : given.path == fixed.path)
      throw UsageError(
          fmt::format("{}: {}; a fork may change [training], [measure], [events] and [run], and data.directory",
                      given.named, fixed.reason));
}

/// A change of the parent would replace what is set, or has replaced it already.
void require_changes_too(const RecordedRun& parent, const std::vector<Given>& given) {
  const auto has = [&](auto&& is) {
    return std::ranges::any_of(given, [&](const Given& g) { return is(std::string_view(g.path)); });
  };
  if (parent.config.training.changes.empty() || has([](std::string_view p) { return p == "training.change"; })) return;
  if (has([](std::string_view p) { return p.starts_with("training.") && p != "training.steps"; }))
    throw UsageError(
        fmt::format("{} has changes during the run, which replace other settings of [training]; give --set "
                    "training.change=[…] too: "
                    "[] for none, or those that the fork is to have",
                    parent.folder));
}

/// A change before the fork begins would apply late. Those of the parent have applied in its state already.
void require_changes_from(const RecordedRun& parent, const Config& own, std::int64_t at) {
  for (const auto& change : own.training.changes) {
    if (!change->at_step || *change->at_step >= at) continue;
    const bool inherited = std::ranges::any_of(parent.config.training.changes, [&](const auto& theirs) {
      return theirs->at_step == change->at_step && theirs->set == change->set;
    });
    if (!inherited)
      throw UsageError(
          fmt::format("training.change: the change at step {} is too early, because the fork begins at step {}: "
                      "expected a step from {} on, or the parent's own change of that step; fork at an earlier step, "
                      "or set what applies from the beginning with --set training.KEY=VALUE",
                      *change->at_step, at, at));
  }
}

/// The state of the parent at a step, in the host's memory, and the digest of θ.
struct State {
  SavedState trainer;
  std::string digest;
};

/// Whether the run was left before this step, with a checkpoint.
bool is_kept(const RecordedRun& run, std::int64_t step) {
  const CheckpointFile* const file = run.checkpoint_before(step);
  return !run.is_over() && file && file->step == step && step == run.last_step() + 1;
}

State state_of(const RecordedRun& parent, std::int64_t at, Console& out) {
  const CheckpointFile* const from = parent.checkpoint_before(at);
  for (const std::string& text : parent.passed_over) out.note("passed over " + text);
  const std::int64_t first = from ? from->step : parent.first_step();
  out.line(fmt::format("forking {} at step {}: {} computed again, from {}", parent.folder, at,
                       counted(at - first, "step"),
                       from ? "the checkpoint of step " + std::to_string(first) : "the start"));
  PreparedTrainer prepared(config_from(parent.config, from));
  prepared.require_inputs_of(parent.folder);
  RowCheck check(parent, prepared.trainer().row());
  begin_from(prepared, parent, from);
  ReplayProgress progress(out, "computing again", at - first);
  go_to(prepared, check, at, progress);
  Trainer& trainer = prepared.trainer();
  return {save_state(prepared.device(), trainer), digest_of(trainer.layout(), trainer.theta_on_host().view())};
}

void require_free(const std::string& folder) {
  std::error_code ignored;
  if (std::filesystem::exists(folder, ignored) && !std::filesystem::is_empty(folder, ignored))
    throw InUseError(folder + " exists already; choose another --out");
}

/// Whether the run in the folder is over, or has a checkpoint of these settings.
bool needs_no_parent(const std::string& folder, const Config& own) {
  const RunFolder::Opened there = RunFolder::look(folder);
  if (there != RunFolder::Opened::unfinished) return there != RunFolder::Opened::fresh;
  const std::string hash = config_hash(own);
  return std::ranges::any_of(list_checkpoints(folder).good,
                             [&](const CheckpointFile& file) { return file.config_hash == hash; });
}

/// What changes no number may be changed for the steps that are computed again, too.
void compute_as(RecordedRun& parent, const Config& own) {
  const Arithmetic arithmetic = parent.config.run.arithmetic;
  parent.config.data.directory = own.data.directory;
  parent.config.run = own.run;
  parent.config.run.arithmetic = arithmetic;
}

ExitCode train_from(SavedState state, const Config& parent, const Config& own, TrainOptions options, Console& out) {
  options.begin = [&](Device& device, Trainer& trainer) {
    AdoptedState adopted = adopt_state(save_state(device, trainer), own, std::move(state), parent);
    for (const std::string& text : adopted.fresh) out.line(fmt::format("at step {}: {}", own.fork->at_step, text));
    restore_state(device, trainer, adopted.state);
  };
  return train(own, options, out);
}

}  // namespace

std::int64_t step_before_resolution(const RecordedRun& parent, std::int64_t steps, std::int64_t number) {
  const std::vector<Instability> all = parse_events(parent.events, parent.folder + "/events.csv");
  if (number > std::ssize(all))
    throw UsageError(fmt::format(
        "instability {}: {} has {}; {}", number, parent.folder,
        counted(std::ssize(all), "instability", "instabilities"),
        all.empty() ? "give the step of the fork itself" : "give a smaller number, or the step of the fork itself"));
  const Instability& i = all[static_cast<std::size_t>(number - 1)];
  if (i.open)
    throw UsageError(
        fmt::format("instability {}: it was still open when {} ended, so it has no resolution; choose "
                    "another, or give the step of the fork itself",
                    number, parent.folder));
  if (const std::int64_t most = i.resolution - parent.first_step(); steps > most)
    throw UsageError(
        fmt::format("{} before a resolution: the instability resolves at step {}, and {} begins at step "
                    "{}: expected at most {}",
                    counted(steps, "step"), i.resolution, parent.folder, parent.first_step(), most));
  return i.resolution - steps;
}

Config fork_config(const RecordedRun& parent, const ForkOptions& options) {
  const std::vector<Given> given = given_by(options);
  for (const Given& g : given) require_changeable(g);
  require_changes_too(parent, given);
  ConfigSources sources{options.file, options.sets, options.flags};
  sources.base = &parent.config;
  sources.parent_events = parent.events;
  sources.other_table = options.other_table;
  sources.placed = options.placed;
  Config out = load_config(sources);
  require_changes_from(parent, out, options.at);
  out.fork.reset();
  out.start_file.clear();  // the state is in the fork's first checkpoint
  if (out.training.steps < options.at)
    throw UsageError(fmt::format("training.steps = {}: expected at least {}, the step at which the fork begins",
                                 out.training.steps, options.at));
  return out;
}

namespace {

Forked run_fork(const ForkOptions& given, Console& out) {
  RecordedRun parent;
  read_recorded_run(parent, given.parent);
  ForkOptions options = given;
  if (options.instability > 0)
    options.at = step_before_resolution(parent, options.before_resolution, options.instability);
  if (!is_kept(parent, options.at)) require_recorded(parent, options.at, "--at");
  Config own = fork_config(parent, options);
  const std::string parent_hash = config_hash(parent.config);
  {
    Config plain = parent.config;
    plain.fork.reset();
    plain.start_file.clear();
    std::string changed;
    for (const std::string& setting : differing_settings(own, plain))
      changed += (changed.empty() ? "" : ", ") + setting;
    out.line(changed.empty() ? "no setting that decides numbers is changed" : "changed: " + changed);
  }
  compute_as(parent, own);
  own.fork = {std::filesystem::absolute(parent.folder).string(), parent_hash, std::string(32, '0'), options.at};
  if (!options.folder.empty()) require_free(options.folder);
  State state = state_of(parent, options.at, out);
  own.fork->digest = state.digest;
  const std::string folder = options.folder.empty() ? default_folder(own) : options.folder;
  require_free(folder);
  return {train_from(std::move(state.trainer), parent.config, own, {folder}, out), folder};
}

ExitCode run_own_fork(const Config& own, const TrainOptions& options, Console& out) {
  std::error_code ignored;
  const Config::Fork& from = own.fork.value();
  const bool resumes = options.resume && needs_no_parent(options.folder, own);
  if (resumes || !std::filesystem::exists(from.parent, ignored)) return train(own, options, out);
  if (options.resume && RunFolder::look(options.folder) == RunFolder::Opened::unfinished)
    RunFolder::require_same_config(options.folder, own);
  if (!options.resume) require_free(options.folder);
  RecordedRun parent;
  read_recorded_run(parent, from.parent);
  if (config_hash(parent.config) != from.parent_hash)
    throw DataError(
        fmt::format("[fork]: {} is not the parent, because its settings have the hash {} and those of the "
                    "parent {}; fork it with `brink fork {} --at {}`",
                    from.parent, config_hash(parent.config), from.parent_hash, from.parent, from.at_step));
  if (!is_kept(parent, from.at_step)) require_recorded(parent, from.at_step, "fork.at_step");
  compute_as(parent, own);
  State state = state_of(parent, from.at_step, out);
  if (state.digest != from.digest)
    throw DataError(
        fmt::format("[fork]: at step {} of {} expected parameters with the digest {}, found {}; fork it "
                    "with `brink fork {} --at {}`",
                    from.at_step, from.parent, from.digest, state.digest, from.parent, from.at_step));
  return train_from(std::move(state.trainer), parent.config, own, options, out);
}

std::string nothing_begun() { return "the fork has not begun, and nothing was written; the same command begins again"; }

}  // namespace

Forked fork_run(const ForkOptions& options, Console& out) {
  return interruptible(nothing_begun, [&] { return run_fork(options, out); });
}

ExitCode train_fork(const Config& own, const TrainOptions& options, Console& out) {
  return interruptible(nothing_begun, [&] { return run_own_fork(own, options, out); });
}

}  // namespace brink
