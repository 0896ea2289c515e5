// SPDX-License-Identifier: MIT
// Batch sharpness: the mean curvature of a minibatch's loss along its own gradient, with its standard error and the threshold.
#include <cmath>
#include <memory>

#include "autodiff/batch/linearized.h"
#include "kernels/reduce/reduce.h"
#include "kernels/tracer.h"
#include "training/measurements/minibatch_draws.h"

namespace brink::measurements {

namespace {

const TraceName batch_sharpness_name{"batch sharpness", "phase"};

class BatchSharpness final : public Measurement {
 public:
  BatchSharpness(const MeasurementContext& c, std::int64_t samples, int draws)
      : draws_(c, samples),
        hvp_(c.device, c.objective, c.train.chosen_by(draws_.rows()), c.batch),
        gradient_(c.objective.results().make_vector(c.objective.dtype, c.device)),
        product_(c.objective.layout.make_vector(c.objective.dtype, c.device)),
        sharpness_(static_cast<std::size_t>(draws)) {}

  std::vector<Column> columns() const override {
    return {{"batch_sharpness",
             "",
             "mean of gᵀHg/‖g‖² over minibatches, with gradient g and Hessian H of the minibatch's loss",
             {.panel = "batch sharpness", .reference = "batch_sharpness_threshold", .error = "batch_sharpness_error"}},
            {"batch_sharpness_error", "", "standard error of batch_sharpness", {}},
            {"batch_sharpness_threshold",
             "",
             "threshold of the update rule, 2/η for gradient descent with or without minibatches",
             {}}};
  }
  int numbers() const override { return 2 * static_cast<int>(sharpness_.size()); }
  void enqueue(Device& device, const StepView& at, Scalar to) override {
    const Traced span(device, batch_sharpness_name);
    const View gradient = gradient_.view().part(0, product_.view().shape);
    for (std::size_t j = 0; j < sharpness_.size(); ++j) {
      const Scalar found = to + 2 * static_cast<std::int64_t>(j);
      draws_.draw(device, at.step(), static_cast<int>(j));
      hvp_.linearize_at(at.thetas[0], gradient_.view(), {});
      hvp_.apply(gradient, product_.view());
      dot(device, gradient, product_.view(), found);
      dot(device, gradient, gradient, found + 1);
    }
  }
  void deliver(const Observed& seen, std::span<const double> numbers, std::span<Cell> cells) override {
    cells[2] = seen.threshold;
    for (std::size_t j = 0; j < sharpness_.size(); ++j) {
      if (!(numbers[2 * j + 1] > 0)) return;  // a minibatch without a gradient has no direction
      sharpness_[j] = numbers[2 * j] / numbers[2 * j + 1];
    }
    const MeanWithError found = mean_with_error(sharpness_);
    if (!std::isfinite(found.mean)) return;
    cells[0] = found.mean;
    cells[1] = found.error;
  }

 private:
  MinibatchDraws draws_;
  Hvp hvp_;
  Array gradient_, product_;
  std::vector<double> sharpness_;
};

}  // namespace

MeasurementKind batch_sharpness() {
  return {
      .name = "batch_sharpness",
      .meaning = "mean curvature of a minibatch's loss along its own gradient",
      .options = {draw_samples_option(), draws_option(16)},
      .conflict = [](const Options& o,
                     const MeasurementSetting& run) { return draw_conflict("batch", o.integer("batch"), run, true); },
      .make = [](const MeasurementContext& c, const Options& o) -> std::unique_ptr<Measurement> {
        const CountedPart part(c.device, "the minibatches of measure.batch_sharpness");
        const std::int64_t samples = o.integer("batch");
        return std::make_unique<BatchSharpness>(c, samples > 0 ? samples : standard_draw(c.objective, c.train_samples),
                                                static_cast<int>(o.integer("draws")));
      }};
}

}  // namespace brink::measurements
