// SPDX-License-Identifier: MIT
// The sweeps of basis.h on the CPU: types, threads and trees; inner loops are in basis_simd.cpp.
// Threads share a sweep only above serial_elements; below that, waking a worker costs more than it saves.
#include "kernels/basis/basis.h"

#include <cassert>
#include <cmath>

#include "kernels/basis/basis_isa.h"
#include "kernels/isa.h"
#include "kernels/reduce/over_tiles.h"
#include "kernels/reduce/reduce.h"

namespace brink::cpu {

namespace {
constexpr std::int64_t serial_elements = 1 << 14;  // of all columns together
constexpr std::int64_t grain = 1024;               // elements; keeps two workers off one cache line

std::int64_t serial_below(int columns) { return serial_elements / (columns > 0 ? columns : 1); }
}  // namespace

std::int64_t project_scratch(std::int64_t n, int columns) { return reduce_tiles(n) * columns; }

void project(Device& d, const ColumnSet& q, View w, double* c, double* scratch) {
  assert(q.dtype == w.dtype && q.n == w.shape.elements());
  const std::int64_t tiles = reduce_tiles(q.n);
  with_real(q.dtype, [&](auto zero) {
    using T = decltype(zero);
    parallel_for(d, tiles, 1, serial_below(q.count) / reduce_tile, [&](std::int64_t first, std::int64_t last) {
      with_isa([&](auto set) {
        project_tiles<decltype(set), T>(q.as<T>(), q.stride, q.count, w.as<T>(), q.n, first, last, scratch, tiles);
      });
    });
  });
  for (int i = 0; i < q.count; ++i) c[i] = tiles > 0 ? tree_add(scratch + i * tiles, tiles) : 0.0;
}

double subtract(Device& d, const ColumnSet& q, const double* c, View x, View w) {
  assert(q.dtype == w.dtype && q.n == w.shape.elements() && q.dtype == x.dtype && q.n == x.shape.elements());
  return with_real(q.dtype, [&](auto zero) {
    using T = decltype(zero);
    return with_isa([&](auto set) {
      const double square = over_tiles<double>(
          d, q.n, serial_below(q.count) / reduce_tile, [&](std::int64_t first, std::int64_t last, double* partial) {
            subtract_tiles<decltype(set), T>(q.as<T>(), q.stride, q.count, c, x.as<T>(), w.as<T>(), q.n, first, last,
                                             partial);
          });
      return std::sqrt(square);
    });
  });
}

void combine(Device& d, const ColumnSet& q, const double* s, const ColumnSet& y) {
  assert(q.dtype == y.dtype && q.n == y.n && y.count <= max_combined);
  with_real(q.dtype, [&](auto zero) {
    using T = decltype(zero);
    parallel_for(d, q.n, grain, serial_below(q.count * y.count), [&](std::int64_t begin, std::int64_t end) {
      with_isa([&](auto set) {
        combine_range<decltype(set), T>(q.as<T>(), q.stride, q.count, s, y.count, y.as<T>(), y.stride, begin, end);
      });
    });
  });
}

void scale(Device& d, View x, double factor, View y) {
  assert(x.dtype == y.dtype && x.shape.elements() == y.shape.elements());
  with_real(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    parallel_for(d, x.shape.elements(), grain, serial_elements, [&](std::int64_t begin, std::int64_t end) {
      with_isa([&](auto set) { scale_range<decltype(set), T>(x.as<T>(), factor, y.as<T>(), begin, end); });
    });
  });
}

double largest_entry(Device&, View x) {
  return with_real(x.dtype, [&](auto zero) -> double {
    using T = decltype(zero);
    const std::span<const T> all = x.span<T>();
    const T most = with_isa(
        [&](auto set) { return max_size<decltype(set), T>(all.data(), static_cast<std::int64_t>(all.size())); });
    for (const T v : all)
      if (v == most || -v == most) return static_cast<double>(v);
    return 0.0;
  });
}

}  // namespace brink::cpu
