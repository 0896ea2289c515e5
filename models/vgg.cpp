// SPDX-License-Identifier: MIT
// VGG of any list of blocks.
// A block is pooled while the side is above 1, so deep networks on small pictures end on one pixel.
#include <algorithm>
#include <stdexcept>

#include "autodiff/primitives/pool.h"
#include "models/convolutional.h"
#include "models/kind.h"
#include "models/layers.h"

namespace brink {

Model vgg(const Shape& picture, const std::vector<std::int64_t>& channels, std::int64_t classes,
          const GhostGroups& groups) {
  constexpr PoolWindows windows{2, 2};
  constexpr int convs_a_block = 3;
  expect_network("vgg", picture, channels);
  if (channels.empty()) throw std::invalid_argument("[vgg] expected at least one block");

  LayerList layers;
  std::vector<char> pools;
  std::int64_t height = picture[0], width = picture[1], in = picture[2];
  for (std::size_t b = 0; b < channels.size(); ++b) {
    for (int c = 0; c < convs_a_block; ++c) {
      const std::string name = "block" + std::to_string(b) + ".conv" + std::to_string(c);
      layers.conv(name, 3, in, channels[b]);
      layers.norm(name, channels[b], height * width);
      in = channels[b];
    }
    pools.push_back(std::min(height, width) > 1);
    if (pools.back()) {
      height = windows.count(height);
      width = windows.count(width);
    }
  }
  layers.dense("dense", height * width * in, classes);
  Model m = layers.model(picture, classes);
  m.set_groups(groups.batch, groups.join_short, groups.epsilon);
  m.forward = [pools, windows](Graph& g, std::span<const Var> p, Var x, const BlockContext& block) {
    LayerWalk walk(g, p, block);
    Var h = x;  // [S,H,W,C]
    for (const char pool : pools) {
      for (int c = 0; c < convs_a_block; ++c) h = relu(g, walk.norm(walk.conv(h, 1, 1)));
      if (pool) h = max_pool(g, h, windows);
    }
    return walk.dense(flatten(g, h));  // [S, classes]
  };
  return m;
}

namespace networks {

NetworkKind vgg() {
  return {
      .name = "vgg",
      .structure =
          "a block for each channel count: three times conv 3×3, GhostBatchNorm, ReLU; then max pool 2×2; dense",
      .options =
          with_ghost_options({init_option(), widths_option("channels", {8, 16, 32}, 1, 64, "channels of each block")}),
      .build = [](const Options& o, const Shape& picture,
                  std::int64_t classes) { return brink::vgg(picture, o.integers("channels"), classes, GhostGroups{}); },
      .known_as = {{"vgg10", "model.channels = [8, 16, 32]"},
                   {"vgg19", "model.channels = [16, 32, 64, 128, 128, 128]"}}};
}

}  // namespace networks

}  // namespace brink
