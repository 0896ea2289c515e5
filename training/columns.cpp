// SPDX-License-Identifier: MIT
#include "training/columns.h"

#include <utility>

#include "training/text.h"

namespace brink {

std::vector<Column> fixed_columns(std::int64_t top, bool evaluation_hessian) {
  using enum ChartScale;
  std::vector<Column> out{
      {"step", "updates", "the number of updates made before this row"},
      {"loss", "", "the loss that is minimised", {"loss", logarithmic}},
      {"train_accuracy", "", "the share of training samples that are classified correctly", {"accuracy"}},
      {"test_accuracy", "", "the share of test samples that are classified correctly", {"accuracy"}},
      {"learning_rate", "", "the step size η of the update that follows this row", {"learning rate"}},
      {"gradient_norm", "", "the Euclidean norm of the loss's gradient", {"gradient norm", logarithmic}},
  };
  for (std::int64_t i = 1; i <= top; ++i) {
    const std::string rank = i == 1 ? "the largest eigenvalue" : "eigenvalue " + number_text(i) + " from the top";
    out.push_back({"lambda_" + number_text(i),
                   "",
                   rank + " of the Hessian",
                   {"largest eigenvalues", linear, {}, "residual_" + number_text(i)}});
  }
  for (std::int64_t i = 1; i <= top; ++i) {
    const std::string n = number_text(i);
    std::string meaning = "the residual ‖Hy − θy‖ of lambda_" + n + ": an eigenvalue lies within this distance of it";
    out.push_back({"residual_" + n, "", std::move(meaning)});
  }
  const std::vector<Column> rest{
      {"lambda_min", "", "the smallest eigenvalue of the Hessian", {"smallest eigenvalue", linear, {}, "residual_min"}},
      {"residual_min", "", "the residual ‖Hy − θy‖ of lambda_min: an eigenvalue lies within this distance of it"},
      {"products", "count", "the Hessian–vector products spent at this step", {"Hessian–vector products"}},
      {"surplus", "", "η·lambda_1 − 2: positive above the stability threshold", {}},
      {"jump",
       "",
       "the distance from the parameters to the midpoint of them and the previous ones",
       {"oscillation and drift", logarithmic}},
      {"period2_distance",
       "",
       "the distance that this midpoint moves in two steps",
       {"oscillation and drift", logarithmic}},
      {"digest", "text", "the digest of the parameters"},
      {"scale", "",
       "the largest absolute Ritz value: an eigenvalue is certified if its residual is at most tolerance × scale"},
      {"converged", "", "1 if all eigenvalues of this row are certified, else 0"},
      {"redone", "", "1 if a start from random vectors disagreed with the one from the last step's, else 0"},
      {"asymmetry",
       "",
       "the difference |uᵀHv − vᵀHu| for two vectors, 0 for an exactly symmetric product",
       {"asymmetry of the Hessian–vector product", symmetric_logarithmic}},
      {"jump_u1",
       "",
       "the part of jump along the eigenvector of lambda_1",
       {"oscillation along the first eigenvector", symmetric_logarithmic}},
  };
  out.insert(out.end(), rest.begin(), rest.end());
  if (evaluation_hessian) out.push_back({"hessian_of", "text", "the mode of the loss whose Hessian was measured"});
  return out;
}

}  // namespace brink
