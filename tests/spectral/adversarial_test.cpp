// SPDX-License-Identifier: MIT
// Spectra that break careless Lanczos, each with 20 random rotations, in float64: no ghost, an orthonormal basis, true certificates, and never
// "converged" when it is not.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "spectral/block_lanczos.h"
#include "spectral/lanczos.h"
#include "tests/support/spectra.h"

using namespace brink;
using support::KnownSpectrum;
using support::rough_normals;

namespace {

constexpr std::uint64_t rotations = 20;

struct Adversary {
  std::string name;
  std::vector<double> lambda;
  int top = 1, bottom = 1;
  int width = 1;          // of the block that finds all copies; 1: single vectors
  double cluster = 1e-9;  // eigenvalues nearer than this, relative to the largest, are judged together
};

std::vector<double> bulk(std::vector<double> ends, std::size_t n, double low, double high) {
  for (std::size_t i = ends.size(); i < n; ++i)
    ends.push_back(low + (high - low) * static_cast<double>(i) / static_cast<double>(n));
  return ends;
}
std::vector<double> times(std::vector<double> x, double factor) {
  for (double& v : x) v *= factor;
  return x;
}

std::vector<Adversary> adversaries() {
  std::vector<Adversary> all{
      {"fourfold top", bulk({30, 30, 30, 30}, 2000, -2, 2), 4, 1, 4},
      {"identity, m = n", std::vector<double>(128, 3.0), 4, 0, 1},
      {"identity", std::vector<double>(500, 3.0), 3, 1, 4},
      {"cluster with gap 1e-10", bulk({20, 20 - 1e-10, 20 - 2e-10, -7}, 1000, -1, 5), 3, 1, 4},
      {"zero", std::vector<double>(300, 0.0), 1, 1, 1},
      {"rank 1", bulk({5}, 2000, 0, 0), 1, 1, 1},
      {"rank 1, negative", bulk({-5}, 500, 0, 0), 1, 1, 1},
      {"rank 40 of 600", {}, 2, 2, 1},
      {"two values", {}, 1, 1, 1},
      {"negative definite", bulk({-50, -20}, 400, -10, -1), 1, 1, 1},
      {"n = 1", {-3.5}, 1, 1, 1},
      {"n = 2", {2, -1}, 1, 1, 1},
      {"n = 3", {5, 5, -2}, 2, 1, 1},
      {"1e-30", times(bulk({50, 23, -8}, 500, -1, 1), 1e-30), 2, 1, 1},
      {"1e30", times(bulk({50, 23, -8}, 500, -1, 1), 1e30), 2, 1, 1},
  };
  for (Adversary& a : all) {
    if (a.name == "rank 40 of 600") {
      a.lambda.assign(600, 0.0);
      for (std::size_t i = 0; i < 40; ++i) a.lambda[i] = (i % 3 == 0 ? -1.0 : 1.0) * (1 + static_cast<double>(i));
    }
    if (a.name == "two values") {
      a.lambda.assign(500, 3.0);
      std::fill(a.lambda.begin(), a.lambda.begin() + 200, -2.0);
    }
  }
  return all;
}

/// The eigenvalues within `width` of x.
std::ptrdiff_t near(const std::vector<double>& lambda, double x, double width) {
  return std::ranges::count_if(lambda, [&](double l) { return std::fabs(l - x) <= width; });
}

void judge(const Adversary& a, const std::vector<double>& truth, const LanczosResult& r, double tolerance) {
  const double size = std::max(std::fabs(truth.front()), std::fabs(truth.back())), rounding = 1e-13 * size;
  CHECK(r.converged);
  CHECK(r.orthogonality <= 1e-12);
  for (const auto& end : {r.top, r.bottom})
    for (const RitzPair& p : end) {
      CHECK(p.residual <= tolerance * size);
      CHECK(near(truth, p.value, p.residual + rounding) > 0);  // the certificate is true
      const double width = std::max(a.cluster, 2 * tolerance) * size + rounding;
      std::ptrdiff_t found = 0;
      for (const RitzPair& other : end) found += std::fabs(other.value - p.value) <= width;
      CHECK(found <= near(truth, p.value, 2 * width));  // no ghost
    }
  for (std::size_t i = 0; i < r.top.size(); ++i)
    CHECK(std::fabs(r.top[i].value - truth[truth.size() - 1 - i]) <= 2 * tolerance * size + rounding);
  for (std::size_t i = 0; i < r.bottom.size(); ++i)
    CHECK(std::fabs(r.bottom[i].value - truth[i]) <= 2 * tolerance * size + rounding);
  if (r.bounds.starts > 0) {
    CHECK(r.bounds.upper >= truth.back() - rounding);
    CHECK(r.bounds.lower <= truth.front() + rounding);
  }
}

}  // namespace

TEST_CASE("adversarial spectra, 20 rotations of each") {
  constexpr double tolerance = 1e-8;
  for (const Adversary& a : adversaries()) {
    CAPTURE(a.name);
    std::vector<double> truth = a.lambda;
    std::ranges::sort(truth);
    const auto n = static_cast<std::int64_t>(truth.size());
    Device d;
    const int pairs = a.top + a.bottom;
    const LanczosOptions options{
        .top = a.top, .bottom = a.bottom, .tolerance = tolerance, .budget = 2000, .confirm = 2};
    Lanczos single(d, n, Dtype::f64, {.max_basis = n <= 128 ? 128 : 60, .max_pairs = pairs}, rough_normals(3));
    BlockLanczos block(d, n, Dtype::f64, {.width = a.width, .max_basis = 64, .max_pairs = pairs}, rough_normals(3));
    for (std::uint64_t rotation = 0; rotation < rotations; ++rotation) {
      CAPTURE(rotation);
      KnownSpectrum known(a.lambda, 1000 + 10 * rotation);
      LanczosOptions o = options;
      o.step = rotation;
      const LinearOperator op = known.op(Dtype::f64);
      judge(a, truth, a.width > 1 ? block.run(op, o) : single.run(op, o), tolerance);
    }
  }
}

TEST_CASE("a budget too small is never called converged, and what it gives is certified") {
  const std::vector<double> lambda = bulk({1.01, 1.005, -1.01}, 1500, -1, 1);
  Device d;
  Lanczos solver(d, 1500, Dtype::f64, {.max_basis = 30, .max_pairs = 4}, rough_normals(3));
  for (int budget = 1; budget < 40; ++budget) {
    KnownSpectrum known(lambda, 50 + static_cast<std::uint64_t>(budget));
    const LanczosResult r =
        solver.run(known.op(Dtype::f64), {.top = 2, .bottom = 2, .tolerance = 1e-8, .budget = budget});
    CHECK_FALSE(r.converged);
    CHECK(r.stop == LanczosStop::budget);
    CHECK(r.products == budget);
    for (const auto& end : {r.top, r.bottom})
      for (const RitzPair& p : end) CHECK(near(lambda, p.value, p.residual + 1e-13) > 0);
    CHECK(r.bounds.upper >= 1.01 - 1e-13);
    CHECK(r.bounds.lower <= -1.01 + 1e-13);
  }
}

TEST_CASE("dimensions are those of the parameters: elements that are always zero are no dimensions") {
  // A network of two parameters in a vector of 64 elements.
  const LinearOperator a{64, Dtype::f64,
                         [](View x, View y) {
                           for (std::int64_t e = 0; e < 64; ++e) y.as<double>()[e] = 0;
                           y.as<double>()[0] = 3 * x.as<double>()[0] + x.as<double>()[32];
                           y.as<double>()[32] = x.as<double>()[0] - x.as<double>()[32];
                         },
                         2};
  const FillNormal normals = [inner = rough_normals(3)](View x, RandomUse use, std::uint64_t step,
                                                        std::uint32_t restart) {
    inner(x, use, step, restart);
    for (std::int64_t e = 0; e < 64; ++e)
      if (e % 32 != 0) x.as<double>()[e] = 0;
  };
  Device d;
  Lanczos solver(d, 64, Dtype::f64, {.max_basis = 30, .max_pairs = 10}, normals);
  const LanczosResult r = solver.run(a, {.top = 5, .bottom = 5, .tolerance = 1e-9});
  CHECK(r.converged);
  CHECK(r.products == 2);
  CHECK(r.top.size() == 2);
  CHECK(r.bottom.size() == 2);
  const double root = std::sqrt(5.0);
  CHECK(std::fabs(r.top[0].value - (1 + root)) < 1e-12);
  CHECK(std::fabs(r.bottom[0].value - (1 - root)) < 1e-12);
  CHECK(std::fabs(r.bounds.upper - (1 + root)) < 1e-12);
}
