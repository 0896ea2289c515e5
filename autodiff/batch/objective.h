// SPDX-License-Identifier: MIT
// The mean loss over the samples of a batch, its gradient, and any other sum over samples that is built as a graph.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "autodiff/batch/plan.h"
#include "autodiff/batch/runner.h"
#include "autodiff/batch/sources.h"
#include "autodiff/batch/sums.h"
#include "kernels/replay.h"
#include "kernels/scalars.h"

namespace brink {

/// The mean loss as a function of the parameters: what GD descends.
struct Objective {
  ParameterLayout layout;
  Dtype dtype = Dtype::f32;
  std::int64_t group = 0;   ///< samples per group of the sums over samples
  bool join_short = false;  ///< a short last group joins the one before it
  /// Outputs: loss (first), number of right answers; both undivided float64 sums over the block's samples.
  GraphBuilder loss;
  std::vector<View> shared = {};  ///< arrays in the device's memory for the graphs' shared inputs, by index
  std::vector<Parameter> sums =
      {};  ///< what the graphs' outputs in the role of sums are, indexed behind the parameters

  /// Of a gradient and of any other vector of results: the parameters' entries, at the same places, and the sums.
  ParameterLayout results() const;
};

struct BatchOptions {
  std::int64_t chunk = 0;         ///< samples per block, a multiple of the group; 0 chooses
  std::int64_t memory_bytes = 0;  ///< budget for kept residuals; 0: no limit
  std::int64_t limit_bytes =
      0;  ///< for everything on the device (allocated_bytes): what it leaves is a budget as well; 0: none
  std::shared_ptr<Arenas> arenas = {};  ///< shared with sums that are never taken at the same time; null: own ones
  std::shared_ptr<Arenas> arenas_or_own() const { return arenas ? arenas : std::make_shared<Arenas>(); }
};

/// How a sum of the objective over the batch is cut. Throws as the other plan_blocks.
BlockPlan plan_blocks(const Device&, const Objective&, const Batch&, const BatchOptions&);

/// What a pass over the batch gives beside vectors.
struct LossAndCorrect {
  double loss = 0;     ///< mean over the samples
  double correct = 0;  ///< number of samples
  /// Of the two totals, undivided, of such a pass.
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

  /// parameters and directions: vectors of the layout, [extent]; vector: of the results. `vector` and `samples` may be empty where the graph has no
  /// such outputs. The scalars' totals, undivided, are left in `totals`, where it is given: enqueued only. Allocates nothing.
  void enqueue(View parameters, std::span<const View> directions, View vector, Scalar totals,
               std::span<const View> samples = {});
  /// The same; the scalars are brought to the host, means divided. Waits for the device where there are any.
  void run(View parameters, std::span<const View> directions, View vector, std::span<double> scalars,
           std::span<const View> samples = {});
  /// Divides those of the totals that are means by the number of samples.
  void divide(std::span<double> totals) const { sum_.divide(totals, is_mean_); }
  std::int64_t flops() const { return runner_.flops(); }
  std::int64_t blocks() const { return static_cast<std::int64_t>(sum_.plan().blocks.size()); }
  const BlockPlan& plan() const { return sum_.plan(); }
  /// Told from one block's run.
  double expected_seconds(View parameters);

 private:
  Device device_;
  BlockSum sum_;
  BlockRows rows_;
  BlockRunner runner_;
  std::vector<char> is_mean_;
  std::vector<void*> memory_;
  Replay replay_;
};

/// Loss and gradient of the mean loss.
class Gradient {
 public:
  Gradient(Device&, const Objective&, const Batch&, const BatchOptions& = {});
  /// theta: a vector of the layout; gradient: of the results, [results().extent()]. Waits for the device. Allocates nothing.
  LossAndCorrect evaluate(View theta, View gradient);
  /// The same without a wait: two totals, undivided, are left in `totals`, where it is given.
  void evaluate(View theta, View gradient, Scalar totals) { sum_.enqueue(theta, {}, gradient, totals); }
  /// What such totals, of this or of a linearisation over the same samples, mean once they are on the host.
  LossAndCorrect of_totals(std::span<const double> totals) const { return LossAndCorrect::of_totals(plan(), totals); }
  std::int64_t flops() const { return sum_.flops(); }
  std::int64_t blocks() const { return sum_.blocks(); }
  const BlockPlan& plan() const { return sum_.plan(); }
  double expected_seconds(View theta) { return sum_.expected_seconds(theta); }

 private:
  SampleSum sum_;
};

}  // namespace brink
