// SPDX-License-Identifier: MIT
#include "spectral/subspace.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "tests/support/numbers.h"

using namespace brink;

namespace {

template <class T>
ColumnSet columns_of(std::vector<T>& x, std::int64_t n) {
  return {x.data(), n, n, static_cast<int>(static_cast<std::int64_t>(x.size()) / n), dtype_of<T>()};
}

/// Two subspaces of R^n at known principal angles: spans of eᵢ and of cos φᵢ eᵢ + sin φᵢ e₍ₖ₊ᵢ₎, all reflected.
struct Known {
  std::vector<double> u, v;
  Known(std::int64_t n, const std::vector<double>& angles) {
    const std::size_t k = angles.size(), size = static_cast<std::size_t>(n);
    u.assign(k * size, 0);
    v.assign(k * size, 0);
    for (std::size_t i = 0; i < k; ++i) {
      u[i * size + i] = 1;
      v[i * size + i] = std::cos(angles[i]);
      v[i * size + k + i] = std::sin(angles[i]);
    }
    const std::vector<double> mirror = support::numbers<double>(3, size);
    double square = 0;
    for (double x : mirror) square += x * x;
    for (std::vector<double>* x : {&u, &v})
      for (std::size_t i = 0; i < k; ++i) {
        double along = 0;
        for (std::size_t e = 0; e < size; ++e) along += mirror[e] * (*x)[i * size + e];
        for (std::size_t e = 0; e < size; ++e) (*x)[i * size + e] -= 2 * along / square * mirror[e];
      }
  }
};

std::filesystem::path shared_folder() {
  if (const char* s = std::getenv("BRINK_SHARED")) return s;
  if (const char* s = std::getenv("BRINK_SOURCE_ROOT")) return std::filesystem::path(s) / ".." / "shared";
  return "../shared";
}

/// The comparison from inner products alone; columns contiguous. Empty angles: refused.
SubspaceComparison from_products(const std::vector<double>& u, const std::vector<double>& v, std::size_t n) {
  const std::size_t k = u.size() / n;
  const auto products = [&](const std::vector<double>& a, const std::vector<double>& b) {
    std::vector<double> out;
    for (std::size_t i = 0; i < k; ++i)
      for (std::size_t j = 0; j < k; ++j) {
        double sum = 0;
        for (std::size_t e = 0; e < n; ++e) sum += a[i * n + e] * b[j * n + e];
        out.push_back(sum);
      }
    return out;
  };
  ComparisonOfProducts compare(static_cast<int>(k));
  const SubspaceComparison* const found = compare.compare(products(u, u), products(u, v), products(v, v));
  return found ? *found : SubspaceComparison{};
}

}  // namespace

TEST_CASE("angles of known subspaces, from 0 over 1e-12 to a right angle") {
  const std::vector<double> angles{0, 1e-12, 1e-6, 0.3, 0.785398163397448, 1.2, 1.5707963};
  Known known(400, angles);
  Device d;
  const SubspaceComparison c = compare_subspaces(d, columns_of(known.u, 400), columns_of(known.v, 400));
  double square = 0;
  for (std::size_t i = 0; i < angles.size(); ++i) {
    CHECK(std::fabs(c.angles[i] - angles[i]) < 2e-15);
    square += angles[i] * angles[i];
  }
  CHECK(std::fabs(c.distance - std::sqrt(square)) < 1e-14);
  CHECK(std::fabs(c.similarity - std::cos(std::sqrt(square / 7))) < 1e-14);
  CHECK(std::fabs(c.similarity + c.misalignment - 1) < 1e-15);
  // from cosines alone the small ones are lost
  CHECK(std::fabs(std::acos(std::cos(1e-12)) - 1e-12) > 1e-13);
}

TEST_CASE("one dimension gives the absolute cosine; equal and opposite subspaces, order and signs of columns") {
  std::vector<double> a{1, 2, 2}, b{2, -1, 3};
  Device d;
  const SubspaceComparison one = compare_subspaces(d, columns_of(a, 3), columns_of(b, 3));
  CHECK(std::fabs(one.similarity - 6 / (3 * std::sqrt(14.0))) < 1e-15);
  std::vector<double> minus = b;
  for (double& x : minus) x = -x;
  CHECK(std::fabs(compare_subspaces(d, columns_of(a, 3), columns_of(minus, 3)).similarity - one.similarity) < 1e-15);
  CHECK(compare_subspaces(d, columns_of(a, 3), columns_of(a, 3)).misalignment < 1e-30);

  Known known(50, {0.1, 0.5, 1.0});
  const SubspaceComparison straight = compare_subspaces(d, columns_of(known.u, 50), columns_of(known.v, 50));
  std::vector<double> mixed(known.v.begin() + 50, known.v.begin() + 100);
  for (std::size_t e = 0; e < 50; ++e) mixed.push_back(-known.v[100 + e]);
  for (std::size_t e = 0; e < 50; ++e) mixed.push_back(known.v[e] + 0.5 * known.v[100 + e]);
  const SubspaceComparison turned = compare_subspaces(d, columns_of(known.u, 50), columns_of(mixed, 50));
  for (std::size_t i = 0; i < 3; ++i) CHECK(std::fabs(straight.angles[i] - turned.angles[i]) < 1e-15);

  std::vector<double> e1{1, 0, 0, 0, 0, 1, 0, 0}, e2{0, 0, 1, 0, 0, 0, 0, 1};
  const SubspaceComparison orthogonal = compare_subspaces(d, columns_of(e1, 4), columns_of(e2, 4));
  CHECK(std::fabs(orthogonal.angles[0] - 1.5707963267948966) < 1e-15);
  CHECK(orthogonal.similarity < 1e-15);
  CHECK(orthogonal.similarity >= 0);
}

TEST_CASE("float32 columns agree with their float64 copies, and threads do not reach the bits") {
  Known known(30000, {0.01, 0.7});
  std::vector<float> u(known.u.begin(), known.u.end()), v(known.v.begin(), known.v.end());
  Device one;
  const SubspaceComparison a = compare_subspaces(one, columns_of(u, 30000), columns_of(v, 30000));
  CHECK(std::fabs(a.angles[0] - 0.01) < 1e-6);
  CHECK(std::fabs(a.angles[1] - 0.7) < 1e-6);
  for (int threads : {2, 3, 5}) {
    ThreadPool pool(threads);
    Device d{.pool = &pool};
    const SubspaceComparison b = compare_subspaces(d, columns_of(u, 30000), columns_of(v, 30000));
    CHECK(support::same_bytes(a.angles, b.angles));
  }
}

TEST_CASE("inner products alone give the same comparison, to 1e-8 in an angle and 1e-15 in the misalignment") {
  const std::vector<double> angles{0, 1e-9, 1e-4, 0.3, 0.785398163397448, 1.2, 1.5707963};
  Known known(400, angles);
  // Columns that are neither orthogonal nor unit vectors, as float32 leaves them, only more so.
  for (std::size_t e = 0; e < 400; ++e) {
    known.u[400 + e] = 3 * known.u[400 + e] + 0.5 * known.u[e];
    known.v[800 + e] -= 0.25 * known.v[2000 + e];
  }
  Device d;
  const SubspaceComparison whole = compare_subspaces(d, columns_of(known.u, 400), columns_of(known.v, 400)),
                           found = from_products(known.u, known.v, 400);
  REQUIRE(found.angles.size() == angles.size());
  for (std::size_t i = 0; i < angles.size(); ++i) {
    CAPTURE(i);
    CHECK(std::fabs(found.angles[i] - angles[i]) < (angles[i] < 1e-3 ? 5e-8 : 1e-14));
  }
  CHECK(std::fabs(found.similarity - whole.similarity) < 1e-14);
  Known near(400, {1e-5, 3e-5, 2e-4});
  const SubspaceComparison close = from_products(near.u, near.v, 400);
  const double exact = compare_subspaces(d, columns_of(near.u, 400), columns_of(near.v, 400)).misalignment;
  CHECK(std::fabs(close.misalignment - exact) < 2e-15);
  CHECK(exact > 1e-9);
  // Control: angles from the entries of UᵀV alone, without regard to the columns' own products, are wrong.
  double diagonal = 0;
  for (std::size_t e = 0; e < 400; ++e) diagonal += known.u[400 + e] * known.v[400 + e];
  CHECK(std::fabs(diagonal - std::cos(found.angles[1])) > 0.1);
  std::vector<double> same = known.u;
  std::copy(same.begin(), same.begin() + 400, same.begin() + 400);
  CHECK(from_products(same, known.v, 400).angles.empty());
  same[0] = NAN;
  CHECK(from_products(same, known.v, 400).angles.empty());
}

TEST_CASE("angle_of over the quarter circle") {
  for (int i = 0; i <= 1000; ++i) {
    const double x = 1.5707963267948966 * i / 1000;
    CHECK(std::fabs(angle_of(std::sin(x), std::cos(x)) - x) < 5e-16);
  }
  for (double x : {1e-300, 1e-20, 1e-8}) CHECK(std::fabs(angle_of(x, 1) / x - 1) < 1e-15);
}

TEST_CASE("columns that do not span what they should are refused") {
  Device d;
  std::vector<double> a{1, 0, 0, 2, 0, 0}, b{1, 0, 0, 0, 1, 0}, bad{1, 0, 0, 0, NAN, 0};
  CHECK_THROWS_AS(compare_subspaces(d, columns_of(a, 3), columns_of(b, 3)), std::invalid_argument);
  CHECK_THROWS_AS(compare_subspaces(d, columns_of(b, 3), columns_of(bad, 3)), std::invalid_argument);
  CHECK_THROWS_AS(compare_subspaces(d, columns_of(b, 3), columns_of(a, 2)), std::invalid_argument);
}

TEST_CASE("the reference subspaces of another system") {
  const std::filesystem::path folder = shared_folder() / "golden";
  if (!std::filesystem::exists(folder / "subspace.safetensors")) {
    MESSAGE("skipped: no ", (folder / "subspace.safetensors").string(), " (set BRINK_SHARED)");
    return;
  }
  std::ifstream file(folder / "subspace.safetensors", std::ios::binary);
  std::uint64_t header_bytes = 0;
  file.read(reinterpret_cast<char*>(&header_bytes), 8);
  std::string header(header_bytes, ' ');
  file.read(header.data(), static_cast<std::streamsize>(header_bytes));
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  const nlohmann::json tensors = nlohmann::json::parse(header);
  const auto tensor = [&](const char* name) {
    const std::size_t begin = tensors.at(name).at("data_offsets").at(0),
                      end = tensors.at(name).at("data_offsets").at(1);
    REQUIRE(tensors.at(name).at("dtype") == "F64");
    std::vector<double> x((end - begin) / 8);
    std::memcpy(x.data(), bytes.data() + begin, end - begin);
    return x;
  };
  const std::int64_t n = tensors.at("U").at("shape").at(0), k = tensors.at("U").at("shape").at(1);
  const auto columns = [&](const std::vector<double>& rows) {  // [n, k] row-major to columns
    std::vector<double> x(rows.size());
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < k; ++j)
        x[static_cast<std::size_t>(j * n + i)] = rows[static_cast<std::size_t>(i * k + j)];
    return x;
  };
  std::vector<double> u = columns(tensor("U")), v = columns(tensor("V")), angles = tensor("principal_angles");
  Device d;
  const SubspaceComparison c = compare_subspaces(d, columns_of(u, n), columns_of(v, n));
  std::sort(angles.begin(), angles.end());
  for (std::size_t i = 0; i < angles.size(); ++i) CHECK(std::fabs(c.angles[i] - angles[i]) < 1e-12);
  std::ifstream list(folder / "golden.json");
  const nlohmann::json entry = nlohmann::json::parse(list).at("subspace");
  CHECK(std::fabs(c.distance - entry.at("geodesic_distance").get<double>()) < 1e-12);
  CHECK(std::fabs(c.similarity - entry.at("cosine_grassmannian_similarity").get<double>()) < 1e-12);
  CHECK(std::fabs(c.misalignment - entry.at("cosine_grassmannian_misalignment").get<double>()) < 1e-12);
  const SubspaceComparison p = from_products(u, v, static_cast<std::size_t>(n));
  REQUIRE(p.angles.size() == angles.size());
  for (std::size_t i = 0; i < angles.size(); ++i) CHECK(std::fabs(p.angles[i] - angles[i]) < 1e-9);
  CHECK(std::fabs(p.misalignment - c.misalignment) < 1e-12);
}
