// SPDX-License-Identifier: MIT
// What it is: the CUDA kernels of map and fill; contract in map.h. What it is not: arithmetic: that is functors.h, the same code
// as on the CPU. Decision: one kernel template over (functor, type), so a new functor needs no line here.
//
//   thread i:   a[4i … 4i+3], b[4i … 4i+3]  →  out[4i … 4i+3]        float32; pairs for float64; single elements in the tail
//
// Why this shape: a map waits for memory only (tanh aside), and one 16-byte access a thread keeps enough bytes under way; no
// loop over the grid, because blocks that follow each other already hide the start of a block.
#pragma once

#include "kernels/cuda/access.cuh"
#include "kernels/map/functors.h"

namespace brink::cuda {

template <class F, class T>
__global__ void __launch_bounds__(elementwise_threads)
    map_kernel(Elements elements, T* out, const T* a, const T* b, F f) {
  if constexpr (F::arity == 1)
    elementwise(elements, out, f, a);
  else
    elementwise(elements, out, f, a, b);
}

template <class T>
__global__ void __launch_bounds__(elementwise_threads) fill_kernel(Elements elements, T* out, T value) {
  elementwise(elements, out, [value] { return value; });
}

}  // namespace brink::cuda
