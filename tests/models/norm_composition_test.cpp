// SPDX-License-Identifier: MIT
// GhostBatchNorm's fused kernels and rules against the composition of their parts (means, centred values, variances, products),
// whose derivatives of every order are those of the parts: a network's loss, gradient and product with the Hessian.
#include <doctest/doctest.h>

#include <cmath>

#include "autodiff/primitives/elementwise.h"
#include "autodiff/primitives/norm.h"
#include "models/convolutional.h"
#include "tests/support/networks.h"

using namespace brink;
using support::Network;

namespace {

/// 1/√(v + ε), ε an attribute: the only part for which brink has no primitive.  y' = −½ y³ v'.
Var inverse_root_slope(Graph& g, Var y) { return scale(g, mul(g, y, mul(g, y, y)), -0.5); }
const Primitive inverse_root_p{
    .name = "inverse_root",
    .shape = [](std::span<const ValueType> in, const Attributes&) { return std::vector<ValueType>{in[0]}; },
    .derivative = rules::elementwise([](const Partial& c) { return inverse_root_slope(c.g, c.out[0]); }),
    .run =
        [](Device&, const Call& c) {
          const double epsilon = c.attributes.as<ScaleAttributes>().value;
          for (std::int64_t i = 0; i < c.in[0].shape.elements(); ++i)
            c.out[0].as<double>()[i] = 1 / std::sqrt(c.in[0].as<double>()[i] + epsilon);
        },
    .flops = [](std::span<const ValueType>, std::span<const ValueType>, const Attributes&) { return std::int64_t{0}; },
};
Var inverse_root(Graph& g, Var v, double epsilon) { return g.emit(inverse_root_p, {v}, ScaleAttributes{epsilon}); }

Var composed(Graph& g, Var x, Var gamma, Var beta, std::int64_t group, double epsilon) {
  const Var mean = over_values(g, group_sum(g, x, group), x, group);
  const Var centred = sub(g, x, group_broadcast(g, mean, x, group));
  const Var variance = over_values(g, group_sum(g, mul(g, centred, centred), group), x, group);
  const Var hat = mul(g, centred, group_broadcast(g, inverse_root(g, variance, epsilon), x, group));
  const auto wide = [&](Var v) { return group_broadcast(g, broadcast_groups(g, v, x, group), x, group); };
  return add(g, mul(g, hat, wide(gamma)), wide(beta));
}

/// The network's objective with every normalisation composed; `epsilon_factor` ≠ 1 gives another function.
Objective composition(const Network& n, double epsilon_factor = 1) {
  Objective o = n.objective;
  o.loss = [model = n.model, loss = n.options.loss, epsilon_factor](std::int64_t samples) {
    Model m = model;
    m.forward = [model, epsilon_factor](Graph& g, std::span<const Var> p, Var x, const BlockContext& block) {
      return model.forward(g, p, x, {block.group, [&](Graph& in, Var values, Var gamma, Var beta) {
                                       return composed(in, values, gamma, beta, block.group,
                                                       epsilon_factor * model.epsilon);
                                     }});
    };
    return make_objective(m, loss, Dtype::f64).loss(samples);
  };
  return o;
}

struct Values {
  double loss;
  Array gradient, hv;
};
Values values_of(const Network& n, const Objective& o) {
  Device device;
  Values out{0, n.vector(), n.vector()};
  Hvp hvp(device, o, n.data(), {});
  out.loss = hvp.linearize_at(n.theta.view(), out.gradient.view()).loss;
  hvp.apply(n.v.view(), out.hv.view());
  return out;
}

/// max|a − b| / max|b|
double error_of(const Array& a, const Array& b) {
  double most = 0, difference = 0;
  for (std::size_t i = 0; i < b.span<double>().size(); ++i) {
    most = std::max(most, std::abs(b.span<double>()[i]));
    difference = std::max(difference, std::abs(a.span<double>()[i] - b.span<double>()[i]));
  }
  REQUIRE(most > 1e-3);
  return difference / most;
}

}  // namespace

TEST_CASE("fused GhostBatchNorm is the composition of its parts to 1e-12: loss, gradient, product with the Hessian") {
  const support::NetworkOptions options{.samples = 11, .loss = Loss::cross_entropy, .dtype = Dtype::f64};
  for (const Model& m :
       {vgg({6, 6, 2}, {2, 3}, 3, {.batch = 4}), vgg({6, 6, 2}, {2, 3}, 3, {.batch = 4, .join_short = true}),
        vgg({5, 5, 3}, {4}, 3, {.batch = 11}), resnet20({4, 4, 2}, {2, 3, 4}, 3, {.batch = 3})}) {
    CAPTURE(m.norms.size());
    const Network n(options, m);
    Device device;
    initialise(device, n.model.layout, Init::lecun, 5, n.theta.view());
    const Values fused = values_of(n, n.objective), parts = values_of(n, composition(n));
    CHECK(std::abs(fused.loss - parts.loss) <= 1e-12 * parts.loss);
    CHECK(error_of(fused.gradient, parts.gradient) <= 1e-12);
    CHECK(error_of(fused.hv, parts.hv) <= 1e-12);
    // Control: another ε is another function.
    const Values other = values_of(n, composition(n, 1.001));
    CHECK(error_of(other.gradient, parts.gradient) > 1e-12);
    CHECK(error_of(other.hv, parts.hv) > 1e-12);
    MESSAGE(n.model.norms.size() << " normalisations: gradient " << error_of(fused.gradient, parts.gradient) << ", Hv "
                                 << error_of(fused.hv, parts.hv));
  }
}
