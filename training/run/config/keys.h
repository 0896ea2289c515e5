// SPDX-License-Identifier: MIT
// The keys of a config: type, range, and how each is read and written. Keys that belong to a network, an update rule, a data
// set or a measurement are listed where that is defined; only the keys of every run are listed here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "training/run/config.h"
#include "training/run/config/key.h"
#include "training/run/config/values.h"

namespace brink::config {

/// The keys that have a meaning for a config, in the order in which it is written.
std::vector<Key> keys_of(const Config&);
/// The paths of all keys that some config has, each once.
const std::vector<std::string>& all_paths();
/// The setting because of which a key of other configs has no meaning for this config: "model.name = \"mlp\"".
std::string reason_without(const Config&, std::string_view path);
/// "data", "model", …, and the tables that turn on measurements: "measure.update_cosine".
const std::vector<std::string>& tables();
/// Turns on the measurement of this table; does nothing for any other table.
void turn_on(Config&, std::string_view table);

/// What is wrong with the settings taken together: the path of the wrong key, and the message.
struct Conflict {
  std::string path, message;
};
std::optional<Conflict> conflict(const Config&);
/// What is wrong with this number of samples of a minibatch for the samples and the network of a config.
Problem batch_problem(const Config&, std::int64_t batch);
/// Why updates cannot be projected while training.batch and training.rule are in force; nothing if they can, or are not to be.
Problem projection_problem(const Config&);

}  // namespace brink::config
