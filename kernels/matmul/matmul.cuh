// SPDX-License-Identifier: MIT
// The matrix products on the GPU, in three roles: rows times weights, rows times transposed weights, and the sum over samples
// that is a weight gradient. choose_tile.h chooses tiles, matmul_cuda.cu launches, tile.cuh is the inside of a tile.
// No chain is ever split, so a small C cannot be spread over the device by cutting k, as libraries do. Only the choice of the
// tile fills the device, and the narrow products of a network run at the rate of shared memory (see "Tiles").
#pragma once

#include <cstdint>

#include "kernels/epilogue/epilogue.h"
#include "kernels/matmul/choose_tile.h"
#include "kernels/matmul/matmul.h"
#include "kernels/matmul/tile.cuh"
#include "kernels/reduce/panels.h"

namespace brink::cuda {

// Tiles, as Tile<m, n, k, tm, tn, depth, stages>: m × n of C in a block, tm × tn in a thread, k terms staged at once.
//
//             n →
//          ┌───────────────────────────────┐   Three rates limit a tile. A warp issues one fma instruction a cycle, and four warps
//     m ↓  │ t0 t0 t0 t0 │ t1 …    │ t0 t0 │   of a multiprocessor do so at once. Shared memory delivers 32 values a cycle to all
//          │ t0 t0 t0 t0 │ t1 …    │ t0 t0 │   four together, the second-level cache about 4. A thread needs tm + tn values for
//          │      …      │         │       │   tm·tn fmas, a block m + n for m·n. model_cycles() in choose_tile.h takes the slowest
//          └───────────────────────────────┘   of the three as the cost of a term, and the cheapest tile for each shape.
//     A thread's columns come in pieces of 16 bytes, `across` threads apart: 8 neighbouring threads read 128 contiguous bytes.
//
//   large     8 × 8 in a thread: 64 fmas for 4 loads of 16 bytes; issue and shared memory limit it equally. 256 threads, 2 blocks on a
//             multiprocessor. Two stages: 36 KB; a portion's 1024 fmas a thread take longer than a memory access.
//   medium    for 33 … 128 columns, where 128 × 128 would leave multiprocessors without a block.
//   tall      8 × 8 in one warp: the weight gradient of a first layer, 784 × 32 in 32 groups, becomes 416 blocks.
//   small     a hidden layer of 32: 4000 rows are 125 blocks for 132 multiprocessors. 4 × 4 in a thread balances the limits at half of
//             the peak, the most that 970 unsplit chains on a multiprocessor allow.
//   narrow16, narrow4   heads of 10 and 4 classes.
//   tiny      everything smaller: a 32 × 32 weight gradient in 32 groups becomes 128 blocks.
//
// docs/kernels.md has the registers of all tiles and the model's estimate for each shape, docs/experiments.md what was tried
// and was slower.
template <class T>
struct Tiles;
template <>
struct Tiles<float> {
  using All = TileList<Tile<128, 128, 16, 8, 8, 1, 2>,  // large
                       Tile<64, 64, 16, 8, 4, 4, 3>,    // medium
                       Tile<64, 32, 16, 8, 8, 4, 3>,    // tall
                       Tile<32, 32, 32, 4, 4, 4, 4>,    // small
                       Tile<32, 16, 32, 4, 4, 4, 4>,    // narrow16
                       Tile<32, 4, 32, 1, 4, 4, 4>,     // narrow4
                       Tile<16, 16, 32, 2, 2, 4, 4>>;   // tiny
};
/// Half as many values in the same bytes; sums take two registers each.
template <>
struct Tiles<double> {
  using All = TileList<Tile<128, 64, 8, 8, 4, 1, 3>,   // large
                       Tile<64, 32, 16, 8, 4, 2, 3>,   // tall
                       Tile<32, 32, 16, 4, 4, 2, 4>,   // small
                       Tile<32, 16, 16, 4, 4, 2, 4>,   // narrow16
                       Tile<32, 4, 16, 1, 4, 2, 4>,    // narrow4
                       Tile<16, 16, 16, 2, 2, 2, 4>>;  // tiny
};

/// A₁, B₁, A₂, B₂, … by value: kernel arguments are in constant memory, and so are the addresses of the operands.
template <class T>
struct FactorPairs {
  const T* a[max_factor_pairs];
  const T* b[max_factor_pairs];
  std::int32_t k[max_factor_pairs];  ///< terms of each pair; unused in a weight gradient
  std::int32_t count;
};

/// C = A₁B₁ + A₂B₂ + …, or with Bᵀ.
/// Shapes:     Aᵢ [m,Kᵢ], Bᵢ [Kᵢ,n] (transpose_b: [n,Kᵢ]), C [m,n]. Grid: tiles of rows × tiles of columns.
/// Layout:     row-major, contiguous; rows that start at multiples of 16 bytes are copied in such pieces, others by elements.
/// Arithmetic: one chain per element: acc = +0; for i ascending, for k ascending: acc = fma(Aᵢ[m,k], Bᵢ[k,n], acc); acc + 0; the epilogue.
///             The portions of all pairs follow one another; the last one of a pair is padded with terms 0·0.
/// Aliasing:   C overlaps nothing.
/// Errors:     none.
/// Cost:       2·m·n·ΣKᵢ flops. From memory: A once for each tile of columns, B once for each tile of rows.
/// Source:     the outer-product tile of every fast SGEMM (MAGMA, maxas, CUTLASS); order fixed by ARCHITECTURE.md, "chain".
template <class T, class Tile, bool transpose_b>
__global__ void __launch_bounds__(Tile::threads, Tile::blocks)
    matmul_kernel(T* c, std::int64_t m, int n, int portions, FactorPairs<T> pairs, Finish<T> finish) {
  const std::int64_t m0 = std::int64_t{blockIdx.x} * Tile::m, n0 = std::int64_t{blockIdx.y} * Tile::n;
  const int rows = static_cast<int>(m - m0 < Tile::m ? m - m0 : Tile::m);
  const int columns = static_cast<int>(n - n0 < Tile::n ? n - n0 : Tile::n);
  int pair = 0, k0 = 0;
  const auto fetch = [&](auto& a, auto& b) {
    const int k = pairs.k[pair];
    a.template fetch<Tile::threads>(pairs.a[pair] + m0 * k + k0, k, rows, k - k0);
    if constexpr (transpose_b)
      b.template fetch<Tile::threads>(pairs.b[pair] + n0 * k + k0, k, columns, k - k0);
    else
      b.template fetch<Tile::threads>(pairs.b[pair] + std::int64_t{k0} * n + n0, n, columns, k - k0);
    k0 += Tile::k;
    if (k0 >= k) {
      k0 = 0;
      ++pair;
    }
  };
  const std::int64_t origin = m0 * n + n0;
  tile_product<T, Tile, true, transpose_b>(
      c + origin, rows, columns, n, portions, fetch, [n](int row) { return std::int64_t{row} * n; },
      [&](T sum, std::int64_t at, int column) { return finish(sum, origin + at, n0 + column); });
}

/// For each group of samples its part of W = X₁ᵀD₁ + X₂ᵀD₂ + …
/// Shapes:     Xᵢ [samples,k], Dᵢ [samples,n], parts [groups,k,n]. Grid: tiles of k × tiles of n × groups, from first_group on.
/// Layout:     row-major, contiguous. A row of X or D holds one term of all chains, so both are staged as they lie in memory.
/// Arithmetic: per group and element one chain: acc = +0; for i ascending, for s ascending: acc = fma(Xᵢ[s,k], Dᵢ[s,n], acc);
///             acc + 0.
/// Aliasing:   parts overlap nothing.
/// Errors:     none.
/// Cost:       2·samples·k·n flops per pair; groups·k·n values written, and read once more by join_groups_kernel.
/// Source:     ARCHITECTURE.md, "panels and trees".
template <class T, class Tile>
__global__ void __launch_bounds__(Tile::threads, Tile::blocks)
    weight_gradient_kernel(T* parts, std::int64_t samples, int k, int n, std::int64_t group, std::int64_t first_group,
                           FactorPairs<T> pairs) {
  const std::int64_t m0 = std::int64_t{blockIdx.x} * Tile::m, n0 = std::int64_t{blockIdx.y} * Tile::n;
  const int rows = static_cast<int>(k - m0 < Tile::m ? k - m0 : Tile::m);
  const int columns = static_cast<int>(n - n0 < Tile::n ? n - n0 : Tile::n);
  const std::int64_t begin = (first_group + blockIdx.z) * group;
  const int length = static_cast<int>(samples - begin < group ? samples - begin : group);
  const int portions = (length + Tile::k - 1) / Tile::k * pairs.count;
  int pair = 0, s0 = 0;
  tile_product<T, Tile, false, false>(
      parts + (std::int64_t{blockIdx.z} * k + m0) * n + n0, rows, columns, n, portions,
      [&](auto& a, auto& b) {
        const std::int64_t s = begin + s0;
        a.template fetch<Tile::threads>(pairs.a[pair] + s * k + m0, k, rows, length - s0);
        b.template fetch<Tile::threads>(pairs.b[pair] + s * n + n0, n, columns, length - s0);
        s0 += Tile::k;
        if (s0 >= length) {
          s0 = 0;
          ++pair;
        }
      },
      [n](int row) { return std::int64_t{row} * n; }, [](T sum, std::int64_t, int) { return sum; });
}

/// For each panel of rows and each column the sum of D: the weight gradient against a column of ones.
/// Shapes:     D [rows,n], rows being samples or pixels; parts [panels,n], of the `panels` from `first` on; one thread for each
///             panel and column. A group but the last has `in_group` panels.
/// Arithmetic: acc = +0; for rows ascending: acc = acc + D[row,n]; acc + 0.
/// Aliasing:   parts overlap nothing. Errors: none.
/// Cost:       rows·n additions. `ahead` loads are in flight before the first is added: a chain of dependent loads would wait for
///             memory once a row.
template <class T>
__global__ void sum_samples_kernel(T* parts, GroupedPanels all, std::int64_t in_group, std::int64_t first,
                                   std::int64_t panels, std::int64_t n, const T* d) {
  constexpr int ahead = 32;
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x, panel = first + i / n;
  if (i >= panels * n) return;
  const Panels::Rows rows = all.rows(panel / in_group, panel % in_group);
  const std::int64_t begin = rows.begin;
  const int length = static_cast<int>(rows.end - begin);
  const T* from = d + begin * n + i % n;
  T acc = T(0);
  int s = 0;
  for (; s + ahead <= length; s += ahead) {
    T next[ahead];
#pragma unroll
    for (int j = 0; j < ahead; ++j) next[j] = __ldg(from + (s + j) * n);
#pragma unroll
    for (int j = 0; j < ahead; ++j) acc = acc + next[j];
  }
#pragma unroll 8
  for (; s < length; ++s) acc = acc + __ldg(from + s * n);
  parts[i] = acc + T(0);
}

}  // namespace brink::cuda
