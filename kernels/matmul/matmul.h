// SPDX-License-Identifier: MIT
// Matrix products in the two roles that networks need: rows of samples times a weight matrix, and the sum over samples that is
// a weight gradient. There are no leading dimensions, no alpha and no beta.
// Several products may share one accumulation chain (A₁B₁ + A₂B₂ + …), because that is the derivative of a product. Joining the
// chains anywhere else would make the bits depend on how a batch is cut.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/device.h"
#include "kernels/epilogue/apply.h"
#include "kernels/epilogue/epilogue.h"
#include "kernels/reduce/panels.h"
#include "kernels/vendor.h"
#include "kernels/view.h"

namespace brink {

/// The number of samples in a group of a network without normalisation (ARCHITECTURE.md, "panels and trees").
inline constexpr std::int64_t default_group = 128;

/// The largest number of factor pairs in one chain: enough for fifth derivatives of one product. More are refused when a graph
/// is built.
inline constexpr int max_factor_pairs = 32;

/// How a sum over the samples of an array [S,N] or [S,P,Q,N] is cut.
inline GroupedPanels grouped_panels(const Shape& d, std::int64_t group) {
  return {d[0], group, d.rank == 2 ? 0 : d.row_elements() / d[d.rank - 1]};
}

namespace cpu {

/// C = A₁B₁ + A₂B₂ + …, or with Bᵀ in place of B.
/// Shapes:     factors = A₁, B₁, A₂, B₂, …; Aᵢ [M,Kᵢ], Bᵢ [Kᵢ,N] (transpose_b: [N,Kᵢ]), C [M,N]; M, N, Kᵢ ≥ 1.
/// Layout:     row-major, contiguous; scratch at least matmul_scratch_bytes(max Kᵢ, N, dtype), aligned to 64 bytes.
/// Arithmetic: one chain per element: acc = +0; for i ascending, for k ascending: acc = fma(Aᵢ[m,k], Bᵢ[k,n], acc); acc + 0;
///             then the epilogue, if there is one.
/// Aliasing:   C overlaps nothing.
/// Errors:     none; the graph has checked the shapes.
/// Cost:       2·M·N·ΣKᵢ flops. Register tiles of MR rows × two vectors, A read in place by broadcast, B packed per k-block
///             unless it already lies as one panel.
/// Source:     design of BLIS (one microkernel), order fixed by ARCHITECTURE.md, "chain".
void matmul(Device&, View c, std::span<const View> factors, bool transpose_b, View scratch, const Epilogue* = nullptr);
std::int64_t matmul_scratch_bytes(std::int64_t largest_k, std::int64_t n, Dtype);

/// W = X₁ᵀD₁ + X₂ᵀD₂ + …, summed over samples.
/// Shapes:     factors = X₁, D₁, X₂, D₂, …; Xᵢ [S,K], Dᵢ [S,N], W [K,N].
/// Layout:     row-major, contiguous; scratch at least weight_gradient_scratch_bytes(…), aligned to 64 bytes.
/// Arithmetic: samples are cut into groups of `group` consecutive ones, the last may be shorter. Per group and element one
///             chain: acc = +0; for i ascending, for s ascending: acc = fma(Xᵢ[s,k], Dᵢ[s,n], acc); acc + 0. Groups join by
///             T(1) = leaf, T(g) = T(p) + T(g−p), p the largest power of two below g.
/// Aliasing:   W overlaps nothing.
/// Errors:     none.
/// Cost:       2·S·K·N flops per pair. Groups outermost, so that a group's X stays in L2; trees of partial tiles in scratch.
/// Source:     ARCHITECTURE.md, "panels and trees".
void weight_gradient(Device&, View w, std::span<const View> factors, std::int64_t group, View scratch);
std::int64_t weight_gradient_scratch_bytes(std::int64_t samples, std::int64_t k, std::int64_t n, int pairs,
                                           std::int64_t group, Dtype);

/// b = Σ over samples of D: the weight gradient against a column of ones.
/// Shapes:     D [S,N], b [N]; or D [S,P,Q,N], with one row a pixel.
/// Arithmetic: [S,N]: as weight_gradient with X = 1: acc = acc + D[s,n], s ascending; acc + 0; groups join by T.
///             [S,P,Q,N]: one such chain a panel (kernels/reduce/panels.h), rows in the order (s, p, q); panels join by T, then groups.
/// Aliasing:   none. Errors: none. Cost: S·N additions. Scratch: sum_samples_scratch_bytes.
void sum_samples(Device&, View b, View d, std::int64_t group, View scratch);
std::int64_t sum_samples_scratch_bytes(const Shape& d, std::int64_t group, Dtype);

}  // namespace cpu

/// The same on the GPU, with the signatures, shapes and arithmetic of cpu. Work is enqueued. Only sums over samples need
/// scratch: the parts of all groups at once up to 256 MiB, otherwise of 2ʲ groups at a time.
namespace cuda {

void matmul(Device&, View c, std::span<const View> factors, bool transpose_b, View scratch, const Epilogue* = nullptr);
std::int64_t matmul_scratch_bytes(std::int64_t largest_k, std::int64_t n, Dtype);
void weight_gradient(Device&, View w, std::span<const View> factors, std::int64_t group, View scratch);
std::int64_t weight_gradient_scratch_bytes(std::int64_t samples, std::int64_t k, std::int64_t n, int pairs,
                                           std::int64_t group, Dtype);
void sum_samples(Device&, View b, View d, std::int64_t group, View scratch);
std::int64_t sum_samples_scratch_bytes(const Shape& d, std::int64_t group, Dtype);

}  // namespace cuda

inline std::int64_t matmul_scratch_bytes(Where where, std::int64_t largest_k, std::int64_t n, Dtype dtype) {
  if constexpr (has_cuda)
    if (where == Where::cuda) return cuda::matmul_scratch_bytes(largest_k, n, dtype);
  return cpu::matmul_scratch_bytes(largest_k, n, dtype);
}
inline std::int64_t weight_gradient_scratch_bytes(Where where, std::int64_t samples, std::int64_t k, std::int64_t n,
                                                  int pairs, std::int64_t group, Dtype dtype) {
  if constexpr (has_cuda)
    if (where == Where::cuda) return cuda::weight_gradient_scratch_bytes(samples, k, n, pairs, group, dtype);
  return cpu::weight_gradient_scratch_bytes(samples, k, n, pairs, group, dtype);
}
inline std::int64_t sum_samples_scratch_bytes(Where where, const Shape& d, std::int64_t group, Dtype dtype) {
  if constexpr (has_cuda)
    if (where == Where::cuda) return cuda::sum_samples_scratch_bytes(d, group, dtype);
  return cpu::sum_samples_scratch_bytes(d, group, dtype);
}

inline void matmul(Device& d, View c, std::span<const View> factors, bool transpose_b, View scratch,
                   const Epilogue* epilogue = nullptr) {
  if (d.vendor) {
    d.vendor->matmul(c, factors, transpose_b);
    if (epilogue) apply(d, c, *epilogue);
    return;
  }
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::matmul(d, c, factors, transpose_b, scratch, epilogue);
  cpu::matmul(d, c, factors, transpose_b, scratch, epilogue);
}
inline void weight_gradient(Device& d, View w, std::span<const View> factors, std::int64_t group, View scratch) {
  if (d.vendor) return d.vendor->weight_gradient(w, factors);
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::weight_gradient(d, w, factors, group, scratch);
  cpu::weight_gradient(d, w, factors, group, scratch);
}
inline void sum_samples(Device& d, View b, View in, std::int64_t group, View scratch) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::sum_samples(d, b, in, group, scratch);
  cpu::sum_samples(d, b, in, group, scratch);
}

}  // namespace brink
