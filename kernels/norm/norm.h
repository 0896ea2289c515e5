// SPDX-License-Identifier: MIT
// Statistics of ghost groups, one for each group and channel, and the passes over pixels that apply them. There are no running
// averages; models/statistics.h derives what evaluation needs.
// Besides y the normalisation gives x̂ and its statistics. In terms of x̂ the derivative of a normalisation is one symmetric
// map, t → s∘(t − mean t − x̂∘mean(x̂∘t)): two sums and one pass, both forwards and backwards.
#pragma once

#include <span>

#include "kernels/device.h"
#include "kernels/epilogue/epilogue.h"
#include "kernels/hd.h"
#include "kernels/reduce/panels.h"
#include "kernels/view.h"

namespace brink {

/// x [S,P,Q,C] or [S,C] as rows of C channels, P·Q for each sample. Group g has the samples g·group … (g+1)·group − 1; the last
/// group has the remaining ones, so G = ⌈S/group⌉.
struct GroupedRows {
  std::int64_t samples, pixels, channels, group;

  [[gnu::always_inline]] GroupedRows(const Shape& x, std::int64_t samples_a_group)
      : samples(x[0]), pixels(1), channels(x[x.rank - 1]), group(samples_a_group) {
    for (int a = 1; a + 1 < x.rank; ++a) pixels *= x[a];
  }
  [[gnu::always_inline]] BRINK_HD std::int64_t groups() const { return (samples + group - 1) / group; }
  [[gnu::always_inline]] BRINK_HD std::int64_t samples_of(std::int64_t g) const {
    return (g + 1) * group < samples ? group : samples - g * group;
  }
  [[gnu::always_inline]] BRINK_HD std::int64_t first_row(std::int64_t g) const { return g * group * pixels; }
  [[gnu::always_inline]] BRINK_HD std::int64_t rows_of(std::int64_t g) const { return samples_of(g) * pixels; }
  [[gnu::always_inline]] BRINK_HD std::int64_t rows() const { return samples * pixels; }
  BRINK_HD Panels panels_of(std::int64_t g) const { return {samples_of(g), pixels}; }
};

// Common to all. Layout: row-major, contiguous, all float32 or all float64; r, b and every statistic [G,C]; scratch at least
// norm_scratch_bytes, aligned to 64 bytes. Sums: for each group and channel float64 chains from +0 over the rows of each panel
// (kernels/reduce/panels.h), ascending; panels joined by T; the total rounded once. Aliasing: none. Errors: none. Cost: one
// pass over each operand, unless stated otherwise. Source: docs/method.md, "GhostBatchNorm"; ARCHITECTURE.md, "panels and
// trees".
namespace cpu {

/// out[g,c] = Σ x over the rows of group g.  Arithmetic: acc = acc + (double)x.
void group_sum(Device&, View out, View x, std::int64_t group, View scratch);

/// out[g,c] = Σᵢ Σ aᵢ·bᵢ over the rows of group g.  factors = a₁, b₁, a₂, b₂, …, at most max_factor_pairs (matmul.h) pairs.
/// Arithmetic: in each panel one chain, for i ascending, for rows ascending: acc = fma((double)aᵢ, (double)bᵢ, acc).
void group_dot(Device&, View out, std::span<const View> factors, std::int64_t group, View scratch);

/// y = γ∘x̂ + β, x̂ = (x − μ)∘s, s = 1/σ, σ = √(v + ε), μ and v the mean and the biased variance of the group's values.
/// Shapes:     out = y, x̂, s, μ, σ; y and x̂ as x; γ, β [C].
/// Arithmetic: μ = Σx/n, the total divided in float64 and rounded once; v = Σ(x − μ)²/n with the rounded μ, d = (double)x −
///             (double)μ, acc = fma(d, d, acc), kept in float64; σ = √(v + ε) and s = 1/√(v + ε) in float64, each rounded once;
///             x̂ = (x − μ)·s in two roundings, y = fma(x̂, γ, β), in the working type; then the epilogue on y, if there is one.
/// Cost:       three reads of x, which a group's own cache may hold; two writes.
void ghost_norm(Device&, std::span<const View> out, View x, View gamma, View beta, std::int64_t group, double epsilon,
                View scratch, const Epilogue* epilogue = nullptr);

/// out = x₁∘r₁ + x₂∘r₂ + … + b, each r and b the same in all rows of its group.  terms = x₁, r₁, x₂, r₂, …, and b if their
/// number is odd.
/// Arithmetic: acc = b, or x₁·r₁ without a b; then acc = fma(xᵢ, rᵢ, acc), i ascending, in the working type; then the epilogue,
/// if there is one.
void group_affine(Device&, View out, std::span<const View> terms, std::int64_t group,
                  const Epilogue* epilogue = nullptr);

/// out = r in all rows of its group.
void group_broadcast(Device&, View out, View r, std::int64_t group);

/// out[g,c] = r[g,c] / n_g, n_g = values in a channel of group g (samples·pixels), or r[g,c]·S_g, its number of samples; the
/// numbers rounded to the working type first.
void weigh_groups(Device&, View out, View r, std::int64_t samples, std::int64_t group, std::int64_t pixels,
                  bool divide);

}  // namespace cpu

namespace cuda {
void group_sum(Device&, View out, View x, std::int64_t group, View scratch);
void group_dot(Device&, View out, std::span<const View> factors, std::int64_t group, View scratch);
void ghost_norm(Device&, std::span<const View> out, View x, View gamma, View beta, std::int64_t group, double epsilon,
                View scratch, const Epilogue* epilogue = nullptr);
void group_affine(Device&, View out, std::span<const View> terms, std::int64_t group,
                  const Epilogue* epilogue = nullptr);
void group_broadcast(Device&, View out, View r, std::int64_t group);
void weigh_groups(Device&, View out, View r, std::int64_t samples, std::int64_t group, std::int64_t pixels,
                  bool divide);
}  // namespace cuda

/// Scratch of group_sum, group_dot and ghost_norm: on a GPU a float64 for each panel and channel.
inline std::int64_t norm_scratch_bytes(Where where, const Shape& x, std::int64_t group) {
  if (where == Where::cpu) return 0;
  const GroupedRows rows(x, group);
  const std::int64_t last = rows.groups() - 1;
  return (last * rows.panels_of(0).count() + rows.panels_of(last).count()) * rows.channels *
         static_cast<std::int64_t>(sizeof(double));
}

inline void group_sum(Device& d, View out, View x, std::int64_t group, View scratch) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::group_sum(d, out, x, group, scratch);
  cpu::group_sum(d, out, x, group, scratch);
}
inline void group_dot(Device& d, View out, std::span<const View> factors, std::int64_t group, View scratch) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::group_dot(d, out, factors, group, scratch);
  cpu::group_dot(d, out, factors, group, scratch);
}
inline void ghost_norm(Device& d, std::span<const View> out, View x, View gamma, View beta, std::int64_t group,
                       double epsilon, View scratch, const Epilogue* epilogue = nullptr) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::ghost_norm(d, out, x, gamma, beta, group, epsilon, scratch, epilogue);
  cpu::ghost_norm(d, out, x, gamma, beta, group, epsilon, scratch, epilogue);
}
inline void group_affine(Device& d, View out, std::span<const View> terms, std::int64_t group,
                         const Epilogue* epilogue = nullptr) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::group_affine(d, out, terms, group, epilogue);
  cpu::group_affine(d, out, terms, group, epilogue);
}
inline void group_broadcast(Device& d, View out, View r, std::int64_t group) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::group_broadcast(d, out, r, group);
  cpu::group_broadcast(d, out, r, group);
}
inline void weigh_groups(Device& d, View out, View r, std::int64_t samples, std::int64_t group, std::int64_t pixels,
                         bool divide) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::weigh_groups(d, out, r, samples, group, pixels, divide);
  cpu::weigh_groups(d, out, r, samples, group, pixels, divide);
}

}  // namespace brink
