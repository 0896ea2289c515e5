// SPDX-License-Identifier: MIT
// The accuracy on the test samples, in evaluation mode if the network normalises.
#include <cmath>
#include <limits>

#include "kernels/stopwatch.h"
#include "kernels/tracer.h"
#include "training/measurements/kind.h"
#include "training/pass.h"

namespace brink::measurements {

namespace {

const TraceName evaluation_name{"evaluation", "phase"};

class TestAccuracy final : public Measurement {
 public:
  explicit TestAccuracy(const MeasurementContext& c) : time_(c.device) {
    if (c.test.empty()) return;
    samples_ = c.test.samples();
    BatchOptions batch = c.batch;
    if (batch.chunk >= c.train_samples) batch.chunk = std::numeric_limits<std::int64_t>::max();  // whole batches
    const Objective& objective = c.pass.evaluated();
    sum_ = std::make_unique<SampleSum>(c.device, objective, objective.loss, c.test, batch, std::vector<char>{1, 0},
                                       "evaluation");
  }
  std::vector<Column> columns() const override {
    return {{"test_accuracy", "", "share of right answers on the test set", {.panel = "accuracy"}}};
  }
  int numbers() const override { return sum_ ? 2 : 0; }
  void enqueue(Device& device, const StepView& at, Scalar to) override {
    if (!sum_) return;
    const Traced span(device, evaluation_name);
    time_.reset();
    time_.start();
    sum_->enqueue(at.thetas[0], {}, {}, to);
    time_.stop();
  }
  void deliver(const Observed& seen, std::span<const double> numbers, std::span<Cell> cells) override {
    if (sum_ && std::isfinite(seen.loss)) cells[0] = numbers[1] / static_cast<double>(samples_);
  }
  double elapsed_ms() override { return sum_ ? time_.ms() : 0; }

 private:
  std::int64_t samples_ = 0;
  std::unique_ptr<SampleSum> sum_;
  Stopwatch time_;
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
