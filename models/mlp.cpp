// SPDX-License-Identifier: MIT
#include "models/mlp.h"

#include "autodiff/primitives/dense.h"
#include "models/kind.h"

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
      if (l + 2 < p.size()) h = activation.apply(g, h);
    }
    return h;  // [S, classes]
  };
  return m;
}

namespace networks {

namespace {
std::vector<std::string_view> activation_names() {
  std::vector<std::string_view> out;
  for (const Activation& a : activations) out.push_back(a.name);
  return out;
}
}  // namespace

NetworkKind mlp() {
  return {.name = "mlp",
          .structure = "dense + activation for each width, dense",
          .options = {widths_option("hidden", {32, 32, 32, 32}, 0, 64, "widths of the hidden layers"),
                      choice_option("activation", "relu", activation_names(), "activation of the hidden layers"),
                      init_option()},
          .takes_vectors = true,
          .build = [](const Options& o, const Shape& picture, std::int64_t classes) {
            return brink::mlp(picture.elements(), o.integers("hidden"), classes,
                              *find_activation(o.text("activation")));
          }};
}

}  // namespace networks

}  // namespace brink
