// SPDX-License-Identifier: MIT
// The convolutional networks as graph builders: AlexNet, VGG of any list of blocks, ResNet20.
// Every width is an argument; shapes follow from the picture, and a network that does not fit it is refused here.
// Source: docs/method.md, "Networks"; Krizhevsky et al. 2012, Simonyan & Zisserman 2015, He et al. 2016.
#pragma once

#include <cstdint>
#include <vector>

#include "models/model.h"

namespace brink {

/// How GhostBatchNorm cuts a batch, and its ε.
struct GhostGroups {
  std::int64_t batch = 32;
  bool join_short = false;  ///< a short last group joins the one before it
  double epsilon = 1e-5;
};

/// Samples per group of AlexNet's sums: 32 in place of 128, because each thread needs the memory of one group
/// (docs/experiments.md).
inline constexpr std::int64_t alexnet_group = 32;

/// Twice: conv 5×5 (padding 2, bias), ReLU, max pool 3×3/2; flatten; dense + ReLU for each width; dense. No normalisation.
/// Parameters conv0.weight [5,5,C,filters], conv0.bias, conv1.…, dense0.weight, dense0.bias, … . picture [H,W,C].
/// Throws std::invalid_argument for pictures smaller than 7×7.
Model alexnet(const Shape& picture, std::int64_t filters, const std::vector<std::int64_t>& dense, std::int64_t classes);

/// A block for each entry of `channels`: three times conv 3×3 (padding 1, no bias), GhostBatchNorm, ReLU; max pool 2×2 while the
/// side is above 1; flatten; dense. Parameters block0.conv0.weight [3,3,C,K], block0.conv0.gamma, block0.conv0.beta, …,
/// dense.weight, dense.bias. VGG10 has 3 blocks, VGG19 has 6.
Model vgg(const Shape& picture, const std::vector<std::int64_t>& channels, std::int64_t classes, const GhostGroups&);

/// Stem conv 3×3, norm, ReLU; a stage of three basic blocks for each of three widths, the later ones with stride 2 in their first
/// block: conv, norm, ReLU, conv, norm, + shortcut (every second pixel, zero channels appended), ReLU; average over the
/// pixels; dense. Parameters stem.weight, stem.gamma, stem.beta, stage0.block0.conv0.weight, …, dense.weight, dense.bias.
/// Throws std::invalid_argument unless there are three non-decreasing widths.
Model resnet20(const Shape& picture, const std::vector<std::int64_t>& widths, std::int64_t classes, const GhostGroups&);

}  // namespace brink
