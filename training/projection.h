// SPDX-License-Identifier: MIT
// Projected updates: the gradient without its part in the span of the unstable eigenvectors, or that part alone
// (docs/method.md, "Update rules").
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "autodiff/parameters.h"
#include "kernels/basis/basis.h"
#include "kernels/memory.h"
#include "training/errors.h"
#include "training/observed.h"
#include "training/rules/rule.h"
#include "training/state.h"

namespace brink {

enum class ProjectionMode : std::uint8_t {
  off,
  remove,  ///< the part along unstable eigenvectors is removed
  keep     ///< from the first step with an unstable eigenvector on, only that part is kept
};

struct ProjectionOptions {
  ProjectionMode mode = ProjectionMode::off;
  int most = 10;  ///< the largest number of unstable eigenvectors
  bool projects() const { return mode != ProjectionMode::off; }
  /// What is needed where these and those are in force one after the other.
  ProjectionOptions joined(const ProjectionOptions& others) const;
};

/// A step cannot be projected; a larger or smaller value of `key` may help.
struct ProjectionError : UsageError {
  ProjectionError(const std::string& message, std::string key_to_set)
      : UsageError(message), key(std::move(key_to_set)) {}
  std::string key;
};

/// An eigenvector is unstable if the surplus of its eigenvalue is positive. TrackedTop measures as many as it takes until one is not.
class UpdateProjection final : public Stateful {
 public:
  /// The first options in force. most: the largest number of unstable eigenvectors of any options that will be in force. Allocates
  /// all memory. Throws OutOfMemory.
  UpdateProjection(Device&, const ParameterLayout&, Dtype, const ProjectionOptions&, int most);

  /// Whether updates are projected now.
  bool projects() const { return options_.projects(); }
  /// Other options from this step on. Another mode begins as a run with that mode begins; returns whether it is another one.
  bool change(const ProjectionOptions&);
  /// After a state was read: the options in force.
  void restored(const ProjectionOptions& options) { options_ = options; }

  /// Throws ProjectionError if more eigenvectors are unstable than expected, or if they are not certified to the tolerance. A
  /// loss or gradient that is not finite needs no projection, and neither does a step without projection.
  void require_known(const Observed&, const UpdateRule&, double tolerance) const;
  /// The gradient to be descended; valid until the next call. eigenvectors: unit vectors as rows, in the order of the
  /// eigenvalues. Throws as require_known.
  View project(Observed&, const UpdateRule&, View eigenvectors, double tolerance, View gradient);
  /// Whether nothing was kept of the last gradient, so that its update was no step.
  bool nothing_kept() const { return nothing_kept_; }
  void visit(StateVisitor&) override;

 private:
  Device device_;
  ProjectionOptions options_;
  bool entered_ = false;  // whether an eigenvector has been unstable
  bool nothing_kept_ = false;
  Array projected_;
  std::vector<double> parts_;  // of the gradient along each unstable eigenvector
  Buffer scratch_;
};

}  // namespace brink
