// SPDX-License-Identifier: MIT
// The list of measurements that training/measurements/meson.build names, in the order of their columns.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "autodiff/batch/objective.h"
#include "models/options.h"
#include "spectral/linear_operator.h"
#include "training/measurements/measurement.h"

namespace brink {

class Pass;

/// What the keys of a measurement are compared with.
struct MeasurementSetting {
  std::int64_t samples = 0;         ///< of the training set; 0: not known before the data are read
  bool has_samples = true;          ///< false: the loss is a function of the parameters alone
  std::int64_t unit = 1;            ///< samples that are normalised together, so that no minibatch cuts them
  bool joins_short = false;         ///< a short last unit joins the one before it
  std::int64_t top = 0;             ///< measure.top
  std::int64_t steps = 0;           ///< training.steps
  std::int64_t steps_between = 1;   ///< two measurements of the spectrum
  bool evaluation_hessian = false;  ///< whether the spectrum is that of the loss in evaluation mode
  Dtype precision = Dtype::f32;
};

/// What a measurement is made from. Everything lives as long as the trainer.
struct MeasurementContext {
  Device& device;
  const Objective& objective;
  const Pass& pass;
  const Batch& train;
  const Batch& test;  ///< may be empty
  const BatchOptions& batch;
  std::uint64_t seed = 0;  ///< of the run's random numbers
  std::int64_t train_samples = 0;
  bool classifies = true;                   ///< whether correct answers can be counted
  bool evaluation_hessian = false;          ///< whether eigenvalues are those of the loss in evaluation mode
  bool projects = false;                    ///< whether updates are projected
  const TrackerOptions* tracker = nullptr;  ///< null: no curvature is measured
  int top = 0, bottom = 0;                  ///< number of tracked eigenvalues
  bool by_value = false;                    ///< whether eigenvalues are measured to an estimated error of λ₁
  bool tracks_above = false;                ///< whether as many eigenvalues are measured as are above a limit
  bool preconditions = false;               ///< whether a rule of the run has a preconditioner
  bool threshold_varies = false;            ///< whether the rule's threshold may differ from step to step
  /// At θ of a step at which the spectrum is measured; has no product before the trainer is made. May throw StepAbandoned.
  const LinearOperator* hessian = nullptr;
};

using MeasurementFactory = std::function<std::unique_ptr<Measurement>(const MeasurementContext&)>;

struct MeasurementKind {
  std::string_view name;  ///< name of the table [measure.<name>]
  std::string_view meaning;
  bool always = false;               ///< part of every run; otherwise its table turns it on
  bool needs_spectrum = false;       ///< whether it exists only at steps at which the spectrum is measured
  bool needs_lambda_1 = false;       ///< refused where measure.top = 0
  bool of_descended = false;         ///< refused where eigenvalues are those of the loss in evaluation mode
  std::vector<Option> options = {};  ///< keys of its table
  /// What is wrong with the keys for a run; null: nothing can be.
  std::optional<OptionConflict> (*conflict)(const Options&, const MeasurementSetting&) = nullptr;
  std::unique_ptr<Measurement> (*make)(const MeasurementContext&, const Options&);
};

std::span<const MeasurementKind> measurement_kinds();

/// The options of a measurement that hands out tensors: `steps` and `every`, at both of which files are written.
std::vector<Option> file_step_options();

/// Which rows, of those chosen by `every`, are taken: the values of the key `when`.
enum class When : std::uint8_t {
  always,
  instability,  ///< within one: from its entry until it is over
  event,        ///< where one begins or is over
};
Option when_option();
When when_of(const Options&);

/// The factory of a measurement with the chosen options.
MeasurementFactory factory(const Chosen<MeasurementKind>&);

}  // namespace brink
