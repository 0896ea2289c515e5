// SPDX-License-Identifier: MIT
// The names of steps (layer, primitive and phase) of every node that grad and linearize make of a network, and when the tracer
// receives them.
#include <doctest/doctest.h>

#include <algorithm>
#include <mutex>
#include <set>

#include "autodiff/batch/linearized.h"
#include "autodiff/primitives/dense.h"
#include "autodiff/primitives/elementwise.h"
#include "tests/support/networks.h"

using namespace brink;

namespace {

std::multiset<std::string> names_of(const Graph& g) {
  std::multiset<std::string> out;
  const Program p(g, Where::cpu, Fusion::none);
  for (const TraceName& n : p.names()) out.insert(n.name);
  return out;
}

/// Counts spans by name, and those open on any thread.
struct Counting final : Tracer {
  using Tracer::Tracer;
  void begin(const TraceName& n, std::int64_t) noexcept override {
    const std::lock_guard lock(mutex);
    names.insert(n.name);
    ++open;
  }
  void end() noexcept override {
    const std::lock_guard lock(mutex);
    --open;
  }
  std::mutex mutex;
  std::multiset<std::string> names;
  int open = 0;
};

}  // namespace

TEST_CASE("each node of a gradient belongs to the layer of its forward node, backwards or not") {
  const support::Network n({.hidden = {9, 7}});
  const auto names = names_of(grad(n.objective.loss(128)));
  for (const std::string layer : {"dense0", "dense1", "dense2"}) {
    CAPTURE(layer);
    CHECK(names.count(layer + " matmul") == 1);
    CHECK(names.count(layer + " add_row") == 1);
    CHECK(names.count(layer + " weight_gradient backward") == 1);
    CHECK(names.count(layer + " sum_samples backward") == 1);
    CHECK(names.count(layer + " tanh") == (layer == "dense2" ? 0 : 1));
    CHECK(names.count(layer + " matmul backward") == (layer == "dense0" ? 0 : 1));
  }
  CHECK(names.count("loss cross_entropy") == 1);
  CHECK(names.count("loss count_correct") == 1);
  CHECK(std::ranges::none_of(names, [](const std::string& s) { return s.find("tangent") != std::string::npos; }));
  CHECK(std::ranges::none_of(names, [](const std::string& s) { return s.find('/') != std::string::npos; }));
}

TEST_CASE("splitting and pruning keep the names; a tangent program has tangents alone") {
  const support::Network n({.hidden = {9, 7}});
  const Graph f = grad(n.objective.loss(128));
  const LinearizedGraph l = linearize(f);
  auto primal = names_of(l.primal);
  for (const std::string& name : names_of(f)) {
    CAPTURE(name);
    CHECK(primal.count(name) > 0);
  }
  const auto tangent = names_of(l.tangent);
  CHECK(tangent.size() > 10);
  for (const std::string& name : tangent) {
    CAPTURE(name);
    CHECK(name.ends_with(" tangent"));
  }
  CHECK(tangent.count("dense0 matmul tangent") == 1);
  CHECK(tangent.count("dense1 matmul tangent") == 1);
  CHECK(tangent.count("dense1 weight_gradient backward tangent") == 1);
}

TEST_CASE("a node without a scope belongs where its parameter or its latest input does; a scope ends") {
  Graph g;
  const ValueType type{{4, 4}, Dtype::f32};
  const Var x = g.input("x", type, InputRole::data, 0);
  const Var w = g.input("block1.conv.weight", type, InputRole::parameter, 0),
            scale_of_all = g.input("scale", type, InputRole::parameter, 1);
  const Var a = tanh(g, x), b = mul(g, a, w), c = mul(g, b, scale_of_all), d = add(g, c, a);
  Var e;
  {
    const Graph::Within within(g, {"head"});
    e = tanh(g, d);
    CHECK(tanh(g, x) == a);  // found again: it stays what it was
  }
  const Var f = mul(g, e, b);
  const auto layer = [&](Var v) { return g.producer(v)->origin.layer; };
  CHECK(layer(a) == "");
  CHECK(layer(b) == "block1.conv");
  CHECK(layer(c) == "scale");
  CHECK(layer(d) == "scale");
  CHECK(layer(e) == "head");
  CHECK(layer(f) == "head");
}

TEST_CASE("a step's name has its shapes and operations; together they are the program's") {
  const support::Network n({.hidden = {9, 7}, .dtype = Dtype::f32});
  const Program p(grad(n.objective.loss(128)), Where::cpu, Fusion::none);
  std::int64_t flops = 0;
  for (const TraceName& name : p.names()) flops += name.flops;
  CHECK(flops == p.flops());
  const auto found = std::ranges::find(p.names(), "dense1 matmul", &TraceName::name);
  REQUIRE(found != p.names().end());
  CHECK(found->shapes == "float32 [128,9], float32 [9,7] -> float32 [128,7]");
  CHECK(found->category == "forward");
  CHECK(found->flops == 2 * 128 * 9 * 7);
}

TEST_CASE("a step of several nodes has the first one's layer, all their primitives and operations") {
  const support::Network n({.hidden = {9, 7}, .activation = Activation::relu, .dtype = Dtype::f32});
  const Graph g = grad(n.objective.loss(128));
  const Program alone(g, Where::cpu, Fusion::none), joined(g);
  std::int64_t flops = 0;
  std::multiset<std::string> names;
  for (const TraceName& name : joined.names()) {
    flops += name.flops;
    names.insert(name.name);
  }
  CHECK(joined.names().size() < alone.names().size());
  CHECK(static_cast<std::int64_t>(joined.names().size()) == joined.steps());
  CHECK(flops == joined.flops());
  std::multiset<int> nodes;
  for (int s = 0; s < joined.steps(); ++s) {
    const std::vector<int> of_step = joined.nodes_of(s);
    nodes.insert(of_step.begin(), of_step.end());
    if (joined.names()[static_cast<std::size_t>(s)].name != "dense0 matmul add_row relu") continue;
    REQUIRE(of_step.size() == 3);
    CHECK(joined.graph().nodes()[static_cast<std::size_t>(of_step[0])].primitive->name == "matmul");
    CHECK(joined.graph().nodes()[static_cast<std::size_t>(of_step[2])].primitive->name == "relu");
  }
  CHECK(nodes.size() == joined.graph().nodes().size());  // each node once
  CHECK(std::set(nodes.begin(), nodes.end()).size() == nodes.size());
  CHECK(names.count("dense0 matmul add_row relu") == 1);
  CHECK(names.count("dense2 matmul add_row") == 1);
  CHECK(names.count("dense1 matmul gate backward") == 1);  // the gate is of dense0
}

TEST_CASE("who watches nodes sees each step of each block once, and changes no bit; others see none") {
  const support::Network n({.samples = 700, .hidden = {9, 7}, .activation = Activation::relu, .dtype = Dtype::f32});
  ThreadPool pool(3);
  const auto run = [&](Tracer* tracer) {
    Device device{Where::cpu, &pool, nullptr, tracer};
    Hvp hvp(device, n.objective, n.data());
    Array gradient = n.vector(), hv = n.vector();
    hvp.linearize_at(n.theta.view(), gradient.view());
    hvp.apply(n.v.view(), hv.view());
    return std::pair(std::move(gradient), std::move(hv));
  };
  const auto plain = run(nullptr);
  Counting phases(false), nodes(true);
  run(&phases);
  const auto watched = run(&nodes);
  CHECK(phases.names.empty());
  CHECK(support::same_bytes(plain.first.view(), watched.first.view()));
  CHECK(support::same_bytes(plain.second.view(), watched.second.view()));
  CHECK(nodes.open == 0);
  CHECK(nodes.names.count("linearization") == 6);
  CHECK(nodes.names.count("product") == 6);
  CHECK(nodes.names.count("dense0 matmul add_row relu") == 6);
  CHECK(nodes.names.count("dense0 weight_gradient backward") == 6);
  CHECK(nodes.names.count("dense2 matmul add_row tangent") == 6);
  CHECK(nodes.names.count("join units") == 2);
}
