// SPDX-License-Identifier: MIT
// B3 of docs/promises.md: the chunk, whether it divides the batch or not, changes no bit of loss, gradient, product, spectrum or trajectory.
#include <doctest/doctest.h>

#include "autodiff/primitives/dense.h"
#include "autodiff/primitives/elementwise.h"
#include "tests/bits/whole_computation.h"

using namespace brink;
using support::Bits;
using support::Network;

namespace {

constexpr int threads_of[] = {1, 2, 3, 5, 8};

const Primitive claimed_sum_p = [] {
  Primitive p = add_p;
  p.sums_samples = true;
  return p;
}();

/// A copy of g in which a weight gradient of several pairs is one sum over samples for each pair, added at the end, as in an
/// implementation that adds the product's two weight terms after the tree.
Graph added_after_the_tree(const Graph& g) {
  Graph out;
  Vars map(static_cast<std::size_t>(g.size()));
  const auto at = [&](Var v) -> Var& { return map[static_cast<std::size_t>(v.id)]; };
  for (const Input& i : g.inputs()) at(i.var) = out.input(i.name, g.type(i.var), i.role, i.index, i.direction);
  for (const Node& node : g.nodes()) {
    Vars in;
    for (const Var v : node.in) in.push_back(at(v));
    Vars result;
    if (node.primitive == &weight_gradient_p) {
      Var sum;
      for (std::size_t i = 0; i < in.size(); i += 2) {
        const Var term = out.emit(weight_gradient_p, {in[i], in[i + 1]}, node.attributes);
        // `add` would join the chains, and BlockRunner would refuse add_p, so the primitive falsely claims to be one sum over
        // samples.
        sum = sum ? out.emit(claimed_sum_p, {sum, term}) : term;
      }
      result = {sum};
    } else {
      result = out.emit_all(*node.primitive, in, node.attributes);
    }
    for (std::size_t i = 0; i < result.size(); ++i) at(node.out[i]) = result[i];
  }
  for (const Output& o : g.outputs()) out.output(o.name, o.role, o.index, at(o.var));
  return out;
}

Array product(const Network& n, std::int64_t chunk, const GraphBuilder& build) {
  Device device;
  Array hv = n.vector();
  SampleSum sum(device, n.objective, build, n.data(), {chunk, 0}, {});
  const View directions[] = {n.v.view()};
  sum.run(n.theta.view(), directions, hv.view(), {});
  return hv;
}

}  // namespace

TEST_CASE("B3: every chunk at N = 1000, short last group, both activations, losses and precisions") {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64})
    for (const Activation activation : {Activation::relu, Activation::tanh})
      for (const Loss loss : {Loss::cross_entropy, Loss::mse}) {
        const Network n({.samples = 1000, .activation = activation, .loss = loss, .dtype = dtype});
        const Bits whole = support::compute(n, {.threads = 1, .chunk = 1000, .steps = 8});
        for (std::int64_t groups = 1; groups <= 8; ++groups) {
          CAPTURE(name_of(dtype));
          CAPTURE(std::string(activation.name));
          CAPTURE(static_cast<int>(loss));
          CAPTURE(groups);
          const int threads = threads_of[static_cast<std::size_t>(groups) % 5];
          REQUIRE(support::first_difference(
                      support::compute(n, {.threads = threads, .chunk = groups * 128, .steps = 8}), whole) == "");
        }
      }
}

TEST_CASE("B3: forty random chunks at N = 8000, threads mixed") {
  const support::NetworkOptions configs[] = {{.samples = 8000,
                                              .hidden = {5, 4},
                                              .activation = Activation::relu,
                                              .loss = Loss::cross_entropy,
                                              .dtype = Dtype::f32,
                                              .inputs = 5,
                                              .classes = 3},
                                             {.samples = 8000,
                                              .hidden = {5, 4},
                                              .activation = Activation::tanh,
                                              .loss = Loss::mse,
                                              .dtype = Dtype::f64,
                                              .inputs = 5,
                                              .classes = 3}};
  for (const auto& options : configs) {
    const Network n(options);
    const Bits whole = support::compute(n, {.threads = 1, .chunk = 8000, .steps = 3});
    for (std::uint64_t i = 0; i < 25; ++i) {
      const auto groups =
          1 + static_cast<std::int64_t>((support::uniform(31, 2 * i + (options.dtype == Dtype::f64)) + 1) / 2 * 63);
      const int threads = threads_of[i % 5];
      CAPTURE(groups);
      CAPTURE(threads);
      CAPTURE(name_of(options.dtype));
      REQUIRE(support::first_difference(support::compute(n, {.threads = threads, .chunk = groups * 128, .steps = 3}),
                                        whole) == "");
    }
  }
}

TEST_CASE("B3: samples made on demand give the array's bits, for every chunk and number of threads") {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    const Network n({.samples = 1000, .dtype = dtype});
    const Bits whole = support::compute(n, {.threads = 1, .chunk = 1000, .steps = 8});
    for (std::int64_t groups = 1; groups <= 8; ++groups) {
      CAPTURE(groups);
      const int threads = threads_of[static_cast<std::size_t>(groups) % 5];
      REQUIRE(support::first_difference(
                  support::compute(n, {.threads = threads, .chunk = groups * 128, .steps = 8, .made = true}), whole) ==
              "");
    }
  }
}

TEST_CASE("B3 control: rows that follow the calls and not the index are seen by any two chunks") {
  struct Counting final : RowMaker {
    explicit Counting(const Network& n) : rows(n.x.view()) {}
    Shape shape() const override { return rows.shape(); }
    Dtype dtype() const override { return rows.dtype(); }
    void fill(std::int64_t, std::int64_t count, void* out) const override { rows.fill(at++, count, out); }
    support::ArrayRows rows;
    mutable std::int64_t at = 0;
  };
  const Network n({.samples = 1000});
  const auto loss = [&](std::int64_t chunk) {
    const Counting source(n);
    Device device;
    Gradient gradient(device, n.objective, {source, n.labels.view()}, {chunk, 0});
    const Array g = n.vector();
    return gradient.evaluate(n.theta.view(), g.view()).loss;
  };
  CHECK(loss(128) != loss(256));
}

TEST_CASE("B3: kept, half kept and recomputed residuals are all met") {
  const Network n({.samples = 1000});
  Device device;
  const auto kept = [&](std::int64_t budget) {
    return Hvp(device, n.objective, n.data(), {128, budget}).kept_blocks();
  };
  const Hvp all(device, n.objective, n.data(), {128, 0});
  CHECK(all.kept_blocks() == all.blocks());
  CHECK(all.blocks() == 8);
  CHECK(kept(all.residual_bytes()) == 8);
  CHECK(kept(all.residual_bytes() / 2) > 0);
  CHECK(kept(all.residual_bytes() / 2) < 8);
  CHECK(kept(1) == 0);
}

TEST_CASE(
    "B3 control: an HVP whose two weight terms are added after the tree depends on the chunk, and is not the HVP") {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    const Network n({.samples = 1000, .dtype = dtype});
    const auto joined = [&](std::int64_t s) { return support::hvp_in_one_graph(n.objective, s); };
    const auto added = [&](std::int64_t s) { return added_after_the_tree(joined(s)); };
    CHECK(support::same_bytes(product(n, 128, joined).view(), product(n, 1000, joined).view()));
    CHECK_FALSE(support::same_bytes(product(n, 128, added).view(), product(n, 1000, added).view()));
    CHECK_FALSE(support::same_bytes(product(n, 1000, added).view(), product(n, 1000, joined).view()));
    const auto honest = [&](std::int64_t s) {
      Graph g = joined(s);
      const Var sum = g.outputs()[0].var;
      g.clear_outputs();
      g.output("doubled", OutputRole::parameter, 0, g.emit(add_p, {sum, sum}));
      return g;
    };
    CHECK_THROWS_AS(product(n, 128, honest), std::logic_error);
  }
}

TEST_CASE("B3: a chunk that would cut a group is refused") {
  const Network n({.samples = 1000});
  Device device;
  CHECK_THROWS_WITH_AS(Gradient(device, n.objective, n.data(), {100, 0}),
                       "chunk 100: expected a multiple of the group of 128 samples", std::invalid_argument);
}
