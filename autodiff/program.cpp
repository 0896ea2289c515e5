// SPDX-License-Identifier: MIT
#include "autodiff/program.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace brink {

namespace {

/// First-fit over a list of free intervals; frees merge with their neighbours.
class ArenaPlanner {
 public:
  std::int64_t take(std::int64_t bytes) {
    bytes = align_up(std::max<std::int64_t>(bytes, 1), alignment_bytes);
    for (auto it = free_.begin(); it != free_.end(); ++it) {
      if (it->bytes < bytes) continue;
      const std::int64_t offset = it->offset;
      it->offset += bytes;
      it->bytes -= bytes;
      if (it->bytes == 0) free_.erase(it);
      return offset;
    }
    if (!free_.empty() && free_.back().offset + free_.back().bytes == top_) {
      const std::int64_t offset = free_.back().offset;
      free_.pop_back();
      top_ = offset + bytes;
      return offset;
    }
    const std::int64_t offset = top_;
    top_ += bytes;
    return offset;
  }
  void give(std::int64_t offset, std::int64_t bytes) {
    bytes = align_up(std::max<std::int64_t>(bytes, 1), alignment_bytes);
    auto it = std::ranges::lower_bound(free_, offset, {}, &Interval::offset);
    it = free_.insert(it, {offset, bytes});
    if (const auto next = it + 1; next != free_.end() && it->offset + it->bytes == next->offset) {
      it->bytes += next->bytes;
      free_.erase(next);
    }
    if (it != free_.begin()) {
      const auto previous = it - 1;
      if (previous->offset + previous->bytes == it->offset) {
        previous->bytes += it->bytes;
        free_.erase(it);
      }
    }
  }
  std::int64_t top() const { return top_; }

 private:
  struct Interval {
    std::int64_t offset, bytes;
  };
  std::vector<Interval> free_;
  std::int64_t top_ = 0;
};

std::string phase_of(const Origin& o) {
  return o.backward ? (o.tangent ? "backward tangent" : "backward") : o.tangent ? "tangent" : "forward";
}

TraceName name_of(const Graph& g, const Node& node) {
  const auto list = [&](const Vars& values) {
    std::string text;
    for (const Var v : values) text += (text.empty() ? "" : ", ") + to_string(g.type(v));
    return text;
  };
  std::vector<ValueType> in, out;
  for (const Var v : node.in) in.push_back(g.type(v));
  for (const Var v : node.out) out.push_back(g.type(v));
  const std::string phase = phase_of(node.origin);
  std::string name = node.origin.layer + (node.origin.layer.empty() ? "" : " ") + std::string(node.primitive->name);
  if (phase != "forward") name += " " + phase;
  return {std::move(name), phase, list(node.in) + " -> " + list(node.out) + to_string(node.attributes),
          node.primitive->flops(in, out, node.attributes)};
}

}  // namespace

Program::Program(Graph graph, Where where) : graph_(std::move(graph)), flops_(graph_.flops()) { plan(where); }

void Program::plan(Where where) {
  const auto values = static_cast<std::size_t>(graph_.size());
  const auto id = [](Var v) { return static_cast<std::size_t>(v.id); };
  locations_.assign(values, {});
  std::vector<char> placed(values, 0);
  const auto& inputs = graph_.inputs();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    locations_[id(inputs[i].var)] = {Place::input, static_cast<std::int64_t>(i)};
    placed[id(inputs[i].var)] = 1;
  }
  const auto& outputs = graph_.outputs();
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Var v = outputs[i].var;
    if (placed[id(v)]) {
      copies_.push_back({v, static_cast<int>(i)});
    } else {
      locations_[id(v)] = {Place::output, static_cast<std::int64_t>(i)};
      placed[id(v)] = 1;
    }
  }

  const auto& nodes = graph_.nodes();
  std::vector<int> last_use(values, -1);
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    for (const Var v : nodes[n].out) last_use[id(v)] = static_cast<int>(n);
    for (const Var v : nodes[n].in) last_use[id(v)] = static_cast<int>(n);
  }
  ArenaPlanner arena;
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    const Node& node = nodes[n];
    std::vector<ValueType> in, out;
    for (const Var v : node.in) in.push_back(graph_.type(v));
    for (const Var v : node.out) out.push_back(graph_.type(v));
    for (const Var v : node.out)
      if (!placed[id(v)]) locations_[id(v)] = {Place::arena, arena.take(graph_.type(v).bytes())};
    const std::int64_t scratch = node.primitive->scratch ? node.primitive->scratch(in, out, node.attributes, where) : 0;
    const std::int64_t scratch_offset = scratch > 0 ? arena.take(scratch) : 0;
    steps_.push_back({static_cast<int>(n), static_cast<int>(operands_.size()), static_cast<int>(in.size()),
                      static_cast<int>(out.size()), scratch_offset, scratch});
    const auto operand = [&](Var v) {
      operands_.push_back({nullptr, graph_.shape(v), graph_.type(v).dtype});
      operand_vars_.push_back(v);
    };
    for (const Var v : node.in) operand(v);
    for (const Var v : node.out) operand(v);
    operands_.push_back({nullptr, Shape{scratch}, Dtype::u8});
    operand_vars_.push_back({});

    names_.push_back(name_of(graph_, node));

    if (scratch > 0) arena.give(scratch_offset, scratch);
    Vars ending = node.in;
    ending.insert(ending.end(), node.out.begin(), node.out.end());
    std::ranges::sort(ending);
    ending.erase(std::unique(ending.begin(), ending.end()), ending.end());  // clang++ 14 cannot read ranges::unique
    for (const Var v : ending)
      if (last_use[id(v)] == static_cast<int>(n) && locations_[id(v)].place == Place::arena)
        arena.give(locations_[id(v)].offset, graph_.type(v).bytes());
  }
  arena_bytes_ = arena.top();
}

Workspace Program::make_workspace(const Device& device) const {
  return make_workspace(std::make_shared<const Buffer>(arena_bytes_, device));
}

Workspace Program::make_workspace(std::shared_ptr<const Buffer> arena) const {
  assert(arena->bytes() >= arena_bytes_);
  Workspace w;
  w.arena_ = std::move(arena);
  w.operands_ = operands_;
  w.places_.assign(locations_.size(), nullptr);
  auto* const base = static_cast<char*>(w.arena_->data());
  for (std::size_t v = 0; v < locations_.size(); ++v)
    if (locations_[v].place == Place::arena) w.places_[v] = base + locations_[v].offset;
  for (const Step& s : steps_)
    w.operands_[static_cast<std::size_t>(s.first_operand + s.inputs + s.outputs)].data = base + s.scratch_offset;
  return w;
}

void Program::run(Device& device, Workspace& w, std::span<void* const> inputs, std::span<void* const> outputs) const {
  for (std::size_t i = 0; i < inputs.size(); ++i)
    w.places_[static_cast<std::size_t>(graph_.inputs()[i].var.id)] = inputs[i];
  for (std::size_t v = 0; v < locations_.size(); ++v)
    if (locations_[v].place == Place::output) w.places_[v] = outputs[static_cast<std::size_t>(locations_[v].offset)];
  for (std::size_t i = 0; i < operand_vars_.size(); ++i)
    if (operand_vars_[i]) w.operands_[i].data = w.places_[static_cast<std::size_t>(operand_vars_[i].id)];
  const std::span<const View> all = w.operands_;
  Tracer* const tracer = node_tracer(device);
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Step& s = steps_[i];
    const Node& node = graph_.nodes()[static_cast<std::size_t>(s.node)];
    const Traced span(tracer, names_[i]);
    const auto operands =
        all.subspan(static_cast<std::size_t>(s.first_operand), static_cast<std::size_t>(s.inputs + s.outputs + 1));
    node.primitive->run(device,
                        {operands.first(static_cast<std::size_t>(s.inputs)),
                         operands.subspan(static_cast<std::size_t>(s.inputs), static_cast<std::size_t>(s.outputs)),
                         operands.back(), node.attributes});
  }
  for (const Copy& c : copies_) {
    const ValueType& type = graph_.type(c.from);
    copy(device, {outputs[static_cast<std::size_t>(c.output)], type.shape, type.dtype},
         {w.places_[static_cast<std::size_t>(c.from.id)], type.shape, type.dtype});
  }
}

}  // namespace brink
