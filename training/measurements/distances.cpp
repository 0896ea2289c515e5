// SPDX-License-Identifier: MIT
// The jump from the midpoint of the last two steps, and the drift of that midpoint over a period of two steps.
#include "kernels/map/map.h"
#include "kernels/reduce/reduce.h"
#include "kernels/tracer.h"
#include "training/measurements/kind.h"

namespace brink::measurements {

namespace {

const TraceName distances_name{"distances", "phase"};

class Distances final : public Measurement {
 public:
  Distances(Array a, Array b) : difference_(std::move(a)), second_difference_(std::move(b)) {}
  std::vector<Column> columns() const override {
    return {
        {"jump",
         "",
         "‖θₜ − θ̄ₜ‖, with the midpoint θ̄ₜ = (θₜ + θₜ₋₁)/2",
         {.panel = "oscillation and drift", .scale = ChartScale::logarithmic}},
        {"period2_distance", "", "‖θ̄ₜ − θ̄ₜ₋₂‖", {.panel = "oscillation and drift", .scale = ChartScale::logarithmic}}};
  }
  int numbers() const override { return 2; }
  void enqueue(Device& device, const StepView& at, Scalar to) override {
    // θ_t − θ̄_t = ½(θ_t − θ_{t−1});  θ̄_t − θ̄_{t−2} = ½((θ_t − θ_{t−2}) + (θ_{t−1} − θ_{t−3})).
    const Traced span(device, distances_name);
    const View difference = difference_.view(), second = second_difference_.view();
    if (at.step() >= 1) {
      map<Subtract>(device, difference, {at.thetas[0], at.thetas[1]});
      norm(device, difference, to);
    }
    if (at.step() >= 3) {
      map<Subtract>(device, difference, {at.thetas[0], at.thetas[2]});
      map<Subtract>(device, second, {at.thetas[1], at.thetas[3]});
      map<Add>(device, difference, {difference, second});
      norm(device, difference, to + 1);
    }
  }
  void deliver(const Observed& seen, std::span<const double> numbers, std::span<Cell> cells) override {
    if (seen.step >= 1) cells[0] = 0.5 * numbers[0];
    if (seen.step >= 3) cells[1] = 0.5 * numbers[1];
  }

 private:
  Array difference_, second_difference_;
};

}  // namespace

MeasurementKind distances() {
  return {.name = "distances",
          .meaning = "jump and period-2 distance",
          .always = true,
          .make = [](const MeasurementContext& c, const Options&) -> std::unique_ptr<Measurement> {
            const auto vector = [&] { return c.objective.layout.make_vector(c.objective.dtype, c.device); };
            return std::make_unique<Distances>(vector(), vector());
          }};
}

}  // namespace brink::measurements
