// SPDX-License-Identifier: MIT
// Sum, dot and norm of whole arrays, and T over rows. Sums over samples belong to the kernels that make their panels.
// The order of additions is fixed by position alone (tiles, 32 lanes, a tree), so threads, instruction sets and devices do not
// change the bits.
#pragma once

#include <cstdint>

#include "kernels/device.h"
#include "kernels/reduce/tree.h"
#include "kernels/scalars.h"
#include "kernels/view.h"

namespace brink {

inline constexpr std::int64_t reduce_tile = 4096;
inline constexpr int reduce_lanes = 32;

constexpr std::int64_t reduce_tiles(std::int64_t n) { return (n + reduce_tile - 1) / reduce_tile; }

/// lane[0] = the 32 lanes folded by 16, 8, 4, 2, 1; the others are overwritten.
template <class X>
static BRINK_HD X fold_lanes(X* lane) {
  for (int half = reduce_lanes / 2; half > 0; half /= 2)
    for (int l = 0; l < half; ++l) lane[l] = lane[l] + lane[l + half];
  return lane[0];
}

namespace cpu {

/// Σ xₑ
/// Shapes: x any shape, n elements.  Layout: contiguous.
/// Arithmetic: in tiles of 4096, lane l (from +0) adds elements l, l+32, … in T; lanes folded by 16, 8, 4, 2, 1; tiles joined
///   by T. n = 0 gives +0. The result is T's value as a double.
/// Aliasing: none.  Errors: none.  Cost: n reads; no allocation.  Source: ARCHITECTURE.md, "sum, dot, norm".
double sum(Device&, View x);

/// Σ aₑbₑ
/// Shapes: a, b n elements each, same dtype.  Layout: contiguous.
/// Arithmetic: as `sum` with float64 lanes: lane = fma((double)a, (double)b, lane), from +0.
/// Aliasing: a may be b.  Errors: none; overflows to inf where Σ does in float64.  Cost: 2n reads; no allocation.
/// Source: ARCHITECTURE.md, "sum, dot, norm".
double dot(Device&, View a, View b);

/// √dot(x, x)
double norm(Device&, View x);

}  // namespace cpu

namespace cuda {
void sum(Device&, View x, Scalar to);
void dot(Device&, View a, View b, Scalar to);
void norm(Device&, View x, Scalar to);
/// The same numbers brought to the host: these wait.
double sum(Device&, View x);
double dot(Device&, View a, View b);
double norm(Device&, View x);
}  // namespace cuda

/// The result stays in `to`, in the device's memory: these only enqueue.
inline void sum(Device& d, View x, Scalar to) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::sum(d, x, to);
  *to.at = cpu::sum(d, x);
}
inline void dot(Device& d, View a, View b, Scalar to) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::dot(d, a, b, to);
  *to.at = cpu::dot(d, a, b);
}
inline void norm(Device& d, View x, Scalar to) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::norm(d, x, to);
  *to.at = cpu::norm(d, x);
}
/// The result is returned: these wait for a CUDA device.
inline double sum(Device& d, View x) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::sum(d, x);
  return cpu::sum(d, x);
}
inline double dot(Device& d, View a, View b) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::dot(d, a, b);
  return cpu::dot(d, a, b);
}
inline double norm(Device& d, View x) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::norm(d, x);
  return cpu::norm(d, x);
}
}  // namespace brink
