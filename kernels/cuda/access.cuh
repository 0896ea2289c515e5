// SPDX-License-Identifier: MIT
// The two ways in which kernels without a loop-carried order walk over arrays: packs of 16 bytes along an array, and
// cells of a matrix.
// Every thread loads all it needs before it stores anything. Bytes in flight, not threads, fill the memory system: an
// H200 wants about 25 KB of loads in flight in each multiprocessor, which is 2048 threads with 16 bytes each, or 4 × 4
// bytes.
//
//   elementwise:  | pack 0 | pack 1 | … | pack p−1 | e | e | e |      thread i < p: pack i; the others: one element of the tail
//   cells:        thread (r, c) takes rows r, r + step, r + 2 step, r + 3 step of column c; step = ⌈rows/4⌉, so consecutive
//                 threads touch consecutive addresses, and a thread divides once for four cells
#pragma once

#include <cstdint>

#include "kernels/cuda/device_code.h"
#include "kernels/cuda/launch.h"

namespace brink::cuda {

/// `width` elements, loaded and stored by one instruction.
template <class T, int width>
struct alignas(width * sizeof(T)) Pack {
  T v[width];
};
template <class T>
inline constexpr int pack_width = static_cast<int>(16 / sizeof(T));

template <int width, class T>
__device__ __forceinline__ Pack<T, width> load_pack(const T* p) {
  return *reinterpret_cast<const Pack<T, width>*>(p);
}
template <int width, class T>
__device__ __forceinline__ void store_pack(T* p, Pack<T, width> v) {
  *reinterpret_cast<Pack<T, width>*>(p) = v;
}

inline bool aligned_to(std::int64_t bytes, const void* p) { return reinterpret_cast<std::uintptr_t>(p) % bytes == 0; }
/// Whether all pointers can be read by whole packs.
template <class... P>
bool packable(const P*... p) {
  return (aligned_to(16, p) && ...);
}

__device__ __forceinline__ std::int64_t thread_index() {
  return static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}

inline constexpr unsigned elementwise_threads = 256;

/// An array of n elements, the first packs·width of which are processed as packs.
struct Elements {
  std::int64_t n, packs;
};
template <class T, class... P>
Elements elements_of(std::int64_t n, T* out, const P*... in) {
  return {n, packable(out, in...) ? n / pack_width<T> : 0};
}
template <class T>
Extent3 elementwise_grid(const Elements& e) {
  return {blocks_for(e.packs + (e.n - e.packs * pack_width<T>), elementwise_threads)};
}

/// Addresses of several arrays, as a kernel's argument.
template <class T, int n>
struct Pointers {
  T* p[n];
};

/// out.p[k][i] = f(in[i]…).v[k] for the elements of this thread. Outputs may be some of `in` exactly.
template <class T, int outputs, class F, class... In>
__device__ __forceinline__ void elementwise(const Elements& elements, const Pointers<T, outputs>& out, F f,
                                            const In*... in) {
  constexpr int width = pack_width<T>;
  const std::int64_t i = thread_index(), e = elements.packs * width + (i - elements.packs);
  if (i < elements.packs) {
    const auto body = [&](const Pack<In, width>&... x) {
      Pack<T, width> y[outputs];
#pragma unroll
      for (int j = 0; j < width; ++j) {
        const auto each = f(x.v[j]...);
#pragma unroll
        for (int k = 0; k < outputs; ++k) y[k].v[j] = each.v[k];
      }
#pragma unroll
      for (int k = 0; k < outputs; ++k) store_pack<width>(out.p[k] + i * width, y[k]);
    };
    body(load_pack<width>(in + i * width)...);
  } else if (e < elements.n) {
    const auto each = f(in[e]...);
#pragma unroll
    for (int k = 0; k < outputs; ++k) out.p[k][e] = each.v[k];
  }
}

/// out[i] = f(in[i]…) for the elements of this thread. out may be one of `in` exactly.
template <class T, class F, class... In>
__device__ __forceinline__ void elementwise(const Elements& elements, T* out, F f, const In*... in) {
  constexpr int width = pack_width<T>;
  const std::int64_t i = thread_index(), e = elements.packs * width + (i - elements.packs);
  if (i < elements.packs) {
    const auto body = [&](const Pack<In, width>&... x) {
      Pack<T, width> y;
#pragma unroll
      for (int j = 0; j < width; ++j) y.v[j] = f(x.v[j]...);
      store_pack<width>(out + i * width, y);
    };
    body(load_pack<width>(in + i * width)...);
  } else if (e < elements.n) {
    out[e] = f(in[e]...);
  }
}

inline constexpr int cells_a_thread = 4;

/// How the threads share a matrix.
struct Cells {
  std::int64_t rows, columns, step;
};
inline Cells cells_of(std::int64_t rows, std::int64_t columns) {
  return {rows, columns, (rows + cells_a_thread - 1) / cells_a_thread};
}
inline Extent3 cells_grid(const Cells& c) { return {blocks_for(c.step * c.columns, elementwise_threads)}; }

/// store(row, column, load(row, column)) for the cells of this thread.
template <class Load, class Store>
__device__ __forceinline__ void for_cells(const Cells& cells, Load load, Store store) {
  const std::int64_t i = thread_index();
  if (i >= cells.step * cells.columns) return;
  std::int64_t row, column;
  if (cells.step * cells.columns <= 0xFFFFFFFF) {  // a 64-bit division costs about four 32-bit ones
    row = static_cast<std::uint32_t>(i) / static_cast<std::uint32_t>(cells.columns);
    column = i - row * cells.columns;
  } else {
    row = i / cells.columns;
    column = i % cells.columns;
  }
  decltype(load(row, column)) value[cells_a_thread];
#pragma unroll
  for (int k = 0; k < cells_a_thread; ++k)
    if (row + k * cells.step < cells.rows) value[k] = load(row + k * cells.step, column);
#pragma unroll
  for (int k = 0; k < cells_a_thread; ++k)
    if (row + k * cells.step < cells.rows) store(row + k * cells.step, column, value[k]);
}

}  // namespace brink::cuda
