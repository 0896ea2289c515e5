// SPDX-License-Identifier: MIT
// A network as the rest of brink sees it, with named parameters and a builder of its graph. Also the losses.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "autodiff/batch/linearized.h"
#include "autodiff/graph.h"
#include "autodiff/parameters.h"
#include "autodiff/primitives/norm.h"
#include "kernels/matmul/matmul.h"

namespace brink {

/// A normalisation of a network: its name before .gamma and .beta, and the part of each sample that it normalises.
struct NormLayer {
  std::string name;
  std::int64_t channels, pixels;
};

/// What a network is told about the block of samples for which it is built.
struct BlockContext {
  std::int64_t group;  ///< samples per group of all sums over samples
  /// γ∘x̂ + β; the normalisations of a network are called in the order of Model::norms.
  std::function<Var(Graph&, Var x, Var gamma, Var beta)> normalise;
};

enum class NormMode : std::uint8_t {
  training,    ///< each ghost group by its own mean and variance: the function that is minimised
  evaluation,  ///< every sample by given means and variances: for test accuracy, and for comparison
};

struct Model {
  ParameterLayout layout;
  Shape sample;  ///< shape of one sample of x as the network takes it, e.g. [784] or [32,32,3]
  std::int64_t classes = 0;
  std::int64_t group =
      default_group;             ///< samples per group of all sums over samples; the ghost group if there are norms
  bool join_short = false;       ///< a short last group joins the one before it
  double epsilon = 0;            ///< added to variances
  std::vector<NormLayer> norms;  ///< in the order in which they act
  /// Appends the network: parameters in layout order and x [S, sample…] to logits [S, classes].
  std::function<Var(Graph&, std::span<const Var> parameters, Var x, const BlockContext&)> forward;

  void set_groups(std::int64_t samples, bool join, double eps);
  /// Samples per group in a block of this many samples; only in a block with a joined last group is it another number.
  std::int64_t group_in(std::int64_t samples) const { return join_short && samples % group != 0 ? samples : group; }
};

enum class Loss : std::uint8_t {
  cross_entropy,  ///< mean −log softmax(f)_y
  mse,            ///< mean over samples of ½‖f − e_y‖²
};

/// Inputs of every graph made here: parameters in order, data 0 = x, data 1 = labels int32. In evaluation mode also values that
/// blocks share, [C] each: for the i-th normalisation 2i = mean and 2i + 1 = 1/deviation.
struct ModelGraph {
  Graph g;
  Vars parameters;
  Var x, labels, logits;
  std::vector<GhostNorm> norms;  ///< in training mode
};
/// `data`: the type in memory of x and of the values that blocks share; absent: that of everything else.
ModelGraph build_forward(const Model&, Dtype, std::int64_t samples, NormMode = NormMode::training,
                         std::optional<Dtype> data = {});

/// Σ over samples of the loss: a float64 scalar.
Var emit_loss(Graph&, Loss, Var logits, Var labels, std::int64_t group);

/// Adds the outputs of an objective, `loss` and `correct`, to the graph of a block of this many samples.
void output_loss(const Model&, Loss, ModelGraph&, std::int64_t samples);

/// The objective that gradient descent minimises: outputs `loss`, `correct`. `data`: as in build_forward.
Objective make_objective(const Model&, Loss, Dtype, NormMode = NormMode::training, std::optional<Dtype> data = {});

/// Gv = Jᵀ (∂²ℓ/∂f²) J v, the Gauss–Newton product, as a graph with one tangent input (docs/method.md, "Curvature").
Graph build_gauss_newton(const Model&, Loss, Dtype, std::int64_t samples);
/// The same product for Linearized, which keeps what does not depend on v.
LinearizedBuilder gauss_newton_of(const Model&, Loss, Dtype, NormMode = NormMode::training);

/// d/dt₁ … d/dt_k of L(θ + Σ tᵢ vᵢ) at 0 by nested forward mode, k = directions.size(); equal entries share an input vector.
/// directions[i] is the index of the vector along which the i-th derivative is taken. Outputs: loss and its derivatives of
/// orders 1 … k, float64 scalars.
Graph build_directional_derivatives(const Model&, Loss, Dtype, std::int64_t samples, std::span<const int> directions);

/// Logits [S, classes] of every sample, as a per-sample output.
Graph build_logits(const Model&, Dtype, std::int64_t samples);

}  // namespace brink
