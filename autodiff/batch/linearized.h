// SPDX-License-Identifier: MIT
// Products of a linearised function over a batch: the primal program runs once for each θ, the tangent program once for each vector or
// for several at a time, and the residuals between them are kept where memory allows.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "autodiff/batch/objective.h"
#include "autodiff/batch/runner.h"
#include "autodiff/batch/sources.h"
#include "autodiff/batch/sums.h"
#include "autodiff/transform.h"
#include "kernels/replay.h"
#include "kernels/scalars.h"

namespace brink {

/// The Hessian of the mean loss by forward-over-reverse differentiation, exact (Pearlmutter 1994).
LinearizedBuilder hessian_of(const Objective&);

class Linearized {
 public:
  /// together: the number of vectors that one run of the tangent program takes if there are several.
  Linearized(Device&, const Objective&, const LinearizedBuilder&, const Batch&, const BatchOptions& = {},
             int together = 1);

  /// Computes the loss, the gradient (a vector of the results) and all residuals at θ. Numbers that the primal graph does not output are
  /// unspecified; if the gradient is one of them, `gradient` may be empty. θ and the rows that a list names are copied, so they may change before apply. Waits for the device.
  LossAndCorrect linearize_at(View theta, View gradient);
  /// As above, without waiting. If `totals` is given, the two totals are left there, not divided by the number of samples.
  void linearize_at(View theta, View gradient, Scalar totals);
  /// products[j] = A vectors[j], with the same bits for any number of vectors. vectors, products: vectors of the layout, one after the other
  /// without gaps, [k, extent] or [extent]; they do not overlap. Allocates nothing.
  void apply(View vectors, View products);

  /// Elements of a vector, gaps included.
  std::int64_t dim() const { return extent_; }
  /// Floating-point operations of one product.
  std::int64_t tangent_flops() const { return one_.runner.flops(); }
  std::int64_t primal_flops() const { return primal_.flops(); }
  /// Floating-point operations that compute the residuals of all blocks again; 0 if all residuals are kept.
  std::int64_t recompute_flops() const { return recompute_ ? recompute_->flops() : 0; }
  /// Blocks whose residuals are kept; the others are recomputed in every run of the tangent program, to the same bits.
  std::int64_t kept_blocks() const { return kept_; }
  std::int64_t blocks() const { return static_cast<std::int64_t>(sum_.plan().blocks.size()); }
  std::int64_t residual_bytes() const { return store_.bytes(); }
  /// Seconds of a linearisation and of a product, estimated from one block's run of each.
  struct Expected {
    double linearization, product;
  };
  Expected expected_seconds(View theta);

 private:
  /// The tangent program for `directions` directions at a time.
  struct Tangent {
    int directions;
    BlockRunner runner;
    Replay replay;
  };
  Linearized(Device&, const Objective&, const LinearizedBuilder&, const Batch&, const BatchOptions&, int together,
             const BlockPlan&, const std::shared_ptr<Arenas>&, std::map<std::int64_t, LinearizedGraph> by_samples);
  char* residuals_of(int worker, std::size_t block);
  void linearize_block(int worker, std::size_t block, const BlockSum::Slot&);
  void recompute_block(int worker, std::size_t block);
  void apply_to_block(Tangent&, int worker, std::size_t block, std::span<const View> vectors, const BlockSum::Slot&);
  void apply(Tangent&, View vectors, View products);
  BlockSum& sum_of(const Tangent& t) { return t.directions > 1 ? *sum_of_several_ : sum_; }

  Device device_;
  std::int64_t extent_;
  BlockSum sum_;
  std::optional<BlockSum> sum_of_several_;  // for several vectors at a time
  BlockRows rows_;
  BlockRunner primal_;
  Tangent one_;
  std::unique_ptr<Tangent> several_;        // the program for several vectors at a time
  std::unique_ptr<BlockRunner> recompute_;  // computes residuals without sums, if not all blocks keep theirs
  Array theta_;
  std::function<void()> before_pass_;
  Buffer store_;
  std::vector<std::int64_t> offsets_;  // of each kept block, then of each worker's scratch slot
  std::int64_t kept_ = 0;
  std::vector<View> vectors_;                // of the current run
  Array fixed_v_, fixed_product_, fixed_g_;  // on a CUDA device: fixed memory for captured work
  Replay replay_;
};

/// H(θ)v of the mean loss.
class Hvp : public Linearized {
 public:
  Hvp(Device& device, const Objective& objective, const Batch& batch, const BatchOptions& options = {},
      int together = 1)
      : Linearized(device, objective, hessian_of(objective), batch, options, together) {}
};

}  // namespace brink
