// SPDX-License-Identifier: MIT
#include "autodiff/graph.h"

#include <fmt/format.h>

#include "kernels/saturated.h"

namespace brink {

std::string to_string(const ValueType& t) { return fmt::format("{} {}", name_of(t.dtype), to_string(t.shape)); }

std::size_t Graph::KeyHash::operator()(const Key& k) const {
  std::uint64_t h = attributes::join(k.attributes.hash(), reinterpret_cast<std::uintptr_t>(k.primitive));
  for (const Var v : k.in) h = attributes::join(h, static_cast<std::uint64_t>(v.id));
  return h;
}

Var Graph::input(std::string name, ValueType type, InputRole role, int index, int direction) {
  const Var v{size()};
  values_.push_back({type, -1});
  inputs_.push_back({std::move(name), role, index, direction, v});
  return v;
}

void Graph::output(std::string name, OutputRole role, int index, Var v) {
  if (!v) throw std::logic_error("Graph::output: '" + name + "' is a symbolic zero; expected a value of the graph");
  outputs_.push_back({std::move(name), role, index, v});
}

Vars Graph::emit_all(const Primitive& p, std::span<const Var> in, Attributes attributes) {
  Key key{&p, {in.begin(), in.end()}, attributes};
  if (const auto it = known_.find(key); it != known_.end()) return it->second;
  std::vector<ValueType> types;
  types.reserve(in.size());
  for (const Var v : in) {
    if (!v)
      throw std::logic_error(
          fmt::format("[{}] an input is a symbolic zero; builders must handle it before emit", p.name));
    types.push_back(type(v));
  }
  Vars out;
  for (const ValueType& t : p.shape(types, attributes)) {
    out.push_back({size()});
    values_.push_back({t, static_cast<int>(nodes_.size())});
  }
  nodes_.push_back({&p, key.in, out, std::move(attributes), within_ ? *within_ : origin_of(in)});
  known_.emplace(std::move(key), out);
  return out;
}

Origin Graph::origin_of(std::span<const Var> in) const {
  const Node* latest = nullptr;
  for (const Var v : in) {
    for (const Input& i : inputs_)
      if (i.var == v && i.role == InputRole::parameter) return {i.name.substr(0, i.name.rfind('.'))};
    if (const Node* n = producer(v); n && (!latest || n > latest)) latest = n;
  }
  return latest ? latest->origin : Origin{};
}

const Node* Graph::producer(Var v) const {
  const int n = producer_index(v);
  return n < 0 ? nullptr : &nodes_[static_cast<std::size_t>(n)];
}

std::int64_t Graph::flops() const {
  std::int64_t sum = 0;
  for (const Node& n : nodes_) {
    std::vector<ValueType> in, out;
    for (const Var v : n.in) in.push_back(type(v));
    for (const Var v : n.out) out.push_back(type(v));
    sum = saturated_sum(sum, n.primitive->flops(in, out, n.attributes));
  }
  return sum;
}

std::string Graph::print() const {
  std::string s;
  for (const Input& i : inputs_) s += fmt::format("v{} {} = input '{}'\n", i.var.id, to_string(type(i.var)), i.name);
  for (const Node& n : nodes_) {
    std::string args;
    for (const Var v : n.in) args += fmt::format("{}v{}", args.empty() ? "" : ", ", v.id);
    s += fmt::format("v{} {} = {}({}){}\n", n.out[0].id, to_string(type(n.out[0])), n.primitive->name, args,
                     to_string(n.attributes));
  }
  for (const Output& o : outputs_) s += fmt::format("output '{}' = v{}\n", o.name, o.var.id);
  return s;
}

}  // namespace brink
