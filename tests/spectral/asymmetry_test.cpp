// SPDX-License-Identifier: MIT
// Every solver sees that an operator is not symmetric, beside what the rounding of its precision explains, and never complains of one that is.
#include "spectral/asymmetry.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "kernels/random/random.h"
#include "spectral/block_lanczos.h"
#include "spectral/dense_spectrum.h"
#include "spectral/lanczos.h"
#include "spectral/stochastic_quadrature.h"
#include "spectral/tracker.h"
#include "tests/support/spectra.h"

using namespace brink;
using support::KnownSpectrum;
using support::rough_normals;

namespace {

constexpr int top = 2, bottom = 1;

/// 50, 23, a bulk in [−1, 1], and −8 as the last one.
std::vector<double> outliers(std::size_t n, double factor = 1) {
  std::vector<double> x{50 * factor, 23 * factor};
  while (x.size() + 1 < n) x.push_back(factor * (-1 + 2 * static_cast<double>(x.size()) / static_cast<double>(n)));
  x.push_back(-8 * factor);
  return x;
}

/// diag(lambda) with one entry more, in row `row` and column `column`.
LinearOperator with_entry(Dtype dtype, const std::vector<double>& lambda, std::size_t row, std::size_t column,
                          double entry) {
  return {static_cast<std::int64_t>(lambda.size()), dtype, [=](View x, View y) {
            with_real(x.dtype, [&]<class T>(T) {
              const auto from = x.span<T>(), to = y.span<T>();
              for (std::size_t i = 0; i < to.size(); ++i)
                to[i] = static_cast<T>(lambda[i] * static_cast<double>(from[i]) +
                                       (i == row ? entry * static_cast<double>(from[column]) : 0));
            });
          }};
}

struct Seen {
  std::string solver;
  double asymmetry;
  bool symmetric, claims;  ///< claims: it calls something certified, or gives a bound
};

bool claims(const LanczosResult& r) {
  return r.converged || r.two_sided || r.bounds.starts > 0 || std::isfinite(r.bounds.upper);
}

Seen lanczos(const LinearOperator& a, int tops, int bottoms) {
  Device d;
  Lanczos solver(d, a.dim, a.dtype, {.max_basis = 40, .max_pairs = 3}, rough_normals(3));
  const LanczosResult r =
      solver.run(a, {.top = tops, .bottom = bottoms, .tolerance = 1e-3, .budget = 60, .confirm = 4});
  return {"lanczos", r.asymmetry, r.symmetric, claims(r)};
}

Seen block_lanczos(const LinearOperator& a, int width, int tops, int bottoms) {
  Device d;
  BlockLanczos solver(d, a.dim, a.dtype, {.width = width, .max_basis = 40, .max_pairs = 3}, rough_normals(3));
  const LanczosResult r =
      solver.run(a, {.top = tops, .bottom = bottoms, .tolerance = 1e-3, .budget = 120, .confirm = 4});
  return {"block lanczos of " + std::to_string(width), r.asymmetry, r.symmetric, claims(r)};
}

Seen tracker(const LinearOperator& a) {
  Device d;
  EigenTracker solver(d, a.dim, a.dtype, {.top = top, .bottom = bottom, .cold_check = 2}, rough_normals(3));
  TrackerStep s;
  bool symmetric = true;
  for (int step = 0; step < 4; ++step) {
    s = solver.measure(a, step);
    symmetric = symmetric && s.symmetric;
  }
  return {"tracker", s.asymmetry, symmetric, s.converged || s.two_sided || std::isfinite(s.bounds.upper)};
}

Seen quadrature(const LinearOperator& a) {
  Device d;
  const FillNormal normals = [d](View x, RandomUse, std::uint64_t step, std::uint32_t number) mutable {
    fill_normal(d, x, RandomKey(5, Stream::test, static_cast<std::uint32_t>(step), number), 1);
  };
  const auto r = StochasticQuadrature(d, a.dim, a.dtype, {4, 12}, normals).run(a, a.dim, 0);
  return {"stochastic quadrature", r.asymmetry, r.symmetric, r.symmetric};
}

Seen dense(const LinearOperator& a) {
  Device d;
  std::vector<std::int64_t> all(static_cast<std::size_t>(a.dim));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
  const DenseSpectrum r(d, a, all, false);
  return {"dense spectrum", r.asymmetry(), r.symmetric(), r.symmetric()};
}

std::vector<Seen> seen_by_all(const LinearOperator& a) {
  std::vector<Seen> out{tracker(a), quadrature(a), dense(a)};
  for (const auto& [tops, bottoms] : {std::pair{1, 0}, {0, 1}, {1, 1}, {2, 1}}) {
    out.push_back(lanczos(a, tops, bottoms));
    for (const int width : {1, 4}) out.push_back(block_lanczos(a, width, tops, bottoms));
  }
  return out;
}

}  // namespace

TEST_CASE("no solver complains of a symmetric operator, at any scale, in either precision") {
  struct Scale {
    Dtype dtype;
    double factor;
  };
  for (const Scale& s :
       {Scale{Dtype::f32, 1e-40}, Scale{Dtype::f32, 1e-30}, Scale{Dtype::f32, 1}, Scale{Dtype::f32, 1e30},
        Scale{Dtype::f64, 1e-100}, Scale{Dtype::f64, 1e-30}, Scale{Dtype::f64, 1}, Scale{Dtype::f64, 1e100}})
    for (std::uint64_t rotation = 0; rotation < 5; ++rotation) {
      CAPTURE(name_of(s.dtype));
      CAPTURE(s.factor);
      CAPTURE(rotation);
      KnownSpectrum known(outliers(90, s.factor), 40 + 10 * rotation);
      for (const Seen& seen : seen_by_all(known.op(s.dtype))) {
        CAPTURE(seen.solver);
        CAPTURE(seen.asymmetry);
        CHECK(seen.symmetric);
      }
    }
}

TEST_CASE(
    "an asymmetry a few times above the tolerance is seen between the vectors of both ends, a smaller one is not") {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64})
    for (const double factor : {1e-30, 1.0, 1e30})
      for (const bool transposed : {false, true}) {
        CAPTURE(name_of(dtype));
        CAPTURE(factor);
        CAPTURE(transposed);
        const std::vector<double> lambda = outliers(90, factor);
        const std::size_t row = transposed ? 89 : 0, column = 89 - row;
        const auto entry = [&](double multiple) {
          return with_entry(dtype, lambda, row, column, multiple * largest_asymmetry(dtype) * lambda[0]);
        };
        for (const Seen& seen : seen_by_all(entry(4))) {
          if (seen.solver == "stochastic quadrature") continue;  // random vectors see a few entries of many hardly
          CAPTURE(seen.solver);
          CAPTURE(seen.asymmetry);
          CHECK_FALSE(seen.symmetric);
          CHECK_FALSE(seen.claims);
        }
        for (const Seen& seen : seen_by_all(entry(0.25))) {
          CAPTURE(seen.solver);
          CHECK(seen.symmetric);
        }
        // Of two dimensions two orthogonal vectors see all.
        const std::vector<double> two{lambda[0], lambda[89]};
        const std::size_t second = transposed ? 1 : 0;
        const double tolerance = largest_asymmetry(dtype) * two[0];
        CHECK_FALSE(quadrature(with_entry(dtype, two, second, 1 - second, 4 * tolerance)).symmetric);
        CHECK(quadrature(with_entry(dtype, two, second, 1 - second, 0.25 * tolerance)).symmetric);
      }
}

TEST_CASE("a block sees an asymmetry that is not between the vectors of both ends, from the products that it makes") {
  const std::vector<double> lambda = outliers(90);
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    CAPTURE(name_of(dtype));
    const LinearOperator a = with_entry(dtype, lambda, 30, 40, 0.5);
    CHECK_FALSE(block_lanczos(a, 4, 1, 1).symmetric);
    CHECK(block_lanczos(with_entry(dtype, lambda, 40, 40, 0.5), 4, 1, 1).symmetric);
  }
}

TEST_CASE("the tracker reports an asymmetry that only the cold run of a step has seen") {
  const std::vector<double> lambda = outliers(90);
  Device d;
  for (const bool asymmetric : {true, false}) {
    EigenTracker solver(d, 90, Dtype::f64, {.top = 1, .bottom = 1, .cold_check = 0}, rough_normals(3));
    const LinearOperator good = with_entry(Dtype::f64, lambda, 0, 0, 0),
                         bad = with_entry(Dtype::f64, lambda, 0, 89, asymmetric ? 1e-9 : 0);
    (void)solver.measure(good, 0);
    CHECK(solver.measure(good, 1).symmetric);
    const TrackerStep s = solver.measure(bad, 1, true);
    REQUIRE(s.cold_checked);
    CHECK(s.symmetric != asymmetric);
    CHECK(s.converged != asymmetric);
    CHECK(std::isfinite(s.bounds.upper) != asymmetric);
    CHECK((s.asymmetry > 1e-10) == asymmetric);
    CHECK(solver.measure(good, 2).symmetric);
  }
}
