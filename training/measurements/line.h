// SPDX-License-Identifier: MIT
// The minimised loss and its derivatives on lines through θ, in float64 wherever the objective knows how: differences of such losses are
// divided by fourth powers of small distances.
#pragma once

#include "autodiff/batch/directional.h"
#include "training/measurements/kind.h"

namespace brink {

class LossOnLines {
 public:
  /// Allocates all memory.
  LossOnLines(const MeasurementContext&, const Objective& precise);

  Dtype dtype() const { return dtype_; }
  Array vector() const { return layout_.make_vector(dtype_, device_); }
  /// Takes θ in the precision of the run.
  void begin(Device&, View theta);
  View theta() const { return theta_.view(); }
  /// unit = v/‖v‖, v in the precision of the run; a zero vector stays zero.
  void normalise(Device&, View v, View unit, Scalar scratch);
  /// θ + distance·unit, valid until the next call.
  View move(Device&, double distance, View unit);
  /// Leaves L(θ + distance·unit), undivided.
  void loss(Device&, double distance, View unit, Scalar total);
  /// The same of θ + first·u + second·w.
  void loss(Device&, double first, View u, double second, View w, Scalar total);
  double mean(double total) const;

 private:
  Device device_;
  ParameterLayout layout_;
  Dtype dtype_;
  SampleSum loss_;
  Array theta_, moved_;
};

}  // namespace brink
