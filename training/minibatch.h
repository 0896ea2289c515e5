// SPDX-License-Identifier: MIT
// Minibatches: which training samples each update uses, and the gradient of their mean loss.
// The order depends on the seed and the step alone, so threads never affect it and a saved run needs no more than its step.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

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

/// Where an order of minibatches begins: its first step, and the number of the epoch that begins there.
struct OrderStart {
  std::int64_t step = 0, epoch = 0;
};

/// The units of each epoch in a random order of its own. A last group of another size keeps its place at the end, so all minibatches but the
/// last of an epoch have the same size.
class MinibatchOrder final : public Stateful {
 public:
  MinibatchOrder(const Device&, const MinibatchPlan&, std::uint64_t seed);

  /// The samples of the minibatch of this step, in host memory; valid until the next call. Allocates nothing.
  std::span<const std::int32_t> samples(std::int64_t step);
  /// The start of a new epoch at this step, with the first number that no epoch before had.
  OrderStart new_epoch(std::int64_t step) const;
  void restart(const OrderStart& start) { start_ = start; }
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
  std::int64_t arranged_ = -1;  // the epoch whose order is in memory
  OrderStart start_;
};

/// The gradient of one minibatch after another.
class Minibatches {
 public:
  /// Allocates all memory. Throws as plan_minibatches does, OutOfMemory.
  Minibatches(Device&, const Objective&, const Batch& train, const MinibatchOptions&, const BatchOptions&);

  /// Computes loss and gradient at θ of the minibatch of a step, and returns the loss. Waits for the device. Allocates nothing.
  double evaluate(std::int64_t step, View theta);
  /// Makes a CUDA device do once what an update does, so that it allocates here what it needs. Waits for it. Throws OutOfMemory.
  void prepare(View theta);
  /// Of the last evaluation.
  View gradient() const { return gradient_.view(); }
  std::int64_t samples() const { return plan_.samples; }
  /// As in MinibatchOrder.
  OrderStart new_epoch(std::int64_t step) const { return order_.new_epoch(step); }
  void restart(const OrderStart& start) { order_.restart(start); }

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

/// The minibatches of a run whose batch changes: those of each size, of which one or none is in force.
class MinibatchSizes final : public Stateful {
 public:
  /// sizes: each once, in samples. first: in force from step 0 on; 0: none. Allocates all memory. Throws as Minibatches does.
  MinibatchSizes(Device&, const Objective&, const Batch& train, std::span<const std::int64_t> sizes, std::int64_t first,
                 std::uint64_t seed, const BatchOptions&);

  /// Null: every update uses the whole training set.
  Minibatches* in_force() const { return in_force_; }
  /// Another size from this step on, with which a new epoch begins; 0: none. The size in force already changes nothing. Epochs are counted
  /// over all sizes, so none has the order of one before it.
  void change(std::int64_t samples, std::int64_t step);
  /// As in Minibatches, for each size.
  void prepare(View theta);
  void visit(StateVisitor&) override;
  /// After a state was read: the size in force.
  void restored(std::int64_t samples);

 private:
  Minibatches* find(std::int64_t samples) const;

  std::vector<std::unique_ptr<Minibatches>> sizes_;
  Minibatches* in_force_;
  OrderStart start_;  // of the size in force; without one, its epoch is the next one
};

}  // namespace brink
