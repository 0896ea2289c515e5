// SPDX-License-Identifier: MIT
// Builders of GhostBatchNorm and of the sums over ghost groups in its derivatives.
// x is [S,P,Q,C] or [S,C], statistics are [G,C]; a group is `group` consecutive samples, the last may be shorter.
#pragma once

#include "autodiff/graph.h"
#include "autodiff/primitives/dense.h"

namespace brink {

extern const Primitive ghost_norm_p, group_sum_p, group_dot_p, group_affine_p, group_broadcast_p, weigh_groups_p;

/// Samples per group, and what is added to a variance before its root is taken.
struct NormAttributes {
  std::int64_t group = 0;
  double epsilon = 0;
  auto fields() const { return std::tie(group, epsilon); }
  std::string describe() const;
};
/// The shape of a result that its inputs do not determine, and the samples per group.
struct GroupedShape {
  std::int64_t group = 0;
  std::array<std::int64_t, 5> extent{1, 1, 1, 1, 1};
  int rank = 0;
  auto fields() const { return std::tie(group, extent, rank); }
  std::string describe() const;
};
/// The groups of `samples` samples with `pixels` pixels; divides by the number of their values or multiplies by that of their
/// samples.
struct GroupWeights {
  std::int64_t samples = 0, group = 0, pixels = 1;
  bool divide = true;
  auto fields() const { return std::tie(samples, group, pixels, divide); }
  std::string describe() const;
};

struct GhostNorm {
  Var y, normalised;             ///< as x
  Var inverse, mean, deviation;  ///< [G,C]; deviation² = variance + ε, inverse = 1/deviation
};
/// y = γ∘x̂ + β with x̂ = (x − mean)/√(variance + ε), mean and biased variance of each group and channel.  γ, β [C]
GhostNorm ghost_norm(Graph&, Var x, Var gamma, Var beta, std::int64_t group, double epsilon);
/// Σ x over the rows of each group, [G,C]
Var group_sum(Graph&, Var x, std::int64_t group);
/// Σᵢ Σ aᵢ·bᵢ over the rows of each group, [G,C]; pairs with a symbolic zero are left out.
Var group_dot(Graph&, const std::vector<Factors>&, std::int64_t group);
/// Σᵢ xᵢ∘rᵢ + b in each row, rᵢ and b those of its group; pairs with a symbolic zero are left out, and b may be one. `like` has the
/// shape of the result.
Var group_affine(Graph&, const std::vector<Factors>& x_and_r, Var b, Var like, std::int64_t group);
/// r in all rows of its group, in the shape of `like`.
Var group_broadcast(Graph&, Var r, Var like, std::int64_t group);
/// r / (values in a channel of the group), for groups of the samples of `like`.
Var over_values(Graph&, Var r, Var like, std::int64_t group);
/// r · (samples of the group)
Var times_samples(Graph&, Var r, Var like, std::int64_t group);
/// Σ_g r[g,:], a finished sum over samples.  r [G,C], result [C]
Var sum_groups(Graph&, Var r);
/// v for each group of the samples of `like`.  v [C], result [G,C]
Var broadcast_groups(Graph&, Var v, Var like, std::int64_t group);

}  // namespace brink
