// SPDX-License-Identifier: MIT
// Starts kernels. Included by kernels/*/*.cu only.
// It is a function instead of <<<>>>, which is not C++, so the emulator compiles the same call.
#pragma once

#include <cassert>
#include <cstdint>
#include <tuple>
#include <utility>

#include "kernels/cuda/context.h"
#include "kernels/cuda/device_code.h"
#include "kernels/cuda/runtime.h"
#include "kernels/device.h"

namespace brink::cuda {

/// Enqueues kernel(arguments…) on the device's stream: `grid` blocks of `block` threads. An empty grid launches
/// nothing.
template <class... P, class... A>
void launch(Device& d, void (*kernel)(P...), Extent3 grid, Extent3 block, const A&... arguments) {
  static_assert(sizeof...(P) == sizeof...(A), "one argument for each parameter of the kernel");
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  assert(grid.y <= 65535 && grid.z <= 65535);
  std::tuple<P...> values{static_cast<P>(arguments)...};
  std::apply(
      [&](auto&... value) {
        void* pointers[] = {const_cast<void*>(static_cast<const void*>(&value))..., nullptr};
        LaunchCall call{reinterpret_cast<const void*>(kernel), grid, block, pointers, {}};
#ifndef __CUDACC__
        call.body = [kernel, values] { std::apply(kernel, values); };
#endif
        check(runtime().launch(call, context(d).stream()), "launch");
      },
      values);
}

/// ⌈n / of⌉ as a grid extent.
inline unsigned blocks_for(std::int64_t n, std::int64_t of) { return static_cast<unsigned>((n + of - 1) / of); }

}  // namespace brink::cuda
