// SPDX-License-Identifier: MIT
#include "training/io/json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "training/errors.h"
#include "training/io/nesting.h"
#include "training/io/text.h"
#include "training/io/utf8.h"

namespace brink {

namespace {

constexpr const char* advice = "; the file is damaged or cut short: restore it from a copy";

[[noreturn]] void refuse(const std::string& name, std::string_view text, std::size_t byte, const std::string& what) {
  const TextPlace at = place_in(text, byte);
  throw DataError(name + ":" + number_text(at.line) + ":" + number_text(at.column) + ": " + what);
}

/// read: how many bytes the parser had taken when it failed; the last one ends what it did not expect.
[[noreturn]] void refuse_syntax(const std::string& name, std::string_view text, std::size_t read) {
  constexpr std::string_view blank = " \t\r\n", ends_word = " \t\r\n{}[],:\"";
  if (text.find_first_not_of(blank) == std::string_view::npos)
    throw DataError(name + ": expected JSON, found nothing" + advice);
  if (const auto wrong = first_not_utf8(text)) refuse(name, text, *wrong, not_utf8_message(text, *wrong) + advice);
  if (read > text.size())
    refuse(name, text, text.size(), std::string("expected more JSON, found the end of the text") + advice);
  std::size_t at = read == 0 ? 0 : read - 1;
  if (text[at] == '"')
    at = std::min(at, text.rfind('"', at == 0 ? 0 : at - 1));
  else if (ends_word.find(text[at]) == std::string_view::npos)
    while (at > 0 && ends_word.find(text[at - 1]) == std::string_view::npos) --at;
  const std::string_view word = text.substr(at, std::max<std::size_t>(1, text.find_first_of(ends_word, at) - at));
  constexpr std::size_t longest = 20;
  std::string found = "\"" + std::string(word) + "\"";
  if (word == "\"")
    found = "a text in quotes";
  else if (static_cast<unsigned char>(word[0]) < 0x20)
    found = "a line break or another control character";
  else if (word.size() > longest)
    found = "something else";
  refuse(name, text, at, "expected JSON, found " + found + advice);
}

template <class Json>
Json parse(const std::string& name, std::string_view text) {
  if (const auto deep = too_deep_json(text))
    refuse(name, text, *deep, "expected JSON of at most " + number_text(most_json_levels) + " levels, found more");
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::parse_error& e) {
    refuse_syntax(name, text, e.byte);
  } catch (const nlohmann::json::exception&) {
    throw DataError(name + ": expected numbers that float64 can hold, found a larger one" + advice);
  }
}

}  // namespace

nlohmann::json parse_json(const std::string& name, std::string_view text) { return parse<nlohmann::json>(name, text); }
nlohmann::ordered_json parse_ordered_json(const std::string& name, std::string_view text) {
  return parse<nlohmann::ordered_json>(name, text);
}

}  // namespace brink
