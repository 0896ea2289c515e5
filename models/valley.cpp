// SPDX-License-Identifier: MIT
// The loss ½ Σ aᵢθᵢ² + ¼ q θ₀⁴ of a few parameters, without data: half the sum of squares of √aᵢ·θᵢ and √(q/2)·θ₀².
// Source: Wang & Roberts 2025, Fig. 20, which shows optimisers in the valley ½(20x² + y²) + ¼x⁴.
#include <cmath>

#include "autodiff/primitives/dense.h"
#include "autodiff/primitives/elementwise.h"
#include "autodiff/primitives/losses.h"
#include "models/kind.h"
#include "models/scalars.h"

namespace brink::networks {

namespace {

struct Valley {
  std::vector<double> curvatures;
  double quartic;
};

Objective make_objective(const Valley& valley, Dtype dtype) {
  const auto parameters = static_cast<int>(valley.curvatures.size());
  return make_scalars_objective(parameters, dtype, [valley](Graph& g, const Vars& theta, Var) -> ScalarsLoss {
    const auto width = static_cast<std::int64_t>(theta.size()) + 1;
    Var residuals =
        pad_columns(g, scale(g, mul(g, theta[0], theta[0]), std::sqrt(valley.quartic / 2)), width - 1, width);
    for (std::size_t i = 0; i < theta.size(); ++i)
      residuals =
          add(g, residuals,
              pad_columns(g, scale(g, theta[i], std::sqrt(valley.curvatures[i])), static_cast<std::int64_t>(i), width));
    return {residuals, half_sum_of_squares(g, residuals, 1)};
  });
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
