// SPDX-License-Identifier: MIT
// The CUDA kernels of pooling and shortcuts; pool.h has their contracts.
//
//   a thread takes channel c of four pixels of its result (kernels/cuda/access.cuh), of one in pool_scatter: 32 neighbouring threads
//   touch 32 neighbouring channels of every pixel they read
//   pool_scatter gathers: a thread looks at the windows that contain its pixel, ascending, and finds the argmax of each again
//
// The taps of a window are in lines that neighbouring threads or the first-level cache have just read. Gathering writes each
// value once and needs no atomics; 3 × 3 windows at distance 2 are compared up to four times, from cache.
#pragma once

#include "kernels/cuda/access.cuh"
#include "kernels/pool/pool.h"

namespace brink::cuda {

/// Pictures of height × width, p × q windows.
struct PoolCall {
  std::int64_t height, width, channels, p, q;
  PoolWindows windows;
};

struct Pixel {
  std::int64_t sample, row, column;
};
__device__ __forceinline__ Pixel pixel_of(std::int64_t i, std::int64_t rows, std::int64_t columns) {
  const std::int64_t line = i / columns;
  return {line / rows, line % rows, i - line * columns};
}

/// The element of x that is the maximum of window (p, q) in channel c.
template <class T>
__device__ __forceinline__ std::int64_t argmax_of(const PoolCall& call, const T* x, std::int64_t sample, std::int64_t p,
                                                  std::int64_t q, std::int64_t c) {
  const std::int64_t first =
      ((sample * call.height + p * call.windows.stride) * call.width + q * call.windows.stride) * call.channels + c;
  std::int64_t best = first;
  T m = x[first];
#pragma unroll 1
  for (std::int64_t i = 0; i < call.windows.window; ++i)
#pragma unroll 1
    for (std::int64_t j = i == 0 ? 1 : 0; j < call.windows.window; ++j) {
      const std::int64_t at = first + (i * call.width + j) * call.channels;
      const T v = x[at];
      const bool takes = v > m || v != v;
      m = takes ? v : m;
      best = takes ? at : best;
    }
  return best;
}

/// The cells are windows × channels. For the maximum itself, `from` is x.
template <class T>
__global__ void __launch_bounds__(elementwise_threads)
    pool_select_kernel(Cells cells, PoolCall call, T* out, const T* x, const T* from) {
  for_cells(
      cells,
      [&](std::int64_t i, std::int64_t c) {
        const Pixel w = pixel_of(i, call.p, call.q);
        return from[argmax_of(call, x, w.sample, w.row, w.column, c)];
      },
      [&](std::int64_t i, std::int64_t c, T v) { out[i * cells.columns + c] = v; });
}

/// A thread for each of `count` pixels × channels: four at once would not fit into its registers.
template <class T>
__global__ void __launch_bounds__(elementwise_threads)
    pool_scatter_kernel(std::int64_t count, PoolCall call, T* out, const T* x, const T* d) {
  const std::int64_t window = call.windows.window, stride = call.windows.stride, i = thread_index();
  if (i >= count) return;
  const auto first_window = [&](std::int64_t at) { return at < window ? 0 : (at - window) / stride + 1; };
  const std::int64_t c = i % call.channels;
  const Pixel at = pixel_of(i / call.channels, call.height, call.width);
  T acc = 0;
#pragma unroll 1
  for (std::int64_t p = first_window(at.row); p < call.p && p * stride <= at.row; ++p)
#pragma unroll 1
    for (std::int64_t q = first_window(at.column); q < call.q && q * stride <= at.column; ++q)
      if (argmax_of(call, x, at.sample, p, q, c) == i)
        acc = acc + d[((at.sample * call.p + p) * call.q + q) * call.channels + c];
  out[i] = acc;
}

/// A thread for each sample and channel.
template <class T>
__global__ void __launch_bounds__(elementwise_threads)
    average_pixels_kernel(std::int64_t count, std::int64_t pixels, std::int64_t channels, T* out, const T* x) {
  const std::int64_t i = thread_index();
  if (i >= count) return;
  const T* const from = x + i / channels * pixels * channels + i % channels;
  double sum = 0;
#pragma unroll 8
  for (std::int64_t p = 0; p < pixels; ++p) sum = sum + static_cast<double>(from[p * channels]);
  out[i] = static_cast<T>(sum / static_cast<double>(pixels));
}

/// The cells are pixels × channels.
template <class T>
__global__ void __launch_bounds__(elementwise_threads)
    spread_pixels_kernel(Cells cells, std::int64_t pixels, T* out, const T* d) {
  for_cells(
      cells, [&](std::int64_t i, std::int64_t c) { return d[i / pixels * cells.columns + c] / static_cast<T>(pixels); },
      [&](std::int64_t i, std::int64_t c, T v) { out[i * cells.columns + c] = v; });
}

/// A picture of height × width pixels, and the picture of every stride-th pixel, p × q.
struct ShortcutCall {
  std::int64_t height, width, channels, p, q, appended, stride;
};

/// The cells are pixels × channels of the smaller picture.
template <class T>
__global__ void __launch_bounds__(elementwise_threads)
    shortcut_kernel(Cells cells, ShortcutCall call, T* out, const T* x) {
  for_cells(
      cells,
      [&](std::int64_t i, std::int64_t c) {
        if (c >= call.channels) return T(0);
        const Pixel at = pixel_of(i, call.p, call.q);
        return x[((at.sample * call.height + at.row * call.stride) * call.width + at.column * call.stride) *
                     call.channels +
                 c];
      },
      [&](std::int64_t i, std::int64_t c, T v) { out[i * cells.columns + c] = v; });
}

/// The cells are pixels × channels of the larger picture.
template <class T>
__global__ void __launch_bounds__(elementwise_threads)
    shortcut_transposed_kernel(Cells cells, ShortcutCall call, T* out, const T* d) {
  for_cells(
      cells,
      [&](std::int64_t i, std::int64_t c) {
        const Pixel at = pixel_of(i, call.height, call.width);
        if (at.row % call.stride != 0 || at.column % call.stride != 0) return T(0);
        return d[((at.sample * call.p + at.row / call.stride) * call.q + at.column / call.stride) *
                     (call.channels + call.appended) +
                 c];
      },
      [&](std::int64_t i, std::int64_t c, T v) { out[i * cells.columns + c] = v; });
}

}  // namespace brink::cuda
