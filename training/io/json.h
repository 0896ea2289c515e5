// SPDX-License-Identifier: MIT
// Parses all JSON from outside the program, with nlohmann-json and up to a limited depth.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace brink {

/// Throws DataError naming `name` and the place: not JSON, or more than most_json_levels levels.
nlohmann::json parse_json(const std::string& name, std::string_view text);
/// The same with the members of each object in the order of the text.
nlohmann::ordered_json parse_ordered_json(const std::string& name, std::string_view text);

}  // namespace brink
