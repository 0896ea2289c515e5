// SPDX-License-Identifier: MIT
// Taylor mode: truncated power series through the operations of a graph. The rules of single operations are in autodiff/primitives.
#pragma once

#include <span>
#include <vector>

#include "autodiff/graph.h"

namespace brink {

/// The largest order of a series.
inline constexpr int max_series_order = 4;

/// Appends to g the Taylor coefficients of orders 1 … `order` of `outputs`, where the values `known` are functions of t with the given
/// series, and everything else that they do not determine is constant. Values between are computed from the known ones.
/// Throws std::logic_error for a primitive that has no rule, std::invalid_argument for an order above the largest.
std::vector<Series> expand(Graph& g, std::span<const Var> outputs, std::span<const Var> known,
                           std::span<const Series> series, int order);

}  // namespace brink
