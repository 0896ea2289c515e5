// SPDX-License-Identifier: MIT
// The tracked eigenvectors of the Hessian at chosen steps, each with its eigenvalue and residual, in files.
#include <algorithm>
#include <iterator>

#include "training/io/text.h"
#include "training/measurements/kind.h"

namespace brink::measurements {

namespace {

class Eigenvectors final : public Measurement {
 public:
  std::vector<Column> columns() const override { return {}; }
  void deliver(const Observed&, std::span<const double>, std::span<Cell>) override {}
  std::optional<TensorSet> tensors(const StepView& at) override {
    if (!at.seen.measured) return {};
    TensorSet out{"eigenvectors", {}, {{"step", number_text(at.step())}}};
    std::int64_t row = 0;
    const auto add = [&](const Eigenvalue& e, const std::string& number) {
      const View vector = at.eigenvectors.part(row++ * at.layout.extent(), Shape{at.layout.extent()});
      std::ranges::move(named_parameters(at.layout, vector, "u_" + number + "/"), std::back_inserter(out.tensors));
      out.metadata.emplace_back("lambda_" + number, number_text(e.value));
      out.metadata.emplace_back("residual_" + number, number_text(e.residual));
    };
    for (std::size_t i = 0; i < at.seen.spectrum.top.size(); ++i) add(at.seen.spectrum.top[i], number_text(i + 1));
    for (const Eigenvalue& e : at.seen.spectrum.bottom) add(e, "min");
    return out;
  }
};

}  // namespace

MeasurementKind eigenvectors() {
  return {.name = "eigenvectors",
          .meaning = "the tracked eigenvectors of the Hessian, in files",
          .needs_spectrum = true,
          .options = file_step_options(),
          .make = [](const MeasurementContext&, const Options&) -> std::unique_ptr<Measurement> {
            return std::make_unique<Eigenvectors>();
          }};
}

}  // namespace brink::measurements
