// SPDX-License-Identifier: MIT
#include "spectral/block_lanczos.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tests/support/spectra.h"

using namespace brink;
using support::KnownSpectrum;
using support::rough_normals;

namespace {

std::vector<double> with_bulk(std::vector<double> ends, std::size_t n, double low, double high) {
  const std::size_t first = ends.size();
  for (std::size_t i = first; i < n; ++i)
    ends.push_back(low + (high - low) * static_cast<double>(i) / static_cast<double>(n));
  return ends;
}

}  // namespace

TEST_CASE("a block finds every copy of an eigenvalue as multiple as it is wide, where single vectors find one") {
  struct Case {
    const char* name;
    std::vector<double> lambda;
    int top, bottom;
  };
  const std::vector<Case> cases{{"fourfold top in a bulk", with_bulk({30, 30, 30, 30}, 300, -2, 2), 4, 0},
                                {"double both ends", with_bulk({30, 30, -9, -9}, 300, -2, 2), 2, 2},
                                {"cluster with gap 1e-10", with_bulk({20, 20 - 1e-10, 20 - 2e-10}, 300, -1, 5), 3, 0},
                                {"identity", std::vector<double>(60, 2), 4, 0},
                                {"zero", std::vector<double>(60, 0), 2, 2},
                                {"rank 2", with_bulk({5, 5}, 80, 0, 0), 3, 1},
                                {"n = 1", {3}, 1, 0},
                                {"n = 2", {2, 2}, 2, 0},
                                {"n = 3", {2, 2, -1}, 2, 1}};
  for (const Case& c : cases)
    for (const Dtype dtype : {Dtype::f64, Dtype::f32}) {
      CAPTURE(c.name);
      CAPTURE(name_of(dtype));
      KnownSpectrum known(c.lambda, 7);
      std::vector<double> truth = c.lambda;
      std::ranges::sort(truth);
      const auto n = static_cast<std::int64_t>(truth.size());
      const double size = std::max({std::fabs(truth.front()), std::fabs(truth.back()), 1e-300});
      const double tolerance = dtype == Dtype::f64 ? 1e-9 : 1e-4;
      Device d;
      BlockLanczos solver(d, n, dtype, {.width = 4, .max_basis = 40, .max_pairs = 4}, rough_normals(1));
      const LanczosResult r = solver.run(
          known.op(dtype), {.top = c.top, .bottom = c.bottom, .tolerance = tolerance, .budget = 1000, .confirm = 1});
      CHECK(r.converged);
      CHECK(r.products == known.products);
      CHECK(r.orthogonality < (dtype == Dtype::f64 ? 1e-12 : 2e-5));
      REQUIRE(r.top.size() == static_cast<std::size_t>(std::min<std::int64_t>(n, c.top)));
      for (std::size_t i = 0; i < r.top.size(); ++i) {
        CHECK(std::fabs(r.top[i].value - truth[truth.size() - 1 - i]) <= 2 * tolerance * size);
        CHECK(r.top[i].residual <= tolerance * size);
        CHECK(r.top[i].residual <= r.top[i].bound + (dtype == Dtype::f64 ? 1e-12 : 1e-5) * size);
      }
      for (std::size_t i = 0; i < r.bottom.size(); ++i)
        CHECK(std::fabs(r.bottom[i].value - truth[i]) <= 2 * tolerance * size);
    }
  // Control: one vector at a time finds one copy of the fourfold eigenvalue.
  KnownSpectrum known(cases.front().lambda, 7);
  Device d;
  BlockLanczos single(d, 300, Dtype::f64, {.width = 1, .max_basis = 40, .max_pairs = 4}, rough_normals(1));
  const LanczosResult r = single.run(known.op(Dtype::f64), {.top = 4, .tolerance = 1e-6, .budget = 12});
  CHECK(r.top[1].value < 29);
}

TEST_CASE("a block product is asked for once, by rows, and its starts are used; NaN and a small budget are told") {
  const std::vector<double> lambda = with_bulk({9, 8, 7, -5}, 320, -1, 1);
  const auto n = static_cast<std::int64_t>(lambda.size());
  int passes = 0, rows = 0;
  LinearOperator a{n, Dtype::f64, [](View, View) { FAIL("one vector at a time"); }};
  a.apply_several = [&](View x, View y) {
    ++passes;
    const std::int64_t count = x.shape[0];
    rows += static_cast<int>(count);
    for (std::int64_t e = 0; e < count * n; ++e)
      y.as<double>()[e] = lambda[static_cast<std::size_t>(e % n)] * x.as<double>()[e];
  };
  Device d;
  BlockLanczos solver(d, n, Dtype::f64, {.width = 3, .max_basis = 40, .max_pairs = 4}, rough_normals(2));
  const LanczosOptions options{.top = 3, .bottom = 1, .tolerance = 1e-8, .budget = 300};
  const LanczosResult cold = solver.run(a, options);
  CHECK(cold.converged);
  CHECK(passes * 3 == rows);
  CHECK(rows == cold.products);
  CHECK(std::fabs(cold.bottom[0].value + 5) < 1e-6);
  std::vector<double> starts;
  for (const RitzPair& p : cold.top)
    starts.insert(starts.end(), p.vector.span<double>().begin(), p.vector.span<double>().end());
  const int cold_products = cold.products;
  const LanczosResult warm =
      solver.run(a, {.top = 3, .tolerance = 1e-6, .budget = 300}, view_of(starts.data(), {3, n}));
  CHECK(warm.converged);
  CHECK(warm.products < cold_products);
  CHECK(solver.run(a, {.top = 3, .bottom = 1, .tolerance = 1e-8, .budget = 7}).stop == LanczosStop::budget);
  int calls = 0;
  LinearOperator bad = a;
  bad.apply_several = [&](View x, View y) {
    a.apply_several(x, y);
    if (++calls == 2) y.as<double>()[5] = NAN;
  };
  const LanczosResult stopped = solver.run(bad, options);
  CHECK(stopped.stop == LanczosStop::not_finite);
  CHECK(stopped.products == 6);
  CHECK_THROWS(BlockLanczos(d, n, Dtype::f64, {.width = 0}, rough_normals(1)));
  CHECK_THROWS(BlockLanczos(d, n, Dtype::f64, {.width = 4, .max_basis = 12, .max_pairs = 4}, rough_normals(1)));
}
