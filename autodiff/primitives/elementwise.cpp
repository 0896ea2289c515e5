// SPDX-License-Identifier: MIT
// The elementwise primitives, each with its shape rule, derivatives and kernel.
// Builders drop symbolic zeros and simplify nothing else, so that no bit can change.
#include "autodiff/primitives/elementwise.h"

#include <algorithm>

#include "autodiff/primitives/pairs.h"
#include "autodiff/primitives/run_map.h"
#include "autodiff/taylor.h"

namespace brink {

std::string ScaleAttributes::describe() const { return fmt::format("{}", value); }
std::string Constant::describe() const { return fmt::format("{}", value); }
std::string CastAttributes::describe() const { return fmt::format("to {}", name_of(to)); }

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

std::vector<Series> product_series(const SeriesContext& c) {
  Series out;
  for (int k = 1; k <= c.order; ++k) {
    Var sum;
    for (const Factors& f : product_rule(c, k))
      if (f.a && f.b)
        sum = add(c.g, sum, c.primitive.derivative.product({c.g, c.in, c.out, {}, f.a, f.b, c.attributes}));
    out.push_back(sum);
  }
  return {out};
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
// With x'(t) = Σ (j+1)·x_{j+1}·t^j and J linear in x':  y_k = Σ_j [J(x(t)) x_{j+1}·(j+1)/k]_{k−1−j}.
std::vector<Series> composed_series(const SeriesContext& c) {
  std::vector<Series> out(c.out.size());
  Vars known(c.in.begin(), c.in.end());
  known.insert(known.end(), c.out.begin(), c.out.end());
  for (int k = 1; k <= c.order; ++k) {
    Vars of_order(c.out.size());
    for (int j = 0; j < k; ++j) {
      Vars tangents = tangents_of_order(c, j + 1);
      if (tangents.empty()) continue;
      // Scaled even by 1: a value of its own. It counts as constant, though it may be made of values that are not.
      for (Var& t : tangents) t = scale(c.g, t, static_cast<double>(j + 1) / k);
      const Vars y = c.primitive.derivative.jvp({c.g, c.in, c.out, tangents, c.attributes, c.primitive});
      Vars all = known;
      std::vector<Series> series(c.series.begin(), c.series.end());
      series.insert(series.end(), out.begin(), out.end());
      for (const Var t : tangents)
        if (t) {
          all.push_back(t);
          series.emplace_back();
        }
      const std::vector<Series> of_y = expand(c.g, y, all, series, k - 1 - j);
      for (std::size_t o = 0; o < y.size(); ++o)
        of_order[o] = add(c.g, of_order[o], coefficient(y[o], of_y[o], k - 1 - j));
    }
    for (std::size_t o = 0; o < out.size(); ++o) out[o].push_back(of_order[o]);
  }
  return out;
}

std::vector<Series> elementwise_series(const SeriesContext& c) {
  const Primitive* const expansion = c.primitive.derivative.expansion;
  if (!expansion || c.order == 1 || c.order > expansion_order) return composed_series(c);
  Vars in(c.in.begin(), c.in.end());
  for (int k = 1; k <= expansion_order; ++k) {
    const Var x = k <= c.order ? c.of(0, k) : Var{};
    in.push_back(x ? x : constant(c.g, 0, c.g.type(c.in[0])));
  }
  Series out = c.g.emit_all(*expansion, in, c.attributes);
  out.resize(static_cast<std::size_t>(c.order));
  return {out};
}

std::vector<ValueType> expansion_shape(Types in, const Attributes&) {
  all_equal("expansion", in);
  return std::vector<ValueType>(expansion_order, in[0]);
}

namespace {
/// Orders 0 … 4 of f'(x(t)), from the operands of an expansion of f.
Vars slope_series(Graph& g, std::span<const Var> in, std::span<const Var> out, const Attributes& attributes,
                  const Primitive& f) {
  const Var known[] = {in[0], g.emit(f, {in[0]}, attributes)};
  const Series series[] = {{in.begin() + 1, in.end()}, {out.begin(), out.end()}};
  Vars slope{f.derivative.first({g, std::span(known).first(1), std::span(known).last(1), {}, {}, {}, attributes})};
  const Series rest = expand(g, slope, known, series, expansion_order)[0];
  for (int k = 1; k <= expansion_order; ++k) slope.push_back(coefficient({}, rest, k));
  return slope;
}
}  // namespace
// With s(t) = f'(x(t)):  y_k' = Σ_{i+j=k} s_i x_j',  so  x̅_j = Σ_{k ≥ j} s_{k−j} y̅_k.
Vars expansion_jvp(const JvpContext& c, const Primitive& f) {
  const Vars s = slope_series(c.g, c.in, c.out, c.attributes, f);
  Vars out;
  for (std::size_t k = 1; k <= expansion_order; ++k) {
    Var sum;
    for (std::size_t j = 0; j <= k; ++j) sum = add(c.g, sum, mul(c.g, s[k - j], c.tangent[j]));
    out.push_back(sum);
  }
  return out;
}
Vars expansion_vjp(const VjpContext& c, const Primitive& f) {
  const Vars s = slope_series(c.g, c.in, c.out, c.attributes, f);
  Vars in;
  for (std::size_t j = 0; j <= expansion_order; ++j) {
    Var sum;
    for (std::size_t k = std::max<std::size_t>(j, 1); k <= expansion_order; ++k)
      sum = add(c.g, sum, mul(c.g, s[k - j], c.cotangent[k - 1]));
    in.push_back(sum);
  }
  return in;
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
    .derivative = rules::piecewise_linear([](const Partial& c) { return gate(c.g, c.out[0], c.d); }),
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
    .derivative = rules::elementwise([](const Partial& c) { return one_minus_square(c.g, c.out[0]); }, &tanh_series_p),
    .run = rules::run_map<Tanh>,
    .flops = rules::one_per_element,
};
Var tanh(Graph& g, Var x) { return x ? g.emit(tanh_p, {x}) : Var{}; }
const Primitive tanh_series_p{
    .name = "tanh_series",
    .shape = rules::expansion_shape,
    .derivative = rules::expansion_of<tanh_p>(),
    .run = rules::run_map<TanhSeries>,
    .flops = rules::per_element<26>,
};

// s = 1 − y².  s' = −2y·y';  y̅ = −2y·s̅.
const Primitive one_minus_square_p{
    .name = "one_minus_square",
    .shape = rules::same_as_first,
    .derivative =
        rules::elementwise([](const Partial& c) { return scale(c.g, c.in[0], -2); }, &one_minus_square_series_p),
    .run = rules::run_map<OneMinusSquare>,
    .flops = rules::per_element<2>,
};
Var one_minus_square(Graph& g, Var y) { return g.emit(one_minus_square_p, {y}); }
const Primitive one_minus_square_series_p{
    .name = "one_minus_square_series",
    .shape = rules::expansion_shape,
    .derivative = rules::expansion_of<one_minus_square_p>(),
    .run = rules::run_map<OneMinusSquareSeries>,
    .flops = rules::per_element<12>,
};

// y = x in another precision.  y' = x' in that one;  x̅ = y̅ in x's.
const Primitive cast_p{
    .name = "cast",
    .shape = [](rules::Types in, const Attributes& a) -> std::vector<ValueType> {
      return {{in[0].shape, a.as<CastAttributes>().to}};
    },
    .derivative = rules::linear([](const Partial& c) { return cast(c.g, c.d, c.g.type(c.in[0]).dtype); }),
    .run = [](Device& d, const Call& c) { brink::cast(d, c.out[0], c.in[0]); },
    .flops = rules::no_flops,
};
Var cast(Graph& g, Var x, Dtype to) {
  return !x || g.type(x).dtype == to ? x : g.emit(cast_p, {x}, CastAttributes{to});
}

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
