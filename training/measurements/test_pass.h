// SPDX-License-Identifier: MIT
// A pass over the test samples, in evaluation mode if the network normalises.
#pragma once

#include <limits>
#include <memory>
#include <vector>

#include "kernels/stopwatch.h"
#include "kernels/tracer.h"
#include "training/measurements/kind.h"
#include "training/pass.h"

namespace brink::measurements {

/// Leaves two numbers on the device: the sums of the losses and of the right answers. Without test samples it does nothing.
class TestPass {
 public:
  explicit TestPass(const MeasurementContext& c) : time_(c.device) {
    if (c.test.empty()) return;
    samples_ = c.test.samples();
    BatchOptions batch = c.batch;
    if (batch.chunk >= c.train_samples) batch.chunk = std::numeric_limits<std::int64_t>::max();  // whole batches
    const Objective& objective = c.pass.evaluated();
    sum_ = std::make_unique<SampleSum>(c.device, objective, objective.loss, c.test, batch, std::vector<char>{1, 0},
                                       "evaluation");
  }
  bool is_empty() const { return !sum_; }
  double samples() const { return static_cast<double>(samples_); }
  int numbers() const { return sum_ ? 2 : 0; }
  void enqueue(Device& device, View theta, Scalar to) {
    if (!sum_) return;
    static const TraceName name{"evaluation", "phase"};
    const Traced span(device, name);
    time_.reset();
    time_.start();
    sum_->enqueue(theta, {}, {}, to);
    time_.stop();
  }
  double elapsed_ms() { return sum_ ? time_.ms() : 0; }

 private:
  std::int64_t samples_ = 0;
  std::unique_ptr<SampleSum> sum_;
  Stopwatch time_;
};

}  // namespace brink::measurements
