// SPDX-License-Identifier: MIT
// The loss on a line along u₁ and in the plane of u₁ and u₂ at chosen steps, with slope and curvature along the line and λ₁ on it, in files.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "autodiff/batch/linearized.h"
#include "kernels/map/map.h"
#include "kernels/random/random.h"
#include "kernels/reduce/reduce.h"
#include "spectral/tracker.h"
#include "training/io/text.h"
#include "training/measurements/line.h"

namespace brink::measurements {

namespace {

constexpr int orders = 3;  // loss, slope, curvature

/// count points from −reach to reach.
std::vector<double> points_of(std::int64_t count, double reach) {
  std::vector<double> out;
  for (std::int64_t i = 0; i < count; ++i)
    out.push_back(count == 1 ? 0 : reach * static_cast<double>(2 * i - (count - 1)) / static_cast<double>(count - 1));
  return out;
}

/// λ₁ at points of the parameter space, each by a run that starts from the vector of the point before.
class SharpnessAt {
 public:
  /// The residuals of products are computed anew in each, so that those of the run keep their memory.
  explicit SharpnessAt(const MeasurementContext& c)
      : device_(c.device),
        layout_(c.objective.layout),
        hvp_(c.device, c.objective, c.train, c.batch.recomputing()),
        gradient_(c.objective.results().make_vector(c.objective.dtype, c.device)),
        theta_(layout_.make_vector(c.objective.dtype, c.device)),
        tracker_(c.device, layout_.extent(), c.objective.dtype, {.top = 1, .bottom = 0, .cold_check = 0},
                 [device = device_, layout = layout_, seed = c.seed](View x, RandomUse use, std::uint64_t step,
                                                                     std::uint32_t restart) mutable {
                   const auto second = 2 * restart + (use == RandomUse::noise ? 1U : 0U);
                   const RandomKey key(seed, Stream::direction, static_cast<std::uint32_t>(step), first_key + second);
                   set_zero(device, x);
                   for (int i = 0; i < layout.size(); ++i)
                     fill_normal(device, layout.view(x, i), key, 1, layout[i].offset);
                 }) {}
  void begin() { tracker_.forget(); }
  /// At θ + distance·u.
  Eigenvalue operator()(std::int64_t step, View theta, double distance, View u) {
    map<Descend>(device_, theta_.view(), {theta, u}, -distance);
    hvp_.linearize_at(theta_.view(), gradient_.view());
    const LinearOperator hessian{layout_.extent(), theta_.view().dtype, [this](View x, View y) { hvp_.apply(x, y); }};
    const TrackerStep found = tracker_.measure(hessian, step);
    if (found.top.empty()) return {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::quiet_NaN()};
    return {found.top[0].value, found.top[0].residual};
  }

 private:
  static constexpr std::uint32_t first_key = 1U << 12;  // below are the directions of other measurements
  Device device_;
  ParameterLayout layout_;
  Hvp hvp_;
  Array gradient_, theta_;
  EigenTracker tracker_;
};

class Slices final : public Measurement {
 public:
  Slices(const MeasurementContext& c, const Options& o, const Objective& precise)
      : device_(c.device),
        layout_(c.objective.layout),
        points_(o.integer("points")),
        plane_(c.top > 1 ? o.integer("plane") : 0),
        sharpness_points_(o.integer("sharpness")),
        reach_(o.real("reach")),
        lines_(c, precise),
        derivatives_(c.device, precise, c.train, orders - 1, c.batch),
        numbers_(c.device, points_ * orders + plane_ * plane_ + 2),
        difference_(layout_.make_vector(c.objective.dtype, c.device)),
        u1_(lines_.vector()),
        u2_(lines_.vector()) {
    if (sharpness_points_ > 0) sharpness_ = std::make_unique<SharpnessAt>(c);
  }
  std::vector<Column> columns() const override { return {}; }
  void deliver(const Observed&, std::span<const double>, std::span<Cell>) override {}

  void prepare_tensors(Device& device, const StepView& at) override {
    computed_.reset();
    if (!at.seen.measured || at.seen.spectrum.top.empty()) return;
    chosen_ = reach_ > 0 ? reach_ : reach_at(device, at);
    computed_ = compute(at);
    step_ = at.step();
  }
  std::optional<TensorSet> tensors(const StepView& at) override {
    return step_ == at.step() ? computed_ : std::nullopt;
  }

 private:
  /// By how far the coming update and the last one go along u₁.
  double reach_at(Device& device, const StepView& at) {
    constexpr double beyond = 1.5, least = 1e-3;
    const View u = at.eigenvectors.part(0, Shape{layout_.extent()});
    const Scalar gradient = numbers_[points_ * orders + plane_ * plane_], update = gradient + 1;
    dot(device, u, at.gradient, gradient);
    map<Subtract>(device, difference_.view(), {at.thetas[0], at.thetas[1]});
    dot(device, u, difference_.view(), update);
    const std::span<const double> along = numbers_.read(points_ * orders + plane_ * plane_, 2);
    const double coming = std::abs(at.seen.learning_rate * along[0]), last = at.step() > 0 ? std::abs(along[1]) : 0;
    return std::max(beyond * std::max(coming, last), least);
  }

  TensorSet compute(const StepView& at) {
    arrays_.clear();
    const Shape vector{layout_.extent()};
    const View u1 = at.eigenvectors.part(0, vector);
    const bool plane = plane_ > 0 && at.seen.spectrum.top.size() > 1;
    TensorSet out{"slices", {}, {{"step", number_text(at.step())}, {"reach", number_text(chosen_)}}};
    out.metadata.emplace_back("lambda_1", number_text(at.seen.spectrum.top[0].value));
    out.metadata.emplace_back("residual_1", number_text(at.seen.spectrum.top[0].residual));

    const std::vector<double> along = points_of(points_, chosen_), across = points_of(plane_, chosen_);
    const Scalar scratch = numbers_[points_ * orders + plane_ * plane_];
    lines_.begin(device_, at.thetas[0]);
    lines_.normalise(device_, u1, u1_.view(), scratch);
    for (std::size_t i = 0; i < along.size(); ++i)
      derivatives_.enqueue(lines_.move(device_, along[i], u1_.view()), u1_.view(),
                           numbers_[static_cast<std::int64_t>(i) * orders]);
    if (plane) {
      lines_.normalise(device_, at.eigenvectors.part(layout_.extent(), vector), u2_.view(), scratch);
      for (std::size_t i = 0; i < across.size(); ++i)
        for (std::size_t j = 0; j < across.size(); ++j)
          lines_.loss(device_, across[i], u1_.view(), across[j], u2_.view(),
                      numbers_[points_ * orders + static_cast<std::int64_t>(i * across.size() + j)]);
    }
    const std::span<const double> found = numbers_.read(0, points_ * orders + plane_ * plane_);
    std::vector<double> loss, slope, curvature, plane_loss;
    for (std::size_t i = 0; i < along.size(); ++i) {
      std::vector<double> orders_at(found.begin() + static_cast<std::ptrdiff_t>(i) * orders,
                                    found.begin() + static_cast<std::ptrdiff_t>(i + 1) * orders);
      derivatives_.finish(orders_at);
      loss.push_back(orders_at[0]);
      slope.push_back(orders_at[1]);
      curvature.push_back(orders_at[2]);
    }
    add(out, "offset", along, Shape{points_});
    add(out, "loss", loss, Shape{points_});
    add(out, "slope", slope, Shape{points_});
    add(out, "curvature", curvature, Shape{points_});
    if (plane) {
      for (const double total : found.subspan(static_cast<std::size_t>(points_ * orders)))
        plane_loss.push_back(lines_.mean(total));
      add(out, "plane/offset", across, Shape{plane_});
      add(out, "plane/loss", plane_loss, Shape{plane_, plane_});
    }
    if (sharpness_) add_sharpness(out, at, u1);
    return out;
  }
  void add(TensorSet& out, const std::string& name, const std::vector<double>& values, const Shape& shape) {
    // Not moved: a copy in the device's memory.
    arrays_.push_back(to_device(device_, view_of(values.data(), shape)));
    out.tensors.push_back({name, arrays_.back().view()});
  }
  void add_sharpness(TensorSet& out, const StepView& at, View u1) {
    const std::vector<double> offsets = points_of(sharpness_points_, chosen_);
    std::vector<double> values, residuals;
    sharpness_->begin();
    for (const double a : offsets) {
      const Eigenvalue e = (*sharpness_)(at.step(), at.thetas[0], a, u1);
      values.push_back(e.value);
      residuals.push_back(e.residual);
    }
    add(out, "sharpness/offset", offsets, Shape{sharpness_points_});
    add(out, "sharpness/lambda_1", values, Shape{sharpness_points_});
    add(out, "sharpness/residual_1", residuals, Shape{sharpness_points_});
  }

  Device device_;
  ParameterLayout layout_;
  std::int64_t points_, plane_, sharpness_points_;
  double reach_, chosen_ = 0;
  LossOnLines lines_;
  DirectionalDerivatives derivatives_;
  Scalars numbers_;
  Array difference_, u1_, u2_;
  std::unique_ptr<SharpnessAt> sharpness_;
  std::vector<Array> arrays_;          // of the last tensors
  std::optional<TensorSet> computed_;  // of step_
  std::int64_t step_ = -1;
};

}  // namespace

MeasurementKind slices() {
  constexpr std::int64_t most_points = 1001, most_sharpness = 101;
  std::vector<Option> options = file_step_options();
  for (Option& o : std::vector<Option>{
           when_option(), integer_option("points", 41, {.least = 1, .most = most_points}, "points of the line"),
           integer_option("plane", 11, {.least = 0, .most = most_sharpness},
                          "points of each side of the plane, where measure.top is at least 2; 0: no plane"),
           integer_option("sharpness", 11, {.least = 0, .most = most_sharpness},
                          "points of the line at which λ₁ is measured; 0: none"),
           real_option("reach", 0, {.least = 0.0},
                       "largest distance from θ; 0: 1.5 times how far an update goes along u₁")})
    options.push_back(std::move(o));
  return {.name = "slices",
          .meaning = "the loss along u₁ and in the plane of u₁ and u₂, in files",
          .needs_spectrum = true,
          .needs_lambda_1 = true,
          .of_descended = true,
          .options = std::move(options),
          .make = [](const MeasurementContext& c, const Options& o) -> std::unique_ptr<Measurement> {
            return std::make_unique<Slices>(c, o, in_float64(c.objective));
          }};
}

}  // namespace brink::measurements
