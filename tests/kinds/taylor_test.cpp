// SPDX-License-Identifier: MIT
// Taylor mode on every network of the list and every activation, against one forward derivative after the other.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "autodiff/batch/directional.h"
#include "autodiff/primitives/elementwise.h"
#include "models/activation.h"
#include "tests/kinds/networks.h"
#include "tests/support/networks.h"
#include "tests/training/small_run.h"
#include "training/run/problem.h"

using namespace brink;
using support::direction;

namespace {

/// The loss and its derivatives of orders 1, 2, …, the k-th along the vector directions[k − 1], by nested forward mode.
Graph nested(const Graph& loss, const std::vector<int>& directions) {
  Graph g = first_output(loss);
  const Output first = g.outputs()[0];
  g.clear_outputs();
  const Vars wrt = parameters_of(g);
  const int vectors = *std::ranges::max_element(directions) + 1;
  std::vector<Vars> v(static_cast<std::size_t>(vectors));
  const std::vector<Input> inputs = g.inputs();
  for (int d = 0; d < vectors; ++d)
    for (const Input& i : inputs)
      if (i.role == InputRole::parameter)
        v[static_cast<std::size_t>(d)].push_back(g.input("v", g.type(i.var), InputRole::tangent, i.index, d));
  Var value = first.var;
  const ValueType type = g.type(value);
  g.output("loss", OutputRole::scalar, 0, value);
  for (const int d : directions) {
    if (value) value = pushforward(g, {&value, 1}, wrt, v[static_cast<std::size_t>(d)])[0];
    g.output("derivative", OutputRole::scalar, 0, value ? value : constant(g, 0, type));
  }
  return prune(g);
}

std::vector<double> nested(const Objective& o, const Batch& batch, View theta, const std::vector<int>& order,
                           std::span<const View> directions) {
  Device device;
  std::vector<double> out(order.size() + 1);
  SampleSum sum(
      device, o, [&](std::int64_t n) { return nested(o.loss(n), order); }, batch, {}, std::vector<char>(out.size(), 1));
  sum.run(theta, directions, {}, out);
  return out;
}

void expect_taylor(const Objective& o, const Batch& batch, View theta) {
  Device device;
  const Array v = direction(o.layout, Dtype::f64, 8), w = direction(o.layout, Dtype::f64, 9);
  const View directions[] = {v.view(), w.view()};
  std::vector<double> found(5);
  DirectionalDerivatives(device, o, batch, 4).run(theta, v.view(), found);
  const std::vector<double> expected = nested(o, batch, theta, {0, 0, 0, 0}, directions);
  for (std::size_t k = 0; k < found.size(); ++k) {
    CAPTURE(k);
    CHECK(std::abs(found[k] - expected[k]) <= 1e-11 * (1 + std::abs(expected[k])));
  }
  const double mixed = MixedThirdDerivative(device, o, batch).run(theta, v.view(), w.view()),
               third = nested(o, batch, theta, {0, 0, 1}, directions)[3];
  CHECK(std::abs(mixed - third) <= 1e-11 * (1 + std::abs(third)));
  // Control: along the other direction all of them are other numbers.
  std::vector<double> other(5);
  DirectionalDerivatives(device, o, batch, 4).run(theta, w.view(), other);
  for (std::size_t k = 1; k < other.size(); ++k) CHECK(std::abs(other[k] - expected[k]) > 1e-6 * std::abs(expected[k]));
}

}  // namespace

TEST_CASE(
    "every network's derivatives of orders 1 to 4, and ∇³L[u, u, w], by Taylor mode are those of nested forward mode") {
  for (const kinds::NetworkRow& row : kinds::network_rows())
    for (const std::string& loss : row.losses) {
      CAPTURE(row.name);
      CAPTURE(loss);
      Device device;
      std::vector<std::string> settings{"model.name=" + row.name, "training.loss=" + loss, "run.precision=float64"};
      settings.insert(settings.end(), row.settings.begin(), row.settings.end());
      const Problem p = make_problem(device, load_config({{}, settings, {}}));
      expect_taylor(p.objective, p.train, p.theta0.view());
    }
}

TEST_CASE("every activation's derivatives by Taylor mode are those of nested forward mode, to each order") {
  for (const Activation activation : activations)
    for (const Loss loss : {Loss::cross_entropy, Loss::mse}) {
      const support::Network n({.samples = 70, .activation = activation, .loss = loss});
      CAPTURE(activation.name);
      expect_taylor(n.objective, n.data(), n.theta.view());
      Device device;
      std::vector<double> all(5);
      DirectionalDerivatives(device, n.objective, n.data(), 4).run(n.theta.view(), n.v.view(), all);
      for (int order = 1; order < 4; ++order) {
        std::vector<double> some(static_cast<std::size_t>(order) + 1);
        DirectionalDerivatives(device, n.objective, n.data(), order).run(n.theta.view(), n.v.view(), some);
        for (std::size_t k = 0; k < some.size(); ++k) CHECK(some[k] == doctest::Approx(all[k]).epsilon(1e-12));
      }
    }
}

TEST_CASE("an order beyond 4, and one below 1, is refused") {
  const support::Network n({.samples = 5});
  Device device;
  for (const int order : {0, 5})
    CHECK_THROWS_WITH_AS(DirectionalDerivatives(device, n.objective, n.data(), order),
                         doctest::Contains("expected 1 to 4"), std::invalid_argument);
}
