// SPDX-License-Identifier: MIT
#include "spectral/stochastic_quadrature.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "kernels/random/random.h"
#include "spectral/composed.h"
#include "spectral/dense_spectrum.h"
#include "tests/support/spectra.h"

using namespace brink;
using support::KnownSpectrum;

namespace {

FillNormal normal_vectors(Device device = {}) {
  return [device](View x, RandomUse, std::uint64_t step, std::uint32_t number) mutable {
    fill_normal(device, x, RandomKey(5, Stream::test, static_cast<std::uint32_t>(step), number), 1);
  };
}

/// diag(lambda) on the vectors' first entries, zero on the rest.
template <class T>
LinearOperator diagonal(std::int64_t extent, const std::vector<double>& lambda) {
  return {extent, dtype_of<T>(), [lambda](View x, View y) {
            const auto from = x.span<T>(), to = y.span<T>();
            for (std::size_t i = 0; i < to.size(); ++i)
              to[i] = i < lambda.size() ? static_cast<T>(lambda[i] * static_cast<double>(from[i])) : T{};
          }};
}

std::vector<double> ramp(std::size_t n, double low, double high) {
  std::vector<double> x(n);
  for (std::size_t i = 0; i < n; ++i)
    x[i] = n == 1 ? low : low + (high - low) * static_cast<double>(i) / static_cast<double>(n - 1);
  return x;
}

double sum(const std::vector<double>& x) {
  double out = 0;
  for (const double v : x) out += v;
  return out;
}

StochasticQuadrature::Result quadrature(const LinearOperator& a, std::int64_t n, QuadratureOptions o,
                                        std::uint64_t step = 0) {
  Device device;
  return StochasticQuadrature(device, a.dim, a.dtype, o, normal_vectors()).run(a, n, step);
}

}  // namespace

TEST_CASE(
    "as many random vectors as dimensions, each as deep, leave no error: the density is that of the eigenvalues") {
  Device device;
  for (const auto& lambda :
       {std::vector<double>{7, -3, 2, 2, 2, 0, 0, 1e-3, -3, 40}, {5}, {2, -1}, {4, 4}, {0, 0, 0}}) {
    KnownSpectrum known(lambda, 3);
    const auto n = static_cast<std::int64_t>(lambda.size());
    const SpectralMeasure m = quadrature(known.op(Dtype::f64), n, {20, 20}).measure;
    CAPTURE(n);
    REQUIRE(m.probes.size() == lambda.size());
    CHECK(m.complete);
    const double scale = m.largest() + 1e-300;
    CHECK(std::fabs(moment_of(m, 1).value - sum(lambda)) <= 1e-13 * scale * static_cast<double>(n));
    CHECK(moment_of(m, 0).value == doctest::Approx(static_cast<double>(n)).epsilon(1e-14));
    CHECK(moment_of(m, 1).error == 0);
    const std::vector<double> at = grid_over(m, 3, 50), exact = smoothed(lambda, 0.4, at);
    const DensityCurve found = density_of(m, 0.4, at);
    for (std::size_t i = 0; i < at.size(); ++i) CHECK(std::fabs(found.value[i] - exact[i]) <= 1e-11);
  }
}

TEST_CASE("dimensions are counted by parameters: two of them in vectors of 64 have a density of mass two") {
  const LinearOperator a = diagonal<float>(64, {3, -1});
  Device device;
  const FillNormal first_two = [](View x, RandomUse, std::uint64_t step, std::uint32_t number) {
    Device host;
    set_zero(host, x);
    fill_normal(host, x.part(0, {2}), RandomKey(5, Stream::test, static_cast<std::uint32_t>(step), number), 1);
  };
  StochasticQuadrature q(device, 64, Dtype::f32, {8, 48}, first_two);
  const auto found = q.run(a, 2, 0);
  CHECK(found.measure.probes.size() == 2);
  CHECK(found.products == 4);
  for (const Quadrature& probe : found.measure.probes) {
    REQUIRE(probe.nodes.size() == 2);
    CHECK(probe.nodes[0] == doctest::Approx(-1).epsilon(1e-6));
    CHECK(probe.nodes[1] == doctest::Approx(3).epsilon(1e-6));
  }
  CHECK(moment_of(found.measure, 0).value == doctest::Approx(2).epsilon(1e-12));
  CHECK(moment_of(found.measure, 1).value == doctest::Approx(2).epsilon(1e-6));
}

TEST_CASE("adversarial operators: zero, identity, low rank, two values, any scale, one sign") {
  const auto n = std::size_t{300};
  const auto with = [&](std::vector<double> front, double rest) {
    front.resize(n, rest);
    return front;
  };
  struct Row {
    const char* name;
    std::vector<double> lambda;
    std::size_t most_nodes;  // distinct eigenvalues, or the depth
  };
  const Row rows[] = {{"zero", with({}, 0), 1},
                      {"identity", with({}, 1), 1},
                      {"rank 1", with({-6}, 0), 2},
                      {"rank 3", with({9, -4, 2}, 0), 4},
                      {"two values", with(std::vector<double>(100, 3), -2), 2},
                      {"negative definite", ramp(n, -5, -1), 40},
                      {"tiny", ramp(n, -1e-30, 5e-30), 40},
                      {"huge", ramp(n, -1e30, 5e30), 40}};
  for (const Dtype dtype : {Dtype::f64, Dtype::f32})
    for (const Row& row : rows) {
      CAPTURE(row.name);
      CAPTURE(name_of(dtype));
      KnownSpectrum known(row.lambda, 11);
      const auto found = quadrature(known.op(dtype), 300, {16, 40});
      REQUIRE(found.finite);
      const SpectralMeasure& m = found.measure;
      const double scale = std::max(std::fabs(row.lambda.front()), std::fabs(row.lambda.back())),
                   eps = dtype == Dtype::f64 ? 1e-12 : 1e-4;
      // In float32 rounding splits a multiple eigenvalue, so only the range is promised.
      if (dtype == Dtype::f64)
        for (const Quadrature& q : m.probes) CHECK(q.nodes.size() <= row.most_nodes);
      const auto [low, high] = std::ranges::minmax(row.lambda);
      CHECK(m.lowest() >= low - eps * scale);
      CHECK(m.highest() <= high + eps * scale);
      const Estimate trace = moment_of(m, 1), square = moment_of(m, 2);
      double squares = 0;
      for (const double x : row.lambda) squares += x * x;
      CHECK(std::fabs(trace.value - sum(row.lambda)) <= 4.5 * trace.error + 300 * eps * scale);
      CHECK(std::fabs(square.value - squares) <= 4.5 * square.error + 300 * eps * scale * scale);
      CHECK(found.asymmetry <= eps * scale);
    }
}

TEST_CASE("standard errors are right: two of them cover the trace and the density 95 times in 100") {
  const std::vector<double> lambda = [] {
    std::vector<double> x = ramp(200, -1, 1);
    x[0] = 20, x[1] = 12, x[2] = 7;
    return x;
  }();
  KnownSpectrum known(lambda, 4);
  Device device;
  StochasticQuadrature q(device, 200, Dtype::f64, {16, 24}, normal_vectors());
  constexpr int runs = 400;
  int covered = 0, by_half = 0, in_density = 0;
  const double at[] = {0.3};
  const double exact = smoothed(lambda, 1.2, at)[0];
  for (int k = 0; k < runs; ++k) {
    const SpectralMeasure m = q.run(known.op(Dtype::f64), 200, static_cast<std::uint64_t>(k)).measure;
    const Estimate trace = moment_of(m, 1);
    const double away = std::fabs(trace.value - sum(lambda));
    covered += away <= 2 * trace.error;
    by_half += away <= trace.error;
    const DensityCurve curve = density_of(m, 1.2, at);
    in_density += std::fabs(curve.value[0] - exact) <= 2 * curve.error[0];
  }
  CHECK(covered > 0.90 * runs);
  CHECK(covered < 0.99 * runs);
  CHECK(in_density > 0.90 * runs);
  CHECK(by_half < 0.80 * runs);  // the control: half the error covers too seldom
}

TEST_CASE("the same bits for any number of threads, other ones at another step") {
  constexpr std::int64_t n = 20'000;
  const LinearOperator a = diagonal<float>(n, ramp(n, -2, 9));
  const auto bits = [&](int threads, std::uint64_t step) {
    ThreadPool pool(threads);
    Device device{Where::cpu, &pool};
    StochasticQuadrature q(device, n, Dtype::f32, {3, 12}, normal_vectors(device));
    std::vector<double> all;
    for (const Quadrature& p : q.run(a, n, step).measure.probes) {
      all.insert(all.end(), p.nodes.begin(), p.nodes.end());
      all.insert(all.end(), p.weights.begin(), p.weights.end());
    }
    return all;
  };
  const std::vector<double> one = bits(1, 7);
  CHECK(one.size() == 72);
  for (const int threads : {2, 3, 5}) CHECK(support::same_bytes(bits(threads, 7), one));
  CHECK_FALSE(support::same_bytes(bits(1, 8), one));
}

TEST_CASE("a product that is not finite ends the run, which says at which product; asymmetry is seen") {
  int products = 0;
  const LinearOperator breaks{50, Dtype::f64, [&products](View x, View y) {
                                std::ranges::copy(x.span<double>(), y.span<double>().begin());
                                for (std::size_t i = 0; i < 50; ++i) y.span<double>()[i] *= static_cast<double>(i);
                                if (++products == 13) y.span<double>()[4] = std::numeric_limits<double>::quiet_NaN();
                              }};
  const auto found = quadrature(breaks, 50, {4, 10});
  CHECK_FALSE(found.finite);
  CHECK(found.products == 13);
  CHECK(found.measure.probes.empty());
  const LinearOperator shear{50, Dtype::f64, [](View x, View y) {
                               for (std::size_t i = 0; i < 50; ++i)
                                 y.span<double>()[i] = x.span<double>()[i] + 0.1 * x.span<double>()[(i + 1) % 50];
                             }};
  CHECK(quadrature(shear, 50, {4, 10}).asymmetry > 1e-4);
}

TEST_CASE("a difference and a diagonal block of operators") {
  KnownSpectrum a({1, 2, 3, 4, 5, 6}, 1), b({2, -2, 0, 1, 1, 3}, 2);
  Device device;
  const Array scratch({6}, Dtype::f64);
  const std::int64_t all[] = {0, 1, 2, 3, 4, 5}, middle[] = {2, 3, 4};
  const DenseSpectrum whole(device, a.op(Dtype::f64), all, true),
      rest(device, difference_of(device, a.op(Dtype::f64), b.op(Dtype::f64), scratch.view()), all, false),
      inner(device, a.op(Dtype::f64), middle, false);
  CHECK(rest.trace() == doctest::Approx(21 - 5).epsilon(1e-13));
  for (std::size_t i = 0; i < 6; ++i)
    CHECK(whole.eigenvalues()[i] == doctest::Approx(1.0 + static_cast<double>(i)).epsilon(1e-13));
  // The block as an operator on whole vectors: its three eigenvalues and three zeros.
  const DenseSpectrum block(device, block_of(device, a.op(Dtype::f64), 2, 5, 3), middle, false);
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(block.eigenvalues()[i] == doctest::Approx(inner.eigenvalues()[i]).epsilon(1e-13));
  Array x = zeros({6}, Dtype::f64);
  const Array y({6}, Dtype::f64);
  x.span<double>()[3] = 1;
  block_of(device, a.op(Dtype::f64), 2, 5, 3).apply(x.view(), y.view());
  for (const std::size_t i : {0, 1, 5}) CHECK(y.span<double>()[i] == 0);
  CHECK(y.span<double>()[3] != 0);
}

TEST_CASE(
    "a dense spectrum: eigenvalues, traces, eigenvectors, asymmetry, and the number of a product that is not finite") {
  KnownSpectrum known({-4, 0, 0, 1e-8, 3, 3, 3, 90}, 6);
  Device device;
  std::vector<std::int64_t> all(8);
  for (std::size_t i = 0; i < 8; ++i) all[i] = static_cast<std::int64_t>(i);
  const DenseSpectrum d(device, known.op(Dtype::f64), all, true), without(device, known.op(Dtype::f64), all, false);
  for (std::size_t i = 0; i < 8; ++i) {
    CHECK(std::fabs(d.eigenvalues()[i] - known.lambda[i]) <= d.rounding());
    CHECK(std::fabs(without.eigenvalues()[i] - known.lambda[i]) <= d.rounding());
  }
  CHECK(d.rounding() < 1e-12);
  CHECK(d.trace() == doctest::Approx(95 + 1e-8).epsilon(1e-13));
  CHECK(d.trace_of_square() == doctest::Approx(16 + 27 + 8100.0).epsilon(1e-13));
  CHECK(d.asymmetry() < 1e-15);
  double length = 0;
  for (const double x : d.eigenvector(7)) length += x * x;
  CHECK(length == doctest::Approx(1).epsilon(1e-13));
  const LinearOperator breaks{8, Dtype::f64, [](View x, View y) {
                                std::ranges::copy(x.span<double>(), y.span<double>().begin());
                                if (x.span<double>()[2] == 1)
                                  y.span<double>()[0] = std::numeric_limits<double>::infinity();
                              }};
  std::string said;
  try {
    const DenseSpectrum wrong(device, breaks, all, false);
  } catch (const std::domain_error& e) { said = e.what(); }
  CHECK(said == "product 3 of the operator is not finite");
}
