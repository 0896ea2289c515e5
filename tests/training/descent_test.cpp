// SPDX-License-Identifier: MIT
// Gradient descent and what is measured on the way, against plain loops on the diagonal linear network and on an MLP.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "models/dln.h"
#include "tests/support/networks.h"
#include "training/descent.h"

using namespace brink;

namespace {

using Point = std::array<double, 2>;
Point mean(const Point& a, const Point& b) { return {(a[0] + b[0]) / 2, (a[1] + b[1]) / 2}; }
double distance(const Point& a, const Point& b) {
  return std::sqrt((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]));
}

}  // namespace

TEST_CASE("dln: trajectory, loss, eigenvalues, jump and period-2 distance equal plain loops") {
  const double y = 0.2, rate = 0.55;  // beyond 2/λ at the start, so it bounces
  const Objective o = make_dln_objective({}, DlnLoss::half_square, y, Dtype::f64);
  std::int32_t label = 0;
  const View data[] = {view_of(&label, {1})};
  Array theta0 = o.layout.make_vector(Dtype::f64);
  std::vector<Point> path{{1.7, 0.9}};
  for (int i = 0; i < 2; ++i) *o.layout.view(theta0.view(), i).as<double>() = path[0][static_cast<std::size_t>(i)];
  Device device;
  DescentOptions options;
  options.tracker =
      TrackerOptions{.top = 1, .bottom = 1, .tolerance = 1e-10, .cold_check = 5, .budget = 60, .max_basis = 24};
  Descent descent(device, o, data, {}, options, theta0.view());
  bool bounced = false;
  for (std::size_t t = 0; t < 40; ++t) {
    CAPTURE(t);
    const Observation& seen = descent.observe(true, false);
    const Point x = path[t];
    const double r = x[0] * x[1] - y, a = x[1] * x[1], b = x[0] * x[0], c = 2 * x[0] * x[1] - y;
    REQUIRE(seen.step == static_cast<std::int64_t>(t));
    REQUIRE(std::abs(*o.layout.view(descent.theta(), 0).as<double>() - x[0]) <= 1e-12);
    REQUIRE(std::abs(*o.layout.view(descent.theta(), 1).as<double>() - x[1]) <= 1e-12);
    CHECK(seen.loss == doctest::Approx(0.5 * r * r).epsilon(1e-10));
    CHECK(seen.gradient_norm == doctest::Approx(std::abs(r) * std::sqrt(a + b)).epsilon(1e-10));
    const double middle = (a + b) / 2, half = std::sqrt((a - b) * (a - b) / 4 + c * c);
    REQUIRE(seen.spectrum);
    CHECK(seen.converged);
    CHECK(seen.top.at(0).value == doctest::Approx(middle + half).epsilon(1e-10));
    CHECK(std::abs(seen.bottom.at(0).value - (middle - half)) <= 1e-10 * (middle + half));
    REQUIRE(seen.jump.has_value() == (t >= 1));
    REQUIRE(seen.period2_distance.has_value() == (t >= 3));
    if (t >= 1) CHECK(*seen.jump == doctest::Approx(distance(x, mean(x, path[t - 1]))).epsilon(1e-9));
    if (t >= 3)
      CHECK(std::abs(*seen.period2_distance - distance(mean(x, path[t - 1]), mean(path[t - 2], path[t - 3]))) <= 1e-12);
    bounced = bounced || (t >= 2 && (x[0] - path[t - 1][0]) * (path[t - 1][0] - path[t - 2][0]) < 0);
    path.push_back({x[0] - rate * (r * x[1]), x[1] - rate * (r * x[0])});
    descent.update(rate);
  }
  CHECK(bounced);
}

TEST_CASE(
    "dln: loss, gradient and λ₁ of the cross-entropy at margins where one class has almost all of the probability") {
  // λ₁ of ℓ″∇z∇zᵀ + ℓ′∇²z with ℓ = log(1 + e⁻ᶻ), z = θ₀θ₁ (mpmath).
  struct Example {
    Point theta;
    double loss, gradient_norm, lambda;
  };
  const Example examples[] = {
      {{4, 5}, 2.0611536203143807e-09, 1.3197822689706104e-08, 8.2498959944881817e-08},
      {{5, 10}, 1.9287498479639178e-22, 2.1564078858198523e-21, 2.3955635780699441e-20},
      {{15, 20}, 5.1482002224120138e-131, 1.2870500556030034e-129, 3.212683514574079e-128},
  };
  for (const Dtype dtype : {Dtype::f32, Dtype::f64})
    for (const Example& e : examples) {
      if (dtype == Dtype::f32 && e.lambda < 1e-30) continue;  // underflows
      CAPTURE(name_of(dtype));
      CAPTURE(e.lambda);
      const Objective o = make_dln_objective({}, DlnLoss::binary_cross_entropy, 1, dtype);
      std::int32_t label = 1;
      const View data[] = {view_of(&label, {1})};
      const Array theta0 = o.layout.make_vector(dtype);
      with_real(dtype, [&]<class T>(T) {
        for (int i = 0; i < 2; ++i)
          *o.layout.view(theta0.view(), i).as<T>() = static_cast<T>(e.theta[static_cast<std::size_t>(i)]);
      });
      Device device;
      DescentOptions options;
      options.tracker =
          TrackerOptions{.top = 1, .bottom = 0, .tolerance = 1e-3, .cold_check = 5, .budget = 60, .max_basis = 24};
      Descent descent(device, o, data, {}, options, theta0.view());
      const Observation& seen = descent.observe(true, false);
      const double tolerance = dtype == Dtype::f32 ? 1e-6 : 1e-13;
      CHECK(std::abs(seen.loss - e.loss) <= 1e-14 * e.loss);
      CHECK(std::abs(seen.gradient_norm - e.gradient_norm) <= tolerance * e.gradient_norm);
      CHECK(seen.converged);
      CHECK(std::abs(seen.top.at(0).value - e.lambda) <= seen.top[0].residual + tolerance * e.lambda);
      CHECK(std::abs(seen.top[0].value - e.lambda) <= 1e-3 * e.lambda);
    }
}

TEST_CASE(
    "mlp: an observation's loss and gradient are Gradient's, its update is θ − ηg in two roundings, its test pass the "
    "same graph") {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    const support::Network train({.samples = 300, .dtype = dtype}), test({.samples = 90, .dtype = dtype});
    Device device;
    DescentOptions options;
    options.tracker = TrackerOptions{.top = 1, .bottom = 0, .cold_check = 0, .budget = 60, .max_basis = 24};
    Descent descent(device, train.objective, train.data(), test.data(), options, train.theta.view());
    const Array g = train.vector(), expected = train.vector();
    std::memcpy(expected.view().data, train.theta.view().data, static_cast<std::size_t>(expected.view().bytes()));
    Gradient on_train(device, train.objective, train.data()), on_test(device, test.objective, test.data());
    const Array unused = test.vector();
    for (int t = 0; t < 6; ++t) {
      const bool spectrum = t % 2 == 0;
      const Observation& seen = descent.observe(spectrum, false);
      const LossAndCorrect pass = on_train.evaluate(expected.view(), g.view());
      CHECK(seen.spectrum == spectrum);
      CHECK(seen.top.size() == (spectrum ? 1 : 0));
      CHECK(seen.loss == pass.loss);
      CHECK(seen.correct == pass.correct);
      CHECK(seen.test_correct == on_test.evaluate(expected.view(), unused.view()).correct);
      CHECK(support::same_bytes(descent.gradient(), g.view()));
      with_real(dtype, [&]<class T>(T) {
        for (std::size_t i = 0; i < g.span<T>().size(); ++i) {
          const T step = static_cast<T>(0.3) * g.span<T>()[i];
          expected.span<T>()[i] = expected.span<T>()[i] - step;
        }
      });
      descent.update(0.3);
      REQUIRE(support::same_bytes(descent.theta(), expected.view()));
    }
  }
}

TEST_CASE("measuring changes no step; a loss that is not finite has no spectrum") {
  const support::Network n({.samples = 200, .dtype = Dtype::f32});
  Device device;
  DescentOptions with;
  with.tracker = TrackerOptions{.top = 1, .bottom = 1, .budget = 40, .max_basis = 24};
  Descent measured(device, n.objective, n.data(), {}, with, n.theta.view()),
      plain(device, n.objective, n.data(), {}, {}, n.theta.view());
  for (int t = 0; t < 5; ++t) {
    CHECK(measured.observe(true, t == 3).spectrum);
    CHECK_FALSE(plain.observe(true, true).spectrum);
    measured.update(0.5);
    plain.update(0.5);
    CHECK(support::same_bytes(measured.theta(), plain.theta()));
  }
  measured.update(std::numeric_limits<double>::infinity());
  const Observation& far = measured.observe(true, true);
  CHECK_FALSE((std::isfinite(far.loss) && std::isfinite(far.gradient_norm)));
  CHECK_FALSE(far.spectrum);
}

TEST_CASE("numbers on their way are NaN until complete, which may follow the update; the θ measured stays at hand") {
  const support::Network n({.samples = 200, .dtype = Dtype::f32});
  Device device;
  DescentOptions options;
  options.tracker = TrackerOptions{.top = 1, .bottom = 0, .budget = 40, .max_basis = 24};
  Descent together(device, n.objective, n.data(), n.data(), options, n.theta.view()),
      apart(device, n.objective, n.data(), n.data(), options, n.theta.view());
  for (int t = 0; t < 5; ++t) {
    CAPTURE(t);
    const bool spectrum = t != 2;
    const Observation a = together.observe(spectrum, false);
    const Observation& b = apart.measure(spectrum, false);
    CHECK(b.spectrum == spectrum);
    CHECK(std::isnan(b.test_correct));
    CHECK(std::isnan(b.loss) == !spectrum);  // a spectrum is measured where the loss is finite
    CHECK(b.jump.has_value() == (t > 0));
    if (t > 0) CHECK(std::isnan(*b.jump));
    together.update(0.3);
    apart.update(0.3);
    apart.start(true);
    CHECK(&apart.complete() == &b);
    CHECK(b.step == t);
    CHECK(support::same_bytes(apart.measured_theta(), together.theta_at(t)));
    CHECK(support::same_bytes(apart.theta(), together.theta()));
    CHECK(b.loss == a.loss);
    CHECK(b.gradient_norm == a.gradient_norm);
    CHECK(b.correct == a.correct);
    CHECK(b.test_correct == a.test_correct);
    CHECK(b.jump == a.jump);
    CHECK(b.jump_u1 == a.jump_u1);
    CHECK(b.period2_distance == a.period2_distance);
  }
}
