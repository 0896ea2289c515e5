// SPDX-License-Identifier: MIT
// The matrix products on vector registers, compiled once per instruction set.
//
//            n →  [ vector 0 ][ vector 1 ]     one tile of C: MR rows × NV vectors in registers,
//     m ↓  ┌─────────────────────────────┐     one fma chain per element over the whole of k.
//     MR   │ acc[i][j] += A[i,k] · B[k,j] │     A[i,k] is broadcast from its place in memory, row k of B is loaded once.
//          └─────────────────────────────┘
//
// The order in which elements are computed never affects the bits: an accumulator that leaves the registers at the end of a
// k-block comes back unchanged. 8 × 2 on AVX-512: 16 chains cover the latency of two fma units (4 cycles × 2) twice and need 10
// loads for 16 fmas. 6 × 2 fills AVX2's 16 registers.
#include "kernels/isa.h"
#include "kernels/matmul/matmul_isa.h"
#include "kernels/matmul/microkernel.h"

namespace brink::cpu {
namespace {

using std::int64_t;

template <class Isa>
inline constexpr int tile_rows = Isa::vector_bytes == 64   ? 8
                                 : Isa::vector_bytes == 32 ? 6
                                                           : 4;

enum class Start : unsigned char { zero, resume };

/// A tile of C. `columns` lanes of the NV vectors exist; with `finish`, +0 is added at the end.
template <class T>
struct Tile {
  T* c;
  int64_t ldc;
  int columns;
  Start start;
  bool finish;
};

/// c[i][j] = fma chain over kc terms; A element (i, k) at a[i·row_stride + k·k_stride], row k of B at b + k·width.
template <class Isa, class T, int rows, int NV, bool unit_rows, bool whole>
[[gnu::noinline]] void tile(int64_t kc, const T* a, int64_t row_stride, int64_t k_stride, const T* b,
                            const Tile<T>& t) {
  using V = Vec<Isa, T>;
  constexpr int L = lanes<Isa, T>;
  if constexpr (unit_rows) row_stride = 1;
  V acc[rows][NV];
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) {
      const T* const c = t.c + i * t.ldc + j * L;
      if (t.start == Start::zero)
        acc[i][j] = V{};
      else if constexpr (whole)
        acc[i][j] = load<V>(c);
      else
        acc[i][j] = load_first<V>(c, existing<L>(t.columns, j));
    }
  const auto steps = [&](int64_t count) __attribute__((always_inline)) {
    add_terms<0, rows, unit_rows>(acc, count, a, row_stride, k_stride, b);
  };
  if constexpr (unit_rows) {
    // Where A is a slice of longer rows (a weight gradient), each k-step is on another page, so the slices of the next tiles
    // are prefetched one step at a time. So is C of the next tile (docs/experiments.md).
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i)
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) __builtin_prefetch(t.c + (rows + i) * t.ldc + j * L, 1);
    steps(kc);
  } else {
    // The rows of the next tile are prefetched meanwhile: one line of a row for each line of k.
    constexpr int64_t line = 64 / static_cast<int64_t>(sizeof(T));
    for (int64_t k = 0; k < kc; k += line) {
#pragma GCC unroll 16
      for (int i = 0; i < rows; ++i) __builtin_prefetch(a + (rows + i) * row_stride);
      steps(kc - k < line ? kc - k : line);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) {
      T* const c = t.c + i * t.ldc + j * L;
      const V sum = t.finish ? acc[i][j] + V{} : acc[i][j];
      if constexpr (whole)
        store(c, sum);
      else
        store_first(c, sum, existing<L>(t.columns, j));
    }
}

/// The tile with the number of rows chosen at run time, 1 ≤ rows ≤ MR.
template <class Isa, class T, int MR, int NV, bool unit_rows>
[[gnu::always_inline]] inline void tile_of(int rows, int64_t kc, const T* a, int64_t row_stride, int64_t k_stride,
                                           const T* b, const Tile<T>& t) {
  if constexpr (MR > 1)
    if (rows < MR) return tile_of<Isa, T, MR - 1, NV, unit_rows>(rows, kc, a, row_stride, k_stride, b, t);
  if (t.columns == NV * lanes<Isa, T>)
    tile<Isa, T, MR, NV, unit_rows, true>(kc, a, row_stride, k_stride, b, t);
  else
    tile<Isa, T, MR, NV, unit_rows, false>(kc, a, row_stride, k_stride, b, t);
}

/// Rows k … k+rows of Bᵀ, which are columns of B [n, ldb], as panels (microkernel.h).
template <class T>
void pack_transposed(int64_t rows, int64_t n, const T* b, int64_t ldb, int64_t width, T* out) {
  for (int64_t j0 = 0; j0 < n; j0 += width, out += rows * width) {
    const int64_t w = n - j0 < width ? n - j0 : width;
    for (int64_t j = 0; j < w; ++j)
      for (int64_t k = 0; k < rows; ++k) out[k * width + j] = b[(j0 + j) * ldb + k];
    for (int64_t j = w; j < width; ++j)
      for (int64_t k = 0; k < rows; ++k) out[k * width + j] = T(0);
  }
}

/// Packs rows i … i+rows of A, columns k … k+kc, as tiles of MR rows, each [kc, MR]; rows that do not exist are skipped.
template <class T, int MR>
void pack_tiles(int64_t rows, int64_t kc, const T* a, int64_t lda, T* out) {
  for (int64_t i0 = 0; i0 < rows; i0 += MR, out += MR * kc) {
    const int64_t height = rows - i0 < MR ? rows - i0 : MR;
    for (int64_t i = 0; i < height; ++i)
      for (int64_t k = 0; k < kc; ++k) out[k * MR + i] = a[(i0 + i) * lda + k];
  }
}

template <class Isa, class T, int NV>
void matmul_panels(const MatmulCall<T>& x) {
  constexpr int MR = tile_rows<Isa>;
  constexpr int64_t width = NV * lanes<Isa, T>;
  // Each element of a packed A is read once for every panel of B; with fewer panels, copying costs more than the strided reads.
  // Rows 4096 bytes apart share one set of the first-level cache, which packing avoids.
  const bool pack_a = x.n >= packed_a_from_columns;
  int64_t depth = 0;
  for (int p = 0; p < x.pairs; ++p)
    depth = x.products[static_cast<std::size_t>(p)].k > depth ? x.products[static_cast<std::size_t>(p)].k : depth;
  T* const packed_a = x.scratch + (depth < k_block ? depth : k_block) * padded_columns(x.n, sizeof(T));
  for (int p = 0; p < x.pairs; ++p) {
    const Product<T>& f = x.products[static_cast<std::size_t>(p)];
    for (int64_t k0 = 0; k0 < f.k; k0 += k_block) {
      const int64_t kc = f.k - k0 < k_block ? f.k - k0 : k_block;
      const Start start = p == 0 && k0 == 0 ? Start::zero : Start::resume;
      const bool finish = p == x.pairs - 1 && k0 + kc == f.k;
      const T* panels = x.scratch;
      if (x.transpose_b)
        pack_transposed(kc, x.n, f.b + k0, f.k, width, x.scratch);
      else if (x.n == width)
        panels = f.b + k0 * x.n;
      else
        pack_rows(kc, x.n, f.b + k0 * x.n, width, x.scratch);
      for (int64_t m0 = 0; m0 < x.m; m0 += row_block) {
        const int64_t end = m0 + row_block < x.m ? m0 + row_block : x.m;
        if (pack_a) pack_tiles<T, MR>(end - m0, kc, f.a + m0 * f.k + k0, f.k, packed_a);
        for (int64_t j0 = 0; j0 < x.n; j0 += width) {
          const auto columns = static_cast<int>(x.n - j0 < width ? x.n - j0 : width);
          for (int64_t i0 = m0; i0 < end; i0 += MR) {
            const int rows = static_cast<int>(end - i0 < MR ? end - i0 : MR);
            const Tile<T> t{x.c + i0 * x.n + j0, x.n, columns, start, finish};
            if (pack_a)
              tile_of<Isa, T, MR, NV, true>(rows, kc, packed_a + (i0 - m0) * kc, 1, MR, panels + j0 * kc, t);
            else
              tile_of<Isa, T, MR, NV, false>(rows, kc, f.a + i0 * f.k + k0, f.k, 1, panels + j0 * kc, t);
          }
        }
        if (finish && x.finish.any()) finish_rows<Isa>(x.finish, m0, end, x.n, x.c);
      }
    }
  }
}

template <class Isa, class T, int NV>
void weight_gradient_panels(const WeightGradientCall<T>& x) {
  constexpr int MR = tile_rows<Isa>;
  constexpr int64_t width = NV * lanes<Isa, T>;
  const int64_t groups = (x.samples + x.group - 1) / x.group;
  const int64_t columns = padded_columns(x.n, sizeof(T));
  const int64_t longest = x.samples < x.group ? x.samples : x.group;
  T* const waiting = x.scratch;
  T* const packed = x.scratch + tree_levels(groups) * x.k * columns;
  alignas(64) T t[MR * width];
  for (int64_t g = 0; g < groups; ++g) {
    const int64_t s0 = g * x.group;
    const int64_t rows = x.samples - s0 < x.group ? x.samples - s0 : x.group;
    const T* d[max_factor_pairs];
    for (int p = 0; p < x.pairs; ++p) {
      const T* from = x.products[static_cast<std::size_t>(p)].b + s0 * x.n;
      T* to = packed + p * longest * columns;
      if (x.n != width) pack_rows(rows, x.n, from, width, to);
      d[p] = x.n == width ? from : to;
    }
    for (int64_t k0 = 0; k0 < x.k; k0 += MR) {
      const int tile_k = static_cast<int>(x.k - k0 < MR ? x.k - k0 : MR);
      for (int64_t j0 = 0; j0 < x.n; j0 += width) {
        const int64_t w = x.n - j0 < width ? x.n - j0 : width;
        // A single leaf is the whole tree and is stored in its place at once.
        T* const leaf = groups == 1 ? x.w + k0 * x.n + j0 : t;
        for (int p = 0; p < x.pairs; ++p)
          tile_of<Isa, T, MR, NV, true>(tile_k, rows, x.products[static_cast<std::size_t>(p)].a + s0 * x.k + k0, 1, x.k,
                                        d[p] + j0 * rows,
                                        {leaf, groups == 1 ? x.n : width, static_cast<int>(w),
                                         p == 0 ? Start::zero : Start::resume, p == x.pairs - 1});
        if (groups > 1)
          climb(tile_k, w, t, width, waiting + k0 * columns + j0, x.k * columns, columns, g, groups,
                x.w + k0 * x.n + j0, x.n);
      }
    }
  }
}

}  // namespace

template <class Isa, class T>
void matmul_isa(const MatmulCall<T>& x) {
  if (panel_width<Isa, T>(x.n) == lanes<Isa, T>)
    matmul_panels<Isa, T, 1>(x);
  else
    matmul_panels<Isa, T, 2>(x);
}

template <class Isa, class T>
void weight_gradient_isa(const WeightGradientCall<T>& x) {
  if (panel_width<Isa, T>(x.n) == lanes<Isa, T>)
    weight_gradient_panels<Isa, T, 1>(x);
  else
    weight_gradient_panels<Isa, T, 2>(x);
}

template <class Isa, class T>
void sum_samples_isa(const GroupedPanels& x, int64_t n, const T* d, T* b, T* scratch) {
  using V = Vec<Isa, T>;
  const int64_t groups = x.groups();
  T *const t = scratch, *const sum_of_group = t + n, *const waiting = sum_of_group + n;
  T* const waiting_panels = waiting + tree_levels(groups) * n;
  for (int64_t g = 0; g < groups; ++g) {
    const int64_t panels = x.count(g);
    T* const leaf = panels == 1 ? t : sum_of_group;
    for (int64_t panel = 0; panel < panels; ++panel) {
      const Panels::Rows rows = x.rows(g, panel);
      for (int64_t j = 0; j < n; j += lanes<Isa, T>) {
        const auto exist = static_cast<int>(n - j < lanes<Isa, T> ? n - j : lanes<Isa, T>);
        V sum{};
        if (exist == lanes<Isa, T>)
          for (int64_t s = rows.begin; s < rows.end; ++s) sum += load<V>(d + s * n + j);
        else
          for (int64_t s = rows.begin; s < rows.end; ++s) sum += load_first<V>(d + s * n + j, exist);
        store_first(t + j, sum + V{}, exist);
      }
      if (panels > 1) climb(1, n, t, n, waiting_panels, n, n, panel, panels, leaf, n);
    }
    climb(1, n, leaf, n, waiting, n, n, g, groups, b, n);
  }
}

template void matmul_isa<ThisIsa, float>(const MatmulCall<float>&);
template void matmul_isa<ThisIsa, double>(const MatmulCall<double>&);
template void weight_gradient_isa<ThisIsa, float>(const WeightGradientCall<float>&);
template void weight_gradient_isa<ThisIsa, double>(const WeightGradientCall<double>&);
template void sum_samples_isa<ThisIsa, float>(const GroupedPanels&, int64_t, const float*, float*, float*);
template void sum_samples_isa<ThisIsa, double>(const GroupedPanels&, int64_t, const double*, double*, double*);

}  // namespace brink::cpu
