// SPDX-License-Identifier: MIT
// The part of the jump along the leading eigenvector, where period-2 oscillation takes place.
#include <cmath>

#include "kernels/map/map.h"
#include "kernels/reduce/reduce.h"
#include "training/measurements/kind.h"

namespace brink::measurements {

namespace {

class JumpAlongU1 final : public Measurement {
 public:
  explicit JumpAlongU1(Array difference) : difference_(std::move(difference)) {}
  std::vector<Column> columns() const override {
    return {{"jump_u1",
             "",
             "|⟨u₁, θₜ − θ̄ₜ⟩|, the part of the jump along the leading eigenvector",
             {.panel = "oscillation and drift", .scale = ChartScale::logarithmic}}};
  }
  int numbers() const override { return 1; }
  void enqueue(Device& device, const StepView& at, Scalar to) override {
    there_ = at.step() >= 1 && !at.seen.spectrum.top.empty();
    if (!there_) return;
    const View u1{at.eigenvectors.data, Shape{at.layout.extent()}, at.eigenvectors.dtype};
    map<Subtract>(device, difference_.view(), {at.thetas[0], at.thetas[1]});
    dot(device, u1, difference_.view(), to);
  }
  void deliver(const Observed&, std::span<const double> numbers, std::span<Cell> cells) override {
    if (there_) cells[0] = 0.5 * std::abs(numbers[0]);
  }

 private:
  Array difference_;
  bool there_ = false;
};

}  // namespace

MeasurementKind jump_u1() {
  return {.name = "jump_u1",
          .meaning = "part of the jump along the leading eigenvector",
          .always = true,
          .make = [](const MeasurementContext& c, const Options&) -> std::unique_ptr<Measurement> {
            return std::make_unique<JumpAlongU1>(c.objective.layout.make_vector(c.objective.dtype, c.device));
          }};
}

}  // namespace brink::measurements
