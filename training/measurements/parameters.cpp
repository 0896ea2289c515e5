// SPDX-License-Identifier: MIT
// θ at chosen steps, as a file that model.start_file can read.
#include "training/io/text.h"
#include "training/measurements/kind.h"

namespace brink::measurements {

namespace {

class Parameters final : public Measurement {
 public:
  std::vector<Column> columns() const override { return {}; }
  void deliver(const Observed&, std::span<const double>, std::span<Cell>) override {}
  std::optional<TensorSet> tensors(const StepView& at) override {
    return TensorSet{"parameters", named_parameters(at.layout, at.thetas[0]), {{"step", number_text(at.step())}}};
  }
};

}  // namespace

MeasurementKind parameters() {
  return {.name = "parameters",
          .meaning = "the parameters, in files",
          .options = file_step_options(),
          .make = [](const MeasurementContext&, const Options&) -> std::unique_ptr<Measurement> {
            return std::make_unique<Parameters>();
          }};
}

}  // namespace brink::measurements
