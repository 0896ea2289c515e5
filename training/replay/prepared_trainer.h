// SPDX-License-Identifier: MIT
// A trainer of a config, with all that it stands on. No file is written.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "training/environment.h"
#include "training/loop.h"
#include "training/run/config.h"
#include "training/run/fit.h"
#include "training/run/problem.h"

namespace brink {

/// Its steps throw StepAbandoned after a signal that StopSignals has noted.
class PreparedTrainer {
 public:
  /// Whether the tensors of a step will be asked for.
  using KeepsTensors = bool(std::int64_t step);
  static bool keeps_none(std::int64_t) { return false; }
  /// threads: 0: those of the config. data: loaded before; null: they are loaded. Throws DataError, DeviceError.
  explicit PreparedTrainer(const Config&, int threads = 0, std::shared_ptr<DataPair> data = nullptr,
                           std::function<KeepsTensors> keeps_tensors = keeps_none);
  PreparedTrainer(const PreparedTrainer&) = delete;
  PreparedTrainer& operator=(const PreparedTrainer&) = delete;

  /// Throws DataError, naming the checksum, if a recorded run began with other data or with another file of parameters.
  void require_inputs_of(const std::string& run_folder) const;

  Trainer& trainer() { return *fitted_.trainer; }
  Device& device() { return device_; }
  const std::shared_ptr<DataPair>& data() const { return problem_.data; }
  int threads() const { return environment_.threads(); }

 private:
  Config config_;
  Environment environment_;
  Device device_;
  Problem problem_;
  Fitted fitted_;
};

}  // namespace brink
