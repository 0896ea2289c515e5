// SPDX-License-Identifier: MIT
#include "spectral/density.h"

#include <doctest/doctest.h>

#include <cmath>

#include "kernels/dense/symmetric_eigen.h"
#include "tests/support/numbers.h"

using namespace brink;

namespace {

/// The m-point quadrature of the semicircle with standard deviation sigma, whose recurrence has the coefficients 0 and sigma.
Quadrature semicircle(int m, double sigma) {
  const auto size = static_cast<std::size_t>(m);
  Quadrature q{std::vector<double>(size), std::vector<double>(size)};
  std::vector<double> off(size, sigma);
  q.weights[0] = 1;  // the first row of the unit matrix becomes the eigenvectors' first entries
  REQUIRE(tridiagonal_eigen(m, q.nodes.data(), off.data(), q.weights.data(), 1));
  for (double& w : q.weights) w *= w;
  return q;
}

/// `share` of the mass moves to one node.
Quadrature with_node(Quadrature q, double node, double share) {
  for (double& w : q.weights) w *= 1 - share;
  q.nodes.push_back(node);
  q.weights.push_back(share);
  return q;
}

}  // namespace

TEST_CASE("a trace is n times the mean over the vectors, with the standard error of that mean") {
  SpectralMeasure m{10, {{{1.0, 3.0}, {0.5, 0.5}}, {{4.0}, {1.0}}, {{-2.0, 6.0}, {0.25, 0.75}}}, false};
  // The three vectors see means of 2, 4 and 4: mean 10/3, variance 4/3.
  const Estimate trace = moment_of(m, 1);
  CHECK(trace.value == doctest::Approx(100 / 3.0));
  CHECK(trace.error == doctest::Approx(10 * std::sqrt(4 / 3.0 / 3)));
  CHECK(moment_of(m, 0).value == 10);
  CHECK(moment_of(m, 0).error == 0);
  CHECK(moment_of(m, 2).value == doctest::Approx(10 * (5 + 16 + 28) / 3.0));
  CHECK(m.lowest() == -2);
  CHECK(m.highest() == 6);
  CHECK(m.depth() == 2);
  m.complete = true;
  CHECK(moment_of(m, 1).error == 0);
  m.probes.resize(1);
  m.complete = false;
  CHECK(std::isnan(moment_of(m, 1).error));
}

TEST_CASE("the smoothed density has the mass n and is that of the eigenvalues where the nodes are the eigenvalues") {
  const SpectralMeasure m{2, {{{-1.0, 3.0}, {0.25, 0.75}}, {{-1.0, 3.0}, {0.75, 0.25}}}, true};
  const std::vector<double> at = grid_over(m, 3, 2001), eigenvalues{-1, 3};
  const DensityCurve curve = density_of(m, 0.3, at);
  const std::vector<double> known = smoothed(eigenvalues, 0.3, at);
  double mass = 0;
  for (std::size_t i = 0; i < at.size(); ++i) {
    mass += curve.value[i] * (at[1] - at[0]);
    CHECK(std::fabs(curve.value[i] - known[i]) <= 1e-14);
    CHECK(curve.error[i] == 0);
  }
  CHECK(mass == doctest::Approx(2).epsilon(1e-9));
  CHECK(at.front() == -4);
  CHECK(at.back() == 6);
  CHECK(resolved_width(m) == 2);
}

TEST_CASE("the width of an operator with one eigenvalue is a small part of it, and never zero") {
  const auto width = [](double value) { return resolved_width({3, {{{value}, {1.0}}}, true}); };
  CHECK(width(5) == 5e-3);
  CHECK(width(-5) == 5e-3);
  CHECK(width(0) == 1e-3);
}

TEST_CASE("a semicircle with outliers: edge, count, standard deviation, and a small misfit") {
  const Quadrature bulk = semicircle(300, 2);
  const SpectralMeasure m{1000, {with_node(bulk, 30, 0.003), with_node(with_node(bulk, 20, 0.001), 30, 0.001)}, false};
  const Bulk b = bulk_of(m, 1e-6).value();
  CHECK(b.edge == doctest::Approx(4).epsilon(1e-3));
  CHECK(b.outliers == 2);
  CHECK(b.above.value == doctest::Approx(2.5).epsilon(2e-3));
  CHECK(b.above.error == doctest::Approx(0.5).epsilon(2e-3));
  CHECK(b.sigma == doctest::Approx(2).epsilon(1e-12));
  CHECK(b.misfit < 0.005);
}

TEST_CASE("a bulk that is no semicircle is said to be none, and one without a lower edge has none") {
  Quadrature even, peaked;
  for (int i = 0; i <= 200; ++i) {
    const double x = -1 + i / 100.0;
    even.nodes.push_back(x);
    even.weights.push_back(1 / 201.0);
    peaked.nodes.push_back(x);
    peaked.weights.push_back(i == 100 ? 0.9 : 0.1 / 200);
  }
  const double flat = bulk_of({500, {even}, false}, 1e-6).value().misfit,
               spike = bulk_of({500, {peaked}, false}, 1e-6).value().misfit;
  CHECK(flat > 0.02);
  CHECK(flat < 0.1);
  CHECK(spike > 0.3);
  CHECK_FALSE(bulk_of({500, {{{-1e-8, 1, 5}, {0.3, 0.3, 0.4}}}, false}, 1e-6).has_value());
  CHECK_FALSE(bulk_of({500, {{{0.0}, {1.0}}}, false}, 0).has_value());
  const Bulk one = bulk_of({500, {{{-3.0}, {1.0}}}, false}, 0).value();
  CHECK(one.outliers == 0);
  CHECK(one.sigma == 3);
}

TEST_CASE("the share below x of a semicircle") {
  CHECK(semicircle_share(-5, 2) == 0);
  CHECK(semicircle_share(5, 2) == 1);
  CHECK(semicircle_share(0, 2) == 0.5);
  CHECK(semicircle_share(-2, 1) == 0);
  // ½ + x√(R² − x²)/(πR²) + asin(x/R)/π at x = R/2.
  const double pi = std::acos(-1.0);
  CHECK(semicircle_share(2, 2) == doctest::Approx(0.5 + std::sqrt(3) / 4 / pi + std::asin(0.5) / pi).epsilon(1e-14));
  CHECK(semicircle_share(-2, 2) == doctest::Approx(0.5 - std::sqrt(3) / 4 / pi - std::asin(0.5) / pi).epsilon(1e-14));
}
