// SPDX-License-Identifier: MIT
#include "training/descent.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <utility>

#include "kernels/map/map.h"
#include "kernels/random/random.h"
#include "kernels/reduce/reduce.h"
#include "kernels/tracer.h"

namespace brink {

namespace {

const TraceName preparation_name{"preparation", "phase"}, gradient_name{"gradient", "phase"},
    linearization_name{"linearization", "phase"}, spectrum_name{"spectrum", "phase"},
    evaluation_name{"evaluation", "phase"}, distances_name{"distances", "phase"}, update_name{"update", "phase"};

constexpr double pending = std::numeric_limits<double>::quiet_NaN();

using Clock = std::chrono::steady_clock;
double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

/// Standard normals in a vector of the layout; the gaps become +0.
FillNormal normals_of(Device device, const ParameterLayout& layout, std::uint64_t seed) {
  return [device, layout, seed](View x, RandomUse use, std::uint64_t step, std::uint32_t restart) mutable {
    const Stream stream = use == RandomUse::noise ? Stream::tracker_noise : Stream::lanczos_start;
    const RandomKey key(seed, stream, static_cast<std::uint32_t>(step), restart);
    set_zero(device, x);
    for (int i = 0; i < layout.size(); ++i) brink::fill_normal(device, layout.view(x, i), key, 1, layout[i].offset);
  };
}

}  // namespace

Descent::Descent(Device& device, const Objective& objective, const BatchArrays& train, const BatchArrays& test,
                 const DescentOptions& options, View theta0)
    : device_(device),
      layout_(objective.layout),
      dtype_(objective.dtype),
      on_the_way_{OnTheWay(device, layout_.extent() * size_of(dtype_)),
                  OnTheWay(device, layout_.extent() * size_of(dtype_))},
      product_time_(device),
      evaluation_time_(device) {
  const CountedPart part(device, "the vectors of the descent, such as θ of four steps");
  BatchOptions batch = options.batch;
  batch.arenas = std::make_shared<Arenas>();  // no two of these run at the same time
  // Statistics at θ make a function of θ alone of the loss in evaluation mode; the gradient's pass gives them too.
  Objective descended = objective, evaluated = objective;
  evaluation_hessian_ = options.evaluation && options.evaluation->hessian && options.tracker;
  if (options.evaluation && (!test.empty() || evaluation_hessian_)) {
    const EvaluationMode& mode = *options.evaluation;
    descended = make_objective_with_statistics(mode.model, mode.loss, dtype_);
    statistics_ = std::make_unique<NormStatistics>(device, mode.model, dtype_);
    evaluated = make_objective(mode.model, mode.loss, dtype_, NormMode::evaluation);
    evaluated.shared = statistics_->shared();
  }
  gradient_only_ = std::make_unique<Gradient>(device, descended, train, batch);
  BatchOptions evaluation = batch;
  if (evaluation.chunk >= train.samples())
    evaluation.chunk = std::numeric_limits<std::int64_t>::max();  // whole batches
  if (!test.empty())
    evaluation_ = std::make_unique<SampleSum>(device, evaluated, evaluated.loss, test, evaluation,
                                              std::vector<char>{1, 0}, "evaluation");
  for (Array& a : history_) a = layout_.make_vector(dtype_, device_);
  for (Array* a : {&difference_, &second_difference_}) *a = layout_.make_vector(dtype_, device_);
  results_ = descended.results().make_vector(dtype_, device_);
  if (options.tracker) {
    tracker_ = std::make_unique<EigenTracker>(device_, layout_.extent(), dtype_, *options.tracker,
                                              normals_of(device_, layout_, options.seed));
    hvp_ = std::make_unique<Hvp>(device, evaluation_hessian_ ? evaluated : descended, train,
                                 batch);  // last: its residuals take what memory is left
    hessian_ = {layout_.extent(), dtype_, [this](View x, View y) {
                  product_time_.start();
                  hvp_->apply(x, y);
                  product_time_.stop();
                }};
  }
  if (const std::int64_t taken = allocated_bytes(device_); batch.limit_bytes > 0 && taken > batch.limit_bytes)
    throw OutOfMemory(taken - batch.limit_bytes, 0);
  copy(device_, history_[0].view(), theta0);
  synchronize(device_);
}

void Descent::prepare() {
  if (device_.where != Where::cuda) return;
  const Traced span(device_, preparation_name);
  start(true);
  if (statistics_) statistics_->take(results_.view());
  if (hvp_) {
    if (!linearized_) hvp_->linearize_at(theta(), difference_.view(), {});
    hvp_->apply(gradient(), second_difference_.view());
  }
  if (evaluation_) evaluation_->enqueue(theta(), {}, {}, on_the_way().rest[0]);
  synchronize(device_);
  started_ = -1;  // the first step has times and a trace of its own
}

MemoryPlan Descent::plan() {
  MemoryPlan p;
  p.blocks = gradient_only_->blocks();
  std::map<std::int64_t, std::int64_t, std::greater<>> count;  // by samples
  for (const Block& b : gradient_only_->plan().blocks) ++count[b.samples];
  for (const auto& [samples, blocks] : count) p.sizes.push_back({blocks, samples});
  if (hvp_) {
    const Hvp::Expected seconds = hvp_->expected_seconds(theta());
    p.gradient_seconds = seconds.linearization;
    p.product_seconds = seconds.product;
    p.kept_blocks = hvp_->kept_blocks();
    p.residual_bytes = hvp_->residual_bytes();
  } else {
    p.gradient_seconds = gradient_only_->expected_seconds(theta());
  }
  p.allocated_bytes = allocated_bytes(device_);
  return p;
}

void Descent::enqueue_pass(bool spectrum) {
  OnTheWay& way = on_the_way_[static_cast<std::size_t>(step_ % 2)];
  linearized_ = spectrum && !evaluation_hessian_;
  started_ = step_;
  const Traced span(device_, spectrum ? linearization_name : gradient_name);
  way.gradient_time.reset();
  way.statistics_time.reset();
  way.gradient_time.start();
  if (linearized_)
    hvp_->linearize_at(theta(), results_.view(), way.pass[0]);
  else
    gradient_only_->evaluate(theta(), results_.view(), way.pass[0]);
  way.gradient_time.stop();
  brink::norm(device_, gradient(), way.pass[2]);
  way.pass.send(0, 3);
  way.theta.send(theta());
}

void Descent::start(bool spectrum) {
  if (device_.where == Where::cuda) enqueue_pass(spectrum && tracker_);
}

const Observation& Descent::measure(bool spectrum, bool cold_check) {
  spectrum = spectrum && tracker_;
  if (started_ != step_ || (spectrum && !evaluation_hessian_ && !linearized_)) enqueue_pass(spectrum);
  seen_.step = step_;
  seen_.loss = seen_.correct = seen_.test_correct = seen_.gradient_norm = pending;
  seen_.spectrum = false;
  seen_.products = 0;
  seen_.redone = false;
  seen_.disagreement.reset();
  seen_.converged = false;
  seen_.scale = seen_.asymmetry = 0;
  seen_.spectrum_ms = 0;
  seen_.top.clear();
  seen_.bottom.clear();
  pass_received_ = received_ = false;
  product_time_.reset();

  OnTheWay& way = on_the_way();
  if (statistics_) {
    way.statistics_time.start();
    statistics_->take(results_.view());
    if (spectrum && !linearized_) hvp_->linearize_at(theta(), difference_.view(), {});  // another function's gradient
    way.statistics_time.stop();
  }
  if (spectrum) {
    receive_pass();
    if (std::isfinite(seen_.loss) && std::isfinite(seen_.gradient_norm)) measure_spectrum(cold_check);
  }
  if (evaluation_) {
    const Traced span(device_, evaluation_name);
    evaluation_time_.start();
    evaluation_->enqueue(theta(), {}, {}, way.rest[0]);
    evaluation_time_.stop();
  }
  measure_distances();
  way.rest.send(0, 5);
  return seen_;
}

void Descent::receive_pass() {
  const std::span<const double> numbers = on_the_way().pass.receive();
  const LossAndCorrect pass = gradient_only_->of_totals(numbers.first(2));
  seen_.loss = pass.loss;
  seen_.correct = pass.correct;
  seen_.gradient_norm = numbers[2];
  pass_received_ = true;
}

const Observation& Descent::complete() {
  if (received_) return seen_;
  if (!pass_received_) receive_pass();
  const std::span<const double> numbers = on_the_way().rest.receive();
  seen_.test_correct = evaluation_ ? numbers[1] : 0;
  if (seen_.jump) seen_.jump = 0.5 * numbers[2];
  if (seen_.jump_u1) seen_.jump_u1 = 0.5 * std::abs(numbers[3]);
  if (seen_.period2_distance) seen_.period2_distance = 0.5 * numbers[4];
  seen_.gradient_ms = on_the_way().gradient_time.ms();
  seen_.products_ms = product_time_.ms();
  seen_.evaluation_ms = evaluation_time_.ms() + on_the_way().statistics_time.ms();
  evaluation_time_.reset();
  received_ = true;
  return seen_;
}

void Descent::measure_distances() {
  const Traced span(device_, distances_name);
  // θ_t − θ̄_t = ½(θ_t − θ_{t−1});  θ̄_t − θ̄_{t−2} = ½((θ_t − θ_{t−2}) + (θ_{t−1} − θ_{t−3})).
  const auto past = [&](int back) { return history_[static_cast<std::size_t>(back)].view(); };
  const Scalars& to = on_the_way().rest;
  seen_.jump.reset();
  seen_.jump_u1.reset();
  seen_.period2_distance.reset();
  if (step_ >= 1) {
    map<Subtract>(device_, difference_.view(), {past(0), past(1)});
    norm(device_, difference_.view(), to[2]);
    seen_.jump = pending;
    if (seen_.spectrum && !seen_.top.empty()) {
      const View u1{eigenvectors().data, Shape{layout_.extent()}, dtype_};
      dot(device_, u1, difference_.view(), to[3]);
      seen_.jump_u1 = pending;
    }
  }
  if (step_ >= 3) {
    map<Subtract>(device_, difference_.view(), {past(0), past(2)});
    map<Subtract>(device_, second_difference_.view(), {past(1), past(3)});
    map<Add>(device_, difference_.view(), {difference_.view(), second_difference_.view()});
    norm(device_, difference_.view(), to[4]);
    seen_.period2_distance = pending;
  }
}

void Descent::measure_spectrum(bool cold_check) {
  const Traced span(device_, spectrum_name);
  const Clock::time_point start = Clock::now();
  const TrackerStep t = tracker_->measure(hessian_, step_, cold_check);
  seen_.products += t.products;
  seen_.top.clear();
  seen_.bottom.clear();
  seen_.spectrum = t.finite;
  if (t.finite) {
    for (const RitzPair& p : t.top) seen_.top.push_back({p.value, p.residual});
    for (const RitzPair& p : t.bottom) seen_.bottom.push_back({p.value, p.residual});
    seen_.scale = t.scale;
    seen_.asymmetry = t.asymmetry;
    seen_.converged = t.converged;
    seen_.redone = t.redone;
    seen_.disagreement = t.disagreement;
  }
  seen_.spectrum_ms += ms_since(start);
}

const Observation& Descent::check_spectrum() {
  measure_spectrum(true);
  return seen_;
}

void Descent::update(double learning_rate) {
  const Traced span(device_, update_name);
  std::rotate(history_.begin(), history_.end() - 1, history_.end());
  map<Descend>(device_, history_[0].view(), {history_[1].view(), gradient()}, learning_rate);
  ++step_;
}

}  // namespace brink
