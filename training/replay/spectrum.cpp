// SPDX-License-Identifier: MIT
#include "training/replay/spectrum.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <stdexcept>

#include "training/curvature.h"
#include "training/errors.h"
#include "training/io/readable.h"
#include "training/io/safetensors.h"
#include "training/io/text.h"
#include "training/pass.h"
#include "training/precise_product.h"
#include "training/replay/interruption.h"
#include "training/replay/replay.h"

namespace brink {

namespace {

constexpr int most_pairs = (max_combined - 8) / 2;  // that Lanczos takes at once

/// θ at the step, and what the run's rule does there.
struct Replayed {
  Array theta;  // in the host's memory
  std::shared_ptr<DataPair> data;
  double learning_rate = 0, threshold = 0;
};

Replayed replay(const RecordedRun& run, std::int64_t step, Console& out) {
  const CheckpointFile* const from = run.checkpoint_before(step);
  const std::int64_t first = from ? from->step : run.first_step();
  out.line(fmt::format("step {} of {}: {} computed again, from {}", step, run.folder, counted(step - first, "step"),
                       from ? "the checkpoint of step " + std::to_string(first) : "the start"));
  ReplayProgress progress(out, "recomputing", step - first);
  PreparedTrainer prepared(config_from(run.config, from));
  prepared.require_inputs_of(run.folder);
  Trainer& trainer = prepared.trainer();
  RowCheck check(run, trainer.row());
  begin_from(prepared, run, from);
  go_to(prepared, check, step, progress);
  trainer.measure(false);
  RowCheck same_theta(run, trainer.row(), [](std::string_view column) { return column == "digest"; });
  same_theta(trainer.complete());
  return {trainer.theta_on_host(), prepared.data(), trainer.seen().learning_rate, trainer.seen().threshold};
}

/// The same numbers in a vector of float64.
Array widened(const Array& x) {
  Array out(x.view().shape, Dtype::f64);
  with_real(x.view().dtype, [&]<class T>(T) { std::ranges::copy(x.span<T>(), out.span<double>().begin()); });
  return out;
}

/// The curvature of a run's loss at a given θ. Its products leave where a signal asks for the end.
class CurvatureAt {
 public:
  CurvatureAt(Device& device, const Config& config, std::shared_ptr<DataPair> data)
      : device_(device), problem_(make_problem(device, config, std::move(data))) {
    batch_.chunk = config.run.chunk;
    batch_.limit_bytes = memory_limit(config, device).bytes;
    batch_.arenas = std::make_shared<Arenas>();
    theta_ = layout().make_vector(dtype(), device);
    pass_.emplace(device_, problem_.objective, problem_.train, batch_, evaluates() ? problem_.evaluation : std::nullopt,
                  evaluates());
  }
  CurvatureAt(const CurvatureAt&) = delete;
  CurvatureAt& operator=(const CurvatureAt&) = delete;

  const ParameterLayout& layout() const { return problem_.objective.layout; }
  Dtype dtype() const { return problem_.objective.dtype; }
  /// Whether the loss is that of evaluation mode.
  bool evaluates() const { return problem_.evaluation && problem_.evaluation->hessian; }

  /// Allocates what products need. To be called last, because residuals take the memory that is left. precise: the Hessian's products in float64
  /// too, with a seed for a random vector.
  void make_operators(CurvatureOperator of, std::optional<std::uint64_t> precise = {}) {
    const Objective& objective = evaluates() ? pass_->evaluated() : problem_.objective;
    operators_.emplace(device_, objective, problem_.train, batch_, of != CurvatureOperator::hessian);
    if (precise) {
      const CountedPart part(device_, "the products in float64");
      precise_.emplace(device_, objective, problem_.train, batch_, *precise);
    }
    pass_->make_hessian(problem_.train, batch_);
  }
  /// Linearises at θ, in the host's memory, and returns the loss.
  double linearize_at(const Array& theta) {
    copy(device_, theta_.view(), theta.view());
    pass_->enqueue(0, theta_.view(), true);
    pass_->take_statistics(theta_.view(), true);
    operators_->linearize_at(theta_.view());
    if (precise_) precise_->linearize_at(theta_.view());
    return pass_->receive(0).loss.loss;
  }
  CurvatureOperators& operators() { return *operators_; }
  PreciseProduct* precise() { return precise_ ? &*precise_ : nullptr; }
  LinearOperator hessian() const {
    const LinearOperator& a = pass_->hessian();
    return {a.dim, a.dtype,
            [&a](View x, View y) {
              stop_if_asked();
              a.apply(x, y);
            },
            a.parameters};
  }
  LinearOperator chosen(CurvatureOperator of) { return operators_->choose(of, hessian()); }

 private:
  Device& device_;
  Problem problem_;
  BatchOptions batch_;
  Array theta_;
  std::optional<Pass> pass_;
  std::optional<CurvatureOperators> operators_;
  std::optional<PreciseProduct> precise_;
};

/// All that takes memory, except for a dense spectrum.
struct Workplace {
  CurvatureAt curvature;
  std::optional<Lanczos> lanczos;
  std::optional<CurvatureDensity> density;
  Scalars errors;  // of the products

  Workplace(Device& device, const SpectrumOptions& o, const Config& config, std::shared_ptr<DataPair> data)
      : curvature(device, config, std::move(data)), errors(device, o.top + o.bottom + 1) {
    const ParameterLayout& layout = curvature.layout();
    const auto seed = static_cast<std::uint64_t>(config.training.seed);
    if (const int pairs = o.top + o.bottom; pairs > 0)
      lanczos.emplace(device, layout.extent(), curvature.dtype(),
                      LanczosLimits{.max_basis = std::clamp(2 * pairs + 16, 64, max_combined), .max_pairs = pairs},
                      normals_of(device, layout, seed));
    if (o.density)
      density.emplace(device, layout, curvature.dtype(), DensityOptions{o.quadrature, o.width, {o.of}, o.per_layer},
                      seed);
    curvature.make_operators(o.of, o.check_product ? std::optional(seed) : std::nullopt);
  }
};

bool needs_workplace(const SpectrumOptions& o) { return o.density || o.check_product || o.top + o.bottom > 0; }

/// Sizes are compared before steps are computed again.
void require_memory(const SpectrumOptions& o, const Config& config) {
  const Environment environment(environment_options(config.run));
  const Device device = environment.device();
  MemoryCount count = count_memory(device);
  Device counting = count.on(device);
  const MemoryLimit limit = memory_limit(config, device);
  std::int64_t lacking = 0;
  try {
    const Workplace all(counting, o, config, nullptr);
    lacking = allocated_bytes(counting) - limit.bytes;
  } catch (const OutOfMemory& e) { lacking = e.needed_bytes - std::max<std::int64_t>(e.free_bytes, 0); }
  if (limit.bytes <= 0 || lacking <= 0) return;
  const MemoryCount::Part largest = count.largest_part(device.where);
  throw DeviceError(fmt::format(
      "out of memory: {} are needed, {}; the largest part is {}: {}; allow more with --set run.memory, or ask for less",
      readable_bytes(limit.bytes + lacking + program_bytes(device.where)), allowed_text(limit, device), largest.name,
      readable_bytes(largest.bytes)));
}

/// The number of parameters, without reading the data.
std::int64_t parameters_of(const Config& config) {
  Device device;
  MemoryCount count = count_memory(device);
  Device counting = count.on(device);
  return make_problem(counting, config).objective.layout.count();
}

void require_possible(const SpectrumOptions& o, std::int64_t parameters, Dtype precision) {
  if (o.check_product && o.of != CurvatureOperator::hessian)
    throw UsageError(fmt::format("--check-product: expected --operator hessian, got {}", name_of(o.of)));
  if (o.check_product && precision != Dtype::f32)
    throw UsageError(
        fmt::format("--check-product compares products in float32 with those in float64: expected a run in float32, "
                    "and this one is in {}",
                    name_of(precision)));
  if (o.top + o.bottom == 0 && !o.density && !o.dense && !o.check_product)
    throw UsageError(
        "--top 0 --bottom 0: expected at least one eigenvalue, or one of --density, --dense and --check-product");
  for (const auto& [name, wanted] : {std::pair{"--top", o.top}, {"--bottom", o.bottom}})
    if (wanted > parameters)
      throw UsageError(
          fmt::format("{} {}: expected at most {}, the number of the network's parameters", name, wanted, parameters));
  if (o.top + o.bottom > most_pairs)
    throw UsageError(fmt::format("--top {} --bottom {}: expected at most {} eigenvalues together{}", o.top, o.bottom,
                                 most_pairs, parameters <= most_dense ? "; --dense gives all" : ""));
  if (o.dense && parameters > most_dense)
    throw UsageError(
        fmt::format("--dense: expected a network of at most {} parameters, found {}; --density shows the "
                    "whole spectrum of any network, and --top and --bottom its ends",
                    most_dense, parameters));
}

[[noreturn]] void fail_at_product(std::int64_t step, int product) {
  throw DataError(
      fmt::format("step {}: product {} of the curvature at θ is not finite, so it has no spectrum; choose "
                  "an earlier --step",
                  step, product));
}

void find_ends(const SpectrumOptions& o, Workplace& place, SpectrumFound& found) {
  CurvatureAt& at = place.curvature;
  const LanczosResult r = place.lanczos->run(at.chosen(o.of), {.top = o.top,
                                                               .bottom = o.bottom,
                                                               .tolerance = o.tolerance,
                                                               .budget = o.budget,
                                                               .confirm = 4,
                                                               .step = static_cast<std::uint64_t>(found.step)});
  if (r.stop == LanczosStop::not_finite) fail_at_product(found.step, r.products);
  found.ends = r;
  if (PreciseProduct* const precise = at.precise()) {
    std::int64_t count = 0;
    for (const auto& end : {r.top, r.bottom})
      for (const RitzPair& p : end) precise->leave_error(at.hessian(), p.vector, place.errors[count++]);
    if (count > 0) {
      const std::span<const double> errors = place.errors.read(0, count);
      found.top_errors.assign(errors.begin(), errors.begin() + static_cast<std::ptrdiff_t>(r.top.size()));
      found.bottom_errors.assign(errors.begin() + static_cast<std::ptrdiff_t>(r.top.size()), errors.end());
    }
  }
  for (auto [from, to] : {std::pair{&r.top, &found.top}, {&r.bottom, &found.bottom}})
    for (RitzPair p : *from) {
      p.vector = {};
      to->push_back(p);
    }
  found.ends.top = found.ends.bottom = {};
}

void find_dense(Device& device, const SpectrumOptions& o, Config config, const Array& theta, SpectrumFound& found) {
  config.run.precision = Dtype::f64;
  CurvatureAt at(device, config, nullptr);
  at.make_operators(o.of);
  (void)at.linearize_at(widened(theta));
  try {
    found.dense.emplace(device, at.chosen(o.of), at.layout().places(), false);
  } catch (const std::domain_error& e) {
    throw DataError(fmt::format("step {}: {}, so the curvature has no spectrum there; choose an earlier --step",
                                found.step, e.what()));
  }
}

/// Writes curves and numbers for programs: RUN/measured/spectrum/step-000120-hessian.safetensors.
void write(const SpectrumOptions& o, SpectrumFound& found, std::vector<NamedView> tensors,
           std::vector<std::pair<std::string, std::string>> metadata, Device& device) {
  std::vector<Array> held;
  for (NamedView& t : tensors) t.view = held.emplace_back(to_host(device, t.view)).view();
  const auto list = [&](const std::string& name, const std::vector<double>& numbers) {
    if (numbers.empty()) return;
    const Array& a = held.emplace_back(Shape{static_cast<std::int64_t>(numbers.size())}, Dtype::f64);
    std::ranges::copy(numbers, a.span<double>().begin());
    tensors.push_back({name, a.view()});
  };
  const std::string prefix = std::string(name_of(o.of)) + "/";
  for (const auto& [name, pairs] : {std::pair{"top", &found.top}, {"bottom", &found.bottom}}) {
    std::vector<double> values, residuals;
    for (const RitzPair& p : *pairs) values.push_back(p.value), residuals.push_back(p.residual);
    list(prefix + name, values);
    list(prefix + name + "_residuals", residuals);
  }
  list(prefix + "top_product_errors", found.top_errors);
  list(prefix + "bottom_product_errors", found.bottom_errors);
  if (found.random_error) metadata.emplace_back("random_product_error", number_text(*found.random_error));
  if (found.dense) list(prefix + "all", found.dense->eigenvalues());
  metadata.emplace_back("step", number_text(found.step));
  metadata.emplace_back("parameters", number_text(found.parameters));
  metadata.emplace_back("learning_rate", number_text(found.learning_rate));
  metadata.emplace_back("threshold", number_text(found.threshold));
  const Folder folder = Folder(o.run).inside("measured").inside("spectrum");
  const std::string file = fmt::format("step-{:06}-{}.safetensors", found.step, name_of(o.of));
  write_safetensors(folder, file, tensors, metadata);
  found.file = folder.path_of(file);
}

/// θ is known, so no file of parameters is read.
Config without_start(Config config) {
  config.start_file.clear();
  return config;
}

SpectrumFound find(const SpectrumOptions& o, Console& out) {
  RecordedRun run;
  read_recorded_run(run, o.run, o.sets, o.flags);
  SpectrumFound found;
  found.run = run.folder;
  found.step = o.step.value_or(run.last_step());
  found.dtype = run.config.run.precision;
  require_recorded(run, found.step, "--step");
  found.parameters = parameters_of(run.config);
  require_possible(o, found.parameters, found.dtype);
  for (const std::string& text : run.passed_over) out.note("passed over " + text);
  if (needs_workplace(o)) require_memory(o, without_start(run.config));
  Replayed at = replay(run, found.step, out);
  found.learning_rate = at.learning_rate;
  found.threshold = at.threshold;

  const Config config = without_start(run.config);
  Environment environment(environment_options(run.config.run));
  Device device = environment.device();
  std::vector<NamedView> tensors;
  std::vector<std::pair<std::string, std::string>> metadata;
  if (o.dense) find_dense(device, o, config, at.theta, found);  // first, because it gives its memory back
  std::optional<Workplace> place;
  if (needs_workplace(o)) {
    CurvatureAt& curvature = place.emplace(device, o, config, at.data).curvature;
    std::optional<CurvatureDensity>& density = place->density;
    found.evaluation_mode = curvature.evaluates();
    found.loss = curvature.linearize_at(at.theta);
    if (place->lanczos) find_ends(o, *place, found);
    if (o.check_product) {
      curvature.precise()->leave_error_along_random(curvature.hessian(), found.step, place->errors[0]);
      found.random_error = place->errors.read(0, 1)[0];
      if (!std::isfinite(*found.random_error)) fail_at_product(found.step, found.ends.products + 1);
    }
    if (density) {
      density->measure(curvature.operators(), curvature.hessian(), static_cast<std::uint64_t>(found.step));
      for (const DensityFindings& f : density->operators())
        if (!f.finite()) fail_at_product(found.step, f.products);
      found.densities.assign(density->operators().begin(), density->operators().end());
      found.layers.assign(density->layers().begin(), density->layers().end());
      found.outside_blocks = density->outside_blocks();
      tensors = density->tensors();
      metadata = density->metadata();
    }
  }
  write(o, found, std::move(tensors), std::move(metadata), device);
  return found;
}

}  // namespace

SpectrumFound spectrum_of_run(const SpectrumOptions& o, Console& out) {
  return interruptible([] { return "nothing was written; the same command begins again"; },
                       [&] { return find(o, out); });
}

}  // namespace brink
