// SPDX-License-Identifier: MIT
#include "kernels/reduce/reduce.h"

#include <doctest/doctest.h>

#include <cmath>

#include "kernels/reduce/reduce_isa.h"
#include "tests/reference/reduce_reference.h"
#include "tests/support/numbers.h"

using namespace brink;
using support::numbers;
using support::same_bytes;

namespace {
const std::vector<std::size_t> sizes{
    0,     1,     2,     3,     5,     7,     8,     15,    16,     17,     31,     32,          33,
    63,    64,    65,    97,    127,   1000,  4095,  4096,  4097,   4103,   8191,   8192,        8193,
    12288, 12289, 20480, 28516, 28672, 40961, 65537, 69632, 131072, 131073, 200003, 4194304 + 5, 3 * 4194304 + 4097};

template <class T>
void check_size(std::size_t n) {
  const std::vector<T> a = numbers<T>(1, n), b = numbers<T>(2, n);
  const auto size = static_cast<std::int64_t>(n);
  const View va = view_of(a.data(), {size}), vb = view_of(b.data(), {size});
  const double sum = reference::sum(a), dot = reference::dot(a, b), norm = std::sqrt(reference::dot(a, a));
  for (int threads : {1, 2, 3, 5, 8}) {
    if (n > 300000 && threads > 3) continue;
    ThreadPool pool(threads);
    Device d{.pool = &pool};
    CHECK(same_bytes(cpu::sum(d, va), sum));
    CHECK(same_bytes(cpu::dot(d, va, vb), dot));
    CHECK(same_bytes(cpu::norm(d, va), norm));
  }
  support::for_each_isa([&](auto set) {
    using Set = decltype(set);
    const std::int64_t tiles = reduce_tiles(size);
    std::vector<T> sums(static_cast<std::size_t>(tiles) + 1);
    std::vector<double> dots(static_cast<std::size_t>(tiles) + 1);
    cpu::sum_tiles<Set, T>(a.data(), size, 0, tiles, sums.data());
    cpu::dot_tiles<Set, T>(a.data(), b.data(), size, 0, tiles, dots.data());
    CHECK_MESSAGE(same_bytes(n ? static_cast<double>(tree_add(sums.data(), tiles)) : 0.0, sum), Set::name);
    CHECK_MESSAGE(same_bytes(n ? tree_add(dots.data(), tiles) : 0.0, dot), Set::name);
  });
}
}  // namespace

TEST_CASE("sum, dot and norm equal the contract's plain loops for every size, thread count and instruction set") {
  for (std::size_t n : sizes) {
    CAPTURE(n);
    check_size<float>(n);
    check_size<double>(n);
  }
}

TEST_CASE(
    "another order of additions gives other bits: a sequential sum, one partial per thread, and a tree cut elsewhere") {
  const std::size_t n = 28516;
  const std::vector<float> a = numbers<float>(1, n), b = numbers<float>(2, n);
  const double sum = reference::sum(a), dot = reference::dot(a, b);
  float sequential = 0;
  double sequential_dot = 0;
  for (std::size_t e = 0; e < n; ++e) {
    sequential += a[e];
    sequential_dot = std::fma(static_cast<double>(a[e]), static_cast<double>(b[e]), sequential_dot);
  }
  CHECK_FALSE(same_bytes(static_cast<double>(sequential), sum));
  CHECK_FALSE(same_bytes(sequential_dot, dot));
  int differing = 0;
  for (std::size_t threads : {2, 3, 5, 8}) {
    double total = 0;
    for (std::size_t t = 0; t < threads; ++t) {
      const std::size_t begin = n * t / threads, end = n * (t + 1) / threads;
      total +=
          reference::dot(std::vector<float>(a.begin() + static_cast<long>(begin), a.begin() + static_cast<long>(end)),
                         std::vector<float>(b.begin() + static_cast<long>(begin), b.begin() + static_cast<long>(end)));
    }
    differing += !same_bytes(total, dot);
  }
  CHECK(differing >= 3);
}

TEST_CASE(
    "the tree over scalars: in place, from a counter, and from aligned blocks, all equal the recursive definition") {
  for (std::size_t n = 1; n <= 600; ++n) {
    const std::vector<float> leaf = numbers<float>(n, n);
    const float expected = reference::tree<float>(leaf);
    std::vector<float> work = leaf;
    REQUIRE(same_bytes(tree_add(work.data(), static_cast<std::int64_t>(n)), expected));
    for (std::size_t block : {1, 2, 8, 64}) {
      TreeCounter<float> counter;
      for (std::size_t first = 0; first < n; first += block)
        counter.push(reference::tree<float>(std::span(leaf).subspan(first, std::min(block, n - first))));
      REQUIRE(same_bytes(counter.total(), expected));
    }
  }
  CHECK(TreeCounter<double>{}.total() == 0.0);
}
