// SPDX-License-Identifier: MIT
// Critical sharpness: 2/η_c, with the smallest learning rate η_c at which the loss rises along the update, found by forward passes
// alone. Beside it the same of the loss on the test samples.
#include <cmath>
#include <memory>
#include <optional>

#include "kernels/map/map.h"
#include "kernels/tracer.h"
#include "training/measurements/kind.h"
#include "training/pass.h"
#include "training/test_pass.h"

namespace brink::measurements {

namespace {

const TraceName critical_name{"critical sharpness", "phase"};

/// The learning rates, in multiples of that of the update, between which the loss begins to rise.
struct Bracket {
  std::optional<double> below, above;
  std::int64_t passes = 0;
};

/// `rise`: the loss of a multiple of the update minus that of none, NaN where it is not finite. The factor 2 that brackets may step over a
/// short rise, so what is found is a place where the loss begins to rise, and the first one only if the loss falls before it.
template <class Rise>
Bracket find_rise(const Rise& rise, double tolerance) {
  constexpr double least = 0x1p-20, most = 0x1p20;
  Bracket out;
  const auto rises = [&](double multiple) {
    ++out.passes;
    return !(rise(multiple) <= 0);
  };
  double at = 1;
  if (rises(at)) {
    out.above = at;
    while (!out.below && (at /= 2) >= least) {
      if (!rises(at))
        out.below = at;
      else
        out.above = at;
    }
  } else {
    out.below = at;
    while (!out.above && (at *= 2) <= most) {
      if (rises(at))
        out.above = at;
      else
        out.below = at;
    }
  }
  if (!out.below || !out.above) return out;
  while (*out.above - *out.below > tolerance * *out.above) {
    const double middle = (*out.above + *out.below) / 2;
    (rises(middle) ? out.above : out.below) = middle;
  }
  return out;
}

class CriticalSharpness final : public Measurement {
 public:
  CriticalSharpness(const MeasurementContext& c, double tolerance)
      : tolerance_(tolerance),
        train_(c.device, c.objective, c.objective.loss, c.train, c.batch, {1, 0}, "loss along the update"),
        test_totals_(c.device, TestPass::numbers),
        step_(c.objective.layout.make_vector(c.objective.dtype, c.device)),
        theta_(c.objective.layout.make_vector(c.objective.dtype, c.device)) {
    if (!c.test.empty())
      test_ = std::make_unique<TestPass>(c.device, c.pass.evaluated(), c.test, c.batch, c.train_samples);
  }

  std::vector<Column> columns() const override {
    std::vector<Column> out;
    const auto add = [&](const std::string& name, const std::string& of, const std::string& loss) {
      out.push_back({name,
                     "",
                     "2/η_c" + of + ", η_c the smallest learning rate at which the " + loss + " rises along the update",
                     {.panel = "critical sharpness", .reference = "critical_threshold", .error = name + "_error"}});
      out.push_back({name + "_error", "", "half of the interval of " + name + " that the bisection leaves", {}});
      out.push_back({name + "_passes", "count", "forward passes for " + name, {}});
    };
    add("critical_sharpness", "", "training loss");
    if (test_) add("relative_critical_sharpness", " of the test loss", "test loss");
    out.push_back(
        {"critical_threshold", "", "2/η of the update: a larger critical sharpness means that it raises the loss", {}});
    return out;
  }

  void enqueue(Device&, const StepView& at, Scalar) override {
    found_train_ = found_test_ = {};
    due_ = at.step();
  }
  void updated(Device& device, const StepView& at) override {
    if (due_ != at.step()) return;
    const Traced span(device, critical_name);
    map<Subtract>(device, step_.view(), {at.thetas[1], at.thetas[0]});
    found_train_ = search(device, at.thetas[1], [&](View theta) {
      double numbers[2] = {0, 0};
      train_.run(theta, {}, {}, numbers);
      return numbers[0];
    });
    if (!test_) return;
    found_test_ = search(device, at.thetas[1], [&](View theta) {
      test_->enqueue(theta, test_totals_[0]);
      return test_->of_totals(test_totals_.read(0, TestPass::numbers)).loss;
    });
  }
  void deliver(const Observed& seen, std::span<const double>, std::span<Cell> cells) override {
    write(found_train_, seen.learning_rate, cells);
    if (test_) write(found_test_, seen.learning_rate, cells.subspan(3));
    cells.back() = 2 / seen.learning_rate;
  }

 private:
  template <class Loss>
  Bracket search(Device& device, View before, const Loss& loss) {
    const double start = loss(before);
    if (!std::isfinite(start)) return {};
    Bracket out = find_rise(
        [&](double multiple) {
          map<Descend>(device, theta_.view(), {before, step_.view()}, multiple);
          return loss(theta_.view()) - start;
        },
        tolerance_);
    ++out.passes;
    return out;
  }
  static void write(const Bracket& found, double learning_rate, std::span<Cell> cells) {
    if (found.passes == 0) return;
    cells[2] = found.passes;
    if (!found.below || !found.above) return;
    const double most = 2 / (*found.below * learning_rate), least = 2 / (*found.above * learning_rate);
    cells[0] = (most + least) / 2;
    cells[1] = (most - least) / 2;
  }

  double tolerance_;
  SampleSum train_;
  std::unique_ptr<TestPass> test_;  // null without test samples
  Scalars test_totals_;
  Array step_, theta_;
  std::int64_t due_ = -1;
  Bracket found_train_, found_test_;
};

}  // namespace

MeasurementKind critical_sharpness() {
  return {.name = "critical_sharpness",
          .meaning = "curvature along the update, from the learning rate at which the loss begins to rise",
          .options = {real_option("tolerance", 0.01, {.least = 1e-9, .below = 1},
                                  "width of the last bracket, as a share of η_c")},
          .make = [](const MeasurementContext& c, const Options& o) -> std::unique_ptr<Measurement> {
            const CountedPart part(c.device, "the losses of measure.critical_sharpness");
            return std::make_unique<CriticalSharpness>(c, o.real("tolerance"));
          }};
}

}  // namespace brink::measurements
