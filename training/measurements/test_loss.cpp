// SPDX-License-Identifier: MIT
// The mean loss on the test samples, in evaluation mode if the network normalises. Early stopping is found from it after the run.
#include "training/measurements/test_pass.h"

namespace brink::measurements {

namespace {

class TestLoss final : public Measurement {
 public:
  explicit TestLoss(const MeasurementContext& c) : pass_(c) {}
  std::vector<Column> columns() const override {
    return {{"test_loss", "", "mean loss on the test set", {.panel = "loss", .scale = ChartScale::logarithmic}}};
  }
  int numbers() const override { return pass_.numbers(); }
  void enqueue(Device& device, const StepView& at, Scalar to) override { pass_.enqueue(device, at.thetas[0], to); }
  void deliver(const Observed&, std::span<const double> numbers, std::span<Cell> cells) override {
    if (!pass_.is_empty()) cells[0] = numbers[0] / pass_.samples();
  }
  double elapsed_ms() override { return pass_.elapsed_ms(); }

 private:
  TestPass pass_;
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
