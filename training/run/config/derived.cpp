// SPDX-License-Identifier: MIT
// What follows from a config without being a setting of its own.
#include <algorithm>
#include <cmath>

#include "training/minibatch.h"
#include "training/run/config.h"

namespace brink {

bool has_data(const Config& c) { return c.model.kind->build != nullptr; }
DataRequest data_request(const Config& c) {
  return {c.data.directory, c.data.train, c.data.test, c.data.seed, c.run.precision};
}
std::int64_t updates_per_epoch(const Config& c) {
  if (c.training.batch == 0) return 1;
  Objective groups;
  groups.group = group_of(c.model);
  groups.whole_groups = is_normalised(c.model);
  groups.join_short = joins_short_group(c.model);
  return plan_minibatches(groups, c.data.train, c.training.batch).updates();
}
std::int64_t steps_between_rows(const Config& c) {
  return c.measure.row_every > 0 ? c.measure.row_every : updates_per_epoch(c);
}
std::int64_t steps_between_measurements(const Config& c) { return c.measure.every * steps_between_rows(c); }
double residual_tolerance(const Config& c) {
  const double tolerance = c.measure.tolerance;
  return c.measure.accuracy == Accuracy::vector ? tolerance : std::max(tolerance, std::sqrt(tolerance / 10));
}
ProjectionOptions projection_of(const Config::Training& t) { return {t.project, static_cast<int>(t.project_most)}; }
ProjectionOptions widest_projection(const Config& c) {
  ProjectionOptions out = projection_of(c.training);
  for (const auto& change : c.training.changes) out = out.joined(projection_of(change->after));
  return out;
}
bool measures_spectrum(const Config& c) { return c.measure.top + c.measure.bottom > 0; }
bool has_evaluation_hessian(const Config& c) {
  return measures_spectrum(c) && norm_mode_of(c.model) == NormMode::evaluation;
}

}  // namespace brink
