// SPDX-License-Identifier: MIT
// What it is: the functions of a whole batch that training and spectra call: sums over samples (loss, gradient, anything
// built as a graph) and the Hessian–vector product, linearised once for each θ.
// What it is not: a model or a data set.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "autodiff/block_data.h"
#include "autodiff/block_runner.h"
#include "autodiff/transform.h"
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
};

/// The block size that `chunk = 0` chooses: one group on the CPU; on a CUDA device all samples, or, where their rows are made
/// (made_bytes a sample), what fits into 64 MiB.
std::int64_t choose_chunk(std::int64_t samples, std::int64_t group, Where = Where::cpu, std::int64_t made_bytes = 0);

/// Σ over a batch of any graph whose outputs are scalars, parameter-shaped sums and rows of samples.
class SampleSum {
 public:
  /// is_mean[i]: whether scalar output i is a mean (divided by the number of samples) or a plain sum. name: for tracers.
  SampleSum(Device&, const Objective&, const GraphBuilder&, const BatchArrays& data, const BatchOptions&,
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
  BlockData data_;
  BlockRunner runner_;
  std::vector<char> is_mean_;
  std::vector<void*> memory_;
  Replay replay_;
};

/// What a pass over the batch gives beside vectors.
struct LossAndCorrect {
  double loss = 0;     ///< mean over the samples
  double correct = 0;  ///< number of samples
};

/// Loss and gradient of the mean loss.
class Gradient {
 public:
  Gradient(Device&, const Objective&, const BatchArrays& data, const BatchOptions& = {});
  /// theta: a vector of the layout; gradient: of the results, [results().extent()]. Waits for the device. Allocates nothing.
  LossAndCorrect evaluate(View theta, View gradient);
  /// The same without a wait: two totals, undivided, are left in `totals`, where it is given.
  void evaluate(View theta, View gradient, Scalar totals) { sum_.enqueue(theta, {}, gradient, totals); }
  /// What such totals, of this or of a linearisation over the same samples, mean once they are on the host.
  LossAndCorrect of_totals(std::span<const double> totals) const;
  std::int64_t flops() const { return sum_.flops(); }
  std::int64_t blocks() const { return sum_.blocks(); }
  const BlockPlan& plan() const { return sum_.plan(); }
  double expected_seconds(View theta) { return sum_.expected_seconds(theta); }

 private:
  SampleSum sum_;
};

/// H(θ)v of the mean loss by forward-over-reverse differentiation, exact (Pearlmutter 1994); everything that does not depend
/// on v is computed once for each θ and kept.
class Hvp {
 public:
  Hvp(Device&, const Objective&, const BatchArrays& data, const BatchOptions& = {});

  /// Loss and gradient, a vector of the results, at θ, and all residuals. θ is copied, so it may change before apply. Waits for the
  /// device.
  LossAndCorrect linearize_at(View theta, View gradient);
  /// The same without a wait: two totals, undivided, are left in `totals`, where it is given.
  void linearize_at(View theta, View gradient, Scalar totals);
  /// hv = H v.  v, hv: vectors of the layout; hv does not overlap v. Allocates nothing.
  void apply(View v, View hv);

  /// Elements of a vector, gaps included.
  std::int64_t dim() const { return extent_; }
  std::int64_t tangent_flops() const { return tangent_.flops(); }
  std::int64_t primal_flops() const { return primal_.flops(); }
  /// Of the residuals of all blocks, as they are computed again; 0 where all are kept.
  std::int64_t recompute_flops() const { return recompute_ ? recompute_->flops() : 0; }
  /// Blocks whose residuals are kept; the others are recomputed in every apply, to the same bits.
  std::int64_t kept_blocks() const { return kept_; }
  std::int64_t blocks() const { return static_cast<std::int64_t>(sum_.plan().blocks.size()); }
  std::int64_t residual_bytes() const { return store_.bytes(); }
  /// Seconds of a linearisation and of a product, told from one block's run of each.
  struct Expected {
    double linearization, product;
  };
  Expected expected_seconds(View theta);

 private:
  Hvp(Device&, const Objective&, const BatchArrays& data, const BatchOptions&, const BlockPlan&,
      const std::shared_ptr<Arenas>&, std::map<std::int64_t, Linearized> by_samples);
  char* residuals_of(int worker, std::size_t block);
  void linearize_block(int worker, std::size_t block, const BlockSum::Slot&);
  void recompute_block(int worker, std::size_t block);
  void apply_to_block(int worker, std::size_t block, View v, const BlockSum::Slot&);
  View slot_or(const Array& slot, View given) const;

  Device device_;
  std::int64_t extent_;
  BlockSum sum_;
  BlockData data_;
  BlockRunner primal_, tangent_;
  std::unique_ptr<BlockRunner> recompute_;  // residuals without sums, where not all blocks keep theirs
  Array theta_;
  Buffer store_;
  std::vector<std::int64_t> offsets_;  // of each kept block, then of each worker's scratch slot
  std::int64_t kept_ = 0;
  Array v_, hv_, gradient_;  // on a CUDA device: fixed memory for captured work
  Replay replay_;
};

}  // namespace brink
