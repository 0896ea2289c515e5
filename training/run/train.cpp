// SPDX-License-Identifier: MIT
#include "training/run/train.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <optional>
#include <utility>

#include "kernels/gpu.h"
#include "training/environment.h"
#include "training/errors.h"
#include "training/events.h"
#include "training/io/readable.h"
#include "training/io/safetensors.h"
#include "training/loop.h"
#include "training/run/fit.h"
#include "training/run/folder.h"
#include "training/run/problem.h"
#include "training/run/progress.h"
#include "training/run/records.h"
#include "training/run/trace.h"

namespace brink {

namespace {

using Clock = std::chrono::steady_clock;
const TraceName step_name{"step", "phase", {}, 0, "step"}, records_name{"records", "phase"},
    plan_name{"memory plan", "phase"};

std::string text_of(const MemoryPlan& p, const Fitted& fitted, const Config& config, std::int64_t parameters) {
  std::string text = "plan: ";
  if (!has_data(config)) {
    text += counted(parameters, "parameter") + ", without data";
  } else if (p.sizes.size() == 1) {
    text += counted(p.blocks, "block") + " of " + counted(p.sizes[0].samples, "sample");
  } else {
    text += counted(p.blocks, "block");
    const char* before = ": ";
    for (const auto& [count, samples] : p.sizes) {
      text += fmt::format("{}{} of {}", std::exchange(before, ", "), count, samples);
      if (samples == p.sizes[0].samples) text += " samples";
    }
  }
  if (p.product_seconds) {
    text += fmt::format("; residuals kept for {}", p.kept_blocks == p.blocks ? "all" : std::to_string(p.kept_blocks));
    if (p.kept_blocks < p.blocks) text += fmt::format(", recomputed for {}", p.blocks - p.kept_blocks);
    text += " (" + readable_bytes(p.residual_bytes) + ")";
  }
  text += fmt::format("; {} in all, {} allowed; about {} s a gradient", readable_bytes(p.allocated_bytes),
                      readable_bytes(fitted.limit_bytes), readable(p.gradient_seconds, 2));
  if (p.product_seconds) text += fmt::format(", {} s a product with the Hessian", readable(*p.product_seconds, 2));
  return text;
}

/// A warning if measure.tolerance is below what the precision allows.
std::optional<std::string> tolerance_warning(const Config& config) {
  const double least = least_relative_residual(config.run.precision);
  if (!measures_spectrum(config) || config.measure.tolerance >= least) return {};
  const bool single = config.run.precision == Dtype::f32;
  return fmt::format(
      "warning: measure.tolerance = {} is below what {} can give, a relative residual of about {}: eigenvalues are "
      "hardly ever certified, and a step takes up to measure.budget = {} products; expected a larger tolerance{}",
      readable(config.measure.tolerance), single ? "float32" : "float64", readable(least, 2), config.measure.budget,
      single ? " or run.precision = \"float64\"" : "");
}

/// λ₁ is compared with the rule's threshold, which the rule alone knows.
std::vector<Column> described_columns(const Trainer& trainer, const Config& config) {
  std::vector<Column> out = metrics_columns(trainer.row());
  if (const auto lambda = std::ranges::find(out, "lambda_1", &Column::name); lambda != out.end()) {
    lambda->chart.reference = trainer.rule().threshold(config.training.learning_rate);
    lambda->chart.reference_name = config.training.rule.kind->threshold;
  }
  return out;
}

/// Stores the parameters of the last step whose loss was finite (docs/promises.md, R2).
void keep_last_finite(Device& device, const RunFolder& folder, const Trainer& trainer, std::int64_t step) {
  const Array host = to_host(device, trainer.theta_at(step));
  const View theta = host.view();
  std::vector<NamedView> tensors;
  for (int i = 0; i < trainer.layout().size(); ++i)
    tensors.push_back({trainer.layout()[i].name, trainer.layout().view(theta, i)});
  write_safetensors(folder.folder(), "last_finite.safetensors", tensors, {{"step", std::to_string(step)}});
}

/// What a run reports at its end about instabilities.
std::string text_of_instabilities(const Config& config, const RunRecord& r) {
  if (config.measure.top == 0) return "instabilities: not measured, because measure.top = 0 leaves out λ₁";
  const std::string lambda = lambda_1_name(config);
  const std::int64_t steps = *r.lambda_1_steps, certified = *r.lambda_1_certified_steps;
  if (steps == 0) return "instabilities: not known, because " + lambda + " could not be measured at any step";
  std::string text = fmt::format("instabilities: {}", *r.instabilities);
  if (*r.instabilities > 0) text += fmt::format(", {} of them long", *r.long_instabilities);
  text +=
      fmt::format("; {} measured {}", lambda,
                  config.measure.every == 1 ? "at every step" : fmt::format("every {} steps", config.measure.every));
  if (certified == steps) return text + ", always certified";
  return text + fmt::format(
                    ", certified at {} of {} measured steps: instabilities may be missing; a larger "
                    "measure.budget or measure.tolerance may certify more",
                    certified, steps);
}

/// The three growing files of a run, and what is shown of them.
class Recorder {
 public:
  Recorder(const RunFolder& folder, const Config& config, const Row& columns, Console& out)
      : evaluation_hessian_(has_evaluation_hessian(config)),
        metrics_(folder.folder(), "metrics.csv"),
        timing_(folder.folder(), "timing.csv"),
        events_(folder.folder(), "events.csv"),
        progress_(out, config) {
    metrics_.append(metrics_header(columns));
    timing_.append(timing_header());
    events_.append(events_header(evaluation_hessian_));
  }
  void row(const Row& row, const Observed& seen, double elapsed_ms) {
    std::string text;
    append_row(text, row);
    metrics_.append(text);
    text.clear();
    append_row(text, {row.step, elapsed_ms, seen.gradient_ms, seen.spectrum_ms, seen.products_ms, seen.evaluation_ms});
    timing_.append(text);
    progress_.row(row, seen.threshold);
  }
  void event(const Instability& i) {
    events_.append(events_row(i, evaluation_hessian_));
    progress_.event(i);
  }
  void disagreement(std::int64_t step, const Disagreement& d) { progress_.disagreement(step, d); }
  void close() {
    progress_.finish();
    metrics_.close();
    timing_.close();
    events_.close();
  }

 private:
  bool evaluation_hessian_;
  AppendFile metrics_, timing_, events_;
  Progress progress_;
};

/// The trace recorder or the profiler's ranges that the options ask for. The device points to it, so it outlives the run.
class Watch {
 public:
  Watch(const TrainOptions& options, Device& device) : file_(options.trace) {
    if (!file_.empty() && options.ranges != Ranges::none)
      throw UsageError("expected --trace or --nvtx, got both; each would show the cost of the other");
    if (!file_.empty()) {
      device.tracer = (recorder_ = std::make_unique<TraceRecorder>(device)).get();
      const std::filesystem::path folder = std::filesystem::path(file_).parent_path();
      in_run_folder_ = folder.lexically_normal() == std::filesystem::path(options.folder).lexically_normal();
      if (!in_run_folder_) begin();
    }
    if (options.ranges == Ranges::none) return;
    try {
      device.tracer = (ranges_ = make_gpu_ranges(options.ranges == Ranges::nodes)).get();
    } catch (const NoDevice& e) { throw UsageError(fmt::format("--nvtx: {}", e.what())); }
  }
  void run_folder_is_there() const {
    if (in_run_folder_) begin();
  }
  void finish(const std::string& about, Console& out) {
    if (!recorder_) return;
    write_file(file_, recorder_->json(about));
    out.line("trace: " + file_);
    if (const std::int64_t n = recorder_->dropped(); n > 0)
      out.line(
          fmt::format("trace: it holds the first {} spans; {} later ones are missing. With fewer training.steps "
                      "none are missing.",
                      TraceRecorder::most_spans, n));
  }

 private:
  /// Writes an empty trace first, so that a file that cannot be written ends the run before it begins.
  void begin() const { write_file(file_, "{\"traceEvents\":[]}\n"); }

  std::string file_;
  bool in_run_folder_ = false;
  std::unique_ptr<TraceRecorder> recorder_;
  std::unique_ptr<Tracer> ranges_;
};

}  // namespace

ExitCode train(const Config& config, const TrainOptions& options, Console& out) {
  Environment environment(environment_options(config.run));
  Device device = environment.device();
  Watch watch(options, device);
  const TrainerOptions wish = trainer_options(config);
  expect_memory(device, config, wish);
  const Problem problem = make_problem(
      device, config, has_data(config) ? environment.data(config.data.set, data_request(config)) : nullptr);
  const Fitted fitted = fit_in_memory(device, problem, wish, memory_limit(config, device));
  Trainer& trainer = *fitted.trainer;

  const RunFolder folder = RunFolder::open(options.folder, options.resume);
  watch.run_folder_is_there();
  for (const std::string& note : folder.notes()) out.note(note);
  for (const std::string& note : fitted.notes) out.note(note);
  if (device.vendor)
    out.note(fmt::format("matrix products by {} (TF32 off): bits of this library and this GPU, not portable",
                         environment.vendor_name()));
  if (has_evaluation_hessian(config))
    out.note(
        "norm_mode = \"evaluation\": eigenvalues are those of the loss in evaluation mode, not of the loss that is "
        "descended");
  if (folder.opened() != RunFolder::Opened::fresh) folder.require_same_config(config);
  if (folder.opened() == RunFolder::Opened::finished) return ExitCode::done;
  if (folder.opened() == RunFolder::Opened::diverged) return ExitCode::diverged;
  const MemoryPlan plan = [&] {
    const Traced span(device, plan_name);
    return trainer.plan();
  }();
  out.line(text_of(plan, fitted, config, problem.objective.layout.count()));
  if (const auto warning = tolerance_warning(config)) out.note(*warning);
  folder.folder().write_file("config.toml", to_toml(config));
  RunRecord record;
  if (problem.data) {
    record.data_provenance = problem.data->provenance;
    record.train_checksum = problem.data->train.checksum;
    record.test_checksum = problem.data->test.checksum;
  }
  record.parameters = problem.objective.layout.count();
  record.threads = environment.threads();
  record.chunk_samples = fitted.chunk;
  record.blocks = plan.blocks;
  if (plan.product_seconds) record.kept_blocks = plan.kept_blocks;
  record.device = environment.device_name();
  record.vendor = environment.vendor_name();
  record.columns = described_columns(trainer, config);
  record.started = utc_now();
  folder.folder().write_file("run.json", run_json(config, record));

  Recorder recorder(folder, config, trainer.row(), out);
  const auto take = [&](const std::optional<Instability>& i) {
    if (i) recorder.event(*i);
  };
  const Clock::time_point start = Clock::now();
  for (std::int64_t t = 0; t <= config.training.steps; ++t) {
    const Traced step(device, step_name, t);
    const Row& row = t < config.training.steps ? trainer.step() : trainer.observe();
    const Observed& seen = trainer.seen();
    {
      const Traced span(device, records_name);
      record.final_digest = std::get<std::string>(row["digest"]);
      recorder.row(row, seen, std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    }
    record.steps_done = t;
    if (seen.spectrum.disagreement) recorder.disagreement(t, *seen.spectrum.disagreement);
    take(trainer.ended());
    if (trainer.diverged()) {
      record.diverged_at = t;
      keep_last_finite(device, folder, trainer, std::isfinite(seen.loss) || t == 0 ? t : t - 1);
      break;
    }
  }
  take(trainer.finish_events());
  recorder.close();
  watch.finish(environment.device_name() + ", " + folder.path(), out);

  record.status = record.diverged_at ? "diverged" : "finished";
  record.ended = utc_now();
  const Tally& tally = trainer.tally();
  if (config.measure.top > 0) {
    record.instabilities = tally.instabilities;
    record.long_instabilities = tally.long_instabilities;
    record.crossings = trainer.crossings();
    record.lambda_1_steps = tally.lambda_1_steps;
    record.lambda_1_certified_steps = tally.lambda_1_certified_steps;
  }
  if (measures_spectrum(config)) {
    record.measured_steps = tally.measured_steps;
    record.converged_steps = tally.converged_steps;
    record.products = tally.products;
  }
  folder.folder().write_file("run.json", run_json(config, record));
  out.line(text_of_instabilities(config, record));
  if (record.diverged_at) {
    const double loss = trainer.seen().loss;
    out.note(fmt::format("diverged at step {}: the loss {}", *record.diverged_at,
                         std::isfinite(loss) ? fmt::format("is {}, above training.divergence_loss = {}", readable(loss),
                                                           readable(config.training.divergence_loss))
                                             : std::string("is not finite")));
    return ExitCode::diverged;
  }
  return ExitCode::done;
}

}  // namespace brink
