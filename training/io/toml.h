// SPDX-License-Identifier: MIT
// Parses all TOML from outside the program, with toml++ and up to a limited depth.
#pragma once

#include <toml++/toml.h>

#include <string_view>

namespace brink {

/// Throws toml::parse_error, with a description in plain words: not TOML, or more than most_toml_levels levels.
toml::table parse_toml(std::string_view text);

}  // namespace brink
