// SPDX-License-Identifier: MIT
// Transformations of graphs: pullback, pushforward, and grad, jvp and linearize made of them.
// The rules of single operations are in autodiff/primitives.
#pragma once

#include <span>

#include "autodiff/graph.h"

namespace brink {

/// Appends to g the cotangents of `wrt` for the given cotangents of `outputs` (reverse mode). Contributions of a fan-out are
/// added in the order of the nodes that use the value. A symbolic zero means "does not depend".
/// Throws std::logic_error for a primitive that has no reverse rule.
Vars pullback(Graph& g, std::span<const Var> outputs, std::span<const Var> cotangents, std::span<const Var> wrt);

/// Appends to g the tangents of `outputs` for the given tangents of `wrt` (forward mode).
Vars pushforward(Graph& g, std::span<const Var> outputs, std::span<const Var> wrt, std::span<const Var> tangents);

/// The inputs of g in the role of parameters, in the order of their index.
Vars parameters_of(const Graph& g);

/// g with the gradient of its first output (a scalar) with respect to all parameters as further outputs.
Graph grad(const Graph& g);

/// g with the tangents of its outputs along one vector (inputs in the role of tangents, `direction`) as further outputs; the
/// originals are kept first. An output that does not depend on the parameters has a constant zero as its tangent.
Graph jvp(const Graph& g, int direction = 0);

/// f split in two: primal computes f and everything that the derivative needs and that does not depend on the tangent;
/// tangent takes those residuals (and inputs of f it needs) and v to Df·v.
struct Linearized {
  Graph primal;   ///< outputs of f, then residuals
  Graph tangent;  ///< outputs: tangents of those outputs of f whose role is `parameter`
};
Linearized linearize(const Graph& f);

/// The part of g that its outputs depend on, in the same order. Inputs that nothing uses are dropped.
Graph prune(const Graph& g);

}  // namespace brink
