// SPDX-License-Identifier: MIT
// How far the Hessian's product in float32 is from the one in float64, at the same θ and along the same vectors: an estimate of what rounding
// adds to the error of each eigenvalue.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>

#include "kernels/tracer.h"
#include "training/io/readable.h"
#include "training/measurements/kind.h"
#include "training/pass.h"
#include "training/precise_product.h"

namespace brink::measurements {

namespace {

const TraceName product_error_name{"float64 products", "phase"};
constexpr int along_u1 = 0, along_random = 1;

class ProductError final : public Measurement {
 public:
  explicit ProductError(const MeasurementContext& c)
      : layout_(c.objective.layout),
        hessian_(*c.hessian),
        precise_(c.device, c.evaluation_hessian ? c.pass.evaluated() : c.objective, c.train, c.batch, c.seed) {}

  std::vector<Column> columns() const override {
    const Chart chart{.panel = "float32 product beside the float64 one", .scale = ChartScale::logarithmic};
    return {
        {"product_error_1", "",
         "‖H₃₂u₁ − H₆₄u₁‖, the products in float32 and in float64 at the same θ: some eigenvalue of H₆₄ lies within "
         "residual_1 + product_error_1 of lambda_1",
         chart},
        {"product_error_random", "",
         "the same along a random unit vector: times the root of the number of parameters it estimates the Frobenius "
         "norm of H₃₂ − H₆₄, and no eigenvalue differs by more than that norm",
         chart}};
  }
  int numbers() const override { return 2; }

  void enqueue(Device& device, const StepView& at, Scalar to) override {
    measured_ = at.seen.measured && !at.seen.spectrum.top.empty();
    if (!measured_) return;
    const Traced span(device, product_error_name);
    precise_.linearize_at(at.thetas[0]);
    precise_.leave_error(hessian_, at.eigenvectors.part(0, Shape{layout_.extent()}), to + along_u1);
    precise_.leave_error_along_random(hessian_, at.step(), to + along_random);
  }

  void deliver(const Observed& seen, std::span<const double> numbers, std::span<Cell> cells) override {
    if (!measured_) return;
    cells[0] = numbers[along_u1];
    cells[1] = numbers[along_random];
    if (remarked_) return;
    remarked_ = true;
    remark_ = fmt::format(
        "step {}: the Hessian's products in float32 and float64 differ by {} along u₁ and by {} along a random unit "
        "vector, beside λ₁ = {} ± {}: an estimate of what rounding adds. A ReLU whose input is near zero may be on in "
        "one precision and off in the other",
        seen.step, readable(numbers[along_u1], 2), readable(numbers[along_random], 2),
        readable(seen.spectrum.top[0].value), readable(seen.spectrum.top[0].residual, 2));
  }

  std::string take_remark() override { return std::exchange(remark_, {}); }

 private:
  ParameterLayout layout_;
  const LinearOperator& hessian_;
  PreciseProduct precise_;
  bool measured_ = false, remarked_ = false;
  std::string remark_;
};

std::optional<OptionConflict> conflict_of(const Options&, const MeasurementSetting& run) {
  if (run.precision == Dtype::f32) return {};
  return OptionConflict{"steps",
                        "compares the products of a run in float32 with those in float64: expected run.precision = "
                        "\"float32\", got \"float64\""};
}

}  // namespace

MeasurementKind product_error() {
  constexpr std::size_t most_steps = 1'000'000;
  return {.name = "product_error",
          .meaning = "how far the Hessian's product in float32 is from the one in float64",
          .needs_spectrum = true,
          .needs_lambda_1 = true,
          .options = {integers_option("steps", {0}, {.least = 0}, 1, most_steps, "steps at which it is measured"),
                      integer_option("every", 0, {.least = 0}, "steps between two others; 0: only at `steps`")},
          .conflict = conflict_of,
          .make = [](const MeasurementContext& c, const Options&) -> std::unique_ptr<Measurement> {
            const CountedPart part(c.device, "the products in float64 of measure.product_error");
            return std::make_unique<ProductError>(c);
          }};
}

}  // namespace brink::measurements
