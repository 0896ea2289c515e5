// SPDX-License-Identifier: MIT
// What it is: losses, and the sums over samples that stay float64. What it is not: their derivatives (autodiff/primitives).
#pragma once

#include <span>

#include "kernels/device.h"
#include "kernels/view.h"

// Common to all. Layout: row-major, contiguous; logits float32 or float64; out of the sums: one float64. Sums over samples:
// a float64 chain from +0 within each group of `group` consecutive samples, groups joined by the tree (kernels/reduce/tree.h); nothing
// is divided by the number of samples here. Aliasing: none, except softmax, whose out may be its input. Errors: none.
namespace brink {
namespace cpu {

/// p[s,c] = e_c / Σ_c e_c with e_c = exp(f[s,c] − max_c f[s,c]).  f, p [S,C].
/// Arithmetic: difference and exp in the logits' type, sum a float64 chain over c ascending, quotient in float64 rounded once.
void softmax(Device&, View p, View f);

/// Σ_s −log softmax(f)_{s, y_s}.  f [S,C]; labels int32 [S].
/// Arithmetic: per sample log(Σ_c e_c) + (max − f_y) in float64, with softmax's e_c.
/// Source: method of the paper, cross-entropy.
void cross_entropy(Device&, View loss, View f, View labels, std::int64_t group);

/// ½ Σ_s ‖d_s‖².  d [S,C].  Arithmetic: per sample fma(d, d, acc) over c ascending in float64; ½ exact.
void half_sum_of_squares(Device&, View loss, View d, std::int64_t group);

/// Σ_s Σ_i ⟨a_i[s], b_i[s]⟩.  factors = a₁, b₁, a₂, b₂, …, all [S,C], at most max_factor_pairs (matmul.h) pairs.
/// Arithmetic: per sample one float64 chain from +0: for i ascending, for c ascending: acc = fma(a, b, acc).
void sample_dot(Device&, View out, std::span<const View> factors, std::int64_t group);

}  // namespace cpu

namespace cuda {
void softmax(Device&, View p, View f);
void cross_entropy(Device&, View loss, View f, View labels, std::int64_t group);
void half_sum_of_squares(Device&, View loss, View d, std::int64_t group);
void sample_dot(Device&, View out, std::span<const View> factors, std::int64_t group);
}  // namespace cuda

inline void softmax(Device& d, View p, View f) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::softmax(d, p, f);
  cpu::softmax(d, p, f);
}
inline void cross_entropy(Device& d, View loss, View f, View labels, std::int64_t group) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::cross_entropy(d, loss, f, labels, group);
  cpu::cross_entropy(d, loss, f, labels, group);
}
inline void half_sum_of_squares(Device& d, View loss, View x, std::int64_t group) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::half_sum_of_squares(d, loss, x, group);
  cpu::half_sum_of_squares(d, loss, x, group);
}
inline void sample_dot(Device& d, View out, std::span<const View> factors, std::int64_t group) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::sample_dot(d, out, factors, group);
  cpu::sample_dot(d, out, factors, group);
}

}  // namespace brink
