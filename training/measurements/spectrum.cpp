// SPDX-License-Identifier: MIT
// The tracked eigenvalues of the Hessian with their residuals, their cost, and the surplus of λ₁ over the threshold.
#include <string>

#include "training/measurements/kind.h"
#include "training/rules/rule.h"

namespace brink::measurements {

namespace {

class Eigenvalues final : public Measurement {
 public:
  Eigenvalues(int top, bool preconditioned) : top_(static_cast<std::size_t>(top)), preconditioned_(preconditioned) {}
  std::vector<Column> columns() const override {
    std::vector<Column> out;
    const auto number = [](std::size_t i) { return std::to_string(i + 1); };
    for (std::size_t i = 0; i < top_; ++i)
      out.push_back({"lambda_" + number(i),
                     "",
                     (i == 0 ? std::string("largest eigenvalue") : "eigenvalue " + number(i) + " from the top") +
                         " of the Hessian",
                     {.panel = "largest eigenvalues", .error = "residual_" + number(i)}});
    for (std::size_t i = 0; i < top_; ++i)
      out.push_back(
          {"residual_" + number(i), "", "‖Hu − λu‖ of eigenvalue " + number(i) + ": an eigenvalue lies this near", {}});
    out.push_back({"lambda_min",
                   "",
                   "smallest eigenvalue of the Hessian",
                   {.panel = "smallest eigenvalue", .error = "residual_min"}});
    out.push_back({"residual_min", "", "‖Hu − λu‖ of the smallest eigenvalue", {}});
    out.push_back({"products", "count", "Hessian–vector products of this step", {.panel = "Hessian–vector products"}});
    out.push_back(
        {"surplus",
         "",
         preconditioned_
             ? "2(λ_eff/threshold − 1), with the effective sharpness λ_eff; λ₁ where the rule has no preconditioner"
             : "2(λ₁/threshold − 1); ηλ₁ − 2 for gradient descent",
         {.reference = 0.0}});
    return out;
  }
  void deliver(const Observed& seen, std::span<const double>, std::span<Cell> cells) override {
    const std::vector<Eigenvalue>&top = seen.spectrum.top, &bottom = seen.spectrum.bottom;
    for (std::size_t i = 0; i < top.size() && i < top_; ++i) {
      cells[i] = top[i].value;
      cells[top_ + i] = top[i].residual;
    }
    const std::span<Cell> rest = cells.subspan(2 * top_);
    if (!bottom.empty()) {
      rest[0] = bottom[0].value;
      rest[1] = bottom[0].residual;
    }
    if (seen.products > 0) rest[2] = std::int64_t{seen.products};
    if (seen.surplus) rest[3] = *seen.surplus;
  }

 private:
  std::size_t top_;
  bool preconditioned_;
};

}  // namespace

MeasurementKind spectrum() {
  return {.name = "spectrum",
          .meaning = "tracked eigenvalues of the Hessian, each with its residual",
          .always = true,
          .make = [](const MeasurementContext& c, const Options&) -> std::unique_ptr<Measurement> {
            return std::make_unique<Eigenvalues>(c.top, c.preconditions);
          }};
}

}  // namespace brink::measurements
