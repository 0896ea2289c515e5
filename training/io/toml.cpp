// SPDX-License-Identifier: MIT
#include "training/io/toml.h"

#include "training/io/nesting.h"
#include "training/io/text.h"

namespace brink {

toml::table parse_toml(std::string_view text) {
  const auto refuse = [&](std::size_t byte, const std::string& what) {
    const TextPlace at = place_in(text, byte);
    throw toml::parse_error(what.c_str(), toml::source_position{at.line, at.column});
  };
  if (const auto at = too_deep_toml(text))
    refuse(*at, "expected at most " + number_text(most_toml_levels) + " levels of tables and lists, found more");
  if (const auto at = wrong_toml_bracket(text))
    refuse(*at, text[*at] == '}' ? "expected \"]\", found \"}\"" : "expected \"}\", found \"]\"");
  if (const auto at = foreign_toml_line_break(text))
    refuse(*at,
           "expected a line feed to end a line, found another character that breaks lines (U+0085, U+2028 or U+2029)");
  if (const auto at = nameless_toml_table(text)) refuse(*at, "expected the name of a table after \"[\"");
  return toml::parse(text);
}

}  // namespace brink
