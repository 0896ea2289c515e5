// SPDX-License-Identifier: MIT
// What a config describes: data, network, loss, θ₀.
#pragma once

#include <optional>
#include <vector>

#include "autodiff/hvp.h"
#include "models/model.h"
#include "models/statistics.h"
#include "training/data/dataset.h"
#include "training/run/config.h"

namespace brink {

/// Owns the arrays that the views refer to; movable.
struct Problem {
  std::shared_ptr<DataPair> data;  ///< null for a network without data
  Array labels;                    ///< the one label of a network without data
  std::vector<double> start;       ///< the parameters at step 0 of such a network; otherwise empty
  Objective objective;
  std::optional<EvaluationMode> evaluation;                   ///< for a network with normalisation
  std::vector<View> train;                                    ///< data arrays of the objective's graphs, samples first
  std::vector<View> test;                                     ///< empty if there is nothing to evaluate
  std::vector<const RowSource*> train_sources, test_sources;  ///< of made arrays (block_data.h); may be empty
  Array theta0;                                               ///< vector of the layout, in the host's memory
  std::vector<Array> on_device;                               ///< copies of the data if the device is not the CPU
  BatchArrays train_arrays() const { return {train, train_sources}; }
  BatchArrays test_arrays() const { return {test, test_sources}; }
  std::int64_t train_samples() const { return train[0].shape[0]; }
  std::int64_t test_samples() const { return test.empty() ? 0 : test[0].shape[0]; }
};

/// Everything is made on the host, so it has the same bits for every device; `train` and `test` are on the device. On a device
/// with a count (memory_count.h) data are neither read nor made: everything has its shape, and its memory is counted. loaded:
/// the config's data; if null, they are loaded here. Throws DataError, DeviceError, OutOfMemory.
Problem make_problem(Device&, const Config&, std::shared_ptr<DataPair> loaded = nullptr);

/// θ₀ by the config's model.init and seed, in the host's memory. Throws nothing.
Array initial_parameters(Device&, const Config&, const Problem&);

}  // namespace brink
