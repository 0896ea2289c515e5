// SPDX-License-Identifier: MIT
// Checks whether text is UTF-8. What goes into a config, a record or a report must be, because their readers refuse anything
// else.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace brink {

/// The first byte that belongs to no character; overlong forms, surrogates and values above U+10FFFF are not characters.
std::optional<std::size_t> first_not_utf8(std::string_view text);
/// A text such as "expected UTF-8, found the byte 0xff".
std::string not_utf8_message(std::string_view text, std::size_t byte);
/// For messages: writes bytes that belong to no character as "\xff".
std::string printable(std::string_view text);

/// Throws UsageError if the argument of `option`, the name of a file or folder, is not UTF-8.
void require_utf8(const std::string& option, std::string_view argument);

}  // namespace brink
