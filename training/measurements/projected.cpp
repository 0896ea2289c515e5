// SPDX-License-Identifier: MIT
// How many unstable eigenvectors the projected update of a step concerned.
#include "training/measurements/kind.h"

namespace brink::measurements {

namespace {

class Projected final : public Measurement {
 public:
  explicit Projected(bool there) : there_(there) {}
  std::vector<Column> columns() const override {
    if (!there_) return {};
    return {{"projected",
             "count",
             "unstable eigenvectors onto or off which the update is projected",
             {.panel = "unstable eigenvectors of the projection"}}};
  }
  void deliver(const Observed& seen, std::span<const double>, std::span<Cell> cells) override {
    if (there_ && seen.projected) cells[0] = *seen.projected;
  }

 private:
  bool there_;
};

}  // namespace

MeasurementKind projected() {
  return {.name = "projected",
          .meaning = "number of unstable eigenvectors of a projected update",
          .always = true,
          .make = [](const MeasurementContext& c, const Options&) -> std::unique_ptr<Measurement> {
            return std::make_unique<Projected>(c.projects);
          }};
}

}  // namespace brink::measurements
