// SPDX-License-Identifier: MIT
// What it is: builders of losses and of what their derivatives need. Their rules are in losses.cpp.
// All sums are over samples and undivided; the mean's 1/N is applied once, to the finished sum.
#pragma once

#include "autodiff/graph.h"
#include "autodiff/primitives/dense.h"

namespace brink {

extern const Primitive cross_entropy_p, softmax_p, one_hot_p, half_sum_of_squares_p, sample_dot_p, scale_by_p,
    count_correct_p;

/// Σ_s −log softmax(f_s)_{y_s}, a float64 scalar.  f [S,C], labels int32 [S]
Var cross_entropy(Graph&, Var f, Var labels, std::int64_t group);
/// exp(f_c)/Σ exp(f_c) in each row.  f [S,C]
Var softmax(Graph&, Var f);
/// Rows of the unit matrix.  labels int32 [S], result [S,classes]
Var one_hot(Graph&, Var labels, ValueType like);
/// ½ Σ_s ‖d_s‖², a float64 scalar.  d [S,C]
Var half_sum_of_squares(Graph&, Var d, std::int64_t group);
/// Σᵢ Σ_s ⟨aᵢ_s, bᵢ_s⟩, a float64 scalar.  a, b [S,C]
Var sample_dot(Graph&, const std::vector<Factors>&, std::int64_t group);
/// c·x with a float64 scalar value c; x itself where c is the constant 1.
Var scale_by(Graph&, Var c, Var x, std::int64_t group);
/// Number of samples whose largest logit is their label's, a float64 scalar; its derivative is zero.
Var count_correct(Graph&, Var f, Var labels);

}  // namespace brink
