// SPDX-License-Identifier: MIT
#include "training/run/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <utility>

#include "kernels/tracer.h"
#include "training/errors.h"
#include "training/io/readable.h"
#include "training/io/safetensors.h"
#include "training/run/inputs.h"
#include "training/run/messages.h"
#include "training/run/plan_in_words.h"
#include "training/run/stop_signals.h"
#include "training/run/tensor_files.h"

namespace brink {

namespace {

const TraceName step_name{"step", "phase", {}, 0, "step"}, records_name{"records", "phase"},
    plan_name{"memory plan", "phase"}, checkpoint_name_{"checkpoint", "phase"};

/// λ₁ is compared with the rule's threshold, which the rule alone knows; where the rule preconditions, the effective sharpness is.
std::vector<Column> described_columns(const Trainer& trainer, const Config& config) {
  std::vector<Column> out = metrics_columns(trainer.row());
  const bool varies = std::ranges::find(out, "threshold", &Column::name) != out.end();
  // Without a name where rules with different thresholds follow each other.
  const RuleKind& rule = *config.training.rule.kind;
  const bool one_name = std::ranges::all_of(
      config.training.changes, [&](const auto& c) { return c->after.rule.kind->threshold == rule.threshold; });
  const bool one_sharpness = std::ranges::all_of(
      config.training.changes, [&](const auto& c) { return c->after.rule.kind->preconditions == rule.preconditions; });
  if (const auto lambda = std::ranges::find(out, "lambda_1", &Column::name);
      lambda != out.end() && !rule.preconditions && one_sharpness) {
    if (varies)
      lambda->chart.reference = std::string("threshold");
    else
      lambda->chart.reference = trainer.rule().threshold(config.training.learning_rate);
    if (one_name) lambda->chart.reference_name = rule.threshold;
  }
  if (const auto effective = std::ranges::find(out, "lambda_eff", &Column::name); effective != out.end() && one_name)
    effective->chart.reference_name = rule.threshold;
  return out;
}

/// The settings of which the problem is made. The checkpoint from which a run goes on makes a model.start_file that is gone superfluous.
Config problem_config(const Config& config, const TrainOptions& options) {
  Config out = config;
  std::error_code ignored;
  if (!options.resume || out.start_file.empty() || std::filesystem::exists(out.start_file, ignored)) return out;
  const std::string hash = config_hash(config);
  const std::vector<CheckpointFile> good = list_checkpoints(options.folder).good;
  if (std::ranges::any_of(good, [&](const auto& file) { return file.config_hash == hash; })) out.start_file.clear();
  return out;
}

/// The bytes of the tensors of a state.
class Sizes final : public StateVisitor {
 public:
  bool reads() const override { return false; }
  std::int64_t bytes = 0;

 private:
  void on_tensor(const std::string&, View v) override { bytes += v.bytes(); }
  void on_value(const std::string&, Value) override {}
};

}  // namespace

Run::Run(const Config& config, const TrainOptions& options, Console& out)
    : config_(config),
      options_(options),
      out_(out),
      environment_(environment_options(config.run)),
      device_(environment_.device()),
      watch_(options, device_),
      wish_(trainer_options(config)) {
  wish_.abandons = &StopSignals::leaves_step;
  expect_memory(device_, config, wish_);
  const Config problem = problem_config(config, options);
  lacks_start_ = problem.start_file != config.start_file;
  problem_ = std::make_unique<Problem>(make_problem(
      device_, problem, has_data(config) ? environment_.data(config.data.set, data_request(config)) : nullptr));
  fitted_ = fit_in_memory(device_, *problem_, wish_, memory_limit(config, device_));

  System& system = options.system ? *options.system : posix_system();
  folder_ = std::make_unique<RunFolder>(RunFolder::open(options.folder, options.resume, system));
  if (folder_->opened() != RunFolder::Opened::fresh) RunFolder::require_same_config(folder_->path(), config);
  watch_.run_folder_is_there();
  say_what_runs();
  describe();
  folder_->folder().write_file("config.toml", to_toml(config_));
  std::vector<std::int64_t> kept = config.run.keep_checkpoints;
  if (config.fork) kept.push_back(config.fork->at_step);  // nothing else leads to this state
  store_ = std::make_unique<CheckpointStore>(folder_->folder(), config_hash(config), std::move(kept));
  recorder_ = std::make_unique<Recorder>(*folder_, config, fitted_.trainer->row(),
                                         std::min(config.training.steps, options.stop_before - 1), out);
  Sizes sizes;
  fitted_.trainer->visit(sizes);
  times_ = std::make_unique<CheckpointTimes>(config.run.checkpoint_every, sizes.bytes);
  resume();
}

void Run::visit(StateVisitor& v) {
  v.text("started", record_.started);
  v.list("resumed_at", record_.resumed_at);
  const StateVisitor::Part inside(v, "records");
  recorder_->visit(v);
}

void Run::say_what_runs() {
  for (const std::string& note : folder_->notes()) out_.note(note);
  for (const std::string& note : fitted_.notes) out_.note(note);
  if (device_.vendor)
    out_.note(fmt::format("matrix products by {} (TF32 off): bits of this library and this GPU, not portable",
                          environment_.vendor_name()));
  if (has_evaluation_hessian(config_))
    out_.note(
        "norm_mode = \"evaluation\": eigenvalues are those of the loss in evaluation mode, not of the loss that is "
        "descended");
}

void Run::describe() {
  const MemoryPlan plan = [&] {
    const Traced span(device_, plan_name);
    return fitted_.trainer->plan();
  }();
  out_.line(text_of(plan, fitted_, config_, problem_->objective.layout.count()));
  if (const auto note = minibatch_note(config_)) out_.line(*note);
  if (const auto note = effective_note(config_)) out_.line(*note);
  if (const auto warning = tolerance_warning(config_)) out_.note(*warning);
  if (const auto note = kept_checkpoints_note(config_)) out_.note(*note);
  describe_inputs(record_, config_, *problem_);
  if (lacks_start_) record_.start_digest = recorded_start_digest(folder_->folder());
  if (folder_->opened() != RunFolder::Opened::fresh) require_same_inputs(folder_->folder(), record_);
  record_.parameters = problem_->objective.layout.count();
  record_.threads = environment_.threads();
  record_.chunk_samples = fitted_.chunk;
  record_.blocks = plan.blocks;
  if (plan.product_seconds) record_.kept_blocks = plan.kept_blocks;
  record_.device = environment_.device_name();
  record_.vendor = environment_.vendor_name();
  record_.columns = described_columns(*fitted_.trainer, config_);
  record_.started = utc_now();
}

void Run::resume() {
  bool resumed = false;
  if (folder_->opened() == RunFolder::Opened::unfinished) {
    store_->remove_stale_temporaries();
    CheckpointList list = list_checkpoints(folder_->path(), folder_->folder().system());
    for (const std::string& bad : list.bad) out_.note("passed over " + bad);
    require_own(list.good);
    std::ranges::reverse(list.good);
    for (const CheckpointFile& file : list.good)
      if ((resumed = resume_from(file))) break;
    if (!resumed && config_.fork && !options_.begin)
      throw DataError(
          fmt::format("{} holds no valid checkpoint, and a fork cannot begin without its first one, of step {}; fork "
                      "{} again, with "
                      "--at {} and another --out",
                      folder_->path(), config_.fork->at_step, config_.fork->parent, config_.fork->at_step));
    if (!resumed && lacks_start_ && !options_.begin)
      throw DataError(
          fmt::format("{}: expected the file that model.start_file names, found none, and {} holds no checkpoint "
                      "from which the run could go on: restore the file",
                      config_.start_file, folder_->path()));
    if (!resumed)
      out_.note(fmt::format("{} holds no valid checkpoint; starting at step {}", folder_->path(),
                            config_.fork ? config_.fork->at_step : 0));
  }
  if (!resumed) recorder_->begin();
  say_running();
  if (resumed || !options_.begin) return;
  options_.begin(device_, *fitted_.trainer);
  write_checkpoint(fitted_.trainer->steps_done());
}

/// What an earlier process has said stays until its rows have been compared.
void Run::say_running() {
  if (says_running_ || recorder_->compares()) return;
  folder_->folder().write_file("run.json", run_json(config_, record_));
  says_running_ = true;
}

bool Run::resume_from(const CheckpointFile& file) {
  const auto pass_over = [&](const std::string& why) {
    out_.note("passed over " + file.path + ": " + why);
    return false;
  };
  const Checkpoint from = read_checkpoint(file.path, folder_->folder().system());
  if (from.config_hash != config_hash(config_)) return pass_over("it belongs to a run with other settings");
  if (from.step > config_.training.steps) return pass_over("it is from beyond the last step");
  restore(device_, *this, from.run, file.path);
  if (!recorder_->continues())
    return pass_over("metrics.csv or events.csv lacks rows that were recorded before it, or has others");
  restore(device_, *fitted_.trainer, from.trainer, file.path);
  recorder_->resumed(config_, *fitted_.trainer);
  record_.resumed_at.push_back(from.step);
  checkpoint_step_ = from.step;
  out_.note(fmt::format("going on from step {}, {}", from.step, file.path));
  return true;
}

/// Where run.json does not say under which settings the run began, its checkpoints do.
void Run::require_own(const std::vector<CheckpointFile>& found) const {
  const std::string hash = config_hash(config_);
  const auto is_own = [&](const CheckpointFile& file) { return file.config_hash == hash; };
  if (found.empty() || std::ranges::any_of(found, is_own) || !read_summary(folder_->path()).config_hash.empty()) return;
  throw UsageError(fmt::format(
      "{}: --resume: expected the settings with which the run began, found others: their hash is {} (that of "
      "{}: {}); restore config.toml, or choose another --out",
      folder_->path(), hash, found.back().path, found.back().config_hash));
}

bool Run::checkpoint_is_due(std::int64_t step) const {
  if (!options_.checkpoints || step == 0 || step == checkpoint_step_) return false;
  return step == config_.training.steps || store_->keeps(step) || times_->due(step);
}

void Run::write_checkpoint(std::int64_t step) {
  const Traced span(device_, checkpoint_name_);
  const auto start = std::chrono::steady_clock::now();
  folder_->require_in_place();
  recorder_->sync();
  store_->write(device_, *fitted_.trainer, *this, step);
  checkpoint_step_ = step;
  times_->written(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
}

bool Run::is_stopped(std::int64_t step) const { return StopSignals::requested() || step >= options_.stop_before; }

/// Stores the parameters of the last step whose loss was finite (docs/promises.md, R2).
void Run::keep_last_finite(std::int64_t step) {
  const Trainer& trainer = *fitted_.trainer;
  const Array host = to_host(device_, trainer.theta_at(step));
  write_safetensors(folder_->folder(), "last_finite.safetensors", named_parameters(trainer.layout(), host.view()),
                    {{"step", std::to_string(step)}});
}

bool Run::step(std::int64_t t) {
  Trainer& trainer = *fitted_.trainer;
  const Traced span(device_, step_name, t);
  const Row& row = t < config_.training.steps ? trainer.step() : trainer.observe();
  const Observed& seen = trainer.seen();
  recorder_->changes(config_, trainer);
  record_.steps_done = t;
  if (!trainer.has_row()) return false;
  {
    const Traced records(device_, records_name);
    record_.final_digest = std::get<std::string>(row["digest"]);
    recorder_->row(row, seen);
    say_running();
  }
  write_tensor_files(device_, folder_->folder(), trainer);
  recorder_->disagreements(seen);
  recorder_->remarks(trainer.take_remarks());
  if (trainer.ended()) recorder_->event(*trainer.ended());
  if (trainer.at_rest() && t < config_.training.steps && !trainer.diverged()) {
    out_.line(
        fmt::format("the run ends at step {}: no eigenvalue is above the threshold, so training.project = \"keep\" "
                    "keeps nothing of the gradient",
                    t));
    return true;
  }
  if (!trainer.diverged()) return false;
  record_.diverged_at = t;
  keep_last_finite(std::isfinite(seen.loss) || t == 0 ? t : t - 1);
  return true;
}

std::optional<std::int64_t> Run::steps() {
  const StopSignals signals;
  const std::int64_t first = fitted_.trainer->steps_done();
  if (first > 0) record_.steps_done = first - 1;
  for (std::int64_t t = first; t <= config_.training.steps; ++t) {
    if (fitted_.trainer->completed()) {
      record_.completed_at = t - 1;
      if (options_.checkpoints && t != checkpoint_step_) write_checkpoint(t);
      break;
    }
    const bool stopped = is_stopped(t);
    if (checkpoint_is_due(t) || (stopped && options_.checkpoints && t > 0 && t != checkpoint_step_))
      write_checkpoint(t);
    if (stopped) {
      stopped_by_ = StopSignals::name();
      return t;
    }
    try {
      if (step(t)) break;
    } catch (const StepAbandoned&) {
      --t;  // asked for by a signal, so the next turn stops before the same step
    } catch (const ProjectionError& e) {
      if (options_.checkpoints && t > 0 && t != checkpoint_step_) write_checkpoint(t);
      record_.interrupted_because = cannot_go_on(e, t);
      return t;
    }
  }
  return {};
}

/// A run keeps its settings, so what has to be set is set in another run.
std::string Run::cannot_go_on(const ProjectionError& e, std::int64_t step) const {
  const std::string what = e.what();
  if (step == 0 || step != checkpoint_step_) return what + " and another --out";
  // A fork that sets a key of [training] says what becomes of the changes (training/replay/fork.cpp).
  const bool changes = !config_.training.changes.empty() && e.key.starts_with("training.");
  return fmt::format("{}: `brink fork {} --at {} --set {}=…{}` goes on from the state before this step, which is kept",
                     what, folder_->path(), step, e.key, changes ? " --set training.change=[…]" : "");
}

ExitCode Run::go() {
  const std::optional<std::int64_t> interrupted = steps();
  if (!interrupted)
    if (const auto open = fitted_.trainer->finish_events()) recorder_->event(*open);
  recorder_->close(!interrupted);
  if (!interrupted) record_.files = recorder_->files();
  watch_.finish(environment_.device_name() + ", " + folder_->path(), out_);
  record_.status = interrupted ? "interrupted" : record_.diverged_at ? "diverged" : "finished";
  finish_record();
  folder_->folder().write_file("run.json", run_json(config_, record_));
  out_.line(text_of_instabilities(config_, record_));
  if (const auto bounds = text_of_bounds(record_)) out_.line(*bounds);
  return say_how_it_ended();
}

void Run::finish_record() {
  record_.ended = utc_now();
  const Trainer& trainer = *fitted_.trainer;
  for (std::size_t i = 0; i < trainer.changes().size(); ++i)
    record_.changed_at.push_back(trainer.changes().applied_at(i));
  record_.early_stopping = early_stopping(folder_->folder().path_of("metrics.csv"));
  const Tally& tally = trainer.tally();
  if (config_.measure.top > 0) {
    record_.instabilities = tally.instabilities;
    record_.long_instabilities = tally.long_instabilities;
    record_.crossings = trainer.crossings();
    record_.lambda_1_steps = tally.lambda_1_steps;
    record_.lambda_1_certified_steps = tally.lambda_1_certified_steps;
  }
  if (measures_spectrum(config_)) {
    record_.measured_steps = tally.measured_steps;
    record_.converged_steps = tally.converged_steps;
    record_.products = tally.products;
    record_.random_starts = tally.random_starts;
  }
}

ExitCode Run::say_how_it_ended() {
  if (!record_.interrupted_because.empty()) {
    out_.note(record_.interrupted_because);
    return ExitCode::usage;
  }
  if (record_.status == "interrupted") {
    out_.note(fmt::format("interrupted{} before step {} of {}; --resume continues the run",
                          stopped_by_.empty() ? "" : " by " + stopped_by_, fitted_.trainer->steps_done(),
                          config_.training.steps));
    return ExitCode::interrupted;
  }
  for (std::size_t i = 0; i < record_.changed_at.size(); ++i)
    if (!record_.changed_at[i]) out_.line("did not apply: " + in_words(*config_.training.changes[i]));
  if (record_.completed_at)
    out_.line(fmt::format("complete at step {}: the training accuracy was at least {} at {} in a row",
                          *record_.completed_at, readable(*config_.training.complete_accuracy),
                          counted(config_.training.complete_evaluations, "evaluation")));
  if (!record_.diverged_at) return ExitCode::done;
  const Observed& last = fitted_.trainer->seen();
  const bool of_minibatch = std::isfinite(last.loss) && last.loss <= fitted_.trainer->changes().divergence_loss();
  const double loss = of_minibatch ? *last.batch_loss : last.loss;
  out_.note(fmt::format("diverged at step {}: the loss{} {}", *record_.diverged_at,
                        of_minibatch ? " of the minibatch" : "",
                        std::isfinite(loss) ? fmt::format("is {}, above training.divergence_loss = {}", readable(loss),
                                                          readable(fitted_.trainer->changes().divergence_loss()))
                                            : std::string("is not finite")));
  return ExitCode::diverged;
}

}  // namespace brink
