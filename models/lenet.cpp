// SPDX-License-Identifier: MIT
// LeNet-5 with ReLU and max pooling: two convolutions, then dense layers (LeCun et al. 1998).
#include <stdexcept>

#include "autodiff/primitives/pool.h"
#include "models/kind.h"
#include "models/layers.h"

namespace brink::networks {

namespace {

Model build(const Options& o, const Shape& picture, std::int64_t classes) {
  const std::vector<std::int64_t>&filters = o.integers("filters"), &widths = o.integers("dense");
  constexpr PoolWindows windows{2, 2};
  expect_network("lenet", picture, filters);
  if (picture[0] < 4 || picture[1] < 4)
    throw std::invalid_argument("[lenet] picture " + to_string(picture) + ": expected at least 4x4 pixels");

  LayerList layers;
  std::int64_t height = picture[0], width = picture[1], in = picture[2];
  for (std::size_t c = 0; c < filters.size(); ++c) {
    layers.conv("conv" + std::to_string(c), 5, in, filters[c]);
    layers.bias("conv" + std::to_string(c), filters[c]);
    in = filters[c];
    height = windows.count(height);
    width = windows.count(width);
  }
  in *= height * width;
  for (std::size_t l = 0; l <= widths.size(); ++l) {
    const std::int64_t out = l < widths.size() ? widths[l] : classes;
    layers.dense("dense" + std::to_string(l), in, out);
    in = out;
  }
  Model m = layers.model(picture, classes);
  m.forward = [hidden = widths.size(), windows](Graph& g, std::span<const Var> p, Var x, const BlockContext& block) {
    LayerWalk walk(g, p, block);
    Var h = x;  // [S,H,W,C]
    for (int c = 0; c < 2; ++c) h = max_pool(g, relu(g, walk.bias(walk.conv(h, 1, 2))), windows);
    h = flatten(g, h);  // [S,pixels·filters]
    for (std::size_t l = 0; l < hidden; ++l) h = relu(g, walk.dense(h));
    return walk.dense(h);  // [S, classes]
  };
  return m;
}

}  // namespace

NetworkKind lenet() {
  return {.name = "lenet",
          .structure = "twice conv 5×5, bias, ReLU, max pool 2×2; dense + ReLU for each width; dense",
          .options = {widths_option("filters", {6, 16}, 2, 2, "filters of the two convolutions"),
                      widths_option("dense", {120, 84}, 0, 64, "widths of the hidden dense layers"), init_option()},
          .group = 32,
          .build = build};
}

}  // namespace brink::networks
