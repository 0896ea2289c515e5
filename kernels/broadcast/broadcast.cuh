// SPDX-License-Identifier: MIT
// The CUDA kernels between a matrix of samples and a row or a column of it; broadcast.h has their contracts.
//
//   a thread takes column c of rows r, r + step, r + 2 step, r + 3 step (kernels/cuda/access.cuh)
//
// All cells of a thread are in one column and use the same b[c], so one division finds them. add_row and broadcast_row,
// which run over all pixels, take columns in packs of 16 bytes where the width allows; the others move few bytes.
#pragma once

#include "kernels/cuda/access.cuh"

namespace brink::cuda {

/// `columns` counts packs of `width`.
template <int width, class T>
__global__ void __launch_bounds__(elementwise_threads) add_row_kernel(Cells cells, T* out, const T* x, const T* b) {
  for_cells(
      cells, [&](std::int64_t s, std::int64_t c) { return load_pack<width>(x + (s * cells.columns + c) * width); },
      [&](std::int64_t s, std::int64_t c, Pack<T, width> v) {
        const Pack<T, width> row = load_pack<width>(b + c * width);
#pragma unroll
        for (int j = 0; j < width; ++j) v.v[j] = v.v[j] + row.v[j];
        store_pack<width>(out + (s * cells.columns + c) * width, v);
      });
}

/// `columns` counts packs of `width`.
template <int width, class T>
__global__ void __launch_bounds__(elementwise_threads) broadcast_row_kernel(Cells cells, T* out, const T* b) {
  for_cells(
      cells, [&](std::int64_t, std::int64_t c) { return load_pack<width>(b + c * width); },
      [&](std::int64_t s, std::int64_t c, Pack<T, width> v) {
        store_pack<width>(out + (s * cells.columns + c) * width, v);
      });
}

template <class T>
__global__ void __launch_bounds__(elementwise_threads) broadcast_column_kernel(Cells cells, T* out, const T* r) {
  for_cells(
      cells, [&](std::int64_t s, std::int64_t) { return r[s]; },
      [&](std::int64_t s, std::int64_t c, T v) { out[s * cells.columns + c] = v; });
}

/// One thread for each row: rows are short (classes), so the lines that a warp touches stay in the first-level cache.
template <class T>
__global__ void __launch_bounds__(elementwise_threads)
    sum_columns_kernel(std::int64_t rows, std::int64_t columns, T* out, const T* x) {
  const std::int64_t s = thread_index();
  if (s >= rows) return;
  double sum = 0;
#pragma unroll 4
  for (std::int64_t c = 0; c < columns; ++c) sum += static_cast<double>(x[s * columns + c]);
  out[s] = static_cast<T>(sum);
}

/// The cells are those of out; x has `from` columns, the first of which goes to column `before`.
template <class T>
__global__ void __launch_bounds__(elementwise_threads)
    pad_columns_kernel(Cells cells, T* out, const T* x, std::int64_t from, std::int64_t before) {
  for_cells(
      cells,
      [&](std::int64_t s, std::int64_t c) {
        return c >= before && c < before + from ? x[s * from + (c - before)] : T(0);
      },
      [&](std::int64_t s, std::int64_t c, T v) { out[s * cells.columns + c] = v; });
}

template <class T>
__global__ void __launch_bounds__(elementwise_threads)
    slice_columns_kernel(Cells cells, T* out, const T* x, std::int64_t from, std::int64_t first) {
  for_cells(
      cells, [&](std::int64_t s, std::int64_t c) { return x[s * from + first + c]; },
      [&](std::int64_t s, std::int64_t c, T v) { out[s * cells.columns + c] = v; });
}

template <class T>
__global__ void __launch_bounds__(elementwise_threads)
    scale_by_kernel(Elements elements, T* out, const double* c, const T* x) {
  const T factor = static_cast<T>(*c);
  elementwise(
      elements, out, [factor](T v) { return factor * v; }, x);
}

}  // namespace brink::cuda
