// SPDX-License-Identifier: MIT
// Changes of a running training: another rule, learning rate, batch, projection or limit from a certain step on. Everything that a change
// needs is made at the start.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "training/projection.h"
#include "training/rules/rule.h"
#include "training/schedule/schedule.h"

namespace brink {

/// When a change applies, and what it replaces. Exactly one of at_step and at_accuracy is given; what is null stays as it is.
struct Change {
  std::optional<std::int64_t> at_step =
      {};  ///< applies before this step is measured: update at_step is the first one under it
  std::optional<double> at_accuracy =
      {};  ///< applies at the step after the first one whose training accuracy exceeds this
  RuleFactory rule = {};
  bool keeps_vectors =
      false;  ///< the new rule is of the same kind as the last one before it in the list, and takes over its vectors
  std::shared_ptr<Schedule> schedule = {};
  std::optional<double> divergence_loss = {};
  std::optional<std::int64_t> batch = {};  ///< samples of a minibatch; 0: no minibatches
  std::optional<ProjectionOptions> projection = {};
};

/// The rule, the schedule, the batch, the projection and the limit of the loss that apply at the present step. Where several changes are due
/// at one step they apply in the order of the list.
class Changes final : public Stateful {
 public:
  /// Makes the rules of all changes. Throws OutOfMemory.
  Changes(Device&, const ParameterLayout&, Dtype, const RuleFactory& rule, std::shared_ptr<Schedule>,
          double divergence_loss, std::int64_t batch, const ProjectionOptions&, std::span<const Change>);

  UpdateRule& rule() const { return *rule_; }
  Schedule& schedule() const { return *schedule_; }
  double divergence_loss() const { return divergence_loss_; }
  std::int64_t batch() const { return batch_; }
  const ProjectionOptions& projection() const { return projection_; }
  /// Whether updates are projected at any time, and the most unstable eigenvectors then.
  ProjectionOptions widest_projection() const;
  /// The sizes of minibatches that are in force at any time, each once, without 0.
  std::vector<std::int64_t> batches() const;
  /// Whether the threshold may differ from step to step.
  bool vary() const { return !changes_.empty() || !base_schedule_->is_constant(); }

  /// Whether the rule preconditions, at first or after a change.
  bool precondition() const;

  /// Applies what is due at this step. To be called once for each step, before anything is measured at it.
  void begin(Device&, std::int64_t step);
  /// The training accuracy of a step. What it sets off applies at the next step.
  void see_accuracy(std::int64_t step, double accuracy);
  /// Whether any change waits for an accuracy.
  bool waits_for_accuracy() const;
  /// Whether a change is known to apply after this step.
  bool any_due_after(std::int64_t step) const;
  /// The step at which each change of the list applied; absent until then.
  std::optional<std::int64_t> applied_at(std::size_t change) const;
  std::size_t size() const { return changes_.size(); }

  /// The state of all rules and schedules, and when changes apply. A run without changes has the parts rule/ and schedule/ only.
  void visit(StateVisitor&) override;
  /// After a state was read: what is in force before `step` is measured.
  void restored(std::int64_t step);

 private:
  struct Made {
    Change change;
    std::unique_ptr<UpdateRule> rule;  // null: the change leaves the rule
  };
  void put_in_force(const Made&);

  std::unique_ptr<UpdateRule> base_rule_;
  std::shared_ptr<Schedule> base_schedule_;
  double base_divergence_loss_;
  std::int64_t base_batch_;
  ProjectionOptions base_projection_;
  std::vector<Made> changes_;
  std::vector<std::int64_t> due_;  // the step at which each change applies; −1: not known yet
  std::int64_t begun_ = -1;        // the last step begun
  UpdateRule* rule_;
  Schedule* schedule_;
  double divergence_loss_;
  std::int64_t batch_;
  ProjectionOptions projection_;
};

}  // namespace brink
