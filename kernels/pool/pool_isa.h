// SPDX-License-Identifier: MIT
// What it is: the per-instruction-set entry points of this room, defined in pool_simd.cpp. Not for use elsewhere.
#pragma once

#include <cstdint>

#include "kernels/pool/pool.h"

namespace brink::cpu {

/// The extents of one pooling: pictures of height × width, p × q windows.
struct PoolExtents {
  std::int64_t samples, height, width, channels, p, q;
};

/// t null: the maximum itself.
template <class Isa, class T>
void pool_select_isa(const PoolExtents&, PoolWindows, const T* x, const T* t, T* out);
template <class Isa, class T>
void pool_scatter_isa(const PoolExtents&, PoolWindows, const T* x, const T* d, T* out);

}  // namespace brink::cpu
