// SPDX-License-Identifier: MIT
// The weight gradient of a convolution on vector registers, compiled once per instruction set.
//
//            k →  [ vector 0 ][ vector 1 ]          rows of a tile: consecutive numbers of the s·c of one kernel row. They are
//   s,c ↓  ┌────────────────────────────────────┐     contiguous in x; those of the next pixel start stride·c further. One chain over
//          │ sum[i][j] += x[pixel,i]·d[pixel,j] │     the pixels of a panel, then the tree over panels, chunks and groups, both in
//          └────────────────────────────────────┘     registers.
#include "kernels/conv/conv_isa.h"
#include "kernels/conv/panel.h"

namespace brink::cpu {
namespace {

using std::int64_t;

template <class Isa, int NV>
inline constexpr int most_rows = is_half<Isa>              ? 16
                                 : Isa::vector_bytes == 64 ? (NV == 1 ? 16 : 12)
                                 : Isa::vector_bytes == 32 ? (NV == 1 ? 12 : 6)
                                                           : (NV == 1 ? 8 : 4);

/// Whether masked loads and stores cost nothing.
template <class Isa>
inline constexpr bool has_masks = Isa::vector_bytes == 64 || is_half<Isa>;

/// Whether d is read in place: its rows consist of whole panels, or loads can be masked.
template <class Isa, class T>
[[gnu::always_inline]] inline bool in_place(int64_t k) {
  return has_masks<Isa> || k % panel_width<Isa, T>(k) == 0;
}

/// Pixels first … last−1 along an axis of `out` whose tap t lies in the picture.
struct Valid {
  int64_t first, last;
  [[gnu::always_inline]] Valid(int64_t out, int64_t in, int64_t tap, int64_t stride, int64_t padding) {
    const int64_t before = padding - tap, after = in + padding - tap;
    first = before > 0 ? (before + stride - 1) / stride : 0;
    last = after > 0 ? (after + stride - 1) / stride : 0;
    if (last > out) last = out;
  }
};

/// A finished leaf joins the tree (climb.h) in registers. Returns true after the last one: the sums are those of the
/// whole tree.
template <class V, int rows, int NV, class T>
[[gnu::always_inline]] inline bool climb_sums(Sums<V, rows, NV>& sums, T* waiting, int64_t level_stride, int64_t ld,
                                              int64_t leaf, int64_t leaves) {
  constexpr int L = sizeof(V) / sizeof(T);
  const auto join = [&](int level) {
    const T* lower = waiting + level * level_stride;
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i)
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) sums[i][j] = load<V>(lower + i * ld + j * L) + sums[i][j];
  };
  int level = 0;
  for (; (leaf >> level & 1) != 0; ++level) join(level);
  if (leaf == leaves - 1) {
    for (++level; leaf >> level != 0; ++level)
      if ((leaf >> level & 1) != 0) join(level);
    return true;
  }
  T* const to = waiting + level * level_stride;
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) store(to + i * ld + j * L, sums[i][j]);
  return false;
}

/// A rectangle of pixels that all rows take: `height` rows of `width` pixels. Steps lead from pixel to pixel, skips
/// from the end of a row to the next one. It is one loop without a branch at the end of a row, because mispredicted
/// ends of rows of 8 to 32 pixels cost an eighth of the time. ahead: how much further d is prefetched; 0: not at all.
template <class T>
struct Pixels {
  int64_t height, width;
  int64_t step, skip, d_step, d_skip;
  int columns;
  int64_t ahead;
};
template <bool whole, bool asks, class V, int rows, int NV, class T>
[[gnu::always_inline]] inline void add_all_pixels(Sums<V, rows, NV>& sums, const Pixels<T>& x, const T* a, const T* d) {
  constexpr int L = sizeof(V) / sizeof(T);
  int64_t left = x.width;
  for (int64_t k = x.height * x.width; k > 0; --k) {
    V row[NV];
    load_row<whole>(row, d, x.columns);
    if constexpr (asks)
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) __builtin_prefetch(d + x.ahead + j * L);
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
      const V av = broadcast<V>(a[i]);
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) sums[i][j] = fma(av, row[j], sums[i][j]);
    }
    const int64_t ended = -static_cast<int64_t>(--left == 0);  // all ones at the end of a row
    a += x.step + (ended & x.skip);
    d += x.d_step + (ended & x.d_skip);
    left += ended & x.width;
  }
}
template <bool whole, class V, int rows, int NV, class T>
[[gnu::always_inline]] inline void add_pixels(Sums<V, rows, NV>& sums, const Pixels<T>& x, const T* a, const T* d) {
  if (x.ahead == 0)
    add_all_pixels<whole, false, V, rows, NV>(sums, x, a, d);
  else
    add_all_pixels<whole, true, V, rows, NV>(sums, x, a, d);
}

/// One pixel with some taps outside: only rows lo … hi−1 take it.
template <bool whole, class V, int rows, int NV, class T>
[[gnu::always_inline]] inline void add_edge(Sums<V, rows, NV>& sums, int64_t lo, int64_t hi, const T* a, const T* d,
                                            int columns) {
  V row[NV];
  load_row<whole>(row, d, columns);
  const auto add = [&](int i) __attribute__((always_inline)) {
    const V av = broadcast<V>(a[i]);
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) sums[i][j] = fma(av, row[j], sums[i][j]);
  };
  if (lo <= 0) {
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
      if (i >= hi) break;
      add(i);
    }
  } else {
#pragma GCC unroll 16
    for (int i = rows - 1; i >= 0; --i) {
      if (i < lo) break;
      if (i < hi) add(i);
    }
  }
}

/// Weights [r, e … e+rows, j …]; e counts within s·c.
template <class Isa, class T, int rows, int NV, bool whole>
[[gnu::noinline]] void tile(const WeightChunk<T>& x, int64_t r, int64_t e, int64_t j0) {
  using V = Vec<Isa, T>;
  constexpr int L = lanes<Isa, T>;
  constexpr int64_t width = NV * L;
  const ConvShape& f = x.call->shape;
  const int64_t pixels = f.p * f.q, step = f.stride * f.c, d_stride = in_place<Isa, T>(f.k) ? f.k : width;
  const auto columns = static_cast<int>(f.k - j0 < width ? f.k - j0 : width);
  const Panels::Rows first_panel = x.panels.rows(x.group, x.first), last_panel = x.panels.rows(x.group, x.last - 1);
  const int64_t chunk_rows = last_panel.end - first_panel.begin;
  const Valid valid_p(f.p, f.h, r, f.stride, f.padding);
  const Valid of_first(f.q, f.w, e / f.c, f.stride, f.padding),
      of_last(f.q, f.w, (e + rows - 1) / f.c, f.stride, f.padding);
  const int64_t any_first = of_last.first, any_last = of_first.last;  // pixels that some row takes
  int64_t all_first = of_first.first, all_last = of_last.last;        // and those that all rows take
  if (all_first >= all_last) all_first = all_last = any_last;
  // The processor prefetches d by itself where a tile takes whole pixels of it one after the other. Explicit prefetches
  // cost time there, and save time elsewhere (docs/experiments.md).
  const int64_t ahead = f.k > width ? 32 * d_stride : 0;
  // Where all rows of the tile take the same pixels, those of a sample are a rectangle.
  const bool rectangle = all_first == any_first && all_last == any_last;
  Pixels<T> block{0, rectangle ? any_last - any_first : 0, step, 0, d_stride, 0, columns, ahead};
  block.skip = f.stride * f.w * f.c - block.width * step;
  block.d_skip = (f.q - block.width) * d_stride;
  alignas(64) T waiting[chunk_levels][rows * width];

  V sums[rows][NV];
  const auto add_row = [&](const T* a, const T* b, int64_t q, int64_t end) __attribute__((always_inline)) {
    const auto edges = [&](int64_t until) __attribute__((always_inline)) {
      for (; q < until; ++q) {
        const int64_t first_s = f.padding - q * f.stride, lo = first_s * f.c - e, hi = (first_s + f.w) * f.c - e;
        add_edge<whole, V, rows, NV>(sums, lo, hi, a + q * step, b + q * d_stride, columns);
      }
    };
    edges(all_first < end ? all_first : end);
    const int64_t inner = all_last < end ? all_last : end;
    if (q < inner) {
      add_pixels<whole, V, rows, NV>(sums, Pixels<T>{1, inner - q, step, 0, d_stride, 0, columns, ahead}, a + q * step,
                                     b + q * d_stride);
      q = inner;
    }
    edges(end);
  };
  for (int64_t panel = x.first; panel < x.last; ++panel) {
    const Panels::Rows all = x.panels.rows(x.group, panel);
    const int64_t sample = all.begin / pixels;
    clear<V, rows, NV>(sums);
    for (int pair = 0; pair < x.call->pairs; ++pair) {
      const T* d = in_place<Isa, T>(f.k)
                       ? x.call->b[static_cast<std::size_t>(pair)] + j0
                       : x.packed + pair * chunk_rows * x.columns + j0 * chunk_rows - first_panel.begin * width;
      const T* const pictures = x.call->a[static_cast<std::size_t>(pair)] - f.padding * f.c + e;
      for (int64_t n = sample, start = sample * pixels; start < all.end; ++n, start += pixels) {
        const int64_t begin = all.begin > start ? all.begin - start : 0,
                      end = all.end - start < pixels ? all.end - start : pixels;
        const auto row_of_x = [&](int64_t p) {
          return pictures + (n * f.h + p * f.stride - f.padding + r) * f.w * f.c;
        };
        int64_t p = begin == 0 ? 0 : begin / f.q;
        const int64_t last_p = end == pixels ? f.p : end / f.q;
        const bool whole_rows = p * f.q == begin && last_p * f.q == end;
        if (p < valid_p.first) p = valid_p.first;
        if (whole_rows && block.width > 0) {
          block.height = (last_p < valid_p.last ? last_p : valid_p.last) - p;
          if (block.height > 0)
            add_pixels<whole, V, rows, NV>(sums, block, row_of_x(p) + any_first * step,
                                           d + (start + p * f.q + any_first) * d_stride);
          continue;
        }
        for (; p < valid_p.last && p * f.q < end; ++p) {
          const int64_t row = p * f.q;
          int64_t from = begin - row, to = end - row;
          if (from < any_first) from = any_first;
          if (to > any_last) to = any_last;
          add_row(row_of_x(p), d + (start + row) * d_stride, from, to);
        }
      }
    }
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i)
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) sums[i][j] = sums[i][j] + V{};
    climb_sums<V, rows, NV>(sums, &waiting[0][0], rows * width, width, panel - x.first, x.last - x.first);
  }
  const int64_t place = r * f.s * f.c + e, level = f.r * f.s * f.c * x.columns;
  if (!climb_sums<V, rows, NV>(sums, x.waiting_chunks + place * x.columns + j0, level, x.columns, x.index, x.count))
    return;
  if (!climb_sums<V, rows, NV>(sums, x.waiting_groups + place * x.columns + j0, level, x.columns, x.group,
                               x.panels.groups()))
    return;
  T* const out = x.call->out + place * f.k + j0;
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) store_first(out + i * f.k + j * L, sums[i][j], existing<L>(columns, j));
}

template <class Isa, class T, int most, int NV>
[[gnu::always_inline]] inline void tile_of(int64_t rows, const WeightChunk<T>& x, int64_t r, int64_t e, int64_t j0) {
  if constexpr (most > 1)
    if (rows < most) return tile_of<Isa, T, most - 1, NV>(rows, x, r, e, j0);
  if constexpr (has_masks<Isa>)
    if (x.call->shape.k - j0 < NV * lanes<Isa, T>) return tile<Isa, T, most, NV, false>(x, r, e, j0);
  tile<Isa, T, most, NV, true>(x, r, e, j0);
}

/// How the s·c numbers of a kernel row are cut into tiles: within each tap where there are enough channels, otherwise
/// across taps.
template <int most>
struct Cut {
  int64_t runs, run, tiles;  // runs of `run` numbers, each of `tiles` tiles
  [[gnu::always_inline]] explicit Cut(const ConvShape& f)
      : runs(2 * f.c > most ? f.s : 1), run(2 * f.c > most ? f.c : f.s * f.c), tiles((run + most - 1) / most) {}
};

template <class Isa, class T, int NV>
int64_t count_tiles(const ConvShape& f) {
  constexpr int64_t width = NV * lanes<Isa, T>;
  const Cut<most_rows<Isa, NV>> cut(f);
  return (f.k + width - 1) / width * cut.tiles * f.r * cut.runs;
}

template <class Isa, class T, int NV>
void take_chunk(const WeightChunk<T>& x, int64_t first, int64_t last) {
  constexpr int most = most_rows<Isa, NV>;
  const ConvShape& f = x.call->shape;
  const Cut<most> cut(f);
  // The same channels of all taps follow one another, because they read the same lines of x.
  for (int64_t i = first; i < last; ++i) {
    const int64_t run = i % cut.runs, r = i / cut.runs % f.r, t = i / cut.runs / f.r % cut.tiles,
                  j = i / cut.runs / f.r / cut.tiles;
    const int64_t begin = cut.run * t / cut.tiles, end = cut.run * (t + 1) / cut.tiles;
    tile_of<Isa, T, most, NV>(end - begin, x, r, run * cut.run + begin, j * NV * lanes<Isa, T>);
  }
}

/// Calls f with the vectors of a tile, as with_panel does. One vector is also taken where it makes a whole kernel row
/// fit into a tile: d is then read once a kernel row, perhaps from memory.
template <class Isa, class T, class F>
decltype(auto) with_columns(const ConvShape& f, F&& body) {
  if constexpr (has_masks<Isa>) {
    const int64_t row = f.s * f.c;
    if (f.k > lanes<Isa, T> && row > most_rows<Isa, 2> && row <= most_rows<Isa, 1>)
      return body.template operator()<Isa, 1>();
  }
  return with_panel<Isa, T>(f.k, body);
}

}  // namespace

template <class Isa, class T>
void conv2d_weight_gradient_pack_isa(const WeightChunk<T>& x) {
  const ConvShape& f = x.call->shape;
  if (in_place<Isa, T>(f.k)) return;
  const int64_t begin = x.panels.rows(x.group, x.first).begin, rows = x.panels.rows(x.group, x.last - 1).end - begin;
  for (int pair = 0; pair < x.call->pairs; ++pair)
    pack_rows(rows, f.k, x.call->b[static_cast<std::size_t>(pair)] + begin * f.k, panel_width<Isa, T>(f.k),
              x.packed + pair * rows * x.columns);
}

template <class Isa, class T>
std::int64_t conv2d_weight_tiles_isa(const ConvShape& f) {
  return with_columns<Isa, T>(f, [&]<class I, int NV>() { return count_tiles<I, T, NV>(f); });
}

template <class Isa, class T>
void conv2d_weight_gradient_isa(const WeightChunk<T>& x, std::int64_t first, std::int64_t last) {
  with_columns<Isa, T>(x.call->shape, [&]<class I, int NV>() { take_chunk<I, T, NV>(x, first, last); });
}

template void conv2d_weight_gradient_pack_isa<ThisIsa, float>(const WeightChunk<float>&);
template void conv2d_weight_gradient_pack_isa<ThisIsa, double>(const WeightChunk<double>&);
template std::int64_t conv2d_weight_tiles_isa<ThisIsa, float>(const ConvShape&);
template std::int64_t conv2d_weight_tiles_isa<ThisIsa, double>(const ConvShape&);
template void conv2d_weight_gradient_isa<ThisIsa, float>(const WeightChunk<float>&, std::int64_t, std::int64_t);
template void conv2d_weight_gradient_isa<ThisIsa, double>(const WeightChunk<double>&, std::int64_t, std::int64_t);

}  // namespace brink::cpu
