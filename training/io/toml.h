// SPDX-License-Identifier: MIT
// The one way of TOML from outside into the program: as toml++ reads it, up to a limited depth.
#pragma once

#include <toml++/toml.h>

#include <string_view>

namespace brink {

/// Throws toml::parse_error: no TOML, or more than most_toml_levels levels.
toml::table parse_toml(std::string_view text);

}  // namespace brink
