// SPDX-License-Identifier: MIT
// What evaluation mode normalises by: the ghost groups' means and variances at θ, averaged with the groups' sizes as weights.
// Unlike a running average they do not depend on the path to θ.
// The averages are sums over samples like the loss, so they have the same bits for every chunk, thread and device.
// Source: docs/method.md, "GhostBatchNorm"; Ioffe & Szegedy 2015, algorithm 2, with the set's own groups as its minibatches.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "models/model.h"

namespace brink {

/// How a network with normalisation is evaluated.
struct EvaluationMode {
  Model model;
  Loss loss = Loss::cross_entropy;
  bool hessian = false;  ///< the Hessian is that of the loss in evaluation mode, with fixed statistics
};

/// The objective that gradient descent minimises, with the statistics of the same pass. After the parameters its results hold
/// two vectors [C] for each normalisation, each weighted by the group's samples: the group means, and the group variances with
/// ε added.
Objective make_objective_with_statistics(const Model&, Loss, Dtype);

class NormStatistics {
 public:
  /// Allocates all memory.
  NormStatistics(Device&, const Model&, Dtype);

  /// Copies them from the results of a pass with statistics. Waits for the device.
  void take(View results);
  /// The values that graphs in evaluation mode share (models/model.h); they change with every take.
  std::vector<View> shared() const;
  /// [C] of the i-th normalisation, in the device's memory: the mean, and 1/√(variance + ε).
  View mean(std::size_t i) const { return arrays_[2 * i].view(); }
  View inverse_deviation(std::size_t i) const { return arrays_[2 * i + 1].view(); }

 private:
  Device device_;
  ParameterLayout layout_;  // of the statistics only
  std::int64_t first_;      // index of their first element in the results
  Array host_;
  std::vector<Array> arrays_;
};

}  // namespace brink
