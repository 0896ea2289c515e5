// SPDX-License-Identifier: MIT
// What a config describes: data, network, loss, θ₀.
#pragma once

#include <optional>
#include <vector>

#include "autodiff/batch/objective.h"
#include "models/model.h"
#include "models/statistics.h"
#include "training/data/dataset.h"
#include "training/run/config.h"

namespace brink {

/// A training problem. It owns the data from which the sources take their rows; movable.
struct Problem {
  std::shared_ptr<DataPair> data;  ///< null for a network without data
  Array labels;                    ///< the one label of a network without data
  std::vector<double> start;       ///< the parameters at step 0 of such a network; otherwise empty
  Objective objective;
  std::optional<EvaluationMode> evaluation;  ///< of a network with normalisation
  Batch train;                               ///< for the objective's graphs
  Batch test;                                ///< empty where there is nothing to evaluate
  Array theta0;                              ///< vector of the layout, in the host's memory
  std::vector<Array> on_device;              ///< copies of the data if the device is not a CPU
  std::int64_t train_samples() const { return train.samples(); }
  std::int64_t test_samples() const { return test.empty() ? 0 : test.samples(); }
};

/// Everything is made on the host, so it has the same bits for every device; `train` and `test` are on the device. On a device
/// with a count (memory_count.h) data are neither read nor made: everything has its shape, and its memory is counted. loaded:
/// the config's data; if null, they are loaded here. Throws DataError, DeviceError, OutOfMemory.
Problem make_problem(Device&, const Config&, std::shared_ptr<DataPair> loaded = nullptr);

/// θ₀ by the config's model.init and seed, or from model.start_file, in the host's memory. Throws DataError.
Array initial_parameters(Device&, const Config&, const Problem&);

}  // namespace brink
