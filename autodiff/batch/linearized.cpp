// SPDX-License-Identifier: MIT
#include "autodiff/batch/linearized.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace brink {

LinearizedBuilder hessian_of(const Objective& objective) {
  return [loss = objective.loss](std::int64_t samples) { return linearize(grad(loss(samples))); };
}

namespace {
Graph residuals_alone(const Graph& primal) {
  Graph g = primal;
  g.clear_outputs();
  for (const Output& o : primal.outputs())
    if (o.role == OutputRole::residual) g.output(o.name, o.role, o.index, o.var);
  return prune(g);
}
}  // namespace

Linearized::Linearized(Device& device, const Objective& objective, const LinearizedBuilder& build, const Batch& batch,
                       const BatchOptions& options, int together)
    : Linearized(device, objective, build, batch, options, together, plan_blocks(device, objective, batch, options),
                 options.arenas_or_own(), {}) {}

Linearized::Linearized(Device& device, const Objective& objective, const LinearizedBuilder& build, const Batch& batch,
                       const BatchOptions& options, int together, const BlockPlan& plan,
                       const std::shared_ptr<Arenas>& arenas, std::map<std::int64_t, LinearizedGraph> linearized)
    : device_(device),
      extent_(objective.layout.extent()),
      sum_(device, plan, objective.results(), objective.dtype, 2),
      rows_(device, batch, plan, sum_.workers()),
      primal_(
          device, plan, objective.results(),
          [&](std::int64_t n) { return linearized.emplace(n, build(n)).first->second.primal; }, *arenas, sum_.workers(),
          "linearization"),
      one_{1,
           BlockRunner(
               device, plan, objective.layout, [&](std::int64_t n) { return linearized.at(n).tangent; }, *arenas,
               sum_.workers(), "product"),
           {}},
      theta_(objective.layout.make_vector(objective.dtype, device)),
      before_pass_(options.before_pass) {
  if (together < 1) throw std::invalid_argument(fmt::format("{} vectors at a time: expected at least one", together));
  vectors_.resize(static_cast<std::size_t>(together));
  const ParameterLayout products = objective.layout.repeated(together);
  if (together > 1) {
    sum_of_several_.emplace(device, plan, products, objective.dtype, 0);
    several_ = std::make_unique<Tangent>(Tangent{together,
                                                 BlockRunner(
                                                     device, plan, products,
                                                     [&](std::int64_t n) {
                                                       return repeat_directions(linearized.at(n).tangent, together,
                                                                                objective.layout.size());
                                                     },
                                                     *arenas, sum_.workers(), "products"),
                                                 {}});
  }
  const CountedPart part(device, "the residuals of the products");
  one_.runner.share_residual_offsets(primal_);
  if (several_) several_->runner.share_residual_offsets(primal_);
  if (device.where == Where::cuda) {
    for (Array* a : {&fixed_v_, &fixed_product_}) *a = products.make_vector(objective.dtype, device);
    fixed_g_ = objective.results().make_vector(objective.dtype, device);
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
  // The budget of kept residuals may be smaller than a slot; the memory may not.
  if (const std::int64_t left = options.limit_bytes - allocated_bytes(device);
      options.limit_bytes > 0 && left < slots) {
    const Buffer counted = device.count ? Buffer(slots, device) : Buffer();
    // left is below 0 where the arenas are too large already.
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
  for (BlockRunner* r : {&primal_, &one_.runner, several_ ? &several_->runner : nullptr, recompute_.get()})
    if (r) r->share(objective.shared);
}

char* Linearized::residuals_of(int worker, std::size_t block) {
  const bool kept = static_cast<std::int64_t>(block) < kept_;
  return static_cast<char*>(store_.data()) + offsets_[kept ? block : static_cast<std::size_t>(kept_ + worker)];
}

void Linearized::linearize_block(int worker, std::size_t block, const BlockSum::Slot& slot) {
  const Block& b = sum_.plan().blocks[block];
  primal_.run(worker, b,
              {theta_.view(), {}, rows_.rows(worker, b), residuals_of(worker, block), slot.vector, slot.scalars, {}});
}

void Linearized::recompute_block(int worker, std::size_t block) {
  const Block& b = sum_.plan().blocks[block];
  recompute_->run(worker, b, {theta_.view(), {}, rows_.rows(worker, b), residuals_of(worker, block), {}, {}, {}});
}

void Linearized::apply_to_block(Tangent& tangent, int worker, std::size_t block, std::span<const View> vectors,
                                const BlockSum::Slot& slot) {
  const Block& b = sum_.plan().blocks[block];
  tangent.runner.run(worker, b,
                     {theta_.view(), vectors, rows_.rows(worker, b), residuals_of(worker, block), slot.vector, {}, {}});
}

LossAndCorrect Linearized::linearize_at(View theta, View gradient) {
  linearize_at(theta, gradient, Scalar{});
  double totals[2];
  fetch(device_, totals, sum_.totals());
  return LossAndCorrect::of_totals(sum_.plan(), totals);
}

void Linearized::linearize_at(View theta, View gradient, Scalar totals) {
  if (before_pass_) before_pass_();
  copy(device_, theta_.view(), theta);
  const auto body = [&](int worker, std::size_t block, const BlockSum::Slot& slot) {
    linearize_block(worker, block, slot);
  };
  const View into = device_.where == Where::cuda && gradient.data ? fixed_g_.view() : gradient;
  void* const memory[] = {theta_.view().data, into.data, primal_.arena()};
  rows_.run(device_, replay_, memory, [&] {
    rows_.gather(device_);
    sum_.run(device_, body, into);
  });
  if (into.data != gradient.data) copy(device_, gradient, into);
  if (totals.at) sum_.leave_totals(device_, totals);
}

void Linearized::apply(View vectors, View products) {
  const std::int64_t count = vectors.shape.elements() / extent_;
  for (std::int64_t done = 0; done < count;) {
    Tangent& tangent = several_ && count - done >= several_->directions ? *several_ : one_;
    apply(tangent, vectors.part(done * extent_, {tangent.directions * extent_}),
          products.part(done * extent_, {tangent.directions * extent_}));
    done += tangent.directions;
  }
}

void Linearized::apply(Tangent& tangent, View vectors, View products) {
  if (before_pass_) before_pass_();
  const bool fixed = device_.where == Where::cuda;
  const View from = fixed ? fixed_v_.view().part(0, {vectors.shape.elements()}) : vectors,
             into = fixed ? fixed_product_.view().part(0, {products.shape.elements()}) : products;
  if (fixed) copy(device_, from, vectors);
  const auto directions = static_cast<std::size_t>(tangent.directions);
  for (std::size_t d = 0; d < directions; ++d)
    vectors_[d] = from.part(static_cast<std::int64_t>(d) * extent_, {extent_});
  const auto body = [&](int worker, std::size_t block, const BlockSum::Slot& slot) {
    if (static_cast<std::int64_t>(block) >= kept_) recompute_block(worker, block);
    apply_to_block(tangent, worker, block, std::span(vectors_).first(directions), slot);
  };
  void* const memory[] = {from.data, into.data, tangent.runner.arena()};
  rows_.run(device_, tangent.replay, memory, [&] { sum_of(tangent).run(device_, body, into); });
  if (fixed) copy(device_, products, into);
}

Linearized::Expected Linearized::expected_seconds(View theta) {
  copy(device_, theta_.view(), theta);
  rows_.gather(device_);
  const double linearization = sum_.expected_seconds(
      device_, [&](int w, std::size_t b, const BlockSum::Slot& slot) { linearize_block(w, b, slot); });
  // θ serves as v: any vector takes as long.
  const double kept = sum_.expected_seconds(device_, [&](int w, std::size_t b, const BlockSum::Slot& slot) {
    apply_to_block(one_, w, b, {&theta, 1}, slot);
  });
  const double recomputed =
      !recompute_
          ? 0
          : sum_.expected_seconds(device_, [&](int w, std::size_t b, const BlockSum::Slot&) { recompute_block(w, b); });
  return {linearization, kept + recomputed * static_cast<double>(blocks() - kept_) / static_cast<double>(blocks())};
}

}  // namespace brink
