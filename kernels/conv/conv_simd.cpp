// SPDX-License-Identifier: MIT
// Convolution and its input gradient on vector registers, compiled once per instruction set: one sweep over pictures
// with the microkernel of the matrix products. docs/experiments.md has what was tried and the figures.
//
//            k →  [ vector 0 ][ vector 1 ]     rows of a tile: neighbouring pixels of one row of the result. A is read in place:
//     q ↓  ┌──────────────────────────────┐    in NHWC the taps of a kernel row are s·c contiguous numbers, and those of the next
//          │ acc[i][j] += x[i,t] · w[t,j] │    pixel start stride·c further.
//          └──────────────────────────────┘
//
// A tap outside the picture is left out, not multiplied by zero, because a weight may be infinite. Above and below the
// picture, the kernel row is skipped for the whole tile; left and right, each tap is a run of its own that only the
// tile's inner rows take. Runs are found once for a column of tiles.
#include "kernels/conv/conv_isa.h"
#include "kernels/conv/panel.h"

namespace brink::cpu {
namespace {

using std::int64_t;

/// One pass: output pixel (p, q) reads input pixels (p·stride − up + r, q·stride − left + s) at tap (r, s).
template <class T>
struct Sweep {
  int64_t h, w, c;                 // of a picture that is read
  int64_t r, s, stride, up, left;  // taps
  int64_t p, q, k;                 // of a picture that is written; its pixels need not be contiguous:
  int64_t pixel, row, picture;     // strides of the result
  T* out;
  const ConvCall<T>* call;
  const T* weights[max_factor_pairs];  // panels, each [r, s, c, width]
};

/// Rows of a tile that take a tap: all, all but the first or last one or two (pixels at an edge of a picture), or
/// another range.
enum class Rows : std::uint8_t { all, from_1, to_1, from_2, to_2, other };

/// Taps of one kernel row that the tile's rows lo … hi−1 take: `count` terms. x and w are their offsets, from the first row's first tap
/// and into the weights of the kernel row. count = 0 ends the list of runs.
struct Run {
  Rows which;
  int lo, hi;
  int64_t count, x, w;
};

template <class T>
struct Place;
template <class T>
using Tile = void (*)(const Sweep<T>&, const Place<T>&);

/// A column of tiles: the same neighbouring pixels of every row of the result, or the same pixel of consecutive
/// pictures. All its tiles take the same runs of a kernel row.
template <class T, int most>
struct Column {
  int64_t q, rows;
  Tile<T> take;
  Run runs[2 * most + 2];  // rows enter at the left edge one by one, and leave at the right one

  /// step: input columns from one row of the tile to the next.
  [[gnu::noinline]] void find_runs(const Sweep<T>& g, int64_t step, int64_t width) {
    const int64_t w = q * g.stride - g.left;
    Run* run = runs;
    run->count = 0;
    for (int64_t s = 0; s < g.s; ++s) {
      int64_t lo = 0, hi = rows;
      while (lo < rows && w + s + lo * step < 0) ++lo;
      while (hi > lo && w + s + (hi - 1) * step >= g.w) --hi;
      if (lo == hi) continue;
      if (run->count > 0 && (run->lo != lo || run->hi != hi)) (++run)->count = 0;
      if (run->count == 0) {
        const int64_t left_out = rows - hi;
        run->which = lo == 0 && left_out <= 2   ? (left_out == 0   ? Rows::all
                                                   : left_out == 1 ? Rows::to_1
                                                                   : Rows::to_2)
                     : lo <= 2 && left_out == 0 ? (lo == 1 ? Rows::from_1 : Rows::from_2)
                                                : Rows::other;
        run->lo = static_cast<int>(lo);
        run->hi = static_cast<int>(hi);
        run->x = s * g.c;
        run->w = s * g.c * width;
      }
      run->count += g.c;
    }
    if (run->count > 0) (++run)->count = 0;
  }
};

/// One tile: where the first tap inside the picture of its first row lies (offsets in numbers), and the number of
/// kernel rows.
template <class T>
struct Place {
  int64_t x, weights, kernel_rows;
  int64_t x_row, w_row;  // from kernel row to kernel row
  const Run* runs;
  int64_t x_stride, out_stride;  // from row to row of the tile
  T* out;
  int64_t columns;
  bool ahead;  // prefetch the lines of the result
};

template <class Isa, int NV>
inline constexpr int most_rows = is_half<Isa>              ? 16
                                 : Isa::vector_bytes == 64 ? (NV == 1 ? 16 : 12)
                                 : Isa::vector_bytes == 32 ? (NV == 1 ? 12 : 6)
                                                           : (NV == 1 ? 8 : 4);

template <int lo, int hi, class V, int rows, int NV, class T>
[[gnu::always_inline]] inline void add(Sums<V, rows, NV>& sums, int64_t count, const T* a, int64_t a_stride,
                                       const T* b) {
  if constexpr (hi - lo > 8)
    add_terms_of_many<lo, hi>(sums, count, a, a_stride, b);
  else
    add_terms<lo, hi, false>(sums, count, a, a_stride, 1, b);
}

template <class V, int rows, int NV, class T>
[[gnu::always_inline]] inline void add_run(Sums<V, rows, NV>& sums, const Run& run, const T* a, int64_t a_stride,
                                           const T* b) {
  asm("" : "+r"(a_stride));  // otherwise g++ computes its multiples for all cases before the first run, and keeps them
  const int64_t count = run.count;
  switch (run.which) {
    case Rows::all: return add<0, rows>(sums, count, a, a_stride, b);
    case Rows::from_1: return add < rows == 1 ? 0 : 1, rows > (sums, count, a, a_stride, b);
    case Rows::to_1: return add < 0, rows == 1 ? 1 : rows - 1 > (sums, count, a, a_stride, b);
    case Rows::from_2: return add < rows <= 2 ? 0 : 2, rows > (sums, count, a, a_stride, b);
    case Rows::to_2: return add < 0, rows <= 2 ? 1 : rows - 2 > (sums, count, a, a_stride, b);
    case Rows::other: break;
  }
  [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
    (
        [&] {
          if (i >= run.lo && i < run.hi) add<i, i + 1>(sums, count, a, a_stride, b);
        }(),
        ...);
  }
  (std::make_integer_sequence<int, rows>{});
}

/// Adds +0 to all sums; the lanes of `columns` columns exist.
template <class V, int rows, int NV, class T>
[[gnu::always_inline]] inline void store_tile(Sums<V, rows, NV>& sums, T* out, int64_t stride, int columns) {
  constexpr int L = sizeof(V) / sizeof(T);
  const auto each = [&](auto put) __attribute__((always_inline)) {
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i, out += stride)
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) put(out + j * L, sums[i][j] + V{}, j);
  };
  if (columns == NV * L)
    each([](T * to, V v, int) __attribute__((always_inline)) { store(to, v); });
  else
    each([&](T * to, V v, int j) __attribute__((always_inline)) { store_first(to, v, existing<L>(columns, j)); });
}

// g++ 12 spills to vector registers, and a value that comes back from there waits for all products before it: 60 to 100
// cycles a tile. The first function reads the value from memory each time, the second one keeps it there.
template <class S>
[[gnu::always_inline]] inline const S& from_memory(const S& s) {
  const S* at = &s;
  asm("" : "+r"(at));
  return *at;
}
template <class P>
[[gnu::always_inline]] inline void keep_in_memory(P& v) {
  asm("" : "+m"(v));
}

/// Prefetches lines of the result.
template <int rows, int width, class T>
[[gnu::always_inline]] inline void ask_for(const T* out, int64_t stride) {
  constexpr int line = 64 / sizeof(T);
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < width; j += line) __builtin_prefetch(out + i * stride + j, 1);
}

template <class Isa, class T, int rows, int NV>
[[gnu::noinline]] void tile(const Sweep<T>& g, const Place<T>& place) {
  Sums<Vec<Isa, T>, rows, NV> sums;
  clear<Vec<Isa, T>, rows, NV>(sums);
  if (place.ahead) ask_for<rows, NV * lanes<Isa, T>>(place.out, place.out_stride);
  for (int pair = 0; pair < from_memory(g).call->pairs; ++pair) {
    const T* x = from_memory(g).call->a[static_cast<std::size_t>(pair)] + from_memory(place).x;
    const T* weights = from_memory(g).weights[pair] + from_memory(place).weights;
    for (int64_t r = from_memory(place).kernel_rows; r > 0; --r) {
      for (const Run* run = from_memory(place).runs; run->count > 0; ++run) {
        keep_in_memory(x);
        keep_in_memory(weights);
        add_run<Vec<Isa, T>, rows, NV>(sums, *run, x + run->x, from_memory(place).x_stride, weights + run->w);
      }
      x += from_memory(place).x_row;
      weights += from_memory(place).w_row;
    }
  }
  store_tile<Vec<Isa, T>, rows, NV>(sums, place.out, place.out_stride, static_cast<int>(place.columns));
}

/// The tile with the number of rows chosen at run time, 1 ≤ rows ≤ most.
template <class Isa, class T, int most, int NV>
Tile<T> tile_of(int64_t rows) {
  if constexpr (most > 1)
    if (rows < most) return tile_of<Isa, T, most - 1, NV>(rows);
  return tile<Isa, T, most, NV>;
}

/// Cuts `count` into pieces of at most `most`, as equal as possible: calls f(begin, size).
template <class F>
[[gnu::always_inline]] inline void in_pieces(int64_t count, int64_t most, F f) {
  int64_t pieces = (count + most - 1) / most;
  for (int64_t begin = 0; pieces > 0; --pieces) {
    const int64_t size = (count - begin + pieces - 1) / pieces;
    f(begin, size);
    begin += size;
  }
}

/// The result's pictures first … last−1, panel by panel.
template <class Isa, class T, int NV>
void sweep(const Sweep<T>& g, int64_t first, int64_t last) {
  constexpr int64_t width = NV * lanes<Isa, T>;
  constexpr int most = most_rows<Isa, NV>, most_columns = 8;
  // Rows of few pixels leave registers idle: there, the same pixel of several pictures makes a tile. Half a tile of
  // neighbours is better than a whole one of pixels that share a set of the cache.
  const bool across = g.q <= most_columns && 2 * g.q < most && last - first > 1;
  const int64_t picture = g.h * g.w * g.c;
  Place<T> at{};
  // Prefetching the result pays where chains are long, and costs time where they are short or a row is half a line.
  at.ahead = !is_half<Isa> && g.r * g.s * g.c >= 64;
  Column<T, most> columns[most_columns];
  int count = 0;
  at.x_row = g.w * g.c;
  at.w_row = g.s * g.c * width;
  at.x_stride = across ? picture : g.stride * g.c;
  at.out_stride = across ? g.picture : g.pixel;
  const auto add_column = [&](int64_t q, int64_t rows) {
    Column<T, most>& column = columns[count++];
    column.q = q;
    column.rows = rows;
    column.take = tile_of<Isa, T, most, NV>(rows);
    column.find_runs(g, across ? 0 : g.stride, width);
  };
  for (int64_t j = 0; j < g.k; j += width) {
    at.columns = g.k - j < width ? g.k - j : width;
    const auto take_columns = [&](int64_t n) {
      for (int64_t p = 0; p < g.p; ++p) {
        const int64_t h = p * g.stride - g.up, r = h < 0 ? -h : 0, end = g.h - h < g.r ? g.h - h : g.r;
        at.kernel_rows = end - r;
        at.weights = j * g.r * g.s * g.c + r * at.w_row;
        for (int i = 0; i < count; ++i) {
          at.x = n * picture + ((h + r) * g.w + columns[i].q * g.stride - g.left) * g.c;
          at.out = g.out + n * g.picture + p * g.row + columns[i].q * g.pixel + j;
          at.runs = columns[i].runs;
          columns[i].take(g, at);
        }
      }
    };
    if (across) {
      in_pieces(last - first, most, [&](int64_t n, int64_t rows) {
        count = 0;
        for (int64_t q = 0; q < g.q; ++q) add_column(q, rows);
        take_columns(first + n);
      });
      continue;
    }
    count = 0;
    in_pieces(g.q, most, [&](int64_t q, int64_t rows) {
      add_column(q, rows);
      if (count < most_columns && q + rows < g.q) return;
      for (int64_t n = first; n < last; ++n) take_columns(n);
      count = 0;
    });
  }
}

template <class Isa, class T>
void sweep_block(const Sweep<T>& g, int64_t first, int64_t last) {
  with_panel<Isa, T>(g.k, [&]<class I, int NV>() { sweep<I, T, NV>(g, first, last); });
}

/// For an input gradient with stride > 1: the result's rows (or columns) p ≡ phase modulo stride, as an ordinary
/// convolution. Which taps contribute to them, and where the first one reads.
struct Phase {
  int64_t pixels, taps, last_tap, before;
  Phase(int64_t extent, int64_t taps_in_all, int64_t stride, int64_t padding, int64_t phase)
      : pixels((extent - phase + stride - 1) / stride) {
    const int64_t first_tap = (phase + padding) % stride;
    taps = first_tap < taps_in_all ? (taps_in_all - 1 - first_tap) / stride + 1 : 0;
    last_tap = first_tap + (taps - 1) * stride;
    before = taps - 1 - (phase + padding - first_tap) / stride;
  }
};

template <class Isa, class T>
int64_t columns_of(int64_t n) {
  const int64_t width = conv_panel_width<Isa, T>(n);
  return (n + width - 1) / width * width;
}

}  // namespace

template <class Isa, class T>
void conv2d_pack_isa(const ConvCall<T>& x) {
  const ConvShape& f = x.shape;
  const int64_t width = conv_panel_width<Isa, T>(f.k), terms = f.r * f.s * f.c;
  if (f.k == width) return;
  for (int i = 0; i < x.pairs; ++i)
    pack_rows(terms, f.k, x.b[static_cast<std::size_t>(i)], width, x.scratch + i * terms * columns_of<Isa, T>(f.k));
}

template <class Isa, class T>
void conv2d_isa(const ConvCall<T>& x, int64_t first, int64_t last) {
  const ConvShape& f = x.shape;
  Sweep<T> g{f.h,   f.w, f.c, f.r, f.s, f.stride, f.padding, f.padding, f.p, f.q, f.k, f.k, f.q * f.k, f.p * f.q * f.k,
             x.out, &x,  {}};
  for (int i = 0; i < x.pairs; ++i)
    g.weights[i] = f.k == conv_panel_width<Isa, T>(f.k) ? x.b[static_cast<std::size_t>(i)]
                                                        : x.scratch + i * f.r * f.s * f.c * columns_of<Isa, T>(f.k);
  const int64_t block = x.block;
  for (int64_t n = first; n < last; n += block) {
    const int64_t end = n + block < last ? n + block : last;
    sweep_block<Isa>(g, n, end);
    if (x.finish.any()) finish_rows<Isa>(x.finish, n * f.p * f.q, end * f.p * f.q, f.k, x.out);
  }
}

/// For each phase, the taps that contribute to it, last one first, each transposed to [k, c], as panels of c.
template <class Isa, class T>
void conv2d_input_gradient_pack_isa(const ConvCall<T>& x) {
  const ConvShape& f = x.shape;
  const int64_t width = conv_panel_width<Isa, T>(f.c);
  T* to = x.scratch;
  for (int i = 0; i < x.pairs; ++i)
    for (int64_t a = 0; a < f.stride; ++a)
      for (int64_t b = 0; b < f.stride; ++b) {
        const Phase v(f.h, f.r, f.stride, f.padding, a), h(f.w, f.s, f.stride, f.padding, b);
        for (int64_t c0 = 0; c0 < f.c; c0 += width)
          for (int64_t r = 0; r < v.taps; ++r)
            for (int64_t s = 0; s < h.taps; ++s, to += f.k * width) {
              const T* from = x.b[static_cast<std::size_t>(i)] +
                              (((v.last_tap - r * f.stride) * f.s + h.last_tap - s * f.stride) * f.c + c0) * f.k;
              const int64_t n = f.c - c0 < width ? f.c - c0 : width;
              for (int64_t k = 0; k < f.k; ++k) {
                for (int64_t c = 0; c < n; ++c) to[k * width + c] = from[c * f.k + k];
                for (int64_t c = n; c < width; ++c) to[k * width + c] = T(0);
              }
            }
      }
}

template <class Isa, class T>
void conv2d_input_gradient_isa(const ConvCall<T>& x, int64_t first, int64_t last) {
  const ConvShape& f = x.shape;
  const int64_t columns = columns_of<Isa, T>(f.c), block = x.block;
  for (int64_t n = first; n < last; n += block) {
    const int64_t end = n + block < last ? n + block : last;
    const T* weights = x.scratch;
    for (int64_t a = 0; a < f.stride; ++a)
      for (int64_t b = 0; b < f.stride; ++b) {
        const Phase v(f.h, f.r, f.stride, f.padding, a), h(f.w, f.s, f.stride, f.padding, b);
        Sweep<T> g{f.p,
                   f.q,
                   f.k,
                   v.taps,
                   h.taps,
                   1,
                   v.before,
                   h.before,
                   v.pixels,
                   h.pixels,
                   f.c,
                   f.stride * f.c,
                   f.stride * f.w * f.c,
                   f.h * f.w * f.c,
                   x.out + (a * f.w + b) * f.c,
                   &x,
                   {}};
        for (int i = 0; i < x.pairs; ++i) g.weights[i] = weights + i * f.r * f.s * f.k * columns;
        weights += v.taps * h.taps * f.k * columns;
        sweep_block<Isa>(g, n, end);
      }
    if (x.finish.any()) finish_rows<Isa>(x.finish, n * f.h * f.w, end * f.h * f.w, f.c, x.out);
  }
}

template void conv2d_pack_isa<ThisIsa, float>(const ConvCall<float>&);
template void conv2d_pack_isa<ThisIsa, double>(const ConvCall<double>&);
template void conv2d_isa<ThisIsa, float>(const ConvCall<float>&, int64_t, int64_t);
template void conv2d_isa<ThisIsa, double>(const ConvCall<double>&, int64_t, int64_t);
template void conv2d_input_gradient_pack_isa<ThisIsa, float>(const ConvCall<float>&);
template void conv2d_input_gradient_pack_isa<ThisIsa, double>(const ConvCall<double>&);
template void conv2d_input_gradient_isa<ThisIsa, float>(const ConvCall<float>&, int64_t, int64_t);
template void conv2d_input_gradient_isa<ThisIsa, double>(const ConvCall<double>&, int64_t, int64_t);

}  // namespace brink::cpu
