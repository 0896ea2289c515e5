// SPDX-License-Identifier: MIT
// Losses, and the sums over samples that stay float64. Their derivatives are in autodiff/primitives.
#pragma once

#include <span>

#include "kernels/device.h"
#include "kernels/view.h"

// Common to all. Layout: row-major, contiguous; logits float32 or float64; results of the sums: one float64. Sums over samples:
// a float64 chain from +0 within each group of `group` consecutive samples; groups are joined by the tree
// (kernels/reduce/tree.h). Nothing is divided by the number of samples here. Aliasing: none. Errors: none.
// e_c = exp(f[s,c] − max_c f[s,c]), difference and exp in float64. The leading class of a row is the first of its largest
// values; a NaN counts as larger than all before it. Sums over classes: a float64 chain from +0 over c ascending. No digit is
// lost to cancellation where one class has almost all of the probability.
namespace brink {
namespace cpu {

/// Σ_s −log softmax(f)_{s, y_s}.  f [S,C]; labels int32 [S].
/// Arithmetic: per sample log1p(Σ e_c) + (max − f_y) in float64, the sum over all classes but the leading one.
/// Source: docs/method.md, "Losses".
void cross_entropy(Device&, View loss, View f, View labels, std::int64_t group);

/// p = softmax(f), and delta = p − e_y, the derivative of the cross-entropy.  f, p, delta [S,C]; labels int32 [S].
/// Arithmetic: p_c = r_c / Σ e_c, r_c being e_c rounded to the logits' type; delta_c = p_c but for the label, where
/// delta_y = −(Σ_{c≠y} e_c / Σ e_c); quotients in float64, rounded once.
void cross_entropy_gradient(Device&, View delta, View p, View f, View labels);

/// out[s,c] = x[s,c] − x[s,l], l the leading class of p[s,:].  x, p, out [S,C].  Arithmetic: in x's type.
void minus_leading(Device&, View out, View x, View p);

/// The transpose of minus_leading: out[s,c] = x[s,c], but out[s,l] = −Σ_{c≠l} x[s,c].  Arithmetic: the sum rounded once.
void balance_leading(Device&, View out, View x, View p);

/// ½ Σ_s ‖d_s‖².  d [S,C].  Arithmetic: per sample fma(d, d, acc) over c ascending in float64; ½ exact.
void half_sum_of_squares(Device&, View loss, View d, std::int64_t group);

/// Σ_s Σ_i ⟨a_i[s], b_i[s]⟩.  factors = a₁, b₁, a₂, b₂, …, all [S,C], at most max_factor_pairs (matmul.h) pairs.
/// Arithmetic: per sample one float64 chain from +0: for i ascending, for c ascending: acc = fma(a, b, acc).
void sample_dot(Device&, View out, std::span<const View> factors, std::int64_t group);

}  // namespace cpu

namespace cuda {
void cross_entropy(Device&, View loss, View f, View labels, std::int64_t group);
void cross_entropy_gradient(Device&, View delta, View p, View f, View labels);
void minus_leading(Device&, View out, View x, View p);
void balance_leading(Device&, View out, View x, View p);
void half_sum_of_squares(Device&, View loss, View d, std::int64_t group);
void sample_dot(Device&, View out, std::span<const View> factors, std::int64_t group);
}  // namespace cuda

inline void cross_entropy(Device& d, View loss, View f, View labels, std::int64_t group) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::cross_entropy(d, loss, f, labels, group);
  cpu::cross_entropy(d, loss, f, labels, group);
}
inline void cross_entropy_gradient(Device& d, View delta, View p, View f, View labels) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::cross_entropy_gradient(d, delta, p, f, labels);
  cpu::cross_entropy_gradient(d, delta, p, f, labels);
}
inline void minus_leading(Device& d, View out, View x, View p) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::minus_leading(d, out, x, p);
  cpu::minus_leading(d, out, x, p);
}
inline void balance_leading(Device& d, View out, View x, View p) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::balance_leading(d, out, x, p);
  cpu::balance_leading(d, out, x, p);
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
