// SPDX-License-Identifier: MIT
// What it is: convolution and its input gradient on vector registers, compiled once per instruction set: one sweep over pictures
// with the microkernel of the matrix products.
//
//            k →  [ vector 0 ][ vector 1 ]     rows of a tile: neighbouring pixels of one row of the result. A is read in place:
//     q ↓  ┌─────────────────────────────┐     in NHWC the taps of a kernel row are one run of s·c numbers, and the next pixel's
//          │ acc[i][j] += x[i,t] · w[t,j] │     run starts stride·c further.
//          └─────────────────────────────┘
//
// Decision: a tap outside the picture is left out and not multiplied by a zero (a weight may be infinite). Above and below, the
// kernel row is skipped for the whole tile; left and right, each tap is a run of its own that only the tile's inner rows take.
//
// Tried, and no faster (2026-11, one core, AVX-512): all kernel rows of a tile in one loop without a branch at a run's end, with the
// pictures' left and right edges as tiles of their own (3->16 at 32²: 0.79 → 0.80 of oneDNN; 8->16 at 16²: 0.87 → 0.77);
// asking for the lines of the result early, of this tile or of the next (3->32: 0.85 → 0.80).
#include "kernels/conv/conv_isa.h"
#include "kernels/matmul/microkernel.h"

namespace brink::cpu {
namespace {

using std::int64_t;

/// One pass: output pixel (p, q) reads input pixels (p·stride − up + r, q·stride − left + s) at tap (r, s).
template <class T>
struct Sweep {
  int64_t h, w, c;                 // of a picture that is read
  int64_t r, s, stride, up, left;  // taps
  int64_t p, q, k;                 // of a picture that is written; its pixels may lie apart:
  int64_t pixel, row, picture;     // strides of the result
  T* out;
  const ConvCall<T>* call;
  const T* weights[max_factor_pairs];  // panels, each [r, s, c, width]
};

/// Rows of a tile: pixels of one row of the result, or the same pixel of consecutive pictures.
template <class T>
struct Place {
  int64_t picture, h, w;  // the first row's: offset of its picture, its first tap
  int64_t step;           // columns of the input between two rows
  int64_t a_stride;       // elements
  int64_t panel;          // offset into the weights
  T* out;
  int64_t out_stride;
  int columns;
};

template <class Isa, int NV>
inline constexpr int most_rows = Isa::vector_bytes == 64   ? (NV == 1 ? 16 : 8)
                                 : Isa::vector_bytes == 32 ? (NV == 1 ? 12 : 6)
                                                           : (NV == 1 ? 8 : 4);

template <int lo, int hi, class V, int rows, int NV, class T>
[[gnu::always_inline]] inline void add(Sums<V, rows, NV>& sums, int64_t count, const T*& a, int64_t a_stride,
                                       const T*& b) {
  if constexpr (hi - lo > 8)
    add_terms_of_many<lo, hi>(sums, count, a, a_stride, b);
  else
    add_terms<lo, hi, false>(sums, count, a, a_stride, 1, b);
}

/// Rows lo … hi−1 take `count` terms. Ranges that networks have (two taps of padding at most, one side at a time) have a loop of their
/// own; any other goes row by row.
template <class V, int rows, int NV, class T>
[[gnu::always_inline]] inline void add_run(Sums<V, rows, NV>& sums, int64_t lo, int64_t hi, int64_t count, const T* a,
                                           int64_t a_stride, const T* b) {
  if (lo == 0 && hi == rows) return add<0, rows>(sums, count, a, a_stride, b);
  if constexpr (rows > 1) {
    if (lo == 1 && hi == rows) return add<1, rows>(sums, count, a, a_stride, b);
    if (lo == 0 && hi == rows - 1) return add<0, rows - 1>(sums, count, a, a_stride, b);
  }
  if constexpr (rows > 3) {
    if (lo == 2 && hi == rows) return add<2, rows>(sums, count, a, a_stride, b);
    if (lo == 0 && hi == rows - 2) return add<0, rows - 2>(sums, count, a, a_stride, b);
  }
  [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
    (
        [&] {
          if (i < lo || i >= hi) return;
          const T *ai = a, *bi = b;
          add<i, i + 1>(sums, count, ai, a_stride, bi);
        }(),
        ...);
  }
  (std::make_integer_sequence<int, rows>{});
}

template <class Isa, class T, int rows, int NV>
[[gnu::noinline]] void tile(const Sweep<T>& g, const Place<T>& at) {
  using V = Vec<Isa, T>;
  constexpr int L = lanes<Isa, T>;
  constexpr int64_t width = NV * L;
  V sums[rows][NV];
  clear<V, rows, NV>(sums);
  const int64_t first_r = at.h < 0 ? -at.h : 0, last_r = g.h - at.h < g.r ? g.h - at.h : g.r;
  const int64_t last_column = at.w + (rows - 1) * at.step;
  const bool inside = at.w >= 0 && last_column + g.s <= g.w;
  for (int pair = 0; pair < g.call->pairs; ++pair) {
    const T* const x = g.call->a[static_cast<std::size_t>(pair)] + at.picture + (at.h * g.w + at.w) * g.c;
    const T* const weights = g.weights[pair] + at.panel;
    for (int64_t r = first_r; r < last_r; ++r) {
      const T* a = x + r * g.w * g.c;
      const T* b = weights + r * g.s * g.c * width;
      if (inside) {
        add<0, rows>(sums, g.s * g.c, a, at.a_stride, b);
        continue;
      }
      int64_t s = 0;
      while (s < g.s) {
        if (at.w + s >= 0 && last_column + s < g.w) {
          int64_t end = g.w - last_column < g.s ? g.w - last_column : g.s;
          add<0, rows>(sums, (end - s) * g.c, a, at.a_stride, b);
          s = end;
          continue;
        }
        int64_t lo = 0, hi = rows;
        while (lo < rows && at.w + s + lo * at.step < 0) ++lo;
        while (hi > lo && at.w + s + (hi - 1) * at.step >= g.w) --hi;
        if (lo < hi) add_run<V, rows, NV>(sums, lo, hi, g.c, a, at.a_stride, b);
        a += g.c;
        b += g.c * width;
        ++s;
      }
    }
  }
  T* out = at.out;
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i, out += at.out_stride)
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) {
      if (at.columns == width)
        store(out + j * L, sums[i][j] + V{});
      else
        store_first(out + j * L, sums[i][j] + V{}, existing<L>(at.columns, j));
    }
}

/// The tile with the number of rows chosen at run time, 1 ≤ rows ≤ most.
template <class Isa, class T, int most, int NV>
[[gnu::always_inline]] inline void tile_of(int64_t rows, const Sweep<T>& g, const Place<T>& at) {
  if constexpr (most > 1)
    if (rows < most) return tile_of<Isa, T, most - 1, NV>(rows, g, at);
  tile<Isa, T, most, NV>(g, at);
}

/// `count` in pieces of at most `most`, as equal as can be: calls f(begin, size).
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
  constexpr int most = most_rows<Isa, NV>;
  // Rows of few pixels leave registers idle: there the same pixel of several pictures makes a tile. Half a tile of neighbours
  // is better than a whole one of pixels that share a set of the cache (16->32 at 8², input gradient: 0.88 → 0.91 of oneDNN).
  const bool across = 2 * g.q < most && last - first > 1;
  const int64_t picture = g.h * g.w * g.c;
  Place<T> at{};
  for (int64_t j = 0; j < g.k; j += width) {
    at.panel = j * g.r * g.s * g.c;
    at.columns = static_cast<int>(g.k - j < width ? g.k - j : width);
    if (across) {
      at.step = 0;
      at.a_stride = picture;
      at.out_stride = g.picture;
      in_pieces(last - first, most, [&](int64_t n, int64_t rows) {
        at.picture = (first + n) * picture;
        for (int64_t p = 0; p < g.p; ++p)
          for (int64_t q = 0; q < g.q; ++q) {
            at.h = p * g.stride - g.up;
            at.w = q * g.stride - g.left;
            at.out = g.out + (first + n) * g.picture + p * g.row + q * g.pixel + j;
            tile_of<Isa, T, most, NV>(rows, g, at);
          }
      });
      continue;
    }
    at.step = g.stride;
    at.a_stride = g.stride * g.c;
    at.out_stride = g.pixel;
    for (int64_t n = first; n < last; ++n)
      for (int64_t p = 0; p < g.p; ++p) {
        at.picture = n * picture;
        at.h = p * g.stride - g.up;
        in_pieces(g.q, most, [&](int64_t q, int64_t rows) {
          at.w = q * g.stride - g.left;
          at.out = g.out + n * g.picture + p * g.row + q * g.pixel + j;
          tile_of<Isa, T, most, NV>(rows, g, at);
        });
      }
  }
}

template <class Isa, class T>
void sweep_block(const Sweep<T>& g, int64_t first, int64_t last) {
  if (panel_width<Isa, T>(g.k) == lanes<Isa, T>)
    sweep<Isa, T, 1>(g, first, last);
  else
    sweep<Isa, T, 2>(g, first, last);
}

/// Of an input gradient with stride > 1, the result's rows (or columns) p ≡ phase modulo stride, as an ordinary convolution: which
/// taps have a part in them, and where the first one reads.
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
  const int64_t width = panel_width<Isa, T>(n);
  return (n + width - 1) / width * width;
}

}  // namespace

template <class Isa, class T>
void conv2d_pack_isa(const ConvCall<T>& x) {
  const ConvShape& f = x.shape;
  const int64_t width = panel_width<Isa, T>(f.k), terms = f.r * f.s * f.c;
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
    g.weights[i] = f.k == panel_width<Isa, T>(f.k) ? x.b[static_cast<std::size_t>(i)]
                                                   : x.scratch + i * f.r * f.s * f.c * columns_of<Isa, T>(f.k);
  const int64_t block = x.block;
  for (int64_t n = first; n < last; n += block) {
    const int64_t end = n + block < last ? n + block : last;
    sweep_block<Isa>(g, n, end);
    if (x.finish.any()) finish_rows<Isa>(x.finish, n * f.p * f.q, end * f.p * f.q, f.k, x.out);
  }
}

/// Per phase, the taps that have a part in it, last one first, each transposed to [k, c], as panels of c.
template <class Isa, class T>
void conv2d_input_gradient_pack_isa(const ConvCall<T>& x) {
  const ConvShape& f = x.shape;
  const int64_t width = panel_width<Isa, T>(f.c);
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
