// SPDX-License-Identifier: MIT
// One tile of C in one block of threads, for all roles of matmul.cuh and conv.cuh: operands staged in shared memory, chains in
// registers. The kernel decides which operand elements a tile needs.
// Shared memory holds an operand in one of two layouts, by its layout in global memory and the depth of the tile:
//
//   global memory           in shared memory       copies                reads of a thread
//   k rows of B, X, D       element[k][r]          16 bytes              16 bytes along r for each k
//   rows of A, or of Bᵀ     element[r][k + pad]    16 bytes              16 bytes along k for each row, kept for 4 steps of k
//   the same, depth 1       element[k][r + pad]    4 bytes, transposed   16 bytes along r for each k
//
// The second layout reads as few bytes as the first but keeps tm·4 values instead of tm: affordable in small tiles, too many
// registers in 8 × 8 of 128 × 128 (64 sums + 64 operands). There the copies are few (8 for 1024 fmas of a thread) and are
// transposed instead. pad = 16 bytes puts the 4 rows that a warp reads at once, and the 8 k × 4 rows that it transposes at
// once, into different banks.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/cuda/access.cuh"
#include "kernels/cuda/device_code.h"

namespace brink::cuda {

template <int count, class T>
__device__ __forceinline__ Pack<T, count>* pack_at(T* p) {
  return reinterpret_cast<Pack<T, count>*>(p);
}
template <int count, class T>
__device__ __forceinline__ const Pack<T, count>* pack_at(const T* p) {
  return reinterpret_cast<const Pack<T, count>*>(p);
}
/// Whether every row of a matrix at p, rows of `length` elements, starts at a multiple of 16 bytes.
template <class T>
__device__ __forceinline__ bool whole_packs(const T* p, std::int64_t length) {
  return length % pack_width<T> == 0 && reinterpret_cast<std::uintptr_t>(p) % 16 == 0;
}

/// m × n elements of C in a block of `threads`, tm × tn in a thread. k terms of the chains are staged at once, shared memory
/// holds `stages` such portions, and operands are loaded into registers `depth` terms at a time.
template <int m_, int n_, int k_, int tm_, int tn_, int depth_, int stages_>
struct Tile {
  static constexpr int m = m_, n = n_, k = k_, tm = tm_, tn = tn_, depth = depth_, stages = stages_;
  static constexpr int across = n / tn, threads = across * (m / tm);
  static constexpr int blocks = threads == 256 ? 2 : 1;  ///< least number of blocks on a multiprocessor, by registers
};

/// Where elements of a gathered operand come from. Those that do not exist are +0, and `first` is then any address of the
/// array.
template <class T>
struct Source {
  const T* first;
  bool exists;
};

/// Rows × terms of one operand in shared memory; `along_k`: in global memory the terms of a row are neighbours (A, Bᵀ).
template <class T, int rows, int terms, bool along_k, int depth>
struct alignas(16) Operand {
  static constexpr int piece = pack_width<T>;
  static constexpr bool by_rows = along_k && depth > 1;
  static constexpr int length = by_rows ? terms + piece : along_k ? rows + piece : rows;
  static_assert(!by_rows || depth == piece);
  T element[by_rows ? rows : terms][length];

  /// Starts copying rows 0 … rows, terms 0 … terms of the operand at `from`, `stride` elements from line to line. Rows that do
  /// not exist repeat row 0; their sums are discarded. Terms that do not exist are +0 in both operands: acc is unchanged except
  /// for −0, which the closing + 0 of every chain makes +0 (ARCHITECTURE.md, "chain").
  template <int threads>
  __device__ __forceinline__ void fetch(const T* from, int stride, int rows_left, int terms_left) {
    const bool inside = rows_left == rows && terms_left >= terms;
    if constexpr (along_k && !by_rows) {
      if (inside)
        fetch_turned<threads, true>(from, stride, rows_left, terms_left);
      else
        fetch_turned<threads, false>(from, stride, rows_left, terms_left);
    } else {
      const int lines_left = by_rows ? rows_left : terms_left, width_left = by_rows ? terms_left : rows_left;
      if (!whole_packs(from, stride))
        fetch_lines<threads, 1, false>(from, stride, lines_left, width_left);
      else if (inside)
        fetch_lines<threads, piece, true>(from, stride, lines_left, width_left);
      else
        fetch_lines<threads, piece, false>(from, stride, lines_left, width_left);
    }
  }

  /// The position within a portion of the terms that a thread copies `count` at a time; it is the same for all its rows.
  template <int threads, int count>
  __device__ static __forceinline__ int gathered_term() {
    static_assert(along_k && (by_rows || count == 1));
    const int t = static_cast<int>(threadIdx.x);
    return by_rows ? t % (terms / count) * count : t / 32 % (terms / 8) * 8 + t % 8;
  }

  /// As fetch, but each row has its own address: source(row) is a Source for the terms from gathered_term on.
  template <int threads, int count, class Rows>
  __device__ __forceinline__ void gather(Rows source) {
    static_assert(along_k && (by_rows || count == 1));
    const int t = static_cast<int>(threadIdx.x), k = gathered_term<threads, count>();
    constexpr int down = by_rows ? threads / (terms / count) : threads / terms;
    static_assert(rows % down == 0 && down * (terms / count) == threads);
    const int r0 = by_rows ? t / (terms / count) : t / 32 / (terms / 8) * 4 + t % 32 / 8;
    // Where rows of channels are not whole packs, 32 unrolled rows would take the registers of the sums.
    [[maybe_unused]] constexpr int unrolled = by_rows && count == 1 ? 4 : rows / down;
#pragma unroll unrolled
    for (int r = 0; r < rows; r += down) {
      const Source<T> from = source(r0 + r);
      T* const to = by_rows ? element[r0 + r] + k : element[k] + r0 + r;
      async_copy(pack_at<count>(to), pack_at<count>(from.first), from.exists);
    }
  }

  /// The same for an operand whose rows are neighbours in global memory: source(term, row) serves `count` rows from there on.
  template <int threads, int count, class Lines>
  __device__ __forceinline__ void gather_lines(Lines source) {
    static_assert(!along_k);
    constexpr int across = rows / count;
#pragma unroll 2
    for (int e = static_cast<int>(threadIdx.x); e < terms * across; e += threads) {
      const int k = e / across, r = e % across * count;
      const Source<T> from = source(k, r);
      async_copy(pack_at<count>(element[k] + r), pack_at<count>(from.first), from.exists);
    }
  }

  /// The `count` values of a thread, `depth` terms from term k on; `owners` threads share the rows.
  template <int owners, int count>
  __device__ __forceinline__ void read(T (&to)[depth][count], int owner, int k) const {
    if constexpr (by_rows) {
#pragma unroll
      for (int i = 0; i < count; ++i) {
        const Pack<T, piece> p = *pack_at<piece>(element[position<owners, count>(i, owner)] + k);
#pragma unroll
        for (int d = 0; d < depth; ++d) to[d][i] = p.v[d];
      }
    } else {
      constexpr int width = together<count>;
#pragma unroll
      for (int d = 0; d < depth; ++d)
#pragma unroll
        for (int i = 0; i < count; i += width) {
          const auto p = *pack_at<width>(element[k + d] + position<owners, count>(i, owner));
#pragma unroll
          for (int x = 0; x < width; ++x) to[d][i + x] = p.v[x];
        }
    }
  }

  /// How many neighbouring rows a thread has, and which row its i-th is.
  template <int count>
  static constexpr int together = by_rows         ? 1
                                  : count < piece ? count
                                                  : piece;
  template <int owners, int count>
  __device__ static __forceinline__ int position(int i, int owner) {
    constexpr int width = together<count>;
    return (i / width * owners + owner) * width + i % width;
  }

 private:
  // Inside, loops are unrolled and free of conditions. At edges they are short and not unrolled: unrolled ones would take the
  // registers of the 8 × 8 sums.

  /// Each warp 8 terms of 4 rows at a time: whole sectors of memory, different banks.
  template <int threads, bool inside>
  __device__ __forceinline__ void fetch_turned(const T* from, int stride, int rows_left, int terms_left) {
    static_assert(threads % 32 == 0 && threads / 32 % (terms / 8) == 0 && rows % (threads / terms) == 0);
    constexpr int down = threads / terms;
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    const int k = warp % (terms / 8) * 8 + lane % 8, r0 = warp / (terms / 8) * 4 + lane / 8;
    T* const to = element[k] + r0;
    if constexpr (inside) {
      const T* next = from + std::int64_t{r0} * stride + k;
#pragma unroll
      for (int r = 0; r < rows; r += down, next += std::int64_t{down} * stride) async_copy(to + r, next);
    } else {
#pragma unroll 1
      for (int r = 0; r < rows; r += down)
        copy<1>(to + r, from + std::int64_t{r0 + r < rows_left ? r0 + r : 0} * stride + k, k < terms_left);
    }
  }

  /// `count` elements at a time of the operand as it lies in memory: line i, position j. Lines are rows of a by_rows operand,
  /// otherwise terms.
  template <int threads, int count, bool inside>
  __device__ __forceinline__ void fetch_lines(const T* from, int stride, int lines_left, int width_left) {
    constexpr int lines = by_rows ? rows : terms, across = (by_rows ? terms : rows) / count;
    const int t = static_cast<int>(threadIdx.x);
    if constexpr (inside) {
      static_assert(threads % across == 0 && lines % (threads / across) == 0);
      constexpr int down = threads / across;
      const int i0 = t / across, j = t % across * count;
      const T* next = from + std::int64_t{i0} * stride + j;
#pragma unroll
      for (int i = 0; i < lines; i += down, next += std::int64_t{down} * stride)
        async_copy(pack_at<count>(element[i0 + i] + j), pack_at<count>(next));
    } else {
#pragma unroll 1
      for (int e = t; e < lines * across; e += threads) {
        const int i = e / across, j = e % across * count;
        const bool line_exists = i < lines_left, place_exists = j < width_left;
        copy<count>(element[i] + j, from + std::int64_t{line_exists ? i : 0} * stride + (place_exists ? j : 0),
                    by_rows ? place_exists : line_exists);
      }
    }
  }

  template <int count>
  __device__ static __forceinline__ void copy(T* to, const T* from, bool term_exists) {
    if (term_exists)
      async_copy(pack_at<count>(to), pack_at<count>(from));
    else
      *pack_at<count>(to) = {};
  }
};

/// The portions of both operands that are in flight or in use.
template <class T, class Tile, bool a_along_k, bool b_along_k>
struct Stages {
  using A = Operand<T, Tile::m, Tile::k, a_along_k, Tile::depth>;
  using B = Operand<T, Tile::n, Tile::k, b_along_k, Tile::depth>;
  struct Portion {
    A a;
    B b;
  };
  Portion portion[Tile::stages];
};

/// One tile of C: all its chains over `portions` portions, which fetch(a, b) starts copying one after the other. Rows of C have
/// n elements. Row i of the tile is at c + place(i); its rows and columns end at `rows` and `columns`. last(sum, offset from c,
/// column) is stored.
///
///        ┌ portion p: in use ┐┌ p+1: landing ┐┌ p+2: started ┐   One barrier a portion: after it, portion p has landed for all
///        │ a[k][m]   b[k][n] ││              ││              │   threads and none reads portion p−1 any more, so the copies of
///        └───────────────────┘└──────────────┘└──────────────┘   p + stages − 1 may overwrite it.
template <class T, class Tile, bool a_along_k, bool b_along_k, class Fetch, class Place, class Last>
__device__ __forceinline__ void tile_product(T* c, int rows, int columns, std::int64_t n, int portions, Fetch fetch,
                                             Place place, Last last) {
  using S = Stages<T, Tile, a_along_k, b_along_k>;
  constexpr int across = Tile::across, down = Tile::m / Tile::tm, ahead = Tile::stages - 1;
  S& shared = shared_memory<S>();
  const int x = static_cast<int>(threadIdx.x) % across, y = static_cast<int>(threadIdx.x) / across;

  T acc[Tile::tm][Tile::tn];
#pragma unroll
  for (int i = 0; i < Tile::tm; ++i)
#pragma unroll
    for (int j = 0; j < Tile::tn; ++j) acc[i][j] = T(0);

  int started = 0;
  const auto start_next = [&](int slot) {
    if (started < portions) fetch(shared.portion[slot].a, shared.portion[slot].b);
    ++started;
    async_commit();  // also with nothing to copy: the wait counts groups
  };
#pragma unroll
  for (int s = 0; s < ahead; ++s) start_next(s);

  int used = 0, free = ahead;
  for (int p = 0; p < portions; ++p) {
    async_wait<ahead - 1>();
    __syncthreads();
    start_next(free);
    const auto& portion = shared.portion[used];
#pragma unroll
    for (int k = 0; k < Tile::k; k += Tile::depth) {
      T a[Tile::depth][Tile::tm], b[Tile::depth][Tile::tn];
      portion.a.template read<down>(a, y, k);
      portion.b.template read<across>(b, x, k);
#pragma unroll
      for (int d = 0; d < Tile::depth; ++d)
#pragma unroll
        for (int i = 0; i < Tile::tm; ++i)
#pragma unroll
          for (int j = 0; j < Tile::tn; ++j) acc[i][j] = std::fma(a[d][i], b[d][j], acc[i][j]);
    }
    used = used + 1 == Tile::stages ? 0 : used + 1;
    free = free + 1 == Tile::stages ? 0 : free + 1;
  }

  constexpr int width = S::B::template together<Tile::tn>;
  const bool whole = whole_packs(c, n);
#pragma unroll
  for (int i = 0; i < Tile::tm; ++i) {
    const int row = S::A::template position<down, Tile::tm>(i, y);
    if (row >= rows) continue;
    const std::int64_t line = place(row);
#pragma unroll
    for (int j = 0; j < Tile::tn; j += width) {
      const int column = S::B::template position<across, Tile::tn>(j, x);
      const std::int64_t at = line + column;
      const auto value = [&](int e) { return last(acc[i][j + e] + T(0), at + e, column + e); };
      if (whole && column + width <= columns) {
        Pack<T, width> values;
#pragma unroll
        for (int e = 0; e < width; ++e) values.v[e] = value(e);
        *pack_at<width>(c + at) = values;
      } else {
#pragma unroll
        for (int e = 0; e < width; ++e)
          if (column + e < columns) c[at + e] = value(e);
      }
    }
  }
}

/// f(row, column) for the elements of the tile that this thread has stored.
template <class T, class Tile, bool a_along_k, bool b_along_k, class F>
__device__ __forceinline__ void for_own_elements(int rows, int columns, F f) {
  using S = Stages<T, Tile, a_along_k, b_along_k>;
  const int x = static_cast<int>(threadIdx.x) % Tile::across, y = static_cast<int>(threadIdx.x) / Tile::across;
#pragma unroll 1
  for (int i = 0; i < Tile::tm; ++i)
#pragma unroll 1
    for (int j = 0; j < Tile::tn; ++j) {
      const int row = S::A::template position<Tile::m / Tile::tm, Tile::tm>(i, y),
                column = S::B::template position<Tile::across, Tile::tn>(j, x);
      if (row < rows && column < columns) f(row, column);
    }
}

}  // namespace brink::cuda
