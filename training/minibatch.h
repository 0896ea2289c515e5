// SPDX-License-Identifier: MIT
// Minibatches: which training samples each update uses, and the gradient of their mean loss.
// The order depends on the seed and the step alone, so threads never affect it and a saved run needs no more than its step.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "autodiff/batch/objective.h"
#include "kernels/memory.h"
#include "kernels/scalars.h"
#include "training/state.h"

namespace brink {

struct MinibatchOptions {
  std::int64_t samples = 0;  ///< of a minibatch; 0: every update uses the whole training set
  std::uint64_t seed = 0;    ///< of the order
};

/// How an epoch is cut into minibatches. A unit is what is never cut: a group of samples that are normalised together, otherwise one
/// sample.
struct MinibatchPlan {
  std::int64_t training_samples = 0;
  std::int64_t unit = 1, units = 0;            ///< samples of a unit; units of the training set
  std::int64_t batch_units = 0;                ///< units of a minibatch
  std::int64_t samples = 0, last_samples = 0;  ///< of a minibatch; of the last one of an epoch
  std::int64_t updates() const { return (units + batch_units - 1) / batch_units; }  ///< of an epoch
};
/// Throws std::invalid_argument if the minibatch is empty or larger than the training set, or would cut a group.
MinibatchPlan plan_minibatches(const Objective&, std::int64_t training_samples, std::int64_t batch_samples);

/// The units of each epoch in a random order of its own. A last group of another size keeps its place at the end, so all minibatches but the
/// last of an epoch have the same size.
class MinibatchOrder final : public Stateful {
 public:
  MinibatchOrder(const Device&, const MinibatchPlan&, std::uint64_t seed);

  /// The samples of the minibatch of this step, in host memory; valid until the next call. Allocates nothing.
  std::span<const std::int32_t> samples(std::int64_t step);
  /// Starts a new epoch at this step. Its order is one that no epoch before had.
  void restart(std::int64_t step);
  void visit(StateVisitor&) override;

 private:
  struct Place {
    std::int64_t epoch, batch;
  };
  Place place_of(std::int64_t step) const;
  void arrange(std::int64_t epoch);

  MinibatchPlan plan_;
  std::uint64_t seed_;
  Buffer order_;  // of the units that change places
  Array samples_;
  std::int64_t arranged_ = -1;                     // the epoch whose order is in memory
  std::int64_t first_step_ = 0, first_epoch_ = 0;  // where the present order began
};

/// The gradient of one minibatch after another.
class Minibatches final : public Stateful {
 public:
  /// Allocates all memory. Throws as plan_minibatches does, OutOfMemory.
  Minibatches(Device&, const Objective&, const Batch& train, const MinibatchOptions&, const BatchOptions&);

  /// Computes loss and gradient at θ of the minibatch of a step, and returns the loss. Waits for the device. Allocates nothing.
  double evaluate(std::int64_t step, View theta);
  /// Makes a CUDA device do once what an update does, so that it allocates here what it needs. Waits for it. Throws OutOfMemory.
  void prepare(View theta);
  /// Of the last evaluation.
  View gradient() const { return gradient_.view(); }
  /// As in MinibatchOrder.
  void restart(std::int64_t step) { order_.restart(step); }
  void visit(StateVisitor& v) override { order_.visit(v); }

 private:
  /// A sum over minibatches of one size.
  struct Sized {
    Sized(Device&, const Objective&, const Batch& train, std::int64_t samples, const BatchOptions&);
    RowList rows;
    Gradient sum;
  };

  Device device_;
  MinibatchPlan plan_;
  MinibatchOrder order_;
  Sized regular_;
  std::unique_ptr<Sized> last_;  // null if the last minibatch of an epoch has the size of the others
  Array gradient_;
  Scalars totals_;
};

}  // namespace brink
