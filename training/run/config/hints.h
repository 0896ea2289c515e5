// SPDX-License-Identifier: MIT
// What the author of a refused config most likely meant: the key for a wrong name, the way to write a value.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace brink::config {

/// "; the nearest is training.learning_rate", for a key that no config has. `table` is empty if none was given. If no key has a
/// similar name, the keys of the table are listed too.
std::string nearest_key(std::string_view table, std::string_view name);
/// "; the nearest is [training]", for a table that no config has.
std::string nearest_table(std::string_view table);
/// "; the nearest is train", for a word that is none of the names; empty if none is similar.
std::string nearest_name(std::span<const std::string> names, std::string_view word);

/// "; write 0.1", for a value in a notation that other languages accept and TOML does not: ".1", "1.", "0,1", "007", "True", "NaN"; empty for others.
/// `in_file`: the value is from a file, where a bare word is probably a string without its quotes.
std::string hint_for_value(std::string_view value, bool in_file);
/// As hint_for_value, for the value at the position in `text` that a parser refused.
std::string hint_for_value_at(std::string_view text, std::size_t line, std::size_t column);

/// A name that other programs use for a key of brink, and the key; `note` is empty or says what differs in brink.
struct Synonym {
  std::string_view word, path, note = {};
};
std::span<const Synonym> synonyms();

}  // namespace brink::config
