// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <vector>

#include "kernels/memory.h"
#include "kernels/random/philox.h"
#include "kernels/random/random.h"

using namespace brink;

namespace {
constexpr RandomKey key(2024, Stream::test, 7, 3);

template <class T>
std::vector<T> normals_of(RandomKey k, std::int64_t n, double scale = 1, std::int64_t first = 0, int threads = 1) {
  ThreadPool pool(threads);
  Device device{Where::cpu, &pool, nullptr};
  std::vector<T> out(static_cast<std::size_t>(n));
  cpu::fill_normal(device, view_of(out.data(), {n}), k, scale, first);
  return out;
}
template <class T>
std::vector<T> uniforms_of(RandomKey k, std::int64_t n, std::int64_t first = 0, int threads = 1) {
  ThreadPool pool(threads);
  Device device{Where::cpu, &pool, nullptr};
  std::vector<T> out(static_cast<std::size_t>(n));
  cpu::fill_uniform(device, view_of(out.data(), {n}), k, first);
  return out;
}
template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}
}  // namespace

TEST_CASE("Philox4x32-10 gives the published known answers") {
  // Random123's kat_vectors.
  const auto check = [](PhiloxWords c, std::uint64_t k0, std::uint64_t k1, PhiloxWords expected) {
    const PhiloxWords w = philox4x32_10(c, k0, k1);
    CHECK(w.w0 == expected.w0);
    CHECK(w.w1 == expected.w1);
    CHECK(w.w2 == expected.w2);
    CHECK(w.w3 == expected.w3);
  };
  check({0, 0, 0, 0}, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  check({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, 0xffffffff, 0xffffffff,
        {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  check({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0xa4093822, 0x299f31d0,
        {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a uniform number is exact and inside the open interval") {
  CHECK(uniform_f64(0) == 0x1p-53);
  CHECK(uniform_f64(~std::uint64_t{0}) == 1 - 0x1p-53);
  CHECK(uniform_f32(0) == 0x1p-24F);
  CHECK(uniform_f32(~std::uint64_t{0}) == 1 - 0x1p-24F);
  CHECK(uniform_f64(std::uint64_t{1} << 12) == 0x3p-53);
  CHECK(uniform_f32(std::uint64_t{1} << 41) == 0x3p-24F);
}

TEST_CASE("moments, tails and independence of normal and uniform numbers") {
  constexpr std::int64_t n = 1'000'000;
  const std::vector<double> z = normals_of<double>(key, n), u = uniforms_of<double>(key, n);
  double m1 = 0, m2 = 0, m3 = 0, m4 = 0, lag1 = 0, lag2 = 0, tail = 0, u1 = 0, u2 = 0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    const double v = z[i];
    m1 += v, m2 += v * v, m3 += v * v * v, m4 += v * v * v * v;
    if (i >= 2) lag1 += v * z[i - 1], lag2 += v * z[i - 2];
    tail += std::fabs(v) > 3;
    u1 += u[i], u2 += u[i] * u[i];
  }
  // Five standard deviations of each estimate.
  const double root = std::sqrt(static_cast<double>(n));
  CHECK(std::fabs(m1 / n) < 5 / root);
  CHECK(std::fabs(m2 / n - 1) < 5 * std::sqrt(2.0) / root);
  CHECK(std::fabs(m3 / n) < 5 * std::sqrt(15.0) / root);
  CHECK(std::fabs(m4 / n - 3) < 5 * std::sqrt(96.0) / root);
  CHECK(std::fabs(lag1 / n) < 5 / root);
  CHECK(std::fabs(lag2 / n) < 5 / root);
  CHECK(std::fabs(tail / n - 0.0026997960632602) < 5 * std::sqrt(0.0027) / root);
  CHECK(std::fabs(u1 / n - 0.5) < 5 * std::sqrt(1.0 / 12) / root);
  CHECK(std::fabs(u2 / n - 1.0 / 3) < 5 * std::sqrt(4.0 / 45) / root);
}

TEST_CASE_TEMPLATE("threads, partitions and single elements give the same bits", T, float, double) {
  constexpr std::int64_t n = 50'001;
  const std::vector<T> z = normals_of<T>(key, n, 0.3), u = uniforms_of<T>(key, n);
  for (int threads : {2, 3}) {
    CHECK(same_bits(z, normals_of<T>(key, n, 0.3, 0, threads)));
    CHECK(same_bits(u, uniforms_of<T>(key, n, 0, threads)));
  }
  for (std::int64_t begin : {0, 1, 2, 3, 1000, 50'000}) {
    for (std::int64_t length : {0, 1, 2, 3, 7, 64, 1001}) {
      length = std::min(length, n - begin);
      CHECK(same_bits(normals_of<T>(key, length, 0.3, begin), {z.begin() + begin, z.begin() + begin + length}));
      CHECK(same_bits(uniforms_of<T>(key, length, begin), {u.begin() + begin, u.begin() + begin + length}));
    }
  }
  for (std::int64_t i : {0, 1, 2, 777, 50'000})
    CHECK(z[static_cast<std::size_t>(i)] == static_cast<T>(0.3 * normal_at(key, i)));
  if constexpr (sizeof(T) == 8) CHECK(u[777] == uniform_at(key, 777));
  // Far beyond 2^32 elements.
  constexpr std::int64_t far = (std::int64_t{1} << 40) + 1;
  CHECK(normals_of<T>(key, 3, 1, far)[1] == static_cast<T>(normal_at(key, far + 1)));
  CHECK(normals_of<T>(key, 3, 1, far)[1] != normals_of<T>(key, 3, 1, 1)[1]);
}

TEST_CASE("float32 numbers are the float64 numbers rounded") {
  const std::vector<double> z = normals_of<double>(key, 10'000, 0.7), u = uniforms_of<double>(key, 10'000);
  const std::vector<float> zf = normals_of<float>(key, 10'000, 0.7), uf = uniforms_of<float>(key, 10'000);
  for (std::size_t i = 0; i < z.size(); ++i) {
    REQUIRE(zf[i] == static_cast<float>(z[i]));
    REQUIRE(std::fabs(uf[i] - u[i]) <= 0x1p-24);
  }
}

TEST_CASE("every part of the key selects another stream") {
  const std::vector<double> z = normals_of<double>(key, 8);
  for (const RandomKey& other :
       {RandomKey(2025, Stream::test, 7, 3), RandomKey(2024 + (1ULL << 32), Stream::test, 7, 3),
        RandomKey(2024, Stream::probe, 7, 3), RandomKey(2024, Stream::test, 8, 3), RandomKey(2024, Stream::test, 7, 4)})
    CHECK_FALSE(same_bits(z, normals_of<double>(other, 8)));
  CHECK_THROWS_AS(RandomKey(0, Stream::test, 0, 1U << 24), std::out_of_range);
}

TEST_CASE("frozen: the first 100,000 normals and uniforms") {
  const auto hash = [](const auto& v) {
    return static_cast<std::uint64_t>(XXH3_64bits(v.data(), v.size() * sizeof v[0]));
  };
  CHECK(hash(normals_of<double>(RandomKey(0, Stream::test), 100'000)) == 0xb64087c08a9598fcULL);
  CHECK(hash(normals_of<float>(RandomKey(0, Stream::test), 100'000)) == 0x3639c932807e8f11ULL);
  CHECK(hash(uniforms_of<double>(RandomKey(0, Stream::test), 100'000)) == 0x744448ed2e05e37eULL);
  CHECK(hash(uniforms_of<float>(RandomKey(0, Stream::test), 100'000)) == 0x26c0cf8b028d7e94ULL);
  CHECK(hash(permutation(RandomKey(0, Stream::test), 1000)) == 0x20ccb4dd20a9f944ULL);
}

TEST_CASE("a permutation holds every index once, and is mixed") {
  CHECK(permutation(key, 0).empty());
  CHECK(permutation(key, 1) == std::vector<std::int32_t>{0});
  std::vector<std::int32_t> p = permutation(key, 10'000);
  double distance = 0;
  for (std::size_t i = 0; i < p.size(); ++i) distance += std::fabs(static_cast<double>(p[i]) - static_cast<double>(i));
  CHECK(distance / (10'000.0 * 10'000.0) == doctest::Approx(1.0 / 3).epsilon(0.03));
  std::sort(p.begin(), p.end());
  for (std::size_t i = 0; i < p.size(); ++i) REQUIRE(p[i] == static_cast<std::int32_t>(i));
}
