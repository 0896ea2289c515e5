// SPDX-License-Identifier: MIT
#include "models/dln.h"
#include "models/kind.h"

#include <stdexcept>

#include "autodiff/primitives/elementwise.h"
#include "autodiff/primitives/losses.h"

namespace brink {

Objective make_dln_objective(const Dln& dln, DlnLoss loss, double target, Dtype dtype) {
  std::vector<Parameter> parameters;
  for (int i = 0; i < dln.parameters; ++i) parameters.push_back({"theta" + std::to_string(i), {1, 1}, 1});
  for (const auto& term : dln.terms)
    for (const int i : term)
      if (i < 0 || i >= dln.parameters)
        throw std::invalid_argument("[dln] a term names parameter " + std::to_string(i) + "; expected 0 to " +
                                    std::to_string(dln.parameters - 1));
  Objective out;
  out.layout = ParameterLayout(std::move(parameters));
  out.dtype = dtype;
  out.group = 1;
  if (dtype != Dtype::f64)
    out.in_float64 = [dln, loss, target] { return make_dln_objective(dln, loss, target, Dtype::f64); };
  struct Built {
    Graph g;
    Var z;  // [1,1]
  };
  const auto build = [dln, loss, target, dtype, layout = out.layout](std::int64_t samples) {
    if (samples != 1) throw std::invalid_argument("[dln] expected one sample, got " + std::to_string(samples));
    Built built;
    Graph& g = built.g;
    Vars theta;
    for (int i = 0; i < layout.size(); ++i)
      theta.push_back(g.input(layout[i].name, {layout[i].shape, dtype}, InputRole::parameter, i));
    const Var label = g.input("label", {{1}, Dtype::i32}, InputRole::data, 0);
    Var& z = built.z;
    for (const auto& term : dln.terms) {
      Var product;
      for (const int i : term)
        product = product ? mul(g, product, theta[static_cast<std::size_t>(i)]) : theta[static_cast<std::size_t>(i)];
      z = add(g, z, product);
    }
    Var value;
    if (loss == DlnLoss::half_square) {
      value = half_sum_of_squares(g, sub(g, z, constant(g, target, g.type(z))), 1);
    } else {
      value = cross_entropy(g, pad_columns(g, z, 1, 2), label, 1);  // logits (0, z)
    }
    g.output("loss", OutputRole::scalar, 0, value);
    g.output("correct", OutputRole::scalar, 1, constant(g, 0, {Shape{}, Dtype::f64}));
    return built;
  };
  out.loss = [build](std::int64_t samples) { return build(samples).g; };
  out.gauss_newton = [build](std::int64_t samples) {
    const Built built = build(samples);
    return linearize_gauss_newton(built.g, built.z);
  };
  return out;
}

namespace networks {

NetworkKind dln() {
  return {
      .name = "dln",
      .structure = "a product of scalar parameters, without data",
      .options = {reals_option("start", {2.5, 0.5}, {}, 1, 64, "the parameters at step 0; their number is the depth"),
                  real_option("target", 0, {}, "y of ½(z − y)², or the label 0 or 1 of the cross-entropy")},
      .group = 1,
      .dataless = [](const Options& o, Loss loss, Dtype dtype) -> DatalessNetwork {
        const std::vector<double>& start = o.reals("start");
        Dln product{static_cast<int>(start.size()), {{}}};
        for (int i = 0; i < product.parameters; ++i) product.terms[0].push_back(i);
        const bool squared = loss == Loss::mse;
        const double target = o.real("target");
        return {
            make_dln_objective(product, squared ? DlnLoss::half_square : DlnLoss::binary_cross_entropy, target, dtype),
            !squared && target == 1 ? 1 : 0, start};
      },
      .conflict = [](const Options& o, Loss loss) -> std::optional<OptionConflict> {
        const double target = o.real("target");
        if (loss != Loss::cross_entropy || target == 0 || target == 1) return {};
        return OptionConflict{"target", "expected 0 or 1 for training.loss = \"cross_entropy\""};
      }};
}

}  // namespace networks

}  // namespace brink
