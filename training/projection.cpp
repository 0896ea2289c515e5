// SPDX-License-Identifier: MIT
#include "training/projection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "kernels/memory_count.h"
#include "training/errors.h"
#include "training/io/readable.h"
#include "training/tracked_top.h"

namespace brink {

namespace {

bool has_diverged(const Observed& seen) { return !std::isfinite(seen.loss) || !std::isfinite(seen.gradient_norm); }

std::size_t unstable_of(const Observed& seen, const UpdateRule& rule) { return leading_above(seen, rule, 0); }

}  // namespace

ProjectionOptions ProjectionOptions::joined(const ProjectionOptions& others) const {
  if (!others.projects()) return *this;
  return {others.mode, projects() ? std::max(most, others.most) : others.most};
}

UpdateProjection::UpdateProjection(Device& device, const ParameterLayout& layout, Dtype dtype,
                                   const ProjectionOptions& options, int most)
    : device_(device), options_(options) {
  const CountedPart part(device, "the projected gradient");
  projected_ = layout.make_vector(dtype, device);
  parts_.resize(static_cast<std::size_t>(most));
  scratch_ = Buffer(project_scratch(layout.extent(), most) * static_cast<std::int64_t>(sizeof(double)), device.host());
}

bool UpdateProjection::change(const ProjectionOptions& options) {
  const bool another = options.mode != options_.mode;
  if (another) entered_ = nothing_kept_ = false;
  options_ = options;
  return another;
}

void UpdateProjection::require_known(const Observed& seen, const UpdateRule& rule, double tolerance) const {
  if (!projects() || has_diverged(seen)) return;
  if (!seen.measured)
    throw ProjectionError(
        fmt::format(
            "training.project: at step {} no eigenvalue could be measured, because a product with the Hessian is not "
            "finite; choose a smaller training.learning_rate",
            seen.step),
        "training.learning_rate");
  const std::vector<Eigenvalue>& top = seen.spectrum.top;
  const std::size_t unstable = unstable_of(seen, rule);
  if (unstable > static_cast<std::size_t>(options_.most))
    throw ProjectionError(
        fmt::format("training.project: at step {} more than training.project_most = {} eigenvalues are above the "
                    "threshold {}; set a larger training.project_most",
                    seen.step, options_.most, readable(seen.threshold)),
        "training.project_most");
  // The first stable one decides that there are no more.
  for (std::size_t i = 0; i < std::min(unstable + 1, top.size()); ++i)
    if (!is_certified(top[i].residual, seen.spectrum.scale, tolerance))
      throw ProjectionError(
          fmt::format("training.project: at step {} eigenvalue {} is not certified, so the unstable directions are not "
                      "known: its residual is {}, and measure.tolerance allows {}; set a larger measure.budget or "
                      "measure.tolerance",
                      seen.step, i + 1, readable(top[i].residual), readable(tolerance * seen.spectrum.scale)),
          "measure.budget");
}

View UpdateProjection::project(Observed& seen, const UpdateRule& rule, View eigenvectors, double tolerance,
                               View gradient) {
  if (!projects() || has_diverged(seen)) return gradient;
  require_known(seen, rule, tolerance);
  const std::size_t unstable = unstable_of(seen, rule);
  const bool keeps = options_.mode == ProjectionMode::keep && (entered_ || unstable > 0);
  entered_ = entered_ || unstable > 0;
  nothing_kept_ = keeps && unstable == 0;
  seen.projected = static_cast<std::int64_t>(unstable);
  const View out = projected_.view();
  if (nothing_kept_) {
    set_zero(device_, out);
    return out;
  }
  if (unstable == 0) return gradient;
  const std::int64_t extent = gradient.shape[0];
  const ColumnSet u{eigenvectors.data, extent, extent, static_cast<int>(unstable), gradient.dtype};
  brink::project(device_, u, gradient, parts_.data(), scratch_.span<double>().data());
  if (keeps)
    brink::combine(device_, u, parts_.data(), {out.data, extent, extent, 1, gradient.dtype});
  else
    (void)brink::subtract(device_, u, parts_.data(), gradient, out);
  return out;
}

void UpdateProjection::visit(StateVisitor& v) { v.number_as("entered", entered_); }

}  // namespace brink
