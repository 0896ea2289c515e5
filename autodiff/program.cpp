// SPDX-License-Identifier: MIT
#include "autodiff/program.h"

#include <algorithm>
#include <cassert>
#include <iterator>
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

TraceName name_of(const Graph& g, int node, std::span<const int> joined) {
  const auto node_at = [&](int n) -> const Node& { return g.nodes()[static_cast<std::size_t>(n)]; };
  const auto list = [&](const Vars& values) {
    std::string text;
    for (const Var v : values) text += (text.empty() ? "" : ", ") + to_string(g.type(v));
    return text;
  };
  const auto flops = [&](const Node& n) {
    std::vector<ValueType> in, out;
    for (const Var v : n.in) in.push_back(g.type(v));
    for (const Var v : n.out) out.push_back(g.type(v));
    return n.primitive->flops(in, out, n.attributes);
  };
  const Node& first = node_at(node);
  const std::string phase = phase_of(first.origin), &layer = first.origin.layer;
  TraceName name{layer + (layer.empty() ? "" : " ") + std::string(first.primitive->name), phase,
                 list(first.in) + " -> " + list(first.out) + to_string(first.attributes), flops(first)};
  for (const int n : joined) {
    name.name += " " + std::string(node_at(n).primitive->name);
    name.flops = saturated_sum(name.flops, flops(node_at(n)));
  }
  if (phase != "forward") name.name += " " + phase;
  return name;
}

}  // namespace

Program::Program(Graph graph, Where where, Fusion fusion) : graph_(std::move(graph)), flops_(graph_.flops()) {
  plan(where, fusion);
}

/// One step for each node, in order, except for nodes that join the epilogue of the node before them on their value. Such a
/// step takes the place of its last node, where all operands exist, so no node between may need other outputs of the first one.
std::vector<Program::Step> Program::steps_of(Fusion fusion) const {
  const auto& nodes = graph_.nodes();
  const auto values = static_cast<std::size_t>(graph_.size());
  const auto id = [](Var v) { return static_cast<std::size_t>(v.id); };
  std::vector<int> uses(values, 0);
  std::vector<std::size_t> first_use(values, nodes.size());
  for (std::size_t n = 0; n < nodes.size(); ++n)
    for (const Var v : nodes[n].in) {
      ++uses[id(v)];
      first_use[id(v)] = std::min(first_use[id(v)], n);
    }
  for (const Output& o : graph_.outputs()) uses[id(o.var)] += 2;  // it must be stored
  std::vector<Step> steps(nodes.size());  // indexed by the last node; a node that is joined later leaves a hole
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    steps[n].node = static_cast<int>(n);
    const EpilogueRule& rule = nodes[n].primitive->epilogue;
    if (fusion == Fusion::none || rule.stage == 0) continue;
    const Var running = nodes[n].in[static_cast<std::size_t>(rule.running)];
    const int before = graph_.producer_index(running);
    if (before < 0 || running != nodes[static_cast<std::size_t>(before)].out[0] || uses[id(running)] != 1) continue;
    Step& step = steps[static_cast<std::size_t>(before)];
    const int stage = step.joined.empty() ? 0 : nodes[static_cast<std::size_t>(before)].primitive->epilogue.stage;
    const Node& first = nodes[static_cast<std::size_t>(step.node)];
    if (!first.primitive->finishes || stage >= rule.stage) continue;
    if (std::any_of(first.out.begin() + 1, first.out.end(), [&](Var v) { return first_use[id(v)] <= n; })) continue;
    step.joined.push_back(static_cast<int>(n));
    steps[n] = std::exchange(step, {});
  }
  std::erase_if(steps, [](const Step& s) { return s.node < 0; });
  return steps;
}

std::vector<int> Program::nodes_of(int step) const {
  const Step& s = steps_[static_cast<std::size_t>(step)];
  std::vector<int> out{s.node};
  out.insert(out.end(), s.joined.begin(), s.joined.end());
  return out;
}

void Program::plan(Where where, Fusion fusion) {
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
  const auto node_at = [&](int n) -> const Node& { return nodes[static_cast<std::size_t>(n)]; };
  steps_ = steps_of(fusion);
  /// The inputs of a joined node other than the value itself, which is not in memory.
  const auto others = [&](int n) {
    Vars in = node_at(n).in;
    in.erase(in.begin() + node_at(n).primitive->epilogue.running);
    return in;
  };
  /// The outputs, with the last node's value in place of the first one.
  const auto made_by = [&](const Step& s) {
    Vars out = node_at(s.node).out;
    out[0] = node_at(s.last()).out[0];
    return out;
  };
  std::vector<Vars> used(steps_.size());
  std::vector<std::size_t> last_use(values, 0);
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    used[s] = node_at(steps_[s].node).in;
    for (const int n : steps_[s].joined) std::ranges::copy(others(n), std::back_inserter(used[s]));
    std::ranges::copy(made_by(steps_[s]), std::back_inserter(used[s]));
    for (const Var v : used[s]) last_use[id(v)] = s;
  }
  ArenaPlanner arena;
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    Step& step = steps_[s];
    const Node& node = node_at(step.node);
    const Vars made = made_by(step);
    std::vector<ValueType> in, out;
    for (const Var v : node.in) in.push_back(graph_.type(v));
    for (const Var v : made) out.push_back(graph_.type(v));
    for (const Var v : made)
      if (!placed[id(v)]) locations_[id(v)] = {Place::arena, arena.take(graph_.type(v).bytes())};
    step.scratch_bytes = node.primitive->scratch ? node.primitive->scratch(in, out, node.attributes, where) : 0;
    step.scratch_offset = step.scratch_bytes > 0 ? arena.take(step.scratch_bytes) : 0;
    step.first_operand = static_cast<int>(operands_.size());
    step.inputs = static_cast<int>(in.size());
    step.outputs = static_cast<int>(out.size());
    const auto operand = [&](Var v) {
      operands_.push_back({nullptr, graph_.shape(v), graph_.type(v).dtype});
      operand_vars_.push_back(v);
    };
    const auto nowhere = [&](const Shape& shape) {
      operands_.push_back({nullptr, shape, Dtype::u8});
      operand_vars_.push_back({});
    };
    for (const Var v : node.in) operand(v);
    for (const Var v : made) operand(v);
    nowhere({step.scratch_bytes});
    for (const int n : step.joined)
      for (std::size_t i = 0; i < node_at(n).in.size(); ++i)
        if (static_cast<int>(i) == node_at(n).primitive->epilogue.running)
          nowhere({});
        else
          operand(node_at(n).in[i]);

    names_.push_back(name_of(graph_, step.node, step.joined));

    if (step.scratch_bytes > 0) arena.give(step.scratch_offset, step.scratch_bytes);
    Vars ending = used[s];
    std::ranges::sort(ending);
    ending.erase(std::unique(ending.begin(), ending.end()), ending.end());  // clang++ 14 cannot read ranges::unique
    for (const Var v : ending)
      if (last_use[id(v)] == s && locations_[id(v)].place == Place::arena)
        arena.give(locations_[id(v)].offset, graph_.type(v).bytes());
  }
  arena_bytes_ = arena.top();
}

void Arena::reserve(std::int64_t bytes) {
  if (bytes <= buffer_.bytes()) return;
  buffer_ = {};  // before the larger one is taken
  buffer_ = Buffer(bytes, device_);
}

Workspace Program::make_workspace(const Device& device) const {
  return make_workspace(std::make_shared<Arena>(device));
}

Workspace Program::make_workspace(std::shared_ptr<Arena> arena) const {
  arena->reserve(arena_bytes_);
  Workspace w;
  w.arena_ = std::move(arena);
  w.operands_ = operands_;
  w.places_.assign(locations_.size(), nullptr);
  return w;
}

/// Another program may have enlarged the arena since.
void Program::settle(Workspace& w) const {
  auto* const base = static_cast<char*>(w.arena_->data());
  if (w.base_ == base) return;
  w.base_ = base;
  for (std::size_t v = 0; v < locations_.size(); ++v)
    if (locations_[v].place == Place::arena) w.places_[v] = base + locations_[v].offset;
  for (const Step& s : steps_)
    w.operands_[static_cast<std::size_t>(s.first_operand + s.inputs + s.outputs)].data = base + s.scratch_offset;
}

void Program::run(Device& device, Workspace& w, std::span<void* const> inputs, std::span<void* const> outputs) const {
  settle(w);
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
    const auto first = static_cast<std::size_t>(s.first_operand), in = static_cast<std::size_t>(s.inputs),
               out = static_cast<std::size_t>(s.outputs);
    Epilogue epilogue;
    std::size_t next = first + in + out + 1;
    for (const int n : s.joined) {
      const Node& joined = graph_.nodes()[static_cast<std::size_t>(n)];
      joined.primitive->epilogue.join(epilogue, all.subspan(next, joined.in.size()));
      next += joined.in.size();
    }
    node.primitive->run(device, {all.subspan(first, in), all.subspan(first + in, out), all[first + in + out],
                                 node.attributes, s.joined.empty() ? nullptr : &epilogue});
  }
  for (const Copy& c : copies_) {
    const ValueType& type = graph_.type(c.from);
    copy(device, {outputs[static_cast<std::size_t>(c.output)], type.shape, type.dtype},
         {w.places_[static_cast<std::size_t>(c.from.id)], type.shape, type.dtype});
  }
}

}  // namespace brink
