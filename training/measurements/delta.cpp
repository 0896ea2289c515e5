// SPDX-License-Identifier: MIT
// Δ = −∇S·∇L = −∇³L[u₁, u₁, g], how fast the sharpness S = λ₁ would change under gradient flow.
#include "autodiff/batch/directional.h"
#include "training/measurements/kind.h"

namespace brink::measurements {

namespace {

class Delta final : public Measurement {
 public:
  explicit Delta(const MeasurementContext& c) : third_(c.device, c.objective, c.train, c.batch) {}
  std::vector<Column> columns() const override {
    return {
        {"delta",
         "",
         "Δ = −∇³L[u₁, u₁, ∇L]: the rate of change of λ₁ under gradient flow",
         {.panel = "local change of sharpness Δ", .scale = ChartScale::symmetric_logarithmic, .reference = 0.0}},
        {"delta_gap",
         "",
         "λ₁ − λ₂, where two eigenvalues are tracked: Δ is that of a simple eigenvalue, with an error proportional to "
         "residual_1/delta_gap",
         {}}};
  }
  int numbers() const override { return 1; }
  void enqueue(Device&, const StepView& at, Scalar to) override {
    if (!at.eigenvectors.data || at.seen.spectrum.top.empty()) return;
    third_.enqueue(at.thetas[0], at.eigenvectors.part(0, Shape{at.layout.extent()}), at.gradient, to);
  }
  void deliver(const Observed& seen, std::span<const double> numbers, std::span<Cell> cells) override {
    const std::vector<Eigenvalue>& top = seen.spectrum.top;
    if (!seen.measured || top.empty()) return;
    cells[0] = -third_.finish(numbers[0]);
    if (top.size() > 1) cells[1] = top[0].value - top[1].value;
  }

 private:
  MixedThirdDerivative third_;
};

}  // namespace

MeasurementKind delta() {
  return {.name = "delta",
          .meaning = "local change of sharpness, −∇³L[u₁, u₁, ∇L]",
          .needs_spectrum = true,
          .needs_lambda_1 = true,
          .of_descended = true,
          .options = {when_option()},
          .make = [](const MeasurementContext& c, const Options&) -> std::unique_ptr<Measurement> {
            return std::make_unique<Delta>(c);
          }};
}

}  // namespace brink::measurements
