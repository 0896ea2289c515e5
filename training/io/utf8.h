// SPDX-License-Identifier: MIT
// Whether text is UTF-8: what goes into a config, a record or a report must be, since their readers refuse anything else.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace brink {

/// The first byte that belongs to no character: overlong forms, surrogates and what lies beyond U+10FFFF included.
std::optional<std::size_t> first_not_utf8(std::string_view text);
/// "expected UTF-8, found the byte 0xff"
std::string not_utf8_message(std::string_view text, std::size_t byte);
/// For messages: bytes that belong to no character as "\xff".
std::string printable(std::string_view text);

/// Throws UsageError where the argument of `option`, the name of a file or folder, is not UTF-8.
void require_utf8(const std::string& option, std::string_view argument);

}  // namespace brink
