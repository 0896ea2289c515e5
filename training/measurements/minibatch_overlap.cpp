// SPDX-License-Identifier: MIT
// The leading eigenpair of minibatch Hessians beside what the spiked random matrix of docs/method.md, "Minibatch Hessians", predicts.
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "kernels/basis/basis.h"
#include "kernels/map/map.h"
#include "kernels/random/random.h"
#include "kernels/reduce/reduce.h"
#include "kernels/tracer.h"
#include "spectral/lanczos.h"
#include "training/curvature.h"
#include "training/io/text.h"
#include "training/measurements/minibatch_draws.h"
#include "training/pass.h"

namespace brink::measurements {

namespace {

const TraceName overlap_name{"minibatch Hessians", "phase"};
constexpr int probes = 16;
constexpr std::uint32_t first_restart = 1U << 22, restarts_each = 1024;  // apart from those of the tracker

struct OverlapSettings {
  std::vector<std::int64_t> batches;
  std::int64_t fit_batch = 0;  ///< of the list
  int draws = 2;
  double tolerance = 1e-3;
  int budget = 100;
};

class MinibatchOverlap final : public Measurement {
 public:
  MinibatchOverlap(const MeasurementContext& c, OverlapSettings settings)
      : settings_(std::move(settings)),
        layout_(c.objective.layout),
        dtype_(c.objective.dtype),
        pass_(c.pass),
        seed_(c.seed),
        solver_(c.device, layout_.extent(), dtype_, {.max_basis = 48, .max_pairs = 1},
                normals_of(c.device, layout_, c.seed)),
        gradient_(c.objective.results().make_vector(dtype_, c.device)),
        probe_(layout_.make_vector(dtype_, c.device)),
        of_all_(layout_.make_vector(dtype_, c.device)),
        of_batch_(layout_.make_vector(dtype_, c.device)) {
    for (const std::int64_t samples : settings_.batches)
      sizes_.push_back(std::make_unique<Size>(c, samples, static_cast<std::size_t>(settings_.draws)));
    noises_.reserve(probes);
  }

  std::vector<Column> columns() const override {
    std::vector<Column> out{{"minibatch_variance",
                             "",
                             "σ²: a minibatch's Hessian has noise of variance σ²(1/b − 1/N), fitted at b = " +
                                 number_text(settings_.fit_batch),
                             {.panel = "noise of minibatch Hessians",
                              .scale = ChartScale::logarithmic,
                              .error = "minibatch_variance_error"}},
                            {"minibatch_variance_error", "", "standard error of minibatch_variance", {}},
                            {"minibatch_products", "count", "products with minibatches' Hessians in this step", {}}};
    for (const auto& size : sizes_) {
      const std::string b = number_text(size->draws.samples()), of = " of a minibatch of " + b;
      const auto add = [&](const std::string& what, const std::string& meaning, const std::string& predicted,
                           const std::string& panel) {
        const std::string name = "minibatch_" + what + "_" + b;
        out.push_back({name, "", meaning + of, {.panel = panel, .error = name + "_error"}});
        out.push_back({name + "_error", "", "standard error of " + name, {}});
        out.push_back({name + "_predicted", "", predicted, {.panel = panel}});
      };
      add("overlap", "(u₁·u₁ᵇ)², with the leading eigenvector u₁ᵇ of the Hessian",
          "1 − s/λ₁² where λ₁ > √s, otherwise 0; s = σ²(1/b − 1/N)", "minibatch overlap");
      add("lambda", "largest eigenvalue of the Hessian", "λ₁ + s/λ₁ where λ₁ > √s, otherwise 2√s; s = σ²(1/b − 1/N)",
          "largest eigenvalue of minibatch Hessians");
      out.push_back({"minibatch_residual_" + b, "", "largest residual ‖Hu − λu‖" + of, {}});
    }
    return out;
  }

  void enqueue(Device& device, const StepView& at, Scalar) override {
    there_ = !at.seen.spectrum.top.empty() && pass_.has_hessian();
    if (!there_) return;
    const Traced span(device, overlap_name);
    const View u1{at.eigenvectors.data, Shape{layout_.extent()}, dtype_};
    products_ = 0;
    noises_.clear();
    for (std::size_t i = 0; i < sizes_.size(); ++i)
      for (int j = 0; j < settings_.draws; ++j) {
        Size& size = *sizes_[i];
        size.draws.draw(device, at.step(), j);
        size.hvp.linearize_at(at.thetas[0], gradient_.view(), {});
        const auto restart = static_cast<std::uint32_t>(i) * 1000 + static_cast<std::uint32_t>(j);
        solve(device, size, static_cast<std::size_t>(j), u1, at.step(), first_restart + restart * restarts_each);
        if (size.draws.samples() == settings_.fit_batch)
          for (int p = j; p < probes; p += settings_.draws) noises_.push_back(noise(device, size, at.step(), p));
      }
  }

  void deliver(const Observed& seen, std::span<const double>, std::span<Cell> cells) override {
    if (!there_) return;
    cells[2] = products_;
    double variance = 0;
    for (const auto& size : sizes_)
      if (size->draws.samples() == settings_.fit_batch && size->draws.variance_factor() > 0) {
        const MeanWithError noise = mean_with_error(noises_);
        variance = noise.mean / size->draws.variance_factor();
        cells[0] = variance;
        cells[1] = noise.error / size->draws.variance_factor();
      }
    const double lambda = seen.spectrum.top[0].value;
    std::size_t next = 3;
    for (const auto& size : sizes_) {
      const double s = variance * size->draws.variance_factor(), edge = std::sqrt(s);
      const bool above = lambda > edge;
      const auto write = [&](std::span<const double> found, double predicted) {
        const MeanWithError mean = mean_with_error(found);
        cells[next++] = mean.mean;
        cells[next++] = mean.error;
        cells[next++] = predicted;
      };
      write(size->overlap, above ? 1 - s / (lambda * lambda) : 0);
      write(size->lambda, above ? lambda + s / lambda : 2 * edge);
      cells[next++] = size->residual;
    }
  }

 private:
  struct Size {
    Size(const MeasurementContext& c, std::int64_t samples, std::size_t count)
        : draws(c, samples),
          hvp(c.device, c.objective, c.train.chosen_by(draws.rows()), c.batch),
          overlap(count),
          lambda(count) {}
    MinibatchDraws draws;
    Hvp hvp;
    std::vector<double> overlap, lambda;  // of each draw
    double residual = 0;
  };

  void solve(Device& device, Size& size, std::size_t draw, View u1, std::int64_t step, std::uint32_t restart) {
    const LinearOperator hessian{layout_.extent(), dtype_, [&](View x, View y) { size.hvp.apply(x, y); }};
    const LanczosResult found = solver_.run(hessian, {.top = 1,
                                                      .tolerance = settings_.tolerance,
                                                      .budget = settings_.budget,
                                                      .confirm = 4,
                                                      .orthogonality = false,
                                                      .step = static_cast<std::uint64_t>(step),
                                                      .restart = restart});
    products_ += found.products;
    const bool any = !found.top.empty() && found.stop != LanczosStop::not_finite;
    const double along = any ? dot(device, found.top[0].vector, u1) : std::nan("");
    size.overlap[draw] = along * along;
    size.lambda[draw] = any ? found.top[0].value : std::nan("");
    const double residual = any ? found.top[0].residual : std::nan("");
    size.residual = draw == 0 || !(residual <= size.residual) ? residual : size.residual;
  }

  /// ‖(H_b − H)v‖² for a random unit vector v.
  double noise(Device& device, Size& size, std::int64_t step, int number) {
    const View v = probe_.view(), of_all = of_all_.view(), of_batch = of_batch_.view();
    const RandomKey key(seed_, Stream::probe, static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(number));
    set_zero(device, v);
    for (int i = 0; i < layout_.size(); ++i) fill_normal(device, layout_.view(v, i), key, 1, layout_[i].offset);
    scale(device, v, 1 / norm(device, v), v);
    pass_.hessian().apply(v, of_all);
    size.hvp.apply(v, of_batch);
    ++products_;
    map<Subtract>(device, of_batch, {of_batch, of_all});
    return dot(device, of_batch, of_batch);
  }

  OverlapSettings settings_;
  ParameterLayout layout_;
  Dtype dtype_;
  const Pass& pass_;
  std::uint64_t seed_;
  std::vector<std::unique_ptr<Size>> sizes_;
  Lanczos solver_;
  Array gradient_, probe_, of_all_, of_batch_;
  std::vector<double> noises_;
  std::int64_t products_ = 0;
  bool there_ = false;
};

/// The batches of the keys, and that at which σ² is fitted.
OverlapSettings settings_of(const Options& o, std::int64_t standard) {
  OverlapSettings out{.batches = o.integers("batches"),
                      .fit_batch = o.integer("fit_batch"),
                      .draws = static_cast<int>(o.integer("draws")),
                      .tolerance = o.real("tolerance"),
                      .budget = static_cast<int>(o.integer("budget"))};
  if (out.batches.empty()) out.batches = {standard};
  if (out.fit_batch == 0) out.fit_batch = out.batches.front();
  return out;
}

std::optional<OptionConflict> conflict_of(const Options& o, const MeasurementSetting& run) {
  if (run.evaluation_hessian)
    return OptionConflict{
        "batches",
        "minibatches have the Hessian of the loss that is minimised, which is compared with that of all samples: "
        "set model.norm_mode = \"training\""};
  const OverlapSettings s = settings_of(o, 0);
  for (std::size_t i = 0; i < s.batches.size(); ++i) {
    if (auto wrong = draw_conflict("batches", s.batches[i], run, true)) return wrong;
    for (std::size_t j = 0; j < i; ++j)
      if (s.batches[i] == s.batches[j])
        return OptionConflict{"batches", "expected each size once, got " + number_text(s.batches[i]) + " twice"};
  }
  if (std::ranges::find(s.batches, s.fit_batch) == s.batches.end())
    return OptionConflict{"fit_batch", "expected one of measure.minibatch_overlap.batches, or 0 for the first, got " +
                                           number_text(s.fit_batch)};
  if (auto wrong = draw_conflict("fit_batch", s.fit_batch, run, false)) return wrong;
  return {};
}

}  // namespace

MeasurementKind minibatch_overlap() {
  return {.name = "minibatch_overlap",
          .meaning = "leading eigenpair of minibatch Hessians, beside the prediction of random-matrix theory",
          .needs_spectrum = true,
          .needs_lambda_1 = true,
          .options = {integers_option("batches", {}, {.least = 1}, 0, 8,
                                      "samples of the minibatches; none: one ghost group, otherwise 32"),
                      integer_option("fit_batch", 0, {}, "the size at which the noise is fitted; 0: the first"),
                      draws_option(4), real_option("tolerance", 1e-3, {.above = 0, .below = 1}, "relative residual"),
                      integer_option("budget", 100, {1, 1'000'000}, "products for one minibatch")},
          .conflict = conflict_of,
          .make = [](const MeasurementContext& c, const Options& o) -> std::unique_ptr<Measurement> {
            const CountedPart part(c.device, "the minibatches' Hessians of measure.minibatch_overlap");
            return std::make_unique<MinibatchOverlap>(c, settings_of(o, standard_draw(c.objective, c.train_samples)));
          }};
}

}  // namespace brink::measurements
