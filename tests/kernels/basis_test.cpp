// SPDX-License-Identifier: MIT
#include "kernels/basis/basis.h"

#include <doctest/doctest.h>

#include <cmath>

#include "kernels/basis/basis_isa.h"
#include "kernels/reduce/reduce.h"
#include "tests/reference/reduce_reference.h"
#include "tests/support/numbers.h"

using namespace brink;
using support::numbers;
using support::same_bytes;

namespace {

template <class T>
struct Case {
  std::size_t n, columns;
  std::int64_t stride;
  std::vector<T> storage;
  std::vector<std::vector<T>> q;
  std::vector<T> w;
  std::vector<double> c;

  Case(std::size_t n_, std::size_t columns_) : n(n_), columns(columns_), stride(static_cast<std::int64_t>(n_ + 5)) {
    storage.assign(columns * (n + 5), static_cast<T>(NAN));  // what lies between the columns must not be read
    for (std::size_t i = 0; i < columns; ++i) {
      q.push_back(numbers<T>(10 + i, n));
      std::copy(q[i].begin(), q[i].end(), storage.begin() + static_cast<long>(i * (n + 5)));
    }
    w = numbers<T>(3, n);
    c = numbers<double>(4, columns);
  }
  ColumnSet view() {
    return {storage.data(), static_cast<std::int64_t>(n), stride, static_cast<int>(columns), dtype_of<T>()};
  }
};

template <class T>
void check_case(std::size_t n, std::size_t columns) {
  Case<T> k(n, columns);
  const auto size = static_cast<std::int64_t>(n);
  std::vector<double> dots;
  for (const auto& column : k.q) dots.push_back(reference::dot(column, k.w));
  std::vector<T> subtracted = k.w;
  reference::subtract(k.q, k.c, subtracted);
  const std::size_t outputs = columns < 5 ? columns : 5;
  const std::vector<double> s = numbers<double>(5, columns * outputs);
  const auto combined = reference::combine(k.q, s, outputs);

  for (int threads : {1, 2, 3, 5, 8}) {
    ThreadPool pool(threads);
    Device d{.pool = &pool};
    std::vector<double> c(columns, NAN),
        scratch(static_cast<std::size_t>(cpu::project_scratch(size, static_cast<int>(columns))));
    cpu::project(d, k.view(), view_of(k.w.data(), {size}), c.data(), scratch.data());
    CHECK(same_bytes(c, dots));
    std::vector<T> w = k.w, fresh(n, static_cast<T>(NAN));
    const double norm = std::sqrt(reference::dot(subtracted, subtracted));
    CHECK(
        same_bytes(cpu::subtract(d, k.view(), k.c.data(), view_of(w.data(), {size}), view_of(w.data(), {size})), norm));
    CHECK(same_bytes(w, subtracted));
    CHECK(same_bytes(cpu::subtract(d, k.view(), k.c.data(), view_of(k.w.data(), {size}), view_of(fresh.data(), {size})),
                     norm));
    CHECK(same_bytes(fresh, subtracted));
    std::vector<T> y(outputs * n, static_cast<T>(NAN));
    cpu::combine(d, k.view(), s.data(), {y.data(), size, size, static_cast<int>(outputs), dtype_of<T>()});
    Case<T> in_place(n, columns);
    cpu::combine(d, in_place.view(), s.data(), in_place.view().range(0, static_cast<int>(outputs)));
    for (std::size_t j = 0; j < outputs; ++j) {
      CHECK(same_bytes(std::vector<T>(y.begin() + static_cast<long>(j * n), y.begin() + static_cast<long>(j * n + n)),
                       combined[j]));
      const T* first = in_place.view().column(static_cast<int>(j)).template as<T>();
      CHECK(same_bytes(std::vector<T>(first, first + n), combined[j]));
    }
  }
  support::for_each_isa([&](auto set) {
    using Set = decltype(set);
    CAPTURE(Set::name);
    const int m = static_cast<int>(columns);
    const std::int64_t tiles = reduce_tiles(size);
    std::vector<double> partial(static_cast<std::size_t>(tiles) * columns), c(columns);
    cpu::project_tiles<Set, T>(k.storage.data(), k.stride, m, k.w.data(), size, 0, tiles, partial.data(), tiles);
    for (std::size_t i = 0; i < columns; ++i)
      c[i] = tree_add(partial.data() + static_cast<std::int64_t>(i) * tiles, tiles);
    CHECK(same_bytes(c, dots));
    std::vector<T> w = k.w, y(outputs * n);
    cpu::subtract_range<Set, T>(k.storage.data(), k.stride, m, k.c.data(), k.w.data(), w.data(), 0, size);
    CHECK(same_bytes(w, subtracted));
    cpu::combine_range<Set, T>(k.storage.data(), k.stride, m, s.data(), static_cast<int>(outputs), y.data(), size, 0,
                               size);
    for (std::size_t j = 0; j < outputs; ++j)
      CHECK(same_bytes(std::vector<T>(y.begin() + static_cast<long>(j * n), y.begin() + static_cast<long>(j * n + n)),
                       combined[j]));
    cpu::scale_range<Set, T>(k.w.data(), 1 / 3.0, w.data(), 0, size);
    bool scaled = true;
    for (std::size_t e = 0; e < n; ++e)
      scaled = scaled && same_bytes(w[e], static_cast<T>(static_cast<double>(k.w[e]) * (1 / 3.0)));
    CHECK(scaled);
    T most = 0;
    for (T x : k.w) most = std::max(most, std::abs(x));
    CHECK(same_bytes(cpu::max_size<Set, T>(k.w.data(), size), most));
  });
}

}  // namespace

TEST_CASE("project, subtract, combine and scale equal plain loops for every size, thread count and instruction set") {
  for (std::size_t n : {1, 2, 7, 8, 31, 32, 33, 63, 65, 500, 4096, 4097, 28516})
    for (std::size_t columns : {1, 2, 3, 4, 5, 8, 11, 17, 40}) {
      if (n > 5000 && columns % 4 == 1) continue;
      CAPTURE(n);
      CAPTURE(columns);
      check_case<float>(n, columns);
      check_case<double>(n, columns);
    }
}

TEST_CASE("the order of the columns is part of subtract's contract") {
  Case<double> k(1000, 6);
  std::vector<double> forward = k.w, backward = k.w;
  reference::subtract(k.q, k.c, forward);
  reference::subtract({k.q.rbegin(), k.q.rend()}, {k.c.rbegin(), k.c.rend()}, backward);
  CHECK_FALSE(same_bytes(forward, backward));
}

TEST_CASE("largest_entry: sign kept, first of equals, NaN passed over, zero and empty") {
  const auto largest = [](std::vector<float> x) {
    Device d;
    return cpu::largest_entry(d, view_of(x.data(), {static_cast<std::int64_t>(x.size())}));
  };
  CHECK(largest({}) == 0.0);
  CHECK(largest({0.0f, -0.0f}) == 0.0);
  CHECK(largest({1, -3, 3, 2}) == -3.0);
  CHECK(largest({1, NAN, -2}) == -2.0);
  std::vector<float> many(1000, 0.5f);
  many[613] = -0.75f;
  CHECK(largest(many) == -0.75);
}
