// SPDX-License-Identifier: MIT
// The mean loss over the samples of a batch, its gradient, and any other sum over samples that is built as a graph.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "autodiff/batch/plan.h"
#include "autodiff/batch/runner.h"
#include "autodiff/batch/sources.h"
#include "autodiff/batch/sums.h"
#include "autodiff/transform.h"
#include "kernels/replay.h"
#include "kernels/scalars.h"

namespace brink {

/// Builds the two graphs of a product for a block of `samples` samples. The primal graph has the outputs of grad(objective.loss), or some of
/// them; the tangent graph outputs the product along direction 0, in the parameters' shapes.
using LinearizedBuilder = std::function<LinearizedGraph(std::int64_t samples)>;

/// The mean loss as a function of the parameters: what gradient descent minimises.
struct Objective {
  ParameterLayout layout;
  Dtype dtype = Dtype::f32;
  std::int64_t group = 0;   ///< samples per group of the sums over samples
  bool join_short = false;  ///< a short last group joins the one before it
  /// Outputs: loss (first), number of correctly classified samples; both are undivided float64 sums over the block's samples.
  GraphBuilder loss;
  std::vector<View> shared = {};  ///< arrays in the device's memory for the graphs' shared inputs, by index
  /// Whether the network normalises each group by itself, so that the samples of a group stay together in any batch.
  bool whole_groups = false;
  LinearizedBuilder gauss_newton = {};  ///< the loss's Gauss–Newton product by way of the network's output; null: none
  std::vector<Parameter> sums =
      {};  ///< the graphs' outputs in the role of sums; their indices follow those of the parameters
  /// The same function of the same data and of the same shared arrays, which it lacks yet, computed in float64; null where that is not known, or
  /// the precision is float64.
  std::function<Objective()> in_float64 = {};

  /// The layout of a gradient and of any other vector of results: the parameters' entries, at the same places, then the sums.
  ParameterLayout results() const;
};

struct BatchOptions {
  std::int64_t chunk = 0;         ///< samples per block, a multiple of the group; 0: chosen automatically
  std::int64_t memory_bytes = 0;  ///< budget for kept residuals; 0: no limit
  std::int64_t limit_bytes =
      0;  ///< limit for everything on the device (allocated_bytes); what it leaves also limits the residuals; 0: none
  std::shared_ptr<Arenas> arenas = {};  ///< shared with sums that are never taken at the same time; null: makes its own
  std::function<void()> before_pass =
      {};  ///< called before each pass over the batch, by the thread that asks for the pass; may throw, and the pass is not begun then
  std::shared_ptr<Arenas> arenas_or_own() const { return arenas ? arenas : std::make_shared<Arenas>(); }
  /// The same for products whose residuals are computed anew in each: they leave memory to others.
  BatchOptions recomputing() const {
    BatchOptions out = *this;
    out.memory_bytes = 1;
    return out;
  }
};

/// The objective in float64, or as it is where it cannot be had in that precision.
Objective in_float64(const Objective&);

/// The blocks of a sum of the objective over the batch. Throws as plan_blocks in plan.h does.
BlockPlan plan_blocks(const Device&, const Objective&, const Batch&, const BatchOptions&);

/// The numbers that a pass over the batch gives in addition to vectors.
struct LossAndCorrect {
  double loss = 0;     ///< mean over the samples
  double correct = 0;  ///< number of correctly classified samples
  /// From the two undivided totals of a pass.
  static LossAndCorrect of_totals(const BlockPlan& plan, std::span<const double> totals) {
    return {totals[0] / static_cast<double>(plan.samples), totals[1]};
  }
};

/// Σ over a batch of any graph whose outputs are scalars, parameter-shaped sums and rows of samples.
class SampleSum {
 public:
  /// is_mean[i]: whether scalar output i is a mean (divided by the number of samples) or a plain sum. name: for tracers.
  SampleSum(Device&, const Objective&, const GraphBuilder&, const Batch&, const BatchOptions&,
            std::vector<char> is_mean, const std::string& name = "sum");

  /// parameters and directions: vectors of the layout, [extent]; vector: of the results. `vector` and `samples` may be empty if the graph has no
  /// such outputs. If `totals` is given, the scalars' undivided totals are left there. Enqueues only; allocates nothing.
  void enqueue(View parameters, std::span<const View> directions, View vector, Scalar totals,
               std::span<const View> samples = {});
  /// As enqueue, but copies the scalars to the host and divides the means. Waits for the device if there are scalars.
  void run(View parameters, std::span<const View> directions, View vector, std::span<double> scalars,
           std::span<const View> samples = {});
  /// Divides the totals that are means by the number of samples.
  void divide(std::span<double> totals) const { sum_.divide(totals, is_mean_); }
  std::int64_t flops() const { return runner_.flops(); }
  std::int64_t blocks() const { return static_cast<std::int64_t>(sum_.plan().blocks.size()); }
  const BlockPlan& plan() const { return sum_.plan(); }
  /// Seconds of a sum, estimated from one block's run.
  double expected_seconds(View parameters);

 private:
  Device device_;
  BlockSum sum_;
  BlockRows rows_;
  BlockRunner runner_;
  std::vector<char> is_mean_;
  std::function<void()> before_pass_;
  std::vector<void*> memory_;
  Replay replay_;
};

/// The mean loss and its gradient.
class Gradient {
 public:
  Gradient(Device&, const Objective&, const Batch&, const BatchOptions& = {});
  /// theta: a vector of the layout; gradient: of the results, [results().extent()]. Waits for the device. Allocates nothing.
  LossAndCorrect evaluate(View theta, View gradient);
  /// As above, without waiting. If `totals` is given, the two totals are left there, not divided by the number of samples.
  void evaluate(View theta, View gradient, Scalar totals) { sum_.enqueue(theta, {}, gradient, totals); }
  /// Converts totals that have been copied to the host: those of evaluate, or of a linearisation over the same samples.
  LossAndCorrect of_totals(std::span<const double> totals) const { return LossAndCorrect::of_totals(plan(), totals); }
  std::int64_t flops() const { return sum_.flops(); }
  std::int64_t blocks() const { return sum_.blocks(); }
  const BlockPlan& plan() const { return sum_.plan(); }
  double expected_seconds(View theta) { return sum_.expected_seconds(theta); }

 private:
  SampleSum sum_;
};

}  // namespace brink
