// SPDX-License-Identifier: MIT
// What it is: gradient descent one step at a time, with everything that is measured at θ_t before update t.
// What it is not: files, configs or events (train.h).
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "autodiff/hvp.h"
#include "kernels/scalars.h"
#include "kernels/stopwatch.h"
#include "models/statistics.h"
#include "spectral/tracker.h"

namespace brink {

struct DescentOptions {
  std::optional<TrackerOptions> tracker;  ///< absent: no curvature
  std::uint64_t seed = 0;                 ///< of the tracker's random vectors
  BatchOptions batch;
  std::optional<EvaluationMode> evaluation;  ///< of a network with normalisation; test samples are answered in it
};

/// One eigenvalue with its certificate: some eigenvalue of the Hessian lies within `residual` of it.
struct Eigenvalue {
  double value = 0, residual = 0;
};

/// Taken at θ_t, before update t. Numbers that have not come from the device yet are NaN.
struct Observation {
  std::int64_t step = 0;
  double loss = 0;          ///< mean over the training samples
  double correct = 0;       ///< training samples answered rightly, in the same pass
  double test_correct = 0;  ///< test samples answered rightly
  double gradient_norm = 0;
  bool spectrum = false;                ///< whether what follows was measured
  std::vector<Eigenvalue> top, bottom;  ///< descending; ascending
  double scale = 0;                     ///< max|θⱼ|
  bool converged = false;               ///< every residual ≤ tolerance · scale
  bool redone = false;                  ///< warm and cold start disagreed; the values that reach further out are given
  std::optional<Disagreement> disagreement;  ///< about which eigenvalue, where they did
  double asymmetry = 0;                      ///< |uᵀHv − vᵀHu| of the unit Ritz vectors of the two ends
  int products = 0;
  std::optional<double> jump;              ///< ‖θ_t − θ̄_t‖, θ̄_t = (θ_t + θ_{t−1})/2
  std::optional<double> jump_u1;           ///< |⟨u₁, θ_t − θ̄_t⟩|, its part along the leading eigenvector
  std::optional<double> period2_distance;  ///< ‖θ̄_t − θ̄_{t−2}‖
  double gradient_ms = 0, spectrum_ms = 0, products_ms = 0, evaluation_ms = 0;
};

/// What the memory allows, told before a run starts.
struct MemoryPlan {
  struct Blocks {
    std::int64_t count, samples;
    friend bool operator==(const Blocks&, const Blocks&) = default;
  };
  std::vector<Blocks> sizes;  ///< all blocks, by their samples, the largest first
  std::int64_t blocks = 0;
  std::int64_t kept_blocks =
      0;  ///< whose residuals are kept from the linearisation on; the others' are computed for each product
  std::int64_t residual_bytes = 0, allocated_bytes = 0;
  double gradient_seconds = 0;            ///< with the linearisation, where there is curvature
  std::optional<double> product_seconds;  ///< of a product with the Hessian; absent: no curvature
};

class Descent {
 public:
  /// `test` may be empty. theta0 is copied. All memory is taken here. Throws OutOfMemory, std::invalid_argument.
  Descent(Device&, const Objective&, const BatchArrays& train, const BatchArrays& test, const DescentOptions&,
          View theta0);
  Descent(const Descent&) = delete;  // the Hessian operator points back here
  Descent& operator=(const Descent&) = delete;

  /// Measures at θ_t: measure and complete.
  const Observation& observe(bool spectrum, bool cold_check) {
    measure(spectrum, cold_check);
    return complete();
  }
  /// Measures at θ_t. spectrum: λ too; cold_check: with a cold run beside the warm one. Of what is returned λ is there; the other
  /// numbers are on their way. The reference holds as long as this.
  const Observation& measure(bool spectrum, bool cold_check);
  /// Measures λ at the same θ again, with a cold run beside the warm one; products and times add up. Before update.
  const Observation& check_spectrum();
  /// Waits for the numbers of the last measure, before or after the update that follows it.
  const Observation& complete();
  /// θ_{t+1} = θ_t − η g_t with the gradient of the last measure. Enqueued only.
  void update(double learning_rate);
  /// Gives a CUDA device the part of measure(spectrum, …) for which nothing needs to be known, so that it works while the host
  /// writes down the step before. The CPU leaves it to measure. After update.
  void start(bool spectrum);

  /// Has a CUDA device do once what a step does: whatever it then takes beside our buffers, for graphs and modules, it takes here.
  /// Waits for it. Throws OutOfMemory. Before the first measure.
  void prepare();
  /// Runs one block to tell times.
  MemoryPlan plan();

  View theta() const { return history_[0].view(); }
  /// θ of this step or one of the three before it; zero before the first.
  View theta_at(std::int64_t step) const { return history_.at(static_cast<std::size_t>(step_ - step)).view(); }
  /// θ of the last measure in the host's memory, also after update; holds until the measure after the next.
  View measured_theta() { return on_the_way().theta.receive(); }
  /// A copy of θ_t in the host's memory; waits for the device.
  Array theta_on_host() { return to_host(device_, theta()); }
  View gradient() const { return {results_.view().data, Shape{layout_.extent()}, dtype_}; }
  std::int64_t step() const { return step_; }
  const ParameterLayout& layout() const { return layout_; }
  /// Unit eigenvectors of the last measured step, rows of [top + bottom, extent]. Only with a tracker.
  View eigenvectors() const { return tracker_->memory().vectors; }

 private:
  /// What a step sends to the host. Two take turns: the next step's is started before this one's is received.
  struct OnTheWay {
    OnTheWay(const Device& d, std::int64_t vector_bytes)
        : pass(d, 3), rest(d, 5), theta(d, vector_bytes), gradient_time(d), statistics_time(d) {}
    Scalars pass;  // Σ loss, Σ correct, ‖g‖
    Scalars
        rest;  // of the test samples Σ loss, Σ correct; ‖θ_t − θ_{t−1}‖, its product with u₁, the period-2 difference
    Delivery theta;
    Stopwatch gradient_time, statistics_time;  // two, so that neither waits for the other's interval to end
  };
  OnTheWay& on_the_way() { return on_the_way_[static_cast<std::size_t>(seen_.step % 2)]; }
  void enqueue_pass(bool spectrum);
  void receive_pass();
  void measure_spectrum(bool cold_check);
  void measure_distances();

  Device device_;
  ParameterLayout layout_;
  Dtype dtype_;
  std::unique_ptr<Hvp> hvp_;
  std::unique_ptr<Gradient> gradient_only_;
  std::unique_ptr<NormStatistics> statistics_;  // of the training samples; absent where nothing needs them
  std::unique_ptr<SampleSum> evaluation_;
  bool evaluation_hessian_ = false;
  std::unique_ptr<EigenTracker> tracker_;
  LinearOperator hessian_;
  std::array<Array, 4> history_;  // θ_t, θ_{t−1}, θ_{t−2}, θ_{t−3}
  Array results_;                 // of the pass: the gradient, and behind it the statistics
  Array difference_, second_difference_;
  std::array<OnTheWay, 2> on_the_way_;
  std::int64_t step_ = 0, started_ = -1;  // started_: the step whose pass is enqueued
  bool linearized_ = false;               // whether that pass is a linearisation
  bool pass_received_ = true, received_ = true;
  Stopwatch product_time_, evaluation_time_;
  Observation seen_;
};

}  // namespace brink
