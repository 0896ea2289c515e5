// SPDX-License-Identifier: MIT
// The pass over the training samples that every step begins with: loss, gradient, and where they are needed the statistics of
// evaluation mode and the linearisation behind the Hessian–vector products.
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
      0;  ///< whose residuals are kept from the linearisation on; the others' are computed for each product
  std::int64_t residual_bytes = 0, allocated_bytes = 0;
  double gradient_seconds = 0;            ///< with the linearisation, where there is curvature
  std::optional<double> product_seconds;  ///< of a Hessian–vector product; absent: no curvature
};

class Pass {
 public:
  /// evaluation: of a network with normalisation, where its statistics are needed. Takes all memory but the Hessian's.
  Pass(Device&, const Objective&, const Batch& train, const BatchOptions&,
       const std::optional<EvaluationMode>& evaluation, bool evaluation_hessian);
  /// Makes products possible. The residuals take what memory is left, so this comes last. Throws OutOfMemory.
  void make_hessian(const Batch& train, const BatchOptions&);

  /// Enqueues the pass at θ of step t; `linearize`: products will be asked for.
  void enqueue(std::int64_t step, View theta, bool linearize);
  /// Takes the statistics of evaluation mode from the pass and, where the Hessian is that of evaluation mode, linearises there.
  /// Waits for the device where there are any.
  void take_statistics(View theta, bool linearize);
  /// Loss, right answers and gradient norm of a step's pass; waits for them.
  struct Numbers {
    LossAndCorrect loss;
    double gradient_norm;
  };
  Numbers receive(std::int64_t step);
  /// The step whose pass was enqueued last, −1 before the first; and whether that was with what `linearize` asks for.
  bool is_enqueued(std::int64_t step, bool linearize) const {
    return step_ == step && (linearized_ || !linearize || evaluation_hessian_);
  }
  /// The next `enqueue` starts anew whatever was enqueued.
  void forget() { step_ = -1; }

  const LinearOperator& hessian() const { return hessian_; }
  bool has_hessian() const { return hvp_ != nullptr; }
  View gradient() const { return {results_.view().data, Shape{layout_.extent()}, dtype_}; }
  View results() const { return results_.view(); }
  /// The objective in evaluation mode, for samples that are only answered; the descended one where no layer normalises.
  const Objective& evaluated() const { return evaluated_; }

  Stopwatch& product_time() { return product_time_; }
  double gradient_ms(std::int64_t step) { return turn(step).gradient_time.ms(); }
  double statistics_ms(std::int64_t step) { return turn(step).statistics_time.ms(); }
  /// Runs one block at θ to tell times.
  MemoryPlan plan(View theta);
  /// Has the device do once what a step does, so that it takes all memory it needs beside the buffers here. Waits. Throws OutOfMemory.
  void prepare(View theta, View scratch);

 private:
  /// What a pass sends to the host. Two take turns: the next step's is enqueued before this one's is received.
  struct Turn {
    explicit Turn(const Device& d) : numbers(d, 3), gradient_time(d), statistics_time(d) {}
    Scalars numbers;  // Σ loss, Σ correct, ‖g‖
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
  std::array<Turn, 2> turns_;
  Stopwatch product_time_;
  std::int64_t step_ = -1;
  bool linearized_ = false;
};

}  // namespace brink
