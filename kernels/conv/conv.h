// SPDX-License-Identifier: MIT
// Two-dimensional convolution over pictures [N,H,W,C] with weights [R,S,C,K], and its two derivatives. Dilation, groups
// of channels and asymmetric padding do not exist.
// The three are closed under differentiation, so each takes any number of factor pairs in one chain, as matmul does.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/device.h"
#include "kernels/epilogue/epilogue.h"
#include "kernels/matmul/matmul.h"
#include "kernels/reduce/panels.h"
#include "kernels/view.h"

namespace brink {

/// The extents of one convolution: x [n,h,w,c], weights [r,s,c,k], y [n,p,q,k]. Output pixel (p, q) sees input pixel
/// (p·stride − padding + kh, q·stride − padding + kw) at tap (kh, kw); taps outside the picture are not valid and add nothing.
struct ConvShape {
  std::int64_t n, h, w, c, r, s, k, p, q, stride, padding;

  /// Output pixels along an axis of `in` pixels and `taps` taps; below 1 where the taps do not fit.
  static constexpr std::int64_t pixels(std::int64_t in, std::int64_t taps, std::int64_t stride, std::int64_t padding) {
    return in + 2 * padding < taps ? 0 : (in + 2 * padding - taps) / stride + 1;
  }
  [[gnu::always_inline]] BRINK_HD std::int64_t weights() const { return r * s * c * k; }
  [[gnu::always_inline]] BRINK_HD GroupedPanels panels(std::int64_t group) const { return {n, group, p * q}; }
};

namespace cpu {

// Common to the three. Shapes: factors = a₁, b₁, a₂, b₂, …, all pairs of equal shapes; h + 2·padding ≥ r, w + 2·padding ≥ s,
// stride ≥ 1, padding ≥ 0. Layout: row-major, contiguous, float32 or float64; scratch of the bytes below, aligned to 64 bytes.
// Aliasing: the result overlaps nothing. Errors: none; the graph has checked the shapes.

/// y = Σ conv(xᵢ, wᵢ).
/// Shapes:     xᵢ [n,h,w,c], wᵢ [r,s,c,k], y [n,p,q,k].
/// Arithmetic: one chain per element: acc = +0; for i ascending, for (kh, kw, ci) ascending over valid taps:
///             acc = fma(xᵢ, wᵢ, acc); acc + 0; then the epilogue, if there is one.
/// Cost:       2·n·p·q·k·r·s·c flops per pair.
/// Source:     ARCHITECTURE.md, "chain".
void conv2d(Device&, View y, std::span<const View> factors, const ConvShape&, View scratch, const Epilogue* = nullptr);
std::int64_t conv2d_scratch_bytes(const ConvShape&, int pairs, Dtype);

/// x̅ = Σ over pairs (dᵢ, wᵢ), the cotangent of x.
/// Shapes:     dᵢ [n,p,q,k], wᵢ [r,s,c,k], x [n,h,w,c].
/// Arithmetic: one chain per element: acc = +0; for i ascending, for (p, q, co) ascending over the output pixels that have a tap
///             on it, which is (kh, kw) descending: acc = fma(dᵢ, wᵢ, acc); acc + 0. A pixel that no tap touches is +0. Then the
///             epilogue, if there is one.
/// Cost:       2·n·p·q·k·r·s·c flops per pair.
/// Source:     ARCHITECTURE.md, "chain".
void conv2d_input_gradient(Device&, View x, std::span<const View> factors, const ConvShape&, View scratch,
                           const Epilogue* = nullptr);
std::int64_t conv2d_input_gradient_scratch_bytes(const ConvShape&, int pairs, Dtype);

/// w̅ = Σ over pairs (xᵢ, dᵢ) of the cotangent of w, summed over samples and pixels.
/// Shapes:     xᵢ [n,h,w,c], dᵢ [n,p,q,k], w [r,s,c,k].
/// Arithmetic: rows (n, p, q) are cut into panels of groups of `group` samples (kernels/reduce/panels.h). Per panel and element
///             one chain: acc = +0; for i ascending, for rows ascending whose tap is valid: acc = fma(xᵢ, dᵢ, acc); acc + 0.
///             The panels of a group join by T, groups join by T (kernels/reduce/tree.h).
/// Cost:       2·n·p·q·k·r·s·c flops per pair.
/// Source:     ARCHITECTURE.md, "panels and trees".
void conv2d_weight_gradient(Device&, View w, std::span<const View> factors, const ConvShape&, std::int64_t group,
                            View scratch);
std::int64_t conv2d_weight_gradient_scratch_bytes(const ConvShape&, int pairs, std::int64_t group, Dtype);

}  // namespace cpu

/// The same on the GPU, with the signatures, shapes and arithmetic of cpu. Work is enqueued.
namespace cuda {

void conv2d(Device&, View y, std::span<const View> factors, const ConvShape&, View scratch, const Epilogue* = nullptr);
std::int64_t conv2d_scratch_bytes(const ConvShape&, int pairs, Dtype);
void conv2d_input_gradient(Device&, View x, std::span<const View> factors, const ConvShape&, View scratch,
                           const Epilogue* = nullptr);
std::int64_t conv2d_input_gradient_scratch_bytes(const ConvShape&, int pairs, Dtype);
void conv2d_weight_gradient(Device&, View w, std::span<const View> factors, const ConvShape&, std::int64_t group,
                            View scratch);
std::int64_t conv2d_weight_gradient_scratch_bytes(const ConvShape&, int pairs, std::int64_t group, Dtype);

}  // namespace cuda

inline std::int64_t conv2d_scratch_bytes(Where where, const ConvShape& shape, int pairs, Dtype dtype) {
  if constexpr (has_cuda)
    if (where == Where::cuda) return cuda::conv2d_scratch_bytes(shape, pairs, dtype);
  return cpu::conv2d_scratch_bytes(shape, pairs, dtype);
}
inline std::int64_t conv2d_input_gradient_scratch_bytes(Where where, const ConvShape& shape, int pairs, Dtype dtype) {
  if constexpr (has_cuda)
    if (where == Where::cuda) return cuda::conv2d_input_gradient_scratch_bytes(shape, pairs, dtype);
  return cpu::conv2d_input_gradient_scratch_bytes(shape, pairs, dtype);
}
inline std::int64_t conv2d_weight_gradient_scratch_bytes(Where where, const ConvShape& shape, int pairs,
                                                         std::int64_t group, Dtype dtype) {
  if constexpr (has_cuda)
    if (where == Where::cuda) return cuda::conv2d_weight_gradient_scratch_bytes(shape, pairs, group, dtype);
  return cpu::conv2d_weight_gradient_scratch_bytes(shape, pairs, group, dtype);
}

inline void conv2d(Device& d, View y, std::span<const View> factors, const ConvShape& shape, View scratch,
                   const Epilogue* epilogue = nullptr) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::conv2d(d, y, factors, shape, scratch, epilogue);
  cpu::conv2d(d, y, factors, shape, scratch, epilogue);
}
inline void conv2d_input_gradient(Device& d, View x, std::span<const View> factors, const ConvShape& shape,
                                  View scratch, const Epilogue* epilogue = nullptr) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::conv2d_input_gradient(d, x, factors, shape, scratch, epilogue);
  cpu::conv2d_input_gradient(d, x, factors, shape, scratch, epilogue);
}
inline void conv2d_weight_gradient(Device& d, View w, std::span<const View> factors, const ConvShape& shape,
                                   std::int64_t group, View scratch) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::conv2d_weight_gradient(d, w, factors, shape, group, scratch);
  cpu::conv2d_weight_gradient(d, w, factors, shape, group, scratch);
}

}  // namespace brink
