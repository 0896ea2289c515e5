// SPDX-License-Identifier: MIT
#include <cassert>

#include "kernels/reduce/reduce.cuh"
#include "kernels/reduce/reduce.h"

namespace brink::cuda {

namespace {

void dot(Device& d, View a, View b, TreeEnd finish, Scalar to) {
  assert(a.dtype == b.dtype && a.shape.elements() == b.shape.elements());
  with_real(a.dtype, [&]<class T>(T) {
    const std::int64_t n = a.shape.elements();
    const auto work = [&](std::int64_t first, std::int64_t count, double* partials) {
      launch(d, dot_kernel<1, T>, {blocks_for(count, tiles_a_block)}, {tiles_a_block * warp_lanes}, a.as<T>(), 0,
             b.as<T>(), n, first, count, partials);
    };
    tree_of_blocks(d, reduce_tiles(n), 1.0, to.at, work, finish);
  });
}

}  // namespace

void sum(Device& d, View x, Scalar to) {
  with_real(x.dtype, [&]<class T>(T) {
    const std::int64_t n = x.shape.elements();
    const auto work = [&](std::int64_t first, std::int64_t count, T* partials) {
      launch(d, sum_kernel<T>, {blocks_for(count, tiles_a_block)}, {tiles_a_block * warp_lanes}, x.as<T>(), n, first,
             count, partials);
    };
    tree_of_blocks<T>(d, reduce_tiles(n), 1.0, to.at, work);
  });
}

void dot(Device& d, View a, View b, Scalar to) { dot(d, a, b, TreeEnd::total, to); }
void norm(Device& d, View x, Scalar to) { dot(d, x, x, TreeEnd::root, to); }

double sum(Device& d, View x) {
  return fetched(d, [&](Scalar to) { cuda::sum(d, x, to); });
}
double dot(Device& d, View a, View b) {
  return fetched(d, [&](Scalar to) { cuda::dot(d, a, b, to); });
}
double norm(Device& d, View x) {
  return fetched(d, [&](Scalar to) { cuda::norm(d, x, to); });
}

}  // namespace brink::cuda
