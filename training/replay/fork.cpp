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

void require_changeable(const std::string& set) {
  const std::string_view path = path_of(set);
  if (path == "data.directory") return;
  for (const Fixed& fixed : fixed_keys)
    if (fixed.path.ends_with('.') ? path.starts_with(fixed.path) : path == fixed.path)
      throw UsageError(
          fmt::format("--set {}: {}; a fork may change [training], [measure], [events] and [run], and data.directory",
                      set, fixed.reason));
}

/// A change of the parent would replace what is set, or has replaced it already.
void require_changes_too(const RecordedRun& parent, const std::vector<std::string>& sets) {
  const auto has = [&](auto&& is) {
    return std::ranges::any_of(sets, [&](const std::string& s) { return is(path_of(s)); });
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

/// So many steps before the resolution of an instability of the parent, as the user has asked.
std::int64_t step_before(const RecordedRun& parent, const ForkOptions& options) {
  const std::vector<Instability> all = parse_events(parent.events);
  const std::int64_t number = options.instability;
  if (number > std::ssize(all))
    throw UsageError(fmt::format("--instability {}: {} has {}; {}", number, parent.folder,
                                 counted(std::ssize(all), "instability", "instabilities"),
                                 all.empty() ? "give --at STEP" : "give a smaller number, or --at STEP"));
  const Instability& i = all[static_cast<std::size_t>(number - 1)];
  if (i.open)
    throw UsageError(
        fmt::format("--instability {}: it was still open when {} ended, so it has no resolution; choose "
                    "another, or give --at STEP",
                    number, parent.folder));
  if (const std::int64_t most = i.resolution - parent.first_step(); options.before_resolution > most)
    throw UsageError(
        fmt::format("--before-resolution {}: the instability resolves at step {}, and {} begins at step "
                    "{}: expected at most {}",
                    options.before_resolution, i.resolution, parent.folder, parent.first_step(), most));
  return i.resolution - options.before_resolution;
}

}  // namespace

Config fork_config(const RecordedRun& parent, const ForkOptions& options) {
  for (const std::string& set : options.sets) require_changeable(set);
  require_changes_too(parent, options.sets);
  for (const auto& [name, value] : options.flags)
    if (name == "precision") require_changeable("run.precision=" + value);
  ConfigSources sources{{}, options.sets, options.flags};
  sources.base = &parent.config;
  sources.parent_events = parent.events;
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
  if (options.instability > 0) options.at = step_before(parent, options);
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
  // What changes no number may be changed for the steps that are computed again, too.
  const Arithmetic arithmetic = parent.config.run.arithmetic;
  parent.config.data.directory = own.data.directory;
  parent.config.run = own.run;
  parent.config.run.arithmetic = arithmetic;
  own.fork = {std::filesystem::absolute(parent.folder).string(), parent_hash, std::string(32, '0'), options.at};
  if (!options.folder.empty()) require_free(options.folder);
  State state = state_of(parent, options.at, out);
  own.fork->digest = state.digest;
  const std::string folder = options.folder.empty() ? default_folder(own) : options.folder;
  require_free(folder);

  TrainOptions train_options{folder};
  train_options.begin = [&](Device& device, Trainer& trainer) {
    AdoptedState adopted = adopt_state(save_state(device, trainer), own, std::move(state.trainer), parent.config);
    for (const std::string& text : adopted.fresh) out.line(fmt::format("at step {}: {}", options.at, text));
    restore_state(device, trainer, adopted.state);
  };
  return {train(own, train_options, out), folder};
}

}  // namespace

Forked fork_run(const ForkOptions& options, Console& out) {
  return interruptible([] { return "the fork has not begun, and nothing was written; the same command begins again"; },
                       [&] { return run_fork(options, out); });
}

}  // namespace brink
