// SPDX-License-Identifier: MIT
#include <algorithm>

#include "kernels/isa.h"
#include "kernels/map/map.h"

namespace brink::cpu {

namespace {
constexpr std::int64_t serial_below = 1 << 16;
}

void map(Device& d, std::size_t functor, View out, std::span<const View> in, double c) {
  with_real(out.dtype, [&]<class T>(T) {
    MapLoop<T>* const loop = with_isa([&]<class I>(I) { return map_loop<I, T>(functor); });
    T* const y = out.as<T>();
    const T* const a = in[0].as<T>();
    const T* const b = in.size() > 1 ? in[1].as<T>() : a;
    parallel_for(d, out.shape.elements(), 64 / static_cast<std::int64_t>(sizeof(T)), serial_below,
                 [&](std::int64_t i, std::int64_t end) { loop(end - i, y + i, a + i, b + i, c); });
  });
}

void fill(Device&, View out, double value) {
  with_real(out.dtype, [&]<class T>(T) { std::ranges::fill(out.span<T>(), static_cast<T>(value)); });
}

}  // namespace brink::cpu
