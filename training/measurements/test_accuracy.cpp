// SPDX-License-Identifier: MIT
// The accuracy on the test samples, in evaluation mode if the network normalises.
#include <cmath>

#include "training/measurements/test_pass.h"

namespace brink::measurements {

namespace {

class TestAccuracy final : public Measurement {
 public:
  explicit TestAccuracy(const MeasurementContext& c) : pass_(c) {}
  std::vector<Column> columns() const override {
    return {{"test_accuracy", "", "share of right answers on the test set", {.panel = "accuracy"}}};
  }
  int numbers() const override { return pass_.numbers(); }
  void enqueue(Device& device, const StepView& at, Scalar to) override { pass_.enqueue(device, at.thetas[0], to); }
  void deliver(const Observed& seen, std::span<const double> numbers, std::span<Cell> cells) override {
    if (!pass_.is_empty() && std::isfinite(seen.loss)) cells[0] = numbers[1] / pass_.samples();
  }
  double elapsed_ms() override { return pass_.elapsed_ms(); }

 private:
  TestPass pass_;
};

}  // namespace

MeasurementKind test_accuracy() {
  return {.name = "test_accuracy",
          .meaning = "accuracy on the test samples",
          .always = true,
          .make = [](const MeasurementContext& c, const Options&) -> std::unique_ptr<Measurement> {
            return std::make_unique<TestAccuracy>(c);
          }};
}

}  // namespace brink::measurements
