// SPDX-License-Identifier: MIT
// The memory plan: random graphs run in a shared, poisoned arena and, for comparison, with memory of its own for every value.
#include <doctest/doctest.h>

#include <algorithm>

#include "autodiff/primitives/conv.h"
#include "autodiff/primitives/dense.h"
#include "autodiff/primitives/elementwise.h"
#include "autodiff/primitives/norm.h"
#include "autodiff/program.h"
#include "tests/support/networks.h"

using namespace brink;

namespace {

/// Numbers for tests: a counter.
struct Counter {
  std::uint64_t seed, i = 0;
  std::size_t below(std::size_t n) {
    return std::min(static_cast<std::size_t>((support::uniform(seed, i++) + 1) / 2 * static_cast<double>(n)), n - 1);
  }
};

/// Square and tall matrices through elementwise operations, products (with scratch) and sums; several outputs, some of them
/// inputs or each other.
Graph random_graph(std::uint64_t seed) {
  Counter c{seed};
  Graph g;
  const auto rows = static_cast<std::int64_t>(1 + c.below(40)), columns = static_cast<std::int64_t>(1 + c.below(20));
  Vars tall, square, row;
  for (int i = 0; i < 3; ++i) tall.push_back(g.input("x", {{rows, columns}, Dtype::f32}, InputRole::data, i));
  square.push_back(g.input("w", {{columns, columns}, Dtype::f32}, InputRole::data, 3));
  row.push_back(g.input("b", {{columns}, Dtype::f32}, InputRole::data, 4));
  const auto any = [&](const Vars& list) { return list[c.below(list.size())]; };
  const std::size_t nodes = 3 + c.below(30);
  while (g.nodes().size() < nodes) {
    switch (c.below(15)) {
      case 0: tall.push_back(g.emit(add_p, {any(tall), any(tall)})); break;
      case 1: tall.push_back(mul(g, any(tall), any(tall))); break;
      case 2: tall.push_back(tanh(g, any(tall))); break;
      case 3: tall.push_back(scale(g, any(tall), 0.5 + static_cast<double>(c.below(8)))); break;
      case 4: tall.push_back(matmul(g, {{any(tall), any(square)}}, c.below(2) == 1, 16)); break;
      case 5: square.push_back(weight_gradient(g, {{any(tall), any(tall)}, {any(tall), any(tall)}}, 16)); break;
      case 6: tall.push_back(broadcast_row(g, sum_samples(g, any(tall), 16), rows, 16)); break;
      case 7: tall.push_back(relu(g, any(tall))); break;
      case 8: tall.push_back(gate(g, any(tall), tall.back())); break;
      case 9: tall.push_back(add_row(g, tall.back(), any(row), 16)); break;
      case 10: tall.push_back(relu(g, add_row(g, matmul(g, {{any(tall), any(square)}}, false, 16), row[0], 16))); break;
      case 11: tall.push_back(gate(g, any(tall), matmul(g, {{any(tall), any(square)}}, true, 16))); break;
      case 12: {
        if (rows == 1) break;  // has no variance
        const GhostNorm n = ghost_norm(g, any(tall), row[0], any(row), rows < 4 ? rows : (rows + 1) / 2, 0.1);
        if (c.below(2) == 1) tall.push_back(tanh(g, n.normalised));
        tall.push_back(c.below(2) == 1 ? relu(g, n.y) : gate(g, any(tall), n.y));
        tall.push_back(n.normalised);
        break;
      }
      case 13:
        tall.push_back(
            gate(g, any(tall), group_affine(g, {{any(tall), group_sum(g, any(tall), 16)}}, {}, tall[0], 16)));
        break;
      default: tall.push_back(broadcast_column(g, sum_columns(g, any(tall)), columns)); break;
    }
  }
  for (std::size_t i = 0, n = 1 + c.below(4); i < n; ++i)
    g.output("y", OutputRole::samples, 0, c.below(3) == 0 ? any(square) : any(tall));
  return g;
}

std::vector<Array> inputs_of(const Graph& g, std::uint64_t seed) {
  std::vector<Array> in;
  for (const Input& i : g.inputs()) {
    in.emplace_back(g.shape(i.var), Dtype::f32);
    std::uint64_t k = in.size() * 100000;
    for (float& x : in.back().span<float>()) x = static_cast<float>(support::uniform(seed, k++));
  }
  return in;
}

/// Runs each node on memory of its own. `too_early`: a value's memory goes to a later value before its last use, as in a wrong
/// plan.
std::vector<Array> run_apart(const Graph& g, const std::vector<Array>& in, bool too_early = false) {
  std::vector<View> place(static_cast<std::size_t>(g.size()));
  std::vector<Array> memory;
  const auto at = [&](Var v) -> View& { return place[static_cast<std::size_t>(v.id)]; };
  for (std::size_t i = 0; i < in.size(); ++i) at(g.inputs()[i].var) = in[i].view();
  std::vector<int> last(static_cast<std::size_t>(g.size()), -1);
  for (std::size_t n = 0; n < g.nodes().size(); ++n)
    for (const Var v : g.nodes()[n].in) last[static_cast<std::size_t>(v.id)] = static_cast<int>(n);
  Device device;
  for (std::size_t n = 0; n < g.nodes().size(); ++n) {
    const Node& node = g.nodes()[n];
    std::vector<ValueType> in_types, out_types;
    std::vector<View> ins, outs;
    for (const Var v : node.in) {
      in_types.push_back(g.type(v));
      ins.push_back(at(v));
    }
    for (const Var v : node.out) {
      out_types.push_back(g.type(v));
      memory.emplace_back(g.shape(v), g.type(v).dtype);
      at(v) = memory.back().view();
      for (std::size_t m = 0; too_early && m < n; ++m) {
        const Var other = g.nodes()[m].out[0];
        if (last[static_cast<std::size_t>(other.id)] <= static_cast<int>(n) || g.type(other) != g.type(v)) continue;
        at(v) = at(other);
        too_early = false;
      }
      outs.push_back(at(v));
    }
    const auto scratch_rule = node.primitive->scratch;
    const Array scratch(Shape{scratch_rule ? scratch_rule(in_types, out_types, node.attributes, Where::cpu) : 0},
                        Dtype::u8);
    node.primitive->run(device, {ins, outs, scratch.view(), node.attributes});
  }
  std::vector<Array> results;
  for (const Output& o : g.outputs()) {
    results.emplace_back(g.shape(o.var), Dtype::f32);
    std::ranges::copy(at(o.var).span<float>(), results.back().span<float>().begin());
  }
  return results;
}

bool same(const std::vector<Array>& a, const std::vector<Array>& b) {
  return std::ranges::equal(a, b,
                            [](const Array& x, const Array& y) { return support::same_bytes(x.view(), y.view()); });
}

}  // namespace

TEST_CASE(
    "values that live at the same time never share memory, inputs are not written, and memory is shared otherwise") {
  int caught = 0, could_be = 0, reused = 0, joined = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    CAPTURE(seed);
    const Graph g = random_graph(seed);
    const std::vector<Array> in = inputs_of(g, seed), before = inputs_of(g, seed);
    const std::vector<Array> expected = run_apart(g, in);
    std::int64_t apart_bytes = 0;  // the size of the arena if no memory were reused
    for (const Node& node : g.nodes()) {
      std::vector<ValueType> types;
      for (const Var v : node.in) types.push_back(g.type(v));
      const Var v = node.out[0];
      if (std::ranges::find(g.outputs(), v, &Output::var) == g.outputs().end())
        apart_bytes += align_up(g.type(v).bytes(), 64);
      if (const auto rule = node.primitive->scratch)
        apart_bytes += align_up(rule(types, {&g.type(v), 1}, node.attributes, Where::cpu), 64);
    }

    const Program program(g), apart(g, Where::cpu, Fusion::none);
    REQUIRE(apart.steps() == static_cast<std::int64_t>(g.nodes().size()));
    joined += program.steps() < apart.steps();
    reused += program.arena_bytes() < apart_bytes;
    std::vector<Array> out;
    std::vector<void*> inputs, outputs;
    for (const Array& a : in) inputs.push_back(a.view().data);
    for (const Output& o : g.outputs()) out.emplace_back(g.shape(o.var), Dtype::f32);
    for (const Array& a : out) outputs.push_back(a.view().data);
    set_poison(Poison::nan);
    Workspace workspace = program.make_workspace();
    set_poison(Poison::zero);
    Device device;
    for (int run = 0; run < 2; ++run) {  // the second run finds the first one's values in the arena
      program.run(device, workspace, inputs, outputs);
      REQUIRE(same(out, expected));
      REQUIRE(same(in, before));
    }
    ++could_be;
    caught += !same(run_apart(g, in, true), expected);
  }
  CHECK(joined > could_be / 4);
  CHECK(reused > could_be / 2);
  CHECK(caught > could_be / 4);  // the control: a value overwritten before its last use is seen
}

TEST_CASE("an output that is an input, or another output too, is copied") {
  Graph g;
  const Var x = g.input("x", {{3}, Dtype::f32}, InputRole::data, 0), y = relu(g, x);
  for (const Var v : {x, y, y}) g.output("y", OutputRole::samples, 0, v);
  const Program program(std::move(g));
  float in[3] = {-1, 2, -0.5F}, out[3][3] = {};
  Workspace workspace = program.make_workspace();
  Device device;
  void* const inputs[] = {in};
  void* const outputs[] = {out[0], out[1], out[2]};
  program.run(device, workspace, inputs, outputs);
  CHECK(std::ranges::equal(out[0], in));
  CHECK(std::ranges::equal(out[1], std::array{0.0F, 2.0F, 0.0F}));
  CHECK(std::ranges::equal(out[2], out[1]));
}

TEST_CASE("a product finishes its elements where nothing else needs them before") {
  const auto steps = [](auto build) {
    Graph g;
    const Var x = g.input("x", {{5, 7}, Dtype::f32}, InputRole::data, 0),
              w = g.input("w", {{7, 7}, Dtype::f32}, InputRole::data, 1),
              b = g.input("b", {{7}, Dtype::f32}, InputRole::data, 2), product = matmul(g, {{x, w}}, false, 16);
    g.output("y", OutputRole::samples, 0, build(g, x, b, product));
    return Program(std::move(g)).steps();
  };
  CHECK(steps([](Graph& g, Var, Var b, Var p) { return relu(g, add_row(g, p, b, 16)); }) == 1);
  CHECK(steps([](Graph& g, Var x, Var b, Var p) { return gate(g, x, add_row(g, p, b, 16)); }) == 1);
  CHECK(steps([](Graph& g, Var, Var b, Var p) { return add_row(g, relu(g, p), b, 16); }) == 2);  // in the other order
  CHECK(steps([](Graph& g, Var, Var, Var p) { return gate(g, p, p); }) == 2);                    // needs it twice
  CHECK(steps([](Graph& g, Var x, Var, Var p) { return gate(g, p, x); }) == 2);                  // as the gate
  CHECK(steps([](Graph& g, Var, Var, Var p) { return add(g, relu(g, p), p); }) == 3);            // needed again
  CHECK(steps([](Graph& g, Var, Var, Var p) {
          g.output("product", OutputRole::samples, 1, p);
          return relu(g, p);
        }) == 2);  // an output itself
}

TEST_CASE("so does a normalisation, unless its other values are needed before the step stands") {
  const auto steps = [](auto build) {
    Graph g;
    const Var x = g.input("x", {{6, 3}, Dtype::f32}, InputRole::data, 0),
              w = g.input("w", {{3}, Dtype::f32}, InputRole::data, 1);
    const GhostNorm n = ghost_norm(g, x, w, w, 2, 1e-5);
    g.output("y", OutputRole::samples, 0, build(g, x, n));
    return Program(std::move(g)).steps();
  };
  CHECK(steps([](Graph& g, Var, const GhostNorm& n) { return relu(g, n.y); }) == 1);
  CHECK(steps([](Graph& g, Var, const GhostNorm& n) { return add(g, relu(g, n.y), n.normalised); }) == 2);
  CHECK(steps([](Graph& g, Var, const GhostNorm& n) {
          const Var early = tanh(g, n.normalised);
          return add(g, relu(g, n.y), early);
        }) == 4);
  CHECK(steps([](Graph& g, Var, const GhostNorm& n) { return gate(g, n.normalised, n.y); }) == 2);  // by itself
  CHECK(steps([](Graph& g, Var, const GhostNorm& n) { return relu(g, n.normalised); }) == 2);       // not the first
  CHECK(steps([](Graph& g, Var x, const GhostNorm& n) {
          return gate(g, x, group_affine(g, {{x, n.mean}}, n.deviation, x, 2));
        }) == 2);
}

TEST_CASE("so do a convolution and its input gradient") {
  const auto steps = [](auto build) {
    Graph g;
    const Var x = g.input("x", {{2, 6, 6, 3}, Dtype::f32}, InputRole::data, 0),
              w = g.input("w", {{3, 3, 3, 3}, Dtype::f32}, InputRole::data, 1),
              b = g.input("b", {{3}, Dtype::f32}, InputRole::data, 2);
    g.output("y", OutputRole::samples, 0, build(g, x, w, b));
    return Program(std::move(g)).steps();
  };
  CHECK(steps([](Graph& g, Var x, Var w, Var b) {
          return relu(g, add_row(g, conv2d(g, {{x, w}}, {1, 1}), b, 16));
        }) == 1);
  CHECK(steps([](Graph& g, Var x, Var w, Var) {
          return gate(g, x, conv2d_input_gradient(g, {{x, w}}, {1, 1}, {6, 6}));
        }) == 1);
}
