// SPDX-License-Identifier: MIT
// The convolutions on the GPU: forward, gradient by the input, gradient by the weights. Each is a matrix product whose
// rows of pixels are gathered while they are staged in shared memory. conv_cuda.cu chooses tiles and launches; tile.cuh
// is the inside of a tile.
// Taps outside a picture are staged as zeros and take part in the chains. That changes no bit, except where a weight is
// infinite or NaN (0·∞): then the chain ends as NaN, and the thread computes that element again from its valid taps
// alone.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/conv/conv.h"
#include "kernels/epilogue/epilogue.h"
#include "kernels/matmul/choose_tile.h"
#include "kernels/matmul/tile.cuh"

namespace brink::cuda {

// Forward: rows are output pixels (n, p, q), columns output channels, terms (kh, kw, ci). No patch is copied whole: in
// a portion of 16 terms a thread brings, for each of its rows, 4 neighbouring channels of one tap.
//
//      pictures [n,h,w,c]                  A in shared memory            weights [kh·kw·ci, co]: B as it lies
//                   ┌──┬──┬──┐             terms →                           columns →
//      row 0: ●     │ 0│ 1│ 2│ taps       ┌───────┬───────┬───────┐         ┌──────────────┐
//      (h0, w0) ──▸ ├──┼──┼──┤        r ↓ │ tap 0 │ tap 1 │ tap 2 │ …       │ tap 0, ci    │  terms ↓
//                   │ 3│ 4│ 5│            │  ci   │  ci   │  0 0  │◂outside ├──────────────┤
//                   └──┴──┴──┘            └───────┴───────┴───────┘         │ tap 1, ci    │
//
//   What a row needs is worked out once, in a table in shared memory: where its tap (0, 0) lies. What a term needs, (kh, kw, ci), is
//   the same for all rows of a thread; it is carried from portion to portion by addition, never by division.
// Gradient by the input: the same product over cotangents [n,p,q,k]. An input pixel meets the taps of its phase (h + padding) mod
//   stride, (w + padding) mod stride: stride 2 has four phases, each a dense product of its own, so no tap is staged in vain.
//   Taps descend, so output pixels ascend, and a row of cotangents is contiguous. B is gathered along co.
// Gradient by the weights: rows are (kh, kw, ci), columns co, terms the ≤ 256 pixels of a panel; a block for each tile and panel writes
//   a part, over_panels.cuh joins them. Both tables, of pixels and of taps, fit into shared memory.
//
// Tiles (kernels/matmul/matmul.cuh has the three rates that decide, choose_tile.h the formula):
//   128 × 128   8 × 8 in a thread, from 128 channels on.
//   128 × 64, 128 × 32   8 × 8 as well: there are always rows enough, so these tiles are tall where matmul's are small.
//   128 × 16    ResNet's first stage. A staged value is used 16 times, so the second-level cache limits it to 44 % of the arithmetic;
//               8 × 4 with 64 threads then hides more latency than 8 × 8 with 32, at the same limit.
//   128 × 8     VGG10's first stage. The second-level cache limits it to half the rate of 128 × 16 half empty, at half the arithmetic;
//               a portion of 32 terms holds all 27 of three channels.
//   64 × 64, 64 × 32, 32 × 32, 32 × 16   few pixels (late stages, small chunks), and weights of few taps × channels.
//
// Copies go through the first-level cache (async_copy with `exists`), because the next taps of a portion's rows are
// mostly the rows before. docs/experiments.md lists what was tried and was slower.
template <class T>
struct ConvTiles;
template <>
struct ConvTiles<float> {
  using All = TileList<Tile<128, 128, 16, 8, 8, 1, 2>, Tile<128, 64, 16, 8, 8, 4, 3>, Tile<128, 32, 16, 8, 8, 4, 3>,
                       Tile<128, 16, 16, 8, 4, 4, 3>, Tile<128, 8, 32, 4, 4, 4, 2>, Tile<64, 64, 16, 8, 4, 4, 3>,
                       Tile<64, 32, 16, 8, 8, 4, 3>, Tile<32, 32, 32, 4, 4, 4, 4>, Tile<32, 16, 32, 4, 4, 4, 4>>;
};
template <>
struct ConvTiles<double> {
  using All = TileList<Tile<128, 64, 8, 8, 4, 1, 3>, Tile<64, 32, 16, 8, 4, 2, 3>, Tile<32, 32, 16, 4, 4, 2, 4>,
                       Tile<32, 16, 16, 4, 4, 2, 4>>;
};

/// The least number of blocks on a multiprocessor, by registers: 8 warps with 128 each in each of two blocks, or 12
/// warps with 168. Without this bound the compiler gives the gradient by the input 254 for 8 × 8.
template <class Tile>
inline constexpr int conv_blocks = Tile::threads == 256 ? 2 : 384 / Tile::threads;

/// a₁, b₁, a₂, b₂, … by value. `packs`: the gathered rows of channels all start at multiples of 16 bytes.
template <class T>
struct ConvPairs {
  const T* a[max_factor_pairs];
  const T* b[max_factor_pairs];
  std::int32_t count;
  bool packs;
};

/// The rows of a product: all places (n, a, b) of a grid of high × wide places over pictures of h × w pixels of c
/// channels. Each place sees r × s taps; tap (i, j) lies on pixel (a·step + top + i, b·step + left + j).
struct Patches {
  int h, w, c, r, s, high, wide, step, top, left;
};

/// The place of a row: where its tap (0, 0) lies, which may be outside the picture.
struct Spot {
  std::int64_t offset;  ///< offset of that pixel's first channel
  std::int64_t to;      ///< offset of the row of the result
  int h, w;
};
inline constexpr int nowhere = -(1 << 30);

__device__ __forceinline__ Spot spot_of(const Patches& x, std::int64_t row) {
  const std::int64_t n = row / (x.high * x.wide);
  const int place = static_cast<int>(row - n * (x.high * x.wide)), a = place / x.wide, b = place - a * x.wide;
  const int h = a * x.step + x.top, w = b * x.step + x.left;
  return {((n * x.h + h) * x.w + w) * x.c, 0, h, w};
}
__device__ __forceinline__ bool inside(const Patches& x, int h, int w) {
  return static_cast<unsigned>(h) < static_cast<unsigned>(x.h) && static_cast<unsigned>(w) < static_cast<unsigned>(x.w);
}

/// A term of the chains: a channel of a tap.
struct Term {
  int r, s, c;
};
__device__ __forceinline__ Term term_of(const Patches& x, int e) {
  const int tap = e / x.c;
  return {tap / x.s, tap % x.s, e % x.c};
}
__device__ __forceinline__ Term plus(const Patches& x, Term t, Term step) {
  t.c += step.c;
  const bool next_tap = t.c >= x.c;
  t.c -= next_tap ? x.c : 0;
  t.s += step.s + (next_tap ? 1 : 0);
  const bool next_line = t.s >= x.s;
  t.s -= next_line ? x.s : 0;
  t.r += step.r + (next_line ? 1 : 0);
  return t;
}

/// Rows of patches times weights, each result passed through the epilogue. weight(b, term, column) is the address of a
/// weight. Unless `along_k`, neighbouring columns are neighbours there, and terms are rows of `columns_of_b` weights.
/// place(row) is where a row of the result starts.
template <class T, class Tile, bool along_k, class Weight, class Place>
__device__ __forceinline__ void patches_product(T* out, std::int64_t all_rows, int n, const Patches& x,
                                                const ConvPairs<T>& pairs, const Finish<T>& finish, Weight weight,
                                                Place place) {
  struct Spots {
    Spot at[Tile::m];
  };
  Spots& spots = shared_memory<Spots>();
  const std::int64_t m0 = std::int64_t{blockIdx.x} * Tile::m;
  if (m0 >= all_rows) return;
  const int n0 = static_cast<int>(blockIdx.y) * Tile::n;
  const int rows = static_cast<int>(all_rows - m0 < Tile::m ? all_rows - m0 : Tile::m);
  const int columns = n - n0 < Tile::n ? n - n0 : Tile::n;
  for (int i = static_cast<int>(threadIdx.x); i < Tile::m; i += Tile::threads) {
    Spot spot{0, 0, nowhere, nowhere};
    if (i < rows) {
      spot = spot_of(x, m0 + i);
      spot.to = place(m0 + i);
    }
    spots.at[i] = spot;
  }
  __syncthreads();

  using A = Operand<T, Tile::m, Tile::k, true, Tile::depth>;
  constexpr int piece = A::by_rows ? A::piece : 1;
  const Term first = term_of(x, pairs.packs ? A::template gathered_term<Tile::threads, piece>()
                                            : A::template gathered_term<Tile::threads, 1>());
  const Term step = term_of(x, Tile::k);
  const int terms = x.r * x.s * x.c;
  Term term = first;
  int pair = 0, k0 = 0;
  const auto fetch = [&](auto& a, auto& b) {
    const T *const from = pairs.a[pair], *const weights = pairs.b[pair];
    const bool exists = term.r < x.r;
    const int at = (term.r * x.w + term.s) * x.c + term.c;
    const auto pixel = [&](int row) {
      const Spot spot = spots.at[row];
      const bool seen = exists && inside(x, spot.h + term.r, spot.w + term.s);
      return Source<T>{from + (seen ? spot.offset + at : 0), seen};
    };
    const auto gather = [&](auto& operand, const auto& source) {
      if (pairs.packs)
        operand.template gather<Tile::threads, piece>(source);
      else
        operand.template gather<Tile::threads, 1>(source);
    };
    gather(a, pixel);
    if constexpr (along_k)
      gather(b, [&](int column) {
        const bool both = exists && column < columns;
        return Source<T>{both ? weight(weights, term, n0 + column) : weights, both};
      });
    else
      b.template fetch<Tile::threads>(weights + std::int64_t{k0} * n + n0, n, columns, terms - k0);
    k0 += Tile::k;
    term = plus(x, term, step);
    if (k0 >= terms) {
      k0 = 0;
      term = first;
      ++pair;
    }
  };

  bool again = false;
  T* const to = out + n0;
  tile_product<T, Tile, true, along_k>(
      to, rows, columns, n, (terms + Tile::k - 1) / Tile::k * pairs.count, fetch,
      [&](int row) { return spots.at[row].to; },
      [&](T sum, std::int64_t offset, int column) {
        again = again || sum != sum;
        return finish(sum, n0 + offset, n0 + column);
      });
  if (!again) return;
  for_own_elements<T, Tile, true, along_k>(rows, columns, [&](int row, int column) {
    const Spot spot = spots.at[row];
    T& element = to[spot.to + column];
    if (inside(x, spot.h, spot.w) && inside(x, spot.h + x.r - 1, spot.w + x.s - 1)) return;
    if (element == element) return;
    T acc = T(0);
    for (int i = 0; i < pairs.count; ++i)
      for (Term t{0, 0, 0}; t.r < x.r; ++t.r)
        for (t.s = 0; t.s < x.s; ++t.s)
          for (t.c = 0; t.c < x.c && inside(x, spot.h + t.r, spot.w + t.s); ++t.c)
            acc = std::fma(pairs.a[i][spot.offset + (t.r * x.w + t.s) * x.c + t.c], *weight(pairs.b[i], t, n0 + column),
                           acc);
    element = finish(acc + T(0), n0 + spot.to + column, n0 + column);
  });
}

/// y = Σ conv(xᵢ, wᵢ), then the epilogue.
/// Shapes:     xᵢ [n,h,w,c], wᵢ [r,s,c,k], y [n,p,q,k]. Grid: tiles of pixels × tiles of channels.
/// Layout:     row-major, contiguous; channels in copies of 16 bytes where they are whole ones, else one by one.
/// Arithmetic: one chain per element: acc = +0; for i ascending, for (kh, kw, ci) ascending: acc = fma(xᵢ, wᵢ, acc), x = +0 outside;
///             acc + 0; a chain that this makes NaN is computed again over valid taps alone; then the epilogue.
/// Aliasing:   y overlaps nothing.
/// Errors:     none.
/// Cost:       2·n·p·q·k·r·s·c flops per pair. From the caches: x r·s times for each tile of channels, w once for each of pixels.
/// Source:     implicit GEMM (cuDNN, CUTLASS), its order fixed by ARCHITECTURE.md, "chain".
template <class T, class Tile>
__global__ void __launch_bounds__(Tile::threads, conv_blocks<Tile>)
    conv2d_kernel(T* y, ConvShape f, ConvPairs<T> pairs, Finish<T> finish) {
  const auto i = [](std::int64_t v) { return static_cast<int>(v); };
  const Patches x{i(f.h), i(f.w), i(f.c), i(f.r), i(f.s), i(f.p), i(f.q), i(f.stride), i(-f.padding), i(-f.padding)};
  const int n = i(f.k);
  patches_product<T, Tile, false>(
      y, f.n * f.p * f.q, n, x, pairs, finish,
      [&](const T* b, Term t, int column) { return b + std::int64_t{(t.r * x.s + t.s) * x.c + t.c} * n + column; },
      [n](std::int64_t row) { return row * n; });
}

/// One axis of a phase: the pixels first, first + stride, …, which see the taps phase, phase + stride, … The lowest output pixel seen
/// from the first of them, at the highest of these taps, is `origin`; it may be outside.
struct PhaseAxis {
  int first, pixels, taps, origin;
  __device__ __forceinline__ PhaseAxis(int phase, std::int64_t extent, std::int64_t all_taps, std::int64_t stride,
                                       std::int64_t padding) {
    const int n = static_cast<int>(extent), r = static_cast<int>(all_taps), step = static_cast<int>(stride),
              p = static_cast<int>(padding);
    first = ((phase - p) % step + step) % step;
    pixels = first < n ? (n - first - 1) / step + 1 : 0;
    taps = phase < r ? (r - phase - 1) / step + 1 : 0;
    origin = (first + p - phase) / step - (taps - 1);
  }
};

/// x̅ = Σ over pairs (dᵢ, wᵢ), then the epilogue.
/// Shapes:     dᵢ [n,p,q,k], wᵢ [r,s,c,k], x [n,h,w,c]. Grid: tiles of a phase's pixels × tiles of channels × phases.
/// Layout:     row-major, contiguous; channels k in copies of 16 bytes where they are whole ones, else one by one.
/// Arithmetic: one chain per element: acc = +0; for i ascending, for (kh, kw) of the phase descending, for co ascending:
///             acc = fma(dᵢ, wᵢ, acc), d = +0 outside; acc + 0; NaNs and the epilogue as in conv2d_kernel.
/// Aliasing:   x overlaps nothing.
/// Errors:     none.
/// Cost:       2·n·p·q·k·r·s·c flops per pair.
/// Source:     as conv2d_kernel; phases: the decomposition of strided transposed convolutions.
template <class T, class Tile>
__global__ void __launch_bounds__(Tile::threads, conv_blocks<Tile>)
    conv2d_input_gradient_kernel(T* out, ConvShape f, ConvPairs<T> pairs, Finish<T> finish) {
  const auto i = [](std::int64_t v) { return static_cast<int>(v); };
  const int stride = i(f.stride), phase = static_cast<int>(blockIdx.z);
  const PhaseAxis up(phase / stride, f.h, f.r, f.stride, f.padding),
      left(phase % stride, f.w, f.s, f.stride, f.padding);
  Patches x{i(f.p), i(f.q), i(f.k), up.taps, left.taps, up.pixels, left.pixels, 1, up.origin, left.origin};
  if (x.s == 0) x.r = 0, x.s = 1;
  const int c = i(f.c);
  patches_product<T, Tile, true>(
      out, f.n * up.pixels * left.pixels, c, x, pairs, finish,
      [&](const T* b, Term t, int column) {
        const int r = phase / stride + (x.r - 1 - t.r) * stride, s = phase % stride + (x.s - 1 - t.s) * stride;
        return b + std::int64_t{(r * i(f.s) + s) * c + column} * x.c + t.c;
      },
      [&](std::int64_t row) {
        const std::int64_t n = row / (x.high * x.wide);
        const int at = static_cast<int>(row - n * (x.high * x.wide)), a = at / x.wide, b = at - a * x.wide;
        return ((n * f.h + up.first + a * stride) * f.w + left.first + b * stride) * f.c;
      });
}

/// For each panel its part of w̅ = Σ over pairs (xᵢ, dᵢ).
/// Shapes:     xᵢ [n,h,w,c], dᵢ [n,p,q,k], parts [panels,r,s,c,k], of the panels from first_panel on, `in_group` in each group but the
///             last. Grid: tiles of (kh, kw, ci) × tiles of channels × panels.
/// Layout:     row-major, contiguous; channels c in copies of 16 bytes where they are whole ones, else one by one.
/// Arithmetic: per panel and element one chain: acc = +0; for i ascending, for pixels ascending: acc = fma(xᵢ, dᵢ, acc), x = +0 outside;
///             acc + 0; NaNs as in conv2d_kernel.
/// Aliasing:   parts overlap nothing.
/// Errors:     none.
/// Cost:       2·n·p·q·k·r·s·c flops per pair; panels·r·s·c·k values written, and read once more by join_groups_kernel.
/// Source:     ARCHITECTURE.md, "panels and trees".
template <class T, class Tile>
__global__ void __launch_bounds__(Tile::threads, conv_blocks<Tile>)
    conv2d_weight_gradient_kernel(T* parts, ConvShape f, GroupedPanels all, std::int64_t in_group,
                                  std::int64_t first_panel, ConvPairs<T> pairs) {
  struct Tables {
    Spot pixel[Panels::most_rows];
    struct Tap {
      int at, r, s;
    } tap[Tile::m];
  };
  Tables& tables = shared_memory<Tables>();
  const auto i = [](std::int64_t v) { return static_cast<int>(v); };
  const Patches x{i(f.h), i(f.w), i(f.c), i(f.r), i(f.s), i(f.p), i(f.q), i(f.stride), i(-f.padding), i(-f.padding)};
  const int m = x.r * x.s * x.c, n = i(f.k);
  const int m0 = static_cast<int>(blockIdx.x) * Tile::m, n0 = static_cast<int>(blockIdx.y) * Tile::n;
  const int rows = m - m0 < Tile::m ? m - m0 : Tile::m, columns = n - n0 < Tile::n ? n - n0 : Tile::n;
  const std::int64_t panel = first_panel + blockIdx.z;
  const Panels::Rows pixels = all.rows(panel / in_group, panel % in_group);
  const int length = i(pixels.end - pixels.begin);
  for (int e = static_cast<int>(threadIdx.x); e < Panels::most_rows; e += Tile::threads)
    tables.pixel[e] = e < length ? spot_of(x, pixels.begin + e) : Spot{0, 0, nowhere, nowhere};
  for (int e = static_cast<int>(threadIdx.x); e < Tile::m; e += Tile::threads) {
    const Term t = term_of(x, m0 + e);
    tables.tap[e] = {(t.r * x.w + t.s) * x.c + t.c, e < rows ? t.r : nowhere, t.s};
  }
  __syncthreads();

  int pair = 0, s0 = 0;
  bool again = false;
  T* const to = parts + (std::int64_t{blockIdx.z} * m + m0) * n + n0;
  tile_product<T, Tile, false, false>(
      to, rows, columns, n, (length + Tile::k - 1) / Tile::k * pairs.count,
      [&](auto& a, auto& b) {
        const T* const from = pairs.a[pair];
        const auto source = [&](int term, int row) {
          const Spot pixel = tables.pixel[s0 + term];
          const auto tap = tables.tap[row];
          const bool seen = inside(x, pixel.h + tap.r, pixel.w + tap.s);
          return Source<T>{from + (seen ? pixel.offset + tap.at : 0), seen};
        };
        if (pairs.packs)
          a.template gather_lines<Tile::threads, pack_width<T>>(source);
        else
          a.template gather_lines<Tile::threads, 1>(source);
        b.template fetch<Tile::threads>(pairs.b[pair] + (pixels.begin + s0) * n + n0, n, columns, length - s0);
        s0 += Tile::k;
        if (s0 >= length) {
          s0 = 0;
          ++pair;
        }
      },
      [n](int row) { return std::int64_t{row} * n; },
      [&](T sum, std::int64_t, int) {
        again = again || sum != sum;
        return sum;
      });
  if (!again || f.padding == 0) return;
  for_own_elements<T, Tile, false, false>(rows, columns, [&](int row, int column) {
    T& element = to[std::int64_t{row} * n + column];
    if (element == element) return;
    const auto tap = tables.tap[row];
    T acc = T(0);
    for (int j = 0; j < pairs.count; ++j)
      for (int e = 0; e < length; ++e) {
        const Spot pixel = tables.pixel[e];
        if (inside(x, pixel.h + tap.r, pixel.w + tap.s))
          acc = std::fma(pairs.a[j][pixel.offset + tap.at], pairs.b[j][(pixels.begin + e) * n + n0 + column], acc);
      }
    element = acc + T(0);
  });
}

}  // namespace brink::cuda
