// SPDX-License-Identifier: MIT
#include <cassert>
#include <cmath>

#include "kernels/reduce/reduce.cuh"
#include "kernels/reduce/reduce.h"

namespace brink::cuda {

double sum(Device& d, View x) {
  return with_real(x.dtype, [&]<class T>(T) -> double {
    const std::int64_t n = x.shape.elements();
    return over_tiles<T>(d, n, [&](std::int64_t first, std::int64_t count, T* partials) {
      launch(d, sum_kernel<T>, {blocks_for(count, tiles_a_block)}, {tiles_a_block * warp_lanes}, x.as<T>(), n, first,
             count, partials);
    });
  });
}

double dot(Device& d, View a, View b) {
  assert(a.dtype == b.dtype && a.shape.elements() == b.shape.elements());
  return with_real(a.dtype, [&]<class T>(T) {
    const std::int64_t n = a.shape.elements();
    return over_tiles<double>(d, n, [&](std::int64_t first, std::int64_t count, double* partials) {
      launch(d, dot_kernel<1, T>, {blocks_for(count, tiles_a_block)}, {tiles_a_block * warp_lanes}, a.as<T>(), 0,
             b.as<T>(), n, first, count, partials);
    });
  });
}

double norm(Device& d, View x) { return std::sqrt(cuda::dot(d, x, x)); }

}  // namespace brink::cuda
