// SPDX-License-Identifier: MIT
// AlexNet, VGG and ResNet20: names, shapes and first values of their parameters, and the pictures and groups they refuse.
#include <doctest/doctest.h>

#include "models/convolutional.h"
#include "models/initialise.h"

using namespace brink;

namespace {
std::string shapes_of(const Model& m) {
  std::string out;
  for (const Parameter& p : m.layout.parameters()) out += p.name + to_string(p.shape) + " ";
  return out;
}
std::int64_t count_of(const Model& m) { return m.layout.count(); }
}  // namespace

TEST_CASE("names and shapes follow from the picture and the widths") {
  CHECK(shapes_of(alexnet({32, 32, 3}, 64, {384, 192}, 10)) ==
        "conv0.weight[5,5,3,64] conv0.bias[64] conv1.weight[5,5,64,64] conv1.bias[64] dense0.weight[3136,384] "
        "dense0.bias[384] "
        "dense1.weight[384,192] dense1.bias[192] dense2.weight[192,10] dense2.bias[10] ");
  CHECK(shapes_of(vgg({28, 28, 1}, {2}, 4, {})) ==
        "block0.conv0.weight[3,3,1,2] block0.conv0.gamma[2] block0.conv0.beta[2] block0.conv1.weight[3,3,2,2] "
        "block0.conv1.gamma[2] block0.conv1.beta[2] block0.conv2.weight[3,3,2,2] block0.conv2.gamma[2] "
        "block0.conv2.beta[2] dense.weight[392,4] dense.bias[4] ");
  // He et al.: 0.27 million; here without the projections, with a bias and two parameters a channel of each norm.
  CHECK(count_of(resnet20({32, 32, 3}, {16, 32, 64}, 10, {})) == 269722);
  // Six blocks on 32 pixels: the sixth works on one pixel and is not pooled.
  const Model deep = vgg({32, 32, 3}, {8, 16, 32, 64, 64, 64}, 10, {});
  CHECK(deep.norms.size() == 18);
  CHECK(deep.norms.back().pixels == 1);
  CHECK(deep.layout[deep.layout.size() - 2].shape == Shape{64, 10});
}

TEST_CASE("at step 0 gamma is 1, beta and biases are 0, a weight's variance is 1 over its fan-in") {
  const Model m = vgg({8, 8, 3}, {16}, 4, {});
  Device device;
  const Array theta = m.layout.make_vector(Dtype::f64);
  initialise(device, m.layout, Init::lecun, 3, theta.view());
  for (int i = 0; i < m.layout.size(); ++i) {
    const Parameter& p = m.layout[i];
    const auto values = m.layout.view(theta.view(), i).span<double>();
    if (p.name.ends_with(".gamma") || p.name.ends_with(".beta") || p.name.ends_with(".bias")) {
      for (const double x : values) CHECK(x == (p.name.ends_with(".gamma") ? 1.0 : 0.0));
    } else {
      CHECK(p.fan_in == p.shape.elements() / p.shape[p.shape.rank - 1]);
      double square = 0;
      for (const double x : values) square += x * x;
      const auto n = static_cast<double>(values.size());
      CHECK(square / n * static_cast<double>(p.fan_in) == doctest::Approx(1).epsilon(4 * std::sqrt(2 / n)));
    }
  }
}

TEST_CASE("a picture or a list of widths that does not fit is refused when the network is built") {
  CHECK_THROWS_WITH_AS(alexnet({6, 32, 3}, 4, {4}, 4), "[alexnet] picture [6,32,3]: expected at least 7x7 pixels",
                       std::invalid_argument);
  CHECK_NOTHROW((void)alexnet({7, 7, 3}, 4, {}, 4));
  CHECK_THROWS_WITH_AS(vgg({32, 32}, {4}, 4, {}), "[vgg] picture [32,32]: expected height, width, channels",
                       std::invalid_argument);
  CHECK_THROWS_AS(vgg({8, 8, 3}, {}, 4, {}), std::invalid_argument);
  CHECK_THROWS_AS(vgg({8, 8, 3}, {4, 0}, 4, {}), std::invalid_argument);
  CHECK_THROWS_AS(vgg({8, 8, 3}, {4}, 4, {.batch = 0}), std::invalid_argument);
  CHECK_THROWS_AS(resnet20({8, 8, 3}, {4, 8}, 4, {}), std::invalid_argument);
  CHECK_THROWS_AS(resnet20({8, 8, 3}, {8, 4, 16}, 4, {}), std::invalid_argument);
}

TEST_CASE("a group with one value for each channel is refused when its graph is built") {
  const Model m = vgg({2, 2, 1}, {2, 2}, 2, {.batch = 4});  // the second block works on one pixel
  CHECK_NOTHROW((void)build_forward(m, Dtype::f32, 6));
  CHECK_THROWS_WITH_AS(
      (void)build_forward(m, Dtype::f32, 5),
      "[ghost_norm] x float32 [5,1,1,2] in groups of 4 samples: the last group has 1 value for each channel, "
      "expected at least 2",
      ShapeError);
  const Model joined = vgg({2, 2, 1}, {2, 2}, 2, {.batch = 4, .join_short = true});
  CHECK_NOTHROW((void)build_forward(joined, Dtype::f32, 5));
}
