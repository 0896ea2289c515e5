// SPDX-License-Identifier: MIT
#include <algorithm>

#include "kernels/isa.h"
#include "kernels/map/map.h"

namespace brink::cpu {

namespace {
constexpr std::int64_t serial_below = 1 << 16;
}

void map(Device& d, std::size_t functor, std::span<const View> out, std::span<const View> in, const double* constants) {
  with_real(out[0].dtype, [&]<class T>(T) {
    MapLoop<T>* const loop = with_isa([&]<class I>(I) { return map_loop<I, T>(functor); });
    T* y[max_map_operands];
    const T* x[max_map_operands];
    std::ranges::transform(out, y, [](const View& v) { return v.as<T>(); });
    std::ranges::transform(in, x, [](const View& v) { return v.as<T>(); });
    parallel_for(d, out[0].shape.elements(), 64 / static_cast<std::int64_t>(sizeof(T)), serial_below,
                 [&](std::int64_t first, std::int64_t last) { loop(first, last, y, x, constants); });
  });
}

void fill(Device&, View out, double value) {
  with_real(out.dtype, [&]<class T>(T) { std::ranges::fill(out.span<T>(), static_cast<T>(value)); });
}

void cast(Device& d, View out, View x) {
  with_real(out.dtype, [&]<class To>(To) {
    with_real(x.dtype, [&]<class From>(From) {
      To* const y = out.as<To>();
      const From* const a = x.as<From>();
      parallel_for(d, out.shape.elements(), 64 / static_cast<std::int64_t>(sizeof(To)), serial_below,
                   [&](std::int64_t first, std::int64_t last) {
                     for (std::int64_t i = first; i < last; ++i) y[i] = static_cast<To>(a[i]);
                   });
    });
  });
}

}  // namespace brink::cpu
