// SPDX-License-Identifier: MIT
// Minibatches that a measurement draws for itself, each independent of the others and of those of the updates.
// A draw depends on the seed, the step and its number alone, so threads never affect it and nothing of it is saved.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "autodiff/batch/sources.h"
#include "training/measurements/kind.h"
#include "training/minibatch.h"

namespace brink {

class MinibatchDraws {
 public:
  /// samples: of each minibatch, whole groups where a layer normalises. All training samples are one minibatch, with every group. Otherwise
  /// a last group of another size is never drawn. Throws as plan_minibatches does.
  MinibatchDraws(const MeasurementContext&, std::int64_t samples);

  /// The list of the rows that are drawn; its address is fixed.
  const RowList& rows() const { return rows_; }
  /// Draws without replacement. Allocates nothing. Waits for a CUDA device.
  void draw(Device&, std::int64_t step, int number);
  std::int64_t samples() const { return rows_.length(); }
  /// 1/b − 1/N with the N samples among which is drawn: what multiplies the covariance of one sample to give that of a minibatch's mean.
  double variance_factor() const;

 private:
  MinibatchPlan plan_;
  std::uint64_t seed_;
  Buffer order_;  // of the groups among which is drawn
  Array chosen_;  // in host memory
  RowList rows_;
};

/// The mean of independent numbers, and the standard error of that mean (0 for one number).
struct MeanWithError {
  double mean = 0, error = 0;
};
MeanWithError mean_with_error(std::span<const double> numbers);

/// The key for the number of draws.
Option draws_option(std::int64_t standard);
/// The key for the samples of a minibatch, 0 at first.
Option draw_samples_option();
/// The samples of a minibatch where the key is 0: one ghost group, otherwise 32 or half of the training samples. [C]
std::int64_t standard_draw(const Objective&, std::int64_t training_samples);
/// What is wrong with this number of samples of a minibatch; `of`: the key. 0 means standard_draw.
std::optional<OptionConflict> draw_conflict(std::string_view of, std::int64_t samples, const MeasurementSetting&,
                                            bool all_allowed);

}  // namespace brink
