// SPDX-License-Identifier: MIT
// The effective sharpness beside its threshold, and for a rule that preconditions the clipped coordinates and quantiles of √ν̂.
#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernels/scalars.h"
#include "training/curvature.h"
#include "training/measurements/kind.h"
#include "training/pass.h"
#include "training/rules/rule.h"

namespace brink::measurements {

namespace {

constexpr std::array<int, 7> percents{0, 10, 25, 50, 75, 90, 100};

class Effective final : public Measurement {
 public:
  Effective(const MeasurementContext& c, int top)
      : preconditions_(c.preconditions),
        pass_(c.pass),
        layout_(c.objective.layout),
        dtype_(c.objective.dtype),
        more_(c.preconditions && c.tracker ? static_cast<std::size_t>(top) - 1 : 0) {
    if (!preconditions_) return;
    if (more_ > 0) largest_ = std::make_unique<EffectiveCurvature>(c.device, layout_, dtype_, *c.tracker, c.seed, top);
    found_.resize(more_);
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
    for (std::size_t i = 2; i < more_ + 2; ++i) {
      const std::string number = std::to_string(i);
      out.push_back({"lambda_eff_" + number,
                     "",
                     "eigenvalue " + number + " from the top of P^(−½) H P^(−½)",
                     {.panel = "effective sharpness", .error = "residual_eff_" + number}});
      out.push_back({"residual_eff_" + number, "", "‖Au − λu‖ of lambda_eff_" + number, {}});
    }
    if (more_ > 0)
      out.push_back({"products_eff", "count", "further Hessian–vector products for lambda_eff_2 and the next", {}});
    return out;
  }

  void enqueue(Device& device, const StepView& at, Scalar) override {
    preconditioner_ = at.rule.preconditioner();
    if (!preconditioner_) return;
    preconditioner_->root_moment(device, at.rule_gradient, roots_.view());
    delivery_.send(roots_.view());
    measured_ = largest_ && at.seen.measured;
    if (!measured_) return;
    const TrackerStep t = largest_->measure(pass_.hessian(), *preconditioner_, at.rule_gradient, at.step(), false);
    products_ = t.products;
    for (std::size_t i = 0; i < more_; ++i) {
      found_[i].reset();
      if (i + 1 < t.top.size()) found_[i] = Eigenvalue{t.top[i + 1].value, t.top[i + 1].residual};
    }
  }

  void deliver(const Observed& seen, std::span<const double>, std::span<Cell> cells) override {
    if (seen.effective) {
      cells[0] = seen.effective->value;
      cells[1] = seen.effective->residual;
      cells[2] = seen.effective->scale;
    }
    cells[3] = seen.threshold;
    cells[4] = 2 / seen.learning_rate;
    if (!preconditioner_) return;
    deliver_roots(cells.subspan(5));
    if (!measured_) return;
    const std::span<Cell> rest = cells.last(2 * more_ + 1);
    for (std::size_t i = 0; i < more_; ++i) {
      if (!found_[i]) continue;
      rest[2 * i] = found_[i]->value;
      rest[2 * i + 1] = found_[i]->residual;
    }
    rest.back() = products_;
  }
  void visit(StateVisitor& v) override {
    if (largest_) largest_->visit(v);
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
  const Pass& pass_;
  const Preconditioner* preconditioner_ = nullptr;  // of the last step's rule
  ParameterLayout layout_;
  Dtype dtype_;
  Array roots_;
  Delivery delivery_;
  Array sorted_;                                 // in the host's memory
  std::size_t more_;                             // eigenvalues beside the largest one, by a tracker of their own
  std::unique_ptr<EffectiveCurvature> largest_;  // null where there are none
  std::vector<std::optional<Eigenvalue>> found_;
  std::int64_t products_ = 0;
  bool measured_ = false;
};

}  // namespace

MeasurementKind effective() {
  return {
      .name = "effective",
      .meaning = "effective sharpness, clipped coordinates and quantiles of √ν̂",
      .needs_lambda_1 = true,
      .options = {integer_option("top", 1, {1, 50}, "eigenvalues of P^(−½) H P^(−½) under a rule that preconditions")},
      .make = [](const MeasurementContext& c, const Options& o) -> std::unique_ptr<Measurement> {
        const CountedPart part(c.device, "the eigenvectors of measure.effective");
        return std::make_unique<Effective>(c, static_cast<int>(o.integer("top")));
      }};
}

}  // namespace brink::measurements
