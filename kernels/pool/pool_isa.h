// SPDX-License-Identifier: MIT
// The functions of pool that are compiled once per instruction set (pool_simd.cpp).
#pragma once

#include <cstdint>

#include "kernels/pool/pool.h"

namespace brink::cpu {

/// Pictures of height × width, p × q windows.
struct PoolExtents {
  std::int64_t samples, height, width, channels, p, q;
};

/// t = null: the maximum itself.
template <class Isa, class T>
void pool_select_isa(const PoolExtents&, PoolWindows, const T* x, const T* t, T* out);
template <class Isa, class T>
void pool_scatter_isa(const PoolExtents&, PoolWindows, const T* x, const T* d, T* out);

}  // namespace brink::cpu
