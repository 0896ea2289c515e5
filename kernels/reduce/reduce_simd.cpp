// SPDX-License-Identifier: MIT
// Sums and dots of single tiles, compiled once per instruction set.
// The 32 lanes of the contract are held in as many registers as the set needs; a short last tile ends in scalars.
#include "kernels/reduce/reduce_isa.h"

#include "kernels/isa.h"
#include "kernels/reduce/reduce.h"
#include "kernels/widen.h"

namespace brink::cpu {

template <class Isa, class T>
void sum_tiles(const T* x, std::int64_t n, std::int64_t first, std::int64_t last, T* partial) {
  using V = Vec<Isa, T>;
  constexpr int w = lanes<Isa, T>, registers = reduce_lanes / w;
  for (std::int64_t t = first; t < last; ++t) {
    const T* p = x + t * reduce_tile;
    const std::int64_t left = n - t * reduce_tile, size = left < reduce_tile ? left : reduce_tile;
    V acc[registers] = {};
    std::int64_t e = 0;
    for (; e + reduce_lanes <= size; e += reduce_lanes)
      for (int r = 0; r < registers; ++r) acc[r] = acc[r] + load<V>(p + e + r * w);
    T lane[reduce_lanes];
    for (int r = 0; r < registers; ++r) store(lane + r * w, acc[r]);
    for (int l = 0; e < size; ++e, ++l) lane[l] = lane[l] + p[e];
    partial[t - first] = fold_lanes(lane);
  }
}

template <class Isa, class T>
void dot_tiles(const T* a, const T* b, std::int64_t n, std::int64_t first, std::int64_t last, double* partial) {
  constexpr int w = wide<Isa>, registers = reduce_lanes / w;
  for (std::int64_t t = first; t < last; ++t) {
    const T* p = a + t * reduce_tile;
    const T* q = b + t * reduce_tile;
    const std::int64_t left = n - t * reduce_tile, size = left < reduce_tile ? left : reduce_tile;
    Wide<Isa> acc[registers] = {};
    std::int64_t e = 0;
    if (p == q) {  // type conversions limit the speed of this loop: widen once
      for (; e + reduce_lanes <= size; e += reduce_lanes)
        for (int r = 0; r < registers; ++r) {
          const Wide<Isa> x = widen<Isa>(p + e + r * w);
          acc[r] = fma_of<Isa, T>(x, x, acc[r]);
        }
    }
    for (; e + reduce_lanes <= size; e += reduce_lanes)
      for (int r = 0; r < registers; ++r)
        acc[r] = fma_of<Isa, T>(widen<Isa>(p + e + r * w), widen<Isa>(q + e + r * w), acc[r]);
    double lane[reduce_lanes];
    for (int r = 0; r < registers; ++r) store(lane + r * w, acc[r]);
    for (int l = 0; e < size; ++e, ++l) lane[l] = fma_of_scalar<T>(p[e], q[e], lane[l]);
    partial[t - first] = fold_lanes(lane);
  }
}

template <class Isa, class T>
void tree_add_columns(T* rows, std::int64_t count, std::int64_t width, std::int64_t begin, std::int64_t end, T* out) {
  for (std::int64_t stride = 1; stride < count; stride *= 2)
    for (std::int64_t i = 0; i + stride < count; i += 2 * stride) {
      T* into = rows + i * width;
      const T* from = rows + (i + stride) * width;
      for (std::int64_t e = begin; e < end; ++e) into[e] = into[e] + from[e];
    }
  if (out != rows)
    for (std::int64_t e = begin; e < end; ++e) out[e] = rows[e];
}

template void sum_tiles<ThisIsa, float>(const float*, std::int64_t, std::int64_t, std::int64_t, float*);
template void dot_tiles<ThisIsa, float>(const float*, const float*, std::int64_t, std::int64_t, std::int64_t, double*);
template void tree_add_columns<ThisIsa, float>(float*, std::int64_t, std::int64_t, std::int64_t, std::int64_t, float*);
template void sum_tiles<ThisIsa, double>(const double*, std::int64_t, std::int64_t, std::int64_t, double*);
template void dot_tiles<ThisIsa, double>(const double*, const double*, std::int64_t, std::int64_t, std::int64_t,
                                         double*);
template void tree_add_columns<ThisIsa, double>(double*, std::int64_t, std::int64_t, std::int64_t, std::int64_t,
                                                double*);

}  // namespace brink::cpu
