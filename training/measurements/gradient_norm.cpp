// SPDX-License-Identifier: MIT
// The learning rate of the next update, and the norm of the gradient that it uses.
#include "training/measurements/kind.h"

namespace brink::measurements {

namespace {

class GradientNorm final : public Measurement {
 public:
  std::vector<Column> columns() const override {
    return {{"learning_rate", "", "η of the update that follows", {.panel = "learning rate"}},
            {"gradient_norm",
             "",
             "‖∇L‖, the norm of the gradient of the training loss",
             {.panel = "gradient norm", .scale = ChartScale::logarithmic}}};
  }
  void deliver(const Observed& seen, std::span<const double>, std::span<Cell> cells) override {
    cells[0] = seen.learning_rate;
    cells[1] = seen.gradient_norm;
  }
};

}  // namespace

MeasurementKind gradient_norm() {
  return {.name = "gradient_norm",
          .meaning = "learning rate and norm of the gradient",
          .always = true,
          .make = [](const MeasurementContext&, const Options&) -> std::unique_ptr<Measurement> {
            return std::make_unique<GradientNorm>();
          }};
}

}  // namespace brink::measurements
