// SPDX-License-Identifier: MIT
#include "spectral/recurrence.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "kernels/reduce/reduce.h"
#include "tests/support/spectra.h"

using namespace brink;
using support::KnownSpectrum;
using support::rough_normals;

namespace {

std::vector<double> bulk_and_outliers(std::size_t n) {
  std::vector<double> lambda(n);
  for (std::size_t i = 0; i < n; ++i) lambda[i] = -1 + 2 * static_cast<double>(i) / static_cast<double>(n);
  lambda[0] = 5;
  lambda[1] = -3;
  return lambda;
}

/// qᵀ Aᵏ q for k = 0 … 7, q the first vector of the basis.
std::vector<double> moments(const LinearOperator& a, View first) {
  Device d;
  std::vector<double> v(first.span<double>().begin(), first.span<double>().end()), w(v.size()), out;
  for (int k = 0; k < 8; ++k) {
    const View x = view_of(v.data(), {a.dim}), y = view_of(w.data(), {a.dim});
    out.push_back(dot(d, first, x));
    a.apply(x, y);
    v.swap(w);
  }
  return out;
}

}  // namespace

TEST_CASE("the recurrence's quadrature is exact for polynomials, and its coefficients are those of the operator") {
  for (const double factor : {1.0, 0x1p-700}) {
    CAPTURE(factor);
    std::vector<double> lambda = bulk_and_outliers(200);
    for (double& x : lambda) x *= factor;
    KnownSpectrum known(lambda, 3);
    KnownSpectrum unscaled(bulk_and_outliers(200), 3);
    Device d;
    KrylovRecurrence r(d, 200, Dtype::f64, 12, rough_normals(1));
    const LinearOperator a = known.op(Dtype::f64);
    r.begin(7, 0);
    REQUIRE(r.start({}));
    while (r.size() < 10) {
      REQUIRE(r.extend(a));
      REQUIRE_FALSE(r.exhausted());
      r.accept_next();
    }
    CHECK(r.products_made() == 10);
    CHECK(r.sweeps() >= 10);
    CHECK(r.orthogonality() < 1e-13);
    CHECK(r.alpha().size() == 10);
    const std::vector<double> truth = moments(unscaled.op(Dtype::f64), r.basis().column(0));
    const std::span<const QuadratureNode> nodes = r.quadrature();
    REQUIRE(nodes.size() == 10);
    for (std::size_t k = 0; k < truth.size(); ++k) {
      double sum = 0;
      for (const QuadratureNode& node : nodes)
        sum += node.weight * std::pow(node.node / factor, static_cast<double>(k));
      CAPTURE(k);
      CHECK(std::fabs(sum - truth[k]) <= 1e-11 * std::pow(5, static_cast<double>(k)));
    }
    CHECK(std::fabs(std::ldexp(r.alpha()[0], -r.exponent()) / factor - truth[1]) < 1e-12);
    CHECK(std::fabs(std::ldexp(r.beta()[0], -r.exponent()) / factor - std::sqrt(truth[2] - truth[1] * truth[1])) <
          1e-12);
  }
}

TEST_CASE("an exhausted block has an exact quadrature, and a locked one is followed by a random start") {
  KnownSpectrum identity(std::vector<double>(40, 2.0), 3);
  Device d;
  KrylovRecurrence r(d, 40, Dtype::f64, 8, rough_normals(1));
  const LinearOperator a = identity.op(Dtype::f64);
  r.begin(0, 0);
  REQUIRE(r.start({}));
  for (int block = 0; block < 3; ++block) {
    REQUIRE(r.extend(a));
    REQUIRE(r.exhausted());
    const std::span<const QuadratureNode> nodes = r.quadrature();
    REQUIRE(nodes.size() == 1);
    CHECK(std::fabs(nodes[0].node - 2) < 1e-14);
    CHECK(std::fabs(nodes[0].weight - 1) < 1e-14);
    r.lock();
    CHECK(r.breakdowns() == block + 1);
    CHECK(r.locked() == block + 1);
    REQUIRE(r.accept_random());
  }
  CHECK(r.orthogonality() < 1e-14);
  r.begin(0, 0);
  CHECK(r.size() == 0);
  CHECK(r.products_made() == 0);
}
