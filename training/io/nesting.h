// SPDX-License-Identifier: MIT
// Finds where a text nests deeper than its reader may follow, before a parser that calls itself for each level sees it.
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

/// Levels of tables and arrays in a config, keys with dots included.
inline constexpr int most_toml_levels = 32;
/// Levels of objects and arrays in a JSON text.
inline constexpr int most_json_levels = 64;

/// The first byte that is deeper than allowed; nothing where there is none.
std::optional<std::size_t> too_deep_toml(std::string_view text);
std::optional<std::size_t> too_deep_json(std::string_view text);

/// The first "[" of a table that no name follows. toml++ 3.3 takes the name for granted: built with assertions, it aborts.
std::optional<std::size_t> nameless_toml_table(std::string_view text);

}  // namespace brink
