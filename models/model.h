// SPDX-License-Identifier: MIT
// What it is: what a network is to the rest of brink: named parameters and a builder of its graph; and the losses on top.
// What it is not: a layer class; networks are functions that append to a graph.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "autodiff/graph.h"
#include "autodiff/hvp.h"
#include "autodiff/parameters.h"
#include "kernels/matmul/matmul.h"

namespace brink {

struct Model {
  ParameterLayout layout;
  Shape sample;  ///< shape of one sample of x as the network takes it, e.g. [784]
  std::int64_t classes = 0;
  std::int64_t group = default_group;  ///< samples per group of all sums over samples
  /// Appends the network: parameters in layout order and x [S, sample…] to logits [S, classes].
  std::function<Var(Graph&, std::span<const Var> parameters, Var x)> forward;
};

enum class Loss : std::uint8_t {
  cross_entropy,  ///< mean −log softmax(f)_y
  mse,            ///< mean over samples of ½‖f − e_y‖²
};

/// Inputs of every graph made here: parameters in order, data 0 = x, data 1 = labels int32.
struct ModelGraph {
  Graph g;
  Vars parameters;
  Var x, labels, logits;
};
ModelGraph build_forward(const Model&, Dtype, std::int64_t samples);

/// Σ over samples of the loss: a float64 scalar.
Var emit_loss(Graph&, Loss, Var logits, Var labels, std::int64_t group);

/// The objective that GD descends: outputs `loss`, `correct`.
Objective make_objective(const Model&, Loss, Dtype);

/// Gv = Jᵀ (∂²ℓ/∂f²) J v, the Gauss–Newton product, as a graph with one tangent input (method §2).
Graph build_gauss_newton(const Model&, Loss, Dtype, std::int64_t samples);

/// d/dt₁ … d/dt_k of L(θ + Σ tᵢ vᵢ) at 0 by nested forward mode, k = directions.size(); equal entries share an input vector.
/// directions[i] is the index of the vector along which the i-th derivative is taken. Outputs: loss and its derivatives of
/// orders 1 … k, float64 scalars.
Graph build_directional_derivatives(const Model&, Loss, Dtype, std::int64_t samples, std::span<const int> directions);

/// Logits [S, classes] of every sample, as an output in the role of samples.
Graph build_logits(const Model&, Dtype, std::int64_t samples);

}  // namespace brink
