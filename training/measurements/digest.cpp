// SPDX-License-Identifier: MIT
// The digest of the parameters at θ_t, by which two runs are compared.
#include "training/digest.h"
#include "kernels/scalars.h"
#include "training/measurements/kind.h"

namespace brink::measurements {

namespace {

class ParameterDigest final : public Measurement {
 public:
  explicit ParameterDigest(const MeasurementContext& c)
      : layout_(c.objective.layout), theta_(c.device, layout_.extent() * size_of(c.objective.dtype)) {}
  std::vector<Column> columns() const override {
    return {{"digest", "text", "XXH3-128 of the parameters' bytes, 32 hexadecimal digits", {}}};
  }
  void enqueue(Device&, const StepView& at, Scalar) override { theta_.send(at.thetas[0]); }
  void deliver(const Observed&, std::span<const double>, std::span<Cell> cells) override {
    cells[0] = digest_of(layout_, theta_.receive());
  }

 private:
  ParameterLayout layout_;
  Delivery theta_;
};

}  // namespace

MeasurementKind digest() {
  return {.name = "digest",
          .meaning = "digest of the parameters",
          .always = true,
          .make = [](const MeasurementContext& c, const Options&) -> std::unique_ptr<Measurement> {
            return std::make_unique<ParameterDigest>(c);
          }};
}

}  // namespace brink::measurements
