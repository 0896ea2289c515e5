// SPDX-License-Identifier: MIT
#include "autodiff/batch/runner.h"

#include <algorithm>
#include <stdexcept>

#include "autodiff/primitives/elementwise.h"

namespace brink {

namespace {
/// Blocks are joined by adding, so with several of them a scalar, a parameter's output or a sum must be a finished sum over samples as it
/// is, or zero: anything done to it inside a block would depend on how the batch is cut.
void expect_sums(const Graph& g, const BlockPlan& plan) {
  if (plan.blocks.size() == 1) return;
  for (const Output& o : g.outputs()) {
    if (o.role != OutputRole::scalar && o.role != OutputRole::parameter && o.role != OutputRole::sum) continue;
    const Node* node = g.producer(o.var);
    const auto* constant = node ? node->attributes.get_if<Constant>() : nullptr;
    const bool zero = constant && node->in.empty() && constant->value == 0;
    if (!zero && !(node && node->primitive->sums_samples))
      throw std::logic_error("output '" + o.name +
                             "' is not a sum over samples, so it cannot be joined over blocks; use one block");
  }
}

}  // namespace

BlockRunner::BlockRunner(const Device& device, const BlockPlan& plan, const ParameterLayout& layout,
                         const GraphBuilder& build, Arenas& arenas, int workers, const std::string& name)
    : device_(device), plan_(plan), layout_(layout), pointers_(static_cast<std::size_t>(workers)) {
  for (const Block& b : plan_.blocks) {
    if (std::ranges::any_of(programs_, [&](const Sized& p) { return p.samples == b.samples; })) continue;
    Sized s{b.samples, std::make_unique<Program>(build(b.samples), device.where), {}, {}, 0, {}};
    s.name = {name, "program", std::to_string(b.samples) + " samples", s.program->flops(), "first sample"};
    const Graph& g = s.program->graph();
    expect_sums(g, plan_);
    for (const Output& o : g.outputs())
      if (o.role == OutputRole::residual) {
        s.residual_offsets.resize(static_cast<std::size_t>(o.index) + 1);
        s.residual_offsets[static_cast<std::size_t>(o.index)] = s.residual_bytes;
        s.residual_bytes += align_up(g.type(o.var).bytes(), alignment_bytes);
      }
    for (Pointers& p : pointers_) {
      p.inputs.resize(std::max(p.inputs.size(), g.inputs().size()));
      p.outputs.resize(std::max(p.outputs.size(), g.outputs().size()));
    }
    programs_.push_back(std::move(s));
  }
  std::int64_t largest = 0;
  for (const Sized& s : programs_) largest = std::max(largest, s.program->arena_bytes());
  const CountedPart part(device, "the values between the operations of a block");
  for (int w = 0; w < workers; ++w) {
    if (arenas.size() == static_cast<std::size_t>(w)) arenas.push_back(std::make_shared<Arena>(device));
    const auto& arena = arenas[static_cast<std::size_t>(w)];
    arena->reserve(largest);
    if (w == 0) arena_ = arena;
    for (Sized& s : programs_) s.workspaces.push_back(s.program->make_workspace(arena));
  }
}

BlockRunner::Sized& BlockRunner::program_of(const Block& b) {
  return *std::ranges::find(programs_, b.samples, &Sized::samples);
}
const BlockRunner::Sized& BlockRunner::program_of(const Block& b) const {
  return *std::ranges::find(programs_, b.samples, &Sized::samples);
}

void BlockRunner::share_residual_offsets(const BlockRunner& primal) {
  for (Sized& s : programs_) {
    const Sized& p = *std::ranges::find(primal.programs_, s.samples, &Sized::samples);
    s.residual_offsets = p.residual_offsets;
    s.residual_bytes = p.residual_bytes;
  }
}

std::int64_t BlockRunner::flops() const {
  std::int64_t sum = 0;
  for (const Block& b : plan_.blocks) sum = saturated_sum(sum, program_of(b).program->flops());
  return sum;
}

void BlockRunner::run(int worker, const Block& block, const Bindings& to) {
  Sized& s = program_of(block);
  const Graph& g = s.program->graph();
  Pointers& p = pointers_[static_cast<std::size_t>(worker)];
  const auto place = [](const auto& list, int i) -> const View& { return list[static_cast<std::size_t>(i)]; };
  for (std::size_t i = 0; i < g.inputs().size(); ++i) {
    const Input& in = g.inputs()[i];
    switch (in.role) {
      case InputRole::parameter: p.inputs[i] = layout_.view(to.parameters, in.index).data; break;
      case InputRole::tangent: p.inputs[i] = layout_.view(place(to.directions, in.direction), in.index).data; break;
      case InputRole::data: p.inputs[i] = place(to.data, in.index).data; break;
      case InputRole::shared: p.inputs[i] = place(shared_, in.index).data; break;
      case InputRole::residual:
        p.inputs[i] = to.residuals + s.residual_offsets[static_cast<std::size_t>(in.index)];
        break;
    }
  }
  std::size_t scalars = 0, samples = 0;
  for (std::size_t i = 0; i < g.outputs().size(); ++i) {
    const Output& out = g.outputs()[i];
    switch (out.role) {
      case OutputRole::scalar: p.outputs[i] = to.scalars.as<double>() + scalars++; break;
      case OutputRole::parameter:
      case OutputRole::sum: p.outputs[i] = layout_.view(to.vector, out.index).data; break;
      case OutputRole::residual:
        p.outputs[i] = to.residuals + s.residual_offsets[static_cast<std::size_t>(out.index)];
        break;
      case OutputRole::samples:
        p.outputs[i] = to.samples[samples++].rows(block.first_sample, block.samples).data;
        break;
    }
  }
  Device serial = device_.serial();
  const Traced span(node_tracer(serial), s.name, block.first_sample);
  s.program->run(serial, s.workspaces[static_cast<std::size_t>(worker)], {p.inputs.data(), g.inputs().size()},
                 {p.outputs.data(), g.outputs().size()});
}

}  // namespace brink
