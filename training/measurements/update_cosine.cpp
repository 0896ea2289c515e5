// SPDX-License-Identifier: MIT
// The cosine between the last update and the one before it: near −1 while the parameters jump back and forth with period 2.
#include <cmath>

#include "kernels/map/map.h"
#include "kernels/reduce/reduce.h"
#include "training/measurements/kind.h"

namespace brink::measurements {

namespace {

class UpdateCosine final : public Measurement {
 public:
  UpdateCosine(Array last, Array before) : last_(std::move(last)), before_(std::move(before)) {}
  std::vector<Column> columns() const override {
    return {{"update_cosine",
             "",
             "cosine between θₜ − θₜ₋₁ and θₜ₋₁ − θₜ₋₂",
             {.panel = "update cosine", .reference = 0.0}}};
  }
  int numbers() const override { return 3; }
  void enqueue(Device& device, const StepView& at, Scalar to) override {
    if (at.step() < 2) return;
    map<Subtract>(device, last_.view(), {at.thetas[0], at.thetas[1]});
    map<Subtract>(device, before_.view(), {at.thetas[1], at.thetas[2]});
    dot(device, last_.view(), before_.view(), to);
    norm(device, last_.view(), to + 1);
    norm(device, before_.view(), to + 2);
  }
  void deliver(const Observed& seen, std::span<const double> numbers, std::span<Cell> cells) override {
    if (const double lengths = numbers[1] * numbers[2]; seen.step >= 2 && lengths > 0) cells[0] = numbers[0] / lengths;
  }

 private:
  Array last_, before_;
};

}  // namespace

MeasurementKind update_cosine() {
  return {.name = "update_cosine",
          .meaning = "cosine between successive updates",
          .make = [](const MeasurementContext& c, const Options&) -> std::unique_ptr<Measurement> {
            const auto vector = [&] { return c.objective.layout.make_vector(c.objective.dtype, c.device); };
            return std::make_unique<UpdateCosine>(vector(), vector());
          }};
}

}  // namespace brink::measurements
