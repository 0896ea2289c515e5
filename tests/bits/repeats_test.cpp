// SPDX-License-Identifier: MIT
// B1 (repeated runs), B2 (threads) and B11 (previous contents of memory) of docs/promises.md, for everything that is computed
// of a network.
#include <doctest/doctest.h>

#include <algorithm>

#include "autodiff/batch/runner.h"
#include "autodiff/primitives/elementwise.h"
#include "tests/bits/whole_computation.h"

using namespace brink;
using support::Bits;
using support::Network;

namespace {

const support::NetworkOptions relu_f32{.samples = 1000,
                                       .hidden = {9, 7},
                                       .activation = Activation::relu,
                                       .loss = Loss::cross_entropy,
                                       .dtype = Dtype::f32};
const support::NetworkOptions tanh_f64{
    .samples = 1000, .hidden = {9, 7}, .activation = Activation::tanh, .loss = Loss::mse, .dtype = Dtype::f64};

/// The undivided gradient of each group of 128 samples.
std::vector<Array> group_gradients(const Network& n) {
  const BlockPlan plan = plan_blocks(n.options.samples, n.objective.group, n.objective.group);
  Arenas arenas;
  BlockRunner runner(
      Device{}, plan, n.objective.layout, [&](std::int64_t s) { return grad(n.objective.loss(s)); }, arenas, 1);
  BlockRows data({}, n.data(), plan, 1);
  std::vector<Array> out;
  for (const Block& b : plan.blocks) {
    out.push_back(n.vector());
    double scalars[2];
    runner.run(0, b, {n.theta.view(), {}, data.rows(0, b), nullptr, out.back().view(), view_of(scalars, Shape{2}), {}});
  }
  return out;
}

using Sum = std::vector<float>;
Sum sum_of(const Sum& a, const Sum& b) {
  Sum s = a;
  for (std::size_t i = 0; i < s.size(); ++i) s[i] += b[i];
  return s;
}
/// T(1) = leaf, T(n) = T(p) + T(n − p), p the largest power of two below n.
Sum tree(std::span<const Array> leaves) {
  if (leaves.size() == 1) return {leaves[0].span<float>().begin(), leaves[0].span<float>().end()};
  std::size_t p = 1;
  while (2 * p < leaves.size()) p *= 2;
  return sum_of(tree(leaves.first(p)), tree(leaves.subspan(p)));
}
/// A usual parallel sum: each thread adds its range, then the threads' sums are added.
Sum by_threads(std::span<const Array> leaves, int threads) {
  Sum total;
  for (int t = 0; t < threads; ++t) {
    const Range r = split(static_cast<std::int64_t>(leaves.size()), threads, t);
    if (r.begin == r.end) continue;
    Sum own = tree(leaves.subspan(static_cast<std::size_t>(r.begin), 1));
    for (std::int64_t i = r.begin + 1; i < r.end; ++i)
      own = sum_of(own, tree(leaves.subspan(static_cast<std::size_t>(i), 1)));
    total = total.empty() ? own : sum_of(total, own);
  }
  return total;
}

}  // namespace

TEST_CASE("B1: twenty repeats of a short run give the same numbers at every step") {
  const Network n({.samples = 300, .activation = Activation::relu, .dtype = Dtype::f32});
  const auto run = [&](const View& theta0) {
    ThreadPool pool(3);
    Device device{Where::cpu, &pool, nullptr};
    return support::trajectory(n, device, {}, 20, theta0);
  };
  const Bits first = run(n.theta.view());
  REQUIRE(first.parts.size() > 100);
  for (int repeat = 1; repeat < 20; ++repeat) REQUIRE(support::first_difference(run(n.theta.view()), first) == "");

  // Control: one flipped last bit of one weight reaches the last digest.
  Array other = n.vector();
  std::ranges::copy(n.theta.span<float>(), other.span<float>().begin());
  auto* bytes = static_cast<unsigned char*>(other.view().data);
  bytes[0] ^= 1;
  const Bits flipped = run(other.view());
  for (const char* differs : {"step 0: digest", "last digest"}) {
    CAPTURE(differs);
    REQUIRE(!support::part(first, differs).empty());
    CHECK(support::part(flipped, differs) != support::part(first, differs));
  }
}

TEST_CASE("B2: 1, 2, 3, 5 and 8 threads give the same loss, derivatives, spectrum and trajectory") {
  for (const auto& options : {relu_f32, tanh_f64}) {
    const Network n(options);
    const Bits one = support::compute(n, {.threads = 1});
    for (const int threads : {2, 3, 5, 8}) {
      CAPTURE(threads);
      CAPTURE(name_of(options.dtype));
      // chunk = 0 may choose another chunk for another number of threads, so this tests both.
      REQUIRE(support::first_difference(support::compute(n, {.threads = threads}), one) == "");
      REQUIRE(support::first_difference(support::compute(n, {.threads = threads, .chunk = 128}), one) == "");
    }
  }
}

TEST_CASE("B2: the gradient is the tree over its groups; control: sums by thread differ between numbers of threads") {
  const Network n({.samples = 3000, .activation = Activation::relu, .dtype = Dtype::f32});
  const std::vector<Array> groups = group_gradients(n);
  REQUIRE(groups.size() == 24);
  Sum expected = tree(groups);
  for (float& x : expected) x = x / 3000.0F;
  ThreadPool pool(5);
  Device device{Where::cpu, &pool, nullptr};
  const Array g = n.vector();
  Gradient(device, n.objective, n.data()).evaluate(n.theta.view(), g.view());
  CHECK(support::same_bytes(g.view(), view_of(expected.data(), {static_cast<std::int64_t>(expected.size())})));

  const Sum one = by_threads(groups, 1);
  for (const int threads : {2, 3, 5, 8}) {
    const Sum several = by_threads(groups, threads);
    CHECK(support::same_bytes(several, by_threads(groups, threads)));
    CHECK_FALSE(support::same_bytes(several, one));
  }
}

TEST_CASE("B11: memory that starts as 0x00, 0xFF or NaN gives the same numbers") {
  for (const auto& options : {relu_f32, tanh_f64}) {
    const Network n(options);
    set_poison(Poison::zero);
    const Bits zero = support::compute(n, {.threads = 2, .chunk = 384, .steps = 10});
    for (const Poison p : {Poison::ones, Poison::nan}) {
      set_poison(p);
      const Bits poisoned = support::compute(n, {.threads = 2, .chunk = 384, .steps = 10});
      set_poison(Poison::zero);
      CHECK(support::first_difference(poisoned, zero) == "");
    }
  }
}

namespace {
/// A broken primitive: it adds to the previous contents of its output.
const Primitive adds_to_memory{
    .name = "adds_to_memory",
    .shape = [](std::span<const ValueType> in, const Attributes&) { return std::vector<ValueType>{in[0]}; },
    .derivative = {},
    .run =
        [](Device&, const Call& c) {
          for (std::size_t i = 0; i < c.out[0].span<float>().size(); ++i)
            c.out[0].as<float>()[i] += c.in[0].as<float>()[i];
        },
    .flops = [](std::span<const ValueType>, std::span<const ValueType>, const Attributes&) { return std::int64_t{0}; },
};
}  // namespace

TEST_CASE("B11 control: a primitive that reads its output before it is written is seen by each pattern") {
  std::vector<Bits> results;
  for (const Poison p : {Poison::zero, Poison::ones, Poison::nan}) {
    set_poison(p);
    Graph g;
    const Var x = g.input("x", {{5}, Dtype::f32}, InputRole::data, 0);
    g.output("y", OutputRole::samples, 0, relu(g, g.emit(adds_to_memory, {x})));
    const Program program(std::move(g));
    Workspace workspace = program.make_workspace();
    float in[5] = {1, 2, 3, 4, 5}, result[5] = {};
    void* const inputs[] = {in};
    void* const outputs[] = {result};
    Device device;
    program.run(device, workspace, inputs, outputs);
    Bits bits;
    bits.add("y", view_of(result, {5}));
    results.push_back(std::move(bits));
    set_poison(Poison::zero);
  }
  CHECK(support::first_difference(results[0], results[1]) == "y");
  CHECK(support::first_difference(results[0], results[2]) == "y");
}
