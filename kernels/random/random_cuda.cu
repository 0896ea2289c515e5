// SPDX-License-Identifier: MIT
#include "kernels/random/random.cuh"
#include "kernels/random/random.h"

namespace brink::cuda {

namespace {
/// The grid over the blocks of two elements that [first, first + n) touches.
Extent3 pair_grid(std::int64_t n, std::int64_t first) {
  return {n > 0 ? blocks_for((first + n + 1) / 2 - first / 2, elementwise_threads) : 0};
}
}  // namespace

void fill_normal(Device& d, View out, RandomKey key, double scale, std::int64_t first_element) {
  with_real(out.dtype, [&]<class T>(T) {
    const std::int64_t n = out.shape.elements();
    launch(d, fill_normal_kernel<T>, pair_grid(n, first_element), {elementwise_threads}, out.as<T>(), n, first_element,
           key, scale);
  });
}

void fill_uniform(Device& d, View out, RandomKey key, std::int64_t first_element) {
  with_real(out.dtype, [&]<class T>(T) {
    const std::int64_t n = out.shape.elements();
    launch(d, fill_uniform_kernel<T>, pair_grid(n, first_element), {elementwise_threads}, out.as<T>(), n, first_element,
           key);
  });
}

}  // namespace brink::cuda
