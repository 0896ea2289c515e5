// SPDX-License-Identifier: MIT
// The CUDA kernels that move or create values by labels and row numbers; index.h has their contracts. count_correct adds
// integers, whose order does not matter.
//
//   one_hot, gather_rows   a thread takes a column of four rows (kernels/cuda/access.cuh); rows are gathered in the widest word
//                          that divides them: 16 bytes for pictures of 784 floats, 1 byte at worst
//   count_correct          a thread for each sample, a block for 256; the tree gets one leaf a block
//
// one_hot and gather_rows only write, or copy at full width. Logits have few columns, so the lines that a warp touches stay in
// the first-level cache while its threads read along their rows.
#pragma once

#include "kernels/cuda/access.cuh"
#include "kernels/reduce/reduce.cuh"

namespace brink::cuda {

template <class T>
__global__ void __launch_bounds__(elementwise_threads) one_hot_kernel(Cells cells, T* out, const std::int32_t* labels) {
  for_cells(
      cells, [&](std::int64_t s, std::int64_t c) { return c == labels[s] ? T(1) : T(0); },
      [&](std::int64_t s, std::int64_t c, T v) { out[s * cells.columns + c] = v; });
}

/// Rows of cells.columns words.
template <class Word>
__global__ void __launch_bounds__(elementwise_threads)
    gather_rows_kernel(Cells cells, Word* out, const Word* x, const std::int32_t* rows) {
  for_cells(
      cells, [&](std::int64_t s, std::int64_t c) { return x[rows[s] * cells.columns + c]; },
      [&](std::int64_t s, std::int64_t c, Word v) { out[s * cells.columns + c] = v; });
}

inline constexpr int count_threads = 256;
struct CountOfWarps {
  int warp[count_threads / warp_lanes];
};

/// partial[blockIdx.x] = correct samples among the 256 of block first + blockIdx.x.
template <class T>
__global__ void __launch_bounds__(count_threads)
    count_correct_kernel(std::int64_t samples, std::int64_t classes, const T* logits, const std::int32_t* labels,
                         std::int64_t first, double* partial) {
  auto& shared = shared_memory<CountOfWarps>().warp;
  const std::int64_t s = (first + blockIdx.x) * count_threads + threadIdx.x;
  int correct = 0;
  if (s < samples) {
    const T* const f = logits + s * classes;
    T m = f[0];
    std::int64_t best = 0;
#pragma unroll 4
    for (std::int64_t c = 1; c < classes; ++c) {
      const T v = f[c];
      const bool larger = v > m || v != v;
      m = larger ? v : m;
      best = larger ? c : best;
    }
    correct = best == labels[s] ? 1 : 0;
  }
  correct = fold_warp(correct);
  if (threadIdx.x % warp_lanes == 0) shared[threadIdx.x / warp_lanes] = correct;
  __syncthreads();
  if (threadIdx.x != 0) return;
  int sum = 0;
  for (const int of_warp : shared) sum += of_warp;
  partial[blockIdx.x] = sum;
}

}  // namespace brink::cuda
