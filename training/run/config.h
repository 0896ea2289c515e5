// SPDX-License-Identifier: MIT
// All settings of a run, typed, with their defaults.
// The hash leaves out data.directory and run.* except precision and arithmetic, because they change no number.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kernels/device.h"
#include "kernels/view.h"
#include "models/kind.h"
#include "training/data/kind.h"
#include "training/environment.h"
#include "training/measurements/kind.h"
#include "training/projection.h"
#include "training/rules/kind.h"
#include "training/schedule/kind.h"

namespace brink {

/// Of what measure.tolerance is meant: of the residual, as eigenvectors need it, or of the error of λ₁, which is estimated.
enum class Accuracy : std::uint8_t { vector, value };
/// What a measured step must know: an eigenvalue near each reported one, or also that λ₁ is the largest.
enum class Certify : std::uint8_t { residual, two_sided };

struct Config {
  struct Change;
  struct Data {
    Chosen<DataKind> set = data_kinds().front();
    std::string directory;  // the folder of the files; empty for data made by the program
    std::int64_t
        train = 1000,
        test = 1000;  // samples, shared equally by the classes; load_config sets the data set's own defaults; 0: all
    std::int64_t seed = 0;
  } data;
  Chosen<NetworkKind> model = network_kinds().front();
  std::string
      start_file;  // model.start_file: a safetensors file with the parameters at step 0; empty: drawn by training.seed
  struct Training {
    Chosen<RuleKind> rule = rule_kinds().front();
    double learning_rate = 0.1;
    Chosen<ScheduleKind> schedule = schedule_kinds().front();
    std::int64_t warmup = 0;  // updates; 0: none
    std::int64_t steps = 400;
    Loss loss = Loss::cross_entropy;
    std::int64_t batch = 0;  // samples of a minibatch; 0: the whole training set
    std::int64_t seed = 0;
    double divergence_loss = std::numeric_limits<double>::infinity();  // a larger loss ends the run
    ProjectionMode project = ProjectionMode::off;
    std::int64_t project_most = ProjectionOptions{}.most;  // unstable eigenvectors
    std::optional<double> complete_accuracy;               // training accuracy that ends the run; absent: only steps do
    std::int64_t complete_evaluations = 2;                 // consecutive ones
    std::optional<double> compensate;                 // η_ref, resolved by load_config: steps becomes steps·η_ref/η
    std::optional<std::int64_t> uncompensated_steps;  // what steps was before that; no key
    std::vector<std::shared_ptr<const Change>> changes;  // [[training.change]], in the order in which they are due
  } training;
  /// A change of the settings of [training] during the run.
  struct Change {
    std::optional<std::int64_t> at_step;                   // exactly one of these two is given; before_resolution is
    std::optional<double> at_accuracy;                     // resolved by load_config
    std::vector<std::pair<std::string, std::string>> set;  // the keys that were given, and their values as TOML
    Training after;                                        // the settings that apply from then on
    bool changes_rule = false, changes_rate = false, changes_limit = false, changes_batch = false,
         changes_projection = false;  // which part of `after` is meant
    bool keeps_vectors = false;       // the rule is the same, with other keys: its vectors go on
  };
  struct Measure {
    std::int64_t top = 1, bottom = 1;           // eigenvalues at each end; 0: none
    double tolerance = 1e-3;                    // relative residual
    Accuracy accuracy = Accuracy::vector;       // of what the tolerance is meant
    Certify certify = Certify::residual;        // when a run of Lanczos may stop
    std::optional<double> track_above;          // multiple of the threshold; absent: `top` eigenvalues are measured
    std::int64_t top_most = 20;                 // the most that track_above leads to
    std::int64_t row_every = 0;                 // steps; 0: the updates of an epoch
    std::int64_t every = 1;                     // rows
    std::int64_t cold_check = 25;               // measured steps between two cold starts; 0: never
    std::int64_t budget = 400;                  // products a step
    std::vector<Chosen<MeasurementKind>> more;  // turned on by their tables, in the order of the list
  } measure;
  struct Events {
    std::int64_t merge_gap = 2, minimum_length = 8;  // steps
  } events;
  struct Run {
    Where device = Where::cpu;
    Dtype precision = Dtype::f32;
    std::int64_t threads = 0;       // 0: all
    std::int64_t chunk = 0;         // samples; 0: chosen by memory; ≥ data.train: the whole batch
    std::int64_t memory_bytes = 0;  // 0: three quarters of what is free
    Arithmetic arithmetic = Arithmetic::exact;
    std::int64_t checkpoint_every = -1;          // steps; 0: only at the end; −1: by time
    std::vector<std::int64_t> keep_checkpoints;  // steps whose checkpoints are written and never removed
  } run;
  /// Where a fork comes from. Written by brink fork only (training/replay/fork.h).
  struct Fork {
    std::string parent;        // its folder; for people, because the fork does not need it
    std::string parent_hash;   // config_hash of the parent
    std::string digest;        // of θ at at_step
    std::int64_t at_step = 0;  // the first step under the fork's own settings
  };
  std::optional<Fork> fork;
};

/// A setting whose places in a file are known, for messages.
struct PlacedSetting {
  std::string path, value;             // "training.steps", and a value as TOML
  std::string key_place, value_place;  // "FILE:LINE:COLUMN"
};

/// The sources of settings; a later one overrides an earlier one.
struct ConfigSources {
  std::string file;                                        // empty: none
  std::vector<std::string> sets;                           // "training.steps=400", as given to --set
  std::vector<std::pair<std::string, std::string>> flags;  // {"threads", "2"}, as given to --threads
  const Config* base = nullptr;                            // the settings that all others override; null: the defaults
  std::optional<std::string> parent_events = {};           // of a fork: the text of its parent's events.csv
  std::string other_table = {};            // a table of the file that has no settings of a run, and is left out
  std::vector<PlacedSetting> placed = {};  // override the file; sets and flags override them
};

/// Throws UsageError with "file:line:column: message", or with the argument in place of file:line:column.
Config load_config(const ConfigSources&);

/// The resolved config: every key that has a meaning for it, in the order of the tables above.
std::string to_toml(const Config&);
/// XXH3-64 of what determines the numbers, 16 hexadecimal digits.
std::string config_hash(const Config&);
/// The settings that decide numbers: "training.seed" and its value as TOML.
std::map<std::string, std::string> settings_of(const Config&);
/// The settings that decide numbers and differ, each as "training.seed = 1 (there 0)", where `there` is the other config.
std::vector<std::string> differing_settings(const Config&, const Config& there);
std::vector<std::string> differing_settings(const std::map<std::string, std::string>&,
                                            const std::map<std::string, std::string>& there);
/// "runs/<data>-<model>-<hash>", without the data if the model has none.
std::string default_folder(const Config&);

/// Whether there are samples, so that the keys of [data] have a meaning.
bool has_data(const Config&);
DataRequest data_request(const Config&);
/// Updates of an epoch of training.batch: 1, or the number of minibatches. A change of the batch does not alter it.
std::int64_t updates_per_epoch(const Config&);
/// Steps between two rows, and between two measurements of the spectrum.
std::int64_t steps_between_rows(const Config&);
std::int64_t steps_between_measurements(const Config&);
/// The projection that these settings put in force.
ProjectionOptions projection_of(const Config::Training&);
/// Whether updates are projected from some step on, and the most unstable eigenvectors of any such step.
ProjectionOptions widest_projection(const Config&);
/// The relative residual at which a measured step is content: measure.tolerance, or √(measure.tolerance/10) by value.
double residual_tolerance(const Config&);
/// Whether any eigenvalue is measured.
bool measures_spectrum(const Config&);
/// Whether the measured eigenvalues are those of the loss in evaluation mode, which is not the function that is minimised.
bool has_evaluation_hessian(const Config&);

}  // namespace brink
