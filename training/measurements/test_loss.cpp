// SPDX-License-Identifier: MIT
// The mean loss on the test samples, in evaluation mode if the network normalises. Early stopping is found from it after the run.
#include "training/measurements/kind.h"

namespace brink::measurements {

namespace {

class TestLoss final : public Measurement {
 public:
  explicit TestLoss(const MeasurementContext& c) : there_(!c.test.empty()) {}
  std::vector<Column> columns() const override {
    return {{"test_loss", "", "mean loss on the test set", {.panel = "loss", .scale = ChartScale::logarithmic}}};
  }
  void deliver(const Observed& seen, std::span<const double>, std::span<Cell> cells) override {
    if (there_) cells[0] = seen.test_loss;
  }

 private:
  bool there_;
};

}  // namespace

MeasurementKind test_loss() {
  return {.name = "test_loss",
          .meaning = "loss on the test samples, from which early stopping is found",
          .make = [](const MeasurementContext& c, const Options&) -> std::unique_ptr<Measurement> {
            return std::make_unique<TestLoss>(c);
          }};
}

}  // namespace brink::measurements
