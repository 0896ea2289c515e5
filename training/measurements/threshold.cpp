// SPDX-License-Identifier: MIT
// The rule's threshold at each step, where the learning rate or the rule changes during the run; otherwise it is one number, which
// run.json gives.
#include "training/measurements/kind.h"

namespace brink::measurements {

namespace {

class ThresholdOfStep final : public Measurement {
 public:
  explicit ThresholdOfStep(bool varies) : varies_(varies) {}
  std::vector<Column> columns() const override {
    if (!varies_) return {};
    return {{"threshold", "", "sharpness above which the update that follows is unstable", {}}};
  }
  void deliver(const Observed& seen, std::span<const double>, std::span<Cell> cells) override {
    if (varies_) cells[0] = seen.threshold;
  }

 private:
  bool varies_;
};

}  // namespace

MeasurementKind threshold() {
  return {.name = "threshold",
          .meaning = "threshold of the update rule, where it is not the same at every step",
          .always = true,
          .make = [](const MeasurementContext& c, const Options&) -> std::unique_ptr<Measurement> {
            return std::make_unique<ThresholdOfStep>(c.threshold_varies);
          }};
}

}  // namespace brink::measurements
