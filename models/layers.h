// SPDX-License-Identifier: MIT
// The layers that the convolutional networks share: a list of their parameters, and a walk through the parameters' values in
// the same order that appends the layers.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "autodiff/primitives/conv.h"
#include "autodiff/primitives/dense.h"
#include "autodiff/primitives/elementwise.h"
#include "models/model.h"

namespace brink {

/// Parameters in the order in which they act, and the normalisations among them.
class LayerList {
 public:
  void conv(const std::string& name, std::int64_t kernel, std::int64_t in, std::int64_t out) {
    parameters_.push_back({name + ".weight", {kernel, kernel, in, out}, kernel * kernel * in});
  }
  void bias(const std::string& name, std::int64_t width) { parameters_.push_back({name + ".bias", {width}, 0}); }
  /// `pixels`: the pixels of each sample that it normalises.
  void norm(const std::string& name, std::int64_t channels, std::int64_t pixels) {
    parameters_.push_back({name + ".gamma", {channels}, 0, 0, 1});
    parameters_.push_back({name + ".beta", {channels}, 0});
    norms_.push_back({name, channels, pixels});
  }
  void dense(const std::string& name, std::int64_t in, std::int64_t out) {
    parameters_.push_back({name + ".weight", {in, out}, in});
    bias(name, out);
  }

  /// A model of these layers without its network.
  Model model(const Shape& picture, std::int64_t classes) const {
    Model m;
    m.layout = ParameterLayout(parameters_);
    m.sample = picture;
    m.classes = classes;
    m.norms = norms_;
    return m;
  }

 private:
  std::vector<Parameter> parameters_;
  std::vector<NormLayer> norms_;
};

/// Takes the parameters one after another.
class LayerWalk {
 public:
  LayerWalk(Graph& g, std::span<const Var> parameters, const BlockContext& block)
      : g_(g), parameters_(parameters), block_(block) {}

  Var conv(Var x, std::int64_t stride, std::int64_t padding) {
    return conv2d(g_, {{x, next()}}, {stride, padding, block_.group});
  }
  Var bias(Var x) { return add_row(g_, x, next(), block_.group); }
  Var norm(Var x) {
    const Var gamma = next(), beta = next();
    return block_.normalise(g_, x, gamma, beta);
  }
  /// x [S,in], result [S,out]
  Var dense(Var x) {
    const Var weight = next();
    return bias(matmul(g_, {{x, weight}}, false, block_.group));
  }

 private:
  Var next() { return parameters_[at_++]; }

  Graph& g_;
  std::span<const Var> parameters_;
  const BlockContext& block_;
  std::size_t at_ = 0;
};

/// Throws std::invalid_argument unless the picture is [H,W,C] and all widths are positive.
inline void expect_network(const std::string& name, const Shape& picture, std::span<const std::int64_t> widths) {
  if (picture.rank != 3 || picture.elements() < 1)
    throw std::invalid_argument("[" + name + "] picture " + to_string(picture) + ": expected height, width, channels");
  for (const std::int64_t w : widths)
    if (w < 1) throw std::invalid_argument("[" + name + "] width " + std::to_string(w) + ": expected at least 1");
}

}  // namespace brink
