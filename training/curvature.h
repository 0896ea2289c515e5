// SPDX-License-Identifier: MIT
// The tracked ends of the Hessian's spectrum at each measured step: numbers for the record and vectors for the measurements. Beside them the
// effective sharpness of a rule that preconditions.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "autodiff/parameters.h"
#include "spectral/tracker.h"
#include "training/observed.h"
#include "training/rules/rule.h"
#include "training/state.h"

namespace brink {

/// Standard normals in a vector of the layout, for Lanczos and the tracker; the gaps become +0.
FillNormal normals_of(const Device&, const ParameterLayout&, std::uint64_t seed);

class Curvature final : public Stateful {
 public:
  /// seed: for the tracker's random vectors. Allocates all memory. Throws OutOfMemory.
  Curvature(Device&, const ParameterLayout&, Dtype, const TrackerOptions&, std::uint64_t seed);

  /// Measures at step t and fills the spectrum and the products of `seen`. `cold_check`: with a cold run beside the warm one. A
  /// second call for the same step adds to the products.
  void measure(const LinearOperator& hessian, std::int64_t step, bool cold_check, Observed& seen);
  /// From now on `top` largest eigenvalues are measured.
  void track(int top) { tracker_.track(top); }
  /// Unit eigenvectors of the last measured step, rows of [top + bottom, extent], with room for the largest top.
  View eigenvectors() const { return tracker_.memory().vectors; }
  /// Those, and those of the measured step before it.
  std::pair<View, View> eigenvectors_of_two_steps() const {
    const EigenTracker::Memory m = tracker_.memory();
    return {m.vectors, m.older};
  }
  /// To be called when the operator has thrown: the state is again that before the step.
  void abandon() { tracker_.abandon(); }
  void visit(StateVisitor&) override;

 private:
  double tolerance_;  // of the certificates
  EigenTracker tracker_;
};

/// The largest eigenvalues of P^(−½) H P^(−½).
class EffectiveCurvature final : public Stateful {
 public:
  /// top: of its eigenvalues; those that `options` names are not used. Allocates all memory. Throws OutOfMemory.
  EffectiveCurvature(Device&, const ParameterLayout&, Dtype, TrackerOptions, std::uint64_t seed, int top = 1);

  /// As Curvature::measure; P is that of the update that `gradient` makes. Fills `effective` of `seen`.
  void measure(const LinearOperator& hessian, const Preconditioner&, View gradient, std::int64_t step, bool cold_check,
               Observed& seen);
  /// The same for an Observed of which nothing is to be filled. Valid until the next call.
  TrackerStep measure(const LinearOperator& hessian, const Preconditioner&, View gradient, std::int64_t step,
                      bool cold_check);
  void abandon() { tracker_.abandon(); }
  void visit(StateVisitor&) override;

 private:
  Device device_;
  Array inverse_root_, scaled_;
  EigenTracker tracker_;
};

}  // namespace brink
