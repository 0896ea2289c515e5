// SPDX-License-Identifier: MIT
// The trace of the gradient noise's covariance, estimated from minibatches, with its standard error.
#include <cmath>
#include <memory>

#include "kernels/map/map.h"
#include "kernels/reduce/reduce.h"
#include "kernels/tracer.h"
#include "training/measurements/minibatch_draws.h"

namespace brink::measurements {

namespace {

const TraceName noise_name{"gradient noise", "phase"};

class GradientNoise final : public Measurement {
 public:
  GradientNoise(const MeasurementContext& c, std::int64_t samples, int draws)
      : draws_(c, samples),
        gradient_(c.device, c.objective, c.train.chosen_by(draws_.rows()), c.batch),
        difference_(c.objective.layout.make_vector(c.objective.dtype, c.device)),
        sum_(c.objective.layout.make_vector(c.objective.dtype, c.device)),
        of_batch_(c.objective.results().make_vector(c.objective.dtype, c.device)),
        squares_(static_cast<std::size_t>(draws)) {}

  std::vector<Column> columns() const override {
    return {{"gradient_noise",
             "",
             "trace of the covariance of one sample's gradient; that of a minibatch's is it times (1/b − 1/N)",
             {.panel = "gradient noise", .scale = ChartScale::logarithmic, .error = "gradient_noise_error"}},
            {"gradient_noise_error", "", "standard error of gradient_noise", {}}};
  }
  int numbers() const override { return static_cast<int>(squares_.size()) + 1; }
  void enqueue(Device& device, const StepView& at, Scalar to) override {
    const Traced span(device, noise_name);
    const View difference = difference_.view(), sum = sum_.view();
    set_zero(device, sum);
    for (std::size_t j = 0; j < squares_.size(); ++j) {
      draws_.draw(device, at.step(), static_cast<int>(j));
      gradient_.evaluate(at.thetas[0], of_batch_.view(), {});
      map<Subtract>(device, difference, {of_batch_.view().part(0, difference.shape), at.gradient});
      dot(device, difference, difference, to + static_cast<std::int64_t>(j));
      map<Add>(device, sum, {sum, difference});
    }
    dot(device, sum, sum, to + static_cast<std::int64_t>(squares_.size()));
  }
  void deliver(const Observed&, std::span<const double> numbers, std::span<Cell> cells) override {
    // The variance about the mean of the draws, whose expectation is right even if a last group is never drawn.
    const auto count = static_cast<double>(squares_.size());
    const double factor = draws_.variance_factor();
    const MeanWithError square = mean_with_error(numbers.first(squares_.size()));
    if (!std::isfinite(square.mean)) return;
    cells[0] = (count * square.mean - numbers.back() / count) / (count - 1) / factor;
    cells[1] = square.error / factor;
  }

 private:
  MinibatchDraws draws_;
  Gradient gradient_;
  Array difference_, sum_, of_batch_;
  std::vector<double> squares_;
};

}  // namespace

MeasurementKind gradient_noise() {
  return {
      .name = "gradient_noise",
      .meaning = "trace of the gradient noise's covariance",
      .options = {draw_samples_option(), draws_option(16)},
      .conflict = [](const Options& o,
                     const MeasurementSetting& run) { return draw_conflict("batch", o.integer("batch"), run, false); },
      .make = [](const MeasurementContext& c, const Options& o) -> std::unique_ptr<Measurement> {
        const CountedPart part(c.device, "the gradients of the minibatches of measure.gradient_noise");
        const std::int64_t samples = o.integer("batch");
        return std::make_unique<GradientNoise>(c, samples > 0 ? samples : standard_draw(c.objective, c.train_samples),
                                               static_cast<int>(o.integer("draws")));
      }};
}

}  // namespace brink::measurements
