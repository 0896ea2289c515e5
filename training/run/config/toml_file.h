// SPDX-License-Identifier: MIT
// Reads a TOML file for settings; every error names file, line and column.
#pragma once

#include <toml++/toml.h>

#include <string>

namespace brink::config {

/// Throws UsageError: the file cannot be read, is larger than 1 MiB, or is not TOML.
toml::table read_toml_file(const std::string& path);
/// "FILE:LINE:COLUMN".
std::string place_text(const std::string& path, const toml::source_region&);

}  // namespace brink::config
