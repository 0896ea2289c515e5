// SPDX-License-Identifier: MIT
// The CUDA kernels of arrays of random numbers; random.h has their contracts. The numbers come from philox.h, the same code as
// on the CPU.
//
//   thread b:   block first/2 + b of the stream  →  its two elements, where they lie in [first, first + n)
//
// Two elements need one Philox block and one logarithm. A thread stores them beside each other, so the second store finds the
// line of the first in the cache. Arithmetic, not memory, limits this kernel.
#pragma once

#include "kernels/cuda/access.cuh"
#include "kernels/random/philox.h"

namespace brink::cuda {

template <class T>
struct TwoElements {
  T first, second;
};

/// out[i] = element first + i of the stream, i < n; pair(block) makes two elements.
template <class T, class Pair>
__device__ __forceinline__ void fill_pair(T* out, std::int64_t n, std::int64_t first, Pair pair) {
  const std::int64_t block = first / 2 + thread_index(), at = 2 * block - first;
  if (at >= n) return;
  const TwoElements<T> two = pair(static_cast<std::uint64_t>(block));
  if (at >= 0) out[at] = two.first;
  if (at + 1 < n) out[at + 1] = two.second;
}

template <class T>
__global__ void __launch_bounds__(elementwise_threads)
    fill_normal_kernel(T* out, std::int64_t n, std::int64_t first, RandomKey key, double scale) {
  fill_pair(out, n, first, [&](std::uint64_t block) {
    const TwoNormals z = normals(random_words(key, block));
    return TwoElements<T>{static_cast<T>(scale * z.first), static_cast<T>(scale * z.second)};
  });
}

template <class T>
__global__ void __launch_bounds__(elementwise_threads)
    fill_uniform_kernel(T* out, std::int64_t n, std::int64_t first, RandomKey key) {
  fill_pair(out, n, first, [&](std::uint64_t block) {
    const TwoWords w = random_words(key, block);
    if constexpr (sizeof(T) == 4)
      return TwoElements<T>{uniform_f32(w.first), uniform_f32(w.second)};
    else
      return TwoElements<T>{uniform_f64(w.first), uniform_f64(w.second)};
  });
}

}  // namespace brink::cuda
