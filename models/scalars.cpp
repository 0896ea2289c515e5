// SPDX-License-Identifier: MIT
#include "models/scalars.h"

#include <stdexcept>
#include <string>

#include "autodiff/primitives/elementwise.h"

namespace brink {

Objective make_scalars_objective(int parameters, Dtype dtype, const ScalarsGraph& add_loss) {
  std::vector<Parameter> named;
  for (int i = 0; i < parameters; ++i) named.push_back({"theta" + std::to_string(i), {1, 1}, 1});
  Objective out;
  out.layout = ParameterLayout(std::move(named));
  out.dtype = dtype;
  out.group = 1;
  if (dtype != Dtype::f64)
    out.in_float64 = [parameters, add_loss] { return make_scalars_objective(parameters, Dtype::f64, add_loss); };
  struct Built {
    Graph g;
    Var fitted;
  };
  const auto build = [add_loss, dtype, layout = out.layout](std::int64_t samples) {
    if (samples != 1)
      throw std::invalid_argument("[model] a network without data has one sample, got " + std::to_string(samples));
    Built built;
    Graph& g = built.g;
    Vars theta;
    for (int i = 0; i < layout.size(); ++i)
      theta.push_back(g.input(layout[i].name, {layout[i].shape, dtype}, InputRole::parameter, i));
    const Var label = g.input("label", {{1}, Dtype::i32}, InputRole::data, 0);
    const ScalarsLoss loss = add_loss(g, theta, label);
    built.fitted = loss.fitted;
    g.output("loss", OutputRole::scalar, 0, loss.value);
    g.output("correct", OutputRole::scalar, 1, constant(g, 0, {Shape{}, Dtype::f64}));
    return built;
  };
  out.loss = [build](std::int64_t samples) { return build(samples).g; };
  out.gauss_newton = [build](std::int64_t samples) {
    const Built built = build(samples);
    return linearize_gauss_newton(built.g, built.fitted);
  };
  return out;
}

}  // namespace brink
