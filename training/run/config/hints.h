// SPDX-License-Identifier: MIT
// What the author of a refused config most likely meant: the key for a wrong name, the way to write a value.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace brink::config {

/// "; the nearest is training.learning_rate", for a key that no config has. `table` is empty where none was named. Where no key has a
/// similar name, the keys of the table are named too.
std::string nearest_key(std::string_view table, std::string_view name);
/// "; the nearest is [training]", for a table that no config has.
std::string nearest_table(std::string_view table);

/// "; write 0.1", for a value that is not TOML but is written as elsewhere: ".1", "1.", "0,1", "007", "True", "NaN"; empty for others.
/// `in_file`: a word there is taken for a text without its quotes.
std::string hint_for_value(std::string_view value, bool in_file);
/// The same, for the value at a place of a text that a parser refused.
std::string hint_for_value_at(std::string_view text, std::size_t line, std::size_t column);

/// What other programs call a key of this one, and the key; `note` is empty or says what is different here.
struct Synonym {
  std::string_view word, path, note = {};
};
std::span<const Synonym> synonyms();

}  // namespace brink::config
