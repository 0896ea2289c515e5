// SPDX-License-Identifier: MIT
#include "autodiff/batch/linearized.h"

#include <algorithm>

#include "autodiff/transform.h"

namespace brink {

namespace {
Graph residuals_alone(const Graph& primal) {
  Graph g = primal;
  g.clear_outputs();
  for (const Output& o : primal.outputs())
    if (o.role == OutputRole::residual) g.output(o.name, o.role, o.index, o.var);
  return prune(g);
}
}  // namespace

Hvp::Hvp(Device& device, const Objective& objective, const BatchArrays& data, const BatchOptions& options)
    : Hvp(device, objective, data, options, plan_of(device, objective, data, options), arenas_of(options), {}) {}

Hvp::Hvp(Device& device, const Objective& objective, const BatchArrays& data, const BatchOptions& options,
         const BlockPlan& plan, const std::shared_ptr<Arenas>& arenas, std::map<std::int64_t, Linearized> linearized)
    : device_(device),
      extent_(objective.layout.extent()),
      sum_(device, plan, objective.results(), objective.dtype, 2),
      data_(device, data, plan, sum_.workers()),
      primal_(
          device, plan, objective.results(),
          [&](std::int64_t n) {
            return linearized.emplace(n, linearize(grad(objective.loss(n)))).first->second.primal;
          },
          *arenas, sum_.workers(), "linearization"),
      tangent_(
          device, plan, objective.layout, [&](std::int64_t n) { return std::move(linearized.at(n).tangent); }, *arenas,
          sum_.workers(), "product"),
      theta_(objective.layout.make_vector(objective.dtype, device)) {
  const CountedPart part(device, "the residuals of the Hessian's products");
  tangent_.share_residual_offsets(primal_);
  if (device.where == Where::cuda) {
    for (Array* a : {&v_, &hv_}) *a = objective.layout.make_vector(objective.dtype, device);
    gradient_ = objective.results().make_vector(objective.dtype, device);
  }

  std::int64_t largest = 0, all = 0;
  for (const Block& b : plan.blocks) {
    largest = std::max(largest, primal_.residual_bytes(b));
    all += primal_.residual_bytes(b);
  }
  const auto budget = [&] {
    std::int64_t bytes = options.memory_bytes > 0 ? options.memory_bytes : all;
    if (options.limit_bytes > 0) bytes = std::min(bytes, options.limit_bytes - allocated_bytes(device));
    return bytes;
  };
  if (all > budget())
    recompute_ = std::make_unique<BlockRunner>(
        device, plan, objective.layout, [&](std::int64_t n) { return residuals_alone(linearized.at(n).primal); },
        *arenas, sum_.workers(), "residuals");
  // Where not all fit, a slot for each worker to recompute in is part of the budget.
  const std::int64_t slots = recompute_ ? largest * sum_.workers() : 0, most = budget() - slots;
  if (options.limit_bytes > 0 && most < 0) {
    const Buffer counted = device.count ? Buffer(slots, device) : Buffer();
    const std::int64_t left = most + slots;  // below 0 where the arenas are too large already
    throw OutOfMemory(slots - std::min<std::int64_t>(left, 0), std::max<std::int64_t>(left, 0));
  }
  std::int64_t bytes = 0;
  for (const Block& b : plan.blocks) {
    const std::int64_t next = bytes + primal_.residual_bytes(b);
    if (next > most) break;
    offsets_.push_back(bytes);
    bytes = next;
  }
  kept_ = static_cast<std::int64_t>(offsets_.size());
  if (recompute_) {
    recompute_->share_residual_offsets(primal_);
    for (int w = 0; w < sum_.workers(); ++w, bytes += largest) offsets_.push_back(bytes);
  }
  store_ = Buffer(bytes, device);
  for (BlockRunner* r : {&primal_, &tangent_, recompute_.get()})
    if (r) r->share(objective.shared);
}

View Hvp::slot_or(const Array& slot, View given) const { return device_.where == Where::cuda ? slot.view() : given; }

char* Hvp::residuals_of(int worker, std::size_t block) {
  const bool kept = static_cast<std::int64_t>(block) < kept_;
  return static_cast<char*>(store_.data()) + offsets_[kept ? block : static_cast<std::size_t>(kept_ + worker)];
}

void Hvp::linearize_block(int worker, std::size_t block, const BlockSum::Slot& slot) {
  const Block& b = sum_.plan().blocks[block];
  primal_.run(worker, b,
              {theta_.view(), {}, data_.rows(worker, b), residuals_of(worker, block), slot.vector, slot.scalars, {}});
}

void Hvp::recompute_block(int worker, std::size_t block) {
  const Block& b = sum_.plan().blocks[block];
  recompute_->run(worker, b, {theta_.view(), {}, data_.rows(worker, b), residuals_of(worker, block), {}, {}, {}});
}

void Hvp::apply_to_block(int worker, std::size_t block, View v, const BlockSum::Slot& slot) {
  const Block& b = sum_.plan().blocks[block];
  tangent_.run(worker, b,
               {theta_.view(), {&v, 1}, data_.rows(worker, b), residuals_of(worker, block), slot.vector, {}, {}});
}

LossAndCorrect Hvp::linearize_at(View theta, View gradient) {
  linearize_at(theta, gradient, Scalar{});
  double scalars[2];
  fetch(device_, scalars, sum_.totals());
  sum_.divide(scalars, loss_is_mean);
  return {scalars[0], scalars[1]};
}

void Hvp::linearize_at(View theta, View gradient, Scalar totals) {
  copy(device_, theta_.view(), theta);
  const auto body = [&](int worker, std::size_t block, const BlockSum::Slot& slot) {
    linearize_block(worker, block, slot);
  };
  const View into = slot_or(gradient_, gradient);
  void* const memory[] = {theta_.view().data, into.data, primal_.arena()};
  run_or_replay(device_, data_, replay_, memory, [&] { sum_.run(device_, body, into); });
  if (into.data != gradient.data) copy(device_, gradient, into);
  if (totals.at) leave(device_, sum_.totals(), totals);
}

void Hvp::apply(View v, View hv) {
  const View from = slot_or(v_, v), into = slot_or(hv_, hv);
  if (from.data != v.data) copy(device_, from, v);
  const auto body = [&](int worker, std::size_t block, const BlockSum::Slot& slot) {
    if (static_cast<std::int64_t>(block) >= kept_) recompute_block(worker, block);
    apply_to_block(worker, block, from, slot);
  };
  void* const memory[] = {from.data, into.data, tangent_.arena()};
  run_or_replay(device_, data_, replay_, memory, [&] { sum_.run(device_, body, into); });
  if (into.data != hv.data) copy(device_, hv, into);
}

Hvp::Expected Hvp::expected_seconds(View theta) {
  copy(device_, theta_.view(), theta);
  const double linearization = sum_.expected_seconds(
      device_, [&](int w, std::size_t b, const BlockSum::Slot& slot) { linearize_block(w, b, slot); });
  // θ serves as v: any vector takes as long.
  const double kept = sum_.expected_seconds(
      device_, [&](int w, std::size_t b, const BlockSum::Slot& slot) { apply_to_block(w, b, theta, slot); });
  const double recomputed =
      !recompute_
          ? 0
          : sum_.expected_seconds(device_, [&](int w, std::size_t b, const BlockSum::Slot&) { recompute_block(w, b); });
  return {linearization, kept + recomputed * static_cast<double>(blocks() - kept_) / static_cast<double>(blocks())};
}

}  // namespace brink
