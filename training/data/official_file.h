// SPDX-License-Identifier: MIT
// Finds an official file in a folder; if it is missing or has wrong contents, the message says what to do.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace brink {

/// The path of a file: DIRECTORY/NAME, or the path without .gz if only that exists; nothing if neither exists.
std::optional<std::string> place_of(const std::string& directory, std::string_view file);

/// As place_of, but throws DataError if neither exists. The message names a similar file or a folder that holds the file, if found.
std::string find_file(const std::string& directory, std::string_view file);

/// "; this is a web page …": what a file contains instead of records, and what to do; empty if that is not known.
std::string remedy_for_contents(std::span<const std::byte>);

/// "; PATH exists as well …" for a damaged PATH.gz if the unpacked file is in the same folder; otherwise empty.
std::string remedy_for_packed(const std::string& path);

}  // namespace brink
