// SPDX-License-Identifier: MIT
// The register tile of every product, matrix product or convolution: rows × NV vectors of running sums, one fma chain per
// element, and the panels of B that it reads. For sources compiled once per instruction set only (isa.h).
#pragma once

#include <cstdint>

#include "kernels/isa.h"
#include "kernels/reduce/climb.h"
#include "kernels/simd.h"

namespace brink::cpu {
namespace {

/// Sums of `rows` rows of the result, NV vectors each.
template <class V, int rows, int NV>
using Sums = V[rows][NV];

/// How many lanes of vector j lie inside a tile of `columns` columns.
template <int L>
[[gnu::always_inline]] inline int existing(int columns, int j) {
  const int n = columns - j * L;
  return n < 0 ? 0 : n < L ? n : L;
}

template <class V, int rows, int NV>
[[gnu::always_inline]] inline void clear(Sums<V, rows, NV>& sums) {
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) sums[i][j] = V{};
}

/// Loads the vectors of one row of B; `whole`: all lanes exist, otherwise `columns` of them.
template <bool whole, class V, int NV, class T>
[[gnu::always_inline]] inline void load_row(V (&row)[NV], const T* b, int columns) {
  constexpr int L = sizeof(V) / sizeof(T);
#pragma GCC unroll 4
  for (int j = 0; j < NV; ++j) {
    if constexpr (whole)
      row[j] = load<V>(b + j * L);
    else
      row[j] = load_first<V>(b + j * L, existing<L>(columns, j));
  }
}

/// Rows lo … hi−1 take `count` more terms: A's element (i, k) at a[i·row_stride + k·k_stride], row k of B at b + k·NV·lanes.
/// a and b end behind the last term. ahead: the lines of A three steps further are prefetched.
template <int lo, int hi, bool ahead, class V, int rows, int NV, class T>
[[gnu::always_inline]] inline void add_terms(Sums<V, rows, NV>& sums, std::int64_t count, const T*& a,
                                             std::int64_t row_stride, std::int64_t k_stride, const T*& b) {
  constexpr int L = sizeof(V) / sizeof(T);
  for (std::int64_t k = 0; k < count; ++k) {
    V bv[NV];
    if constexpr (ahead) __builtin_prefetch(a + 3 * rows);
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) bv[j] = load<V>(b + j * L);
#pragma GCC unroll 16
    for (int i = lo; i < hi; ++i) {
      const V av = broadcast<V>(a[i * row_stride]);
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) sums[i][j] = fma(av, bv[j], sums[i][j]);
    }
    a += k_stride;
    b += NV * L;
  }
}

/// The same with k_stride 1, for many rows: every third row has its own pointer, so that the addresses of all rows need few
/// registers. With a single pointer and 16 rows, g++ 12 keeps offsets in vector registers and loses a sixth of the speed.
template <int lo, int hi, class V, int rows, int NV, class T>
[[gnu::always_inline]] inline void add_terms_of_many(Sums<V, rows, NV>& sums, std::int64_t count, const T*& a,
                                                     std::int64_t row_stride, const T*& b) {
  constexpr int L = sizeof(V) / sizeof(T), thirds = (hi - lo + 2) / 3;
  const T* third[thirds];
#pragma GCC unroll 16
  for (int g = 0; g < thirds; ++g) {
    third[g] = a + (lo + 3 * g) * row_stride;
    asm("" : "+r"(third[g]));  // otherwise the compiler derives it from the first pointer again
  }
  for (std::int64_t k = 0; k < count; ++k) {
    V bv[NV];
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) bv[j] = load<V>(b + j * L);
#pragma GCC unroll 16
    for (int i = lo; i < hi; ++i) {
      const V av = broadcast<V>(third[(i - lo) / 3][(i - lo) % 3 * row_stride]);
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) sums[i][j] = fma(av, bv[j], sums[i][j]);
    }
#pragma GCC unroll 16
    for (int g = 0; g < thirds; ++g) ++third[g];
    b += NV * L;
  }
  a += count;
}

/// Rows of a row-major [rows, n] matrix as panels of `width` columns, each panel [rows, width] contiguous, the last padded
/// with zeros.
template <class T>
void pack_rows(std::int64_t rows, std::int64_t n, const T* b, std::int64_t width, T* out) {
  for (std::int64_t j0 = 0; j0 < n; j0 += width, out += rows * width) {
    const std::int64_t w = n - j0 < width ? n - j0 : width;
    for (std::int64_t k = 0; k < rows; ++k) {
      copy(out + k * width, b + k * n + j0, w);
      for (std::int64_t j = w; j < width; ++j) out[k * width + j] = T(0);
    }
  }
}

/// Columns of a panel: two vectors, one where n fits into it.
template <class Isa, class T>
constexpr std::int64_t panel_width(std::int64_t n) {
  constexpr std::int64_t L = lanes<Isa, T>;
  return n <= L ? L : 2 * L;
}

}  // namespace
}  // namespace brink::cpu
