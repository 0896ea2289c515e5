// SPDX-License-Identifier: MIT
#include "training/pass.h"

#include <cmath>
#include <functional>
#include <map>

#include "kernels/basis/basis.h"
#include "kernels/reduce/reduce.h"
#include "kernels/tracer.h"

namespace brink {

namespace {
/// Below, squares of a gradient's entries may have left the range of float64; its norm is then that of 2^lift times the gradient.
constexpr double small_norm = 0x1p-450;
constexpr int lift = 500;

const TraceName gradient_name{"gradient", "phase"}, linearization_name{"linearization", "phase"};
}  // namespace

Pass::Pass(Device& device, const Objective& objective, const Batch& train, const BatchOptions& batch,
           const std::optional<EvaluationMode>& evaluation, bool evaluation_hessian)
    : device_(device),
      layout_(objective.layout),
      dtype_(objective.dtype),
      evaluation_hessian_(evaluation_hessian),
      descended_(objective),
      evaluated_(objective),
      turns_{Turn(device), Turn(device)},
      product_time_(device) {
  // Statistics at θ make the loss in evaluation mode a function of θ alone; the gradient's pass gives them too.
  if (evaluation) {
    descended_ = make_objective_with_statistics(evaluation->model, evaluation->loss, dtype_);
    statistics_ = std::make_unique<NormStatistics>(device, evaluation->model, dtype_);
    evaluated_ = make_objective(evaluation->model, evaluation->loss, dtype_, NormMode::evaluation);
    evaluated_.shared = statistics_->shared();
  }
  gradient_only_ = std::make_unique<Gradient>(device, descended_, train, batch);
  results_ = descended_.results().make_vector(dtype_, device_);
  if (dtype_ == Dtype::f64) lifted_ = layout_.make_vector(dtype_, device_);
  if (evaluation_hessian_) other_gradient_ = layout_.make_vector(dtype_, device_);
}

void Pass::make_hessian(const Batch& train, const BatchOptions& batch) {
  hvp_ = std::make_unique<Hvp>(device_, evaluation_hessian_ ? evaluated_ : descended_, train, batch);
  hessian_ = {layout_.extent(), dtype_,
              [this](View x, View y) {
                product_time_.start();
                hvp_->apply(x, y);
                product_time_.stop();
              },
              layout_.count()};
}

void Pass::enqueue(std::int64_t step, View theta, bool linearize) {
  Turn& t = turn(step);
  linearized_ = linearize && !evaluation_hessian_;
  step_ = step;
  const Traced span(device_, linearize ? linearization_name : gradient_name);
  t.gradient_time.reset();
  t.statistics_time.reset();
  t.gradient_time.start();
  if (linearized_)
    hvp_->linearize_at(theta, results_.view(), t.numbers[0]);
  else
    gradient_only_->evaluate(theta, results_.view(), t.numbers[0]);
  t.gradient_time.stop();
  brink::norm(device_, gradient(), t.numbers[2]);
  if (lifted_.view().data) {
    brink::scale(device_, gradient(), std::ldexp(1, lift), lifted_.view());
    brink::norm(device_, lifted_.view(), t.numbers[3]);
  }
  t.numbers.send(0, 4);
}

void Pass::take_statistics(View theta, bool linearize) {
  if (!statistics_) return;
  Turn& t = turn(step_);
  t.statistics_time.start();
  statistics_->take(results_.view());
  if (linearize && !linearized_) hvp_->linearize_at(theta, other_gradient_.view(), {});
  t.statistics_time.stop();
}

Pass::Numbers Pass::receive(std::int64_t step) {
  const std::span<const double> numbers = turn(step).numbers.receive();
  const bool small = lifted_.view().data && numbers[2] < small_norm;
  return {gradient_only_->of_totals(numbers.first(2)), small ? std::ldexp(numbers[3], -lift) : numbers[2]};
}

MemoryPlan Pass::plan(View theta) {
  MemoryPlan p;
  p.blocks = gradient_only_->blocks();
  std::map<std::int64_t, std::int64_t, std::greater<>> count;  // keyed by samples
  for (const Block& b : gradient_only_->plan().blocks) ++count[b.samples];
  for (const auto& [samples, blocks] : count) p.sizes.push_back({blocks, samples});
  if (hvp_) {
    const Hvp::Expected seconds = hvp_->expected_seconds(theta);
    p.gradient_seconds = seconds.linearization;
    p.product_seconds = seconds.product;
    p.kept_blocks = hvp_->kept_blocks();
    p.residual_bytes = hvp_->residual_bytes();
  } else {
    p.gradient_seconds = gradient_only_->expected_seconds(theta);
  }
  p.allocated_bytes = allocated_bytes(device_);
  return p;
}

void Pass::prepare(View theta, View scratch) {
  enqueue(0, theta, has_hessian());
  if (statistics_) statistics_->take(results_.view());
  if (hvp_) {
    if (!linearized_) hvp_->linearize_at(theta, other_gradient_.view(), {});
    hvp_->apply(gradient(), scratch);
  }
  forget();  // so that the first step has its own times and trace
}

}  // namespace brink
