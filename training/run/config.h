// SPDX-License-Identifier: MIT
// All settings of a run, typed, with their defaults.
// The hash leaves out data.directory and run.* except precision and arithmetic, because they change no number.
#pragma once

#include <cstdint>
#include <limits>
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
#include "training/rules/kind.h"

namespace brink {

struct Config {
  struct Data {
    Chosen<DataKind> set = data_kinds().front();
    std::string directory;  // the folder of the files; empty for data made by the program
    std::int64_t train = 1000,
                 test = 1000;  // samples, shared equally by the classes; load_config sets the data set's own defaults
    std::int64_t seed = 0;
  } data;
  Chosen<NetworkKind> model = network_kinds().front();
  struct Training {
    Chosen<RuleKind> rule = rule_kinds().front();
    double learning_rate = 0.1;
    std::int64_t steps = 400;
    Loss loss = Loss::cross_entropy;
    std::int64_t seed = 0;
    double divergence_loss = std::numeric_limits<double>::infinity();  // a larger loss ends the run
  } training;
  struct Measure {
    std::int64_t top = 1, bottom = 1;           // eigenvalues at each end; 0: none
    double tolerance = 1e-3;                    // relative residual
    std::int64_t every = 1;                     // steps
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

/// The sources of settings; a later one overrides an earlier one.
struct ConfigSources {
  std::string file;                                        // empty: none
  std::vector<std::string> sets;                           // "training.steps=400", as given to --set
  std::vector<std::pair<std::string, std::string>> flags;  // {"threads", "2"}, as given to --threads
  const Config* base = nullptr;                            // the settings that all others override; null: the defaults
};

/// Throws UsageError with "file:line:column: message", or with the argument in place of file:line:column.
Config load_config(const ConfigSources&);

/// The resolved config: every key that has a meaning for it, in the order of the tables above.
std::string to_toml(const Config&);
/// XXH3-64 of what determines the numbers, 16 hexadecimal digits.
std::string config_hash(const Config&);
/// The settings that decide numbers and differ, each as "training.seed = 1 (there 0)", where `there` is the other config.
std::vector<std::string> differing_settings(const Config&, const Config& there);
/// "runs/<data>-<model>-<hash>", without the data if the model has none.
std::string default_folder(const Config&);

/// Whether there are samples, so that the keys of [data] have a meaning.
bool has_data(const Config&);
DataRequest data_request(const Config&);
/// Whether any eigenvalue is measured.
bool measures_spectrum(const Config&);
/// Whether the measured eigenvalues are those of the loss in evaluation mode, which is not the function that is minimised.
bool has_evaluation_hessian(const Config&);

}  // namespace brink
