// SPDX-License-Identifier: MIT
// The training loop, one step at a time: measure at θ_t, record, update. It knows no file and no config, so any program can
// drive it.
#pragma once

#include <array>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "kernels/function_ref.h"
#include "spectral/tracker.h"
#include "training/branches.h"
#include "training/curvature.h"
#include "training/events.h"
#include "training/measurements/kind.h"
#include "training/minibatch.h"
#include "training/observed.h"
#include "training/pass.h"
#include "training/projection.h"
#include "training/rules/rule.h"
#include "training/schedule/changes.h"
#include "training/schedule/completion.h"
#include "training/test_pass.h"
#include "training/tracked_top.h"

namespace brink {

struct EventOptions {
  std::int64_t merge_gap = 2, minimum_length = 8;  ///< steps
};

struct TrainerOptions {
  RuleFactory rule;  ///< null: gradient descent
  std::shared_ptr<Schedule> schedule = std::make_shared<ConstantRate>(0.1);
  std::vector<Change> changes = {};
  std::optional<Completion> completion = {};  ///< when the run is complete before its last step; absent: never
  std::optional<TrackerOptions> tracker;      ///< absent: no curvature
  /// As many of the largest eigenvalues are measured, from tracker.top to tracker.most_top, as are above this multiple of the
  /// threshold, and one more; 0: a fixed number.
  double track_above = 0;
  MinibatchOptions minibatches;  ///< from step 0 on; by default none
  ProjectionOptions projection;  ///< from step 0 on; needs a tracker that measures at every step
  /// Steps between two rows. Between them only what the update needs is computed. 0: the updates of an epoch of `minibatches`, also
  /// where a change replaces the batch.
  std::int64_t row_every = 0;
  std::int64_t measure_every = 1;  ///< rows between two measurements of the spectrum
  EventOptions events;
  double divergence_loss = std::numeric_limits<double>::infinity();  ///< a larger loss is a divergence
  std::uint64_t seed = 0;                                            ///< seed of the tracker's random vectors
  BatchOptions batch;
  std::optional<EvaluationMode> evaluation;  ///< for a network with normalisation; used for test samples
  bool classifies = true;                    ///< whether correct answers can be counted
  /// An optional measurement, taken at every `every`-th row, unless that is 0, and at `steps`, which ascend.
  struct More {
    MeasurementFactory make;
    std::int64_t every = 1;
    std::vector<std::int64_t> steps = {};
    When when = When::always;
  };
  std::vector<More> measurements = {};  ///< their columns follow in this order
  /// Whether the tensors of a step will be asked for. Null: those of each step.
  std::function<bool(std::int64_t step)> keeps_tensors = {};
  /// Asked before each product and before each pass of a measurement over samples; true: `measure` throws StepAbandoned.
  std::function<bool()> abandons = {};
};

/// A step was left between two products, or between two passes of a measurement. The state of the trainer is that before the step, which can be done again.
struct StepAbandoned {};

/// What a run has counted so far.
struct Tally {
  std::int64_t instabilities = 0, long_instabilities = 0;
  std::int64_t measured_steps = 0, converged_steps = 0, products = 0;
  std::int64_t random_starts = 0;  ///< on which the recorded bounds of the spectrum rest
  std::int64_t lambda_1_steps = 0,
               lambda_1_certified_steps = 0;  ///< steps with the effective sharpness, and those where it is certified
};

class Trainer final : public Stateful {
 public:
  /// `test` may be empty. theta0: a vector of the layout in host memory, copied. Allocates all memory.
  /// Throws OutOfMemory, std::invalid_argument.
  Trainer(Device&, const Objective&, const Batch& train, const Batch& test, const TrainerOptions&, View theta0);
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// Measures at θ_t, updates to θ_{t+1}, and returns the row of step t. On a CUDA device the next pass has been enqueued by
  /// then. Where no row is due, it only updates and returns the last row; a divergence is noticed nevertheless, and has a row.
  /// Throws StepAbandoned, and ProjectionError if the update cannot be projected; the state is that before the step then.
  const Row& step();
  /// Measures at θ_t without an update: the last row of a run.
  const Row& observe() { return measure(spectrum_is_due(step_)), complete(); }

  // The parts of a step, for a caller that makes more decisions itself.
  /// Measures at θ_t, with or without the spectrum. λ₁ and the surplus are known on return; all other numbers are in flight.
  /// Throws StepAbandoned.
  const Observed& measure(bool spectrum) { return measure(spectrum, false); }
  /// Computes θ_{t+1} by the rule from the gradient of the last measure. Enqueued only.
  void update();
  /// Enqueues, on a CUDA device, the part of the next measure that depends on no further decision. To be called after update.
  void start(bool spectrum);
  /// Waits for the numbers of the last measure. To be called before or after the update that follows it.
  const Row& complete();
  bool row_is_due(std::int64_t step) const;
  bool spectrum_is_due(std::int64_t step) const {
    return curvature_ && rows_before(step) % options_.measure_every == 0;
  }
  std::int64_t row_every() const { return options_.row_every; }

  /// What the last measure found; complete after `complete`.
  const Observed& seen() const { return seen_; }
  const Row& row() const { return row_; }
  /// The instability that the last measured step showed to be over; at the end of a run, the one that is still open.
  const std::optional<Instability>& ended() const { return ended_; }
  std::optional<Instability> finish_events();
  std::int64_t crossings() const { return events_.crossings(); }
  const Tally& tally() const { return tally_; }
  /// Whether the last step has a row.
  bool has_row() const { return row_.step == seen_.step; }
  /// What the measurements of the last row have for files. Views are valid until the next measure.
  std::vector<TensorSet> tensors() const;
  /// What the measurements of the last row say on the console; mostly nothing.
  std::vector<std::string> take_remarks();
  /// Whether a loss of the last complete step, that of its minibatch included, is not finite or above the limit.
  bool diverged() const;
  /// Whether the last complete step made the run complete.
  bool completed() const { return options_.completion && options_.completion->reached(); }

  /// Whether the last update was no step, because nothing was kept of its gradient, and no change is to come: the end of such a run.
  bool at_rest() const { return projection_ && projection_->nothing_kept() && !changes_->any_due_after(seen_.step); }

  std::int64_t steps_done() const { return step_; }  ///< updates; the step of the next measure
  View theta() const { return history_[0].view(); }
  /// θ of this step or of one of the three before it; zero before the first.
  View theta_at(std::int64_t step) const { return history_.at(static_cast<std::size_t>(step_ - step)).view(); }
  /// A copy of θ_t in the host's memory; waits for the device.
  Array theta_on_host() { return to_host(device_, theta()); }
  View gradient() const { return pass_.gradient(); }
  bool has_minibatches() const { return minibatches() != nullptr; }
  /// Of the minibatch of the last update. Only with minibatches.
  View batch_gradient() const { return minibatches()->gradient(); }
  /// Unit eigenvectors of the last measured step, rows of [top + bottom, extent]. Only with a tracker.
  View eigenvectors() const { return curvature_->eigenvectors(); }
  const ParameterLayout& layout() const { return layout_; }
  const UpdateRule& rule() const { return changes_->rule(); }
  const Changes& changes() const { return *changes_; }
  const std::vector<Column>& columns() const { return row_.columns(); }
  /// The columns of a measurement of TrainerOptions::measurements, by its place there.
  std::span<const Column> measurement_columns(std::size_t measurement) const {
    const Placed& p = measurements_.at(measurements_.size() - options_.measurements.size() + measurement);
    return std::span(row_.columns()).subspan(p.first_cell, p.cells);
  }

  /// Makes a CUDA device do once what a step does, so that it allocates here what it needs for graphs and modules, in addition to
  /// brink's buffers. Waits for it. Throws OutOfMemory. To be called before the first measure.
  void prepare();
  /// Runs one block to estimate times.
  MemoryPlan plan() { return pass_.plan(theta()); }

  /// Visits everything that step t needs of the steps before it. To be called between two steps: after `step`, or after
  /// `update` and `complete`.
  void visit(StateVisitor&) override;

 private:
  struct Placed {
    std::unique_ptr<Measurement> measurement;
    std::size_t first_cell, cells;
    std::int64_t first_number;
    int numbers;
    std::int64_t every = 1;
    std::vector<std::int64_t> steps = {};
    When when = When::always;
    bool due = false;  ///< at the last measured step
  };
  bool is_due(const Placed&, std::int64_t step) const;
  void choose_due();
  std::int64_t rows_before(std::int64_t step) const { return (step + options_.row_every - 1) / options_.row_every; }
  bool needs_pass(std::int64_t step) const {
    return row_is_due(step) || !minibatches() || rule().gradients() != Gradients::any;
  }
  void prepare_minibatches(const Objective&, const Batch& train);
  void prepare_tracking();
  void limit_tracking();
  /// Those in force; null where an update uses the whole training set.
  Minibatches* minibatches() const { return minibatch_sizes_ ? minibatch_sizes_->in_force() : nullptr; }
  const Observed& measure(bool spectrum, bool for_update);
  void begin();
  void abandon();
  void leave_if_asked() const;
  void leavable(FunctionRef<void()> work);
  void enqueue_measurements();
  void prepare_tensors();
  bool prepare_update();
  void evaluate_minibatch();
  void receive_pass();
  void measure_spectrum(bool cold_check);
  void measure_eigenvalues(bool cold_check);
  View rule_gradient();
  View projected_gradient();
  void require_projectable() const;
  void confirm_event();
  void follow_branches();
  bool sharpness_certified() const;
  void follow_accuracy();

  Device device_;
  TrainerOptions options_;
  ParameterLayout layout_;
  BatchOptions measured_batch_;  // of the measurements: their passes ask whether the step is abandoned
  bool may_leave_ = false;       // whether a pass of a measurement may leave the step
  Pass pass_;
  std::unique_ptr<Changes> changes_;                 // the rule and the schedule in force
  std::unique_ptr<MinibatchSizes> minibatch_sizes_;  // null where no update needs a minibatch
  LinearOperator hessian_;                           // of the pass, with the question whether the step is abandoned
  std::unique_ptr<Curvature> curvature_;
  std::optional<TrackedTop> tracked_;              // absent where the number of measured eigenvalues is fixed
  std::unique_ptr<Branches> branches_;             // only with track_above
  std::unique_ptr<UpdateProjection> projection_;   // null where no update is projected
  std::unique_ptr<EffectiveCurvature> effective_;  // only where a rule of the run preconditions and λ₁ is measured
  std::unique_ptr<TestPass> test_pass_;            // null without test samples
  std::vector<Placed> measurements_;
  std::unique_ptr<Scalars> numbers_;  // of the test pass, then of all measurements, one after the other
  std::array<Array, 4> history_;      // θ_t, θ_{t−1}, θ_{t−2}, θ_{t−3}
  EventFinder events_;
  std::optional<Instability> ended_;
  Tally tally_;
  Observed seen_;
  Row row_;
  std::int64_t step_ = 0, begun_ = -1;  // begun_: the last step of which anything is known
  std::int64_t measured_step_ = -1;     // the last step that was measured
  bool pass_received_ = true, received_ = true;
};

}  // namespace brink
