// SPDX-License-Identifier: MIT
// The work of a Hessian–vector product against that of a gradient, counted by hand. For widths n₀ … n_L, in multiply–adds per sample,
// with A = n₀n₁ (the first layer, whose input has no tangent) and B = Σ_{l ≥ 2} n_{l−1}n_l:
//   gradient  forward A + B, weight gradients A + B, input gradients B                   = 2A + 3B,   3L − 1 products;
//   tangent   ż₁ = xẆ₁ and xᵀδ̇₁: 2A; each later layer ḣW + hẆ, ḣᵀδ + hᵀδ̇, δ̇Wᵀ + δẆᵀ: 6B = 2A + 6B,   6L − 4 products.
//   Taylor mode to order k: xW and xV, then h_j W + h_{j−1} V for each order j of a later layer. With a curved activation or a
//   normalisation there are k of them: 2A + (1 + 2k)B. With ReLU, layer l has a polynomial of degree l − 1 as its input.
// A convolution of P×Q results counts P·Q·R·S·C·K in each of its three products, so the same holds for convolutional networks.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>

#include "autodiff/primitives/conv.h"
#include "autodiff/primitives/dense.h"
#include "autodiff/transform.h"
#include "models/convolutional.h"
#include "tests/support/networks.h"

using namespace brink;

namespace {

struct Work {
  std::int64_t products = 0, macs = 0;
};

Work work_of(const Graph& g) {
  Work w;
  for (const Node& node : g.nodes()) {
    constexpr std::array products{&matmul_p, &weight_gradient_p, &conv2d_p, &conv2d_input_gradient_p,
                                  &conv2d_weight_gradient_p};
    if (std::ranges::find(products, node.primitive) == products.end()) continue;
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

        const LinearizedGraph parts = linearize(grad(o.loss(samples)));
        const Work gradient = work_of(grad(o.loss(samples))), primal = work_of(parts.primal),
                   tangent = work_of(parts.tangent);
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
        for (const std::int64_t order : {1, 2, 3, 4}) {
          const Work series = work_of(taylor(first_output(o.loss(samples)), static_cast<int>(order)));
          Work expected;
          for (std::int64_t l = 1; l <= layers; ++l) {
            const bool bent = activation == Activation::tanh && l > 1;
            const std::int64_t degree = bent ? order : std::min(l - 1, order);  // of the layer's input
            const std::int64_t products = degree + 1 + std::min(degree + 1, order);
            expected.products += products;
            expected.macs += samples * products * net.widths[static_cast<std::size_t>(l) - 1] *
                             net.widths[static_cast<std::size_t>(l)];
          }
          CHECK(series.products == expected.products);
          CHECK(series.macs == expected.macs);
          if (activation == Activation::tanh) CHECK(series.macs == samples * (2 * a + (1 + 2 * order) * b));
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

TEST_CASE(
    "VGG10 and ResNet20: products and multiply–adds equal the count by hand, and a product costs at most 2.1 "
    "gradients, a fourth derivative at most 4") {
  constexpr std::int64_t samples = 64;
  const std::int64_t vgg_first = 32 * 32 * 9 * 3 * 8,
                     vgg_rest = 32 * 32 * 9 * (8 * 8 * 2) + 16 * 16 * 9 * (8 * 16 + 2 * 16 * 16) +
                                8 * 8 * 9 * (16 * 32 + 2 * 32 * 32) + 4 * 4 * 32 * 10,
                     resnet_first = 32 * 32 * 9 * 3 * 16,
                     resnet_rest = 32 * 32 * 9 * (6 * 16 * 16) + 16 * 16 * 9 * (16 * 32 + 5 * 32 * 32) +
                                   8 * 8 * 9 * (32 * 64 + 5 * 64 * 64) + 64 * 10,
                     alexnet_first = 32 * 32 * 25 * 3 * 64,
                     alexnet_rest = 15 * 15 * 25 * 64 * 64 + 7 * 7 * 64 * 384 + 384 * 192 + 192 * 10;
  struct Net {
    Model model;
    std::int64_t layers, first, rest;
  };
  const Net nets[] = {{vgg({32, 32, 3}, {8, 16, 32}, 10, {}), 10, vgg_first, vgg_rest},
                      {resnet20({32, 32, 3}, {16, 32, 64}, 10, {}), 20, resnet_first, resnet_rest},
                      {alexnet({32, 32, 3}, 64, {384, 192}, 10), 5, alexnet_first, alexnet_rest}};
  for (const Net& net : nets) {
    CAPTURE(net.layers);
    const Objective o = make_objective(net.model, Loss::cross_entropy, Dtype::f32);
    const Graph gradient = grad(o.loss(samples));
    const LinearizedGraph parts = linearize(gradient);
    CHECK(work_of(gradient).products == 3 * net.layers - 1);
    CHECK(work_of(parts.tangent).products == 6 * net.layers - 4);
    CHECK(work_of(gradient).macs == samples * (2 * net.first + 3 * net.rest));
    CHECK(work_of(parts.primal).macs == work_of(gradient).macs);
    CHECK(work_of(parts.tangent).macs == samples * (2 * net.first + 6 * net.rest));
    const double ratio = static_cast<double>(parts.tangent.flops()) / static_cast<double>(gradient.flops());
    CHECK(ratio <= 2.1);
    CHECK(ratio > 1.8);
    const Graph fourth = taylor(first_output(o.loss(samples)), 4);
    const double of_fourth = static_cast<double>(fourth.flops()) / static_cast<double>(gradient.flops());
    CHECK(of_fourth <= 4);
    if (!net.model.norms.empty()) {
      CHECK(work_of(fourth).products == 9 * net.layers - 7);
      CHECK(work_of(fourth).macs == samples * (2 * net.first + 9 * net.rest));
      CHECK(of_fourth > 2.5);
    }
    MESSAGE(net.layers << " layers: a fourth derivative is " << of_fourth << " gradients by all operations");
    MESSAGE(net.layers << " layers: a product is " << ratio << " gradients by all operations");
  }
}
