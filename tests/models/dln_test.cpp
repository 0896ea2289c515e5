// SPDX-License-Identifier: MIT
// The diagonal linear network against closed forms. Dyadic parameters make every operation exact, so values are compared with
// ==.
#include <doctest/doctest.h>

#include <cmath>

#include "autodiff/primitives/elementwise.h"
#include "autodiff/transform.h"
#include "models/dln.h"
#include "models/kind.h"
#include "models/model.h"

using namespace brink;

namespace {

using Doubles = std::vector<double>;

struct Curvature {
  double loss;
  Doubles gradient;
  std::vector<Doubles> hessian;  // rows
};

Array vector_of(const ParameterLayout& layout, const Doubles& values) {
  Array a = layout.make_vector(Dtype::f64);
  for (int i = 0; i < layout.size(); ++i) *layout.view(a.view(), i).as<double>() = values[static_cast<std::size_t>(i)];
  return a;
}
Doubles values_of(const ParameterLayout& layout, const Array& a) {
  Doubles out;
  for (int i = 0; i < layout.size(); ++i) out.push_back(*layout.view(a.view(), i).as<double>());
  return out;
}

Curvature evaluate(const Objective& o, const Doubles& theta, std::int32_t label = 0) {
  Device device;
  const View data[] = {view_of(&label, {1})};
  Hvp hvp(device, o, data);
  const Array g = o.layout.make_vector(Dtype::f64), hv = o.layout.make_vector(Dtype::f64);
  Curvature out;
  out.loss = hvp.linearize_at(vector_of(o.layout, theta).view(), g.view()).loss;
  out.gradient = values_of(o.layout, g);
  for (std::size_t i = 0; i < theta.size(); ++i) {
    Doubles unit(theta.size(), 0.0);
    unit[i] = 1;
    hvp.apply(vector_of(o.layout, unit).view(), hv.view());
    out.hessian.push_back(values_of(o.layout, hv));
  }
  return out;
}

}  // namespace

TEST_CASE("½(θ₁θ₂ − y)²") {
  const double a = 1.5, b = -0.75, y = 0.25, r = a * b - y;
  const Curvature c = evaluate(make_dln_objective({}, DlnLoss::half_square, y, Dtype::f64), {a, b});
  CHECK(c.loss == 0.5 * r * r);
  CHECK(c.gradient == Doubles{r * b, r * a});
  CHECK(c.hessian == std::vector<Doubles>{{b * b, 2 * a * b - y}, {2 * a * b - y, a * a}});
}

TEST_CASE("depth five") {
  const Doubles t{1.5, -0.5, 2, 0.75, -1.25};
  const double y = 0.5;
  const auto product_without = [&](std::size_t i, std::size_t j) {
    double p = 1;
    for (std::size_t k = 0; k < t.size(); ++k)
      if (k != i && k != j) p *= t[k];
    return p;
  };
  const double z = product_without(9, 9), r = z - y;
  const Curvature c = evaluate(make_dln_objective({5, {{0, 1, 2, 3, 4}}}, DlnLoss::half_square, y, Dtype::f64), t);
  for (std::size_t i = 0; i < t.size(); ++i) {
    CHECK(c.gradient[i] == r * product_without(i, i));
    for (std::size_t j = 0; j < t.size(); ++j)
      CHECK(c.hessian[i][j] ==
            product_without(i, i) * product_without(j, j) + (i == j ? 0 : r * product_without(i, j)));
  }
}

TEST_CASE("sums of products, shared parameters, squares: H = ℓ″ ∇z∇zᵀ + ℓ′ ∇²z") {
  struct Example {
    Dln dln;
    Doubles theta, first;         // ∇z
    std::vector<Doubles> second;  // ∇²z
    double z;
  };
  const Example examples[] = {
      {{4, {{0, 1}, {2, 3}}},
       {1.5, 0.5, -0.25, 2},
       {0.5, 1.5, 2, -0.25},
       {{0, 1, 0, 0}, {1, 0, 0, 0}, {0, 0, 0, 1}, {0, 0, 1, 0}},
       0.25},
      {{3, {{0, 1}, {0, 2}}}, {1.5, 0.5, -0.25}, {0.25, 1.5, 1.5}, {{0, 1, 1}, {1, 0, 0}, {1, 0, 0}}, 0.375},
      {{2, {{0, 0, 1}}}, {1.5, 0.5}, {1.5, 2.25}, {{1, 3}, {3, 0}}, 1.125},
      {{1, {{0, 0}, {0}}}, {1.5}, {4}, {{2}}, 3.75},
  };
  for (const Example& e : examples) {
    const auto n = e.theta.size();
    const double y = 0.125, r = e.z - y;
    const Curvature square = evaluate(make_dln_objective(e.dln, DlnLoss::half_square, y, Dtype::f64), e.theta);
    CHECK(square.loss == 0.5 * r * r);
    for (const std::int32_t label : {0, 1}) {
      const double p = 1 / (1 + std::exp(-e.z));
      const Curvature bce =
          evaluate(make_dln_objective(e.dln, DlnLoss::binary_cross_entropy, 0, Dtype::f64), e.theta, label);
      CHECK(bce.loss == doctest::Approx(std::log(1 + std::exp(e.z)) - label * e.z).epsilon(1e-14));
      for (std::size_t i = 0; i < n; ++i) {
        CHECK(square.gradient[i] == r * e.first[i]);
        CHECK(bce.gradient[i] == doctest::Approx((p - label) * e.first[i]).epsilon(1e-14));
        for (std::size_t j = 0; j < n; ++j) {
          CHECK(square.hessian[i][j] == e.first[i] * e.first[j] + r * e.second[i][j]);
          CHECK(bce.hessian[i][j] ==
                doctest::Approx(p * (1 - p) * e.first[i] * e.first[j] + (p - label) * e.second[i][j]).epsilon(1e-13));
        }
      }
    }
  }
}

TEST_CASE("model.terms: a text of products, and what is wrong with others") {
  const NetworkKind& kind = *find_kind(network_kinds(), "dln");
  const auto with = [&](Doubles start, const std::string& terms) {
    Options o(kind.options);
    o.set("start", std::move(start));
    o.set("terms", terms);
    return o;
  };
  const Doubles theta{1.5, 0.5, -0.25, 2};
  const auto same = [&](const std::string& text, const std::vector<std::vector<int>>& terms) {
    const Options o = with(theta, text);
    REQUIRE_FALSE(kind.conflict(o, Loss::mse));
    const DatalessNetwork network = kind.dataless(o, Loss::mse, Dtype::f64);
    CHECK(network.start == theta);
    const Curvature found = evaluate(network.objective, theta),
                    expected = evaluate(make_dln_objective({4, terms}, DlnLoss::half_square, 0, Dtype::f64), theta);
    return found.loss == expected.loss && found.gradient == expected.gradient && found.hessian == expected.hessian;
  };
  CHECK(same("", {{0, 1, 2, 3}}));
  CHECK(same("theta0*theta1 + theta2*theta3", {{0, 1}, {2, 3}}));
  CHECK(same("  theta0 * theta1*theta2+theta0*theta3  ", {{0, 1, 2}, {0, 3}}));
  CHECK(same("theta3*theta3*theta0 + theta1 + theta2", {{3, 3, 0}, {1}, {2}}));
  CHECK_FALSE(same("theta0*theta1 + theta2*theta3", {{0, 2}, {1, 3}}));  // control

  const auto message = [&](const std::string& text) {
    const auto wrong = kind.conflict(with({1, 2, 3}, text), Loss::mse);
    return wrong ? wrong->option + ": " + wrong->message : std::string();
  };
  CHECK(message("theta0*theta1*theta2").empty());
  CHECK(message("theta0*theta3") ==
        "terms: expected products of theta0 to theta2, joined by +; \"theta3\" is no parameter");
  for (const char* incomplete : {"theta0*", " ", "theta0**theta1", "theta0*theta1 + ", "+theta0"})
    CHECK(message(incomplete) == "terms: expected products of theta0 to theta2, joined by +; a factor is missing");
  CHECK(message("theta0*theta2") == "terms: expected each parameter of model.start in a product; theta1 is in none");
  for (const char* other : {"theta00*theta1*theta2", "theta0-theta1*theta2", "2*theta0", "theta0*theta1\ttheta2"})
    CHECK(message(other).ends_with("is no parameter"));
}

TEST_CASE("a term that names no parameter is refused") {
  CHECK_THROWS_WITH_AS(make_dln_objective({2, {{0, 2}}}, DlnLoss::half_square, 0, Dtype::f64),
                       "[dln] a term names parameter 2; expected 0 to 1", std::invalid_argument);
}

TEST_CASE("nested forward mode is exact in orders 1 to 4, along one direction and along several") {
  Model m;  // the one-sample network z = θ₀θ₁; its MSE with label 0 is ½(z − 1)²
  m.layout = ParameterLayout({{"theta0", {1, 1}, 1}, {"theta1", {1, 1}, 1}});
  m.sample = Shape{1};
  m.classes = 1;
  m.forward = [](Graph& g, std::span<const Var> p, Var, const BlockContext&) { return mul(g, p[0], p[1]); };
  const double a = 1.5, b = -0.75, z = a * b, r = z - 1;
  const double v[3][2] = {{0.5, 2}, {-1.25, 0.25}, {3, -0.5}};
  const Objective o = make_objective(m, Loss::mse, Dtype::f64);
  double x = 0;
  std::int32_t label = 0;
  const View data[] = {view_of(&x, {1, 1}), view_of(&label, {1})};
  const Array theta = vector_of(m.layout, {a, b});
  const Array arrays[] = {vector_of(m.layout, {v[0][0], v[0][1]}), vector_of(m.layout, {v[1][0], v[1][1]}),
                          vector_of(m.layout, {v[2][0], v[2][1]})};
  const View directions[] = {arrays[0].view(), arrays[1].view(), arrays[2].view()};

  const auto first = [&](int i) { return v[i][0] * b + v[i][1] * a; };                      // z_i
  const auto second = [&](int i, int j) { return v[i][0] * v[j][1] + v[i][1] * v[j][0]; };  // z_ij; higher ones are 0
  for (const std::vector<int>& k : {std::vector<int>{0, 0, 0, 0}, {0, 1, 2, 0}, {2, 1, 1, 0}, {1, 0, 1, 0}}) {
    Device device;
    SampleSum sum(device, o,
                  [&](std::int64_t s) { return build_directional_derivatives(m, Loss::mse, Dtype::f64, s, k); }, data,
                  {}, {1, 1, 1, 1, 1});
    double d[5];
    sum.run(theta.view(), directions, {}, d);
    CHECK(d[0] == 0.5 * r * r);
    CHECK(d[1] == r * first(k[0]));
    CHECK(d[2] == first(k[0]) * first(k[1]) + r * second(k[0], k[1]));
    CHECK(d[3] ==
          first(k[0]) * second(k[1], k[2]) + first(k[1]) * second(k[0], k[2]) + first(k[2]) * second(k[0], k[1]));
    CHECK(d[4] == second(k[0], k[1]) * second(k[2], k[3]) + second(k[0], k[2]) * second(k[1], k[3]) +
                      second(k[0], k[3]) * second(k[1], k[2]));
  }
}
