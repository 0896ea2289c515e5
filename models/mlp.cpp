// SPDX-License-Identifier: MIT
#include "models/mlp.h"
#include "models/kind.h"

#include "autodiff/primitives/dense.h"
#include "autodiff/primitives/elementwise.h"

namespace brink {

Model mlp(std::int64_t inputs, const std::vector<std::int64_t>& hidden, std::int64_t classes, Activation activation) {
  std::vector<std::int64_t> widths = hidden;
  widths.push_back(classes);
  std::vector<Parameter> parameters;
  std::int64_t in = inputs;
  for (std::size_t l = 0; l < widths.size(); ++l) {
    const std::string name = "dense" + std::to_string(l);
    parameters.push_back({name + ".weight", {in, widths[l]}, in});
    parameters.push_back({name + ".bias", {widths[l]}, 0});
    in = widths[l];
  }
  Model m;
  m.layout = ParameterLayout(std::move(parameters));
  m.sample = Shape{inputs};
  m.classes = classes;
  m.forward = [activation](Graph& g, std::span<const Var> p, Var x, const BlockContext& block) {
    Var h = x;  // [S, inputs]
    for (std::size_t l = 0; l + 1 < p.size(); l += 2) {
      h = add_row(g, matmul(g, {{h, p[l]}}, false, block.group), p[l + 1], block.group);  // [S, width]
      if (l + 2 < p.size()) h = activation == Activation::relu ? relu(g, h) : tanh(g, h);
    }
    return h;  // [S, classes]
  };
  return m;
}

namespace networks {

NetworkKind mlp() {
  return {.name = "mlp",
          .structure = "dense + activation for each width, dense",
          .options = {widths_option("hidden", {32, 32, 32, 32}, 0, 64, "widths of the hidden layers"),
                      choice_option("activation", "relu", {"relu", "tanh"}, "activation of the hidden layers"),
                      init_option()},
          .build = [](const Options& o, const Shape& picture, std::int64_t classes) {
            return brink::mlp(picture.elements(), o.integers("hidden"), classes,
                              o.text("activation") == "tanh" ? Activation::tanh : Activation::relu);
          }};
}

}  // namespace networks

}  // namespace brink
