// SPDX-License-Identifier: MIT
// The work of an HVP against that of a gradient, counted by hand. For widths n₀ … n_L, in multiply–adds a sample, with
// A = n₀n₁ (the first layer, whose input has no tangent) and B = Σ_{l ≥ 2} n_{l−1}n_l:
//   gradient  forward A + B, weight gradients A + B, input gradients B                   = 2A + 3B,   3L − 1 products;
//   tangent   ż₁ = xẆ₁ and xᵀδ̇₁: 2A; each later layer ḣW + hẆ, ḣᵀδ + hᵀδ̇, δ̇Wᵀ + δẆᵀ: 6B = 2A + 6B,   6L − 4 products.
#include <doctest/doctest.h>

#include "autodiff/primitives/dense.h"
#include "autodiff/transform.h"
#include "tests/support/networks.h"

using namespace brink;

namespace {

struct Work {
  std::int64_t products = 0, macs = 0;
};

Work work_of(const Graph& g) {
  Work w;
  for (const Node& node : g.nodes()) {
    if (node.primitive != &matmul_p && node.primitive != &weight_gradient_p) continue;
    std::vector<ValueType> in, out;
    for (const Var v : node.in) in.push_back(g.type(v));
    for (const Var v : node.out) out.push_back(g.type(v));
    w.products += static_cast<std::int64_t>(node.in.size()) / 2;
    w.macs += node.primitive->flops(in, out, node.attributes) / 2;
  }
  return w;
}

}  // namespace

TEST_CASE("tangent program over gradient: products and multiply–adds equal the count by hand") {
  struct Net {
    std::vector<std::int64_t> widths;
    std::int64_t gradient, tangent;  // by hand, a sample; 0: by the formula only
  };
  const Net nets[] = {{{784, 32, 32, 32, 32, 4}, 59776, 69376},
                      {{5, 7, 3}, 2 * 35 + 3 * 21, 2 * 35 + 6 * 21},
                      {{12, 10}, 240, 240},
                      {{3, 50, 40, 2}, 0, 0}};
  for (const Net& net : nets)
    for (const Activation activation : {Activation::relu, Activation::tanh})
      for (const Loss loss : {Loss::cross_entropy, Loss::mse}) {
        constexpr std::int64_t samples = 200;
        const Model m =
            mlp(net.widths.front(), {net.widths.begin() + 1, net.widths.end() - 1}, net.widths.back(), activation);
        const Objective o = make_objective(m, loss, Dtype::f32);
        const auto layers = static_cast<std::int64_t>(net.widths.size()) - 1;
        const std::int64_t a = net.widths[0] * net.widths[1];
        std::int64_t b = 0;
        for (std::size_t l = 2; l < net.widths.size(); ++l) b += net.widths[l - 1] * net.widths[l];

        const Linearized split = linearize(grad(o.loss(samples)));
        const Work gradient = work_of(grad(o.loss(samples))), primal = work_of(split.primal),
                   tangent = work_of(split.tangent);
        CHECK(gradient.products == 3 * layers - 1);
        CHECK(tangent.products == 6 * layers - 4);
        CHECK(primal.products == gradient.products);
        CHECK(gradient.macs == samples * (2 * a + 3 * b));
        CHECK(tangent.macs == samples * (2 * a + 6 * b));
        CHECK(primal.macs == gradient.macs);
        if (net.gradient > 0) {
          CHECK(gradient.macs == samples * net.gradient);
          CHECK(tangent.macs == samples * net.tangent);
        }
        // Control: without linearisation the tangent of the gradient carries the gradient along.
        const Graph both = jvp(grad(o.loss(samples)));
        CHECK(work_of(both).macs == gradient.macs + tangent.macs);
      }
}

TEST_CASE("what Gradient and Hvp report is the sum over their blocks") {
  const support::Network n({.samples = 1000});
  Device device;
  for (const std::int64_t chunk : {128, 384, 1000}) {
    const Gradient gradient(device, n.objective, n.data(), {chunk, 0});
    const Hvp hvp(device, n.objective, n.data(), {chunk, 0});
    std::int64_t by_hand = 0, tangent = 0;
    for (const Block& b : plan_blocks(1000, 128, chunk).blocks) {
      by_hand += grad(n.objective.loss(b.samples)).flops();
      tangent += linearize(grad(n.objective.loss(b.samples))).tangent.flops();
    }
    CHECK(gradient.flops() == by_hand);
    CHECK(hvp.tangent_flops() == tangent);
  }
}
