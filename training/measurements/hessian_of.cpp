// SPDX-License-Identifier: MIT
// Marks each row whose eigenvalues are those of the loss in evaluation mode, which is not the function that is minimised.
#include "training/measurements/kind.h"

namespace brink::measurements {

namespace {

class HessianOf final : public Measurement {
 public:
  explicit HessianOf(bool evaluation) : evaluation_(evaluation) {}
  std::vector<Column> columns() const override {
    if (!evaluation_) return {};
    return {{"hessian_of", "text", "the mode of the loss whose Hessian was measured", {}}};
  }
  void deliver(const Observed&, std::span<const double>, std::span<Cell> cells) override {
    if (evaluation_) cells[0] = "evaluation";
  }

 private:
  bool evaluation_;
};

}  // namespace

MeasurementKind hessian_of() {
  return {.name = "hessian_of",
          .meaning = "marks eigenvalues of the loss in evaluation mode",
          .always = true,
          .make = [](const MeasurementContext& c, const Options&) -> std::unique_ptr<Measurement> {
            return std::make_unique<HessianOf>(c.evaluation_hessian);
          }};
}

}  // namespace brink::measurements
