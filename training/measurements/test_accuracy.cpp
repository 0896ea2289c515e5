// SPDX-License-Identifier: MIT
// The accuracy on the test samples, in evaluation mode if the network normalises.
#include <cmath>

#include "training/measurements/kind.h"

namespace brink::measurements {

namespace {

class TestAccuracy final : public Measurement {
 public:
  explicit TestAccuracy(const MeasurementContext& c) : samples_(c.test.empty() ? 0 : c.test.samples()) {}
  std::vector<Column> columns() const override {
    return {{"test_accuracy", "", "share of right answers on the test set", {.panel = "accuracy"}}};
  }
  void deliver(const Observed& seen, std::span<const double>, std::span<Cell> cells) override {
    if (samples_ > 0 && std::isfinite(seen.loss)) cells[0] = seen.test_correct / static_cast<double>(samples_);
  }

 private:
  std::int64_t samples_;
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
