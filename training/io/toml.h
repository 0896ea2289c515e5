// SPDX-License-Identifier: MIT
// Parses TOML from outside the program with toml++, up to a limited depth. Only this function does.
#pragma once

#include <toml++/toml.h>

#include <string_view>

namespace brink {

/// Throws toml::parse_error: not TOML, or more than most_toml_levels levels.
toml::table parse_toml(std::string_view text);

}  // namespace brink
