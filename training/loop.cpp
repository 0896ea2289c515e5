// SPDX-License-Identifier: MIT
#include "training/loop.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "kernels/memory_count.h"
#include "kernels/tracer.h"
#include "training/rules/kind.h"

namespace brink {

namespace {

const TraceName preparation_name{"preparation", "phase"}, update_name{"update", "phase"};

/// Arenas can be shared, because two sums over samples never run at the same time.
TrainerOptions with_shared_arenas(TrainerOptions o) {
  if (!o.batch.arenas) o.batch.arenas = std::make_shared<Arenas>();
  if (!o.rule) o.rule = factory(rule_kinds().front());
  return o;
}

bool evaluates_hessian(const TrainerOptions& o) { return o.evaluation && o.evaluation->hessian && o.tracker; }

std::vector<Column> columns_of(const auto& placed) {
  std::vector<Column> out;
  for (const auto& p : placed)
    for (Column& c : p.measurement->columns()) out.push_back(std::move(c));
  return out;
}

}  // namespace

Trainer::Trainer(Device& device, const Objective& objective, const Batch& train, const Batch& test,
                 const TrainerOptions& options, View theta0)
    : device_(device),
      options_(with_shared_arenas(options)),
      layout_(objective.layout),
      measured_batch_(options_.batch),
      pass_(device_, objective, train, options_.batch,
            !test.empty() || evaluates_hessian(options) ? options.evaluation : std::nullopt,
            evaluates_hessian(options)),
      events_(options.events.merge_gap, options.events.minimum_length) {
  const CountedPart part(device_, "the vectors of the trainer, such as θ of four steps");
  changes_ = std::make_unique<Changes>(device_, layout_, objective.dtype, options_.rule, options_.schedule,
                                       options_.divergence_loss, options_.minibatches.samples, options_.projection,
                                       options_.changes);
  const ProjectionOptions projection = changes_->widest_projection();
  if (options_.abandons)
    measured_batch_.before_pass = [this] {
      if (may_leave_) leave_if_asked();
    };
  MeasurementContext context{
      .device = device_,
      .objective = objective,
      .pass = pass_,
      .train = train,
      .test = test,
      .batch = measured_batch_,
      .seed = options_.seed,
      .train_samples = train.samples(),
      .classifies = options.classifies,
      .evaluation_hessian = evaluates_hessian(options),
      .projects = projection.projects(),
      .by_value = options.tracker && options.tracker->tolerance > options.tracker->upper_tolerance,
      .tracks_above = options.track_above > 0,
      .preconditions = changes_->precondition(),
      .threshold_varies = changes_->vary(),
      .hessian = &hessian_};
  if (options.tracker) {
    context.tracker = &*options.tracker;
    context.top = options.tracker->top;
    context.bottom = options.tracker->bottom;
  }
  if (!test.empty())
    test_pass_ = std::make_unique<TestPass>(device_, pass_.evaluated(), test, options_.batch, train.samples());
  std::size_t cells = 0;
  std::int64_t numbers = test_pass_ ? TestPass::numbers : 0;
  const auto add = [&](std::unique_ptr<Measurement> m) {
    Placed p{.measurement = std::move(m), .first_cell = cells, .cells = 0, .first_number = numbers, .numbers = 0};
    p.cells = p.measurement->columns().size();
    p.numbers = p.measurement->numbers();
    cells += p.cells;
    numbers += p.numbers;
    measurements_.push_back(std::move(p));
  };
  for (const MeasurementKind& kind : measurement_kinds())
    if (kind.always) add(kind.make(context, Options(kind.options)));
  for (const TrainerOptions::More& more : options.measurements) {
    add(more.make(context));
    measurements_.back().every = more.every;
    measurements_.back().steps = more.steps;
    measurements_.back().when = more.when;
  }
  row_ = Row(columns_of(measurements_));
  numbers_ = std::make_unique<Scalars>(device_, std::max<std::int64_t>(numbers, 1));
  for (Array& a : history_) a = layout_.make_vector(objective.dtype, device_);
  prepare_minibatches(objective, train);
  if (options.tracker) {
    curvature_ = std::make_unique<Curvature>(device_, layout_, objective.dtype, *options.tracker, options.seed);
    if (projection.projects())
      projection_ =
          std::make_unique<UpdateProjection>(device_, layout_, objective.dtype, options.projection, projection.most);
    prepare_tracking();
    if (changes_->precondition() && options.tracker->top > 0)
      effective_ =
          std::make_unique<EffectiveCurvature>(device_, layout_, objective.dtype, *options.tracker, options.seed);
    pass_.make_hessian(train, options_.batch);
    hessian_ = pass_.hessian();
    if (options_.abandons)
      hessian_.apply = [this](View x, View y) {
        leave_if_asked();
        pass_.hessian().apply(x, y);
      };
  }
  if (const std::int64_t taken = allocated_bytes(device_), limit = options_.batch.limit_bytes;
      limit > 0 && taken > limit)
    throw OutOfMemory(taken - limit, 0);
  copy(device_, history_[0].view(), theta0);
  synchronize(device_);
}

void Trainer::prepare() {
  if (device_.where != Where::cuda) return;
  const Traced span(device_, preparation_name);
  if (minibatch_sizes_) minibatch_sizes_->prepare(theta());
  pass_.prepare(theta(), history_[3].view());
  set_zero(device_, history_[3].view());
  const std::array<View, 4> thetas{history_[0].view(), history_[1].view(), history_[2].view(), history_[3].view()};
  const StepView at{rule(), seen_, layout_, thetas, pass_.gradient(), pass_.results(), {}, pass_.gradient()};
  if (test_pass_) test_pass_->enqueue(theta(), (*numbers_)[0]);
  for (Placed& p : measurements_) p.measurement->enqueue(device_, at, (*numbers_)[p.first_number]);
  synchronize(device_);
}

void Trainer::prepare_minibatches(const Objective& objective, const Batch& train) {
  std::int64_t epoch = 1;
  if (const std::int64_t samples = options_.minibatches.samples; samples > 0)
    epoch = plan_minibatches(objective, train.samples(), samples).updates();
  const std::vector<std::int64_t> sizes = changes_->batches();
  if (!sizes.empty() && (changes_->size() > 0 || rule().gradients() != Gradients::full))
    minibatch_sizes_ = std::make_unique<MinibatchSizes>(device_, objective, train, sizes, options_.minibatches.samples,
                                                        options_.minibatches.seed, options_.batch);
  if (options_.row_every == 0) options_.row_every = epoch;
  if (changes_->widest_projection().projects() &&
      (!options_.tracker || options_.tracker->top < 1 || options_.row_every * options_.measure_every != 1))
    throw std::invalid_argument(
        "projected updates: expected a tracker of the largest eigenvalues, and a measurement at every step");
  require_projectable();
}

const Row& Trainer::step() {
  if (!row_is_due(step_) && prepare_update()) {
    update();
    start(spectrum_is_due(step_));
    return row_;
  }
  measure(spectrum_is_due(step_), true);
  update();
  start(spectrum_is_due(step_));
  return complete();
}

void Trainer::begin() {
  if (begun_ == step_) return;
  begun_ = step_;
  changes_->begin(device_, step_);
  if (minibatch_sizes_) minibatch_sizes_->change(changes_->batch(), step_);
  if (projection_ && projection_->change(changes_->projection())) tracked_->restart();
  limit_tracking();
  require_projectable();
  const double rate = changes_->schedule().learning_rate(step_);
  seen_.begin(step_, rate, rule().threshold(rate));
  ended_.reset();
}

void Trainer::require_projectable() const {
  if (changes_->projection().projects() && (minibatches() || rule().preconditioner()))
    throw std::invalid_argument(
        "projected updates: expected no minibatches and no preconditioner while they are in force");
}

/// Computes the losses and gradients that an update without a row needs. False if a loss shows a divergence.
bool Trainer::prepare_update() {
  begin();
  evaluate_minibatch();
  if (needs_pass(step_)) {
    if (!pass_.is_enqueued(step_, false)) pass_.enqueue(step_, theta(), false);
    seen_.whole = true;
    receive_pass();
  }
  return !diverged();
}

void Trainer::evaluate_minibatch() {
  if (minibatches() && rule().gradients() != Gradients::full && !seen_.batch_loss)
    seen_.batch_loss = minibatches()->evaluate(step_, theta());
}

/// for_update: whether an update follows, which may have to be projected.
const Observed& Trainer::measure(bool spectrum, bool for_update) {
  spectrum = spectrum && curvature_;
  if (!pass_.is_enqueued(step_, spectrum)) pass_.enqueue(step_, theta(), spectrum);
  begin();
  seen_.whole = true;
  measured_step_ = step_;
  pass_received_ = received_ = false;
  pass_.product_time().reset();
  pass_.take_statistics(theta(), spectrum);
  if (spectrum) {
    receive_pass();
    if (std::isfinite(seen_.loss) && std::isfinite(seen_.gradient_norm)) measure_spectrum(false);
  }
  const bool measured = seen_.measured;
  if (measured) confirm_event();
  enqueue_measurements();
  if (!options_.keeps_tensors || options_.keeps_tensors(step_)) prepare_tensors();
  if (measured && branches_) follow_branches();
  if (projection_ && for_update) try {
      projection_->require_known(seen_, rule(), options_.tracker->tolerance);
    } catch (const ProjectionError&) {
      abandon();
      throw;
    }
  if (measured && seen_.surplus) ended_ = events_.push(step_, *seen_.surplus, sharpness_certified());
  return seen_;
}

void Trainer::enqueue_measurements() {
  const std::array<View, 4> thetas{history_[0].view(), history_[1].view(), history_[2].view(), history_[3].view()};
  const View vectors = seen_.measured ? curvature_->eigenvectors() : View{};
  const View descended = rule().preconditioner() ? rule_gradient() : View{};
  const StepView at{rule(), seen_, layout_, thetas, pass_.gradient(), pass_.results(), vectors, descended};
  choose_due();
  if (test_pass_) test_pass_->enqueue(theta(), (*numbers_)[0]);
  leavable([&] {
    for (Placed& p : measurements_)
      if (p.due) p.measurement->enqueue(device_, at, (*numbers_)[p.first_number]);
  });
  numbers_->send(0, std::max<std::int64_t>(measurements_.back().first_number + measurements_.back().numbers, 1));
}

/// After the check of an event, so that files and row are of the same eigenvectors.
void Trainer::prepare_tensors() {
  const std::array<View, 4> thetas{history_[0].view(), history_[1].view(), history_[2].view(), history_[3].view()};
  const View vectors = seen_.measured ? curvature_->eigenvectors() : View{};
  const StepView at{rule(), seen_, layout_, thetas, pass_.gradient(), pass_.results(), vectors, {}};
  leavable([&] {
    for (Placed& p : measurements_)
      if (p.due) p.measurement->prepare_tensors(device_, at);
  });
}

/// Runs measurements that may leave the step.
void Trainer::leavable(FunctionRef<void()> work) {
  may_leave_ = true;
  try {
    work();
  } catch (const StepAbandoned&) {
    may_leave_ = false;
    abandon();
    throw;
  }
  may_leave_ = false;
}

void Trainer::leave_if_asked() const {
  if (options_.abandons && options_.abandons()) throw StepAbandoned();
}

/// Takes the state back to that before the step.
void Trainer::abandon() {
  if (curvature_) curvature_->abandon();
  if (effective_) effective_->abandon();
  if (tracked_) tracked_->abandon();
  if (branches_) branches_->abandon(step_);
  pass_.forget();
  begun_ = measured_step_ = -1;
  pass_received_ = received_ = true;
}

bool Trainer::is_due(const Placed& p, std::int64_t step) const {
  return (p.every > 0 && rows_before(step) % p.every == 0) || std::ranges::binary_search(p.steps, step);
}

/// Which measurements are made at the step that is being measured; its λ₁ is known.
void Trainer::choose_due() {
  EventFinder::Ahead now{false, events_.inside()};
  if (seen_.surplus && std::ranges::any_of(measurements_, [](const Placed& p) { return p.when != When::always; }))
    now = events_.ahead(step_, *seen_.surplus);
  for (Placed& p : measurements_)
    p.due = is_due(p, step_) && (p.when == When::always || (p.when == When::event ? now.event : now.inside));
}

bool Trainer::row_is_due(std::int64_t step) const {
  return step % options_.row_every == 0 ||
         std::ranges::any_of(measurements_, [&](const Placed& p) { return std::ranges::binary_search(p.steps, step); });
}

std::vector<TensorSet> Trainer::tensors() const {
  std::vector<TensorSet> out;
  const auto age = static_cast<std::size_t>(step_ - seen_.step);  // updates since that step
  std::array<View, 4> thetas;
  for (std::size_t i = age; i < thetas.size(); ++i) thetas[i - age] = history_[i].view();
  const StepView at{rule(),
                    seen_,
                    layout_,
                    std::span(thetas).first(thetas.size() - age),
                    pass_.gradient(),
                    pass_.results(),
                    seen_.measured ? curvature_->eigenvectors() : View{},
                    {}};
  for (const Placed& p : measurements_)
    if (p.due)
      if (auto set = p.measurement->tensors(at)) out.push_back(std::move(*set));
  return out;
}

std::vector<std::string> Trainer::take_remarks() {
  std::vector<std::string> out;
  for (const Placed& p : measurements_)
    if (std::string remark = p.measurement->take_remark(); !remark.empty()) out.push_back(std::move(remark));
  return out;
}

void Trainer::receive_pass() {
  const Pass::Numbers numbers = pass_.receive(seen_.step);
  seen_.loss = numbers.loss.loss;
  seen_.correct = numbers.loss.correct;
  seen_.gradient_norm = numbers.gradient_norm;
  pass_received_ = true;
}

/// The gradient of which the coming update makes its step, before any projection.
View Trainer::rule_gradient() {
  if (!minibatches() || rule().gradients() != Gradients::any) return pass_.gradient();
  evaluate_minibatch();
  return minibatches()->gradient();
}

View Trainer::projected_gradient() {
  if (!projection_ || !projection_->projects()) return rule_gradient();
  return projection_->project(seen_, rule(), curvature_->eigenvectors(), options_.tracker->tolerance, pass_.gradient());
}

void Trainer::update() {
  evaluate_minibatch();
  const Traced span(device_, update_name);
  const bool both = rule().gradients() == Gradients::both;
  const View gradient = projected_gradient();
  if (tracked_) tracked_->settle(seen_, rule());
  const View batch = both && minibatches() ? minibatches()->gradient() : View{};
  std::rotate(history_.begin(), history_.end() - 1, history_.end());
  changes_->rule().update(device_, {.step = step_,
                                    .learning_rate = seen_.learning_rate,
                                    .theta = history_[1].view(),
                                    .gradient = gradient,
                                    .next = history_[0].view(),
                                    .batch_gradient = batch});
  if (measured_step_ == step_) {
    const std::array<View, 4> thetas{history_[0].view(), history_[1].view(), history_[2].view(), history_[3].view()};
    const View vectors = seen_.measured ? curvature_->eigenvectors() : View{};
    const StepView at{rule(), seen_, layout_, thetas, pass_.gradient(), pass_.results(), vectors, {}};
    for (Placed& p : measurements_) p.measurement->updated(device_, at);
  }
  ++step_;
}

void Trainer::start(bool spectrum) {
  if (device_.where == Where::cuda && needs_pass(step_)) pass_.enqueue(step_, theta(), spectrum && curvature_);
}

const Row& Trainer::complete() {
  if (received_) return row_;
  if (!pass_received_) receive_pass();
  const std::span<const double> numbers = numbers_->receive();
  seen_.gradient_ms = pass_.gradient_ms(seen_.step);
  seen_.products_ms = pass_.product_time().ms();
  seen_.evaluation_ms = pass_.statistics_ms(seen_.step);
  if (test_pass_) {
    const LossAndCorrect test = test_pass_->of_totals(numbers.first(TestPass::numbers));
    seen_.test_loss = test.loss;
    seen_.test_correct = test.correct;
    seen_.evaluation_ms += test_pass_->elapsed_ms();
  }
  row_.step = seen_.step;
  std::ranges::fill(row_.cells(), Cell{});
  for (Placed& p : measurements_) {
    if (!p.due) continue;
    p.measurement->deliver(
        seen_, numbers.subspan(static_cast<std::size_t>(p.first_number), static_cast<std::size_t>(p.numbers)),
        row_.cells().subspan(p.first_cell, p.cells));
  }
  tally_.measured_steps += seen_.measured;
  tally_.converged_steps += seen_.measured && seen_.spectrum.converged;
  tally_.products += seen_.products;
  tally_.random_starts += seen_.spectrum.bounds.starts;
  if (seen_.effective) {
    ++tally_.lambda_1_steps;
    tally_.lambda_1_certified_steps += sharpness_certified();
  }
  if (ended_) {
    ++tally_.instabilities;
    tally_.long_instabilities += ended_->is_long;
  }
  received_ = true;
  follow_accuracy();
  return row_;
}

void Trainer::follow_accuracy() {
  if (!options_.completion && !changes_->waits_for_accuracy()) return;
  const auto accuracy = row_.number("train_accuracy");
  if (!accuracy) return;
  changes_->see_accuracy(row_.step, *accuracy);
  if (options_.completion) options_.completion->see(*accuracy);
}

std::optional<Instability> Trainer::finish_events() {
  ended_ = events_.finish();
  if (ended_) {
    ++tally_.instabilities;
    tally_.long_instabilities += ended_->is_long;
  }
  return ended_;
}

bool Trainer::diverged() const {
  const auto shows_it = [&](double loss) { return !std::isfinite(loss) || loss > changes_->divergence_loss(); };
  return (seen_.whole && shows_it(seen_.loss)) || (seen_.batch_loss && shows_it(*seen_.batch_loss));
}

}  // namespace brink
