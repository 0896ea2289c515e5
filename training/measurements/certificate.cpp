// SPDX-License-Identifier: MIT
// What certifies the eigenvalues of a row: the scale of their residuals, whether all are certified, and the asymmetry of the
// operator.
#include "training/measurements/kind.h"

namespace brink::measurements {

namespace {

class Certificate final : public Measurement {
 public:
  std::vector<Column> columns() const override {
    return {{"scale",
             "",
             "largest Ritz value in magnitude: a value is certified where its residual ≤ measure.tolerance · scale",
             {}},
            {"converged", "", "1 where all eigenvalues of the row are certified", {}},
            {"redone", "", "1 where a cold check disagreed and the values that reach further out were recorded", {}},
            {"asymmetry",
             "",
             "|uᵀHv − vᵀHu| of the unit Ritz vectors of the two ends",
             {.panel = "asymmetry of the Hessian–vector product", .scale = ChartScale::symmetric_logarithmic}}};
  }
  void deliver(const Observed& seen, std::span<const double>, std::span<Cell> cells) override {
    if (!seen.measured) return;
    cells[0] = seen.spectrum.scale;
    cells[1] = seen.spectrum.converged;
    cells[2] = seen.spectrum.redone;
    cells[3] = seen.spectrum.asymmetry;
  }
};

}  // namespace

MeasurementKind certificate() {
  return {.name = "certificate",
          .meaning = "what certifies the eigenvalues",
          .always = true,
          .make = [](const MeasurementContext&, const Options&) -> std::unique_ptr<Measurement> {
            return std::make_unique<Certificate>();
          }};
}

}  // namespace brink::measurements
