// SPDX-License-Identifier: MIT
// Builders of losses and of what their derivatives need; the rules are in losses.cpp.
// All sums are over samples and undivided; the mean's 1/N is applied once, to the finished sum.
#pragma once

#include "autodiff/graph.h"
#include "autodiff/primitives/dense.h"

namespace brink {

extern const Primitive cross_entropy_p, cross_entropy_gradient_p, minus_leading_p, balance_leading_p, one_hot_p,
    half_sum_of_squares_p, sample_dot_p, scale_by_p, count_correct_p;

/// Σ_s −log softmax(f_s)_{y_s}, a float64 scalar.  f [S,C], labels int32 [S]
Var cross_entropy(Graph&, Var f, Var labels, std::int64_t group);
struct CrossEntropyGradient {
  Var delta;  ///< softmax(f) − e_y, without cancellation
  Var p;      ///< softmax(f)
};
/// ∂ℓ/∂f of the cross-entropy, each row by itself.  f [S,C], labels int32 [S]
CrossEntropyGradient cross_entropy_gradient(Graph&, Var f, Var labels);
/// x_c − x_l in each row, l the class of the largest p.  x, p [S,C]
Var minus_leading(Graph&, Var x, Var p);
/// The transpose of minus_leading: x_c in each row, but −Σ_{c≠l} x_c in place of x_l.  x, p [S,C]
Var balance_leading(Graph&, Var x, Var p);
/// Rows of the unit matrix.  labels int32 [S], result [S,classes]
Var one_hot(Graph&, Var labels, ValueType like);
/// ½ Σ_s ‖d_s‖², a float64 scalar.  d [S,C]
Var half_sum_of_squares(Graph&, Var d, std::int64_t group);
/// Σᵢ Σ_s ⟨aᵢ_s, bᵢ_s⟩, a float64 scalar.  a, b [S,C]
Var sample_dot(Graph&, const std::vector<Factors>&, std::int64_t group);
/// c·x with a float64 scalar value c; x itself if c is the constant 1.
Var scale_by(Graph&, Var c, Var x, std::int64_t group);
/// Number of samples whose largest logit is their label's, a float64 scalar; its derivative is zero.
Var count_correct(Graph&, Var f, Var labels);

}  // namespace brink
