// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "kernels/dense/svd.h"
#include "kernels/dense/symmetric_eigen.h"
#include "tests/support/numbers.h"

using namespace brink;

namespace {

using Matrix = std::vector<double>;  // [n × n], row-major

struct Named {
  std::string name;
  int n;
  Matrix a;
};

Matrix symmetric_random(int n, std::uint64_t seed) {
  Matrix a(static_cast<std::size_t>(n * n));
  for (int i = 0; i < n; ++i)
    for (int j = 0; j <= i; ++j)
      a[static_cast<std::size_t>(i * n + j)] = a[static_cast<std::size_t>(j * n + i)] =
          support::uniform(seed, static_cast<std::uint64_t>(i * n + j));
  return a;
}

Matrix diagonal(const std::vector<double>& values) {
  const std::size_t n = values.size();
  Matrix a(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) a[i * n + i] = values[i];
  return a;
}

/// P D P with P = I − 2vvᵀ/vᵀv: known eigenvalues, full matrix.
Matrix reflected(const std::vector<double>& values, std::uint64_t seed) {
  const std::size_t n = values.size();
  const std::vector<double> v = support::numbers<double>(seed, n);
  double square = 0;
  for (double x : v) square += x * x;
  Matrix p(n * n), a(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) p[i * n + j] = (i == j) - 2 * v[i] * v[j] / square;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      for (std::size_t k = 0; k < n; ++k) a[i * n + j] += p[i * n + k] * values[k] * p[j * n + k];
      a[j * n + i] = a[i * n + j];
    }
  return a;
}

Matrix tridiagonal(const std::vector<double>& d, const std::vector<double>& e) {
  Matrix a = diagonal(d);
  const std::size_t n = d.size();
  for (std::size_t i = 0; i + 1 < n; ++i) a[i * n + i + 1] = a[(i + 1) * n + i] = e[i];
  return a;
}

std::vector<Named> adversarial() {
  std::vector<Named> all;
  for (int n : {1, 2, 3, 10, 41}) all.push_back({"random " + std::to_string(n), n, symmetric_random(n, 5)});
  all.push_back({"zero", 7, Matrix(49, 0.0)});
  all.push_back({"identity", 9, diagonal(std::vector<double>(9, 1.0))});
  all.push_back({"all ones", 12, Matrix(144, 1.0)});
  all.push_back(
      {"two values", 20, reflected({5, 5, 5, 5, 5, 5, 5, 5, 5, 5, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1}, 2)});
  std::vector<double> cluster(30), graded(25), wilkinson(21), wide(16);
  for (std::size_t i = 0; i < cluster.size(); ++i) cluster[i] = 1 + 1e-13 * static_cast<double>(i);
  all.push_back({"cluster", 30, reflected(cluster, 3)});
  for (std::size_t i = 0; i < graded.size(); ++i) graded[i] = std::ldexp(i % 2 ? -1.0 : 1.0, -8 * static_cast<int>(i));
  all.push_back({"graded diagonal", 25, diagonal(graded)});
  all.push_back({"graded full", 25, reflected(graded, 4)});
  for (int i = 0; i < 21; ++i) wilkinson[static_cast<std::size_t>(i)] = std::fabs(10.0 - i);
  all.push_back({"Wilkinson 21", 21, tridiagonal(wilkinson, std::vector<double>(20, 1.0))});
  for (std::size_t i = 0; i < wide.size(); ++i) wide[i] = std::pow(10.0, -30 + 4 * static_cast<double>(i));
  Matrix outer(256);
  for (std::size_t i = 0; i < 16; ++i)
    for (std::size_t j = 0; j < 16; ++j) outer[i * 16 + j] = std::sqrt(wide[i] * wide[j]) * (i == j ? 2 : 1);
  all.push_back({"1e-30 to 1e30", 16, outer});
  for (double factor : {1e-300, 1e-30, 1e30, 1e150, 1e300}) {
    Matrix a = symmetric_random(15, 6);
    for (double& x : a) x *= factor;
    all.push_back({"scaled", 15, a});
  }
  all.push_back({"zero diagonal", 8, tridiagonal(std::vector<double>(8, 0.0), {1, 1e-20, 1, 1e-200, 1, 1, 1e-310})});
  all.push_back({"denormal", 3, {5e-324, 1e-323, 0, 1e-323, 0, 5e-324, 0, 5e-324, 1e-322}});
  return all;
}

double scale_of(const Matrix& a) {
  double most = 0;
  for (double x : a) most = std::max(most, std::fabs(x));
  return most;
}

double orthogonality(const std::vector<double>& vectors, int count, int n) {
  double worst = 0;
  for (int i = 0; i < count; ++i)
    for (int j = 0; j <= i; ++j) {
      double sum = i == j ? -1 : 0;
      for (int k = 0; k < n; ++k)
        sum += vectors[static_cast<std::size_t>(i * n + k)] * vectors[static_cast<std::size_t>(j * n + k)];
      worst = std::max(worst, std::fabs(sum));
    }
  return worst;
}

}  // namespace

TEST_CASE("symmetric_eigen: residual, orthogonality, order and trace on adversarial matrices") {
  for (const Named& m : adversarial()) {
    CAPTURE(m.name);
    const auto n = static_cast<std::size_t>(m.n);
    Matrix v = m.a;
    std::vector<double> d(n), work(n);
    REQUIRE(symmetric_eigen(m.n, v.data(), d.data(), work.data()));
    const double size = scale_of(m.a), tolerance = 1e-14 * std::max(1.0, std::sqrt(static_cast<double>(n)));
    CHECK(std::is_sorted(d.begin(), d.end()));
    CHECK(orthogonality(v, m.n, m.n) < tolerance);
    double worst = 0;
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t i = 0; i < n; ++i) {
        double r = 0;
        for (std::size_t k = 0; k < n; ++k) r += (size > 0 ? m.a[i * n + k] / size : 0) * v[j * n + k];
        worst = std::max(worst, std::fabs(r - (size > 0 ? d[j] / size : d[j]) * v[j * n + i]));
      }
    CHECK(worst < (m.name == "denormal" ? 0.1 : tolerance * std::sqrt(static_cast<double>(n))));
  }
}

TEST_CASE("symmetric_eigen finds known values: a reflected diagonal, and the pairs of Wilkinson's matrix") {
  std::vector<double> values{-7, -3, -3, 0, 0, 0, 1, 2, 2, 11};
  Matrix a = reflected(values, 8);
  std::vector<double> d(10), work(10);
  REQUIRE(symmetric_eigen(10, a.data(), d.data(), work.data()));
  for (std::size_t i = 0; i < 10; ++i) CHECK(std::fabs(d[i] - values[i]) < 1e-13);

  std::vector<double> w(21), e(21, 1.0);
  for (int i = 0; i < 21; ++i) w[static_cast<std::size_t>(i)] = std::fabs(10.0 - i);
  REQUIRE(tridiagonal_eigen(21, w.data(), e.data(), nullptr, 0));
  CHECK(std::fabs(w[20] - 10.746194182903393) < 1e-13);
  CHECK(std::fabs(w[19] - 10.746194182903322) < 1e-13);
  CHECK(std::fabs(w[0] + 1.125441522119984) < 1e-13);
}

TEST_CASE("tridiagonal_eigen: a single row of vectors equals that row of all of them, bit for bit") {
  const int n = 33;
  const std::vector<double> d0 = support::numbers<double>(1, n), e0 = support::numbers<double>(2, n);
  std::vector<double> d = d0, e = e0, all(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) all[i * n + i] = 1;
  REQUIRE(tridiagonal_eigen(n, d.data(), e.data(), all.data(), n));
  std::vector<double> d1 = d0, e1 = e0, last(n, 0.0);
  last[n - 1] = 1;
  REQUIRE(tridiagonal_eigen(n, d1.data(), e1.data(), last.data(), 1));
  CHECK(support::same_bytes(d, d1));
  for (std::size_t j = 0; j < n; ++j) CHECK(support::same_bytes(last[j], all[j * n + n - 1]));
}

TEST_CASE("tridiagonalise keeps the last unit vector and reproduces the matrix, an arrow in particular") {
  const int n = 14;
  Matrix arrow = diagonal(support::numbers<double>(3, n));
  for (std::size_t j = 0; j + 1 < n; ++j) arrow[(n - 1) * n + j] = arrow[j * n + n - 1] = support::uniform(4, j);
  Matrix q = arrow;
  std::vector<double> d(n), e(n);
  REQUIRE(tridiagonalise(n, q.data(), d.data(), e.data()));
  for (std::size_t k = 0; k < n; ++k) {
    CHECK(q[(n - 1) * n + k] == (k == n - 1 ? 1.0 : 0.0));
    CHECK(q[k * n + n - 1] == (k == n - 1 ? 1.0 : 0.0));
  }
  double worst = 0;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < n; ++k) {
        sum += q[i * n + k] * d[k] * q[j * n + k];
        if (k + 1 < n) sum += e[k] * (q[i * n + k] * q[j * n + k + 1] + q[i * n + k + 1] * q[j * n + k]);
      }
      worst = std::max(worst, std::fabs(sum - arrow[i * n + j]));
    }
  CHECK(worst < 1e-14);
}

TEST_CASE("svd: product, orthogonality and order, tall and square, rank-deficient, graded, zero") {
  struct Case {
    std::string name;
    int rows, columns;
    std::vector<double> a;
  };
  std::vector<Case> cases;
  for (const Named& m : adversarial())
    if (m.name != "denormal") cases.push_back({m.name, m.n, m.n, m.a});
  cases.push_back({"tall", 200, 6, support::numbers<double>(1, 1200)});
  cases.push_back({"one column", 9, 1, support::numbers<double>(2, 9)});
  std::vector<double> deficient = support::numbers<double>(3, 30 * 5);
  for (std::size_t i = 0; i < 30; ++i) {
    deficient[60 + i] = 0;
    deficient[90 + i] = deficient[i] - 2 * deficient[30 + i];
    deficient[120 + i] = deficient[i];
  }
  cases.push_back({"rank 2 of 5", 30, 5, deficient});
  for (const Case& c : cases) {
    CAPTURE(c.name);
    const auto rows = static_cast<std::size_t>(c.rows), columns = static_cast<std::size_t>(c.columns);
    std::vector<double> u = c.a, sigma(columns), v(columns * columns);
    REQUIRE(svd(c.rows, c.columns, u.data(), sigma.data(), v.data()));
    CHECK(std::is_sorted(sigma.rbegin(), sigma.rend()));
    CHECK(orthogonality(u, c.columns, c.rows) < 2e-14);
    CHECK(orthogonality(v, c.columns, c.columns) < 2e-14);
    const double size = scale_of(c.a);
    double worst = 0;
    for (std::size_t i = 0; i < rows && size > 0; ++i)
      for (std::size_t j = 0; j < columns; ++j) {
        double sum = -c.a[j * rows + i] / size;
        for (std::size_t k = 0; k < columns; ++k) sum += u[k * rows + i] * (sigma[k] / size) * v[k * columns + j];
        worst = std::max(worst, std::fabs(sum));
      }
    CHECK(worst < 1e-13);
  }
}

TEST_CASE("svd keeps small singular values relatively accurate: columns graded from 1 to 1e-60") {
  std::vector<double> a(4 * 4, 0.0), sigma(4), v(16);
  const double grade[4] = {1, 1e-20, 1e-40, 1e-60};
  const double hadamard[4][4] = {{1, 1, 1, 1}, {1, -1, 1, -1}, {1, 1, -1, -1}, {1, -1, -1, 1}};
  for (std::size_t j = 0; j < 4; ++j)
    for (std::size_t i = 0; i < 4; ++i) a[j * 4 + i] = 0.5 * hadamard[j][i] * grade[j];
  REQUIRE(svd(4, 4, a.data(), sigma.data(), v.data()));
  for (std::size_t j = 0; j < 4; ++j) CHECK(std::fabs(sigma[j] / grade[j] - 1) < 1e-14);
}

TEST_CASE("what is not finite is refused, not looped over") {
  for (double bad : {double(NAN), double(INFINITY)}) {
    Matrix a = symmetric_random(6, 1);
    a[3 * 6 + 2] = a[2 * 6 + 3] = bad;
    std::vector<double> d(6), work(6), v(36);
    Matrix b = a;
    CHECK_FALSE(symmetric_eigen(6, a.data(), d.data(), work.data()));
    CHECK_FALSE(svd(6, 6, b.data(), d.data(), v.data()));
  }
  CHECK_FALSE(svd(2, 3, nullptr, nullptr, nullptr));
}
