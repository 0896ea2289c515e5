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
