// SPDX-License-Identifier: MIT
// Builders of convolutions and of their two derivatives. A bias is added by add_row (dense.h).
#pragma once

#include <array>

#include "autodiff/graph.h"
#include "autodiff/primitives/pairs.h"

namespace brink {

extern const Primitive conv2d_p, conv2d_input_gradient_p, conv2d_weight_gradient_p;

/// What the shapes of a convolution's operands do not determine. `extent` is H, W for an input gradient's result, R, S for a
/// weight gradient's, 0, 0 for a forward one. `group` is that of the weight gradient, or of the weight gradient in the
/// derivative.
struct ConvAttributes {
  std::int64_t stride = 1, padding = 0;
  std::array<std::int64_t, 2> extent{};
  std::int64_t group = 0;
  auto fields() const { return std::tie(stride, padding, extent, group); }
  std::string describe() const;
};

/// `group` is the number of samples in a group of the weight gradient.
struct ConvWindow {
  std::int64_t stride = 1, padding = 0, group = default_group;
};

/// Σᵢ conv(xᵢ, wᵢ).  x [N,H,W,C], w [R,S,C,K], result [N,P,Q,K] with P = (H + 2·padding − R)/stride + 1, rounded down.
/// Pairs with a symbolic zero are left out. Throws ShapeError, also if the kernel does not fit into the padded picture.
Var conv2d(Graph&, const std::vector<Factors>&, const ConvWindow&);
/// Σᵢ of the cotangents of x, from dᵢ, the cotangents of y.  d [N,P,Q,K], w [R,S,C,K], result [N,H,W,C]; picture = {H, W}.
Var conv2d_input_gradient(Graph&, const std::vector<Factors>&, const ConvWindow&, std::array<std::int64_t, 2> picture);
/// Σᵢ of the cotangents of w, summed over samples.  x [N,H,W,C], d [N,P,Q,K], result [R,S,C,K]; kernel = {R, S}.
Var conv2d_weight_gradient(Graph&, const std::vector<Factors>&, const ConvWindow&, std::array<std::int64_t, 2> kernel);

}  // namespace brink
