// SPDX-License-Identifier: MIT
#include "autodiff/transform.h"

#include <fmt/format.h>

#include <algorithm>

#include "autodiff/primitives/elementwise.h"
#include "autodiff/taylor.h"

namespace brink {

namespace {

std::size_t at(Var v) { return static_cast<std::size_t>(v.id); }

/// Marks the values that depend on any of `from`, among the first `nodes` nodes.
std::vector<char> dependents(const Graph& g, std::span<const Var> from, std::size_t nodes) {
  std::vector<char> mark(static_cast<std::size_t>(g.size()), 0);
  for (const Var v : from) mark[at(v)] = 1;
  for (std::size_t n = 0; n < nodes; ++n) {
    const Node& node = g.nodes()[n];
    if (std::ranges::any_of(node.in, [&](Var v) { return mark[at(v)] != 0; }))
      for (const Var v : node.out) mark[at(v)] = 1;
  }
  return mark;
}

/// Marks the nodes that any of `of` depends on, the producers included.
std::vector<char> ancestors(const Graph& g, std::span<const Var> of) {
  std::vector<char> mark(g.nodes().size(), 0);
  const auto visit = [&](Var v) {
    if (const int n = g.producer_index(v); n >= 0) mark[static_cast<std::size_t>(n)] = 1;
  };
  for (const Var v : of) visit(v);
  for (std::size_t n = mark.size(); n-- > 0;)
    if (mark[n])
      for (const Var v : g.nodes()[n].in) visit(v);
  return mark;
}

/// Copies nodes of one graph into another, value by value.
class Copier {
 public:
  Copier(const Graph& from, Graph& to) : from_(from), to_(to), map_(static_cast<std::size_t>(from.size())) {}
  void set(Var from, Var to) { map_[at(from)] = to; }
  Var operator()(Var v) const { return map_[at(v)]; }
  void node(const Node& n) {
    Vars in;
    for (const Var v : n.in) in.push_back((*this)(v));
    const Graph::Within within(to_, n.origin);
    const Vars out = to_.emit_all(*n.primitive, in, n.attributes);
    for (std::size_t i = 0; i < out.size(); ++i) set(n.out[i], out[i]);
  }
  void input(const Input& i) { set(i.var, to_.input(i.name, from_.type(i.var), i.role, i.index, i.direction)); }

 private:
  const Graph& from_;
  Graph& to_;
  Vars map_;
};

Var or_zeros(Graph& g, Var v, const ValueType& type) { return v ? v : constant(g, 0, type); }

Vars vars_of(const std::vector<Output>& outputs) {
  Vars out;
  for (const Output& o : outputs) out.push_back(o.var);
  return out;
}

Vars tangent_inputs(Graph& g, int direction) {
  Vars out;
  const std::vector<Input> inputs = g.inputs();
  for (const Input& i : inputs)
    if (i.role == InputRole::parameter)
      out.push_back(g.input("tangent of " + i.name, g.type(i.var), InputRole::tangent, i.index, direction));
  return out;
}

/// Gives g the gradient of its first output as further outputs.
void append_gradient(Graph& g, const Vars& wrt) {
  const Output loss = g.outputs().at(0);
  const Var one = constant(g, 1, g.type(loss.var));
  const Vars gradient = pullback(g, {&loss.var, 1}, {&one, 1}, wrt);
  for (std::size_t i = 0; i < wrt.size(); ++i)
    g.output("gradient", OutputRole::parameter, static_cast<int>(i), or_zeros(g, gradient[i], g.type(wrt[i])));
}

}  // namespace

Vars pullback(Graph& g, std::span<const Var> outputs, std::span<const Var> cotangents, std::span<const Var> wrt) {
  const std::size_t nodes = g.nodes().size();
  const std::vector<char> depends = dependents(g, wrt, nodes);
  const std::vector<char> leads = ancestors(g, outputs);
  std::vector<Vars> contributions(static_cast<std::size_t>(g.size()));  // latest user first
  for (std::size_t i = 0; i < outputs.size(); ++i) contributions[at(outputs[i])].push_back(cotangents[i]);
  const auto total = [&](Var v) {
    Vars& c = contributions[at(v)];
    Var sum;
    for (std::size_t i = c.size(); i-- > 0;) sum = add(g, sum, c[i]);
    return sum;
  };
  for (std::size_t n = nodes; n-- > 0;) {
    const Node node = g.nodes()[n];  // a copy: emitting moves the nodes
    if (!leads[n] || std::ranges::none_of(node.out, [&](Var v) { return depends[at(v)] != 0; })) continue;
    const Graph::Within within(g, {node.origin.layer, true, node.origin.tangent});
    Vars cotangent;
    for (const Var v : node.out) cotangent.push_back(total(v));
    if (std::ranges::none_of(cotangent, [](Var v) { return static_cast<bool>(v); })) continue;
    if (!node.primitive->derivative.vjp)
      throw std::logic_error(fmt::format("[{}] has no reverse derivative", node.primitive->name));
    const Vars in = node.primitive->derivative.vjp({g, node.in, node.out, cotangent, node.attributes, *node.primitive});
    for (std::size_t i = node.in.size(); i-- > 0;)
      if (in[i] && depends[at(node.in[i])]) contributions[at(node.in[i])].push_back(in[i]);
  }
  Vars result;
  for (const Var w : wrt) result.push_back(total(w));
  return result;
}

Vars pushforward(Graph& g, std::span<const Var> outputs, std::span<const Var> wrt, std::span<const Var> tangents) {
  const std::size_t nodes = g.nodes().size();
  const std::vector<char> leads = ancestors(g, outputs);
  Vars tangent(static_cast<std::size_t>(g.size()));
  for (std::size_t i = 0; i < wrt.size(); ++i) tangent[at(wrt[i])] = tangents[i];
  for (std::size_t n = 0; n < nodes; ++n) {
    const Node node = g.nodes()[n];
    if (!leads[n]) continue;
    Vars in;
    for (const Var v : node.in) in.push_back(tangent[at(v)]);
    if (std::ranges::none_of(in, [](Var v) { return static_cast<bool>(v); })) continue;
    if (!node.primitive->derivative.jvp)
      throw std::logic_error(fmt::format("[{}] has no forward derivative", node.primitive->name));
    const Graph::Within within(g, {node.origin.layer, node.origin.backward, true});
    const Vars out = node.primitive->derivative.jvp({g, node.in, node.out, in, node.attributes, *node.primitive});
    for (std::size_t i = 0; i < out.size(); ++i) tangent[at(node.out[i])] = out[i];
  }
  Vars result;
  for (const Var v : outputs) result.push_back(tangent[at(v)]);
  return result;
}

Vars parameters_of(const Graph& g) {
  Vars out;
  for (const Input& i : g.inputs())
    if (i.role == InputRole::parameter) out.push_back(i.var);
  return out;
}

Graph first_output(const Graph& graph) {
  Graph g = graph;
  const Output first = g.outputs().at(0);
  g.clear_outputs();
  g.output(first.name, first.role, first.index, first.var);
  return prune(g);
}

Graph prune(const Graph& g) {
  const std::vector<char> leads = ancestors(g, vars_of(g.outputs()));
  std::vector<char> used(static_cast<std::size_t>(g.size()), 0);
  for (const Output& o : g.outputs()) used[at(o.var)] = 1;
  for (std::size_t n = 0; n < leads.size(); ++n)
    if (leads[n])
      for (const Var v : g.nodes()[n].in) used[at(v)] = 1;
  Graph out;
  Copier copy(g, out);
  for (const Input& i : g.inputs())
    if (used[at(i.var)]) copy.input(i);
  for (std::size_t n = 0; n < leads.size(); ++n)
    if (leads[n]) copy.node(g.nodes()[n]);
  for (const Output& o : g.outputs()) out.output(o.name, o.role, o.index, copy(o.var));
  return out;
}

Graph grad(const Graph& graph) {
  Graph g = graph;
  append_gradient(g, parameters_of(g));
  return prune(g);
}

Graph jvp(const Graph& graph, int direction) {
  Graph g = graph;
  const Vars wrt = parameters_of(g);
  const Vars tangents = tangent_inputs(g, direction);
  const std::vector<Output> outputs = g.outputs();
  const Vars result = pushforward(g, vars_of(outputs), wrt, tangents);
  for (std::size_t i = 0; i < outputs.size(); ++i)
    g.output("tangent of " + outputs[i].name, outputs[i].role, outputs[i].index,
             or_zeros(g, result[i], g.type(outputs[i].var)));
  return prune(g);
}

Graph taylor(const Graph& graph, int order, int direction) {
  Graph g = graph;
  const Vars wrt = parameters_of(g);
  std::vector<Series> series;
  for (const Var v : tangent_inputs(g, direction)) series.push_back({v});
  const Output of = g.outputs().at(0);
  const Series result = expand(g, {&of.var, 1}, wrt, series, order)[0];
  for (int k = 1; k <= order; ++k)
    g.output(fmt::format("order {} of {}", k, of.name), of.role, of.index,
             or_zeros(g, coefficient({}, result, k), g.type(of.var)));
  return prune(g);
}

Vars gauss_newton(Graph& g, Var value, Var inner, std::span<const Var> wrt, std::span<const Var> tangents) {
  const Vars jv = pushforward(g, {&inner, 1}, wrt, tangents);
  const Var one = constant(g, 1, g.type(value));
  const Vars slope = pullback(g, {&value, 1}, {&one, 1}, {&inner, 1});
  const Vars u = pushforward(g, slope, {&inner, 1}, jv);  // ∂²value/∂inner² J v
  return pullback(g, {&inner, 1}, u, wrt);
}

LinearizedGraph split_by_direction(const Graph& g, std::size_t kept) {
  Vars tangents;
  for (const Input& i : g.inputs())
    if (i.role == InputRole::tangent) tangents.push_back(i.var);
  const std::vector<Output> products(g.outputs().begin() + static_cast<std::ptrdiff_t>(kept), g.outputs().end());
  const Vars result = vars_of(products);

  // What depends on v is the tangent program; what it reads and does not depend on v is an input of f or a residual.
  const std::vector<char> linear = dependents(g, tangents, g.nodes().size());
  const std::vector<char> leads = ancestors(g, result);
  LinearizedGraph out;
  Copier copy(g, out.tangent);
  std::vector<char> read(static_cast<std::size_t>(g.size()), 0);
  for (std::size_t n = 0; n < leads.size(); ++n)
    if (leads[n] && linear[at(g.nodes()[n].out[0])])
      for (const Var v : g.nodes()[n].in) read[at(v)] = 1;
  for (const Var v : result)
    if (!linear[at(v)]) read[at(v)] = 1;

  Graph with_residuals = g;
  with_residuals.clear_outputs();
  for (const Output& o : std::span(g.outputs()).first(kept)) with_residuals.output(o.name, o.role, o.index, o.var);
  int residuals = 0;
  for (const Input& i : g.inputs())
    if (i.role == InputRole::tangent || read[at(i.var)]) copy.input(i);
  for (std::int32_t id = 0; id < g.size(); ++id) {
    const Var v{id};
    if (!read[at(v)] || linear[at(v)] || !g.producer(v)) continue;
    with_residuals.output("residual", OutputRole::residual, residuals, v);
    copy.set(v, out.tangent.input("residual", g.type(v), InputRole::residual, residuals++));
  }
  for (std::size_t n = 0; n < leads.size(); ++n)
    if (leads[n] && linear[at(g.nodes()[n].out[0])]) copy.node(g.nodes()[n]);
  for (const Output& o : products) out.tangent.output(o.name, o.role, o.index, copy(o.var));
  out.tangent = prune(out.tangent);
  out.primal = prune(with_residuals);
  return out;
}

LinearizedGraph linearize(const Graph& f) {
  Graph g = f;
  const Vars wrt = parameters_of(g);
  const Vars tangents = tangent_inputs(g, 0);
  std::vector<Output> differentiated;
  for (const Output& o : f.outputs())
    if (o.role == OutputRole::parameter) differentiated.push_back(o);
  const Vars result = pushforward(g, vars_of(differentiated), wrt, tangents);
  for (std::size_t i = 0; i < result.size(); ++i)
    g.output("tangent of " + differentiated[i].name, OutputRole::parameter, differentiated[i].index,
             or_zeros(g, result[i], g.type(differentiated[i].var)));
  return split_by_direction(g, f.outputs().size());
}

LinearizedGraph linearize_gauss_newton(const Graph& f, Var inner) {
  Graph g = f;
  const Vars wrt = parameters_of(g);
  append_gradient(g, wrt);
  const std::size_t kept = g.outputs().size();
  const Vars result = gauss_newton(g, g.outputs()[0].var, inner, wrt, tangent_inputs(g, 0));
  for (std::size_t i = 0; i < wrt.size(); ++i)
    g.output("gauss_newton", OutputRole::parameter, static_cast<int>(i), or_zeros(g, result[i], g.type(wrt[i])));
  return split_by_direction(g, kept);
}

Graph repeat_directions(const Graph& tangent, int count, int parameters) {
  Graph out;
  Vars shared;  // of the inputs that are the same for every direction
  for (int d = 0; d < count; ++d) {
    Copier copy(tangent, out);
    for (std::size_t i = 0; i < tangent.inputs().size(); ++i) {
      Input input = tangent.inputs()[i];
      if (d > 0 && input.role != InputRole::tangent) {
        copy.set(input.var, shared[i]);
        continue;
      }
      input.direction = d;
      copy.input(input);
      if (d == 0) shared.push_back(copy(input.var));
    }
    for (const Node& n : tangent.nodes()) copy.node(n);
    for (const Output& o : tangent.outputs()) out.output(o.name, o.role, d * parameters + o.index, copy(o.var));
  }
  return out;
}

}  // namespace brink
