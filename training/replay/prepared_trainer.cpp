// SPDX-License-Identifier: MIT
#include "training/replay/prepared_trainer.h"

#include <utility>

#include "training/run/inputs.h"
#include "training/run/stop_signals.h"

namespace brink {

namespace {

EnvironmentOptions with_threads(EnvironmentOptions o, int threads) {
  if (threads > 0) o.threads = threads;
  return o;
}

TrainerOptions options_of(const Config& config, std::function<PreparedTrainer::KeepsTensors> keeps_tensors) {
  TrainerOptions out = trainer_options(config);
  out.abandons = &StopSignals::leaves_step;
  out.keeps_tensors = std::move(keeps_tensors);
  return out;
}

Problem problem_of(const Config& config, Environment& environment, Device& device, std::shared_ptr<DataPair> data) {
  expect_memory(device, config, trainer_options(config));
  if (!data && has_data(config)) data = environment.data(config.data.set, data_request(config));
  return make_problem(device, config, std::move(data));
}

}  // namespace

PreparedTrainer::PreparedTrainer(const Config& config, int threads, std::shared_ptr<DataPair> data,
                                 std::function<KeepsTensors> keeps_tensors)
    : config_(config),
      environment_(with_threads(environment_options(config.run), threads)),
      device_(environment_.device()),
      problem_(problem_of(config, environment_, device_, std::move(data))),
      fitted_(fit_in_memory(device_, problem_, options_of(config, std::move(keeps_tensors)),
                            memory_limit(config, device_))) {}

void PreparedTrainer::require_inputs_of(const std::string& folder) const {
  RunRecord now;
  describe_inputs(now, config_, problem_);
  require_same_inputs(folder + "/run.json", now, folder,
                      "restore the file, or give the folder of the data with --set data.directory=DIR");
}

}  // namespace brink
