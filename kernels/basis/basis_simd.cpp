// SPDX-License-Identifier: MIT
// The sweeps of basis.h over ranges of tiles or elements, compiled once per instruction set.
// A few columns share each load of w, as many as the registers allow.
#include "kernels/basis/basis_isa.h"

#include "kernels/basis/basis.h"
#include "kernels/isa.h"
#include "kernels/reduce/reduce.h"
#include "kernels/reduce/reduce_isa.h"
#include "kernels/widen.h"

namespace brink::cpu {

namespace {

// 32 lanes of float64 take 4 of the 32 registers of AVX-512, or 8 of the 16 of AVX2: this many columns fit.
template <class Isa>
inline constexpr int columns_at_once = Isa::vector_bytes == 64 ? 4 : 1;

template <class Isa, int columns, class T>
void project_tile(const T* q, std::int64_t stride, const T* w, std::int64_t size, double* partial, std::int64_t tiles) {
  constexpr int width = wide<Isa>, registers = reduce_lanes / width;
  Wide<Isa> acc[columns][registers] = {};
  std::int64_t e = 0;
  for (; e + reduce_lanes <= size; e += reduce_lanes)
    for (int r = 0; r < registers; ++r) {
      const Wide<Isa> x = widen<Isa>(w + e + r * width);
      for (int c = 0; c < columns; ++c)
        acc[c][r] = fma_of<Isa, T>(widen<Isa>(q + c * stride + e + r * width), x, acc[c][r]);
    }
  for (int c = 0; c < columns; ++c) {
    double lane[reduce_lanes];
    for (int r = 0; r < registers; ++r) store(lane + r * width, acc[c][r]);
    for (std::int64_t rest = e; rest < size; ++rest)
      lane[rest - e] = fma_of_scalar<T>(q[c * stride + rest], w[rest], lane[rest - e]);
    partial[c * tiles] = fold_lanes(lane);
  }
}

constexpr int pool =
    64 * max_combined;  // elements of all outputs together that are combined before any is written back

// out[j][e] = fma chain over the columns, for `size` elements and `outputs` outputs that start at s[0], row length s_row
template <class Isa, int outputs, class T>
void chain_chunk(const T* q, std::int64_t stride, int columns, const double* s, std::int64_t s_row, T* out,
                 std::int64_t out_stride, std::int64_t size) {
  constexpr int width = wide<Isa>, group = 4;
  std::int64_t e = 0;
  const auto body = [&]<int vectors>(std::integral_constant<int, vectors>) {
    Wide<Isa> acc[outputs][vectors] = {};
    const T* p = q + e;
    const double* f = s;
    for (int i = 0; i < columns; ++i, p += stride, f += s_row)
      for (int v = 0; v < vectors; ++v) {
        const Wide<Isa> x = widen<Isa>(p + v * width);
        for (int j = 0; j < outputs; ++j) acc[j][v] = fma(broadcast<Wide<Isa>>(f[j]), x, acc[j][v]);
      }
    for (int j = 0; j < outputs; ++j)
      for (int v = 0; v < vectors; ++v) narrow<Isa>(out + j * out_stride + e + v * width, acc[j][v]);
  };
  for (; e + group * width <= size; e += group * width) body(std::integral_constant<int, group>{});
  for (; e + width <= size; e += width) body(std::integral_constant<int, 1>{});
  for (; e < size; ++e)
    for (int j = 0; j < outputs; ++j) {
      double acc = 0;
      for (int i = 0; i < columns; ++i)
        acc = __builtin_fma(s[i * s_row + j], static_cast<double>(q[i * stride + e]), acc);
      out[j * out_stride + e] = static_cast<T>(acc);
    }
}

// acc[e] = fma(−cᵢ, qᵢₑ, acc[e]) for `columns` columns in turn; the first columns start from x, the last ones end in w
template <class Isa, int columns, bool first, bool last, class T>
void subtract_columns(const T* q, std::int64_t stride, const double* c, const T* x, double* acc, T* w,
                      std::int64_t size) {
  constexpr int width = wide<Isa>, vectors = 2;
  Wide<Isa> factor[columns];
  for (int i = 0; i < columns; ++i) factor[i] = broadcast<Wide<Isa>>(-c[i]);
  std::int64_t e = 0;
  for (; e + vectors * width <= size; e += vectors * width)
    for (int v = 0; v < vectors; ++v) {
      const std::int64_t at = e + v * width;
      Wide<Isa> a;
      if constexpr (first)
        a = widen<Isa>(x + at);
      else
        a = load<Wide<Isa>>(acc + at);
      for (int i = 0; i < columns; ++i) a = fma(factor[i], widen<Isa>(q + i * stride + at), a);
      if constexpr (last)
        narrow<Isa>(w + at, a);
      else
        store(acc + at, a);
    }
  for (; e < size; ++e) {
    double a = first ? static_cast<double>(x[e]) : acc[e];
    for (int i = 0; i < columns; ++i) a = __builtin_fma(-c[i], static_cast<double>(q[i * stride + e]), a);
    if (last)
      w[e] = static_cast<T>(a);
    else
      acc[e] = a;
  }
}

template <class Isa, int columns, class T>
void subtract_some(bool first, bool last, const T* q, std::int64_t stride, const double* c, const T* x, double* acc,
                   T* w, std::int64_t size) {
  if (first && last)
    subtract_columns<Isa, columns, true, true>(q, stride, c, x, acc, w, size);
  else if (first)
    subtract_columns<Isa, columns, true, false>(q, stride, c, x, acc, w, size);
  else if (last)
    subtract_columns<Isa, columns, false, true>(q, stride, c, x, acc, w, size);
  else
    subtract_columns<Isa, columns, false, false>(q, stride, c, x, acc, w, size);
}

}  // namespace

template <class Isa, class T>
void project_tiles(const T* q, std::int64_t stride, int columns, const T* w, std::int64_t n, std::int64_t first,
                   std::int64_t last, double* partial, std::int64_t tiles) {
  constexpr int at_once = columns_at_once<Isa>;
  for (std::int64_t t = first; t < last; ++t) {
    const std::int64_t start = t * reduce_tile, size = n - start < reduce_tile ? n - start : reduce_tile;
    int i = 0;
    for (; i + at_once <= columns; i += at_once)
      project_tile<Isa, at_once>(q + i * stride + start, stride, w + start, size, partial + i * tiles + t, tiles);
    if (at_once > 2 && i + 2 <= columns) {
      project_tile<Isa, 2>(q + i * stride + start, stride, w + start, size, partial + i * tiles + t, tiles);
      i += 2;
    }
    for (; i < columns; ++i)
      project_tile<Isa, 1>(q + i * stride + start, stride, w + start, size, partial + i * tiles + t, tiles);
  }
}

template <class Isa, class T>
void subtract_range(const T* q, std::int64_t stride, int columns, const double* c, const T* x, T* w, std::int64_t begin,
                    std::int64_t end) {
  constexpr std::int64_t piece = 1024;
  alignas(64) double acc[piece];
  for (std::int64_t start = begin; start < end; start += piece) {
    const std::int64_t size = end - start < piece ? end - start : piece;
    const T* p = q + start;
    for (int i = 0, step = 0; i < columns; i += step) {
      const int left = columns - i;
      step = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
      const bool first = i == 0, last = step == left;
      const T* from = p + i * stride;
      if (step == 8)
        subtract_some<Isa, 8>(first, last, from, stride, c + i, x + start, acc, w + start, size);
      else if (step == 4)
        subtract_some<Isa, 4>(first, last, from, stride, c + i, x + start, acc, w + start, size);
      else if (step == 2)
        subtract_some<Isa, 2>(first, last, from, stride, c + i, x + start, acc, w + start, size);
      else
        subtract_some<Isa, 1>(first, last, from, stride, c + i, x + start, acc, w + start, size);
    }
    if (columns == 0)
      for (std::int64_t e = 0; e < size; ++e) w[start + e] = x[start + e];
  }
}

template <class Isa, class T>
void subtract_tiles(const T* q, std::int64_t stride, int columns, const double* c, const T* x, T* w, std::int64_t n,
                    std::int64_t first, std::int64_t last, double* partial) {
  for (std::int64_t t = first; t < last; ++t) {
    const std::int64_t start = t * reduce_tile, left = n - start;
    subtract_range<Isa, T>(q, stride, columns, c, x, w, start, start + (left < reduce_tile ? left : reduce_tile));
    dot_tiles<Isa, T>(w, w, n, t, t + 1, partial + (t - first));  // while the tile is in the first cache
  }
}

template <class Isa, class T>
void combine_range(const T* q, std::int64_t stride, int columns, const double* s, int outputs, T* y,
                   std::int64_t y_stride, std::int64_t begin, std::int64_t end) {
  alignas(64) T out[pool];
  const std::int64_t chunk = outputs <= 8 ? 1024 : pool / outputs / 64 * 64;
  for (std::int64_t start = begin; start < end; start += chunk) {
    const std::int64_t size = end - start < chunk ? end - start : chunk;
    int j = 0;
    for (; j + 2 <= outputs; j += 2)
      chain_chunk<Isa, 2>(q + start, stride, columns, s + j, outputs, out + j * chunk, chunk, size);
    for (; j < outputs; ++j)
      chain_chunk<Isa, 1>(q + start, stride, columns, s + j, outputs, out + j * chunk, chunk, size);
    for (j = 0; j < outputs; ++j)
      for (std::int64_t e = 0; e < size; ++e) y[j * y_stride + start + e] = out[j * chunk + e];
  }
}

template <class Isa, class T>
void scale_range(const T* x, double factor, T* y, std::int64_t begin, std::int64_t end) {
  constexpr int width = wide<Isa>;
  std::int64_t e = begin;
  for (; e + width <= end; e += width) narrow<Isa>(y + e, widen<Isa>(x + e) * broadcast<Wide<Isa>>(factor));
  for (; e < end; ++e) y[e] = static_cast<T>(static_cast<double>(x[e]) * factor);
}

template <class Isa, class T>
T max_size(const T* x, std::int64_t n) {
  using V = Vec<Isa, T>;
  constexpr int width = lanes<Isa, T>;
  V most = {};
  std::int64_t e = 0;
  for (; e + width <= n; e += width) {
    const V v = load<V>(x + e), size = v < V{} ? -v : v;
    most = size > most ? size : most;
  }
  T best = 0;
  for (int l = 0; l < width; ++l) best = most[l] > best ? most[l] : best;
  for (; e < n; ++e) {
    const T size = x[e] < 0 ? -x[e] : x[e];
    best = size > best ? size : best;
  }
  return best;
}

template void project_tiles<ThisIsa, float>(const float*, std::int64_t, int, const float*, std::int64_t, std::int64_t,
                                            std::int64_t, double*, std::int64_t);
template void subtract_range<ThisIsa, float>(const float*, std::int64_t, int, const double*, const float*, float*,
                                             std::int64_t, std::int64_t);
template void subtract_tiles<ThisIsa, float>(const float*, std::int64_t, int, const double*, const float*, float*,
                                             std::int64_t, std::int64_t, std::int64_t, double*);
template void combine_range<ThisIsa, float>(const float*, std::int64_t, int, const double*, int, float*, std::int64_t,
                                            std::int64_t, std::int64_t);
template void scale_range<ThisIsa, float>(const float*, double, float*, std::int64_t, std::int64_t);
template float max_size<ThisIsa, float>(const float*, std::int64_t);
template void project_tiles<ThisIsa, double>(const double*, std::int64_t, int, const double*, std::int64_t,
                                             std::int64_t, std::int64_t, double*, std::int64_t);
template void subtract_range<ThisIsa, double>(const double*, std::int64_t, int, const double*, const double*, double*,
                                              std::int64_t, std::int64_t);
template void subtract_tiles<ThisIsa, double>(const double*, std::int64_t, int, const double*, const double*, double*,
                                              std::int64_t, std::int64_t, std::int64_t, double*);
template void combine_range<ThisIsa, double>(const double*, std::int64_t, int, const double*, int, double*,
                                             std::int64_t, std::int64_t, std::int64_t);
template void scale_range<ThisIsa, double>(const double*, double, double*, std::int64_t, std::int64_t);
template double max_size<ThisIsa, double>(const double*, std::int64_t);

}  // namespace brink::cpu
