// SPDX-License-Identifier: MIT
// The training loss and accuracy, both from the pass that gave the gradient.
#include <cmath>

#include "training/measurements/kind.h"

namespace brink::measurements {

namespace {

class LossAndAccuracy final : public Measurement {
 public:
  LossAndAccuracy(std::int64_t samples, bool classifies) : samples_(samples), classifies_(classifies) {}
  std::vector<Column> columns() const override {
    return {{"loss", "", "loss that is minimised", {.panel = "loss", .scale = ChartScale::logarithmic}},
            {"train_accuracy", "", "share of right answers on the training set", {.panel = "accuracy"}}};
  }
  void deliver(const Observed& seen, std::span<const double>, std::span<Cell> cells) override {
    cells[0] = seen.loss;
    if (std::isfinite(seen.loss) && classifies_)  // the largest of several NaNs has no meaning
      cells[1] = seen.correct / static_cast<double>(samples_);
  }

 private:
  std::int64_t samples_;
  bool classifies_;
};

}  // namespace

MeasurementKind loss() {
  return {.name = "loss",
          .meaning = "training loss and accuracy",
          .always = true,
          .make = [](const MeasurementContext& c, const Options&) -> std::unique_ptr<Measurement> {
            return std::make_unique<LossAndAccuracy>(c.train_samples, c.classifies);
          }};
}

}  // namespace brink::measurements
