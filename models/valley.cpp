// SPDX-License-Identifier: MIT
// The loss ½ Σ aᵢθᵢ² + ¼ q θ₀⁴ of a few parameters, without data: half the sum of squares of √aᵢ·θᵢ and √(q/2)·θ₀².
// Source: Wang & Roberts 2025, Fig. 20, which shows optimisers in the valley ½(20x² + y²) + ¼x⁴.
#include <cmath>
#include <stdexcept>

#include "autodiff/primitives/dense.h"
#include "autodiff/primitives/elementwise.h"
#include "autodiff/primitives/losses.h"
#include "models/kind.h"

namespace brink::networks {

namespace {

struct Valley {
  std::vector<double> curvatures;
  double quartic;
};

Objective make_objective(const Valley& valley, Dtype dtype) {
  std::vector<Parameter> parameters;
  for (std::size_t i = 0; i < valley.curvatures.size(); ++i)
    parameters.push_back({"theta" + std::to_string(i), {1, 1}, 1});
  Objective out;
  out.layout = ParameterLayout(std::move(parameters));
  out.dtype = dtype;
  out.group = 1;
  if (dtype != Dtype::f64) out.in_float64 = [valley] { return make_objective(valley, Dtype::f64); };
  struct Built {
    Graph g;
    Var residuals;  // [1,n+1]
  };
  const auto build = [valley, dtype, layout = out.layout](std::int64_t samples) {
    if (samples != 1) throw std::invalid_argument("[valley] expected one sample, got " + std::to_string(samples));
    Built built;
    Graph& g = built.g;
    const std::int64_t width = layout.size() + 1;
    for (int i = 0; i < layout.size(); ++i) {
      const Var theta = g.input(layout[i].name, {layout[i].shape, dtype}, InputRole::parameter, i);
      if (i == 0)
        built.residuals =
            pad_columns(g, scale(g, mul(g, theta, theta), std::sqrt(valley.quartic / 2)), width - 1, width);
      built.residuals =
          add(g, built.residuals,
              pad_columns(g, scale(g, theta, std::sqrt(valley.curvatures[static_cast<std::size_t>(i)])), i, width));
    }
    g.input("label", {{1}, Dtype::i32}, InputRole::data, 0);
    g.output("loss", OutputRole::scalar, 0, half_sum_of_squares(g, built.residuals, 1));
    g.output("correct", OutputRole::scalar, 1, constant(g, 0, {Shape{}, Dtype::f64}));
    return built;
  };
  out.loss = [build](std::int64_t samples) { return build(samples).g; };
  out.gauss_newton = [build](std::int64_t samples) {
    const Built built = build(samples);
    return linearize_gauss_newton(built.g, built.residuals);
  };
  return out;
}

std::string entries(std::size_t n) { return std::to_string(n) + (n == 1 ? " entry" : " entries"); }

}  // namespace

NetworkKind valley() {
  return {.name = "valley",
          .structure = "½ Σ aᵢθᵢ² + ¼ q θ₀⁴ of a few parameters, without data",
          .options = {reals_option("start", {1, 1}, {}, 1, 64, "the parameters at step 0"),
                      reals_option("curvatures", {20, 1}, {.least = 0}, 1, 64, "aᵢ, one for each parameter"),
                      real_option("quartic", 1, {.least = 0}, "q")},
          .group = 1,
          .dataless = [](const Options& o, Loss, Dtype dtype) -> DatalessNetwork {
            return {make_objective({o.reals("curvatures"), o.real("quartic")}, dtype), 0, o.reals("start")};
          },
          .conflict = [](const Options& o, Loss loss) -> std::optional<OptionConflict> {
            if (loss != Loss::mse)
              return OptionConflict{
                  "loss",
                  "expected \"mse\" for model.name = \"valley\", whose loss is half a sum of squares, "
                  "got \"cross_entropy\""};
            if (o.reals("curvatures").size() == o.reals("start").size()) return {};
            return OptionConflict{"curvatures",
                                  "expected " + entries(o.reals("start").size()) + ", as many as model.start has"};
          }};
}

}  // namespace brink::networks
