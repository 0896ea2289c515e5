// SPDX-License-Identifier: MIT
// The pass over the training samples that begins every step: loss, gradient and, where needed, the statistics of evaluation
// mode and the linearisation for Hessian–vector products.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "autodiff/batch/linearized.h"
#include "kernels/scalars.h"
#include "kernels/stopwatch.h"
#include "models/statistics.h"
#include "spectral/linear_operator.h"

namespace brink {

/// What memory allows, reported before a run starts.
struct MemoryPlan {
  struct Blocks {
    std::int64_t count, samples;
    friend bool operator==(const Blocks&, const Blocks&) = default;
  };
  std::vector<Blocks> sizes;  ///< all blocks, by their samples, the largest first
  std::int64_t blocks = 0;
  std::int64_t kept_blocks =
      0;  ///< blocks whose residuals are kept; those of the others are computed again in each product
  std::int64_t residual_bytes = 0, allocated_bytes = 0;
  double gradient_seconds = 0;            ///< with the linearisation, if the spectrum is measured
  std::optional<double> product_seconds;  ///< of a Hessian–vector product; absent if no spectrum is measured
};

class Pass {
 public:
  /// evaluation: of a network with normalisation, where its statistics are needed. Takes all memory but the Hessian's.
  Pass(Device&, const Objective&, const Batch& train, const BatchOptions&,
       const std::optional<EvaluationMode>& evaluation, bool evaluation_hessian);
  /// Makes products possible. The residuals take what memory is left, so this comes last. Throws OutOfMemory.
  void make_hessian(const Batch& train, const BatchOptions&);

  /// Enqueues the pass at θ of step t; `linearize`: for products.
  void enqueue(std::int64_t step, View theta, bool linearize);
  /// Takes the statistics of evaluation mode from the pass and, if the Hessian is that of evaluation mode, linearises there.
  /// Waits for the device if there are statistics.
  void take_statistics(View theta, bool linearize);
  /// Loss, correct answers and gradient norm of a step's pass; waits for them.
  struct Numbers {
    LossAndCorrect loss;
    double gradient_norm;
  };
  Numbers receive(std::int64_t step);
  /// Whether the last pass enqueued was that of `step` (−1: none yet), with what `linearize` asks for.
  bool is_enqueued(std::int64_t step, bool linearize) const {
    return step_ == step && (linearized_ || !linearize || evaluation_hessian_);
  }
  /// Makes the next `enqueue` start anew, whatever was enqueued.
  void forget() { step_ = -1; }

  const LinearOperator& hessian() const { return hessian_; }
  bool has_hessian() const { return hvp_ != nullptr; }
  View gradient() const { return {results_.view().data, Shape{layout_.extent()}, dtype_}; }
  View results() const { return results_.view(); }
  /// The objective in evaluation mode, for samples that are only answered; the minimised objective if no layer normalises.
  const Objective& evaluated() const { return evaluated_; }

  Stopwatch& product_time() { return product_time_; }
  double gradient_ms(std::int64_t step) { return turn(step).gradient_time.ms(); }
  double statistics_ms(std::int64_t step) { return turn(step).statistics_time.ms(); }
  /// Runs one block at θ to estimate times.
  MemoryPlan plan(View theta);
  /// Makes the device do once what a step does, so that it allocates what it needs beside the buffers here. Waits. Throws
  /// OutOfMemory.
  void prepare(View theta, View scratch);

 private:
  /// What a pass sends to the host. There are two, because the next step's pass is enqueued before this one's numbers are
  /// received.
  struct Turn {
    explicit Turn(const Device& d) : numbers(d, 4), gradient_time(d), statistics_time(d) {}
    Scalars numbers;  // Σ loss, Σ correct, ‖g‖, ‖2^lift g‖
    Stopwatch gradient_time, statistics_time;
  };
  Turn& turn(std::int64_t step) { return turns_[static_cast<std::size_t>(step % 2)]; }

  Device device_;
  ParameterLayout layout_;
  Dtype dtype_;
  bool evaluation_hessian_;
  Objective descended_, evaluated_;
  std::unique_ptr<NormStatistics> statistics_;
  std::unique_ptr<Gradient> gradient_only_;
  std::unique_ptr<Hvp> hvp_;
  LinearOperator hessian_;
  Array results_, other_gradient_;  // other_gradient_: of the loss in evaluation mode, not used
  Array lifted_;  // in float64: the gradient times a power of two, for its norm where squares underflow
  std::array<Turn, 2> turns_;
  Stopwatch product_time_;
  std::int64_t step_ = -1;
  bool linearized_ = false;
};

}  // namespace brink
