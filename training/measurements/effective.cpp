// SPDX-License-Identifier: MIT
// The effective sharpness beside its threshold, and for a rule that preconditions the clipped coordinates and quantiles of √ν̂.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "kernels/scalars.h"
#include "training/measurements/kind.h"
#include "training/rules/rule.h"

namespace brink::measurements {

namespace {

constexpr std::array<int, 7> percents{0, 10, 25, 50, 75, 90, 100};

class Effective final : public Measurement {
 public:
  explicit Effective(const MeasurementContext& c)
      : preconditions_(c.preconditions), layout_(c.objective.layout), dtype_(c.objective.dtype) {
    if (!preconditions_) return;
    roots_ = layout_.make_vector(dtype_, c.device);
    delivery_ = Delivery(c.device, layout_.extent() * size_of(dtype_));
    Device host;
    host.count = c.device.count;
    sorted_ = Array(Shape{layout_.count()}, dtype_, host);
  }

  std::vector<Column> columns() const override {
    std::vector<Column> out{
        {"lambda_eff",
         "",
         preconditions_ ? "effective sharpness, the largest eigenvalue of P^(−½) H P^(−½)"
                        : "effective sharpness, which is λ₁ under this rule",
         {.panel = "effective sharpness", .reference = "threshold_eff", .error = "residual_eff"}},
        {"residual_eff", "", "‖Au − λu‖ of the effective sharpness, A = P^(−½) H P^(−½)", {}},
        {"scale_eff",
         "",
         "largest Ritz value of A in magnitude: certified where residual_eff ≤ tolerance · scale_eff",
         {}},
        {"threshold_eff", "", "effective sharpness above which the update that follows is unstable", {}},
        {"two_over_eta", "", "2/η, the threshold without momentum and weight decay", {}}};
    if (!preconditions_) return out;
    out.push_back(
        {"clipped_fraction", "", "share of the coordinates whose √ν̂ is clipped", {.panel = "clipped coordinates"}});
    for (const int p : percents)
      out.push_back({"root_moment_" + std::to_string(p),
                     "",
                     p == 0     ? "smallest √ν̂ of a coordinate"
                     : p == 100 ? "largest √ν̂ of a coordinate"
                                : "√ν̂ that " + std::to_string(p) + " % of the coordinates do not exceed",
                     {.panel = "√ν̂", .scale = ChartScale::logarithmic}});
    return out;
  }

  void enqueue(Device& device, const StepView& at, Scalar) override {
    preconditioner_ = at.rule.preconditioner();
    if (!preconditioner_) return;
    preconditioner_->root_moment(device, at.rule_gradient, roots_.view());
    delivery_.send(roots_.view());
  }

  void deliver(const Observed& seen, std::span<const double>, std::span<Cell> cells) override {
    if (seen.effective) {
      cells[0] = seen.effective->value;
      cells[1] = seen.effective->residual;
      cells[2] = seen.effective->scale;
    }
    cells[3] = seen.threshold;
    cells[4] = 2 / seen.learning_rate;
    if (preconditioner_) deliver_roots(cells.subspan(5));
  }

 private:
  /// Order statistics of all coordinates: the p-th percentile is the smallest value that p % of the values do not exceed.
  void deliver_roots(std::span<Cell> cells) {
    with_real(dtype_, [&]<class T>(T) {
      const std::span<T> values = sorted_.span<T>();
      auto next = values.begin();
      for (int i = 0; i < layout_.size(); ++i)
        next = std::ranges::copy(layout_.view(delivery_.receive(), i).span<T>(), next).out;
      if (std::ranges::any_of(values, [](T x) { return std::isnan(x); })) return;
      const std::int64_t n = layout_.count();
      const double limit = preconditioner_->clipped_from();
      const auto clipped = std::ranges::count_if(values, [=](T x) { return static_cast<double>(x) >= limit; });
      cells[0] = static_cast<double>(clipped) / static_cast<double>(n);
      auto first = values.begin();
      for (std::size_t k = 0; k < percents.size(); ++k) {
        const std::int64_t rank = std::max<std::int64_t>((n * percents[k] + 99) / 100, 1) - 1;
        const auto at = values.begin() + rank;
        std::nth_element(first, at, values.end());
        cells[1 + k] = static_cast<double>(*at);
        first = at;
      }
    });
  }

  bool preconditions_;
  const Preconditioner* preconditioner_ = nullptr;  // of the last step's rule
  ParameterLayout layout_;
  Dtype dtype_;
  Array roots_;
  Delivery delivery_;
  Array sorted_;  // in the host's memory
};

}  // namespace

MeasurementKind effective() {
  return {.name = "effective",
          .meaning = "effective sharpness, clipped coordinates and quantiles of √ν̂",
          .needs_lambda_1 = true,
          .make = [](const MeasurementContext& c, const Options&) -> std::unique_ptr<Measurement> {
            return std::make_unique<Effective>(c);
          }};
}

}  // namespace brink::measurements
