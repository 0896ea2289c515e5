// SPDX-License-Identifier: MIT
#include "training/io/toml.h"

#include <optional>
#include <span>
#include <utility>

#include "training/io/nesting.h"
#include "training/io/text.h"

namespace brink {

namespace {

/// What toml++ says, and what is said in its place. A column of the one is found anywhere in its text.
struct Wording {
  std::string_view theirs, ours;
};
constexpr Wording expectations[] = {
    {"keys, tables, whitespace or comments", "a key or a table"},
    {"bare key starting character or string delimiter", "the name of a key"},
    {"a comment or whitespace", "the end of the line or a comment"},
    {"key or closing '}'", "a key or \"}\""},
    {"comma or closing ']'", "\",\" or \"]\""},
    {"comma or closing '}'", "\",\" or \"}\""},
    {"key-value pair", "a key after the comma"},
    {"value-terminator", "the end of the value"},
    {"value", "a value"},
    {"digit", "a digit"},
    {"'='", "\"=\" after the name of a key"},
    {"']'", "\"]\" after the name of a table"},
    {"'true'", "true"},
    {"'false'", "false"},
};
constexpr Wording ends[] = {
    {"string", "a quotation mark that ends the text"},
    {"array", "\"]\" at the end of the list"},
    {"inline table", "\"}\" at the end of the table"},
    {"table header", "\"]\" after the name of a table"},
    {"", "a value"},
};
constexpr Wording kinds[] = {{"array-of-tables", "a list of tables"},
                             {"array", "a list"},
                             {"table", "a table"},
                             {"string", "a text"},
                             {"integer", "an integer"},
                             {"floating-point", "a number"},
                             {"boolean", "true or false"},
                             {"", "another value"}};

std::string in_our_words(std::span<const Wording> list, std::string_view theirs) {
  for (const Wording& w : list)
    if (theirs.find(w.theirs) != std::string_view::npos) return std::string(w.ours);
  return std::string(theirs);
}

/// What stands after `mark`, and what before it; nothing if it does not occur.
std::optional<std::pair<std::string_view, std::string_view>> split(std::string_view text, std::string_view mark) {
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return {};
  return std::pair(text.substr(0, at), text.substr(at + mark.size()));
}

/// What stands in single quotation marks.
std::string_view quoted(std::string_view text) {
  const std::size_t first = text.find('\''), last = text.rfind('\'');
  return first < last ? text.substr(first + 1, last - first - 1) : text;
}

/// A character as toml++ writes it: 'a', '\n' or '\u0000'. A number is taken as it is.
std::string found_text(std::string_view character) {
  const std::string_view c = quoted(character);
  if (c == character) return std::string(c);
  if (c == "\\n" || c == "\\r") return "the end of the line";
  if (c.size() > 1 && c[0] == '\\') return "a control character";
  return c == "\"" ? "a quotation mark" : "\"" + std::string(c) + "\"";
}

/// what: "KIND 'NAME'", the same with " as KIND", or "KIND as dotted key-value pair".
std::string twice(std::string_view context, std::string_view what) {
  const std::string name(quoted(what));
  if (name == what)
    return "expected a table before the dot, found " + in_our_words(kinds, what) + " of that name; remove one";
  if (const auto as = split(what, "' as "))
    return "expected one meaning of \"" + name + "\", found " + in_our_words(kinds, split(what, " '")->first) +
           " and " + in_our_words(kinds, as->second) + "; remove one";
  return context == "table header" ? "the table [" + name + "] stands twice; put its keys under one of the two"
                                   : "the key \"" + name + "\" stands twice; remove one";
}

/// The message of toml++ in plain words. One that is not known loses the name of the function that wrote it, and nothing else.
std::string in_plain_words(std::string_view message) {
  constexpr std::string_view begin = "Error while parsing ";
  if (!message.starts_with(begin)) return std::string(message);
  const auto parts = split(message.substr(begin.size()), ": ");
  if (!parts) return std::string(message);
  const auto [context, what] = *parts;
  const bool in_text = context.find("string") != std::string_view::npos;
  if (const auto existing = split(what, "cannot redefine existing ")) return twice(context, existing->second);
  if (what == "encountered end-of-file")
    return "expected " + in_our_words(ends, context) + ", found the end of the file";
  if (what.find("control characters") != std::string_view::npos && in_text)
    return "expected a quotation mark that ends the text in this line, found the end of the line or a control "
           "character";
  if (what.starts_with("unknown escape sequence"))
    return "expected an escape sequence such as \\n or \\\\, found " + std::string(quoted(what)) +
           "; a text in single quotation marks needs none";
  if (what.find("is not representable") != std::string_view::npos)
    return "expected an integer of at most 64 bits, found " + std::string(quoted(what));
  if (what.find("could not be interpreted") != std::string_view::npos)
    return "expected a number that float64 can hold, found " + std::string(quoted(what));
  if (what == "could not determine value type")
    return "expected a number, true, false, a list, or a text in quotation marks, found something else";
  if (what == "leading zeroes are prohibited") return "expected a number without zeros before it";
  if (what.find("after '\\r'") != std::string_view::npos) return "expected a line feed after a carriage return";
  if (what.find("blank bare keys") != std::string_view::npos) return "expected the name of a table after \"[\"";
  const auto saw = split(what, ", saw ");
  constexpr std::string_view expected = "expected ";
  if (!saw || !what.starts_with(expected)) return std::string(what);
  const std::string_view wanted = saw->first.substr(expected.size());
  return "expected " + in_our_words(expectations, wanted.substr(0, wanted.find(" ("))) + ", found " +
         found_text(saw->second);
}

}  // namespace

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
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& e) { throw toml::parse_error(in_plain_words(e.description()).c_str(), e.source()); }
}

}  // namespace brink
