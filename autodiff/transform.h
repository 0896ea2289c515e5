// SPDX-License-Identifier: MIT
// Transformations of graphs: pullback, pushforward, and grad, jvp, taylor and linearize made of them.
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

/// g with further outputs after its own: the tangents of its outputs along one vector, whose parts are inputs in the role of
/// tangents with this `direction`. An output that does not depend on the parameters has a constant zero as its tangent.
Graph jvp(const Graph& g, int direction = 0);

/// g with further outputs after its own: the Taylor coefficients of orders 1 … `order` of its first output along θ + tv, where the
/// parts of v are inputs in the role of tangents with this `direction`. A coefficient is the derivative divided by order!.
Graph taylor(const Graph& g, int order, int direction = 0);

/// Appends to g the Gauss–Newton product Jᵀ (∂²value/∂inner²) J v, with J = ∂inner/∂wrt and the tangents v of `wrt`. `value` is a scalar
/// that depends on `wrt` by way of `inner` alone.
Vars gauss_newton(Graph& g, Var value, Var inner, std::span<const Var> wrt, std::span<const Var> tangents);

/// A product that is linear in a direction, in two graphs: what does not depend on the direction, and the rest.
struct LinearizedGraph {
  Graph primal;   ///< outputs that do not depend on the direction, then residuals
  Graph tangent;  ///< from residuals, inputs and the direction (inputs in the role of tangents) to the products
};
/// Splits g. Its first `kept` outputs stay in the primal graph; the others are the products.
LinearizedGraph split_by_direction(const Graph& g, std::size_t kept);

/// f and the product Df·v: the tangents of those outputs of f whose role is `parameter`.
LinearizedGraph linearize(const Graph& f);

/// grad(g) and the Gauss–Newton product of g's first output, a scalar, by way of the value `inner` of g.
LinearizedGraph linearize_gauss_newton(const Graph& g, Var inner);

/// The tangent graph of one direction for `count` directions: the products along direction d are the outputs d·parameters + index. Every
/// product is made by the operations of the single one, one direction after the other, so that the arena does not grow.
Graph repeat_directions(const Graph& tangent, int count, int parameters);

/// g with its first output alone.
Graph first_output(const Graph& g);

/// The part of g that its outputs depend on, in the same order. Inputs that nothing uses are dropped.
Graph prune(const Graph& g);

}  // namespace brink
