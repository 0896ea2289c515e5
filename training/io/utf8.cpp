// SPDX-License-Identifier: MIT
#include "training/io/utf8.h"

#include <cstdint>

#include "training/errors.h"
#include "training/io/text.h"

namespace brink {

namespace {

/// The number of bytes of the character at the beginning of `text`; 0 if there is none.
std::size_t character_bytes(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t bytes = first >= 0xC2 && first < 0xE0   ? 2
                            : first >= 0xE0 && first < 0xF0 ? 3
                            : first < 0xF5                  ? 4
                                                            : 0;
  if (first < 0xC2 || bytes == 0) return 0;
  for (std::size_t i = 1; i < bytes; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  const unsigned second = byte(1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool surrogate = first == 0xED && second >= 0xA0, beyond = first == 0xF4 && second >= 0x90;
  return overlong || surrogate || beyond ? 0 : bytes;
}

std::string hex_byte(char c) { return hex_text(static_cast<unsigned char>(c)).substr(14); }

}  // namespace

std::optional<std::size_t> first_not_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t bytes = character_bytes(text.substr(at));
    if (bytes == 0) return at;
    at += bytes;
  }
  return {};
}

std::string not_utf8_message(std::string_view text, std::size_t byte) {
  return "expected UTF-8, found the byte 0x" + hex_byte(text[byte]);
}

std::string printable(std::string_view text) {
  std::string out;
  while (const auto wrong = first_not_utf8(text)) {
    out += std::string(text.substr(0, *wrong)) + "\\x" + hex_byte(text[*wrong]);
    text.remove_prefix(*wrong + 1);
  }
  return out + std::string(text);
}

void require_utf8(const std::string& option, std::string_view argument) {
  if (const auto wrong = first_not_utf8(argument))
    throw UsageError(option + " " + printable(argument) + ": " + not_utf8_message(argument, *wrong) +
                     "; this name is stored in UTF-8 files, so choose another one");
}

}  // namespace brink
