// SPDX-License-Identifier: MIT
#include "spectral/lanczos.h"
#include "docs/examples/plain_lanczos.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "docs/examples/plain_lanczos.h"
#include "kernels/basis/basis.h"
#include "tests/support/spectra.h"

using namespace brink;
using support::KnownSpectrum;
using support::rough_normals;

namespace {

struct Spectrum {
  std::string name;
  std::vector<double> lambda;
  bool all_found = true;  // a single-vector method cannot find multiplicities inside a continuous spectrum
};

std::vector<double> filled(std::size_t n, double value) { return std::vector<double>(n, value); }

std::vector<double> ramp(std::size_t n, double low, double high) {
  std::vector<double> x(n);
  for (std::size_t i = 0; i < n; ++i)
    x[i] = n == 1 ? low : low + (high - low) * static_cast<double>(i) / static_cast<double>(n - 1);
  return x;
}

std::vector<double> joined(std::vector<double> a, const std::vector<double>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::vector<Spectrum> spectra() {
  std::vector<Spectrum> all;
  all.push_back({"n = 1", {-3.5}});
  all.push_back({"n = 1, zero", {0.0}});
  all.push_back({"n = 2", {2, -1}});
  all.push_back({"n = 2, equal", {4, 4}});
  all.push_back({"n = 5", {1, 2, 3, 4, 5}});
  all.push_back({"zero matrix", filled(60, 0)});
  all.push_back({"identity", filled(60, 1)});
  all.push_back({"two values", joined(filled(50, 3), filled(70, -2))});
  all.push_back({"rank 3 of 200", joined({9, -4, 2}, filled(197, 0))});
  all.push_back({"rank 1, negative", joined({-6}, filled(99, 0))});
  all.push_back({"triple top, few values", joined({7, 7, 7}, joined(filled(40, 1), filled(40, -1)))});
  all.push_back({"semicircle edge", ramp(300, -1, 1)});
  all.push_back({"outliers on a bulk", joined({50, 23, 11, -8}, ramp(400, -1, 1))});
  all.push_back({"close pair on top", joined({20, 19.99}, ramp(300, -1, 5)), false});
  all.push_back({"cluster of ten on top", joined(ramp(10, 10, 10 + 1e-9), ramp(200, -1, 1)), false});
  all.push_back({"double top in a bulk", joined({30, 30}, ramp(200, -2, 2)), false});
  for (double factor : {1e-30, 1e30}) {
    std::vector<double> scaled = joined({50, 23, -8}, ramp(100, -1, 1));
    for (double& x : scaled) x *= factor;
    all.push_back({"outliers at another scale", scaled});
  }
  std::vector<double> graded(40);
  for (std::size_t i = 0; i < graded.size(); ++i)
    graded[i] = std::pow(10.0, 9 - 1.0 * static_cast<double>(i)) * (i % 3 ? 1 : -1);
  all.push_back({"graded over 40 decades", graded});
  return all;
}

/// The distance from θ to the nearest eigenvalue.
double distance(const std::vector<double>& lambda, double theta) {
  double least = INFINITY;
  for (double x : lambda) least = std::min(least, std::fabs(x - theta));
  return least;
}

}  // namespace

TEST_CASE("adversarial spectra: converged, certified against the known spectrum, and the wanted ends found") {
  for (const Spectrum& spectrum : spectra())
    for (Dtype dtype : {Dtype::f32, Dtype::f64})
      for (const auto& ends : {std::pair{1, 0}, {0, 1}, {1, 1}, {3, 0}, {2, 2}}) {
        const int top = ends.first, bottom = ends.second;
        CAPTURE(spectrum.name);
        CAPTURE(name_of(dtype));
        CAPTURE(top);
        CAPTURE(bottom);
        KnownSpectrum known(spectrum.lambda, 77);
        std::vector<double> truth = spectrum.lambda;
        std::sort(truth.begin(), truth.end());
        const double size = std::max(std::fabs(truth.front()), std::fabs(truth.back()));
        const auto n = static_cast<std::int64_t>(truth.size());
        Device d;
        Lanczos lanczos(d, n, dtype, {.max_basis = 40, .max_pairs = 4}, rough_normals(1));
        const double tolerance = dtype == Dtype::f32 ? 1e-4 : 1e-9;
        const LanczosResult r = lanczos.run(
            known.op(dtype), {.top = top, .bottom = bottom, .tolerance = tolerance, .budget = 2000, .confirm = 2});
        CHECK(r.converged);
        CHECK(r.products == known.products);
        CHECK(r.top.size() == static_cast<std::size_t>(std::min<std::int64_t>(n, top)));
        CHECK(r.bottom.size() == static_cast<std::size_t>(std::min<std::int64_t>(n, bottom)));
        const double rounding = (dtype == Dtype::f32 ? 2e-6 : 4e-15) * size;  // of the operator itself
        for (const auto& end : {r.top, r.bottom})
          for (const RitzPair& p : end) {
            CHECK(p.residual <= tolerance * size);
            CHECK(distance(truth, p.value) <= p.residual + rounding);
          }
        CHECK(r.orthogonality < (dtype == Dtype::f32 ? 2e-5 : 1e-13));
        CHECK(r.asymmetry <= rounding * 4);
        if (!spectrum.all_found) continue;
        for (std::size_t i = 0; i < r.top.size(); ++i)
          CHECK(std::fabs(r.top[i].value - truth[truth.size() - 1 - i]) <=
                r.top[i].residual + rounding + tolerance * size);
        for (std::size_t i = 0; i < r.bottom.size(); ++i)
          CHECK(std::fabs(r.bottom[i].value - truth[i]) <= r.bottom[i].residual + rounding + tolerance * size);
      }
}

TEST_CASE("the true residual agrees with the bound, and vectors are eigenvectors of the operator applied afresh") {
  KnownSpectrum known(joined({50, 23, 11, -8}, ramp(400, -1, 1)), 5);
  const auto n = static_cast<std::int64_t>(known.lambda.size());
  Device d;
  Lanczos lanczos(d, n, Dtype::f64, {.max_basis = 30, .max_pairs = 4}, rough_normals(2));
  for (double tolerance : {1e-1, 1e-2, 1e-3, 1e-6}) {
    const LinearOperator op = known.op(Dtype::f64);
    const LanczosResult r = lanczos.run(op, {.top = 2, .bottom = 1, .tolerance = tolerance});
    REQUIRE(r.converged);
    for (const auto& end : {r.top, r.bottom})
      for (const RitzPair& p : end) {
        CHECK(std::fabs(p.residual - p.bound) <= 1e-10 * 50 + 1e-6 * p.bound);
        CHECK(p.relative == p.residual / r.scale);
        std::vector<double> product(static_cast<std::size_t>(n));
        op.apply(p.vector, view_of(product.data(), {n}));
        double square = 0, unit = 0;
        for (std::size_t e = 0; e < product.size(); ++e) {
          const double y = p.vector.span<double>()[e];
          square += (product[e] - p.value * y) * (product[e] - p.value * y);
          unit += y * y;
        }
        CHECK(std::fabs(std::sqrt(square) - p.residual) <= 1e-11);
        CHECK(std::fabs(unit - 1) < 1e-13);
      }
  }
}

TEST_CASE("thick restarts reach the edge of a bulk with a small basis, at the same answer as without") {
  std::vector<double> edge = ramp(1500, -1, 1);
  KnownSpectrum known(edge, 9);
  Device d;
  Lanczos small(d, 1500, Dtype::f64, {.max_basis = 24, .max_pairs = 2}, rough_normals(3));
  Lanczos large(d, 1500, Dtype::f64, {.max_basis = 128, .max_pairs = 2}, rough_normals(3));
  const LanczosOptions options{.top = 1, .bottom = 1, .tolerance = 1e-5, .budget = 3000};
  const LanczosResult a = small.run(known.op(Dtype::f64), options), b = large.run(known.op(Dtype::f64), options);
  CHECK(a.converged);
  CHECK(b.converged);
  CHECK(a.restarts > 3);
  CHECK(a.basis <= 24);
  CHECK(a.orthogonality < 1e-13);
  CHECK(std::fabs(a.top[0].value - 1) <= a.top[0].residual + 1e-14);
  CHECK(std::fabs(a.bottom[0].value + 1) <= a.bottom[0].residual + 1e-14);
  CHECK(std::fabs(a.top[0].residual - a.top[0].bound) < 1e-12);
  MESSAGE("products with 24 columns ", a.products, ", with 128 ", b.products);
}

TEST_CASE("the off-diagonals are norms before normalisation; the published slip of taking them afterwards is caught") {
  // The mistake makes every off-diagonal entry 1. It misses a spectrum that the solver finds, and claims a small error; the residual shows it.
  KnownSpectrum known(joined({50, 23, 11, -8}, ramp(400, -1, 1)), 5);
  const std::size_t n = known.lambda.size();
  const LinearOperator op = known.op(Dtype::f64);
  const lesson::PlainLanczos plain(op, support::numbers<double>(6, n), 25);
  const std::vector<double> right = plain.values(lesson::Beta::before_normalising);
  CHECK(std::fabs(right.back() - 50) < 1e-6);
  CHECK(std::fabs(right.front() + 8) < 1e-6);
  const lesson::Top good = plain.top(lesson::Beta::before_normalising),
                    bad = plain.top(lesson::Beta::after_normalising);
  CHECK(good.value == right.back());
  CHECK(std::fabs(good.residual - good.claimed) < 1e-9);
  CHECK(std::fabs(bad.value - 50) > 1);
  CHECK(bad.claimed < 1e-3);
  CHECK(bad.residual > 1);
  Device d;
  Lanczos lanczos(d, static_cast<std::int64_t>(n), Dtype::f64, {}, rough_normals(4));
  const LanczosResult r = lanczos.run(op, {.top = 1, .bottom = 1, .tolerance = 1e-8});
  CHECK(std::fabs(r.top[0].value - 50) < 1e-6);
  CHECK(std::fabs(r.bottom[0].value + 8) < 1e-6);
}

TEST_CASE("a start inside an invariant space, a zero start and a tiny one still end at the true ends") {
  std::vector<double> lambda = joined({-4, 9, 3}, ramp(100, -1, 1));
  const auto n = static_cast<std::int64_t>(lambda.size());
  const LinearOperator op{n, Dtype::f64, [&](View x, View y) {
                            for (std::size_t e = 0; e < lambda.size(); ++e)
                              y.span<double>()[e] = lambda[e] * x.span<double>()[e];
                          }};
  Device d;
  Lanczos lanczos(d, n, Dtype::f64, {.max_basis = 40, .max_pairs = 2}, rough_normals(5));
  for (double first : {1.0, 1e-200, 0.0})
    for (double third : {0.0, first}) {
      std::vector<double> start(lambda.size(), 0.0);
      start[0] = first;
      start[2] = third;
      const LanczosResult r = lanczos.run(op, {.top = 1, .bottom = 1, .tolerance = 1e-9}, view_of(start.data(), {n}));
      CHECK(r.converged);
      CHECK(std::fabs(r.top[0].value - 9) < 1e-7);
      CHECK(std::fabs(r.bottom[0].value + 4) < 1e-7);
      if (first == 1) CHECK(r.breakdowns >= 1);
    }
}

TEST_CASE("tiny operators: squares and products that underflow certify nothing wrong; an ordinary one keeps its bits") {
  const std::vector<double> lambda = joined({50, 23, 11, -8}, ramp(100, -1, 1));
  const auto n = static_cast<std::int64_t>(lambda.size());
  const auto found = [&](double factor, Dtype dtype, double tolerance, int zero_first = 0) {
    std::vector<double> scaled = lambda;
    for (double& x : scaled) x *= factor;
    KnownSpectrum known(scaled, 9);
    LinearOperator op = known.op(dtype);
    int calls = 0;
    if (zero_first)  // an operator that is not small, but the first products are
      op.apply = [&, inner = op.apply](View x, View y) {
        inner(x, y);
        if (calls++ >= zero_first) return;
        Device d;
        brink::scale(d, y, 1e-300, y);
      };
    Device d;
    Lanczos lanczos(d, n, dtype, {.max_basis = 40, .max_pairs = 3}, rough_normals(4));
    struct Found {
      LanczosStop stop;
      int products;
      double top, second, bottom, residual, relative, scale;
    };
    const LanczosResult r =
        lanczos.run(op, {.top = 2, .bottom = 1, .tolerance = tolerance, .budget = 500, .confirm = 2});
    return Found{
        r.stop, r.products, r.top[0].value, r.top[1].value, r.bottom[0].value, r.top[0].residual, r.top[0].relative,
        r.scale};
  };
  const auto usual = found(1, Dtype::f64, 1e-9);
  REQUIRE(usual.stop == LanczosStop::converged);
  for (const double factor : {0x1p-100, 0x1p-398, 0x1p-420, 0x1p-520, 0x1p-540, 0x1p-700, 0x1p-1000}) {
    CAPTURE(factor);
    const auto r = found(factor, Dtype::f64, 1e-9);
    CHECK(r.stop == LanczosStop::converged);
    CHECK(std::fabs(r.top / factor - 50) < 1e-7);
    CHECK(std::fabs(r.second / factor - 23) < 1e-7);
    CHECK(std::fabs(r.bottom / factor + 8) < 1e-7);
    CHECK(r.residual > 0);
    CHECK(r.scale == std::fabs(r.top));
    if (factor < 0x1p-900) continue;  // from there on the operator itself is rounded to the smallest numbers
    CHECK(r.products == usual.products);
    CHECK(r.top / factor == usual.top);
  }
  for (const double factor : {0x1p-80, 0x1p-100, 0x1p-120}) {
    CAPTURE(factor);
    const auto r = found(factor, Dtype::f32, 1e-4);
    CHECK(r.stop == LanczosStop::converged);
    CHECK(std::fabs(r.top / factor - 50) < 1e-2);
    CHECK(std::fabs(r.bottom / factor + 8) < 1e-2);
  }
  // A product has lost its digits: what is found is right within its residual, and is not called certified.
  for (const auto& tiny : {std::pair{0x1p-145, Dtype::f32}, {0x1p-1070, Dtype::f64}}) {
    const double factor = tiny.first;
    const Dtype dtype = tiny.second;
    CAPTURE(factor);
    const auto r = found(factor, dtype, 1e-4);
    CHECK(r.stop == LanczosStop::exhausted);
    CHECK(r.products < 60);
    CHECK(r.relative > 1e-4);
    CHECK(std::fabs(r.top - 50 * factor) <= r.residual);
  }
  for (const int products : {1, 2}) {
    CAPTURE(products);
    const auto r =
        found(1, Dtype::f64, 1e-6, products);  // far from symmetric, so only that it ends with finite numbers
    CHECK(std::isfinite(r.top));
    CHECK(r.scale > 1);
  }
}

TEST_CASE("a budget too small ends unconverged with true residuals; NaN and infinity end the run and say so") {
  KnownSpectrum known(ramp(500, -1, 1), 3);
  Device d;
  Lanczos lanczos(d, 500, Dtype::f32, {}, rough_normals(6));
  const LanczosResult r = lanczos.run(known.op(Dtype::f32), {.top = 1, .bottom = 1, .tolerance = 1e-6, .budget = 7});
  CHECK_FALSE(r.converged);
  CHECK(r.stop == LanczosStop::budget);
  CHECK(r.products == 7);
  CHECK(distance(known.lambda, r.top[0].value) <= r.top[0].residual + 1e-6);
  for (float bad : {NAN, INFINITY, -INFINITY})
    for (int from : {1, 2, 6}) {
      int calls = 0;
      LinearOperator op = known.op(Dtype::f32);
      op.apply = [&, inner = op.apply](View x, View y) {
        inner(x, y);
        if (++calls >= from) y.span<float>()[17] = bad;
      };
      const LanczosResult s = lanczos.run(op, {.top = 1, .bottom = 1});
      CHECK_FALSE(s.converged);
      CHECK(s.stop == LanczosStop::not_finite);
      CHECK(s.products == from);
      for (const RitzPair& p : s.top) CHECK(std::isfinite(p.value));
    }
  std::vector<float> start(500, NAN);
  CHECK(lanczos.run(known.op(Dtype::f32), {}, view_of(start.data(), {500})).stop == LanczosStop::not_finite);
}

TEST_CASE("an asymmetric operator shows as asymmetry, and nothing of it counts as converged") {
  KnownSpectrum known(joined({9, -4}, ramp(100, -1, 1)), 3);
  LinearOperator op = known.op(Dtype::f64);
  const LinearOperator symmetric = op;
  op.apply = [inner = op.apply](View x, View y) {
    inner(x, y);
    for (std::size_t i = 0; i + 1 < x.span<double>().size(); ++i) y.span<double>()[i] += 0.05 * x.span<double>()[i + 1];
  };
  Device d;
  Lanczos lanczos(d, 102, Dtype::f64, {}, rough_normals(5));
  const LanczosResult r = lanczos.run(op, {.top = 1, .bottom = 1, .tolerance = 0.1, .budget = 60});
  CHECK(r.asymmetry > 1e-5);
  CHECK(r.top[0].relative <= 0.1);
  CHECK_FALSE(r.symmetric);
  CHECK_FALSE(r.converged);
  CHECK_FALSE(r.two_sided);
  const LanczosResult control = lanczos.run(symmetric, {.top = 1, .bottom = 1, .tolerance = 0.1, .budget = 60});
  CHECK(control.symmetric);
  CHECK(control.converged);
}

TEST_CASE("how much asymmetry rounding explains depends on the precision") {
  KnownSpectrum known(joined({9, -4}, ramp(100, -1, 1)), 3);
  const auto symmetric = [&](Dtype dtype, double entry) {
    LinearOperator op = known.op(dtype);
    op.apply = [inner = op.apply, entry](View x, View y) {
      inner(x, y);
      with_real(x.dtype, [&]<class T>(T) {
        for (std::size_t i = 0; i + 1 < x.span<T>().size(); ++i)
          y.span<T>()[i] += static_cast<T>(entry) * x.span<T>()[i + 1];
      });
    };
    Device d;
    Lanczos lanczos(d, 102, dtype, {}, rough_normals(5));
    const LanczosResult r = lanczos.run(op, {.top = 1, .bottom = 1, .tolerance = 1e-3, .budget = 90});
    CHECK(r.top[0].relative <= 1e-3);
    CHECK(r.converged == r.symmetric);
    return r.symmetric;
  };
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    CHECK(symmetric(dtype, 0));
    CHECK_FALSE(symmetric(dtype, 0.01));
  }
  CHECK(symmetric(Dtype::f32, 1e-6));
  CHECK_FALSE(symmetric(Dtype::f64, 1e-6));
}

TEST_CASE("a tolerance of 0 is never called converged where a residual is left") {
  KnownSpectrum known(joined({9, -4}, ramp(100, -1, 1)), 3);
  Device d;
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    Lanczos lanczos(d, 102, dtype, {}, rough_normals(5));
    const LanczosResult r = lanczos.run(known.op(dtype), {.top = 1, .bottom = 1, .tolerance = 0, .budget = 300});
    CHECK(r.top[0].residual > 0);
    CHECK_FALSE(r.converged);
    CHECK(r.stop == LanczosStop::budget);
    CHECK(r.products == 300);
  }
}

TEST_CASE("the whole run gives the same bits for any number of threads") {
  const std::size_t n = 30000;
  KnownSpectrum known(joined({1.3, 1.2, -1.2}, ramp(n - 3, -1, 1)), 8);
  for (Dtype dtype : {Dtype::f32, Dtype::f64}) {
    std::vector<double> numbers[5];
    std::vector<unsigned char> vectors[5];
    int i = 0;
    for (int threads : {1, 2, 3, 5, 8}) {
      ThreadPool pool(threads);
      Device d{.pool = &pool};
      Lanczos lanczos(d, static_cast<std::int64_t>(n), dtype, {.max_basis = 14, .max_pairs = 3}, rough_normals(9));
      const LanczosResult r = lanczos.run(known.op(dtype), {.top = 2, .bottom = 1, .tolerance = 1e-4, .budget = 60});
      CHECK(r.restarts > 0);
      for (const auto& end : {r.top, r.bottom})
        for (const RitzPair& p : end) {
          numbers[i].insert(numbers[i].end(), {p.value, p.bound, p.residual});
          const auto* bytes = static_cast<const unsigned char*>(p.vector.data);
          vectors[i].insert(vectors[i].end(), bytes, bytes + p.vector.bytes());
        }
      numbers[i].insert(numbers[i].end(), {r.orthogonality, r.asymmetry, double(r.products), double(r.sweeps)});
      CHECK(support::same_bytes(numbers[i], numbers[0]));
      CHECK(vectors[i] == vectors[0]);
      ++i;
    }
  }
}

TEST_CASE("limits and options that cannot work are refused with their numbers") {
  Device d;
  CHECK_THROWS_AS(Lanczos(d, 0, Dtype::f32, {}, rough_normals(1)), std::invalid_argument);
  CHECK_THROWS_AS(Lanczos(d, 1000, Dtype::f32, {.max_basis = 9, .max_pairs = 1}, rough_normals(1)),
                  std::invalid_argument);
  CHECK_THROWS_AS(Lanczos(d, 1000, Dtype::f32, {.max_basis = 129, .max_pairs = 1}, rough_normals(1)),
                  std::invalid_argument);
  CHECK_THROWS_AS(Lanczos(d, 1000, Dtype::f32, {.max_basis = 128, .max_pairs = 61}, rough_normals(1)),
                  std::invalid_argument);
  KnownSpectrum known(ramp(50, 0, 1), 1);
  Lanczos lanczos(d, 50, Dtype::f64, {.max_basis = 20, .max_pairs = 2}, rough_normals(1));
  CHECK_THROWS_AS(lanczos.run(known.op(Dtype::f32), {}), std::invalid_argument);
  CHECK_THROWS_AS(lanczos.run(known.op(Dtype::f64), {.top = 0, .bottom = 0}), std::invalid_argument);
  CHECK_THROWS_AS(lanczos.run(known.op(Dtype::f64), {.top = 2, .bottom = 1}), std::invalid_argument);
}
