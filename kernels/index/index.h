// SPDX-License-Identifier: MIT
// Kernels that move or create values by integer labels and row numbers.
#pragma once

#include "kernels/device.h"
#include "kernels/view.h"

namespace brink {
namespace cpu {
/// out[s,c] = (c == labels[s]) ? 1 : 0.  labels int32 [S], 0 ≤ label < C (checked when a data set is read); out [S,C] float.
void one_hot(Device&, View out, View labels);
/// out[i,…] = x[rows[i],…].  Any element type; rows int32 [R], each within x; out does not overlap x.
void gather_rows(Device&, View out, View x, View rows);
/// out = the number of samples whose largest logit is at their label. The first of equals counts as the largest, a NaN as
/// larger than all before it. logits [S,C] float, labels int32 [S], out float64 scalar (exact below 2⁵³).
void count_correct(Device&, View out, View logits, View labels);
}  // namespace cpu

namespace cuda {
void one_hot(Device&, View out, View labels);
void gather_rows(Device&, View out, View x, View rows);
void count_correct(Device&, View out, View logits, View labels);
}  // namespace cuda

inline void one_hot(Device& d, View out, View labels) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::one_hot(d, out, labels);
  cpu::one_hot(d, out, labels);
}
inline void gather_rows(Device& d, View out, View x, View rows) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::gather_rows(d, out, x, rows);
  cpu::gather_rows(d, out, x, rows);
}
inline void count_correct(Device& d, View out, View logits, View labels) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::count_correct(d, out, logits, labels);
  cpu::count_correct(d, out, logits, labels);
}

}  // namespace brink
