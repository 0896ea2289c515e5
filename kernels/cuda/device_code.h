// SPDX-License-Identifier: MIT
// What a kernel is written with: CUDA's language (threadIdx, __syncthreads …), shared memory and asynchronous copies.
// Included by kernels/*/*.cuh and *.cu only.
// A kernel uses CUDA through this header alone, so the tests' emulator can compile the same kernels as host functions:
// under nvcc the names below are CUDA's, otherwise those of "cuda_emulator.h".
//
//   shared_memory<T>()            one object of the trivial type T for each block; a type of its own for each use
//   shared_memory<T>()            one object of the trivial type T for each block; each use has its own type
//   async_copy(to, from)          starts copying one element of 4, 8 or 16 bytes from global to shared memory; done at the wait
//   async_copy(to, from, exists)  the same, or zeros where it does not exist (`from` is then any address of the array); through the
//                                 first-level cache, for what neighbouring threads and later portions read again
//   async_commit()                ends a group of copies
//   async_wait<n>()               waits until at most n groups of this thread are in flight; those of others need a barrier too
#pragma once

#ifdef __CUDACC__

#include <cuda_pipeline.h>
#include <cuda_runtime.h>

namespace brink::cuda {

template <class T>
__device__ __forceinline__ T& shared_memory() {
  __shared__ T memory;
  return memory;
}

template <class T>
__device__ __forceinline__ void async_copy(T* to, const T* from) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8 || sizeof(T) == 16);
  __pipeline_memcpy_async(to, from, sizeof(T));
}
template <class T>
__device__ __forceinline__ void async_copy(T* to, const T* from, bool exists) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8 || sizeof(T) == 16);
  // cuda_pipeline.h takes the number of zeros as a constant only, which would need a branch.
  asm volatile(
      "cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(static_cast<unsigned>(__cvta_generic_to_shared(to))),
      "l"(__cvta_generic_to_global(from)), "n"(sizeof(T)), "r"(exists ? static_cast<unsigned>(sizeof(T)) : 0U)
      : "memory");
}
__device__ __forceinline__ void async_commit() { __pipeline_commit(); }
template <int n>
__device__ __forceinline__ void async_wait() {
  __pipeline_wait_prior(n);
}

}  // namespace brink::cuda

#else
#include "cuda_emulator.h"
#endif
