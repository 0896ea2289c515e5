// SPDX-License-Identifier: MIT
// Finds where a text nests too deeply, before a recursive parser sees it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace brink {

/// Lines and columns count from 1, columns in characters.
struct TextPlace {
  std::uint32_t line = 1, column = 1;
};
TextPlace place_in(std::string_view text, std::size_t byte);

/// The allowed levels of tables and arrays in a config; a dot in a key counts as a level.
inline constexpr int most_toml_levels = 32;
/// The allowed levels of objects and arrays in a JSON text.
inline constexpr int most_json_levels = 64;

/// The first byte that is deeper than allowed; nothing if there is none.
std::optional<std::size_t> too_deep_toml(std::string_view text);
std::optional<std::size_t> too_deep_json(std::string_view text);

/// The first "[" of a table that has no name. toml++ 3.3 assumes a name: built with assertions, it aborts.
std::optional<std::size_t> nameless_toml_table(std::string_view text);

// What else toml++ 3.3 assumes not to stand where a value of a list begins: built with assertions, it aborts.
/// The first bracket that closes a list as if it were a table, or a table as if it were a list.
std::optional<std::size_t> wrong_toml_bracket(std::string_view text);
/// The first of U+0085, U+2028 and U+2029 outside strings and comments: no line breaks, nor anything else, in TOML.
std::optional<std::size_t> foreign_toml_line_break(std::string_view text);

}  // namespace brink
