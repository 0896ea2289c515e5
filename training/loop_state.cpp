// SPDX-License-Identifier: MIT
// What a trainer remembers between two steps, by name: for checkpoints, forks and replays.
#include <string>
#include <utility>

#include "training/loop.h"

namespace brink {

void Trainer::visit(StateVisitor& v) {
  v.number("step", step_);
  for (std::size_t i = 0; i < history_.size(); ++i) v.tensor("theta" + std::to_string(i), history_[i].view());
  changes_->visit(v);
  for (const auto& [name, part] : {std::pair<const char*, Stateful*>{"minibatches", minibatch_sizes_.get()},
                                   {"tracked", tracked_ ? &*tracked_ : nullptr},
                                   {"branches", branches_.get()},
                                   {"projection", projection_.get()},
                                   {"tracker", curvature_.get()},
                                   {"effective_tracker", effective_.get()},
                                   {"events", &events_}}) {
    if (!part) continue;
    const StateVisitor::Part inside(v, name);
    part->visit(v);
  }
  if (options_.completion) {
    const StateVisitor::Part inside(v, "completion");
    options_.completion->visit(v);
  }
  {
    const StateVisitor::Part inside(v, "tally");
    v.number("instabilities", tally_.instabilities);
    v.number("long_instabilities", tally_.long_instabilities);
    v.number("measured_steps", tally_.measured_steps);
    v.number("converged_steps", tally_.converged_steps);
    v.number("lambda_1_steps", tally_.lambda_1_steps);
    v.number("lambda_1_certified_steps", tally_.lambda_1_certified_steps);
    v.number("products", tally_.products);
    v.number("random_starts", tally_.random_starts);
  }
  for (const Placed& p : measurements_) {
    if (p.cells == 0) continue;
    const StateVisitor::Part inside(v, row_.columns()[p.first_cell].name);
    p.measurement->visit(v);
  }
  if (v.reads()) {
    events_.restored(step_);
    changes_->restored(step_);
    if (minibatch_sizes_) minibatch_sizes_->restored(changes_->batch());
    if (projection_) projection_->restored(changes_->projection());
    limit_tracking();
    pass_.forget();
    begun_ = measured_step_ = -1;
    pass_received_ = received_ = true;
  }
}

}  // namespace brink
