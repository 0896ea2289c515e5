// SPDX-License-Identifier: MIT
// ResNet20 for small pictures.
// The shortcut has no parameters (He et al., option A), so widths are non-decreasing.
#include <algorithm>
#include <stdexcept>

#include "autodiff/primitives/pool.h"
#include "models/convolutional.h"
#include "models/kind.h"
#include "models/layers.h"

namespace brink {

Model resnet20(const Shape& picture, const std::vector<std::int64_t>& widths, std::int64_t classes,
               const GhostGroups& groups) {
  constexpr int stages = 3, blocks = 3;
  expect_network("resnet20", picture, widths);
  if (widths.size() != stages || !std::ranges::is_sorted(widths))
    throw std::invalid_argument("[resnet20] expected three non-decreasing widths, because a shortcut appends channels");

  LayerList layers;
  std::int64_t height = picture[0], width = picture[1], in = widths[0];
  layers.conv("stem", 3, picture[2], in);
  layers.norm("stem", in, height * width);
  for (int s = 0; s < stages; ++s) {
    const std::int64_t out = widths[static_cast<std::size_t>(s)];
    if (s > 0) {
      height = (height + 1) / 2;
      width = (width + 1) / 2;
    }
    for (int b = 0; b < blocks; ++b)
      for (int c = 0; c < 2; ++c) {
        const std::string name =
            "stage" + std::to_string(s) + ".block" + std::to_string(b) + ".conv" + std::to_string(c);
        layers.conv(name, 3, in, out);
        layers.norm(name, out, height * width);
        in = out;
      }
  }
  layers.dense("dense", in, classes);
  Model m = layers.model(picture, classes);
  m.set_groups(groups.batch, groups.join_short, groups.epsilon);
  m.forward = [widths](Graph& g, std::span<const Var> p, Var x, const BlockContext& block) {
    LayerWalk walk(g, p, block);
    Var h = relu(g, walk.norm(walk.conv(x, 1, 1)));  // [S,H,W,widths[0]]
    for (int s = 0; s < stages; ++s)
      for (int b = 0; b < blocks; ++b) {
        const bool halves = s > 0 && b == 0;
        const Var inner = relu(g, walk.norm(walk.conv(h, halves ? 2 : 1, 1)));
        const Var outer = walk.norm(walk.conv(inner, 1, 1));
        h = relu(g, add(g, outer, halves ? shortcut(g, h, 2, widths[static_cast<std::size_t>(s)]) : h));
      }
    return walk.dense(average_pixels(g, h));  // [S, classes]
  };
  return m;
}

namespace networks {

NetworkKind resnet20() {
  return {
      .name = "resnet20",
      .structure = "stem conv 3×3; three stages of three basic blocks, a width each; mean over the pixels; dense",
      .options = with_ghost_options(
          {init_option(), widths_option("widths", {16, 32, 64}, 3, 3, "widths of the three stages")}),
      .build =
          [](const Options& o, const Shape& picture, std::int64_t classes) {
            return brink::resnet20(picture, o.integers("widths"), classes, GhostGroups{});
          },
      .conflict = [](const Options& o, Loss) -> std::optional<OptionConflict> {
        if (std::ranges::is_sorted(o.integers("widths"))) return {};
        return OptionConflict{"widths", "expected three non-decreasing widths, because a shortcut appends channels"};
      }};
}

}  // namespace networks

}  // namespace brink
