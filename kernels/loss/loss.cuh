// SPDX-License-Identifier: MIT
// What it is: the CUDA kernels of the losses; contracts in loss.h. What it is not: derivatives.
// Decision: the chain over a group's samples is one thread's work, as the contract fixes it; what a sample adds to it is not.
//
//   block = group:   128 samples at a time                          then thread 0: chain += value[0], value[1], …
//     cross_entropy  256 threads: e = exp(f − max) of 16 classes of all samples → shared memory, a thread a sample adds them
//     others         a thread a sample runs the sample's own chain
//   leaves (one a group) → tree_kernel (kernels/reduce/reduce.cuh)
//
// Why this shape: 128 dependent additions from shared memory take under a microsecond, less than the launch of a kernel that would
// run more groups' chains side by side. The exponentials are what costs (float64 polynomials): all threads share them, with loads
// along rows. Rows of sample_dot and half_sum_of_squares are short (classes): the lines that a warp touches stay in the first
// cache while its threads walk along their rows.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/cuda/access.cuh"
#include "kernels/functions/elementary.h"
#include "kernels/reduce/reduce.cuh"

namespace brink::cuda {

inline constexpr int samples_at_once = 128;

struct SampleValues {
  double value[samples_at_once];
};

/// partial = the chain over group `index` of the values of its samples; value(s, rows), called by all threads for `rows` samples
/// from s on, returns that of sample s + threadIdx.x where threadIdx.x < rows.
template <class Value>
__device__ __forceinline__ void chain_group(std::int64_t samples, std::int64_t group, std::int64_t index,
                                            double* partial, Value value) {
  double* const values = shared_memory<SampleValues>().value;
  const int thread = static_cast<int>(threadIdx.x);
  const std::int64_t begin = index * group, end = begin + group < samples ? begin + group : samples;
  double chain = 0;
  for (std::int64_t s = begin; s < end; s += samples_at_once) {
    const int rows = static_cast<int>(end - s < samples_at_once ? end - s : samples_at_once);
    const double own = value(s, rows);
    if (thread < rows) values[thread] = own;
    __syncthreads();
    if (thread == 0) {
#pragma unroll 8
      for (int r = 0; r < rows; ++r) chain += values[r];
    }
    __syncthreads();
  }
  if (thread == 0) *partial = chain;
}

inline constexpr int class_slice = 16;

template <class T, int most_rows>
struct Exponentials {
  T max[most_rows];
  T e[most_rows][class_slice + 1];  // one more, so that the rows of a warp lie in different banks
};

/// For `rows` ≤ most_rows ≤ threads samples that start at f: max[r] = max_c f[r,c], and keep(element, e) with
/// e = exp(f[r,c] − max[r]) once for every element, by any thread; returns Σ_c e[r,c] to thread r < rows. f may change in keep.
template <int most_rows, int threads, class T, class Keep>
__device__ __forceinline__ double exponentials(int rows, std::int64_t classes, const T* f,
                                               Exponentials<T, most_rows>& shared, Keep keep) {
  const int thread = static_cast<int>(threadIdx.x);
  if (thread < rows) {
    const T* const row = f + thread * classes;
    T m = row[0];
#pragma unroll 4
    for (std::int64_t c = 1; c < classes; ++c) {
      const T v = row[c];
      m = (v > m || v != v) ? v : m;
    }
    shared.max[thread] = m;
  }
  __syncthreads();
  double sum = 0;
  for (std::int64_t c0 = 0; c0 < classes; c0 += class_slice) {
    const int width = static_cast<int>(classes - c0 < class_slice ? classes - c0 : class_slice);
    for (int i = thread; i < rows * width; i += threads) {
      const int r = i / width, c = i % width;
      const std::int64_t element = r * classes + c0 + c;
      const T e = elementary::exp(f[element] - shared.max[r]);
      shared.e[r][c] = e;
      keep(element, e);
    }
    __syncthreads();
    if (thread < rows)
      for (int c = 0; c < width; ++c) sum += static_cast<double>(shared.e[thread][c]);
    __syncthreads();
  }
  return sum;
}

inline constexpr int softmax_rows = 32, softmax_threads = 128;
template <class T>
struct SoftmaxShared {
  Exponentials<T, softmax_rows> exponentials;
  double sum[softmax_rows];
};

/// p may be f: an element is read and written by one thread, after all maxima have been taken.
template <class T>
__global__ void __launch_bounds__(softmax_threads)
    softmax_kernel(std::int64_t samples, std::int64_t classes, const T* f, T* p) {
  auto& shared = shared_memory<SoftmaxShared<T>>();
  const int thread = static_cast<int>(threadIdx.x);
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * softmax_rows;
  const int rows = static_cast<int>(samples - first < softmax_rows ? samples - first : softmax_rows);
  T* const out = p + first * classes;
  const double sum = exponentials<softmax_rows, softmax_threads>(
      rows, classes, f + first * classes, shared.exponentials, [&](std::int64_t i, T e) { out[i] = e; });
  if (thread < rows) shared.sum[thread] = sum;
  __syncthreads();
  for (std::int64_t i = thread; i < rows * classes; i += softmax_threads)
    out[i] = static_cast<T>(static_cast<double>(out[i]) / shared.sum[i / classes]);
}

inline constexpr int cross_entropy_threads = 256;

/// partial[blockIdx.x] = the chain of group first + blockIdx.x.
template <class T>
__global__ void __launch_bounds__(cross_entropy_threads, 2)  // without the 2, ptxas 13.0 takes 48 registers and spills
    cross_entropy_kernel(std::int64_t samples, std::int64_t classes, const T* f, const std::int32_t* labels,
                         std::int64_t group, std::int64_t first, double* partial) {
  auto& shared = shared_memory<Exponentials<T, samples_at_once>>();
  const int thread = static_cast<int>(threadIdx.x);
  chain_group(samples, group, first + blockIdx.x, partial + blockIdx.x, [&](std::int64_t s, int rows) {
    const double sum = exponentials<samples_at_once, cross_entropy_threads>(rows, classes, f + s * classes, shared,
                                                                            [](std::int64_t, T) {});
    if (thread >= rows) return 0.0;
    const T at_label = f[(s + thread) * classes + labels[s + thread]];
    const double difference = static_cast<double>(shared.max[thread]) - static_cast<double>(at_label);
    return elementary::log(sum) + difference;
  });
}

template <class T>
__global__ void __launch_bounds__(samples_at_once)
    half_sum_of_squares_kernel(std::int64_t samples, std::int64_t classes, const T* d, std::int64_t group,
                               std::int64_t first, double* partial) {
  const int thread = static_cast<int>(threadIdx.x);
  chain_group(samples, group, first + blockIdx.x, partial + blockIdx.x, [&](std::int64_t s, int rows) {
    double chain = 0;
    if (thread < rows) {
      const T* const row = d + (s + thread) * classes;
#pragma unroll 4
      for (std::int64_t c = 0; c < classes; ++c) {
        const double x = static_cast<double>(row[c]);
        chain = std::fma(x, x, chain);
      }
    }
    return chain;
  });
}

inline constexpr int most_pairs = 32;
/// The factors of sample_dot: a₁, b₁, a₂, b₂, …
template <class T>
struct Pairs {
  const T* factor[2 * most_pairs];
  int count;
};

template <class T>
__global__ void __launch_bounds__(samples_at_once)
    sample_dot_kernel(std::int64_t samples, std::int64_t columns, Pairs<T> pairs, std::int64_t group,
                      std::int64_t first, double* partial) {
  const int thread = static_cast<int>(threadIdx.x);
  chain_group(samples, group, first + blockIdx.x, partial + blockIdx.x, [&](std::int64_t s, int rows) {
    double chain = 0;
    if (thread < rows)
      for (int i = 0; i < pairs.count; ++i) {
        const T* const a = pairs.factor[2 * i] + (s + thread) * columns;
        const T* const b = pairs.factor[2 * i + 1] + (s + thread) * columns;
#pragma unroll 4
        for (std::int64_t c = 0; c < columns; ++c)
          chain = std::fma(static_cast<double>(a[c]), static_cast<double>(b[c]), chain);
      }
    return chain;
  });
}

}  // namespace brink::cuda
