// SPDX-License-Identifier: MIT
// What it is: strings for the page: escaped text and numbers as a person reads them. What it is not: a template engine.
// Decision: every number goes through std::to_chars, so neither the locale nor the C library reaches a byte of the
// page.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace brink::report {

/// Text made safe for element content and quoted attributes, in HTML and XML. Invalid UTF-8 and control characters that
/// XML forbids become U+FFFD.
std::string escaped(std::string_view text);

/// Shortest decimal that reads back; "nan", "inf", "-inf".
std::string shortest(double x);
/// `decimals` digits after the point.
std::string fixed(double x, int decimals);
/// `digits` significant digits without trailing zeros, plain ASCII ("1.2e-05"): for data that a program reads.
std::string rounded(double x, int digits);
/// `digits` significant digits for a reader: "0.0123", "−4.1", "1.2×10⁻⁵", "not finite".
std::string readable(double x, int digits = 3);
/// "97.3 %"; 100 % is printed only where part = whole, and 0 % only where part = 0.
std::string percent(double part, double whole);
/// "1 step", "2 steps".
std::string counted(std::int64_t n, std::string_view singular, std::string_view plural);
/// "−5" and "10⁻⁵" for axes.
std::string power_of_ten(int exponent);

}  // namespace brink::report
