// SPDX-License-Identifier: MIT
#include "training/io/nesting.h"

#include <algorithm>
#include <vector>

namespace brink {

namespace {

/// The position after a string that opens at `at`. TOML has both kinds of quotes, single and triple; JSON has double quotes
/// only.
std::size_t end_of_string(std::string_view text, std::size_t at, bool toml) {
  const char quote = text[at];
  const bool escapes = quote == '"';
  const std::string_view three = quote == '"' ? "\"\"\"" : "'''";
  if (toml && text.substr(at).starts_with(three)) {
    for (at += 3; at < text.size(); ++at) {
      if (escapes && text[at] == '\\')
        ++at;
      else if (text.substr(at).starts_with(three)) {
        at += 3;
        for (int more = 0; more < 2 && at < text.size() && text[at] == quote; ++more)
          ++at;  // up to two quotes belong to the string
        return at;
      }
    }
    return text.size();
  }
  for (++at; at < text.size(); ++at) {
    if (toml && (text[at] == '\n' || text[at] == '\r')) return at;  // not closed: the parser stops here
    if (escapes && text[at] == '\\')
      ++at;
    else if (text[at] == quote)
      return at + 1;
  }
  return text.size();
}

}  // namespace

TextPlace place_in(std::string_view text, std::size_t byte) {
  TextPlace out;
  for (const char c : text.substr(0, byte)) {
    if (c == '\n')
      out = {out.line + 1, 1};
    else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80)  // the first byte of a character
      ++out.column;
  }
  return out;
}

namespace {

/// Whether a name follows the opening of a table header at `at`, or something that toml++ refuses by itself.
bool has_name(std::string_view text, std::size_t at) {
  const auto next = [&](std::size_t from) { return std::min(text.find_first_not_of(" \t", from), text.size()); };
  ++at;
  if (at < text.size() && text[at] == '[') ++at;
  at = next(at);
  if (at == text.size()) return true;
  const char c = text[at];
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-_\"']").find(c) != std::string_view::npos;
}

/// Calls wrong(at, levels, header) at each byte outside strings and comments, until it returns true. `header`: whether the byte
/// is the "[" of a table header.
template <class Wrong>
std::optional<std::size_t> scan_toml(std::string_view text, Wrong wrong) {
  std::vector<int> enclosing;  // for each open bracket, the dots of the key that leads into it
  int levels = 0, dots = 0;    // levels: brackets, and dots of the enclosing keys
  bool blank = true;           // only spaces before it in the line
  for (std::size_t at = text.starts_with("\xEF\xBB\xBF") ? 3 : 0; at < text.size();) {
    const bool header = blank && enclosing.empty() && text[at] == '[';
    blank = text[at] == '\n' || (blank && (text[at] == ' ' || text[at] == '\t' || text[at] == '\r'));
    switch (text[at]) {
      case '"':
      case '\'': at = end_of_string(text, at, true); continue;
      case '#': at = std::min(text.find('\n', at), text.size()); continue;
      case '[':
      case '{':
        enclosing.push_back(dots);
        levels += 1 + dots;
        dots = 0;
        break;
      case ']':
      case '}':
        if (enclosing.empty()) break;
        dots = enclosing.back();
        levels -= 1 + dots;
        enclosing.pop_back();
        break;
      case '.': ++dots; break;
      case ',': dots = 0; break;
      case '\n':
        if (enclosing.empty()) dots = 0;
        break;
      default: break;
    }
    if (wrong(at, levels + dots, header)) return at;
    ++at;
  }
  return {};
}

}  // namespace

std::optional<std::size_t> too_deep_toml(std::string_view text) {
  return scan_toml(text, [](std::size_t, int levels, bool) { return levels > most_toml_levels; });
}

std::optional<std::size_t> nameless_toml_table(std::string_view text) {
  return scan_toml(text, [&](std::size_t at, int, bool header) { return header && !has_name(text, at); });
}

std::optional<std::size_t> wrong_toml_bracket(std::string_view text) {
  std::vector<char> open;
  return scan_toml(text, [&](std::size_t at, int, bool) {
    const char c = text[at];
    if (c == '[' || c == '{') open.push_back(c);
    if ((c != ']' && c != '}') || open.empty()) return false;
    const bool wrong = (open.back() == '[') != (c == ']');
    open.pop_back();
    return wrong;
  });
}

std::optional<std::size_t> foreign_toml_line_break(std::string_view text) {
  return scan_toml(text, [&](std::size_t at, int, bool) {
    const std::string_view rest = text.substr(at);
    return rest.starts_with("\xC2\x85") || rest.starts_with("\xE2\x80\xA8") || rest.starts_with("\xE2\x80\xA9");
  });
}

std::optional<std::size_t> too_deep_json(std::string_view text) {
  int levels = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '"') {
      at = end_of_string(text, at, false);
      continue;
    }
    if (text[at] == '[' || text[at] == '{') ++levels;
    if (text[at] == ']' || text[at] == '}') --levels;
    if (levels > most_json_levels) return at;
    ++at;
  }
  return {};
}

}  // namespace brink
