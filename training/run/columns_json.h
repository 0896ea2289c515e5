// SPDX-License-Identifier: MIT
// The description of columns as it stands in run.json under "columns".
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <vector>

#include "training/measurements/column.h"

namespace brink {

/// A list with one object a column: name, unit, meaning, panel, scale ("linear", "log" or "symlog"), and where they exist
/// reference (a number or a column's name), reference_name (what that line is called) and error (a column's name).
nlohmann::ordered_json columns_to_json(std::span<const Column>);
/// Throws DataError, whose message names the entry and the field, what was expected and what was found. Unknown fields are ignored.
std::vector<Column> columns_from_json(const nlohmann::json&);

}  // namespace brink
