// SPDX-License-Identifier: MIT
// Finds an official file in a folder, and says what to do where it is missing or holds something else.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace brink {

/// Where a file is: DIRECTORY/NAME, or without its .gz where only that is there; nothing where neither is.
std::optional<std::string> place_of(const std::string& directory, std::string_view file);

/// The same. Throws DataError where neither is there, naming a file or a folder that may be meant.
std::string find_file(const std::string& directory, std::string_view file);

/// "; this is a web page …": what a file that should hold records holds instead; empty where that is not known.
std::string remedy_for_contents(std::span<const std::byte>);

/// "; PATH is there as well …", for a damaged PATH.gz beside which the unpacked file lies; empty for all others.
std::string remedy_for_packed(const std::string& path);

}  // namespace brink
