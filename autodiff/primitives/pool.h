// SPDX-License-Identifier: MIT
// Builders of pooling, of the shortcut of residual networks, and of changes of shape.
#pragma once

#include "autodiff/graph.h"
#include "kernels/pool/pool.h"

namespace brink {

extern const Primitive max_pool_p, pool_select_p, pool_scatter_p, average_pixels_p, spread_pixels_p, shortcut_p,
    shortcut_transposed_p, reshape_p;

struct PoolAttributes {
  std::int64_t window = 0, stride = 0;
  auto fields() const { return std::tie(window, stride); }
  std::string describe() const;
};
/// The result's extents after the samples.
struct PixelAttributes {
  std::int64_t stride = 1, height = 0, width = 0, channels = 0;
  auto fields() const { return std::tie(stride, height, width, channels); }
  std::string describe() const;
};
/// The shape of a reshape's result.
struct ShapeAttributes {
  std::array<std::int64_t, 5> extent{1, 1, 1, 1, 1};
  int rank = 0;
  auto fields() const { return std::tie(extent, rank); }
  std::string describe() const;
};

/// The maximum over each window, the first in scan order.  x [S,H,W,C], result [S,P,Q,C]
Var max_pool(Graph&, Var x, PoolWindows);
/// t where x has the maximum of each window.  t as x, result [S,P,Q,C]
Var pool_select(Graph&, Var x, Var t, PoolWindows);
/// d of every window, added where x has the window's maximum; 0 elsewhere.  d [S,P,Q,C], result as x
Var pool_scatter(Graph&, Var x, Var d, PoolWindows);
/// The mean over the pixels.  x [S,H,W,C], result [S,C]
Var average_pixels(Graph&, Var x);
/// d/(H·W) in every pixel.  d [S,C], result [S,height,width,C]
Var spread_pixels(Graph&, Var d, std::int64_t height, std::int64_t width);
/// Every stride-th pixel, zero channels appended.  x [S,H,W,C], result [S,⌈H/stride⌉,⌈W/stride⌉,channels]
Var shortcut(Graph&, Var x, std::int64_t stride, std::int64_t channels);
/// The elements of x in another shape.
Var reshape(Graph&, Var x, const Shape&);
/// One row per sample.  x [S,…], result [S,elements of a sample]
Var flatten(Graph&, Var x);

}  // namespace brink
