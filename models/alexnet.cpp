// SPDX-License-Identifier: MIT
// AlexNet for small pictures: two convolutions, two hidden dense layers, no normalisation.
// Its pools overlap and are not padded, as in the paper, so a picture needs 7×7 pixels.
#include <stdexcept>

#include "autodiff/primitives/pool.h"
#include "models/convolutional.h"
#include "models/kind.h"
#include "models/layers.h"

namespace brink {

Model alexnet(const Shape& picture, std::int64_t filters, const std::vector<std::int64_t>& dense,
              std::int64_t classes) {
  constexpr PoolWindows windows{3, 2};
  constexpr std::int64_t smallest = 7;  // two poolings leave one pixel of it
  expect_network("alexnet", picture, dense);
  expect_network("alexnet", picture, {&filters, 1});
  if (picture[0] < smallest || picture[1] < smallest)
    throw std::invalid_argument("[alexnet] picture " + to_string(picture) + ": expected at least 7x7 pixels");
  const auto pooled = [&](std::int64_t side) { return windows.count(windows.count(side)); };

  LayerList layers;
  layers.conv("conv0", 5, picture[2], filters);
  layers.bias("conv0", filters);
  layers.conv("conv1", 5, filters, filters);
  layers.bias("conv1", filters);
  std::int64_t in = pooled(picture[0]) * pooled(picture[1]) * filters;
  for (std::size_t l = 0; l <= dense.size(); ++l) {
    const std::int64_t out = l < dense.size() ? dense[l] : classes;
    layers.dense("dense" + std::to_string(l), in, out);
    in = out;
  }
  Model m = layers.model(picture, classes);
  m.group = alexnet_group;
  m.forward = [hidden = dense.size(), windows](Graph& g, std::span<const Var> p, Var x, const BlockContext& block) {
    LayerWalk walk(g, p, block);
    Var h = x;  // [S,H,W,C]
    for (int i = 0; i < 2; ++i) h = max_pool(g, relu(g, walk.bias(walk.conv(h, 1, 2))), windows);
    h = flatten(g, h);  // [S,pixels·filters]
    for (std::size_t l = 0; l < hidden; ++l) h = relu(g, walk.dense(h));
    return walk.dense(h);  // [S, classes]
  };
  return m;
}

namespace networks {

NetworkKind alexnet() {
  return {.name = "alexnet",
          .structure = "twice conv 5×5, bias, ReLU, max pool 3×3/2; dense + ReLU for each width; dense",
          .options = {init_option(), integer_option("filters", 64, {1, 65536}, "filters of both convolutions"),
                      widths_option("dense", {384, 192}, 1, 64, "widths of the hidden dense layers")},
          .group = alexnet_group,
          .build = [](const Options& o, const Shape& picture, std::int64_t classes) {
            return brink::alexnet(picture, o.integer("filters"), o.integers("dense"), classes);
          }};
}

}  // namespace networks

}  // namespace brink
