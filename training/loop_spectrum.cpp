// SPDX-License-Identifier: MIT
// The part of a step that measures the spectrum: how many eigenvalues, checks at events, and what follows from them.
#include <algorithm>
#include <chrono>
#include <limits>

#include "kernels/tracer.h"
#include "training/loop.h"

namespace brink {

namespace {

const TraceName spectrum_name{"spectrum", "phase"};

using Clock = std::chrono::steady_clock;
double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

}  // namespace

void Trainer::prepare_tracking() {
  if (options_.track_above <= 0 && !projection_) return;
  const TrackerOptions& t = *options_.tracker;
  tracked_.emplace(t.top);
  limit_tracking();
  if (options_.track_above > 0)
    branches_ = std::make_unique<Branches>(device_, layout_.extent(), std::max(t.top, t.most_top));
}

/// What measure.track_above and the projection in force need.
void Trainer::limit_tracking() {
  if (!tracked_) return;
  const TrackerOptions& t = *options_.tracker;
  const ProjectionOptions& projection = changes_->projection();
  const bool counts = options_.track_above > 0;
  double above = counts ? options_.track_above : std::numeric_limits<double>::infinity();
  int most = counts ? std::max(t.top, t.most_top) : t.top;
  if (projection.projects()) {
    above = std::min(above, 1.0);
    most = std::max(most, projection.most + 1);
  }
  tracked_->limit(above, most);
}

void Trainer::measure_spectrum(bool cold_check) {
  const Traced span(device_, spectrum_name);
  const Clock::time_point start = Clock::now();
  const std::vector<Eigenvalue>& top = seen_.spectrum.top;
  // Only what decides about events is checked at events.
  const Preconditioner* preconditioner = rule().preconditioner();
  try {
    if (!cold_check || !preconditioner) measure_eigenvalues(cold_check);
    if (preconditioner && effective_)
      effective_->measure(hessian_, *preconditioner, rule_gradient(), step_, cold_check, seen_);
    else if (!top.empty())
      seen_.effective = {top[0].value, top[0].residual,          seen_.spectrum.scale,    seen_.spectrum.redone,
                         {},           seen_.spectrum.asymmetry, seen_.spectrum.symmetric};
    else
      seen_.effective.reset();
  } catch (const StepAbandoned&) {
    abandon();
    throw;
  }
  seen_.surplus.reset();
  if (seen_.effective) seen_.surplus = rule().surplus(seen_.learning_rate, seen_.effective->value);
  seen_.spectrum_ms += ms_since(start);
}

void Trainer::measure_eigenvalues(bool cold_check) {
  if (tracked_) curvature_->track(tracked_->count());
  curvature_->measure(hessian_, step_, cold_check, seen_);
  while (tracked_ && tracked_->grow(seen_, rule())) {
    curvature_->track(tracked_->count());
    curvature_->measure(hessian_, step_, false, seen_);
  }
}

/// At every event a cold run checks the warm one before anything is recorded.
void Trainer::confirm_event() {
  if (seen_.surplus && events_.ahead(step_, *seen_.surplus).event) measure_spectrum(true);
}

void Trainer::follow_branches() {
  seen_.unstable = tracked_->found(seen_, rule(), options_.tracker->tolerance);
  const auto [vectors, older] = curvature_->eigenvectors_of_two_steps();
  seen_.branches = branches_->follow(vectors, older, static_cast<int>(seen_.spectrum.top.size()), step_);
}

bool Trainer::sharpness_certified() const {
  return seen_.effective->symmetric &&
         is_certified(seen_.effective->residual, seen_.effective->scale, options_.tracker->tolerance);
}

}  // namespace brink
