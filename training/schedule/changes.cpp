// SPDX-License-Identifier: MIT
#include "training/schedule/changes.h"

#include <algorithm>
#include <string>
#include <utility>

namespace brink {

Changes::Changes(Device& device, const ParameterLayout& layout, Dtype dtype, const RuleFactory& rule,
                 std::shared_ptr<Schedule> schedule, double divergence_loss, std::int64_t batch,
                 const ProjectionOptions& projection, std::span<const Change> changes)
    : base_rule_(rule(device, layout, dtype)),
      base_schedule_(std::move(schedule)),
      base_divergence_loss_(divergence_loss),
      base_batch_(batch),
      base_projection_(projection),
      rule_(base_rule_.get()),
      schedule_(base_schedule_.get()),
      divergence_loss_(divergence_loss),
      batch_(batch),
      projection_(projection) {
  for (const Change& change : changes) {
    changes_.push_back({change, change.rule ? change.rule(device, layout, dtype) : nullptr});
    due_.push_back(change.at_step.value_or(-1));
  }
}

void Changes::put_in_force(const Made& made) {
  if (made.rule) rule_ = made.rule.get();
  if (made.change.schedule) schedule_ = made.change.schedule.get();
  if (made.change.divergence_loss) divergence_loss_ = *made.change.divergence_loss;
  if (made.change.batch) batch_ = *made.change.batch;
  if (made.change.projection) projection_ = *made.change.projection;
}

void Changes::begin(Device& device, std::int64_t step) {
  if (step == begun_) return;
  begun_ = step;
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    if (due_[i] != step) continue;
    if (changes_[i].rule && changes_[i].change.keeps_vectors) copy_state(device, *changes_[i].rule, *rule_);
    put_in_force(changes_[i]);
  }
}

void Changes::see_accuracy(std::int64_t step, double accuracy) {
  for (std::size_t i = 0; i < changes_.size(); ++i)
    if (due_[i] < 0 && accuracy > *changes_[i].change.at_accuracy) due_[i] = step + 1;
}

bool Changes::precondition() const {
  return base_rule_->preconditioner() != nullptr ||
         std::ranges::any_of(changes_, [](const Made& m) { return m.rule && m.rule->preconditioner() != nullptr; });
}

std::vector<std::int64_t> Changes::batches() const {
  std::vector<std::int64_t> out{base_batch_};
  for (const Made& m : changes_) out.push_back(m.change.batch.value_or(0));
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  if (out.front() == 0) out.erase(out.begin());
  return out;
}

ProjectionOptions Changes::widest_projection() const {
  ProjectionOptions out = base_projection_;
  for (const Made& m : changes_)
    if (m.change.projection) out = out.joined(*m.change.projection);
  return out;
}

bool Changes::any_due_after(std::int64_t step) const {
  return std::ranges::any_of(due_, [&](std::int64_t due) { return due > step; });
}

bool Changes::waits_for_accuracy() const { return std::ranges::find(due_, std::int64_t{-1}) != due_.end(); }

std::optional<std::int64_t> Changes::applied_at(std::size_t change) const {
  if (due_[change] < 0 || due_[change] > begun_) return {};
  return due_[change];
}

void Changes::visit(StateVisitor& v) {
  const auto part = [&](const std::string& name, Stateful& of) {
    const StateVisitor::Part inside(v, name);
    of.visit(v);
  };
  part("rule", *base_rule_);
  part("schedule", *base_schedule_);
  if (changes_.empty()) return;
  v.list("changes/due", due_);
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    const std::string name = "changes/" + std::to_string(i + 1);
    if (changes_[i].rule) part(name + "/rule", *changes_[i].rule);
    if (changes_[i].change.schedule) part(name + "/schedule", *changes_[i].change.schedule);
  }
}

void Changes::restored(std::int64_t step) {
  begun_ = step - 1;
  rule_ = base_rule_.get();
  schedule_ = base_schedule_.get();
  divergence_loss_ = base_divergence_loss_;
  batch_ = base_batch_;
  projection_ = base_projection_;
  // In the order of their steps; of those of one step, in the order of the list.
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < changes_.size(); ++i)
    if (applied_at(i)) order.push_back(i);
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return due_[i]; });
  for (const std::size_t i : order) put_in_force(changes_[i]);
}

}  // namespace brink
