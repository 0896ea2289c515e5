// SPDX-License-Identifier: MIT
// The CUDA kernels of the losses; loss.h has their contracts. One thread runs the chain over a group's samples, as the contract
// requires; all threads share the work within samples.
//
//   block = group:   128 samples at a time                          then thread 0: chain += value[0], value[1], …
//     cross_entropy  256 threads: e = exp(f − max) of 16 classes of all samples → shared memory, a thread a sample adds them
//     others         a thread a sample runs the sample's own chain
//   leaves (one a group) → tree_kernel (kernels/reduce/reduce.cuh)
//
//   block = 32 rows: cross_entropy_gradient  128 threads: the same exponentials, then all threads divide
//   thread = row:    minus_leading, balance_leading
//
// 128 dependent additions from shared memory take under a microsecond, less than the launch of a kernel that would run the
// chains of several groups in parallel. The exponentials (float64 polynomials) dominate: all threads share them, with loads
// along rows. The other kernels take a thread a row, and rows are short (classes), so the lines that a warp touches stay in the
// first-level cache while its threads read along their rows.
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

/// The first of the largest values; a NaN counts as larger than all before it.
template <class T>
__device__ __forceinline__ std::int64_t leading_class(const T* f, std::int64_t classes) {
  T largest = f[0];
  std::int64_t leading = 0;
#pragma unroll 4
  for (std::int64_t c = 1; c < classes; ++c) {
    const T v = f[c];
    const bool larger = v > largest || v != v;
    largest = larger ? v : largest;
    leading = larger ? c : leading;
  }
  return leading;
}

inline constexpr int class_slice = 16;

template <int most_rows>
struct Exponentials {
  double max[most_rows];
  double e[most_rows][class_slice + 1];  // one column more, so that the rows of a warp are in different banks
};

/// For `rows` ≤ most_rows ≤ threads samples that start at f: max[r] = max_c f[r,c]; keep(element, e) with e = exp(f[r,c] − max[r])
/// once for every element, by any thread; add(c, e, whether c leads) for c ascending, by thread r < rows for its row.
template <int most_rows, int threads, class T, class Keep, class Add>
__device__ __forceinline__ void exponentials(int rows, std::int64_t classes, const T* f,
                                             Exponentials<most_rows>& shared, Keep keep, Add add) {
  const int thread = static_cast<int>(threadIdx.x);
  std::int64_t leading = 0;
  if (thread < rows) {
    const T* const row = f + thread * classes;
    leading = leading_class(row, classes);
    shared.max[thread] = static_cast<double>(row[leading]);
  }
  __syncthreads();
  for (std::int64_t c0 = 0; c0 < classes; c0 += class_slice) {
    const int width = static_cast<int>(classes - c0 < class_slice ? classes - c0 : class_slice);
    for (int i = thread; i < rows * width; i += threads) {
      const int r = i / width, c = i % width;
      const std::int64_t element = r * classes + c0 + c;
      const double e = elementary::exp(static_cast<double>(f[element]) - shared.max[r]);
      shared.e[r][c] = e;
      keep(element, e);
    }
    __syncthreads();
    if (thread < rows)
      for (int c = 0; c < width; ++c) add(c0 + c, shared.e[thread][c], c0 + c == leading);
    __syncthreads();
  }
}

inline constexpr int gradient_rows = 32, gradient_threads = 128;
struct GradientShared {
  Exponentials<gradient_rows> exponentials;
  double sum[gradient_rows], others[gradient_rows];
};

template <class T>
__global__ void __launch_bounds__(gradient_threads)
    cross_entropy_gradient_kernel(std::int64_t samples, std::int64_t classes, const T* f, const std::int32_t* labels,
                                  T* delta, T* p) {
  auto& shared = shared_memory<GradientShared>();
  const int thread = static_cast<int>(threadIdx.x);
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * gradient_rows;
  const int rows = static_cast<int>(samples - first < gradient_rows ? samples - first : gradient_rows);
  const std::int32_t label = thread < rows ? labels[first + thread] : 0;
  T *const of_p = p + first * classes, *const of_delta = delta + first * classes;
  double sum = 0, others = 0;
  exponentials<gradient_rows, gradient_threads>(
      rows, classes, f + first * classes, shared.exponentials,
      [&](std::int64_t i, double e) { of_p[i] = static_cast<T>(e); },
      [&](std::int64_t c, double e, bool) {
        sum += e;
        others += c == label ? 0.0 : e;  // no e is −0
      });
  if (thread < rows) {
    shared.sum[thread] = sum;
    shared.others[thread] = others;
  }
  __syncthreads();
  for (std::int64_t i = thread; i < rows * classes; i += gradient_threads) {
    const std::int64_t r = i / classes;
    const T quotient = static_cast<T>(static_cast<double>(of_p[i]) / shared.sum[r]);
    of_p[i] = quotient;
    of_delta[i] = i - r * classes == labels[first + r] ? -static_cast<T>(shared.others[r] / shared.sum[r]) : quotient;
  }
}

template <class T>
__global__ void __launch_bounds__(elementwise_threads)
    minus_leading_kernel(std::int64_t samples, std::int64_t classes, T* out, const T* x, const T* p) {
  const std::int64_t s = thread_index();
  if (s >= samples) return;
  const T* const row = x + s * classes;
  const T of_leading = row[leading_class(p + s * classes, classes)];
#pragma unroll 4
  for (std::int64_t c = 0; c < classes; ++c) out[s * classes + c] = row[c] - of_leading;
}

template <class T>
__global__ void __launch_bounds__(elementwise_threads)
    balance_leading_kernel(std::int64_t samples, std::int64_t classes, T* out, const T* x, const T* p) {
  const std::int64_t s = thread_index();
  if (s >= samples) return;
  const std::int64_t leading = leading_class(p + s * classes, classes);
  double others = 0;
#pragma unroll 4
  for (std::int64_t c = 0; c < classes; ++c) {
    const T v = x[s * classes + c];
    if (c == leading) continue;
    others += static_cast<double>(v);
    out[s * classes + c] = v;
  }
  out[s * classes + leading] = -static_cast<T>(others);
}

inline constexpr int cross_entropy_threads = 256;

/// partial[blockIdx.x] = the chain of group first + blockIdx.x.
template <class T>
__global__ void __launch_bounds__(cross_entropy_threads, 2)  // without the 2, ptxas 13.0 takes 48 registers and spills
    cross_entropy_kernel(std::int64_t samples, std::int64_t classes, const T* f, const std::int32_t* labels,
                         std::int64_t group, std::int64_t first, double* partial) {
  auto& shared = shared_memory<Exponentials<samples_at_once>>();
  const int thread = static_cast<int>(threadIdx.x);
  chain_group(samples, group, first + blockIdx.x, partial + blockIdx.x, [&](std::int64_t s, int rows) {
    double others = 0;
    exponentials<samples_at_once, cross_entropy_threads>(
        rows, classes, f + s * classes, shared, [](std::int64_t, double) {},
        [&](std::int64_t, double e, bool leads) { others += leads ? 0.0 : e; });  // no e is −0
    if (thread >= rows) return 0.0;
    const T at_label = f[(s + thread) * classes + labels[s + thread]];
    return elementary::log1p(others) + (shared.max[thread] - static_cast<double>(at_label));
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
