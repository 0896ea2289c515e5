// SPDX-License-Identifier: MIT
// The CUDA kernels of the sweeps over columns; basis.h has their contracts, and `project` is dot_kernel of reduce.cuh.
// Coefficients are kernel arguments, which the launch copies: host memory may change as soon as the call returns.
//
//   subtract   block = tile of 4096 elements, 512 threads × 8 elements; every column is read once, in packs of 16 bytes:
//                  acc[8] = x;  acc = fma(−cᵢ, qᵢ, acc) for all i;  w = acc → memory and shared memory
//              then one warp runs the 32 lanes of ‖w‖² over the tile in shared memory, while other blocks stream
//   combine    block = 8 warps: sets × groups; a warp owns 64 elements (2 a thread) and up to 16 outputs in registers,
//              groups of warps share the elements:       64 elements
//                                              outputs 0–15  │ warp 0 │
//                                             outputs 16–31  │ warp 1 │ …   S in shared memory, 16 columns of q at a time
//
// Both read Q once. `subtract` computes the norm in the same pass; a second pass would read w again, a quarter more
// traffic with the two columns of a Lanczos step. `combine` holds all outputs of an element before it stores any, so it
// works in place. Each value of S read from shared memory serves two elements, and each element of q up to 16 outputs.
#pragma once

#include <cmath>

#include "kernels/basis/basis.h"
#include "kernels/cuda/access.cuh"
#include "kernels/reduce/reduce.cuh"

namespace brink::cuda {

/// Float64 values that travel as a kernel argument.
struct Values {
  static constexpr int most = 256;
  double v[most];
};

/// to[i] = values[i], i < count: host numbers into device memory.
template <class V>
__global__ void __launch_bounds__(Values::most) put_kernel(V values, int count, double* to) {
  const int i = static_cast<int>(threadIdx.x);
  if (i < count) to[i] = values.v[i];
}

inline constexpr int subtract_threads = 512;
template <class T>
struct SubtractedTile {
  T element[reduce_tile];
};

/// The elements of this thread in a tile of `size` elements: acc[p][j] is element (p·threads + thread)·width + j.
template <int width, class T, class Coefficient>
__device__ __forceinline__ void subtract_tile(const T* q, std::int64_t stride, int count, Coefficient c, const T* x,
                                              T* w, T* shared, int size) {
  constexpr int packs = static_cast<int>(reduce_tile) / subtract_threads / width;
  const int at = static_cast<int>(threadIdx.x) * width;
  double acc[packs][width];
#pragma unroll
  for (int p = 0; p < packs; ++p)
    if (const int e = at + p * subtract_threads * width; e < size) {
      const Pack<T, width> v = load_pack<width>(x + e);
#pragma unroll
      for (int j = 0; j < width; ++j) acc[p][j] = static_cast<double>(v.v[j]);
    }
#pragma unroll 2
  for (int i = 0; i < count; ++i) {
    const double factor = -c(i);
#pragma unroll
    for (int p = 0; p < packs; ++p)
      if (const int e = at + p * subtract_threads * width; e < size) {
        const Pack<T, width> v = load_pack<width>(q + i * stride + e);
#pragma unroll
        for (int j = 0; j < width; ++j) acc[p][j] = std::fma(factor, static_cast<double>(v.v[j]), acc[p][j]);
      }
  }
#pragma unroll
  for (int p = 0; p < packs; ++p)
    if (const int e = at + p * subtract_threads * width; e < size) {
      Pack<T, width> v;
#pragma unroll
      for (int j = 0; j < width; ++j) v.v[j] = static_cast<T>(acc[p][j]);
      store_pack<width>(w + e, v);
      store_pack<width>(shared + e, v);
    }
}

/// w = x − Q c on tile first + blockIdx.x, and partial[blockIdx.x] = the dot of w's tile with itself. c is `more`, or
/// `few` where `more` is null. `packed`: all columns can be read in packs.
template <class T>
__global__ void __launch_bounds__(subtract_threads, 2)
    subtract_kernel(const T* q, std::int64_t stride, int count, Values few, const double* more, const T* x, T* w,
                    std::int64_t n, std::int64_t first, bool packed, double* partial) {
  T* const shared = shared_memory<SubtractedTile<T>>().element;
  const std::int64_t start = (first + blockIdx.x) * reduce_tile, left = n - start;
  const int size = static_cast<int>(left < reduce_tile ? left : reduce_tile);
  const auto c = [&](int i) { return more ? more[i] : few.v[i]; };
  if (packed && size == reduce_tile)
    subtract_tile<pack_width<T>>(q + start, stride, count, c, x + start, w + start, shared, size);
  else
    subtract_tile<1>(q + start, stride, count, c, x + start, w + start, shared, size);
  __syncthreads();
  if (threadIdx.x >= warp_lanes) return;
  double lane = 0;
#pragma unroll 8
  for (int e = static_cast<int>(threadIdx.x); e < size; e += reduce_lanes) {
    const double v = static_cast<double>(shared[e]);
    lane = std::fma(v, v, lane);
  }
  lane = fold_warp(lane);
  if (threadIdx.x == 0) partial[blockIdx.x] = lane;
}

inline constexpr int combine_warps = 8, combine_slice = 16, combine_elements = 2;  // elements a thread
/// The rows of S for the columns of q that are read together; a row has as many outputs as one call may make.
struct CombineSlice {
  double s[combine_slice][max_combined];
};

/// y = Q S. A thread makes `outputs` of them: 4, 8 or 16. `groups` warps, a power of two, share an element:
/// outputs·groups ≥ k.
template <int outputs, class T>
__global__ void __launch_bounds__(combine_warps* warp_lanes)
    combine_kernel(const T* q, std::int64_t stride, int m, const double* s, int k, int groups, T* y,
                   std::int64_t y_stride, std::int64_t n) {
  auto& slice = shared_memory<CombineSlice>().s;
  const int warp = static_cast<int>(threadIdx.x / warp_lanes), group = warp % groups, width = outputs * groups;
  constexpr int span = static_cast<int>(warp_lanes) * combine_elements;
  const std::int64_t first = (static_cast<std::int64_t>(blockIdx.x) * (combine_warps / groups) + warp / groups) * span +
                             threadIdx.x % warp_lanes;
  double acc[combine_elements][outputs] = {};
  for (int i0 = 0; i0 < m; i0 += combine_slice) {
    const int rows = m - i0 < combine_slice ? m - i0 : combine_slice;
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.x); i < rows * width; i += combine_warps * warp_lanes)
      slice[i / width][i % width] = i % width < k ? s[(i0 + i / width) * k + i % width] : 0.0;
    __syncthreads();
#pragma unroll 2
    for (int i = 0; i < rows; ++i) {
      double x[combine_elements];
#pragma unroll
      for (int h = 0; h < combine_elements; ++h) {
        const std::int64_t e = first + h * static_cast<int>(warp_lanes);
        x[h] = e < n ? static_cast<double>(q[(i0 + i) * stride + e]) : 0.0;
      }
#pragma unroll
      for (int j = 0; j < outputs; ++j) {
        const double f = slice[i][group * outputs + j];
#pragma unroll
        for (int h = 0; h < combine_elements; ++h) acc[h][j] = std::fma(f, x[h], acc[h][j]);
      }
    }
  }
  __syncthreads();  // y may be q: every warp that shares an element has read it
#pragma unroll
  for (int h = 0; h < combine_elements; ++h) {
    const std::int64_t e = first + h * static_cast<int>(warp_lanes);
#pragma unroll
    for (int j = 0; j < outputs; ++j)
      if (group * outputs + j < k && e < n) y[(group * outputs + j) * y_stride + e] = static_cast<T>(acc[h][j]);
  }
}

/// The factor is `found`, or `given` where `found` is null.
template <class T>
__global__ void __launch_bounds__(elementwise_threads)
    scale_kernel(Elements elements, T* y, double given, const double* found, const T* x) {
  const double factor = found ? *found : given;
  elementwise(
      elements, y, [factor](T v) { return static_cast<T>(static_cast<double>(v) * factor); }, x);
}

inline constexpr unsigned scalar_threads = 1024;
template <class F>
__global__ void __launch_bounds__(scalar_threads) map_scalars_kernel(const double* from, int count, F f, double* to) {
  const std::int64_t i = thread_index();
  if (i < count) to[i] = f(from[i]);
}

/// A candidate for the largest entry: the larger size wins, then the smaller index, so the order of comparisons does
/// not matter. Size −1: no candidate.
struct Largest {
  double value, size;
  std::int64_t index;
};
__device__ __forceinline__ Largest larger(const Largest& a, const Largest& b) {
  return b.size > a.size || (b.size == a.size && b.index < a.index) ? b : a;
}

inline constexpr int largest_threads = 256, largest_blocks = 1024;
struct LargestOfWarps {
  Largest warp[largest_threads / warp_lanes];
};

/// The largest of a block, valid in thread 0.
__device__ __forceinline__ Largest largest_of_block(Largest best) {
  auto& shared = shared_memory<LargestOfWarps>().warp;
  const auto fold = [&](Largest own) {
#pragma unroll
    for (int half = reduce_lanes / 2; half > 0; half /= 2)
      own = larger(own, {__shfl_down_sync(whole_warp, own.value, half), __shfl_down_sync(whole_warp, own.size, half),
                         __shfl_down_sync(whole_warp, own.index, half)});
    return own;
  };
  best = fold(best);
  const unsigned lane = threadIdx.x % warp_lanes;
  if (lane == 0) shared[threadIdx.x / warp_lanes] = best;
  __syncthreads();
  if (threadIdx.x >= warp_lanes) return best;
  return fold(lane < largest_threads / warp_lanes ? shared[lane] : Largest{0, -1, 0});
}

/// found[blockIdx.x] = the largest of this block's elements. A NaN is passed over, because its size compares false with
/// everything.
template <class T>
__global__ void __launch_bounds__(largest_threads) largest_kernel(const T* x, std::int64_t n, Largest* found) {
  Largest best{0, -1, 0};
#pragma unroll 4
  for (std::int64_t i = thread_index(); i < n; i += static_cast<std::int64_t>(gridDim.x) * largest_threads) {
    const double v = static_cast<double>(x[i]);
    best = larger(best, {v, v < 0 ? -v : v, i});
  }
  best = largest_of_block(best);
  if (threadIdx.x == 0) found[blockIdx.x] = best;
}

/// out = the value of the largest of `count` candidates.
template <class Candidate>
__global__ void __launch_bounds__(largest_threads)
    largest_value_kernel(const Candidate* found, int count, double* out) {
  Candidate best{0, -1, 0};
  for (int i = static_cast<int>(threadIdx.x); i < count; i += largest_threads) best = larger(best, found[i]);
  best = largest_of_block(best);
  if (threadIdx.x == 0) *out = best.value;
}

}  // namespace brink::cuda
