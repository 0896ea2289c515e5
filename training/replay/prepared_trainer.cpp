// SPDX-License-Identifier: MIT
#include "training/replay/prepared_trainer.h"

#include <utility>

namespace brink {

namespace {

EnvironmentOptions with_threads(EnvironmentOptions o, int threads) {
  if (threads > 0) o.threads = threads;
  return o;
}

Problem problem_of(const Config& config, Environment& environment, Device& device, std::shared_ptr<DataPair> data) {
  expect_memory(device, config, trainer_options(config));
  if (!data && has_data(config)) data = environment.data(config.data.set, data_request(config));
  return make_problem(device, config, std::move(data));
}

}  // namespace

PreparedTrainer::PreparedTrainer(const Config& config, int threads, std::shared_ptr<DataPair> data)
    : environment_(with_threads(environment_options(config.run), threads)),
      device_(environment_.device()),
      problem_(problem_of(config, environment_, device_, std::move(data))),
      fitted_(fit_in_memory(device_, problem_, trainer_options(config), memory_limit(config, device_))) {}

}  // namespace brink
