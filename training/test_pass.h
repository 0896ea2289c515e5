// SPDX-License-Identifier: MIT
// The pass over the test samples that every measured step has, in evaluation mode if the network normalises.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "autodiff/batch/objective.h"
#include "kernels/stopwatch.h"
#include "kernels/tracer.h"

namespace brink {

class TestPass {
 public:
  /// How many numbers a pass leaves on the device: the sums of the losses and of the right answers.
  static constexpr std::int64_t numbers = 2;

  /// evaluated: the loss of the samples. `test` has samples. Allocates all memory. Throws OutOfMemory.
  TestPass(Device& device, const Objective& evaluated, const Batch& test, const BatchOptions& options,
           std::int64_t train_samples)
      : device_(device),
        sum_(device, evaluated, evaluated.loss, test, whole_where(options, train_samples), {1, 0}, "evaluation"),
        time_(device) {}

  void enqueue(View theta, Scalar to) {
    static const TraceName name{"evaluation", "phase"};
    const Traced span(device_, name);
    time_.reset();
    time_.start();
    sum_.enqueue(theta, {}, {}, to);
    time_.stop();
  }
  /// Converts the numbers of a pass that have been copied to the host.
  LossAndCorrect of_totals(std::span<const double> totals) const {
    return LossAndCorrect::of_totals(sum_.plan(), totals);
  }
  double elapsed_ms() { return time_.ms(); }

 private:
  /// Where one block holds the whole training set, one holds all test samples too.
  static BatchOptions whole_where(BatchOptions options, std::int64_t train_samples) {
    if (options.chunk >= train_samples) options.chunk = std::numeric_limits<std::int64_t>::max();
    return options;
  }

  Device device_;
  SampleSum sum_;
  Stopwatch time_;
};

}  // namespace brink
