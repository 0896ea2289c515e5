// SPDX-License-Identifier: MIT
// The CUDA kernels of sum, dot and norm, and the tree over partial results; reduce.h has their contracts.
//
//   tile of 4096:   | lane 0 | lane 1 | … | lane 31 | lane 0 | …       one warp; lane l of the contract is lane l of the warp
//                     chain over 128 elements each, then fold by 16, 8, 4, 2, 1 with shuffles
//   tree:           32 leaves → 1 by a warp (an aligned block of 2⁵ leaves is a subtree of T), again over the results, …
//
// The contract's 32 lanes are a warp, so loads are coalesced and the fold needs no memory. A lane's additions depend on each
// other but its loads do not: it loads a batch ahead, and 4 warps a block put one on each scheduler. `columns` dots with the
// same w read w from registers; basis.h uses them where there are enough columns to fill the device.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/cuda/device_code.h"
#include "kernels/cuda/launch.h"
#include "kernels/reduce/reduce.h"

namespace brink::cuda {

inline constexpr unsigned whole_warp = 0xFFFFFFFF, warp_lanes = 32;
inline constexpr unsigned tiles_a_block = 4;  // one warp each
/// The number of tiles whose partials are in Context::partials() at once: 2¹⁶, so that they are a subtree of T. The upper half
/// stays free.
inline constexpr std::int64_t tiles_at_once = Context::most_partials / 2;

/// The lanes of a warp folded by 16, 8, 4, 2, 1: valid in lane 0.
template <class X>
__device__ __forceinline__ X fold_warp(X x) {
#pragma unroll
  for (int half = reduce_lanes / 2; half > 0; half /= 2) x = x + __shfl_down_sync(whole_warp, x, half);
  return x;
}

/// partial[t] = the sum of tile first + t, t < tiles.
template <class T>
__global__ void __launch_bounds__(tiles_a_block* warp_lanes)
    sum_kernel(const T* x, std::int64_t n, std::int64_t first, std::int64_t tiles, T* partial) {
  constexpr int batch = 16;
  const std::int64_t tile = static_cast<std::int64_t>(blockIdx.x) * tiles_a_block + threadIdx.x / warp_lanes;
  if (tile >= tiles) return;
  const std::int64_t start = (first + tile) * reduce_tile, left = n - start;
  const int size = static_cast<int>(left < reduce_tile ? left : reduce_tile);
  int e = static_cast<int>(threadIdx.x % warp_lanes);
  const T* const p = x + start;
  T lane = 0;
  for (; e + (batch - 1) * reduce_lanes < size; e += batch * reduce_lanes) {
    T v[batch];
#pragma unroll
    for (int k = 0; k < batch; ++k) v[k] = p[e + k * reduce_lanes];
#pragma unroll
    for (int k = 0; k < batch; ++k) lane = lane + v[k];
  }
  for (; e < size; e += reduce_lanes) lane = lane + p[e];
  lane = fold_warp(lane);
  if (threadIdx.x % warp_lanes == 0) partial[tile] = lane;
}

/// partial[c·tiles + t] = the dot of tile first + t of column c with w; blockIdx.y counts groups of `columns` columns.
template <int columns, class T>
__global__ void __launch_bounds__(tiles_a_block* warp_lanes)
    dot_kernel(const T* q, std::int64_t stride, const T* w, std::int64_t n, std::int64_t first, std::int64_t tiles,
               double* partial) {
  constexpr int batch = columns == 1 ? 16 : 8;
  const std::int64_t tile = static_cast<std::int64_t>(blockIdx.x) * tiles_a_block + threadIdx.x / warp_lanes;
  if (tile >= tiles) return;
  const std::int64_t start = (first + tile) * reduce_tile, left = n - start;
  const int size = static_cast<int>(left < reduce_tile ? left : reduce_tile);
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.y) * columns;
  int e = static_cast<int>(threadIdx.x % warp_lanes);
  const T* const p = q + column * stride + start;
  const T* const r = w + start;
  double lane[columns] = {};
  for (; e + (batch - 1) * reduce_lanes < size; e += batch * reduce_lanes) {
    T x[batch], y[columns][batch];
#pragma unroll
    for (int k = 0; k < batch; ++k) x[k] = r[e + k * reduce_lanes];
#pragma unroll
    for (int c = 0; c < columns; ++c)
#pragma unroll
      for (int k = 0; k < batch; ++k) y[c][k] = p[c * stride + e + k * reduce_lanes];
#pragma unroll
    for (int k = 0; k < batch; ++k)
#pragma unroll
      for (int c = 0; c < columns; ++c)
        lane[c] = std::fma(static_cast<double>(y[c][k]), static_cast<double>(x[k]), lane[c]);
  }
  for (; e < size; e += reduce_lanes)
#pragma unroll
    for (int c = 0; c < columns; ++c)
      lane[c] = std::fma(static_cast<double>(p[c * stride + e]), static_cast<double>(r[e]), lane[c]);
#pragma unroll
  for (int c = 0; c < columns; ++c) {
    const double folded = fold_warp(lane[c]);
    if (threadIdx.x % warp_lanes == 0) partial[(column + c) * tiles + tile] = folded;
  }
}

template <class X>
struct TreeNodes {
  X node[2][tiles_at_once / warp_lanes];
};

/// What is made of a tree's total.
enum class TreeEnd : unsigned char { total, root };

/// out[i] = factor·T(leaf[i·count … i·count + count)) for i = blockIdx.x, or its square root; +0 for count = 0; count ≤
/// tiles_at_once. Leaves are added as X.
template <class X, class Leaf>
__global__ void __launch_bounds__(1024)
    tree_kernel(const Leaf* leaf, std::int64_t count, double factor, TreeEnd finish, double* out) {
  auto& nodes = shared_memory<TreeNodes<X>>().node;
  const int warps = static_cast<int>(blockDim.x / warp_lanes), warp = static_cast<int>(threadIdx.x / warp_lanes);
  const int lane = static_cast<int>(threadIdx.x % warp_lanes);
  const Leaf* const leaves = leaf + blockIdx.x * count;
  const X* from = nullptr;  // the last level's nodes; null: the leaves are the last level
  int left = static_cast<int>(count), to = 0;
  do {
    const int groups = (left + reduce_lanes - 1) / reduce_lanes;
    for (int g = warp; g < groups; g += warps) {
      const int first = g * reduce_lanes, size = left - first < reduce_lanes ? left - first : reduce_lanes;
      X x = lane >= size ? X(0) : from ? from[first + lane] : static_cast<X>(leaves[first + lane]);
#pragma unroll
      for (int stride = 1; stride < reduce_lanes; stride *= 2) {
        const X right = __shfl_down_sync(whole_warp, x, stride);
        if (lane + stride < size) x = x + right;
      }
      if (lane == 0) nodes[to][g] = x;
    }
    __syncthreads();
    from = nodes[to];
    to = 1 - to;
    left = groups;
  } while (left > 1);
  if (threadIdx.x > 0) return;
  const double total = count > 0 ? factor * static_cast<double>(from[0]) : 0.0;
  out[blockIdx.x] = finish == TreeEnd::root ? std::sqrt(total) : total;
}

/// Enqueues out[i] = factor·T over leaf[i·count …), i < trees, or its square root.
template <class X, class Leaf>
void launch_tree(Device& d, unsigned trees, const Leaf* leaf, std::int64_t count, double factor, double* out,
                 TreeEnd finish = TreeEnd::total) {
  const unsigned warps = blocks_for(count, warp_lanes), bounded = warps < 1 ? 1 : warps > 32 ? 32 : warps;
  launch(d, tree_kernel<X, Leaf>, {trees}, {bounded * warp_lanes}, leaf, count, factor, finish, out);
}

/// Enqueues out = factor·T over `leaves` leaves of type X, whose values work(first, count, partials) enqueues, or its square root.
/// Does not wait: out is device memory. Up to 2¹⁶ leaves at a time become one, so there may be 2³² of them.
template <class X = double, class Work>
void tree_of_blocks(Device& d, std::int64_t leaves, double factor, double* out, const Work& work,
                    TreeEnd finish = TreeEnd::total) {
  X* const partials = reinterpret_cast<X*>(context(d).partials());
  if (leaves <= tiles_at_once) {
    if (leaves > 0) work(0, leaves, partials);
    return launch_tree<X>(d, 1, partials, leaves, factor, out, finish);
  }
  double* const subtrees = context(d).partials() + tiles_at_once;
  std::int64_t done = 0;
  for (std::int64_t first = 0; first < leaves; first += tiles_at_once, ++done) {
    const std::int64_t count = leaves - first < tiles_at_once ? leaves - first : tiles_at_once;
    work(first, count, partials);
    launch_tree<X>(d, 1, partials, count, 1.0, subtrees + done);
  }
  launch_tree<X>(d, 1, subtrees, done, factor, out, finish);
}

/// Brings to the host the number that enqueue(to) leaves in `to`. Waits.
template <class Enqueue>
double fetched(Device& d, const Enqueue& enqueue) {
  const Scalar to{context(d).results()};
  enqueue(to);
  double value = 0;
  d.gpu->fetch(&value, to.at, 1);
  return value;
}

}  // namespace brink::cuda
