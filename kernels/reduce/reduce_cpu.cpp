// SPDX-License-Identifier: MIT
// The reductions of reduce.h on the CPU: types and threads. Tiles are in reduce_simd.cpp, the tree over them in over_tiles.h.
#include <algorithm>
#include <cassert>
#include <cmath>

#include "kernels/isa.h"
#include "kernels/reduce/over_tiles.h"
#include "kernels/reduce/reduce.h"
#include "kernels/reduce/reduce_isa.h"

namespace brink::cpu {

namespace {
constexpr std::int64_t serial_tiles = 4;  // below, waking a worker costs more than it saves
}  // namespace

double sum(Device& d, View x) {
  return with_real(x.dtype, [&](auto zero) -> double {
    using T = decltype(zero);
    const std::int64_t n = x.shape.elements();
    return with_isa([&](auto set) -> double {
      return over_tiles<T>(d, n, serial_tiles, [&](std::int64_t first, std::int64_t last, T* partial) {
        sum_tiles<decltype(set), T>(x.as<T>(), n, first, last, partial);
      });
    });
  });
}

double dot(Device& d, View a, View b) {
  assert(a.dtype == b.dtype && a.shape.elements() == b.shape.elements());
  return with_real(a.dtype, [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t n = a.shape.elements();
    return with_isa([&](auto set) {
      return over_tiles<double>(d, n, serial_tiles, [&](std::int64_t first, std::int64_t last, double* partial) {
        dot_tiles<decltype(set), T>(a.as<T>(), b.as<T>(), n, first, last, partial);
      });
    });
  });
}

double norm(Device& d, View x) { return std::sqrt(cpu::dot(d, x, x)); }

}  // namespace brink::cpu
