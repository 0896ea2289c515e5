// SPDX-License-Identifier: MIT
// Graphs and their transformations: common subexpressions, pruning, exact error messages, sums over samples that join.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>

#include "autodiff/primitives/dense.h"
#include "autodiff/primitives/elementwise.h"
#include "autodiff/primitives/losses.h"
#include "autodiff/transform.h"
#include "tests/support/networks.h"

using namespace brink;

namespace {

Var data(Graph& g, Shape shape, Dtype dtype = Dtype::f32) { return g.input("x", {shape, dtype}, InputRole::data, 0); }

std::int64_t count(const Graph& g, const Primitive& p) {
  return std::ranges::count_if(g.nodes(), [&](const Node& n) { return n.primitive == &p; });
}

/// Σ ½‖relu(xW)W‖² with one square W used twice.
Objective shared_weight(std::int64_t width, Dtype dtype) {
  Objective o;
  o.layout = ParameterLayout({{"w", {width, width}, width}});
  o.dtype = dtype;
  o.group = 128;
  o.loss = [=](std::int64_t samples) {
    Graph g;
    const Var w = g.input("w", {{width, width}, dtype}, InputRole::parameter, 0);
    const Var x = g.input("x", {{samples, width}, dtype}, InputRole::data, 0);
    const Var y = matmul(g, {{relu(g, matmul(g, {{x, w}}, false, 128)), w}}, false, 128);
    g.output("loss", OutputRole::scalar, 0, half_sum_of_squares(g, y, 128));
    g.output("correct", OutputRole::scalar, 1, constant(g, 0, {Shape{}, Dtype::f64}));
    return g;
  };
  return o;
}

}  // namespace

TEST_CASE("the same operation on the same values is one value; another attribute or order is another") {
  Graph g;
  const Var a = data(g, {4, 3}), b = data(g, {4, 3});
  CHECK(add(g, a, b) == add(g, a, b));
  CHECK(add(g, a, b) != add(g, b, a));  // addition commutes to the bit, but nothing is rewritten
  CHECK(scale(g, a, 2) == scale(g, a, 2));
  CHECK(scale(g, a, 2) != scale(g, a, 3));
  CHECK(sum_samples(g, a, 128) != sum_samples(g, a, 64));
  CHECK(constant(g, 0, {{2}, Dtype::f32}) != constant(g, 0, {{2}, Dtype::f64}));
  CHECK(g.nodes().size() == 8);
}

TEST_CASE("symbolic zeros vanish, numbers that are zero do not") {
  Graph g;
  const Var a = data(g, {4, 3});
  CHECK(add(g, a, {}) == a);
  CHECK(add(g, {}, a) == a);
  CHECK(sub(g, a, {}) == a);
  CHECK_FALSE(mul(g, a, {}));
  CHECK_FALSE(scale(g, {}, 2));
  CHECK_FALSE(matmul(g, {{a, {}}, {{}, a}}, false, 128));
  CHECK(g.nodes().empty());
  CHECK(add(g, a, constant(g, 0, g.type(a))) != a);
  CHECK_THROWS_WITH_AS(g.emit(add_p, {a, Var{}}),
                       "[add] an input is a symbolic zero; builders must handle it before emit", std::logic_error);
  CHECK_THROWS_WITH_AS(g.output("y", OutputRole::samples, 0, {}),
                       "Graph::output: 'y' is a symbolic zero; expected a value of the graph", std::logic_error);
}

TEST_CASE("prune drops what no output needs and keeps the order of the rest") {
  Graph g;
  const Var a = data(g, {4, 3}), unused = data(g, {4, 3}), b = data(g, {4, 3});
  const Var first = tanh(g, a);
  mul(g, unused, first);
  const Var second = mul(g, b, first);
  relu(g, second);
  g.output("y", OutputRole::samples, 0, second);
  const Graph small = prune(g);
  REQUIRE(small.inputs().size() == 2);
  REQUIRE(small.nodes().size() == 2);
  CHECK(small.nodes()[0].primitive == &tanh_p);
  CHECK(small.nodes()[1].primitive == &mul_p);
  CHECK(small.outputs()[0].var == small.nodes()[1].out[0]);
  CHECK(prune(small).print() == small.print());
}

TEST_CASE("shape errors say what was expected and what was found") {
  Graph g;
  const Var a = data(g, {25, 12}), b = data(g, {13, 9}), c = data(g, {12, 9}), d = data(g, {2, 12, 9});
  const Var logits = data(g, {4, 3}), labels = data(g, {5}, Dtype::i32), wide = data(g, {12, 9}, Dtype::f64);
  CHECK_THROWS_WITH_AS(matmul(g, {{a, b}}, false, 128),
                       "[matmul] a float32 [25,12], b float32 [13,9]: expected equal inner extents", ShapeError);
  CHECK_THROWS_WITH_AS(matmul(g, {{a, c}}, true, 128),
                       "[matmul] a float32 [25,12], b float32 [12,9]: expected equal inner extents", ShapeError);
  CHECK_THROWS_WITH_AS(matmul(g, {{a, d}}, false, 128),
                       "[matmul] a float32 [25,12], b float32 [2,12,9]: expected matrices", ShapeError);
  CHECK_THROWS_WITH_AS(matmul(g, {{a, wide}}, false, 128), "[matmul] a float32 [25,12], b float64 [12,9]: types differ",
                       ShapeError);
  CHECK_THROWS_WITH_AS(
      matmul(g, {{a, c}, {c, data(g, {9, 9})}}, false, 128),
      "[matmul] a float32 [12,9], b float32 [9,9]: expected a product of shape float32 [25,9], as the first",
      ShapeError);
  CHECK_THROWS_WITH_AS(add(g, a, b), "[add] float32 [25,12] and float32 [13,9]: expected equal shapes", ShapeError);
  CHECK_THROWS_WITH_AS(mul(g, c, wide), "[mul] float32 [12,9] and float64 [12,9]: expected equal shapes", ShapeError);
  CHECK_THROWS_WITH_AS(cross_entropy(g, logits, labels, 128),
                       "[cross_entropy] logits float32 [4,3], labels int32 [5]: expected one int32 label per row",
                       ShapeError);
  CHECK_THROWS_WITH_AS(
      weight_gradient(g, {{a, b}}, 128),
      "[weight_gradient] a float32 [25,12], b float32 [13,9]: expected matrices with one row per sample", ShapeError);
  CHECK_THROWS_WITH_AS(add_row(g, a, labels, 128),
                       "[add_row] x float32 [25,12], b int32 [5]: expected one b per column", ShapeError);
  CHECK_THROWS_WITH_AS(slice_columns(g, a, 10, 3),
                       "[slice_columns] float32 [25,12]: expected 3 columns from column 10 on", ShapeError);
}

TEST_CASE("attributes: equal by type and bits, described, read as what they are") {
  const Attributes none, two = ScaleAttributes{2}, group = Group{2};
  CHECK(none == Attributes());
  CHECK(two == Attributes(ScaleAttributes{2}));
  CHECK(two.hash() == Attributes(ScaleAttributes{2}).hash());
  CHECK(two != none);
  CHECK(two != group);  // of another type
  CHECK(two != Attributes(ScaleAttributes{3}));
  CHECK(Attributes(ScaleAttributes{0.0}) != Attributes(ScaleAttributes{-0.0}));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(Attributes(ScaleAttributes{nan}) == Attributes(ScaleAttributes{nan}));
  CHECK(to_string(none).empty());
  CHECK(to_string(two) == " {2}");
  CHECK(to_string(group) == " {groups of 2}");
  CHECK(two.as<ScaleAttributes>().value == 2);
  CHECK(two.get_if<Group>() == nullptr);
  CHECK_THROWS_AS(static_cast<void>(none.as<ScaleAttributes>()), std::logic_error);
}

TEST_CASE("constants of other bits are other values: −0, NaN") {
  Graph g;
  const ValueType t{{2}, Dtype::f32};
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Var zero = constant(g, 0, t);
  CHECK(constant(g, 0, t) == zero);
  CHECK(constant(g, -0.0, t) != zero);
  CHECK(constant(g, nan, t) != zero);
  CHECK(constant(g, nan, t) == constant(g, nan, t));
}

TEST_CASE("a primitive without a rule is named") {
  static const Primitive opaque{
      .name = "opaque",
      .shape = [](std::span<const ValueType> in, const Attributes&) { return std::vector<ValueType>{in[0]}; },
      .derivative = {},
      .run = nullptr,
      .flops = nullptr};
  Graph g;
  const Var x = data(g, {2, 2}), y = g.emit(opaque, {x});
  CHECK_THROWS_WITH_AS(pullback(g, {&y, 1}, {&x, 1}, {&x, 1}), "[opaque] has no reverse derivative", std::logic_error);
  CHECK_THROWS_WITH_AS(pushforward(g, {&y, 1}, {&x, 1}, {&x, 1}), "[opaque] has no forward derivative",
                       std::logic_error);
}

TEST_CASE("a parameter used by two products has one gradient, whose chains are joined") {
  const Objective o = shared_weight(6, Dtype::f32);
  const Graph gradient = grad(o.loss(300));
  REQUIRE(count(gradient, weight_gradient_p) == 1);
  CHECK(count(gradient, add_p) == 0);
  for (const Node& n : gradient.nodes())
    if (n.primitive == &weight_gradient_p) CHECK(n.in.size() == 4);
  const Graph tangent = linearize(gradient).tangent;
  REQUIRE(count(tangent, weight_gradient_p) == 1);
  for (const Node& n : tangent.nodes())  // x has no tangent: xᵀδ̇, ḣᵀδ, hᵀδ̇
    if (n.primitive == &weight_gradient_p) CHECK(n.in.size() == 6);

  Array x(Shape{1000, 6}, Dtype::f32);
  std::uint64_t i = 0;
  for (float& value : x.span<float>()) value = static_cast<float>(support::uniform(3, i++));
  const View views[] = {x.view()};
  const Array theta = support::direction(o.layout, Dtype::f32, 4), v = support::direction(o.layout, Dtype::f32, 5);
  const auto run = [&](std::int64_t chunk) {
    Device device;
    support::Bits bits;
    const Array g = o.layout.make_vector(Dtype::f32), hv = o.layout.make_vector(Dtype::f32);
    Hvp hvp(device, o, views, {chunk, 0});
    bits.add("loss", hvp.linearize_at(theta.view(), g.view()).loss);
    hvp.apply(v.view(), hv.view());
    bits.add("gradient", g.view());
    bits.add("Hv", hv.view());
    return bits;
  };
  const support::Bits whole = run(1000);
  for (std::int64_t chunk = 128; chunk < 1000; chunk += 128) CHECK(support::first_difference(run(chunk), whole) == "");
}

TEST_CASE("finished sums over samples join or are refused, never added inside a block") {
  Graph g;
  const Var x = data(g, {300, 5}), d = data(g, {300, 5});
  const Var p = weight_gradient(g, {{x, d}}, 128), q = weight_gradient(g, {{d, x}}, 128);
  const Var joined = add(g, p, q);
  CHECK(g.producer(joined)->primitive == &weight_gradient_p);
  CHECK(g.producer(joined)->in == Vars{x, d, d, x});
  const Var bias = add(g, sum_samples(g, x, 128), sum_samples(g, d, 128));
  REQUIRE(g.producer(bias)->primitive == &sum_samples_p);
  CHECK(g.producer(g.producer(bias)->in[0])->primitive == &add_p);

  const std::string kinds =
      ": finished sums over samples of different kinds cannot be added inside a block; give the parameter's "
      "uses one form";
  CHECK_THROWS_WITH_AS(add(g, p, weight_gradient(g, {{d, x}}, 64)),
                       ("[add] weight_gradient and weight_gradient" + kinds).c_str(), std::logic_error);
  CHECK_THROWS_WITH_AS(add(g, p, data(g, {5, 5})), ("[add] weight_gradient and input" + kinds).c_str(),
                       std::logic_error);
  CHECK_THROWS_WITH_AS(add(g, half_sum_of_squares(g, x, 128), sample_dot(g, {{x, d}}, 128)),
                       ("[add] half_sum_of_squares and sample_dot" + kinds).c_str(), std::logic_error);
}

TEST_CASE(
    "linearize: the tangent program reads residuals and directions, and computes nothing that does not depend on v") {
  const support::Network n({.samples = 128});
  const LinearizedGraph parts = linearize(grad(n.objective.loss(128)));
  std::vector<char> depends(static_cast<std::size_t>(parts.tangent.size()), 0);
  int residuals = 0;
  for (const Input& i : parts.tangent.inputs()) {
    if (i.role == InputRole::tangent) depends[static_cast<std::size_t>(i.var.id)] = 1;
    residuals += i.role == InputRole::residual;
  }
  for (const Node& node : parts.tangent.nodes()) {
    const bool any = std::ranges::any_of(node.in, [&](Var v) { return depends[static_cast<std::size_t>(v.id)] != 0; });
    CHECK_MESSAGE(any, node.primitive->name);
    for (const Var v : node.out) depends[static_cast<std::size_t>(v.id)] = any;
  }
  CHECK(residuals > 0);
  CHECK(residuals == std::ranges::count(parts.primal.outputs(), OutputRole::residual, &Output::role));
}
