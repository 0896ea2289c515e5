// SPDX-License-Identifier: MIT
#include "training/minibatch.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "kernels/memory_count.h"
#include "kernels/random/random.h"
#include "kernels/tracer.h"

namespace brink {

namespace {
const TraceName minibatch_name{"minibatch", "phase"};

void visit_start(StateVisitor& v, OrderStart& start) {
  v.number("first_step", start.step);
  v.number("first_epoch", start.epoch);
}
}  // namespace

MinibatchPlan plan_minibatches(const Objective& objective, std::int64_t training_samples, std::int64_t batch_samples) {
  const std::int64_t unit = objective.whole_groups ? objective.group : 1;
  if (batch_samples < 1 || batch_samples > training_samples)
    throw std::invalid_argument(fmt::format("minibatches of {} samples: expected 1 to {}, the training samples",
                                            batch_samples, training_samples));
  if (batch_samples % unit != 0 && batch_samples != training_samples)
    throw std::invalid_argument(
        fmt::format("minibatches of {} samples: expected a multiple of the group of {} samples, which is normalised as "
                    "one, or all {} training samples",
                    batch_samples, unit, training_samples));
  MinibatchPlan p;
  p.training_samples = training_samples;
  p.unit = unit;
  const bool joins = objective.join_short && training_samples > unit;
  p.units = joins ? training_samples / unit : (training_samples + unit - 1) / unit;
  p.batch_units = batch_samples == training_samples ? p.units : batch_samples / unit;
  p.samples = batch_samples;
  p.last_samples = training_samples - (p.updates() - 1) * batch_samples;
  return p;
}

MinibatchOrder::MinibatchOrder(const Device& device, const MinibatchPlan& plan, std::uint64_t seed)
    : plan_(plan), seed_(seed) {
  const CountedPart part(device, "the order of the minibatches");
  const bool last_stays = plan.unit > 1 && plan.training_samples % plan.unit != 0;
  order_ = Buffer((plan.units - (last_stays ? 1 : 0)) * static_cast<std::int64_t>(sizeof(RankedIndex)), device.host());
  samples_ = Array(Shape{std::max(plan.samples, plan.last_samples)}, Dtype::i32, device.host());
}

MinibatchOrder::Place MinibatchOrder::place_of(std::int64_t step) const {
  const std::int64_t done = step - start_.step, updates = plan_.updates();
  return {start_.epoch + done / updates, done % updates};
}

void MinibatchOrder::arrange(std::int64_t epoch) {
  if (arranged_ == epoch) return;
  permute(RandomKey(seed_, Stream::minibatch_order, static_cast<std::uint32_t>(epoch)), order_.span<RankedIndex>());
  arranged_ = epoch;
}

std::span<const std::int32_t> MinibatchOrder::samples(std::int64_t step) {
  const Place at = place_of(step);
  arrange(at.epoch);
  const std::span<const RankedIndex> order = order_.span<RankedIndex>();
  const std::span<std::int32_t> out = samples_.span<std::int32_t>();
  const auto permuted = static_cast<std::int64_t>(order.size());
  const std::int64_t end = std::min(plan_.units, (at.batch + 1) * plan_.batch_units);
  std::size_t count = 0;
  for (std::int64_t i = at.batch * plan_.batch_units; i < end; ++i) {
    const std::int64_t unit = i < permuted ? order[static_cast<std::size_t>(i)].index : i;
    const std::int64_t first = unit * plan_.unit,
                       after = unit + 1 == plan_.units ? plan_.training_samples : first + plan_.unit;
    for (std::int64_t sample = first; sample < after; ++sample) out[count++] = static_cast<std::int32_t>(sample);
  }
  return out.first(count);
}

OrderStart MinibatchOrder::new_epoch(std::int64_t step) const {
  const Place at = place_of(step);
  return {step, at.batch == 0 ? at.epoch : at.epoch + 1};
}

void MinibatchOrder::visit(StateVisitor& v) { visit_start(v, start_); }

Minibatches::Sized::Sized(Device& device, const Objective& objective, const Batch& train, std::int64_t samples,
                          const BatchOptions& batch)
    : rows(device, samples, train.samples()), sum(device, objective, train.chosen_by(rows), batch) {}

Minibatches::Minibatches(Device& device, const Objective& objective, const Batch& train,
                         const MinibatchOptions& options, const BatchOptions& batch)
    : device_(device),
      plan_(plan_minibatches(objective, train.samples(), options.samples)),
      order_(device, plan_, options.seed),
      regular_(device, objective, train, plan_.samples, batch),
      totals_(device, 2) {
  if (plan_.last_samples != plan_.samples)
    last_ = std::make_unique<Sized>(device, objective, train, plan_.last_samples, batch);
  const CountedPart part(device, "the gradient of a minibatch");
  gradient_ = objective.results().make_vector(objective.dtype, device);
}

void Minibatches::prepare(View theta) {
  for (Sized* s : {&regular_, last_.get()})
    if (s) s->sum.evaluate(theta, gradient_.view(), totals_[0]);
  synchronize(device_);
}

double Minibatches::evaluate(std::int64_t step, View theta) {
  const Traced span(device_, minibatch_name);
  const std::span<const std::int32_t> samples = order_.samples(step);
  Sized& s = static_cast<std::int64_t>(samples.size()) == plan_.samples ? regular_ : *last_;
  s.rows.set(device_, samples);
  s.sum.evaluate(theta, gradient_.view(), totals_[0]);
  return s.sum.of_totals(totals_.read(0, 2)).loss;
}

MinibatchSizes::MinibatchSizes(Device& device, const Objective& objective, const Batch& train,
                               std::span<const std::int64_t> sizes, std::int64_t first, std::uint64_t seed,
                               const BatchOptions& batch) {
  for (const std::int64_t samples : sizes)
    sizes_.push_back(std::make_unique<Minibatches>(device, objective, train,
                                                   MinibatchOptions{.samples = samples, .seed = seed}, batch));
  in_force_ = find(first);
}

Minibatches* MinibatchSizes::find(std::int64_t samples) const {
  const auto it = std::ranges::find(sizes_, samples, [](const auto& m) { return m->samples(); });
  return it == sizes_.end() ? nullptr : it->get();
}

void MinibatchSizes::change(std::int64_t samples, std::int64_t step) {
  Minibatches* const next = find(samples);
  if (next == in_force_) return;
  start_ = in_force_ ? in_force_->new_epoch(step) : OrderStart{step, start_.epoch};
  in_force_ = next;
  if (in_force_) in_force_->restart(start_);
}

void MinibatchSizes::prepare(View theta) {
  for (const auto& m : sizes_) m->prepare(theta);
}

void MinibatchSizes::visit(StateVisitor& v) { visit_start(v, start_); }

void MinibatchSizes::restored(std::int64_t samples) {
  in_force_ = find(samples);
  if (in_force_) in_force_->restart(start_);
}

}  // namespace brink
