// SPDX-License-Identifier: MIT
// The tables [[training.change]]: read, checked against each other, written, and said in words.
#pragma once

#include <toml++/toml.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "training/run/config.h"
#include "training/run/config/values.h"

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
/// As an inline list of tables, which read_changes reads; empty if there are none.
std::string print_changes(const Config&);

}  // namespace brink::config
