// SPDX-License-Identifier: MIT
// The elementwise primitives, each with all of its mathematics.
// Builders drop symbolic zeros and simplify nothing else, so that no bit can change.
#include "autodiff/primitives/elementwise.h"

#include "autodiff/primitives/run_map.h"

namespace brink {

std::string ScaleAttributes::describe() const { return fmt::format("{}", value); }
std::string Constant::describe() const { return fmt::format("{}", value); }

namespace {
void run_constant(Device& d, const Call& c) { fill(d, c.out[0], c.attributes.as<Constant>().value); }
}  // namespace

namespace rules {
Vars product_jvp(const JvpContext& c) {
  const auto times = [&](Var a, Var b) {
    return c.primitive.derivative.product({c.g, c.in, c.out, {}, a, b, c.attributes});
  };
  const Var second = times(c.in[0], c.tangent[1]), first = times(c.tangent[0], c.in[1]);
  return {add(c.g, first, second)};
}
Vars product_vjp(const VjpContext& c) {
  const Derivative& rule = c.primitive.derivative;
  const Partial p{c.g, c.in, c.out, c.cotangent[0], c.in[0], c.in[1], c.attributes};
  return {rule.first(p), rule.second(p)};
}

namespace {
Var times_slope(Graph& g, const Partial& p, const Primitive& primitive) {
  return mul(g, primitive.derivative.first(p), p.d);
}
}  // namespace
Vars elementwise_jvp(const JvpContext& c) {
  return {times_slope(c.g, {c.g, c.in, c.out, c.tangent[0], {}, {}, c.attributes}, c.primitive)};
}
Vars elementwise_vjp(const VjpContext& c) {
  return {times_slope(c.g, {c.g, c.in, c.out, c.cotangent[0], {}, {}, c.attributes}, c.primitive)};
}
}  // namespace rules

// y = a + b.  y' = a' + b';  a̅ = y̅, b̅ = y̅.
const Primitive add_p{
    .name = "add",
    .shape = [](rules::Types in, const Attributes&) { return rules::all_equal("add", in); },
    .derivative =
        rules::linear_in_all([](const JvpContext& c) -> Vars { return {add(c.g, c.tangent[0], c.tangent[1])}; },
                             [](const VjpContext& c) -> Vars {
                               return {c.cotangent[0], c.cotangent[0]};
                             }),
    .run = rules::run_map<Add>,
    .flops = rules::one_per_element,
};
Var add(Graph& g, Var a, Var b) {
  if (!a) return b;
  if (!b) return a;
  const Node *p = g.producer(a), *q = g.producer(b);
  if ((!p || !p->primitive->sums_samples) && (!q || !q->primitive->sums_samples)) return g.emit(add_p, {a, b});
  if (p && q && p->primitive == q->primitive && p->attributes == q->attributes && p->primitive->join) {
    const Node first = *p, second = *q;  // copies: emitting moves the nodes
    return first.primitive->join(g, first, second);
  }
  throw std::logic_error(
      fmt::format("[add] {} and {}: finished sums over samples of different kinds cannot be added inside a "
                  "block; give the parameter's uses one form",
                  p ? p->primitive->name : "input", q ? q->primitive->name : "input"));
}

// y = a − b.  y' = a' − b';  a̅ = y̅, b̅ = −y̅.
const Primitive sub_p{
    .name = "sub",
    .shape = [](rules::Types in, const Attributes&) { return rules::all_equal("sub", in); },
    .derivative =
        rules::linear_in_all([](const JvpContext& c) -> Vars { return {sub(c.g, c.tangent[0], c.tangent[1])}; },
                             [](const VjpContext& c) -> Vars {
                               return {c.cotangent[0], scale(c.g, c.cotangent[0], -1)};
                             }),
    .run = rules::run_map<Subtract>,
    .flops = rules::one_per_element,
};
Var sub(Graph& g, Var a, Var b) {
  if (!b) return a;
  return a ? g.emit(sub_p, {a, b}) : scale(g, b, -1);
}

// y = a·b.  y' = a'·b + a·b';  a̅ = y̅·b, b̅ = a·y̅.
const Primitive mul_p{
    .name = "mul",
    .shape = [](rules::Types in, const Attributes&) { return rules::all_equal("mul", in); },
    .derivative = rules::product([](const Partial& c) { return mul(c.g, c.a, c.b); },
                                 [](const Partial& c) { return mul(c.g, c.d, c.b); },
                                 [](const Partial& c) { return mul(c.g, c.a, c.d); }),
    .run = rules::run_map<Multiply>,
    .flops = rules::one_per_element,
};
Var mul(Graph& g, Var a, Var b) { return a && b ? g.emit(mul_p, {a, b}) : Var{}; }

// y = c·a.  y' = c·a';  a̅ = c·y̅.
const Primitive scale_p{
    .name = "scale",
    .shape = rules::same_as_first,
    .derivative =
        rules::linear([](const Partial& c) { return scale(c.g, c.d, c.attributes.as<ScaleAttributes>().value); }),
    .run = [](Device& d, const Call& c) { map<Scale>(d, c.out, c.in, c.attributes.as<ScaleAttributes>().value); },
    .flops = rules::one_per_element,
};
Var scale(Graph& g, Var a, double c) { return a ? g.emit(scale_p, {a}, ScaleAttributes{c}) : Var{}; }

// y = max(x, 0).  y' = [y > 0]·x';  x̅ = [y > 0]·y̅.
const Primitive relu_p{
    .name = "relu",
    .shape = rules::same_as_first,
    .derivative = rules::symmetric([](const Partial& c) { return gate(c.g, c.out[0], c.d); }),
    .run = rules::run_map<Relu>,
    .flops = rules::one_per_element,
    .epilogue = {.running = 0, .stage = 2, .join = [](Epilogue& e, std::span<const View>) { e.relu = true; }},
};
Var relu(Graph& g, Var x) { return x ? g.emit(relu_p, {x}) : Var{}; }

// z = [y > 0]·d, piecewise constant in y.  z' = [y > 0]·d';  d̅ = [y > 0]·z̅.
const Primitive gate_p{
    .name = "gate",
    .shape = [](rules::Types in, const Attributes&) { return rules::all_equal("gate", in); },
    .derivative = rules::linear([](const Partial& c) { return gate(c.g, c.in[0], c.d); }, 1),
    .run = rules::run_map<Gate>,
    .flops = rules::one_per_element,
    .epilogue = {.running = 1, .stage = 2, .join = [](Epilogue& e, std::span<const View> in) { e.gate = in[0]; }},
};
Var gate(Graph& g, Var y, Var d) { return d ? g.emit(gate_p, {y, d}) : Var{}; }

// y = tanh x.  y' = (1 − y²)·x';  x̅ = (1 − y²)·y̅.
const Primitive tanh_p{
    .name = "tanh",
    .shape = rules::same_as_first,
    .derivative = rules::elementwise([](const Partial& c) { return one_minus_square(c.g, c.out[0]); }),
    .run = rules::run_map<Tanh>,
    .flops = rules::one_per_element,
};
Var tanh(Graph& g, Var x) { return x ? g.emit(tanh_p, {x}) : Var{}; }

// s = 1 − y².  s' = −2y·y';  y̅ = −2y·s̅.
const Primitive one_minus_square_p{
    .name = "one_minus_square",
    .shape = rules::same_as_first,
    .derivative = rules::elementwise([](const Partial& c) { return scale(c.g, c.in[0], -2); }),
    .run = rules::run_map<OneMinusSquare>,
    .flops = rules::per_element<2>,
};
Var one_minus_square(Graph& g, Var y) { return g.emit(one_minus_square_p, {y}); }

// y = c.  y' = 0.
const Primitive constant_p{
    .name = "constant",
    .shape = [](rules::Types, const Attributes& a) -> std::vector<ValueType> {
      const auto& c = a.as<Constant>();
      ValueType t;
      t.dtype = c.dtype;
      t.shape.extent = c.extent;
      t.shape.rank = c.rank;
      return {t};
    },
    .derivative = rules::piecewise_constant(),
    .run = run_constant,
    .flops = rules::no_flops,
};
Var constant(Graph& g, double value, ValueType t) {
  return g.emit(constant_p, {}, Constant{value, t.shape.extent, t.shape.rank, t.dtype});
}

}  // namespace brink
