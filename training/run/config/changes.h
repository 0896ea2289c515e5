// SPDX-License-Identifier: MIT
// The tables [[training.change]]: read, and checked against each other and the run.
#pragma once

#include <toml++/toml.h>

#include <optional>
#include <string>

#include "training/run/config.h"

namespace brink::config {

/// What is wrong with the changes, and the node where; null: the whole.
struct ChangeError {
  const toml::node* at = nullptr;
  std::string message;
};

/// Reads the list of tables into c.changes, after all other settings are known. The order in which they apply, and with it the hash, does
/// not depend on the order in which they are given. parent_events: the text of the parent's events.csv; absent where a run is not a fork.
std::optional<ChangeError> read_changes(Config& c, const toml::node& list,
                                        const std::optional<std::string>& parent_events);

}  // namespace brink::config
