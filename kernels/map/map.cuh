// SPDX-License-Identifier: MIT
// The CUDA kernels of map and fill; map.h has their contracts, functors.h the arithmetic.
// One kernel template over (functor, type) serves all functors, so a new one needs no line here.
//
//   thread i:   a[4i … 4i+3], b[4i … 4i+3], …  →  y[4i … 4i+3], …    float32; pairs for float64; single elements in the tail
//
// A map waits for memory only (except tanh), and one 16-byte access per thread keeps enough bytes in flight. There is no loop
// over the grid, because later blocks already hide the start of a block.
#pragma once

#include "kernels/cuda/access.cuh"
#include "kernels/map/functors.h"

namespace brink::cuda {

template <class F, class T, std::size_t... i>
__device__ __forceinline__ void map_elements(const Elements& elements, const Pointers<T, outputs_of<F>>& out,
                                             const Pointers<const T, F::arity>& in, F f, std::index_sequence<i...>) {
  if constexpr (outputs_of<F> == 1)
    elementwise(elements, out.p[0], f, in.p[i]...);
  else
    elementwise(elements, out, f, in.p[i]...);
}

template <class F, class T>
__global__ void __launch_bounds__(elementwise_threads)
    map_kernel(Elements elements, Pointers<T, outputs_of<F>> out, Pointers<const T, F::arity> in, F f) {
  map_elements<F, T>(elements, out, in, f, std::make_index_sequence<F::arity>{});
}

template <class T>
__global__ void __launch_bounds__(elementwise_threads) fill_kernel(Elements elements, T* out, T value) {
  elementwise(elements, out, [value] { return value; });
}

/// One element a thread: the two arrays' elements differ in size.
template <class To, class From>
__global__ void __launch_bounds__(elementwise_threads) cast_kernel(std::int64_t n, To* out, const From* x) {
  const std::int64_t i = thread_index();
  if (i < n) out[i] = static_cast<To>(x[i]);
}

}  // namespace brink::cuda
