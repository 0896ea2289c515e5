// SPDX-License-Identifier: MIT
// Converts numbers to text and back, and hashes to hexadecimal, whatever the locale. For people, readable.h formats numbers.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace brink {

/// Appends the shortest text that reads back as the same number ("0.1", "1e+30", "nan", "inf").
template <class T>
requires std::integral<T> || std::floating_point<T>
void append_number(std::string& out, T value) {
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  // The sign of a NaN has no meaning and differs between processors.
  if constexpr (std::floating_point<T>)
    if (value != value) return void(out += "nan");
  out.append(buffer, end);
}

template <class T>
std::string number_text(T value) {
  std::string out;
  append_number(out, value);
  return out;
}

/// The whole of `text` as a number, or nothing.
template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// `value` as 16 hexadecimal digits.
inline std::string hex_text(std::uint64_t value) {
  std::string out(16, '0');
  for (int i = 15; i >= 0; --i, value >>= 4) out[static_cast<std::size_t>(i)] = "0123456789abcdef"[value & 15];
  return out;
}

}  // namespace brink
