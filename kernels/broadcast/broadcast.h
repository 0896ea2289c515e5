// SPDX-License-Identifier: MIT
// Operations between a matrix of samples [S,C] and a row or a column of it. Sums over samples are in kernels/matmul.
#pragma once

#include "kernels/device.h"
#include "kernels/view.h"

// Common to all. Layout: row-major, contiguous, float32 or float64. Aliasing: out may be x exactly. Errors: none. Cost: one pass.
namespace brink {
namespace cpu {
/// out[s,c] = x[s,c] + b[c].  x, out [S,C] or [S,P,Q,C], each pixel a row; b [C].
void add_row(Device&, View out, View x, View b);
/// out[s,c] = b[c].  out [S,C] or [S,P,Q,C]; b [C].
void broadcast_row(Device&, View out, View b);
/// out[s,c] = r[s].  out [S,C]; r [S,1].
void broadcast_column(Device&, View out, View r);
/// out[s] = Σ_c x[s,c].  x [S,C]; out [S,1]. Arithmetic: a float64 chain from +0 over c ascending, rounded once.
void sum_columns(Device&, View out, View x);
/// out[s, before + c] = x[s,c], all else +0.  x [S,C]; out [S, before + C + after].
void pad_columns(Device&, View out, View x, std::int64_t before);
/// out[s,c] = x[s, first + c].  x [S,X]; out [S,C], first + C ≤ X.
void slice_columns(Device&, View out, View x, std::int64_t first);
/// out[i] = c·x[i], the scalar c (float64, one element) rounded to x's type first.
void scale_by(Device&, View out, View c, View x);
}  // namespace cpu

namespace cuda {
void add_row(Device&, View out, View x, View b);
void broadcast_row(Device&, View out, View b);
void broadcast_column(Device&, View out, View r);
void sum_columns(Device&, View out, View x);
void pad_columns(Device&, View out, View x, std::int64_t before);
void slice_columns(Device&, View out, View x, std::int64_t first);
void scale_by(Device&, View out, View c, View x);
}  // namespace cuda

inline void add_row(Device& d, View out, View x, View b) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::add_row(d, out, x, b);
  cpu::add_row(d, out, x, b);
}
inline void broadcast_row(Device& d, View out, View b) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::broadcast_row(d, out, b);
  cpu::broadcast_row(d, out, b);
}
inline void broadcast_column(Device& d, View out, View r) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::broadcast_column(d, out, r);
  cpu::broadcast_column(d, out, r);
}
inline void sum_columns(Device& d, View out, View x) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::sum_columns(d, out, x);
  cpu::sum_columns(d, out, x);
}
inline void pad_columns(Device& d, View out, View x, std::int64_t before) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::pad_columns(d, out, x, before);
  cpu::pad_columns(d, out, x, before);
}
inline void slice_columns(Device& d, View out, View x, std::int64_t first) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::slice_columns(d, out, x, first);
  cpu::slice_columns(d, out, x, first);
}
inline void scale_by(Device& d, View out, View c, View x) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::scale_by(d, out, c, x);
  cpu::scale_by(d, out, c, x);
}

}  // namespace brink
