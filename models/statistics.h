// SPDX-License-Identifier: MIT
// What it is: what evaluation mode normalises by: the ghost groups' means and variances, averaged with the groups' sizes as weights, in
// one pass over the training set at θ. What it is not: a running average, whose value would depend on the path to θ.
// Decision: the averages are sums over samples like the loss, so they have the same bits for every chunk, thread and device.
// Source: method of the paper, GhostBatchNorm; Ioffe & Szegedy 2015, algorithm 2, with the set's own groups as its minibatches.
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
  bool hessian = false;  ///< the Hessian, too, is that of the loss in evaluation mode, its statistics held fixed
};

/// Sums over samples whose layout has, behind the parameters, two vectors [C] for each normalisation: the group means, and the group
/// variances with ε added, each weighted by the group's samples. Graphs of the objective's builder have no other outputs.
Objective make_statistics_objective(const Model&, Dtype);

class NormStatistics {
 public:
  /// `train`: x and labels. All memory is taken here.
  NormStatistics(Device&, const Model&, Dtype, const BatchArrays& train, const BatchOptions&);

  /// Takes the statistics at θ, a vector of the parameters' layout. Waits for the device.
  void take(View theta);
  /// What graphs in evaluation mode share (models/model.h); the arrays' values change with every take.
  std::vector<View> shared() const;
  /// [C] of the i-th normalisation, in the device's memory: the mean, and 1/√(variance + ε).
  View mean(std::size_t i) const { return arrays_[2 * i].view(); }
  View inverse_deviation(std::size_t i) const { return arrays_[2 * i + 1].view(); }

 private:
  Device device_;
  Objective objective_;
  int parameters_;  // entries of the layout before the statistics
  SampleSum sum_;
  Array totals_;
  Array mirror_;  // of the totals on the host, where they lie on a GPU
  std::vector<Array> arrays_;
};

}  // namespace brink
