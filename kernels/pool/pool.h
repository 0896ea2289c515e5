// SPDX-License-Identifier: MIT
// Maxima over windows, averages over a picture, and the shortcut of a residual network; each with its transpose.
// No array of positions is kept. The argmax is found again from x wherever it is needed, with as many comparisons as the
// maximum and no memory, so ties and NaNs are treated alike everywhere.
#pragma once

#include "kernels/device.h"
#include "kernels/view.h"

namespace brink {

/// Windows of `window` × `window` pixels, `stride` apart, without padding: window (p, q) has the rows p·stride … p·stride +
/// window − 1, and likewise the columns. Windows may overlap, and pixels at the far edges may be in none.
struct PoolWindows {
  std::int64_t window = 2, stride = 2;
  constexpr std::int64_t count(std::int64_t pixels) const { return (pixels - window) / stride + 1; }
};

// Common to all. Shapes: x [S,H,W,C]. Layout: NHWC, row-major, contiguous, all float32 or all float64. The argmax of a window:
// m = the first pixel; for the others in scan order (rows first): if (x > m || x != x) m = x. So the first of equals wins, and
// a NaN is kept unless another follows. Aliasing: none. Errors: none; the graph has checked the shapes. Cost: one pass. Source:
// docs/method.md, "Curvature" and "Networks".
namespace cpu {

/// y[s,p,q,c] = the maximum of x over window (p, q).  y [S,P,Q,C].
void max_pool(Device&, View y, View x, PoolWindows);
/// out[s,p,q,c] = t at the argmax of x over window (p, q).  t [S,H,W,C], out [S,P,Q,C].
void pool_select(Device&, View out, View x, View t, PoolWindows);
/// out[s,h,w,c] = Σ d[s,p,q,c] over the windows (p, q) whose argmax of x is (h, w).  d [S,P,Q,C], out [S,H,W,C].
/// Arithmetic: from +0, windows ascending (p, then q), in the working type.
void pool_scatter(Device&, View out, View x, View d, PoolWindows);

/// out[s,c] = Σ x over the pixels / (H·W).  out [S,C].
/// Arithmetic: a float64 chain from +0 over the pixels ascending, divided in float64, rounded once.
void average_pixels(Device&, View out, View x);
/// out[s,h,w,c] = d[s,c] / (H·W).  d [S,C], out [S,H,W,C].  Arithmetic: one division in the working type.
void spread_pixels(Device&, View out, View d);

/// out[s,p,q,c] = x[s, p·stride, q·stride, c] for c < C, +0 for the channels appended.  out [S,⌈H/stride⌉,⌈W/stride⌉,K], K ≥ C.
void shortcut(Device&, View out, View x, std::int64_t stride);
/// The transpose of `shortcut`: out[s, p·stride, q·stride, c] = d[s,p,q,c] for c < C, +0 elsewhere.  d [S,P,Q,K], out
/// [S,H,W,C].
void shortcut_transposed(Device&, View out, View d, std::int64_t stride);

}  // namespace cpu

namespace cuda {
void max_pool(Device&, View y, View x, PoolWindows);
void pool_select(Device&, View out, View x, View t, PoolWindows);
void pool_scatter(Device&, View out, View x, View d, PoolWindows);
void average_pixels(Device&, View out, View x);
void spread_pixels(Device&, View out, View d);
void shortcut(Device&, View out, View x, std::int64_t stride);
void shortcut_transposed(Device&, View out, View d, std::int64_t stride);
}  // namespace cuda

inline void max_pool(Device& d, View y, View x, PoolWindows windows) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::max_pool(d, y, x, windows);
  cpu::max_pool(d, y, x, windows);
}
inline void pool_select(Device& d, View out, View x, View t, PoolWindows windows) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::pool_select(d, out, x, t, windows);
  cpu::pool_select(d, out, x, t, windows);
}
inline void pool_scatter(Device& d, View out, View x, View cotangent, PoolWindows windows) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::pool_scatter(d, out, x, cotangent, windows);
  cpu::pool_scatter(d, out, x, cotangent, windows);
}
inline void average_pixels(Device& d, View out, View x) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::average_pixels(d, out, x);
  cpu::average_pixels(d, out, x);
}
inline void spread_pixels(Device& d, View out, View x) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::spread_pixels(d, out, x);
  cpu::spread_pixels(d, out, x);
}
inline void shortcut(Device& d, View out, View x, std::int64_t stride) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::shortcut(d, out, x, stride);
  cpu::shortcut(d, out, x, stride);
}
inline void shortcut_transposed(Device& d, View out, View x, std::int64_t stride) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::shortcut_transposed(d, out, x, stride);
  cpu::shortcut_transposed(d, out, x, stride);
}

}  // namespace brink
