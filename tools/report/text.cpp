// SPDX-License-Identifier: MIT
#include "tools/report/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace brink::report {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

/// Length of the well-formed UTF-8 sequence at the front of `s`, 0 if there is none.
std::size_t utf8_length(std::string_view s) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  const unsigned char first = byte(0);
  std::size_t length = 0;
  std::uint32_t code = 0;
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) length = 2, code = first & 0x1Fu;
  if (first >= 0xE0 && first <= 0xEF) length = 3, code = first & 0x0Fu;
  if (first >= 0xF0 && first <= 0xF4) length = 4, code = first & 0x07u;
  if (length == 0 || s.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3Fu);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool forbidden = (code >= 0xD800 && code <= 0xDFFF) || code > 0x10FFFF || code == 0xFFFE || code == 0xFFFF;
  return overlong || forbidden ? 0 : length;
}

template <class... Format>
std::string converted(double x, Format... format) {
  std::array<char, 512> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), x, format...).ptr;
  return std::string(buffer.data(), end);
}

std::string with_minus(std::string number) {
  if (!number.empty() && number.front() == '-') number.replace(0, 1, "−");
  return number;
}

void drop_trailing_zeros(std::string& number) {
  if (number.find('.') == std::string::npos) return;
  while (number.back() == '0') number.pop_back();
  if (number.back() == '.') number.pop_back();
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const char c = text.front();
    const bool control = static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
    if (length == 0 || control || c == 0x7F) {
      out += replacement;
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\'') {
      out += "&#39;";
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

std::string shortest(double x) {
  if (std::isnan(x)) return "nan";
  return converted(x);
}

std::string fixed(double x, int decimals) { return converted(x, std::chars_format::fixed, decimals); }

std::string rounded(double x, int digits) { return converted(x, std::chars_format::general, digits); }

std::string power_of_ten(int exponent) {
  static constexpr std::array<std::string_view, 10> superscripts{"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string out = "10";
  if (exponent < 0) out += "⁻";
  for (char digit : std::to_string(std::abs(exponent))) out += superscripts[static_cast<std::size_t>(digit - '0')];
  return out;
}

std::string readable(double x, int digits) {
  if (!std::isfinite(x)) return "not finite";
  if (x == 0) return "0";
  const std::string scientific = converted(x, std::chars_format::scientific, digits - 1);
  const auto e = scientific.find('e');
  const int exponent = std::stoi(scientific.substr(e + 1));  // of the rounded number: 9.996 is 10.0, not 9.99
  if (exponent >= -4 && exponent < std::min(5, digits + 2)) {
    std::string number = converted(x, std::chars_format::fixed, std::max(0, digits - 1 - exponent));
    if (exponent < 0) drop_trailing_zeros(number);
    return with_minus(number);
  }
  std::string mantissa = scientific.substr(0, e);
  drop_trailing_zeros(mantissa);
  return with_minus(mantissa) + "×" + power_of_ten(exponent);
}

std::string concise(double x) {
  std::string out = readable(x, 5);
  if (std::isfinite(x) && out.find("×") == std::string::npos) drop_trailing_zeros(out);
  return out;
}

std::string share_text(double x) {
  // Not a share at all: an accuracy beyond 0 … 1 is a damaged file, and its digits have no end.
  return x >= 0 && x <= 1 ? fixed(100 * x, 1) + " %" : concise(x);
}

// A share is never rounded up to 100 % or down to 0 %: "100 %" has to mean all of them.
std::string percent(double part, double whole) {
  if (whole <= 0) return "none measured";
  if (part == whole) return "100 %";
  const double share = 100 * part / whole;
  if (part > 0 && share < 0.1) return "< 0.1 %";
  if (share > 99.9) return "> 99.9 %";
  return fixed(share, 1) + " %";
}

std::string every_nth(std::int64_t n, std::string_view of) {
  if (n == 1) return "every " + std::string(of);
  const auto tens = n % 100;
  const char* ending = tens >= 11 && tens <= 13 ? "th"
                       : n % 10 == 1            ? "st"
                       : n % 10 == 2            ? "nd"
                       : n % 10 == 3            ? "rd"
                                                : "th";
  return "every " + std::to_string(n) + ending + " " + std::string(of);
}

std::string counted(std::int64_t n, std::string_view singular, std::string_view plural) {
  return std::to_string(n) + " " + std::string(n == 1 ? singular : plural);
}

}  // namespace brink::report
