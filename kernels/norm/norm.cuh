// SPDX-License-Identifier: MIT
// The CUDA kernels of ghost-group statistics; norm.h has their contracts: panels, tree and roundings.
//
//   panel_kernel:   thread (panel, channel): the chain over the panel's rows → scratch[panel][channel]; 32 neighbouring threads
//                   read 32 neighbouring channels of a row, and load 8 rows ahead of their additions
//   finish_kernel:  block (group, 32 channels) of 8 warps: the tree over the group's panels in place, then mean, root, rounding
//   rows kernels:   thread (4 rows, pack of 16 bytes): x̂ and y, or the fused multiply–adds of group_affine
//
// One thread runs a panel's chain, as the contract requires. There are rows/256 · channels of them, enough to fill a device
// from about a thousand pictures on. The tree is 1/256 of the additions.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/cuda/access.cuh"
#include "kernels/norm/norm.h"

namespace brink::cuda {

inline constexpr unsigned panel_threads = 128;
inline constexpr int tree_channels = 32, tree_warps = 8;
inline constexpr int most_factors = 64, most_terms = 2 * 32 + 1;

template <class T>
struct SumTerms {
  const T* x;
  __device__ __forceinline__ double chain(std::int64_t begin, std::int64_t end, std::int64_t n, std::int64_t c,
                                          std::int64_t) const {
    double acc = 0;
#pragma unroll 8
    for (std::int64_t r = begin; r < end; ++r) acc = acc + static_cast<double>(x[r * n + c]);
    return acc;
  }
};

template <class T>
struct DotTerms {
  const T* factor[most_factors];
  int pairs;
  __device__ __forceinline__ double chain(std::int64_t begin, std::int64_t end, std::int64_t n, std::int64_t c,
                                          std::int64_t) const {
    double acc = 0;
    for (int i = 0; i < pairs; ++i) {
      const T *const a = factor[2 * i], *const b = factor[2 * i + 1];
#pragma unroll 8
      for (std::int64_t r = begin; r < end; ++r)
        acc = std::fma(static_cast<double>(a[r * n + c]), static_cast<double>(b[r * n + c]), acc);
    }
    return acc;
  }
};

template <class T>
struct SquareTerms {
  const T *x, *mean;
  __device__ __forceinline__ double chain(std::int64_t begin, std::int64_t end, std::int64_t n, std::int64_t c,
                                          std::int64_t g) const {
    const double m = static_cast<double>(mean[g * n + c]);
    double acc = 0;
#pragma unroll 8
    for (std::int64_t r = begin; r < end; ++r) {
      const double d = static_cast<double>(x[r * n + c]) - m;
      acc = std::fma(d, d, acc);
    }
    return acc;
  }
};

/// partial[panel·C + c] for the panels of all groups; a whole group has `a_group` panels.
template <class Terms>
__global__ void __launch_bounds__(panel_threads)
    panel_kernel(GroupedRows rows, std::int64_t a_group, std::int64_t panels, Terms terms, double* partial) {
  const std::int64_t i = thread_index();
  if (i >= panels * rows.channels) return;
  const std::int64_t panel = i / rows.channels, c = i % rows.channels, g = panel / a_group;
  const Panels::Rows own = rows.panels_of(g).rows(panel - g * a_group);
  const std::int64_t first = rows.first_row(g);
  partial[i] = terms.chain(first + own.begin, first + own.end, rows.channels, c, g);
}

// What is made of a total over n values.
template <class T>
struct KeepTotal {
  T* out;
  __device__ __forceinline__ void operator()(std::int64_t i, double total, double) const {
    out[i] = static_cast<T>(total);
  }
};
template <class T>
struct KeepMean {
  T* out;
  __device__ __forceinline__ void operator()(std::int64_t i, double total, double n) const {
    out[i] = static_cast<T>(total / n);
  }
};
template <class T>
struct KeepRoots {
  T *inverse, *deviation;
  double epsilon;
  __device__ __forceinline__ void operator()(std::int64_t i, double total, double n) const {
    const double root = std::sqrt(total / n + epsilon);
    deviation[i] = static_cast<T>(root);
    inverse[i] = static_cast<T>(1.0 / root);
  }
};

/// keep(g·C + c, total, values) with g = blockIdx.x and c in the 32 channels of blockIdx.y.
template <class Keep>
__global__ void __launch_bounds__(tree_channels* tree_warps)
    finish_kernel(GroupedRows rows, std::int64_t a_group, double* partial, Keep keep) {
  const std::int64_t g = blockIdx.x, n = rows.channels, count = rows.panels_of(g).count();
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.y) * tree_channels + threadIdx.x % tree_channels;
  const std::int64_t warp = threadIdx.x / tree_channels;
  double* const leaf = partial + g * a_group * n + c;
  for (std::int64_t stride = 1; stride < count; stride *= 2) {
    if (c < n)
      for (std::int64_t p = 2 * stride * warp; p + stride < count; p += 2 * stride * tree_warps)
        leaf[p * n] = leaf[p * n] + leaf[(p + stride) * n];
    __syncthreads();
  }
  if (c < n && warp == 0) keep(g * n + c, leaf[0], static_cast<double>(rows.rows_of(g)));
}

/// Divides by a value that all threads share; a 64-bit division costs about four 32-bit ones.
__device__ __forceinline__ std::int64_t group_of_row(std::int64_t row, std::int64_t rows_a_group, std::int64_t rows) {
  if (rows <= 0xFFFFFFFF) return static_cast<std::uint32_t>(row) / static_cast<std::uint32_t>(rows_a_group);
  return row / rows_a_group;
}

/// `columns` of the cells counts packs of `width`.
template <int width, class T>
__global__ void __launch_bounds__(elementwise_threads)
    normalise_kernel(Cells cells, std::int64_t rows_a_group, const T* x, const T* gamma, const T* beta, const T* mean,
                     const T* inverse, T* y, T* normalised, Finish<T> finish) {
  for_cells(
      cells, [&](std::int64_t r, std::int64_t c) { return load_pack<width>(x + (r * cells.columns + c) * width); },
      [&](std::int64_t r, std::int64_t c, Pack<T, width> v) {
        const std::int64_t at = (group_of_row(r, rows_a_group, cells.rows) * cells.columns + c) * width,
                           element = (r * cells.columns + c) * width;
        const Pack<T, width> m = load_pack<width>(mean + at), s = load_pack<width>(inverse + at),
                             a = load_pack<width>(gamma + c * width), b = load_pack<width>(beta + c * width);
        Pack<T, width> out;
#pragma unroll
        for (int j = 0; j < width; ++j) {
          v.v[j] = (v.v[j] - m.v[j]) * s.v[j];
          out.v[j] = finish(std::fma(v.v[j], a.v[j], b.v[j]), element + j, c * width + j);
        }
        store_pack<width>(normalised + element, v);
        store_pack<width>(y + element, out);
      });
}

template <class T>
struct AffineTerms {
  const T* term[most_terms];
  int pairs;
  bool bias;
};

template <int width, class T>
__global__ void __launch_bounds__(elementwise_threads)
    affine_kernel(Cells cells, std::int64_t rows_a_group, AffineTerms<T> terms, T* out, Finish<T> finish) {
  for_cells(
      cells,
      [&](std::int64_t r, std::int64_t c) {
        const std::int64_t at = (group_of_row(r, rows_a_group, cells.rows) * cells.columns + c) * width,
                           element = (r * cells.columns + c) * width;
        Pack<T, width> acc;
        if (terms.bias) {
          acc = load_pack<width>(terms.term[2 * terms.pairs] + at);
        } else {
          const Pack<T, width> x = load_pack<width>(terms.term[0] + element), f = load_pack<width>(terms.term[1] + at);
#pragma unroll
          for (int j = 0; j < width; ++j) acc.v[j] = x.v[j] * f.v[j];
        }
        for (int i = terms.bias ? 0 : 1; i < terms.pairs; ++i) {
          const Pack<T, width> x = load_pack<width>(terms.term[2 * i] + element),
                               f = load_pack<width>(terms.term[2 * i + 1] + at);
#pragma unroll
          for (int j = 0; j < width; ++j) acc.v[j] = std::fma(x.v[j], f.v[j], acc.v[j]);
        }
        return acc;
      },
      [&](std::int64_t r, std::int64_t c, Pack<T, width> v) {
        const std::int64_t element = (r * cells.columns + c) * width;
#pragma unroll
        for (int j = 0; j < width; ++j) v.v[j] = finish(v.v[j], element + j, c * width + j);
        store_pack<width>(out + element, v);
      });
}

template <class T>
__global__ void __launch_bounds__(elementwise_threads)
    group_broadcast_kernel(Cells cells, std::int64_t rows_a_group, T* out, const T* r) {
  for_cells(
      cells,
      [&](std::int64_t row, std::int64_t c) {
        return r[group_of_row(row, rows_a_group, cells.rows) * cells.columns + c];
      },
      [&](std::int64_t row, std::int64_t c, T v) { out[row * cells.columns + c] = v; });
}

/// The cells are groups × channels.
template <class T>
__global__ void __launch_bounds__(elementwise_threads)
    weigh_groups_kernel(Cells cells, std::int64_t samples, std::int64_t group, std::int64_t pixels, bool divide, T* out,
                        const T* r) {
  for_cells(
      cells, [&](std::int64_t g, std::int64_t c) { return r[g * cells.columns + c]; },
      [&](std::int64_t g, std::int64_t c, T v) {
        const std::int64_t own = (g + 1) * group < samples ? group : samples - g * group;
        const T weight = static_cast<T>(divide ? own * pixels : own);
        out[g * cells.columns + c] = divide ? v / weight : v * weight;
      });
}

}  // namespace brink::cuda
