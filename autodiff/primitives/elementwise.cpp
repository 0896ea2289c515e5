// SPDX-License-Identifier: MIT
// What it is: the elementwise primitives, each with all of its mathematics.
// Decision: builders simplify only where no bit can change: symbolic zeros vanish, nothing else.
#include "autodiff/primitives/elementwise.h"

#include "autodiff/primitives/dense.h"
#include "autodiff/primitives/rules.h"
#include "kernels/map/map.h"

namespace brink {

std::string Factor::describe() const { return fmt::format("{}", value); }
std::string Constant::describe() const { return fmt::format("{}", value); }

namespace {
template <class F>
void run_map(Device& d, const Call& c) {
  const auto* factor = c.attributes.get_if<Factor>();
  map<F>(d, c.out[0], c.in, factor ? factor->value : 0.0);
}

void run_constant(Device& d, const Call& c) { fill(d, c.out[0], c.attributes.as<Constant>().value); }
}  // namespace

// y = a + b.  y' = a' + b';  a̅ = y̅, b̅ = y̅.
const Primitive add_p{
    .name = "add",
    .shape = [](rules::Types in, const Attributes&) { return rules::all_equal("add", in); },
    .jvp = [](const JvpContext& c) -> Vars { return {add(c.g, c.tangent[0], c.tangent[1])}; },
    .vjp = [](const VjpContext& c) -> Vars {
      return {c.cotangent[0], c.cotangent[0]};
    },
    .run = run_map<Add>,
    .flops = rules::one_per_element,
};
Var add(Graph& g, Var a, Var b) {
  if (!a) return b;
  if (!b) return a;
  const Node *p = g.producer(a), *q = g.producer(b);
  const bool finished = (p && p->primitive->sums_samples) || (q && q->primitive->sums_samples);
  return finished ? join_sample_sums(g, a, b) : g.emit(add_p, {a, b});
}

// y = a − b.  y' = a' − b';  a̅ = y̅, b̅ = −y̅.
const Primitive sub_p{
    .name = "sub",
    .shape = [](rules::Types in, const Attributes&) { return rules::all_equal("sub", in); },
    .jvp = [](const JvpContext& c) -> Vars { return {sub(c.g, c.tangent[0], c.tangent[1])}; },
    .vjp = [](const VjpContext& c) -> Vars {
      return {c.cotangent[0], scale(c.g, -1, c.cotangent[0])};
    },
    .run = run_map<Subtract>,
    .flops = rules::one_per_element,
};
Var sub(Graph& g, Var a, Var b) {
  if (!b) return a;
  return a ? g.emit(sub_p, {a, b}) : scale(g, -1, b);
}

// y = a·b.  y' = a'·b + a·b';  a̅ = y̅·b, b̅ = a·y̅.
const Primitive mul_p{
    .name = "mul",
    .shape = [](rules::Types in, const Attributes&) { return rules::all_equal("mul", in); },
    .jvp = [](const JvpContext& c) -> Vars {
      return {add(c.g, mul(c.g, c.tangent[0], c.in[1]), mul(c.g, c.in[0], c.tangent[1]))};
    },
    .vjp = [](const VjpContext& c) -> Vars {
      return {mul(c.g, c.cotangent[0], c.in[1]), mul(c.g, c.in[0], c.cotangent[0])};
    },
    .run = run_map<Multiply>,
    .flops = rules::one_per_element,
};
Var mul(Graph& g, Var a, Var b) { return a && b ? g.emit(mul_p, {a, b}) : Var{}; }

// y = c·a.  y' = c·a';  a̅ = c·y̅.
const Primitive scale_p{
    .name = "scale",
    .shape = rules::same_as_first,
    .jvp = [](const JvpContext& c) -> Vars { return {scale(c.g, c.attributes.as<Factor>().value, c.tangent[0])}; },
    .vjp = [](const VjpContext& c) -> Vars { return {scale(c.g, c.attributes.as<Factor>().value, c.cotangent[0])}; },
    .run = run_map<Scale>,
    .flops = rules::one_per_element,
};
Var scale(Graph& g, double c, Var a) { return a ? g.emit(scale_p, {a}, Factor{c}) : Var{}; }

// y = max(x, 0).  y' = [y > 0]·x';  x̅ = [y > 0]·y̅.
const Primitive relu_p{
    .name = "relu",
    .shape = rules::same_as_first,
    .jvp = [](const JvpContext& c) -> Vars { return {gate(c.g, c.out[0], c.tangent[0])}; },
    .vjp = [](const VjpContext& c) -> Vars { return {gate(c.g, c.out[0], c.cotangent[0])}; },
    .run = run_map<Relu>,
    .flops = rules::one_per_element,
    .epilogue = {.running = 0, .stage = 2, .join = [](Epilogue& e, std::span<const View>) { e.relu = true; }},
};
Var relu(Graph& g, Var x) { return x ? g.emit(relu_p, {x}) : Var{}; }

// z = [y > 0]·d, piecewise constant in y.  z' = [y > 0]·d';  d̅ = [y > 0]·z̅.
const Primitive gate_p{
    .name = "gate",
    .shape = [](rules::Types in, const Attributes&) { return rules::all_equal("gate", in); },
    .jvp = [](const JvpContext& c) -> Vars { return {gate(c.g, c.in[0], c.tangent[1])}; },
    .vjp = [](const VjpContext& c) -> Vars {
      return {Var{}, gate(c.g, c.in[0], c.cotangent[0])};
    },
    .run = run_map<Gate>,
    .flops = rules::one_per_element,
    .epilogue = {.running = 1, .stage = 2, .join = [](Epilogue& e, std::span<const View> in) { e.gate = in[0]; }},
};
Var gate(Graph& g, Var y, Var d) { return d ? g.emit(gate_p, {y, d}) : Var{}; }

// y = tanh x.  y' = (1 − y²)·x';  x̅ = (1 − y²)·y̅.
const Primitive tanh_p{
    .name = "tanh",
    .shape = rules::same_as_first,
    .jvp = [](const JvpContext& c) -> Vars { return {mul(c.g, one_minus_square(c.g, c.out[0]), c.tangent[0])}; },
    .vjp = [](const VjpContext& c) -> Vars { return {mul(c.g, one_minus_square(c.g, c.out[0]), c.cotangent[0])}; },
    .run = run_map<Tanh>,
    .flops = rules::one_per_element,
};
Var tanh(Graph& g, Var x) { return x ? g.emit(tanh_p, {x}) : Var{}; }

// s = 1 − y².  s' = −2y·y';  y̅ = −2y·s̅.
const Primitive one_minus_square_p{
    .name = "one_minus_square",
    .shape = rules::same_as_first,
    .jvp = [](const JvpContext& c) -> Vars { return {mul(c.g, scale(c.g, -2, c.in[0]), c.tangent[0])}; },
    .vjp = [](const VjpContext& c) -> Vars { return {mul(c.g, scale(c.g, -2, c.in[0]), c.cotangent[0])}; },
    .run = run_map<OneMinusSquare>,
    .flops = [](rules::Types, rules::Types out, const Attributes&) { return 2 * out[0].shape.elements(); },
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
    .jvp = rules::zero_tangent,
    .vjp = rules::zero_cotangent,
    .run = run_constant,
    .flops = rules::no_flops,
};
Var constant(Graph& g, double value, ValueType t) {
  return g.emit(constant_p, {}, Constant{value, t.shape.extent, t.shape.rank, t.dtype});
}

}  // namespace brink
